"""The report of a fitted model: its fit and training, its encoder, what could have leaked, how to make it again."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from sere.encoders.emotion import EmotionEncoder
from sere.estimators.audio_classifier import AudioClassifier
from sere.estimators.classifier import ROOMS, SEREClassifier
from sere.estimators.facts import fit_facts
from sere.persistence.facts import cautions, heard_by, last_step, with_experience
from sere.plotting.history import HistoryDisplay
from sere.report.page import code, facts, items, number, page, paragraph, pictures, table


def model_page(model: Any, releases: Mapping[str, str], about: str) -> str:
    """Return the page of a fitted classifier, or of a pipeline that ends with one.

    Parameters
    ----------
    model : SEREClassifier, comparison method or Pipeline
    releases : dict of str to str
        What wrote the model.
    about : str
        What made the page.
    """
    whole, last = model, last_step(model)
    if not isinstance(last, AudioClassifier) or not hasattr(last, "classes_"):
        raise TypeError(f"a report is about a fitted classifier, and this is {type(last).__name__}")
    parts = [("The fit", _fit(last))]
    if getattr(last, "history_", None):
        parts.append(("Training", _training(last)))
    if hasattr(last, "prototypes_"):
        parts.append(("Prototypes", _prototypes(last)))
    heard = heard_by(whole)
    cards = list(with_experience(heard))
    parts += [
        ("Encoder", _experience(heard, cards)),
        ("What could have leaked, and what else to mind", items(list(cautions(last, cards)), care=True)),
        ("Options", _options(last)),
        ("Make it again", _again(whole, releases)),
    ]
    n, names = len(last.classes_), ", ".join(map(str, last.classes_))
    lead = f"It tells {n} emotions apart: {names}. Guessing would be right in {100 / n:.1f} %."
    return page(f"Model: {type(last).__name__}", lead, parts, about)


def _fit(model: Any) -> str:
    """Return what is known of the clips of fit."""
    return facts(fit_facts(model))


def _training(model: Any) -> str:
    """Return the losses and scores, drawn and in a table."""
    display = HistoryDisplay(model.history_)
    first, last = ({name: series[k] for name, series in display.series.items()} for k in (0, -1))
    told = ", ".join(f"{name} {first[name]:.3f} to {last[name]:.3f}" for name in display.series)
    rows = [[name, number(first[name], 4), number(last[name], 4)] for name in display.series]
    return (
        paragraph("Qualities are label-free scores of the assignments, between 0 and 1; they are no accuracy.")
        + pictures([(display.plot, "Losses and label-free scores by epoch.", f"First to last epoch: {told}.")])
        + table("First and last epoch", ["quantity", "first", "last"], rows)
    )


def _prototypes(model: Any) -> str:
    """Return how far the emotions are from each other."""
    places, names = model.prototypes_, list(map(str, model.classes_))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    rows = [[name, *(number(float(far), 2) for far in row)] for name, row in zip(names, apart)]
    np.fill_diagonal(apart, np.inf)
    i, j = np.unravel_index(apart.argmin(), apart.shape)
    told = f"The nearest two are {names[i]} and {names[j]}: clips are confused where prototypes are near."
    return paragraph(told) + table("Distances between prototypes in the learned space", ["emotion", *names], rows)


def _experience(heard: Sequence[Any], encoders: Sequence[EmotionEncoder]) -> str:
    """Return what hears, and the card of each encoder with experience."""
    if not heard:
        return paragraph("None: it was fitted on feature vectors.")
    parts = [paragraph(f"Clips are heard by {', '.join(map(str, heard))}.")]
    for encoder in encoders:
        card = encoder.card
        rows = [
            [
                *(corpus["name"], ", ".join(corpus["languages"]), corpus["clips"], corpus["speakers"]),
                ", ".join(f"{word} {n}" for word, n in corpus["emotions"].items()),
                corpus.get("licence", "unknown"),
            ]
            for corpus in card.corpora
        ]
        columns = ["corpus", "languages", "clips", "speakers", "emotions", "licence"]
        parts.append(table(f"{encoder.name}: what its experience was learned from", columns, rows))
        settings = ", ".join(f"{name} {value}" for name, value in card.recipe.items())
        emotions = ", ".join(encoder.experience.emotions)
        parts.append(
            facts({"Frames and context": encoder.base.cache_key, "Emotions it knows": emotions, "Settings": settings})
        )
    if not encoders:
        parts.append(paragraph("No experience of labeled speech beyond the clips of fit is known of it."))
    return "".join(parts)


def _options(model: Any) -> str:
    """Return every parameter, those of the chain's parts included, and which are not at their defaults."""
    import sere.chain

    chained = ROOMS if isinstance(model, SEREClassifier) else {}
    rooms = {name: getattr(sere.chain, kind)() for name, kind in chained.items()}
    own = clone(model).set_params(**{name: room for name, room in rooms.items() if getattr(model, name) is None})
    usual = type(model)().set_params(**rooms).get_params(deep=True)
    rows = [
        [name, _shown(value), "" if name in usual and _shown(usual[name]) == _shown(value) else "changed"]
        for name, value in sorted(own.get_params(deep=True).items())
        if name not in rooms
    ]
    return table("Parameters", ["parameter", "value", "default"], rows)


def _again(model: Any, releases: Mapping[str, str]) -> str:
    """Return the releases and the call."""
    seed = getattr(model, "random_state", None)
    given = getattr(last_step(model), "given_", ())
    lists = [[own["where"], own["clips"], own["digest"]] for own in given if "digest" in own]
    said = f"Seed: random_state={seed}." if seed is not None else "No seed was given (random_state=None)."
    return (
        paragraph(f"{said} The same clips, in the same order, give the same model on the same machine and releases.")
        + code(f"{model!r}.fit(X, y, X_unlabeled_src=..., X_unlabeled_tgt=...)")
        + (table("Lists of clips: equal digests mean equal lists", ["list", "clips", "digest"], lists) if lists else "")
        + facts(releases)
    )


def _shown(value: Any) -> str:
    """Return a parameter as it would be typed, cut where it is long."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
