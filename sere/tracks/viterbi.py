"""Viterbi decoding of CREPE's pitch activations, as torchcrepe does it and a hundred times faster.

Model (torchcrepe's ``decode.viterbi``): the hidden state of a frame is one of 360 pitch bins, 20 cents apart.
From one frame to the next the pitch moves from bin k to bin j with probability proportional to
``max(12 - |k - j|, 0)``, each row k normalised. The evidence is the softmax over bins of the network's *sigmoid
outputs* (an odd choice, kept, because it decides how much the pitch may jump); bins outside the range asked for
get none. librosa's decoder adds the smallest normal float32 to probabilities before taking logarithms, so a
forbidden step or bin costs about 87 nats rather than being impossible.

:func:`best_path_reference` is the textbook recursion over all bins. :func:`best_path` returns the same path:

- only the 23 steps of nonzero probability are compared, plus one candidate, the best previous bin of all at the
  price of a forbidden step: within the band that bin is reachable more cheaply, outside it no other bin matters;
- bins out of range are left out: a single visit costs more than a forbidden step around it;
- the loop over steps is outside and the loop over bins inside, so it runs on vector registers.

Both add the same float64 numbers in the same order, so that ties fall alike.
"""

from functools import cache
from typing import Any

import numpy as np

#: Number of pitch bins of CREPE.
N_BINS = 360
#: The farthest that the pitch may move from one frame to the next, in bins.
REACH = 11

_TINY = np.finfo(np.float32).tiny


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
        The network's sigmoid outputs, ``-inf`` in bins that are not allowed.
    """
    weight = np.exp(activations - activations.max(axis=1, keepdims=True))
    return np.log(weight / weight.sum(axis=1, keepdims=True) + _TINY)


def best_path_reference(activations: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the most probable path of pitch bins by the plain recursion.

    The readable twin of :func:`best_path`, with the same parameters and result.
    """
    masked = np.full_like(activations, -np.inf)
    masked[:, low:high] = activations[:, low:high]
    evidence = log_evidence(masked)
    step = log_transitions()
    value = evidence[0] + np.log(1 / N_BINS + _TINY)
    origins = np.zeros(activations.shape, dtype=np.int64)
    for t in range(1, len(evidence)):
        for j in range(N_BINS):
            origins[t, j] = np.argmax(value + step[:, j])
        value = evidence[t] + (value[origins[t]] + step[origins[t], np.arange(N_BINS)])
    path = np.empty(len(evidence), dtype=np.int64)
    path[-1] = np.argmax(value)
    for t in range(len(evidence) - 1, 0, -1):
        path[t - 1] = origins[t, path[t]]
    return path


@cache
def _compiled() -> Any:
    """Return the banded recursion, compiled on first use."""
    import numba

    @numba.njit(cache=True, nogil=True)
    def run(evidence, band, forbidden, start, path):
        n_frames, n_bins = evidence.shape
        reach = band.shape[0] // 2
        origins = np.empty((n_frames, n_bins), dtype=np.int16)
        # Padded on both sides by unreachable bins, so that every step reads inside the array.
        value = np.full(n_bins + 2 * reach, -np.inf)
        best = np.empty(n_bins)
        origin = np.empty(n_bins, dtype=np.int64)
        for j in range(n_bins):
            value[reach + j] = evidence[0, j] + start
        for t in range(1, n_frames):
            top = 0
            for j in range(1, n_bins):
                if value[reach + j] > value[reach + top]:
                    top = j
            jump = value[reach + top] + forbidden
            best[:] = -np.inf
            origin[:] = 0
            for s in range(2 * reach + 1):
                for j in range(n_bins):
                    candidate = value[s + j] + band[s, j]
                    better = candidate > best[j]
                    best[j] = candidate if better else best[j]
                    origin[j] = s if better else origin[j]
            for j in range(n_bins):
                if jump > best[j]:
                    best[j] = jump
                    origins[t, j] = top
                else:
                    origins[t, j] = j + origin[j] - reach
                value[reach + j] = evidence[t, j] + best[j]
        last = 0
        for j in range(1, n_bins):
            if value[reach + j] > value[reach + last]:
                last = j
        path[n_frames - 1] = last
        for t in range(n_frames - 1, 0, -1):
            path[t - 1] = origins[t, path[t]]

    return run


@cache
def _band(low: int, high: int) -> np.ndarray:
    """Return the log probability of arriving in bin ``low + j`` by the step ``s - 11``, (23, high - low)."""
    arrival = np.arange(low, high)
    step = np.arange(-REACH, REACH + 1)[:, None]
    departure = arrival[None, :] + step
    inside = (departure >= 0) & (departure < N_BINS)
    return np.where(inside, log_transitions()[departure.clip(0, N_BINS - 1), arrival], -np.inf)


def best_path(activations: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the most probable path of pitch bins.

    Parameters
    ----------
    activations : ndarray of shape (T, 360), float32
        The network's sigmoid outputs, T >= 1.
    low, high : int
        Bins ``low <= bin < high`` are allowed.

    Returns
    -------
    path : ndarray of shape (T,), int64
        A bin of 0..359 for each frame.
    """
    evidence = log_evidence(activations[:, low:high])
    path = np.empty(len(evidence), dtype=np.int64)
    start = float(np.log(1 / N_BINS + _TINY))
    _compiled()(evidence, _band(low, high), float(np.log(_TINY)), start, path)
    return path + low
