"""Two clips in resonance: Eq. 3-6 of the paper as a picture."""

from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sere.audio import FRAME_RATE
from sere.plotting._clips import one_clip
from sere.plotting._display import BLUE, SKY, VERMILION, Display, divided, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ResonanceDisplay(Display):
    """The instantaneous resonance field of two clips (Eq. 4), with each clip's burst intensity along its side.

    Dots mark the most resonant partner of each frame of the query (Eq. 5), of its highlights where only some are; their
    mean resonance is the score (Eq. 6).

    Parameters
    ----------
    field : array-like of shape (n_query, n_key)
        Resonance of every frame of one clip with every frame of another.
    query_intensity, key_intensity : array-like of shape (n_query,), (n_key,)
        Their burst intensities (Eq. 3).
    names : tuple of str, default=("query", "key")
        What to call the clips.
    seconds_per_frame : float, default=0.02
        Length of a frame, or of the run that it stands for.
    highlight_share : float, default=1.0
        Share of frames, strongest bursts first, that look for a partner.
    symmetric : bool, default=False
        Whether the score is the mean of both directions.

    Attributes
    ----------
    matches : int ndarray of shape (n_highlights, 2)
        Frames of the query and their partners.
    score : float
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, and the figure.
    axes_ : dict of str to Axes
        "field", "query", "key" and "scale".

    Examples
    --------
    >>> import numpy as np
    >>> from sere.plotting import ResonanceDisplay
    >>> frames = np.eye(3)
    >>> display = ResonanceDisplay.from_frames(frames, frames[[2, 0]], [0.1, 0.2, 0.9], [0.8, 0.1])
    >>> display.matches.tolist()
    [[0, 1], [1, 1], [2, 0]]
    """

    _height = 3.1

    def __init__(
        self,
        field: ArrayLike,
        query_intensity: ArrayLike,
        key_intensity: ArrayLike,
        names: tuple[str, str] = ("query", "key"),
        seconds_per_frame: float = 1 / FRAME_RATE,
        highlight_share: float = 1.0,
        symmetric: bool = False,
    ):
        from sere.method import highlight_frames, resonance_score, resonant_frames

        self.field = np.asarray(field, dtype=float)
        self.query_intensity = np.asarray(query_intensity, dtype=float)
        self.key_intensity = np.asarray(key_intensity, dtype=float)
        self.names, self.seconds_per_frame = names, seconds_per_frame
        bursts = self.query_intensity, self.key_intensity
        if self.field.shape != tuple(map(len, bursts)):
            raise ValueError(f"a field of shape {self.field.shape} does not fit {len(bursts[0])} and {len(bursts[1])}")
        looking, asked = (highlight_frames(own, highlight_share) for own in bursts)
        rows = np.flatnonzero(looking.numpy())
        self.matches = np.column_stack([rows, resonant_frames(self.field).numpy()[rows]])
        self.score = float(resonance_score(self.field, looking, symmetric, asked))

    @classmethod
    def from_frames(
        cls,
        query: ArrayLike,
        key: ArrayLike,
        query_intensity: ArrayLike,
        key_intensity: ArrayLike,
        *,
        tau: float = 1.0,
        names: tuple[str, str] = ("query", "key"),
        seconds_per_frame: float = 1 / FRAME_RATE,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw two clips by their frames, as Eq. 4 is read unless a model was told otherwise.

        Parameters
        ----------
        query, key : array-like of shape (n_frames, width)
            The clips' frame embeddings.
        query_intensity, key_intensity : array-like of shape (n_frames,)
            Their burst intensities (Eq. 3).
        tau : float, default=1.0
            Temperature of the synchrony.
        names, seconds_per_frame
            As for the class.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        ResonanceDisplay
        """
        from sere.method import resonance_matrix

        first, second = np.asarray(query, dtype=float), np.asarray(key, dtype=float)
        own, others = np.asarray(query_intensity, dtype=float), np.asarray(key_intensity, dtype=float)
        for clip, curve, name in ((first, own, names[0]), (second, others, names[1])):
            if clip.ndim != 2 or curve.shape != (len(clip),):
                raise ValueError(f"{name}: frames of shape {clip.shape} do not fit intensities of shape {curve.shape}")
        field = resonance_matrix(first, second, own, others, tau).numpy()
        return cls(field, own, others, names, seconds_per_frame).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls, estimator: Any, clip: Any, other: Any, *, names: tuple[str, str] | None = None, ax: "Axes | None" = None
    ) -> Self:
        """Draw a clip with a labeled one, or with any other, as a fitted classifier reads them.

        Parameters
        ----------
        estimator : SEREClassifier
            Fitted on audio.
        clip : path-like, ndarray of shape (n_samples,), or X of one clip
            It lies along the horizontal axis.
        other : int, or a clip
            A row of fit's X, or another clip. It looks for its partners in `clip`, as the labeled ones do: the score of
            row k is ``estimator.resonance(clip)[0, k]``.
        names : tuple of str, optional
            What to call `other` and `clip`.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        ResonanceDisplay

        Raises
        ------
        IndexError
            Fit had no such row.
        ValueError
            The classifier was fitted on feature vectors, which have no moments.
        """
        from sere.method import resonance_matrix
        from sere.training.thinning import run_length

        (key,) = estimator.moments(one_clip(clip))
        if isinstance(other, Integral):
            shots, row = estimator.moments(), int(other)
            if not 0 <= row < len(shots):
                raise IndexError(f"fit had {len(shots)} labeled clips; there is no row {row}")
            query = shots[row]
        else:
            (query,) = estimator.moments(one_clip(other))
        if hasattr(estimator, "n_features_in_"):
            raise ValueError("a classifier of feature vectors sees one moment a clip; fit it on audio")
        field = estimator.field_
        frames = [moments.frames.astype(float) for moments in (query, key)]
        bursts = [moments.intensity.astype(float) for moments in (query, key)]
        matrix = resonance_matrix(frames[0], frames[1], bursts[0], bursts[1], estimator.tau_, field.form, field.gap)
        called = names or (f"labeled clip {other}" if isinstance(other, Integral) else "other clip", "clip")
        step = run_length(field.frame_rate) / FRAME_RATE
        options = (step, field.highlight_share, field.symmetric)
        return cls(matrix.numpy(), bursts[0], bursts[1], called, *options).plot(ax=ax)

    def _draw(self, host: "Axes", /) -> None:
        step = self.seconds_per_frame
        middles = [(np.arange(n) + 0.5) * step for n in self.field.shape]
        height, width = (n * step for n in self.field.shape)
        grid = divided(host, [4, 1], [1, 4, 0.16], gap=0.05)
        field = panel(host, grid[0, 1])
        # "raw" fields reach below 0; all others, and so most pictures, share one scale.
        low = min(0.0, float(np.floor(self.field.min())))
        image = field.imshow(
            self.field, origin="lower", aspect="auto", extent=(0, width, 0, height), cmap="magma", vmin=low, vmax=1
        )
        rows, partners = self.matches.T
        field.plot(
            middles[1][partners], middles[0][rows], "o", color=SKY, markersize=3, markeredgecolor="black",
            markeredgewidth=0.4, linestyle="none",
        )  # fmt: skip
        field.tick_params(labelleft=False, labelbottom=False)
        field.set_title(f"score {self.score:.3f}", loc="right")

        left = panel(host, grid[0, 0], sharey=field)
        left.plot(self.query_intensity, middles[0], color=VERMILION, linewidth=1)
        left.invert_xaxis()
        left.set(xlabel="bursts", ylabel=f"{self.names[0]} (s)", xticks=[])
        below = panel(host, grid[1, 1], sharex=field)
        below.plot(middles[1], self.key_intensity, color=BLUE, linewidth=1)
        below.set(xlabel=f"{self.names[1]} (s)", ylabel="bursts", yticks=[])
        scale = panel(host, grid[0, 2])
        host.figure.colorbar(image, cax=scale, label="resonance", ticks=[low, 0.5, 1])
        self.axes_ = {"field": field, "query": left, "key": below, "scale": scale}
