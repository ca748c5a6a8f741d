"""From descriptors every 20 ms to what resonance compares: statistics of short windows, and of the whole clip.

They follow the published Geneva minimalistic set (Eyben et al., IEEE Trans. Affective Computing 7(2), 2016, section 3)
with one change that cross-lingual transfer asks for: means are weighted by loudness, so that what is heard counts and
pauses, breath and the room do not. Timing (lengths of voiced stretches, peaks a second) is left out: it says more of
the language and the sentence than of the emotion.

Conventions: one row every 20 ms; NaN marks what a frame does not define; nothing that leaves this module is NaN.
"""

import numpy as np

FRAME_SECONDS = 0.02
#: Frames on either side of a window's centre: 23 frames are 0.46 s.
REACH = 11
#: Every window leans on the clip's own mean and variance as if it held so many more frames of average loudness: one
#: with a few voiced frames, or none, then tells little instead of something wild.
PRIOR = 8.0

F0_CONTOUR_NAMES = ("p5", "p20", "p50", "p80", "p95", "range")
LOUDNESS_CONTOUR_NAMES = ("p80", "p95", "range", "rise_mean", "rise_sd", "fall_mean", "fall_sd")


def moments(values: np.ndarray, weight: np.ndarray, default: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and standard deviation of each column over the rows that define it.

    Parameters
    ----------
    values : ndarray of shape (n_frames, d)
        NaN where undefined.
    weight : ndarray of shape (n_frames,)
        Positive.
    default : ndarray of shape (d,)
        The mean of a column that no row defines; its deviation is zero.

    Returns
    -------
    mean, deviation : ndarray of shape (d,)
    """
    known = np.isfinite(values)
    share = np.where(known, weight[:, None], 0.0)
    total = share.sum(0)
    share = share / np.where(total > 0, total, 1.0)
    mean = np.where(total > 0, (share * np.where(known, values, 0.0)).sum(0), default)
    square = (share * np.where(known, values - mean, 0.0) ** 2).sum(0)
    return mean, np.sqrt(square)


def windowed(values: np.ndarray, weight: np.ndarray, default: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and standard deviation of each descriptor over 0.46 s around each frame.

    Windows are cut short at the clip's ends, and each leans on the clip's own moments (`PRIOR`).

    Parameters
    ----------
    values : ndarray of shape (n_frames, d)
        NaN where undefined.
    weight : ndarray of shape (n_frames,)
        Positive; only its proportions matter.
    default : ndarray of shape (d,)
        Stands for a descriptor that the whole clip does not define.

    Returns
    -------
    mean, deviation : ndarray of shape (n_frames, d)
    """
    mean, deviation = moments(values, weight, default)
    known = np.isfinite(values)
    share = np.where(known, (weight / weight.mean())[:, None], 0.0)
    centred = np.where(known, values - mean, 0.0)
    total = boxcar(share) + PRIOR
    local = boxcar(share * centred) / total
    square = (boxcar(share * centred**2) + PRIOR * deviation**2) / total
    return mean + local, np.sqrt(np.maximum(square - local**2, 0.0))


def boxcar(x: np.ndarray) -> np.ndarray:
    """Sum of each column over the 23 rows around each row, as far as they exist."""
    total = np.zeros((len(x) + 1, x.shape[1]))
    np.cumsum(x, axis=0, out=total[1:])
    t = np.arange(len(x))
    return total[np.minimum(t + REACH + 1, len(x))] - total[np.maximum(t - REACH, 0)]


def variation(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Deviation relative to the root mean square: the coefficient of variation kept between 0 and 1.

    GeMAPS divides by the mean, which has no bound for levels in dB that may be near zero.
    """
    return deviation / np.sqrt(mean**2 + deviation**2 + 1e-12)


def smoothed(x: np.ndarray) -> np.ndarray:
    """Three-frame moving average over what is defined (GeMAPS, 3.1); NaN stays NaN."""
    known = np.isfinite(x)
    three = np.ones(3)
    total = np.convolve(np.where(known, x, 0.0), three)[1:-1]
    count = np.convolve(known.astype(float), three)[1:-1]
    return np.where(known, total / np.maximum(count, 1), np.nan)


def f0_contour(semitones: np.ndarray, default: float) -> list[float]:
    """Percentiles of the pitch, and the range between the 20th and the 80th.

    Parameters
    ----------
    semitones : ndarray of shape (n_frames,)
        NaN on unvoiced frames.
    default : float
        Stands for every percentile of a clip without voice.

    Returns
    -------
    list of 6 floats
        As in `F0_CONTOUR_NAMES`.
    """
    smooth = smoothed(semitones)
    voiced = smooth[np.isfinite(smooth)]
    if not len(voiced):
        return [default] * 5 + [0.0]
    points = np.percentile(voiced, [5, 20, 50, 80, 95])
    return [*map(float, points), float(points[3] - points[1])]


def loudness_contour(loudness: np.ndarray) -> list[float]:
    """How loud the loud parts are, and how fast loudness rises and falls.

    Parameters
    ----------
    loudness : ndarray of shape (n_frames,)

    Returns
    -------
    list of 7 floats
        As in `LOUDNESS_CONTOUR_NAMES`: 80th and 95th percentile, the range between the 20th and the 80th, mean and
        deviation of the rising steps, the same of the falling steps (per second).
    """
    smooth = smoothed(loudness)
    low, high, top = np.percentile(smooth, [20, 80, 95])
    step = np.diff(smooth) / FRAME_SECONDS
    slopes: list[float] = []
    for part in (step[step > 0], -step[step < 0]):
        slopes += [float(part.mean()), float(part.std())] if len(part) else [0.0, 0.0]
    return [float(high), float(top), float(high - low), *slopes]
