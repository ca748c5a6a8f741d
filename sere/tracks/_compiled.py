"""Inner loops of the tracks, compiled by numba; imported when they are first needed.

The compiled code is kept on disk where numba finds a place for it. Each loop's readable meaning stands where it is
used: :mod:`sere.tracks.viterbi`, :mod:`sere.tracks.voice_path` and :mod:`sere.tracks._crepe_fast`.
"""

import math

import numpy as np

from sere.audio import HOP
from sere.loops.registers import compiled
from sere.tracks._blocks import BLOCK_FRAMES, FRAME_LENGTH


@compiled()
def advance(
    evidence: np.ndarray, band: np.ndarray, forbidden: float, value: np.ndarray, origins: np.ndarray, tops: np.ndarray
) -> None:
    """Carry the Viterbi recursion over a stretch of frames.

    Parameters
    ----------
    evidence : ndarray of shape (n_frames, n_bins), float32
    band : ndarray of shape (2 * reach + 1, n_bins), float64
        Log probability of arriving in a bin by each step.
    forbidden : float
        That of every other step.
    value : ndarray of shape (n_bins + 2 * reach,), float64
        Log probability of the best path to each bin, between margins of minus infinity; updated in place.
    origins : ndarray of shape (n_frames, n_bins), int8
        Receives the step by which the best path arrives, or -1 where it comes by a forbidden one.
    tops : ndarray of shape (n_frames,), int16
        Receives the bin from which a forbidden step starts.
    """
    n_frames, n_bins = evidence.shape
    reach = band.shape[0] // 2
    best = np.empty(n_bins)
    origin = np.empty(n_bins, dtype=np.int64)
    for t in range(n_frames):
        top = 0
        for j in range(1, n_bins):
            if value[reach + j] > value[reach + top]:
                top = j
        tops[t] = top
        jump = value[reach + top] + forbidden
        best[:] = -np.inf
        for s in range(2 * reach + 1):
            for j in range(n_bins):
                candidate = value[s + j] + band[s, j]
                better = candidate > best[j]
                best[j] = candidate if better else best[j]
                origin[j] = s if better else origin[j]
        for j in range(n_bins):
            by_jump = jump > best[j]
            origins[t, j] = -1 if by_jump else origin[j]
            value[reach + j] = evidence[t, j] + (jump if by_jump else best[j])


@compiled()
def retrace(origins: np.ndarray, tops: np.ndarray, reach: int, path: np.ndarray) -> None:
    """Follow the steps backwards from ``path[-1]``."""
    for t in range(len(path) - 1, 0, -1):
        step = origins[t, path[t]]
        path[t - 1] = tops[t] if step < 0 else path[t] + step - reach


@compiled()
def follow(evidence: np.ndarray, price: float, leap: float, value: np.ndarray, origins: np.ndarray) -> None:
    """Carry the recursion of :func:`sere.tracks.voice_path.voice_path` over a stretch of frames.

    Parameters
    ----------
    evidence : ndarray of shape (n_frames, n_bins), float32
    price : float
        What each bin of a move costs beyond the free ones.
    leap : float
        What moving anywhere costs.
    value : ndarray of shape (n_bins + 2 * free,), float64
        Evidence less price of the best path to each bin, between margins of minus infinity as wide as the free moves;
        updated in place.
    origins : ndarray of shape (n_frames, n_bins), int16
        Receives the bin from which the best path comes.
    """
    n_frames, n_bins = evidence.shape
    free = (len(value) - n_bins) // 2
    near = np.empty(n_bins)
    step = np.empty(n_bins, dtype=np.int64)
    below, above = np.empty(n_bins), np.empty(n_bins)
    from_below, from_above = np.empty(n_bins, dtype=np.int64), np.empty(n_bins, dtype=np.int64)
    for t in range(n_frames):
        top = 0
        for j in range(1, n_bins):
            if value[free + j] > value[free + top]:
                top = j
        landed = value[free + top] - leap
        near[:] = -np.inf
        for s in range(2 * free + 1):
            for j in range(n_bins):
                better = value[s + j] > near[j]
                near[j] = value[s + j] if better else near[j]
                step[j] = s if better else step[j]
        rising = falling = -np.inf
        rising_from = falling_from = 0
        # Two chains that wait for their own last result only, side by side.
        for j in range(n_bins):
            rising -= price
            if near[j] >= rising:
                rising, rising_from = near[j], j + step[j] - free
            below[j], from_below[j] = rising, rising_from
            k = n_bins - 1 - j
            falling -= price
            if near[k] >= falling:
                falling, falling_from = near[k], k + step[k] - free
            above[k], from_above[k] = falling, falling_from
        for j in range(n_bins):
            higher = above[j] > below[j]
            best = above[j] if higher else below[j]
            origin = from_above[j] if higher else from_below[j]
            origins[t, j] = top if landed > best else origin
            value[free + j] = evidence[t, j] + (landed if landed > best else best)


