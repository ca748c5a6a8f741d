"""How a classifier trained: its losses, and the label-free scores of its assignments, by epoch."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

from sere.plotting._display import BLACK, OKABE_ITO, Display, divided, legend_below, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

History = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]
_SCORES = ("quality", "density")
_LINES = ("-", "--", "-.", ":")


class HistoryDisplay(Display):
    """Losses by epoch, and below them the label-free scores on an axis from 0 to 1.

    A score that moves by two hundredths looks like it: its axis is not stretched.

    Parameters
    ----------
    history : sequence of dict, or dict of sequences
        ``SEREClassifier.history_``: one record an epoch, or one series a quantity.

    Attributes
    ----------
    series : dict of str to list of float
        The quantities that are one number an epoch; NaN where an epoch lacks it.
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, and the figure.
    axes_ : dict of str to Axes
        "losses" and "scores", those that there are.

    Examples
    --------
    >>> from sere.plotting import HistoryDisplay
    >>> history = [{"loss": 2.0, "target_quality": 0.40}, {"loss": 1.5, "target_quality": 0.42}]
    >>> display = HistoryDisplay(history).plot()
    >>> tuple(map(float, display.axes_["scores"].get_ylim()))
    (0.0, 1.0)
    """

    def __init__(self, history: History):
        if isinstance(history, Mapping):
            columns = {name: list(values) for name, values in history.items()}
        else:
            columns = {name: [epoch.get(name) for epoch in history] for name in (history[0] if len(history) else ())}
        self.series = {
            name: [float("nan") if value is None else float(value) for value in values]
            for name, values in columns.items()
            if name not in ("epoch", "seconds") and _is_series(values)
        }

    @classmethod
    def from_estimator(cls, estimator: Any, *, names: Sequence[str] | None = None, ax: "Axes | None" = None) -> Self:
        """Draw the training of a fitted classifier.

        Parameters
        ----------
        estimator : SEREClassifier
            Fitted.
        names : sequence of str, optional
            As for `plot`.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        HistoryDisplay
        """
        return cls(estimator.history_).plot(names=names, ax=ax)

    def plot(self, *, names: Sequence[str] | None = None, ax: "Axes | None" = None) -> Self:
        """Draw.

        Parameters
        ----------
        names : sequence of str, optional
            Which quantities; all but the temperature when not given. What ends in "quality" or "density" is a score,
            everything else goes with the losses.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            There is no epoch, or no such quantity.
        """
        chosen = [name for name in self.series if name != "tau"] if names is None else list(names)
        missing = [name for name in chosen if name not in self.series]
        if not self.series:
            raise ValueError("the history holds no epoch, so there is nothing to draw; fit with epochs of at least 1")
        if missing or not chosen:
            raise ValueError(f"the history has no series {missing}; it has {sorted(self.series)}")
        scores = [name for name in chosen if name.endswith(_SCORES)]
        losses = [name for name in chosen if name not in scores]
        parts = {"losses": losses, "scores": scores}
        parts = {kind: own for kind, own in parts.items() if own}
        with self._drawing(ax, 3.4 if len(parts) == 2 else 2.2) as host:
            grid = divided(host, [2 if kind == "losses" else 1.3 for kind in parts], gap=0.06)
            self.axes_ = {}
            lines: list[Any] = []
            for row, (kind, own) in enumerate(parts.items()):
                shared = {"sharex": self.axes_["losses"]} if row else {}
                axes = self.axes_[kind] = panel(host, grid[row, 0], **shared)
                for i, name in enumerate(own):
                    # The whole is black and heavy; its parts, and the scores, have a colour and a dash each.
                    heavy = name == "loss"
                    colour = BLACK if heavy else OKABE_ITO[(i + 3 * row) % 6]
                    style = "-" if heavy else _LINES[i % 4]
                    line = axes.plot(self.series[name], label=name, color=colour, linestyle=style)[0]
                    line.set(linewidth=2.0 if heavy else 1.2, marker="o" if len(self.series[name]) == 1 else "")
                    lines.append(line)
                axes.set_ylabel("loss" if kind == "losses" else "score")
                if kind == "scores":
                    axes.set(ylim=(0, 1), yticks=[0, 0.5, 1])
                if row < len(parts) - 1:
                    axes.tick_params(labelbottom=False)
            axes.set_xlabel("epoch")
            axes.locator_params(axis="x", integer=True)
            legend_below(axes, lines)
        return self


def _is_series(values: Sequence[Any]) -> bool:
    """Whether a quantity is one number an epoch, at least in some."""
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(value, Real) and not isinstance(value, bool) for value in there)
