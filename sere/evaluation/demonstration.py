"""The demonstration behind ``sere demo``: five labeled clips an emotion in one language, the score in another.

It takes EmoDB (German) and EMOVO (Italian) where the folder of corpora holds both, and otherwise the synthetic voices
of two made-up languages that come with the library, so it runs on any machine without a download. It says which.

The experience that comes with the library was learned from EmoDB and EMOVO, so on these it would know the answers:
there the demonstration does without, or when asked learns another from the other corpora of the folder.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from sere.evaluation.tasks import TaskResult, run_task
from sere.files.drafts import whole_file

_SOURCE, _TARGET = "emodb", "emovo"
_REAL = "EmoDB (German) -> EMOVO (Italian), acted speech."
_VOICES = "Synthetic voices: lumo → tarsk, two made-up languages"


def demo(
    corpora: str | os.PathLike[str] | None = None,
    *,
    figure: str | os.PathLike[str] | None = "auto",
    shots: int = 5,
    random_state: int = 0,
    experience: bool = False,
    say: Callable[[str], Any] = print,
    verbose: int = 1,
    estimator: Any = None,
) -> TaskResult:
    """Fit on a few labeled clips of one language, predict another, print how it went and save a figure.

    Parameters
    ----------
    corpora : path-like, optional
        A folder that holds EmoDB and EMOVO, whatever their folders are called; ``SERE_CORPORA`` when not given. Without
        these two the synthetic voices are used.
    figure : path-like or None, default="auto"
        Where to save the figure; None for no figure. "auto" names it after the corpora, in the current folder, with a
        number where there is such a file.
    shots : int, default=5
        Labeled clips of each emotion.
    random_state : int, default=0
        Draws the labeled clips and seeds the classifier.
    experience : bool, default=False
        On EmoDB and EMOVO, learn an encoder from the folder's other corpora first (:func:`sere.pretrain_encoder`).
    say : callable, default=print
        Takes each line of the report.
    verbose : int, default=1
        Anything but 0 shows progress: a bar on a terminal or in a notebook, elsewhere a line every half minute.
    estimator : classifier, optional
        :class:`sere.SEREClassifier` with its defaults and an encoder that has not heard the clips when not given.

    Returns
    -------
    TaskResult

    Raises
    ------
    FileNotFoundError
        If `corpora` (or ``SERE_CORPORA``) names a folder that does not exist.
    ValueError
        If experience is asked for and there is no corpus to learn it from.

    Examples
    --------
    >>> from sere.evaluation import demo
    >>> result = demo()  # doctest: +SKIP
    """
    from sere import SEREClassifier
    from sere.datasets import make_task

    source, target, what = _clips(corpora, random_state)
    real = what == _REAL
    how = ""
    if estimator is None:
        encoder, how = _encoder(corpora, real, experience, verbose)
        estimator = SEREClassifier(encoder=encoder, random_state=random_state, verbose=verbose)
    task = make_task(source, target, shots=shots, random_state=random_state)
    say(what)
    if how:
        say(how)
    say(
        f"{len(task.y)} labeled clips ({shots} of each of {len(task.labels)} emotions), "
        f"{len(task.X_unlabeled_src)} + {len(task.X_unlabeled_tgt)} unlabeled; every target clip is scored, "
        "none of its labels is used in fitting."
    )
    say("Listening to all of them takes some minutes; the next time what was heard is read back.")
    result = run_task(estimator, task)
    say(f"Fitted in {result.fit_seconds:.1f} s, predicted in {result.predict_seconds:.1f} s.")
    say("")
    say(result.summary())
    if figure is not None:
        say("")
        place = _unused("emodb-emovo" if real else "voices") if figure == "auto" else Path(figure)
        say(_save_figure(result, task, place, "EmoDB (German) → EMOVO (Italian)" if real else _VOICES))
    return result


def _clips(corpora: str | os.PathLike[str] | None, random_state: int) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Return the source's and the target's clips, and a sentence on what they are."""
    from sere.datasets import find_corpora, load_corpus, make_voices

    root = corpora or os.environ.get("SERE_CORPORA") or None
    found = {} if root is None else find_corpora(root)
    if _SOURCE in found and _TARGET in found:
        source, target = (load_corpus(found[name], name) for name in (_SOURCE, _TARGET))
        return source, target, _REAL
    why = (
        "set SERE_CORPORA to a folder that holds EmoDB and EMOVO for real speech"
        if root is None
        else f"{root} does not hold both EmoDB and EMOVO"
    )
    voices = make_voices(random_state=random_state)
    source, target = (part for _, part in voices.groupby("language", sort=True))
    return source, target, f"Synthetic voices of two made-up languages ({why})."


def _encoder(corpora: str | os.PathLike[str] | None, real: bool, experience: bool, verbose: int) -> tuple[Any, str]:
    """Return an encoder that has not heard the clips, and a sentence on it."""
    from sere import pretrain_encoder
    from sere.datasets import find_corpora, load_corpus

    if not real:
        return "acoustic-emotion", "Encoder: acoustic-emotion, which comes with the library and suits synthetic voices."
    found = find_corpora(corpora or os.environ.get("SERE_CORPORA", ""))
    others = {name: place for name, place in found.items() if name not in (_SOURCE, _TARGET)}
    if not experience:
        more = f"; --experience learns from {', '.join(others)} first" if others else ""
        without = "without the library's own experience, which is of these corpora"
        return "acoustic+speech", f"Encoder: descriptors and speech (acoustic+speech), {without}{more}."
    if not others:
        raise ValueError("experience is learned from corpora beside EmoDB and EMOVO, and the folder holds no other")
    encoder = pretrain_encoder(
        {name: load_corpus(place) for name, place in others.items()}, random_state=0, verbose=verbose
    )
    return encoder, f"Encoder: descriptors and speech, with experience of {', '.join(others)}."


def _unused(name: str) -> Path:
    """Return a place in the current folder for the picture of a demonstration, where no file is."""
    place, number = Path(f"sere-demo-{name}.png"), 1
    while place.exists():
        number += 1
        place = Path(f"sere-demo-{name}-{number}.png")
    return place


def _save_figure(result: TaskResult, task: Any, figure: Path, title: str) -> str:
    """Draw the confusions, the training and the map of emotions; return what to tell the user."""
    try:
        import matplotlib
    except ImportError:
        return "No figure: matplotlib is not installed (pip install 'sere[plots]')."
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from sere.plotting import ConfusionDisplay, EmbeddingDisplay, HistoryDisplay

    with matplotlib.rc_context({"font.size": 9}):
        page = Figure(figsize=(15, 4.9), layout="constrained")
        page.suptitle(title)
        FigureCanvasAgg(page)
        left, middle, right = page.subplots(1, 3)
        confusion = ConfusionDisplay.from_predictions(
            result.y_true, result.y_pred, labels=result.labels, speakers=result.speakers, ax=left
        )
        score = f"Target clips: UAR {100 * result.uar:.1f} %, chance {100 * result.chance:.1f} %"
        confusion.ax_.set_title(score, loc="left")
        HistoryDisplay.from_estimator(result.model, ax=middle).ax_.set_title("Training")
        EmbeddingDisplay.from_embedding(
            result.model.transform(task.X_test),
            result.y_true,
            result.model.prototypes_,
            result.model.classes_,
            assigned=result.y_pred,
            ax=right,
        ).ax_.set_title("Target clips in the learned space")
        with whole_file(figure) as draft:
            page.savefig(draft, dpi=110, format=figure.suffix[1:] or "png")
    return f"Figure saved to {figure.resolve()}"
