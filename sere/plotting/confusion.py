"""What a classifier confuses with what, and how surely each emotion is recognised."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sere.metrics import recall_intervals
from sere.plotting._display import BLUE, GREY, PALE, Display, divided, panel, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: From which share of a row on its number is white on the blue.
_DARK = 0.55


class ConfusionDisplay(Display):
    """Confusion matrix, each row in percent of the clips of its emotion, and beside it each recall with its interval.

    Clips that were given an emotion outside the list count in their row's total.

    Parameters
    ----------
    confusion : ndarray of shape (n_labels, n_labels)
        Clips of each emotion (rows) that were given each (columns).
    recalls : DataFrame
        As :func:`sere.metrics.recall_intervals` returns it: ``emotion``, ``clips``, ``recall``, ``low``, ``high``.

    Attributes
    ----------
    uar : float
        Mean of the recalls that there are.
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, and the figure.
    axes_ : dict of str to Axes
        "matrix" and "recall".

    Examples
    --------
    >>> from sere.plotting import ConfusionDisplay
    >>> truth, said = ["anger", "anger", "fear", "fear"], ["anger", "fear", "fear", "fear"]
    >>> display = ConfusionDisplay.from_predictions(truth, said)
    >>> display.uar
    0.75
    """

    def __init__(self, confusion: np.ndarray, recalls: pd.DataFrame):
        self.confusion = np.asarray(confusion)
        self.recalls = recalls
        self.uar = float(recalls["recall"].mean())
        self._height = 1.15 + 0.24 * len(recalls)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        labels: Sequence[Any] | None = None,
        speakers: ArrayLike | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw what was said of clips whose emotions are known.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_clips,)
            Emotions and predictions.
        labels : sequence, optional
            The task's emotions; those of `y_true` when not given.
        speakers : array-like of shape (n_clips,), optional
            Who speaks. The intervals resample whole speakers, and single clips without it.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        ConfusionDisplay
        """
        recalls = recall_intervals(y_true, y_pred, speakers=speakers, labels=labels)
        true, pred = np.asarray(y_true), np.asarray(y_pred)
        names = recalls["emotion"]
        counts = np.array([[np.sum((true == row) & (pred == column)) for column in names] for row in names])
        return cls(counts, recalls).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        labels: Sequence[Any] | None = None,
        speakers: ArrayLike | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw what a fitted classifier says of clips.

        Parameters
        ----------
        estimator : classifier
            Fitted.
        X : clips, in any form it takes
        y : array-like of shape (n_clips,)
            Their emotions.
        labels, speakers, ax
            As for `from_predictions`.

        Returns
        -------
        ConfusionDisplay
        """
        return cls.from_predictions(y, estimator.predict(X), labels=labels, speakers=speakers, ax=ax)

    def _draw(self, host: "Axes", /) -> None:
        names = [short(name) for name in self.recalls["emotion"]]
        clips = self.recalls["clips"].to_numpy()
        share = self.confusion / np.maximum(clips, 1)[:, None]
        rows = np.arange(len(names))
        grid = divided(host, [1], [max(1.0, 0.36 * len(names)), 1], gap=0.05)
        matrix = panel(host, grid[0, 0])
        matrix.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for i, j in np.ndindex(share.shape):
            colour = "white" if share[i, j] > _DARK else "black"
            matrix.text(j, i, f"{100 * share[i, j]:.0f}", ha="center", va="center", color=colour)
        matrix.set_xticks(rows, names, rotation=45, ha="right", rotation_mode="anchor")
        matrix.set_yticks(rows, [f"{name} ({n})" for name, n in zip(names, clips)])
        matrix.set(xlabel="predicted", ylabel="emotion (clips)")
        matrix.tick_params(length=0)
        matrix.spines[:].set_visible(False)

        beside = panel(host, grid[0, 1], sharey=matrix)
        recall, low, high = (100 * self.recalls[name].to_numpy(dtype=float) for name in ("recall", "low", "high"))
        beside.axvline(100 / len(names), color=GREY, linestyle=":", linewidth=1)
        beside.hlines(rows, low, high, color=BLUE, linewidth=1.5, clip_on=False)
        beside.plot(recall, rows, "o", color=BLUE, markersize=4, clip_on=False, zorder=3)
        beside.set(xlim=(0, 100), xticks=[0, 50, 100], xlabel="recall (%),\n95 % interval")
        beside.set_axisbelow(True)
        beside.grid(axis="x", color=PALE, linewidth=0.5)
        beside.tick_params(left=False, labelleft=False)
        beside.spines["left"].set_visible(False)
        self.axes_ = {"matrix": matrix, "recall": beside}
