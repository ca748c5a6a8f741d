"""Whether a classifier's probabilities mean what they say, and what leaving the least sure answers open gains."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sere.calibration import answers_of, expected_calibration_error, risk_coverage
from sere.plotting._display import BLUE, GREY, PALE, Display, divided, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Parts of 0..1 that answers are put into by their probability.
_BINS = 10


class ReliabilityDisplay(Display):
    """Reliability diagram, and beside it the risk-coverage curve.

    Left, answers by their probability: how many of each tenth are right, on the diagonal where probabilities mean what
    they say; the area of a point goes by its number of clips. Right, the share of answers that is wrong where only the
    surest ones are given.

    Parameters
    ----------
    bins : DataFrame
        A row a tenth that has answers: ``probability`` (mean), ``right`` (share) and ``clips``.
    risk : DataFrame
        As :func:`sere.calibration.risk_coverage` returns it.
    error : float
        Expected calibration error, 0..1.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, and the figure.
    axes_ : dict of str to Axes
        "reliability" and "risk".

    Examples
    --------
    >>> from sere.plotting import ReliabilityDisplay
    >>> likely = [[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]]
    >>> display = ReliabilityDisplay.from_predictions(["anger", "fear", "fear"], likely, labels=["anger", "fear"])
    >>> round(display.error, 3)
    0.333
    """

    def __init__(self, bins: pd.DataFrame, risk: pd.DataFrame, error: float):
        self.bins = bins
        self.risk = risk
        self.error = error
        self._height = 1.9

    @classmethod
    def from_predictions(
        cls, y_true: ArrayLike, probabilities: ArrayLike, *, labels: ArrayLike, ax: "Axes | None" = None
    ) -> Self:
        """Draw what was said of clips whose emotions are known.

        Parameters
        ----------
        y_true : array-like of shape (n_clips,)
        probabilities : array-like of shape (n_clips, n_labels)
            As ``predict_proba`` returns them.
        labels : array-like of shape (n_labels,)
            What the columns are, ``classes_`` of the classifier.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ValueError
            As :func:`sere.calibration.expected_calibration_error`.
        """
        error = expected_calibration_error(y_true, probabilities, labels, _BINS)
        sure, right = answers_of(y_true, probabilities, labels)
        table = pd.DataFrame({"probability": sure, "right": right})
        tenths = np.minimum((sure * _BINS).astype(int), _BINS - 1)
        bins = table.groupby(tenths).agg(
            probability=("probability", "mean"), right=("right", "mean"), clips=("right", "size")
        )
        return cls(bins, risk_coverage(y_true, probabilities, labels), error).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, *, ax: "Axes | None" = None) -> Self:
        """Draw how sure a fitted classifier is of clips, and how right.

        Parameters
        ----------
        estimator : classifier
            Fitted.
        X : clips, in any form it takes
        y : array-like of shape (n_clips,)
            Their emotions.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        ReliabilityDisplay
        """
        return cls.from_predictions(y, estimator.predict_proba(X), labels=estimator.classes_, ax=ax)

    def _draw(self, host: "Axes", /) -> None:
        grid = divided(host, [1], [1, 1], gap=0.1)
        left, right = (panel(host, grid[0, column]) for column in (0, 1))
        left.plot([0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1)
        clips = self.bins["clips"].to_numpy(dtype=float)
        sure, often = 100 * self.bins["probability"], 100 * self.bins["right"]
        left.plot(sure, often, color=BLUE, linewidth=0.8)
        left.scatter(sure, often, s=4 + 26 * clips / clips.max(), color=BLUE, zorder=3, clip_on=False)
        left.set(xlim=(0, 102), ylim=(0, 102), xlabel="probability of\nthe answer (%)", ylabel="right (%)")
        left.set(xticks=[0, 50, 100], yticks=[0, 50, 100])
        left.text(98, 5, f"ECE {100 * self.error:.0f} %", ha="right")
        right.plot(
            100 * self.risk["coverage"], 100 * self.risk["risk"], color=BLUE, linewidth=1.2, drawstyle="steps-post"
        )
        right.axhline(100 * self.risk["risk"].iloc[-1], color=GREY, linestyle=":", linewidth=1)
        right.set(xlim=(0, 102), ylim=(0, None), xlabel="surest clips\nanswered (%)", ylabel="wrong (%)")
        right.set(xticks=[0, 50, 100])
        for axes in (left, right):
            axes.set_axisbelow(True)
            axes.grid(color=PALE, linewidth=0.5)
        self.axes_ = {"reliability": left, "risk": right}
