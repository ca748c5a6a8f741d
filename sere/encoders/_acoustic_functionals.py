"""From descriptors every 20 ms to what resonance compares: statistics of short windows, and of the whole clip.

The clip's statistics follow the published Geneva minimalistic set (Eyben et al., IEEE Trans. Affective Computing 7(2),
2016, section 3): mean and spread of every descriptor where it is defined, percentiles and slopes of pitch and loudness,
the timing of voiced and unvoiced stretches. Spread is the standard deviation, not the coefficient of variation, because
most descriptors are levels or signed and their means may be near zero.

Conventions: one row every 20 ms; NaN marks what a frame does not define; nothing that leaves this module is NaN.
"""

import numpy as np

FRAME_SECONDS = 0.02
#: Frames on either side of a window's centre: 23 frames are 0.46 s.
REACH = 11
#: Frames' worth of the whole clip's mean and variance that every window leans on, so that a window with one or two
#: voiced frames, or none, tells little instead of something wild.
PRIOR = 2.0


def moments(values: np.ndarray, default: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column over the rows that define it.

    Parameters
    ----------
    values : ndarray of shape (n_frames, d)
        NaN where undefined.
    default : ndarray of shape (d,)
        The mean of a column that no row defines; its spread is zero.

    Returns
    -------
    mean, deviation : ndarray of shape (d,)
    """
    known = np.isfinite(values)
    count = known.sum(0)
    mean = np.where(known, values, 0.0).sum(0) / np.maximum(count, 1)
    square = (np.where(known, values - mean, 0.0) ** 2).sum(0) / np.maximum(count, 1)
    return np.where(count > 0, mean, default), np.sqrt(square)


def windowed(values: np.ndarray, default: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each descriptor over 0.46 s around each frame.

    Windows are cut short at the clip's ends. Each leans on the clip's own mean and variance with the weight of
    `PRIOR` frames.

    Parameters
    ----------
    values : ndarray of shape (n_frames, d)
        NaN where undefined.
    default : ndarray of shape (d,)
        Stands for a descriptor that the whole clip does not define.

    Returns
    -------
    ndarray of shape (n_frames, 2 d), float32
        All means, then all deviations.
    """
    mean, deviation = moments(values, default)
    known = np.isfinite(values)
    centred = np.where(known, values - mean, 0.0)
    count = boxcar(known.astype(float)) + PRIOR
    local = boxcar(centred) / count
    square = (boxcar(centred**2) + PRIOR * deviation**2) / count
    spread = np.sqrt(np.maximum(square - local**2, 0.0))
    return np.concatenate([mean + local, spread], axis=1).astype(np.float32)


def boxcar(x: np.ndarray) -> np.ndarray:
    """Sum of each column over the 23 rows around each row."""
    total = np.zeros((len(x) + 1, x.shape[1]))
    np.cumsum(x, axis=0, out=total[1:])
    t = np.arange(len(x))
    return total[np.minimum(t + REACH + 1, len(x))] - total[np.maximum(t - REACH, 0)]


def smoothed(x: np.ndarray) -> np.ndarray:
    """Three-frame moving average over what is defined; NaN stays NaN."""
    known = np.isfinite(x)
    three = np.ones(3)
    total = np.convolve(np.where(known, x, 0.0), three)[1:-1]
    count = np.convolve(known.astype(float), three)[1:-1]
    return np.where(known, total / np.maximum(count, 1), np.nan)


def contour(x: np.ndarray, default: float) -> list[float]:
    """Percentiles, range and slopes of a contour, as GeMAPS takes of pitch and loudness.

    Returns
    -------
    list of float
        20th, 50th and 80th percentile, the range between the outer two, mean and deviation of the rising steps, mean
        and deviation of the falling steps (per second).
    """
    smooth = smoothed(x)
    defined = smooth[np.isfinite(smooth)]
    if not len(defined):
        return [default] * 3 + [0.0] * 5
    low, middle, high = np.percentile(defined, [20, 50, 80])
    step = np.diff(smooth) / FRAME_SECONDS
    step = step[np.isfinite(step)]
    slopes = []
    for part in (step[step > 0], -step[step < 0]):
        slopes += [float(part.mean()), float(part.std())] if len(part) else [0.0, 0.0]
    return [float(low), float(middle), float(high), float(high - low), *slopes]


CONTOUR_NAMES = ("p20", "p50", "p80", "range", "rise_mean", "rise_sd", "fall_mean", "fall_sd")


def stretches(active: np.ndarray) -> np.ndarray:
    """Lengths in seconds of the unbroken runs of True."""
    edge = np.diff(np.concatenate([[0], active.astype(np.int8), [0]]))
    return (np.flatnonzero(edge == -1) - np.flatnonzero(edge == 1)) * FRAME_SECONDS


def timing(voiced: np.ndarray, loudness: np.ndarray) -> list[float]:
    """Rhythm of the clip: how voice and pauses follow one another (GeMAPS, 3.2, temporal features).

    Returns
    -------
    list of float
        Loudness peaks a second, voiced stretches a second, mean and deviation of the lengths of voiced stretches, the
        same of unvoiced ones, share of voiced frames.
    """
    seconds = max(len(voiced) * FRAME_SECONDS, FRAME_SECONDS)
    smooth = smoothed(loudness)
    inner = smooth[1:-1]
    low, high = np.percentile(smooth, [5, 95])
    peaks = (inner > smooth[:-2]) & (inner >= smooth[2:]) & (inner > low + 0.25 * (high - low))
    out = [peaks.sum() / seconds, len(stretches(voiced)) / seconds]
    for runs in (stretches(voiced), stretches(~voiced)):
        out += [float(runs.mean()), float(runs.std())] if len(runs) else [0.0, 0.0]
    return [*map(float, out), float(voiced.mean())]


TIMING_NAMES = (
    "loudness_peaks_per_s",
    "voiced_stretches_per_s",
    "voiced_s_mean",
    "voiced_s_sd",
    "unvoiced_s_mean",
    "unvoiced_s_sd",
    "voiced_share",
)
