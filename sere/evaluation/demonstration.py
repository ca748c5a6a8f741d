"""The demonstration behind ``sere demo``: five labeled clips an emotion in one language, the score in another.

It takes EmoDB (German) and EMOVO (Italian) where the folder of corpora holds both, and otherwise the synthetic voices
of two made-up languages that come with the library, so it runs on any machine without a download. It says which.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from sere.evaluation.tasks import TaskResult, run_task

_SOURCE, _TARGET = "emodb", "emovo"


def demo(
    corpora: str | os.PathLike | None = None,
    *,
    figure: str | os.PathLike | None = "sere-demo.png",
    shots: int = 5,
    random_state: int = 0,
    say: Callable[[str], Any] = print,
    estimator: Any = None,
) -> TaskResult:
    """Fit on a few labeled clips of one language, predict another, print how it went and save a figure.

    Parameters
    ----------
    corpora : path-like, optional
        A folder that holds EmoDB and EMOVO, whatever their folders are called; ``SERE_CORPORA`` when not given. Without
        these two the synthetic voices are used.
    figure : path-like or None, default="sere-demo.png"
        Where to save the figure; None for no figure.
    shots : int, default=5
        Labeled clips of each emotion.
    random_state : int, default=0
        Draws the labeled clips and seeds the classifier.
    say : callable, default=print
        Takes each line of the report.
    estimator : classifier, optional
        :class:`sere.SEREClassifier` with its defaults when not given.

    Returns
    -------
    TaskResult

    Raises
    ------
    FileNotFoundError
        If `corpora` (or ``SERE_CORPORA``) names a folder that does not exist.
    """
    from sere.datasets import make_task

    source, target, what = _clips(corpora, random_state)
    task = make_task(source, target, shots=shots, random_state=random_state)
    say(what)
    say(
        f"{len(task.y)} labeled clips ({shots} of each of {len(task.labels)} emotions), "
        f"{len(task.X_unlabeled_src)} + {len(task.X_unlabeled_tgt)} unlabeled; every target clip is scored, "
        "none of its labels is used in fitting."
    )
    if estimator is None:
        from sere import SEREClassifier

        estimator = SEREClassifier(random_state=random_state, verbose=1)
    result = run_task(estimator, task)
    say(f"Fitted in {result.fit_seconds:.1f} s, predicted in {result.predict_seconds:.1f} s.")
    say("")
    say(result.summary())
    if figure is not None:
        say("")
        say(_save_figure(result, task, Path(figure)))
    return result


def _clips(corpora: str | os.PathLike | None, random_state: int) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Return the source's and the target's clips, and a sentence on what they are."""
    from sere.datasets import find_corpora, load_corpus, make_voices

    root = corpora or os.environ.get("SERE_CORPORA") or None
    found = {} if root is None else find_corpora(root)
    if _SOURCE in found and _TARGET in found:
        source, target = (load_corpus(found[name], name) for name in (_SOURCE, _TARGET))
        return source, target, "EmoDB (German) -> EMOVO (Italian), acted speech."
    why = (
        "set SERE_CORPORA to a folder that holds EmoDB and EMOVO for real speech"
        if root is None
        else f"{root} does not hold both EmoDB and EMOVO"
    )
    voices = make_voices(random_state=random_state)
    source, target = (part for _, part in voices.groupby("language", sort=True))
    return source, target, f"Synthetic voices of two made-up languages ({why})."


def _save_figure(result: TaskResult, task: Any, figure: Path) -> str:
    """Draw the confusions, the training and the map of emotions; return what to tell the user."""
    try:
        import matplotlib
    except ImportError:
        return "No figure: matplotlib is not installed (pip install 'sere[plots]')."
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from sere.plotting import plot_confusion, plot_embedding, plot_history

    with matplotlib.rc_context({"font.size": 9}):
        page = Figure(figsize=(15, 4.6), layout="constrained")
        FigureCanvasAgg(page)
        left, middle, right = page.subplots(1, 3)
        plot_confusion(result.y_true, result.y_pred, labels=result.labels, ax=left)
        left.set_title(f"Target clips: UAR {100 * result.uar:.1f} %, chance {100 * result.chance:.1f} %")
        plot_history(result.model.history_, ax=middle)
        plot_embedding(
            result.model.transform(task.X_test),
            result.y_true,
            prototypes=result.model.prototypes_,
            classes=result.model.classes_,
            ax=right,
        )
        page.savefig(figure, dpi=110)
    return f"Figure saved to {figure.resolve()}"