@compiled()
def follow_back(origins: np.ndarray, path: np.ndarray) -> None:
    """Follow the origins backwards from ``path[-1]``."""
    for t in range(len(path) - 1, 0, -1):
        path[t - 1] = origins[t, path[t]]


@compiled()
def pool(values: np.ndarray, bias: np.ndarray, n_max: int, out: np.ndarray) -> None:
    """Finish a layer of CREPE, see :func:`sere.tracks._crepe_fast.pooled`.

    Parameters
    ----------
    values : ndarray of shape (2 * n, n_frames, n_channels), float32
    bias : ndarray of shape (2 * n, n_channels), float32
    n_max : int
    out : ndarray of shape (n, n_frames, n_channels), float32
    """
    n, n_frames, n_channels = out.shape
    nothing = np.float32(0)
    for pair in range(n):
        left_bias, right_bias = bias[2 * pair], bias[2 * pair + 1]
        for t in range(n_frames):
            left, right, found = values[2 * pair, t], values[2 * pair + 1, t], out[pair, t]
            for c in range(n_max):
                found[c] = max(max(left[c] + left_bias[c], right[c] + right_bias[c]), nothing)
            for c in range(n_max, n_channels):
                found[c] = max(min(left[c] + left_bias[c], right[c] + right_bias[c]), nothing)


@compiled(fastmath={"reassoc", "contract"})
def _energies(samples: np.ndarray, energies: np.ndarray) -> None:
    """Put the sum of squares of each frame of `samples` into `energies`, sharing what frames have in common."""
    step = math.gcd(HOP, FRAME_LENGTH)
    sums = np.empty(len(samples) // step)
    for c in range(len(sums)):
        total = 0.0
        for i in range(step):
            total += samples[step * c + i] * samples[step * c + i]
        sums[c] = total
    for t in range(len(energies)):
        begin = t * HOP // step
        total = 0.0
        for c in range(begin, begin + FRAME_LENGTH // step):
            total += sums[c]
        energies[t] = total


@compiled(fastmath={"reassoc", "contract"})
def measure(
    samples: np.ndarray,
    spectrum: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    weights: np.ndarray,
    energies: np.ndarray,
    bands: np.ndarray,
    moments: np.ndarray,
) -> None:
    """Measure a few frames and their spectra, see :func:`sere.tracks.spectrum.spectral`.

    Loops run over `BLOCK_FRAMES` frames, however few there are: of a number known beforehand LLVM makes vectors.

    Parameters
    ----------
    samples : ndarray of shape ((few - 1) * 320 + 1024,), float64
    spectrum : ndarray of shape (few, 2 * n_bins), float64
        Real and imaginary parts in turns; `few` is at most `BLOCK_FRAMES`.
    starts, stops : ndarray of shape (n_bands,), int64
        The bins at which each band begins and ends.
    weights : ndarray, float32
        Those of the first band's bins, then those of the second's, and so on.
    energies : ndarray of shape (few,), float32
        Receives the sum of squared samples.
    bands : ndarray of shape (n_bands, few), float32
        Receives the power in each band.
    moments : ndarray of shape (2, few), float32
        Receives the sum of magnitudes, plain and times the number of the bin.
    """
    few, n_bins = spectrum.shape[0], spectrum.shape[1] // 2
    _energies(samples, energies)
    rows = np.zeros((BLOCK_FRAMES, n_bins), dtype=np.float32)
    for t in range(few):
        row = rows[t]
        for i in range(n_bins):
            re, im = np.float32(spectrum[t, 2 * i]), np.float32(spectrum[t, 2 * i + 1])
            row[i] = re * re + im * im
        total = np.float32(0)
        moment = np.float32(0)
        for i in range(n_bins):
            magnitude = np.sqrt(row[i])
            total += magnitude
            moment += np.float32(i) * magnitude
        moments[0, t] = total
        moments[1, t] = moment
    # Frames side by side, so that the short loops over a band's bins run on all of them at once.
    power = np.empty((n_bins, BLOCK_FRAMES), dtype=np.float32)
    for i in range(n_bins):
        for t in range(BLOCK_FRAMES):
            power[i, t] = rows[t, i]
    band = np.empty(BLOCK_FRAMES, dtype=np.float32)
    n = 0
    for b in range(len(starts)):
        band[:] = 0
        for i in range(starts[b], stops[b]):
            weight = weights[n]
            n += 1
            for t in range(BLOCK_FRAMES):
                band[t] += weight * power[i, t]
        for t in range(few):
            bands[b, t] = band[t]
