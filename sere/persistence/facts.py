"""What a saved model says of itself: what it was made from, what hears for it, what to mind.

Everything here is read off the model; nothing names a speaker, a clip or a place on the machine that made it.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sklearn.pipeline import Pipeline

from sere.encoders.base import FrameEncoder
from sere.encoders.emotion import SHIPPED, EmotionEncoder
from sere.encoders.spec import side_by_side, spec_name
from sere.estimators.classifier import SEREClassifier
from sere.estimators.encoder import HeterogeneousEncoder
from sere.provenance import nameless, parameters_of, reproduce

#: Parameters that are of the machine or of one run, or that stand elsewhere.
_ELSEWHERE = {"cache", "n_jobs", "device", "verbose", "memory", "callbacks", "encoder", "encoders", "labeled", "steps"}


def facts_of(model: Any, outside: Collection[str]) -> dict[str, Any]:
    """Return what is known of a model, in values that JSON can hold.

    Parameters
    ----------
    model : estimator
    outside : collection of str
        Checkpoints and files that it opens when it predicts.

    Returns
    -------
    dict
        ``model``, ``steps``, ``emotions``, ``data`` (as `given_` of a classifier has it), ``features`` (columns of a
        fit on vectors), ``encoders``, ``experience``, ``outside``, ``settings`` (parameters that are not at their
        defaults) and ``cautions``.
    """
    last = last_step(model)
    fitted = hasattr(last, "classes_")
    heard = heard_by(model)
    cards = list(with_experience(heard))
    return {
        "model": type(last).__name__,
        "steps": [type(step).__name__ for _, step in model.steps] if isinstance(model, Pipeline) else [],
        "emotions": [str(name) for name in last.classes_] if fitted else [],
        "data": getattr(last, "given_", []),
        "features": getattr(last, "n_features_in_", None),
        "encoders": sorted({_called(spec) for spec in heard}),
        "experience": [{"encoder": encoder.name, "corpora": encoder.card.corpora} for encoder in cards],
        "outside": sorted({nameless(name) for name in outside}),
        "settings": dict(_changed(model)),
        "cautions": list(cautions(last, cards)) if fitted else [],
    }


def reproduction(model: Any) -> dict[str, Any]:
    """Return how to fit a model again: releases, seed, parameters, and the lists of clips by their digests."""
    last = last_step(model)
    data = {own["where"]: {name: own.get(name) for name in ("clips", "digest")} for own in getattr(last, "given_", [])}
    return reproduce(seed=getattr(last, "random_state", None), parameters=parameters_of(model), data=data)


def last_step(model: Any) -> Any:
    """Return the estimator that answers: the last one of a pipeline."""
    return model.steps[-1][1] if isinstance(model, Pipeline) else model


def heard_by(model: Any) -> list[Any]:
    """Return what names the encoders of a model: its own, or those of a pipeline; nothing for feature vectors."""
    steps = [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    chosen = [step for step in steps if isinstance(step, HeterogeneousEncoder)]
    if not chosen and not hasattr(steps[-1], "n_features_in_") and hasattr(steps[-1], "encoder_"):
        chosen = [steps[-1].encoder_]
    return [spec for encoder in chosen for spec in _leaves([encoder.encoders, encoder.labeled])]


def with_experience(heard: Sequence[Any]) -> Iterator[EmotionEncoder]:
    """Yield the encoders with experience among those that a model names or holds."""
    for spec in heard:
        if isinstance(spec, EmotionEncoder):
            yield spec
        elif str(spec) in SHIPPED or str(spec).endswith(".npz"):
            # A file that has gone, or stands on what may not be opened, keeps its name.
            with suppress(OSError, ValueError):
                yield EmotionEncoder.load(spec)


def cautions(model: Any, encoders: Sequence[EmotionEncoder]) -> Iterator[str]:
    """Yield what stands between a score of a fitted classifier and what its users will meet.

    Yields
    ------
    str
        A sentence.
    """
    for encoder in encoders:
        yield (
            f"{encoder.name} learned from {', '.join(encoder.card.names)} with their labels: scores on clips of these "
            "corpora say nothing about others. Predicting on them warns."
        )
    if isinstance(model, SEREClassifier):
        fitted = model._fitted()
        if fitted.languages.keys() - {"source"}:
            yield (
                "The target pool took part in fit without its labels: a score on these very clips (transductive) is no "
                "score on clips of other speakers."
            )
        if fitted.self_trained is not None:
            yield "Its own answers on the target pool taught it: they may be surer than they are right."
    yield "The file does not say which clips it was fitted on: keep the list, and score on no clip that is on it."
    yield "Probabilities are not calibrated for your recordings; acted speech is clearer than everyday speech."


def _called(spec: Any) -> str:
    """Return what people call an encoder."""
    parts = [part for own in side_by_side(spec) for part in getattr(own, "parts", (own,))]
    names = [getattr(part, "name", None) or getattr(part, "checkpoint", part) for part in parts]
    return "+".join(nameless(spec_name(name) if isinstance(name, FrameEncoder) else str(name)) for name in names)


def _leaves(spec: Any) -> Iterator[Any]:
    """Yield the single encoders of what stands for several."""
    if isinstance(spec, Mapping):
        yield from _leaves(list(spec.values()))
    elif isinstance(spec, (list, tuple)):
        for part in spec:
            yield from _leaves(part)
    elif spec is not None:
        yield spec


def _changed(estimator: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the plain parameters that are not at their defaults, by the names that `set_params` takes."""
    if isinstance(estimator, Pipeline):
        for name, step in estimator.steps:
            if hasattr(step, "get_params"):
                yield from _changed(step, f"{prefix}{name}__")
        return
    try:
        usual = type(estimator)().get_params(deep=False)
    except TypeError:  # one that needs an argument has no defaults to differ from
        usual = {}
    for name, value in estimator.get_params(deep=False).items():
        if name in _ELSEWHERE:
            continue
        if hasattr(value, "get_params"):
            yield from _changed(value, f"{prefix}{name}__")
        elif isinstance(value, (bool, int, float, str, type(None))) and (name not in usual or usual[name] != value):
            yield prefix + name, nameless(value) if isinstance(value, str) and os.sep in value else value
