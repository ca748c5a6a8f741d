"""Why a clip got its emotion, as a picture."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sere.estimators.explanation import Explanation
from sere.plotting._clips import one_clip
from sere.plotting._display import BLUE, GREY, VERMILION, Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ExplanationDisplay(Display):
    """The weight of each moment of a clip, the strongest ones named by the labeled clip that answers them.

    Parameters
    ----------
    explanation : Explanation
        As :meth:`sere.SEREClassifier.explain` returns it.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, and the figure.
    axes_ : dict of str to Axes
        "weights".

    Examples
    --------
    >>> import numpy as np
    >>> from sere import SEREClassifier
    >>> from sere.plotting import ExplanationDisplay
    >>> X = np.random.default_rng(0).normal(size=(10, 6)) + np.repeat([[0], [3]], 5, 0)
    >>> classifier = SEREClassifier(epochs=2, random_state=0).fit(X, ["sad"] * 5 + ["happy"] * 5)
    >>> display = ExplanationDisplay.from_estimator(classifier, X[:1])
    >>> print(display.explanation.emotion)
    sad
    """

    def __init__(self, explanation: Explanation):
        self.explanation = explanation

    @classmethod
    def from_estimator(cls, estimator: Any, clip: Any, *, ax: "Axes | None" = None) -> Self:
        """Explain one clip and draw it.

        Parameters
        ----------
        estimator : SEREClassifier
            Fitted.
        clip : path-like, ndarray of shape (n_samples,), or X of one clip
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        ExplanationDisplay
        """
        return cls(estimator.explain(one_clip(clip))[0]).plot(ax=ax)

    def _draw(self, weights: "Axes", /) -> None:
        why = self.explanation
        moments, strong = why.moments, why.strongest()
        step = float(np.diff(moments["time"]).min()) if len(moments) > 1 else 0.1
        colours = [VERMILION if row in strong.index else BLUE for row in moments.index]
        weights.bar(moments["time"], moments["weight"], width=0.9 * step, color=colours)
        for time, weight, shot, at in strong[["time", "weight", "shot", "shot_time"]].to_numpy(dtype=float):
            up = weight >= 0
            weights.annotate(
                f"{shot:.0f}: {at:.1f} s", (time, weight), (0, 3 if up else -3), textcoords="offset points",
                ha="center", va="bottom" if up else "top", rotation=90,
            )  # fmt: skip
        weights.axhline(0, color=GREY, linewidth=0.8)
        weights.margins(y=0.7)
        weights.spines[["top", "right"]].set_visible(False)
        weights.set(xlabel="time (s); names: labeled clip and its moment", ylabel="weight")
        weights.set_title(f"{why.emotion} rather than {why.against}")
        self.axes_ = {"weights": weights}
