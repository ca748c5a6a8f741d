"""Frames thinned to the moments that resonance looks for, and what thinning must not forget.

Of each run of frames, five at the default ten a second, the one with the strongest burst stays, so that the moments
that resonance looks for survive while its cost falls by 25. Embeddings change slowly at that scale (descriptors are
statistics of 0.46 s windows, transformers see the whole clip).

Standardisation is learned from all frames. Their first two moments in each clip are all it needs, so clips are thinned
as soon as they are embedded, and a pool takes a fifth of the memory.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sere.audio import FRAME_RATE
from sere.inputs.utterances import Utterances, WholeClip
from sere.loops.registers import compiled


class Thinned(NamedTuple):
    """A clip that was thinned.

    Attributes
    ----------
    frames : ndarray of shape (n_kept, width)
        All of them where the encoder's front is still to come.
    kept : int64 ndarray of shape (n_kept,)
        Numbers of the frames that stay.
    whole : WholeClip or None
        What all frames were like; None where the encoder's front is still to come.
    """

    frames: np.ndarray
    kept: np.ndarray
    whole: WholeClip | None


def thin_clip(frames: np.ndarray, changes: np.ndarray | None, frame_rate: float, is_open: bool = False) -> Thinned:
    """Keep, of each run of frames, the one with the strongest burst.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, width)
    changes : ndarray of shape (n_changes, 4) or None
        Normalised changes; the longer of the two loses its end. None counts as no change.
    frame_rate : float
        Frames a second to keep, at most 50.
    is_open : bool
        Whether all frames still have to go through their encoder's front.
    """
    kept = strongest(len(frames), changes, frame_rate)
    return Thinned(frames, kept, None) if is_open else Thinned(frames[kept], kept, whole_clip(frames))


def thinned(utterances: Utterances, frame_rate: float) -> Utterances:
    """Return clips thinned.

    Parameters
    ----------
    utterances : Utterances with frames
        Returned as they are where they were thinned before.
    frame_rate : float
        Frames a second to keep, at most 50.
    """
    if utterances.kept is not None or not len(utterances):
        return utterances
    assert utterances.frames is not None
    assert utterances.encoders is not None
    changes: Sequence[np.ndarray | None] = utterances.dynamics or (None,) * len(utterances)
    clips = zip(utterances.frames, changes, utterances.encoders, strict=True)
    done = [thin_clip(frames, own, frame_rate, name in utterances.fronts) for frames, own, name in clips]
    frames, kept, whole = zip(*done, strict=True)
    return utterances.with_(frames=list(frames), kept=list(kept), whole=list(whole))


def kept_frames(utterances: Utterances, frame_rate: float) -> list[np.ndarray]:
    """Return the numbers of the frames that thinning keeps, or kept, clip by clip; nothing is copied.

    Parameters
    ----------
    utterances, frame_rate
        As in :func:`thinned`.
    """
    if utterances.kept is not None:
        return utterances.kept
    assert utterances.frames is not None
    changes: Sequence[np.ndarray | None] = utterances.dynamics or (None,) * len(utterances)
    return [strongest(len(own), of, frame_rate) for own, of in zip(utterances.frames, changes, strict=True)]


def run_length(frame_rate: float) -> int:
    """Return the frames of a run, of which thinning keeps one."""
    return max(round(FRAME_RATE / frame_rate), 1)


def strongest(n_frames: int, changes: np.ndarray | None, frame_rate: float) -> np.ndarray:
    """Return the frames that thinning keeps, int64 (n_kept,); see :func:`thin_clip`."""
    n = n_frames if changes is None else min(n_frames, len(changes))
    step = run_length(frame_rate)
    starts = np.arange(0, n, step)
    if changes is None or step == 1:
        return starts
    # What fills up the last run is weaker than anything.
    strength = np.full((len(starts), step), -1.0)
    strength.reshape(-1)[:n] = np.abs(changes[:n]).sum(1)
    return starts + strength.argmax(1)


def changes_at(changes: np.ndarray | None, kept: np.ndarray) -> np.ndarray:
    """Return the changes of some frames, (n_kept, 4); none at all count as no change."""
    return np.zeros((len(kept), 4)) if changes is None else changes[kept]


def whole_clip(frames: np.ndarray) -> WholeClip:
    """Return the moments of a clip's frames, summed in float64."""
    frames = np.ascontiguousarray(frames, np.float32 if frames.dtype == np.float32 else np.float64)
    total, square = np.zeros(frames.shape[1]), np.zeros(frames.shape[1])
    _add_moments(frames, total, square)
    return WholeClip(total / len(frames), square / len(frames), len(frames))


@compiled()
def _add_moments(frames: np.ndarray, total: np.ndarray, square: np.ndarray) -> None:
    """Add every frame, and its square, in one pass over single precision that nobody has to copy to double."""
    for i in range(frames.shape[0]):
        for x in range(frames.shape[1]):
            value = np.float64(frames[i, x])
            total[x] += value
            square[x] += value * value
