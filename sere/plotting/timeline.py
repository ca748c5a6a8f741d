"""A recording from its beginning to its end: which emotion when, and how probable each was."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from sere.plotting._display import Display, divided, legend_below, looks, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SPAN = ("start", "end", "emotion")
_OTHERS = (*_SPAN, "probability")


class TimelineDisplay(Display):
    """Emotions along a recording: a band of labels, and below it the probabilities as layers that fill 0 to 1.

    What is not covered by a row, a pause or whatever is no speech, stays white.

    Parameters
    ----------
    table : DataFrame
        A row a stretch: ``start`` and ``end`` in seconds, ``emotion`` (missing where there is none), and a column of
        numbers for each emotion's probability, named after it, with or without ``p_`` before it. Without such columns
        the labels alone are drawn; a column ``probability``, that of the label, is not.

    Attributes
    ----------
    emotions : list of str
        In the order of the columns of probabilities, or sorted.
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, and the figure.
    axes_ : dict of str to Axes
        "emotion", and "probability" where there are any.

    Examples
    --------
    >>> import pandas as pd
    >>> from sere.plotting import TimelineDisplay
    >>> table = pd.DataFrame({"start": [0, 4], "end": [4, 6], "emotion": ["anger", "sadness"], "anger": [0.9, 0.2]})
    >>> display = TimelineDisplay(table.assign(sadness=1 - table["anger"])).plot()
    >>> list(display.axes_)
    ['emotion', 'probability']
    """

    def __init__(self, table: pd.DataFrame):
        self.table = table
        lacking = [name for name in _SPAN if name not in table]
        if lacking or not len(table):
            raise ValueError(f"a timeline has rows with {', '.join(_SPAN)}; lacking here: {lacking or 'any row'}")
        others = [name for name in table if name not in _OTHERS and pd.api.types.is_numeric_dtype(table[name])]
        known = {str(label) for label in table["emotion"].dropna()}
        marked = [name for name in others if str(name).startswith("p_")]
        self._columns = {str(name).removeprefix("p_"): name for name in marked or others}
        self.emotions = [*self._columns, *sorted(known - set(self._columns))]
        self._height = 1.9 if self._columns else 1.1

    @classmethod
    def from_estimator(cls, estimator: Any, recording: Any, *, ax: "Axes | None" = None, **options: Any) -> Self:
        """Draw what a fitted classifier hears in a recording.

        Parameters
        ----------
        estimator : SEREClassifier, or a comparison method
            Fitted on audio.
        recording : path, waveform, or another form of one clip
        ax : matplotlib Axes, optional
            Where to draw.
        **options
            Of ``estimator.timeline``: ``window``, ``overlap``, ``stay``, ``detector``, ``gaps``, ``speaker``,
            ``language``.

        Returns
        -------
        TimelineDisplay

        Raises
        ------
        ValueError
            No speech is found, so there is nothing to draw.
        """
        return cls(estimator.timeline(recording, **options)).plot(ax=ax)

    @classmethod
    def from_predictions(cls, table: pd.DataFrame, *, ax: "Axes | None" = None) -> Self:
        """Draw what was predicted along a recording.

        Parameters
        ----------
        table : DataFrame
            As the class takes it.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        TimelineDisplay
        """
        return cls(table).plot(ax=ax)

    def _draw(self, host: "Axes", /) -> None:
        from matplotlib.patches import Patch

        look = looks(self.emotions)
        table = self.table.sort_values("start")
        ends = float(table["start"].min()), float(table["end"].max())
        # Whole minutes are easier to find again in a long recording than thousands of seconds.
        unit, scale = ("s", 1.0) if ends[1] <= 300 else ("min", 60.0)
        start, end = (table[name].to_numpy(dtype=float) / scale for name in ("start", "end"))
        grid = divided(host, [1, 4] if self._columns else [1], gap=0.02)
        band = panel(host, grid[0, 0])
        self.axes_ = {"emotion": band}
        for emotion in self.emotions:
            own = (table["emotion"].astype(str) == emotion).to_numpy()
            band.broken_barh(list(zip(start[own], (end - start)[own])), (0, 1), facecolor=look[emotion][0])
        band.set(xlim=(ends[0] / scale, ends[1] / scale), ylim=(0, 1), yticks=[])
        band.spines[["left", "bottom"]].set_visible(False)
        last = band
        if self._columns:
            last = panel(host, grid[1, 0], sharex=band)
            self.axes_["probability"] = last
            band.tick_params(bottom=False, labelbottom=False)
            below = np.zeros(len(table))
            for emotion, column in self._columns.items():
                share = table[column].fillna(0).to_numpy(dtype=float)
                last.bar(start, share, end - start, below, align="edge", color=look[emotion][0], linewidth=0)
                below += share
            last.set(ylim=(0, max(1.0, float(below.max()))), ylabel="probability")
            last.axhline(0.5, color="white", linewidth=0.6)
        last.set_xlabel(f"time ({unit})")
        patches = [Patch(facecolor=look[emotion][0], label=emotion) for emotion in self.emotions]
        legend_below(last, patches)
