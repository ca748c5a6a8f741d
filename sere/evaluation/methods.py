"""What a benchmark compares: methods by name, with an encoder and parameters of their own.

A method is written ``NAME``, ``NAME@ENCODER`` or ``NAME@ENCODER:PARAMETER=VALUE:...``: ``sere``, ``lr@egemaps``,
``sere:losses__dual_weight=0``. The names are ``sere`` and those of ``sere.baselines``. An encoder's name may hold
``{source}``, ``{target}`` and ``{pair}`` (both, sorted, joined by "-"), for which the corpora of each task stand in:
checkpoints that must have seen neither corpus are given as ``sere@checkpoints/without-{pair}``. The encoder
``experience`` is learned for each task from the other corpora that are there (:mod:`sere.evaluation.leave_out`).
"""

import ast
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from sere.encoders.base import FrameEncoder
from sere.encoders.experience import BASE
from sere.evaluation.digests import corpus_digest

#: Stands for an encoder that is learned, for each task, from the corpora that are neither source nor target; with the
#: name of another encoder behind it in parentheses it is learned on that one's frames.
EXPERIENCE = "experience"
#: Parameters that say where and how loudly a method works, and nothing about what comes out.
_CIRCUMSTANCES = {"cache", "n_jobs", "verbose", "device", "random_state", "on_interrupt"}


@dataclass(frozen=True)
class Method:
    """One column of a benchmark.

    Attributes
    ----------
    name : str
        What tables call it.
    estimator : classifier
        Unfitted; ``fit`` takes what :meth:`sere.SEREClassifier.fit` takes.
    experience : mapping of str to EmotionEncoder
        By the pair's name, what stands for the encoder ``"experience"`` or ``"experience(acoustic)"``.
    corpora : mapping of str to DataFrame
        Labeled corpora; the method's parameter `corpora` gets those that are neither source nor target.

    Examples
    --------
    >>> from sere import SEREClassifier
    >>> from sere.evaluation import Method
    >>> Method("long", SEREClassifier(epochs=80)).name
    'long'
    """

    name: str
    estimator: Any
    experience: Mapping[str, Any] = field(default_factory=dict)
    corpora: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def wants_experience(self) -> bool:
        """Whether the encoder is ``"experience"``, on whatever frames."""
        return self.experience_on is not None

    @property
    def experience_on(self) -> str | None:
        """The encoder on whose frames experience is learned; None where the encoder is no ``"experience"``."""
        encoder = self.estimator.get_params(deep=False).get("encoder")
        if not isinstance(encoder, str):
            return None
        named = re.fullmatch(rf"{EXPERIENCE}(?:\((.+)\))?", encoder)
        return None if named is None else named[1] or BASE

    def prepared(self, source: str, target: str, random_state: int) -> Any:
        """Return an unfitted copy for one task.

        Parameters
        ----------
        source, target : str
            Names of the corpora.
        random_state : int
        """
        estimator = clone(self.estimator)
        known = estimator.get_params(deep=False)
        # A fit that was interrupted would pass for a finished one.
        always = {"random_state": random_state, "on_interrupt": "raise"}
        changed: dict[str, Any] = {name: value for name, value in always.items() if name in known}
        if self.corpora:
            changed["corpora"] = {name: own for name, own in self.corpora.items() if name not in (source, target)}
        if "encoder" in known:
            changed["encoder"] = (
                self.experience[pair_name(source, target)]
                if self.wants_experience
                else _filled(known["encoder"], source, target)
            )
        return estimator.set_params(**changed)

    def signature(self, source: str, target: str) -> dict[str, Any]:
        """Return all that decides what the method says of a task, made of strings and numbers."""
        estimator = self.prepared(source, target, 0)
        return {"method": described(estimator), "encoders": encoder_keys(estimator)}


def pair_name(source: str, target: str) -> str:
    """Return the name of two corpora, the same in either order."""
    return "-".join(sorted((source, target)))


def method_names() -> list[str]:
    """Return the names that `read_method` knows."""
    return list(_classes())


def _classes() -> dict[str, type]:
    from sere import SEREClassifier
    from sere.baselines import METHODS

    return {"sere": SEREClassifier, **METHODS}


def read_methods(methods: str | Sequence[str | Method], encoder: Any = "acoustic") -> list[Method]:
    """Return the methods of a list.

    Parameters
    ----------
    methods : str or sequence of str and Method
        A string is split at commas; "all" stands for every name but `sere.baselines.APART`.
    encoder : str, FrameEncoder or dict
        Of methods that do not name theirs.

    Raises
    ------
    ValueError
        If a name is unknown, a parameter does not exist, or two methods have one name.
    """
    from sere.baselines import APART

    listed = [part.strip() for part in methods.split(",")] if isinstance(methods, str) else list(methods)
    expanded: list[str | Method] = []
    for item in listed:
        expanded += [name for name in method_names() if name not in APART] if item == "all" else [item]
    found = [item if isinstance(item, Method) else read_method(item, encoder) for item in expanded if item]
    names = [method.name for method in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"methods: {', '.join(twice)} is there twice")
    if not found:
        raise ValueError(f"no methods were given; the methods are {', '.join(method_names())}")
    return found


