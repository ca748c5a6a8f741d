"""What parameters may be: one small table a class, which errors quote, checked before any work.

A class says in ``_rules`` what each of its own parameters may be, a function in a table beside it; subclasses add to
what they inherit. A :class:`Rule` is a sentence and a test, so that an error can name the parameter, what it is and
what is allowed, whichever it is. NumPy's numbers and truth values count as Python's; a truth value is never a number, a
number never a truth value.
"""

import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sere.store import FrameStore


class ParameterError(ValueError, TypeError):
    """A parameter that cannot be used: the message names it, its value and what is allowed."""


@dataclass(frozen=True)
class Rule:
    """What a parameter may be.

    Attributes
    ----------
    kinds : str or tuple of str
        What it may be, in words that go on from "it must be".
    fits : callable
        Whether a value may be used.
    """

    kinds: str | tuple[str, ...]
    fits: Callable[[Any], bool]

    @property
    def words(self) -> str:
        """All it may be, as an error says it."""
        *most, last = self._listed()
        return f"{', '.join(most)} or {last}" if most else last

    def __or__(self, other: "Rule") -> "Rule":
        return Rule((*self._listed(), *other._listed()), lambda value: self.fits(value) or other.fits(value))

    def _listed(self) -> tuple[str, ...]:
        return (self.kinds,) if isinstance(self.kinds, str) else self.kinds


def whole(least: int, most: int | None = None) -> Rule:
    """Return the rule of whole numbers from `least` to `most`."""

    def fits(value: Any) -> bool:
        return _is_whole(value) and least <= value <= (sys.maxsize if most is None else most)

    return Rule(f"a whole number {_span(least, None, most, None)}", fits)


def number(
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    infinite: bool = False,
) -> Rule:
    """Return the rule of numbers in a range, whose ends `least` and `most` belong to it.

    Parameters
    ----------
    least, most, above, below : float, optional
    infinite : bool
        Whether infinity is in it.
    """

    def fits(value: Any) -> bool:
        if not (_is_whole(value) or isinstance(value, float | np.floating)):
            return False
        if not (_is_finite(value) or (infinite and value == math.inf)):
            return False
        low = (least is None or value >= least) and (above is None or value > above)
        return bool(low and (most is None or value <= most) and (below is None or value < below))

    return Rule(f"a number {_span(least, above, most, below)}" + (", inf included" if infinite else ""), fits)


def choice(*names: str) -> Rule:
    """Return the rule of some names."""
    return Rule(tuple(map(repr, names)), lambda value: isinstance(value, str) and value in names)


def instance(words: str, *types: type) -> Rule:
    """Return the rule of objects of some types."""
    return Rule(words, lambda value: isinstance(value, types))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _span(least: float | None, above: float | None, most: float | None, below: float | None) -> str:
    low = f"of at least {least:g}" if least is not None else f"above {above:g}" if above is not None else ""
    high = f"at most {most:g}" if most is not None else f"below {below:g}" if below is not None else ""
    return " and ".join(part for part in (low, high) if part) or "that is finite"


def _is_random_state(value: Any) -> bool:
    seed = _is_whole(value) and 0 <= value < 2**32
    return value is None or seed or isinstance(value, np.random.RandomState) or value is np.random


def _is_device(value: Any) -> bool:
    """Whether torch can compute on a device, here and now."""
    if not isinstance(value, str) or value in ("auto", "cpu"):
        return isinstance(value, str)
    import torch

    try:
        torch.zeros(1, device=value).cpu()
    except (RuntimeError, AssertionError, NotImplementedError):
        return False
    return True


NONE = Rule("None", lambda value: value is None)
FLAG = Rule(("True", "False"), lambda value: isinstance(value, bool | np.bool_))
TEXT = Rule("a text", lambda value: isinstance(value, str) and bool(value.strip()))
PATH = TEXT | instance("a path", os.PathLike)
CACHE = (
    FLAG
    | NONE
    | Rule("a folder", lambda value: PATH.fits(value) and not os.path.isfile(value))
    | instance("a FrameStore", FrameStore)
)
N_JOBS = NONE | Rule("a whole number other than 0", lambda value: _is_whole(value) and value != 0)
DEVICE = Rule(("'auto'", "'cpu'", "another torch device that this machine has"), _is_device)
RANDOM_STATE = Rule("None, a whole number from 0 to 2**32 - 1 or a numpy.random.RandomState", _is_random_state)
VERBOSE = whole(0) | FLAG
CALLBACKS = Rule(
    "a list or tuple of functions",
    lambda value: isinstance(value, Sequence) and not isinstance(value, str | bytes) and all(map(callable, value)),
)
ON_ERROR = choice("raise", "skip")
#: Of what returns a row a clip.
ON_ROW_ERROR = choice("raise", "skip", "nan")
ON_INTERRUPT = choice("raise", "keep")
#: Of the parameters that all have who read clips.
COMMON = {"cache": CACHE, "n_jobs": N_JOBS, "device": DEVICE, "on_error": ON_ROW_ERROR, "verbose": VERBOSE}


def check_params(estimator: Any, prefix: str = "") -> None:
    """Raise unless every parameter of an estimator, and of estimators among them, is what its rule says.

    Parameters
    ----------
    estimator : BaseEstimator
    prefix : str
        What comes before the names of its parameters in messages, where it is inside another.

    Raises
    ------
    ParameterError
        Names the first that is not.
    """
    prefix = prefix or f"{type(estimator).__name__}: "
    for name, rule in rules_of(type(estimator)).items():
        value = getattr(estimator, name)
        check_value(f"{prefix}{name}", value, rule)
        if hasattr(value, "_check_params"):
            value._check_params(f"{prefix}{name}__")


def check_arguments(rules: Mapping[str, Rule], **given: Any) -> None:
    """Raise unless every argument of a function is what its rule says.

    Raises
    ------
    ParameterError
        Names the first that is not.
    """
    for name, value in given.items():
        check_value(name, value, rules[name])


def check_value(name: str, value: Any, rule: Rule) -> None:
    """Raise unless a value fits its rule; the message begins with its name."""
    if not rule.fits(value):
        shown = repr(value)
        shown = shown if len(shown) < 200 else f"{shown[:200]} ..."
        raise ParameterError(f"{name} is {shown}; it must be {rule.words}")


def rules_of(cls: type) -> dict[str, Rule]:
    """Return the rules of a class's parameters, inherited ones first."""
    return {name: rule for part in reversed(cls.__mro__) for name, rule in vars(part).get("_rules", {}).items()}


def resolve_device(device: str) -> str:
    """Return the torch device that "auto" stands for, or the device itself."""
    if device != "auto":
        return device
    if "torch" not in sys.modules and not _may_have_gpu():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def _may_have_gpu() -> bool:
    """Tell whether the torch that is installed knows GPUs, by the file that says so, which need not be imported."""
    found = find_spec("torch")
    try:
        text = "" if found is None or found.origin is None else Path(found.origin).with_name("version.py").read_text()
    except OSError:
        text = ""
    built = {name: value for name, value in re.findall(r"^(cuda|hip)\b[^=]*= *(.+)$", text, re.MULTILINE)}
    return built != {"cuda": "None", "hip": "None"}
