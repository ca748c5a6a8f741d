"""Eq. 1 of the paper for one clip after the other: :func:`sere.method.normalised_changes`, in one pass.

A clip is a few hundred numbers, and two dozen operations of torch on it take a hundred times as long as the sums
themselves; a cached fit spent a tenth of its time there.
"""

import math

import numpy as np

from sere.loops.registers import compiled

#: As :data:`sere.method.dynamics.ROUNDING`, without torch, whose import takes longer than a hundred clips.
ROUNDING = 4 * float(np.finfo(np.float32).eps)


def clip_changes(tracks: np.ndarray, voiced: np.ndarray, eps: float, f0_scale: str) -> np.ndarray:
    """Return the changes of a clip's tracks over their mean absolute change (Eq. 1).

    Parameters
    ----------
    tracks : ndarray of shape (T, 4)
        f0 in Hz, RMS, second MFCC, spectral centroid in Hz.
    voiced : bool ndarray of shape (T,)
        Frames with a pitch.
    eps, f0_scale
        As in :func:`sere.method.normalised_changes`.

    Returns
    -------
    ndarray of shape (T, 4), float32
        Computed in double precision.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.tracks.changes import clip_changes
    >>> tracks = np.array([[200.0, 0.1, 0.0, 900.0], [220.0, 0.3, 0.0, 900.0], [210.0, 0.3, 0.0, 900.0]])
    >>> clip_changes(tracks, tracks[:, 0] > 0, 1e-8, "hz")[:, 0].astype(float).round(4).tolist()
    [0.0, 1.3333, -0.6667]
    """
    changes = np.zeros(tracks.shape, np.float32)
    # Track by track: a column is gone through from front to back.
    columns = np.ascontiguousarray(tracks.T, dtype=np.float64)
    _changes(columns, np.ascontiguousarray(voiced), eps, f0_scale == "log", ROUNDING, changes)
    return changes


@compiled()
def _changes(
    columns: np.ndarray, voiced: np.ndarray, eps: float, semitones: bool, rounding: float, changes: np.ndarray
) -> None:
    for k in range(columns.shape[0]):
        column = columns[k]
        known = np.isfinite(column)
        if k == 0:
            known &= voiced & (column > 0)
            if semitones:
                for t in range(len(column)):
                    column[t] = 12 * math.log2(column[t]) if known[t] else 0.0
        total, count = 0.0, 0
        steps = np.zeros(len(column))
        for t in range(1, len(column)):
            if known[t] and known[t - 1]:
                count += 1
                step = column[t] - column[t - 1]
                if abs(step) > rounding * max(abs(column[t]), abs(column[t - 1])):
                    steps[t] = step
                    total += abs(step)
        unit = total / max(count, 1) + eps
        if unit > 0:
            for t in range(1, len(column)):
                changes[t, k] = steps[t] / unit
