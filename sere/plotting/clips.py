"""Two clips in resonance: Eq. 3-5 of the paper as a picture."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sere.audio import FRAME_RATE
from sere.plotting._axes import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_resonance(
    query: ArrayLike,
    key: ArrayLike,
    query_intensity: ArrayLike,
    key_intensity: ArrayLike,
    tau: float = 1.0,
    names: tuple[str, str] = ("query", "key"),
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the instantaneous resonance field of two clips, with each clip's burst intensity along its side.

    The picture is the matrix of Eq. 4; dots mark each query frame's most resonant partner (Eq. 5), and their mean
    resonance is the IRF score (Eq. 6) in the title.

    Parameters
    ----------
    query, key : array-like of shape (n_frames, width)
        The clips' frame embeddings at 50 Hz.
    query_intensity, key_intensity : array-like of shape (n_frames,)
        Their burst intensities (Eq. 3).
    tau : float, default=1.0
        Temperature of the synchrony.
    names : tuple of str, default=("query", "key")
        What to call the clips.
    ax : matplotlib Axes, optional
        Where to draw; two smaller Axes are added at its left and below.

    Returns
    -------
    matplotlib Axes
        The one of the matrix.
    """
    from sere.method import resonance_matrix, resonant_frames

    frames = np.asarray(query, dtype=np.float64), np.asarray(key, dtype=np.float64)
    bursts = np.asarray(query_intensity, dtype=np.float64), np.asarray(key_intensity, dtype=np.float64)
    for clip, curve, name in zip(frames, bursts, names):
        if clip.ndim != 2 or curve.shape != (len(clip),):
            raise ValueError(f"{name}: frames of shape {clip.shape} do not fit intensities of shape {curve.shape}")
    field = np.asarray(resonance_matrix(*frames, *bursts, tau))
    partners = np.asarray(resonant_frames(field))
    score = field[np.arange(len(field)), partners].mean()

    ax = new_axes(ax, (7, 5.5))
    seconds = [np.arange(len(clip)) / FRAME_RATE for clip in frames]
    half = 0.5 / FRAME_RATE
    extent = (-half, seconds[1][-1] + half, -half, seconds[0][-1] + half)
    image = ax.imshow(field, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=0, vmax=1)
    ax.plot(seconds[1][partners], seconds[0], ".", color="#56B4E9", markersize=4, markeredgewidth=0)
    ax.tick_params(labelleft=False, labelbottom=False)
    ax.set_title(f"Resonance of {names[0]} with {names[1]}: IRF {score:.3f}")

    left = ax.inset_axes((-0.24, 0.0, 0.21, 1.0), sharey=ax)
    left.plot(bursts[0], seconds[0], color="#D55E00", linewidth=1)
    left.invert_xaxis()
    left.xaxis.tick_top()
    left.xaxis.set_label_position("top")
    left.set(ylabel=f"{names[0]} (s)", xlabel="intensity")
    below = ax.inset_axes((0.0, -0.24, 1.0, 0.21), sharex=ax)
    below.plot(seconds[1], bursts[1], color="#0072B2", linewidth=1)
    below.set(xlabel=f"{names[1]} (s)", ylabel="intensity")
    ax.figure.colorbar(image, ax=ax, label="resonance (Eq. 4)", shrink=0.8)
    return ax
