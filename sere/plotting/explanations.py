"""Why a clip got its emotion, as a picture."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sere.estimators.explanation import Explanation
from sere.plotting._axes import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class ExplanationDisplay:
    """The weight of each moment of a clip, the strongest ones named by the labeled clip that answers them.

    Parameters
    ----------
    explanation : Explanation
        As :meth:`sere.SEREClassifier.explain` returns it.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    """

    ax_: "Axes"
    figure_: "Figure"

    def __init__(self, explanation: Explanation):
        self.explanation = explanation

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, ax: "Axes | None" = None) -> Self:
        """Explain one clip and draw it.

        Parameters
        ----------
        estimator : fitted SEREClassifier
        X : one clip, as a list or table of one row
        ax : matplotlib Axes, optional
        """
        found = estimator.explain(X)
        if len(found) != 1:
            raise ValueError(f"an explanation is drawn of one clip, and X has {len(found)}; pass one row of it")
        return cls(found[0]).plot(ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw, on `ax` or in a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        self
        """
        why = self.explanation
        self.ax_ = ax = new_axes(ax, (6, 2.8))
        self.figure_ = ax.figure  # type: ignore[assignment]
        moments, strong = why.moments, why.strongest()
        step = float(np.diff(moments["time"]).min()) if len(moments) > 1 else 0.1
        colours = ["#D55E00" if row in strong.index else "#0072B2" for row in moments.index]
        ax.bar(moments["time"], moments["weight"], width=0.9 * step, color=colours)
        for moment in strong.itertuples():
            name = f"shot {moment.shot}\n{moment.shot_time:.1f} s"
            place = (moment.time, moment.weight)
            ax.annotate(name, place, (0, 3), textcoords="offset points", ha="center", fontsize=7)
        ax.axhline(0, color="0.4", linewidth=0.8)
        ax.margins(y=0.25)
        ax.set(xlabel="seconds", ylabel="weight", title=f"{why.emotion} rather than {why.against}")
        return self
