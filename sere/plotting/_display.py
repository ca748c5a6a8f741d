"""What the pictures share: where they are drawn, how large their text is, one colour and shape an emotion."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches: a column of a journal, 85 mm.
WIDTH = 85 / 25.4
#: Text of a figure of our own, in points at that width.
POINTS = 8
#: Okabe and Ito's colours, which stay apart for colour-blind readers, too; their yellow darkened for white paper.
OKABE_ITO = ("#D55E00", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#B8A200")
VERMILION, ORANGE, BLUE, GREEN, PURPLE, SKY, BLACK, YELLOW = OKABE_ITO
DARK, GREY, LIGHT, PALE = "#4D4D4D", "#767676", "#A6A6A6", "#D0D0D0"
_EMOTIONS = {
    "anger": (VERMILION, "^"),
    "boredom": (LIGHT, "h"),
    "calm": (SKY, "p"),
    "disgust": (GREEN, "v"),
    "fear": (PURPLE, "D"),
    "happiness": (ORANGE, "o"),
    "neutral": (DARK, "s"),
    "sadness": (BLUE, "X"),
    "surprise": (YELLOW, "P"),
}
#: Letters that fit into a picture's width, those that a legend's mark takes, and those of a matrix's longest label.
_LETTERS, _HANDLE, _LONGEST = 56, 5, 12
_SHAPES = ("o", "^", "s", "D", "v", "X", "P", "p")


class Display:
    """Base of the pictures.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The first panel of the last drawing, where a title goes.
    figure_ : matplotlib Figure
        The one of `ax_`.
    axes_ : dict of str to Axes
        All panels.
    """

    #: Inches, of a figure of its own.
    _height: float = 2.2
    ax_: "Axes"
    figure_: "Figure"
    axes_: "dict[str, Axes]"

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        self
        """
        with self._drawing(ax, self._height) as host:
            self._draw(host)
        return self

    def _draw(self, host: "Axes", /) -> None:
        """Draw in place of `host`, and set `axes_`; of a Display without options beside where."""
        raise NotImplementedError

    @contextmanager
    def _drawing(self, ax: "Axes | None", height: float) -> Iterator["Axes"]:
        """Yield `ax`, or the Axes of a new figure a column wide and `height` inches high; keep what was drawn on it."""
        if ax is not None:
            yield ax
            self.ax_ = next(iter(self.axes_.values()))
            self.figure_ = ax.figure  # type: ignore[assignment]
            return
        plt = _pyplot()
        sizes = dict.fromkeys(("axes.titlesize", "axes.labelsize", "legend.fontsize", "legend.title_fontsize"), POINTS)
        with plt.rc_context({"font.size": POINTS, **sizes, "axes.linewidth": 0.6}):
            # Twice the usual points an inch: a column's width is small on a screen.
            self.figure_, added = plt.subplots(figsize=(WIDTH, height), dpi=200, layout="constrained")
            yield added
            self.ax_ = next(iter(self.axes_.values()))
            for own in self.figure_.axes:  # ticks may be made later, when they are drawn
                own.tick_params(labelsize=POINTS, width=0.6)


def _pyplot() -> Any:
    """Return matplotlib's pyplot."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("sere.plotting needs matplotlib: pip install 'sere[plots]'") from error
    return plt


def divided(ax: "Axes", rows: Sequence[float], columns: Sequence[float] = (1,), gap: float = 0.08) -> Any:
    """Return a grid in place of `ax`, of which nothing is left to see.

    Parameters
    ----------
    ax : matplotlib Axes
    rows, columns : sequence of float
        Heights and widths.
    gap : float
        Between panels, as a share of them.

    Returns
    -------
    GridSpecBase
        Its cells are for ``figure.add_subplot``.
    """
    from matplotlib.gridspec import GridSpec

    ax.set_visible(False)
    spec = ax.get_subplotspec()
    if spec is None:  # placed by hand
        place = ax.get_position()
        bounds = {"left": place.x0, "right": place.x1, "bottom": place.y0, "top": place.y1}
        spec = GridSpec(1, 1, figure=ax.figure, **bounds)[0]  # type: ignore[arg-type]
    ratios: dict[str, Any] = {"height_ratios": rows, "width_ratios": columns}
    return spec.subgridspec(len(rows), len(columns), hspace=gap, wspace=gap, **ratios)


def panel(ax: "Axes", cell: Any, **options: Any) -> "Axes":
    """Return a new Axes in a cell of :func:`divided`, without the lines at its top and right."""
    added: Axes = ax.figure.add_subplot(cell, **options)
    added.spines[["top", "right"]].set_visible(False)
    return added


def looks(labels: Sequence[Any]) -> dict[Any, tuple[str, str]]:
    """Return a colour and a marker for each label: an emotion's own, those that are left for other words."""
    own = {label: _EMOTIONS[str(label)] for label in labels if str(label) in _EMOTIONS}
    taken = {colour for colour, _ in own.values()}
    spare = [colour for colour in OKABE_ITO if colour not in taken] or list(OKABE_ITO)
    others = [label for label in labels if label not in own]
    found = {label: (spare[i % len(spare)], _SHAPES[i % len(_SHAPES)]) for i, label in enumerate(others)}
    return {label: own.get(label) or found[label] for label in labels}


def short(label: Any) -> str:
    """Return a label as it stands beside a matrix, where a long one would leave no room for the numbers."""
    text = str(label)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def legend_below(ax: "Axes", handles: Sequence[Any], lines: int = 2, side: str = "center") -> None:
    """Put a legend below an Axes that has so many lines of text there, its ticks and its label, for instance.

    It is centred, or ends at the Axes' right `side` and goes on below the labels at its left. It has as many columns,
    three at most, as fit into a picture of our width.
    """
    from matplotlib import rcParams
    from matplotlib.transforms import ScaledTranslation

    points = 1.4 * rcParams["font.size"] * lines + 11
    lower = ScaledTranslation(0, -points / 72, ax.figure.dpi_scale_trans)
    longest = max(len(handle.get_label()) for handle in handles)
    options: dict[str, Any] = {"frameon": False, "columnspacing": 1.0, "handletextpad": 0.4, "borderaxespad": 0}
    options |= {"loc": f"upper {side}", "bbox_to_anchor": (1 if side == "right" else 0.5, 0), "borderpad": 0}
    options["ncols"] = min(max(_LETTERS // (longest + _HANDLE), 1), 3)
    ax.legend(handles=list(handles), **options, bbox_transform=ax.transAxes + lower)