def read_method(text: str, encoder: Any = "acoustic") -> Method:
    """Return the method that a text such as ``sere@egemaps:losses__dual_weight=0`` names.

    Parameters
    ----------
    text : str
    encoder : str, FrameEncoder or dict
        Where the text names none.

    Raises
    ------
    ValueError
        If the name or a parameter is unknown: lists what there is.
    """
    head, *settings = text.split(":")
    name, _, own = head.partition("@")
    classes = _classes()
    if name == "skada" and name not in classes:
        raise ValueError(f'{text!r} needs skada: pip install "sere[skada]"')
    if name not in classes:
        raise ValueError(f"there is no method {name!r}; the methods are {', '.join(classes)} (as NAME or NAME@ENCODER)")
    estimator = classes[name]()
    known = estimator.get_params(deep=False)
    if "encoder" in known:
        estimator.set_params(encoder=own or encoder)
    elif own:
        raise ValueError(f"{name} takes no encoder, and {text!r} names one")
    for setting in settings:
        parameter, equals, value = setting.partition("=")
        try:
            if not equals:
                raise ValueError("no value")
            estimator.set_params(**{parameter: _value(value)})
        except ValueError as error:
            outer, nested, _ = parameter.partition("__")
            inside: Any = estimator.get_params(deep=False).get(outer) if nested else None
            known = known if inside is None else inside.get_params(deep=False)
            raise ValueError(
                f"{text!r}: {setting!r} is not PARAMETER=VALUE of {name}; {outer if inside else 'it'} has "
                f"{', '.join(sorted(known))}"
            ) from error
    return Method(text, estimator)


def default_baseline() -> str:
    """Return the method that others are compared with: logistic regression on eGeMAPS where openSMILE is installed."""
    return "lr@egemaps" if find_spec("opensmile") else "lr"


def _value(text: str) -> Any:
    """Return a number, a truth value or None that a text writes in Python; any other text is itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _filled(encoder: Any, source: str, target: str) -> Any:
    """Return an encoder whose names have the task's corpora in the place of ``{source}``, ``{target}``, ``{pair}``."""
    if isinstance(encoder, str):
        places = {"source": source, "target": target, "pair": pair_name(source, target)}
        for name, corpus in places.items():
            encoder = encoder.replace(f"{{{name}}}", corpus)
        return encoder
    if isinstance(encoder, Mapping):
        return {key: _filled(value, source, target) for key, value in encoder.items()}
    return encoder


def as_heterogeneous(estimator: Any) -> Any:
    """Return the :class:`~sere.HeterogeneousEncoder` behind an estimator's `encoder`, or None where it has none."""
    from sere import HeterogeneousEncoder

    if "encoder" not in estimator.get_params(deep=False):
        return None
    encoder = estimator.encoder
    return clone(encoder) if isinstance(encoder, HeterogeneousEncoder) else HeterogeneousEncoder(encoders=encoder)


def encoder_keys(estimator: Any) -> list[str]:
    """Return what identifies an estimator's encoders, weights included."""
    heterogeneous = as_heterogeneous(estimator)
    if heterogeneous is None:
        return []
    named = heterogeneous.encoders
    specs = list(named.values()) if isinstance(named, Mapping) else [named]
    if heterogeneous.labeled is not None:
        specs.append(heterogeneous.labeled)
    return [spec if spec == "paper" else heterogeneous.build(spec).identity for spec in specs]


def described(value: Any) -> Any:
    """Return a parameter's value as nested lists, dicts, strings and numbers that are equal exactly when it is."""
    if isinstance(value, BaseEstimator):
        params = value.get_params(deep=False).items()
        return [
            f"{type(value).__module__}.{type(value).__qualname__}",
            {name: described(own) for name, own in sorted(params) if name not in _CIRCUMSTANCES},
        ]
    if isinstance(value, FrameEncoder):
        return value.identity
    if isinstance(value, pd.DataFrame):
        return corpus_digest(value)
    if isinstance(value, Mapping):
        return {str(key): described(own) for key, own in sorted(value.items(), key=str)}
    if isinstance(value, (list, tuple)):
        return [described(own) for own in value]
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    if isinstance(value, np.generic):
        return value.item()
    if callable(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return value if value is None or isinstance(value, (str, int, float, bool)) else repr(value)
