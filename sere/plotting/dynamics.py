"""A clip as the method hears it: waveform, burst intensity and the changes of its four tracks (Eq. 1 and 3)."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sere.audio import FRAME_RATE, SAMPLE_RATE
from sere.plotting._clips import one_clip
from sere.plotting._display import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, Display, divided, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Name and colour of each column of the dynamics.
_TRACKS = (("pitch", BLUE), ("loudness", ORANGE), ("timbre", GREEN), ("brightness", PURPLE))
#: Columns of the drawn waveform: more than a picture has pixels for would only take time.
_BINS = 800


class DynamicsDisplay(Display):
    """A clip's waveform, burst intensity and dynamics, with its highlights marked.

    Highlights are the strongest bursts: shaded in the waveform, dots on the intensity. Timbre is the second MFCC,
    brightness the spectral centroid; all four changes are in units of their mean size in the clip.

    Parameters
    ----------
    waveform : array-like of shape (n_samples,)
        At 16 kHz.
    dynamics : array-like of shape (n_frames, 4)
        Normalised changes of f0, RMS, second MFCC and spectral centroid at 50 Hz (Eq. 1).
    intensity : array-like of shape (n_moments,)
        Burst intensity (Eq. 3).
    seconds : array-like of shape (n_moments,), optional
        Times of the intensities, for a model that keeps some of the frames; those of all frames when not given.
    highlight_share : float, default=0.1
        Share of the moments that are marked.

    Attributes
    ----------
    highlights : bool ndarray of shape (n_moments,)
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, and the figure.
    axes_ : dict of str to Axes
        "waveform", "intensity", "pitch", "loudness", "timbre" and "brightness".

    Examples
    --------
    >>> import numpy as np
    >>> from sere import DynamicFeatureTransformer
    >>> from sere.plotting import DynamicsDisplay
    >>> t = np.arange(16000) / 16000
    >>> glide = np.sin(2 * np.pi * (200 * t + 50 * t**2))
    >>> display = DynamicsDisplay.from_estimator(DynamicFeatureTransformer(cache=False), glide)
    >>> display.dynamics.shape
    (51, 4)
    """

    _height = 3.6

    def __init__(
        self,
        waveform: ArrayLike,
        dynamics: ArrayLike,
        intensity: ArrayLike,
        seconds: ArrayLike | None = None,
        highlight_share: float = 0.1,
    ):
        from sere.method import highlight_frames

        self.waveform = np.asarray(waveform, dtype=float)
        self.dynamics = np.asarray(dynamics, dtype=float)
        self.intensity = np.asarray(intensity, dtype=float)
        every = np.arange(len(self.intensity)) / FRAME_RATE
        self.seconds = every if seconds is None else np.asarray(seconds, dtype=float)
        if self.dynamics.ndim != 2 or self.dynamics.shape[1] != len(_TRACKS):
            raise ValueError(f"dynamics are of shape (n_frames, 4), got {self.dynamics.shape}")
        if len(self.seconds) != len(self.intensity):
            raise ValueError(f"{len(self.intensity)} intensities have {len(self.seconds)} times")
        self.highlights = highlight_frames(self.intensity, highlight_share).numpy()

    @classmethod
    def from_estimator(
        cls, estimator: Any, clip: Any, *, highlight_share: float = 0.1, ax: "Axes | None" = None
    ) -> Self:
        """Draw a clip as an estimator hears it.

        Parameters
        ----------
        estimator : SEREClassifier or DynamicFeatureTransformer
            A fitted classifier weighs the changes as it learned to, in the frames that take part in resonance; for the
            transformer all four count alike in every frame.
        clip : path-like, ndarray of shape (n_samples,), or X of one clip
            With a column ``language`` and ``speaker`` where the classifier was fitted with them.
        highlight_share, ax
            As for the class and `plot`.

        Returns
        -------
        DynamicsDisplay
        """
        X = one_clip(clip)
        moments = estimator.moments(X)[0] if hasattr(estimator, "moments") else None
        (heard,) = (estimator if moments is None else estimator.dynamics_).fit_transform(X)
        dynamics = heard.dynamics[0]
        if moments is None:
            intensity, seconds = np.abs(dynamics).mean(axis=1), None
        else:
            intensity, seconds = moments.intensity, moments.seconds
        return cls(heard.clips[0].load(), dynamics, intensity, seconds, highlight_share).plot(ax=ax)

    def _draw(self, host: "Axes", /) -> None:
        length = max(len(self.waveform) / SAMPLE_RATE, len(self.dynamics) / FRAME_RATE)
        step = np.diff(self.seconds).min() if len(self.seconds) > 1 else 1 / FRAME_RATE
        grid = divided(host, [1.6, 1.2, 1, 1, 1, 1], gap=0.16)
        top = panel(host, grid[0, 0])
        self.axes_ = {"waveform": top}
        for begin in self.seconds[self.highlights]:
            top.axvspan(begin, begin + step, color=ORANGE, alpha=0.45, linewidth=0)
        top.fill_between(*_envelope(self.waveform), color=GREY, linewidth=0.3)
        top.set(xlim=(0, length), yticks=[])
        _name(top, "waveform")

        below = self.axes_["intensity"] = panel(host, grid[1, 0], sharex=top)
        below.plot(self.seconds, self.intensity, color="black", linewidth=1)
        marked = self.seconds[self.highlights], self.intensity[self.highlights]
        below.plot(*marked, "o", color=VERMILION, markersize=3.5, label="highlights")
        below.set_ylim(bottom=min(0, self.intensity.min()))
        _name(below, "burst\nintensity")

        largest = max(float(np.abs(self.dynamics).max()), 1.0)
        seconds = np.arange(len(self.dynamics)) / FRAME_RATE
        for k, (name, colour) in enumerate(_TRACKS):
            axes = self.axes_[name] = panel(host, grid[2 + k, 0], sharex=top)
            axes.axhline(0, color=GREY, linewidth=0.5)
            axes.plot(seconds, self.dynamics[:, k], color=colour, linewidth=0.9)
            axes.set(ylim=(-1.05 * largest, 1.05 * largest), yticks=[0, np.floor(largest)])
            _name(axes, name)
        for name, axes in self.axes_.items():
            if name != _TRACKS[-1][0]:
                axes.tick_params(labelbottom=False)
        axes.set_xlabel("time (s)")


def _name(axes: "Axes", name: str) -> None:
    """Write what a narrow panel shows beside it, where it is read without turning one's head."""
    axes.set_ylabel(name, rotation=0, ha="right", va="center")


def _envelope(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times, lowest and highest sample of each of as many stretches as a picture has room for."""
    size = max(-(-len(waveform) // _BINS), 1)
    padded = np.pad(waveform, (0, -len(waveform) % size), mode="edge").reshape(-1, size)
    return (np.arange(len(padded)) + 0.5) * size / SAMPLE_RATE, padded.min(axis=1), padded.max(axis=1)
