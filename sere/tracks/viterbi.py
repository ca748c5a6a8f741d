"""Viterbi decoding of CREPE's pitch activations, as torchcrepe does it and a hundred times faster.

Model (torchcrepe's ``decode.viterbi``): the hidden state of a frame is one of 360 pitch bins, 20 cents apart.
From one frame to the next the pitch moves from bin k to bin j with probability proportional to
``max(12 - |k - j|, 0)``, each row k normalised. The evidence is the softmax over bins of the network's *sigmoid
outputs* (an odd choice, kept, because it decides how much the pitch may jump); bins outside the range asked for
get none. librosa's decoder adds the smallest normal float32 to probabilities before taking logarithms, so a
forbidden step or bin costs about 87 nats rather than being impossible.

:func:`best_path` returns the path of the textbook recursion over all bins (which its tests spell out):

- only the 23 steps of nonzero probability are compared, plus one candidate, the best previous bin of all at the
  price of a forbidden step: within the band that bin is reachable more cheaply, outside it no other bin matters;
- bins out of range are left out: a single visit costs more than a forbidden step around it;
- the loop over steps is outside and the loop over bins inside, so it runs on vector registers.

Both add the same float64 numbers in the same order, so that ties fall alike. Ties are real: where the network is fed
silence all bins are equally unlikely, and a fall of the path may come a frame sooner or later at the same price.
"""

from functools import cache

import numpy as np

from sere.loops.threads import one_thread

#: Number of pitch bins of CREPE.
N_BINS = 360
#: The farthest that the pitch may move from one frame to the next, in bins.
REACH = 11

_TINY = np.finfo(np.float32).tiny
_BLOCK = 1024


@cache
def log_transitions() -> np.ndarray:
    """Return the logarithm of torchcrepe's transition matrix, from row to column, (360, 360), float64."""
    bins = np.arange(N_BINS)
    weight = np.maximum(REACH + 1 - np.abs(bins[:, None] - bins[None, :]), 0)
    return np.log(weight / weight.sum(axis=1, keepdims=True) + _TINY)


def log_evidence(activations: np.ndarray) -> np.ndarray:
    """Return the logarithm of the softmax over bins, floored as librosa does.

    Parameters
    ----------
    activations : ndarray of shape (T, n_bins), float32
        The network's sigmoid outputs; ``-inf`` for no evidence at all.
    """
    import torch

    # Bins go first because torchcrepe has them so: in this order torch's rounding, which decides ties, is the same.
    by_bin = torch.from_numpy(np.ascontiguousarray(activations.T))
    with one_thread():
        probability = torch.softmax(by_bin, dim=0).numpy().T
    return np.log(probability + _TINY)


@cache
def _band(low: int, high: int) -> np.ndarray:
    """Return the log probability of arriving in bin ``low + j`` from ``s - 11`` bins away, (23, high - low)."""
    arrival = np.arange(low, high)
    step = np.arange(-REACH, REACH + 1)[:, None]
    departure = arrival[None, :] + step
    inside = (departure >= low) & (departure < high)
    return np.where(inside, log_transitions()[departure.clip(low, high - 1), arrival], -np.inf)


def best_path(activations: np.ndarray, low: int) -> np.ndarray:
    """Return the most probable path of pitch bins.

    Parameters
    ----------
    activations : ndarray of shape (T, n_bins), float32
        The network's sigmoid outputs in the allowed bins, T >= 1.
    low : int
        The bin of 0..359 that the first column stands for.

    Returns
    -------
    path : ndarray of shape (T,), int64
        A bin of ``low <= bin < low + n_bins`` for each frame.
    """
    from sere.tracks._compiled import advance, retrace

    n_frames, n_bins = activations.shape
    band, forbidden = _band(low, low + n_bins), float(np.log(_TINY))
    value = np.full(n_bins + 2 * REACH, -np.inf)
    within = slice(REACH, REACH + n_bins)
    value[within] = log_evidence(activations[:1])[0] + np.log(1 / N_BINS + _TINY)
    origins = np.empty((n_frames, n_bins), dtype=np.int8)
    tops = np.empty(n_frames, dtype=np.int16)
    for first in range(1, n_frames, _BLOCK):
        block = slice(first, min(first + _BLOCK, n_frames))
        advance(log_evidence(activations[block]), band, forbidden, value, origins[block], tops[block])
    path = np.empty(n_frames, dtype=np.int64)
    path[-1] = np.argmax(value[within])
    retrace(origins, tops, REACH, path)
    return path + low
