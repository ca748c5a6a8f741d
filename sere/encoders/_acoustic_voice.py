"""Voice descriptors: how regularly the vocal folds beat, and what the tract makes of it. Defined on voiced frames only.

Definitions follow the published Geneva minimalistic set (Eyben et al., IEEE Trans. Affective Computing 7(2), 2016,
section 3); harmonicity follows Boersma (Proc. Institute of Phonetic Sciences 17, 1993); the formants come from linear
prediction on a part of the spectrum (Makhoul, IEEE Trans. ASSP 23(3), 1975, "selective linear prediction").

The pitch track leads everything here: periods are looked for near the period it tells, harmonics near its multiples.
Conventions are those of :mod:`sere.encoders._acoustic_spectrum`; NaN marks what a frame does not define.
"""

import numpy as np

from sere.audio import HOP, SAMPLE_RATE
from sere.encoders._acoustic_spectrum import (
    LONG,
    LONG_FFT,
    SHORT,
    decibels,
    floored,
    hann,
)

#: Points that describe one period, and the shifts (as shares of it) tried to match it with the next.
_POINTS = 48
_SHIFTS = np.linspace(-0.12, 0.12, 25, dtype=np.float32)
#: Two neighbouring periods less alike than this (normalised correlation) tell nothing of jitter and shimmer.
_ALIKE = 0.5
#: Linear prediction: order, and the top of the part of the spectrum that it models.
_ORDER = 11
_TOP = 5500.0

VOICE_NAMES = (
    "hnr",
    "jitter",
    "alikeness",
    "h1_h2",
    "h1_a3",
    "f1",
    "f1_bandwidth",
    "f1_amplitude",
    "f2",
    "f2_amplitude",
    "cpp",
)


def read_between(table: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Values of each row of a table at fractional columns, by linear interpolation.

    Parameters
    ----------
    table : ndarray of shape (n, m)
    position : ndarray of shape (n, k)
        Fractional columns; those outside the table read its edge.
    """
    position = np.clip(position, 0, table.shape[1] - 1.001)
    left = position.astype(np.int64)
    weight = (position - left).astype(table.dtype)
    low = np.take_along_axis(table, left, axis=1)
    return low + weight * (np.take_along_axis(table, left + 1, axis=1) - low)


def harmonicity(frames: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """Share of each frame's power that repeats after one pitch period.

    The autocorrelation of a Hann-windowed 60 ms frame divided by that of the window (Boersma 1993, equation 9), at its
    best lag within 10 % of the pitch period.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, 960)
    f0 : ndarray of shape (n_frames,)
        Hz.

    Returns
    -------
    ndarray of shape (n_frames,)
        Between 0 and 1.
    """
    n_fft = 2 * LONG_FFT
    window = hann(LONG)
    centred = (frames - frames.mean(1, keepdims=True)) * window
    spectrum = np.fft.rfft(centred, n_fft, axis=1)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=1)[:, : LONG // 2]
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, n_fft)) ** 2)[: LONG // 2]
    correlation /= (correlation[:, :1] + 1e-12) * (of_window / of_window[0])
    lag = SAMPLE_RATE / f0[:, None] * np.linspace(0.9, 1.1, 21)
    return np.clip(read_between(correlation, lag).max(1), 0.0, 1.0)


def match_periods(wave: np.ndarray, f0: np.ndarray, voiced: np.ndarray) -> tuple[np.ndarray, ...]:
    """Every period of the voiced parts, matched with the period after it.

    Marks are set one pitch period apart by integrating the pitch track. The period that follows a mark is shifted by up
    to 12 % against the one before it until they correlate best; where that happens is the period's true length.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,)
    f0 : ndarray of shape (n_frames,)
        Hz, finite everywhere.
    voiced : ndarray of shape (n_frames,), bool

    Returns
    -------
    frame : ndarray of shape (n_periods,), int
        The frame that holds the mark.
    length, alike : ndarray of shape (n_periods,)
        Samples; the best normalised correlation with the next period.
    """
    samples = np.arange(0, len(wave), 8)
    pitch = np.interp(samples, HOP * np.arange(len(f0)), f0)
    phase = np.cumsum(pitch) * 8 / SAMPLE_RATE
    marks = np.interp(np.arange(1, int(phase[-1])), phase, samples) if len(phase) else np.zeros(0)
    if len(marks) < 2:
        return np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)
    frame = np.clip(np.rint(marks / HOP).astype(np.int64), 0, len(voiced) - 1)
    period = np.diff(marks)
    keep = voiced[frame[:-1]] & voiced[frame[1:]]
    frame, start, period = frame[:-1][keep], marks[:-1][keep], period[keep]
    similar = likeness(wave.astype(np.float32, copy=False), start, period)
    shift, alike = parabolic_peak(similar)
    return frame, period * (1.0 + _SHIFTS[0] + shift * (_SHIFTS[1] - _SHIFTS[0])), alike


def likeness(wave: np.ndarray, start: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Normalised correlation of each period with the next at each of `_SHIFTS`, float32.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float32
    start, period : ndarray of shape (n_periods,)
        Samples; the period lies around its start.

    Returns
    -------
    ndarray of shape (n_periods, 25)
    """
    from sere.encoders import _acoustic_compiled

    similar = np.empty((len(start), len(_SHIFTS)), dtype=np.float32)
    if len(start):
        _acoustic_compiled.likeness(wave, start, period, _SHIFTS, _POINTS, similar)
    return similar


def parabolic_peak(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each row peaks, between its points, and how high."""
    best = curves.argmax(1)
    inner = np.clip(best, 1, curves.shape[1] - 2)
    rows = np.arange(len(curves))
    left, mid, right = (curves[rows, inner + k] for k in (-1, 0, 1))
    bend = left - 2 * mid + right
    step = np.where(bend < -1e-9, 0.5 * (left - right) / np.where(bend < -1e-9, bend, 1.0), 0.0)
    step = np.where(best == inner, step, best - inner)
    return inner + np.clip(step, -1, 1), curves[rows, best]


def perturbation(wave: np.ndarray, f0: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Jitter and alikeness of neighbouring periods, averaged over three frames.

    Jitter (GeMAPS, 3.1) is the difference of two consecutive period lengths as a share of their mean; alikeness the
    normalised correlation of two consecutive periods.

    Returns
    -------
    ndarray of shape (n_frames, 2)
        NaN where three frames hold no two periods alike enough.
    """
    frame, length, alike = match_periods(wave, f0, voiced)
    sure = (np.diff(frame) <= 1) & (alike[:-1] > _ALIKE) & (alike[1:] > _ALIKE)
    jitter = np.abs(np.diff(length)) / (0.5 * (length[1:] + length[:-1]))

    def on_frames(values: np.ndarray, at: np.ndarray) -> np.ndarray:
        count = np.bincount(at, minlength=len(f0)).astype(float)
        total = np.bincount(at, weights=values, minlength=len(f0))
        count, total = (np.convolve(c, np.ones(3))[1:-1] for c in (count, total))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    return np.stack([on_frames(jitter[sure], frame[:-1][sure]), on_frames(alike, frame)], axis=1)


def linear_prediction(short: np.ndarray) -> np.ndarray:
    """Predictor polynomials of the spectrum up to 5.5 kHz (Makhoul 1975), by Levinson's recursion over all frames.

    Parameters
    ----------
    short : ndarray of shape (n_frames, 257)
        Power spectra of 32 ms windows.

    Returns
    -------
    ndarray of shape (n_frames, 12)
        Coefficients, the first is one.
    """
    bins = int(_TOP * SHORT / SAMPLE_RATE) + 1
    angle = np.pi * np.arange(bins) / (bins - 1)
    emphasis = 1.0 + 0.97**2 - 2 * 0.97 * np.cos(2 * np.pi * np.arange(bins) / SHORT)
    weight = 2.0 * emphasis
    weight[[0, -1]] *= 0.5
    basis = weight[:, None] * np.cos(angle[:, None] * np.arange(_ORDER + 1))
    r = short[:, :bins].astype(float) @ basis
    r[:, 0] = r[:, 0] * (1 + 1e-5) + 1e-12
    a = np.zeros_like(r)
    a[:, 0] = 1.0
    error = r[:, 0].copy()
    for i in range(1, _ORDER + 1):
        reflection = -(a[:, :i] * r[:, i:0:-1]).sum(1) / error
        a[:, 1 : i + 1] += reflection[:, None] * a[:, i - 1 :: -1][:, :i]
        error *= 1 - reflection**2
    return a


def formants(short: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and bandwidths of the first three resonances of the vocal tract.

    Parameters
    ----------
    short : ndarray of shape (n_frames, 257)
        Power spectra of 32 ms windows.

    Returns
    -------
    frequency, bandwidth : ndarray of shape (n_frames, 3)
        Hz; NaN where fewer resonances were found.
    """
    a = linear_prediction(short)
    companion = np.zeros((len(a), _ORDER, _ORDER))
    companion[:, 0] = -a[:, 1:]
    companion[:, np.arange(1, _ORDER), np.arange(_ORDER - 1)] = 1.0
    roots = np.linalg.eigvals(companion)
    scale = _TOP / np.pi
    frequency = np.angle(roots) * scale
    bandwidth = -2 * scale * np.log(np.maximum(np.abs(roots), 1e-6))
    found = (frequency > 50) & (frequency < _TOP - 50)
    frequency = np.where(found, frequency, np.inf)
    first = np.argsort(frequency, axis=1)[:, :3]
    frequency = np.take_along_axis(frequency, first, axis=1)
    bandwidth = np.take_along_axis(bandwidth, first, axis=1)
    missing = np.isinf(frequency)
    return np.where(missing, np.nan, frequency), np.where(missing, np.nan, bandwidth)


def peak_level(levels: np.ndarray, hertz: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Highest level of each spectrum within `reach` Hz of a frequency; NaN where that is NaN."""
    known = np.isfinite(hertz)
    centre = np.where(known, hertz, 1000.0)
    position = (centre[:, None] + reach[:, None] * np.linspace(-1, 1, 13)) * LONG_FFT / SAMPLE_RATE
    return np.where(known, read_between(levels, position).max(1), np.nan)


def cepstral_peak(levels: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """How far the cepstrum's peak at the pitch period stands out of its neighbourhood, in dB (Hillenbrand 1994)."""
    cepstrum = np.fft.irfft(levels, axis=1)[:, : LONG_FFT // 2]
    lag = SAMPLE_RATE / f0[:, None] * np.linspace(0.92, 1.08, 13)
    around = SAMPLE_RATE / f0[:, None] * np.linspace(0.6, 1.4, 33)
    return read_between(cepstrum, lag).max(1) - read_between(cepstrum, around).mean(1)


def voice_descriptors(
    wave: np.ndarray,
    repeats: np.ndarray,
    long: np.ndarray,
    short: np.ndarray,
    f0: np.ndarray,
    voiced: np.ndarray,
) -> np.ndarray:
    """The descriptors of voiced frames.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,)
    repeats : ndarray of shape (n_frames,)
        What :func:`harmonicity` gives.
    long : ndarray of shape (n_frames, 513)
        Power spectra of the 60 ms frames: fine enough to tell harmonics apart.
    short : ndarray of shape (n_frames, 257)
        Power spectra of 32 ms windows: coarse enough to blur them.
    f0 : ndarray of shape (n_frames,)
        Hz, finite everywhere.
    voiced : ndarray of shape (n_frames,), bool

    Returns
    -------
    ndarray of shape (n_frames, 11), float32
        Columns as in `VOICE_NAMES`; NaN on unvoiced frames.
    """
    out = np.full((len(f0), len(VOICE_NAMES)), np.nan, dtype=np.float32)
    if not voiced.any():
        return out
    pitch = f0[voiced]
    levels = decibels(floored(long))[voiced]
    share = np.clip(repeats[voiced], 0.01, 0.9999)
    frequency, bandwidth = formants(short[voiced])
    first = peak_level(levels, pitch, 0.25 * pitch)
    second = peak_level(levels, 2 * pitch, 0.25 * pitch)
    at = [peak_level(levels, frequency[:, k], 0.5 * pitch) for k in range(3)]
    columns = [
        decibels(share / (1 - share)),
        *perturbation(wave, f0, voiced)[voiced].T,
        first - second,
        first - at[2],
        frequency[:, 0],
        bandwidth[:, 0],
        at[0] - first,
        frequency[:, 1],
        at[1] - first,
        cepstral_peak(levels, pitch),
    ]
    out[voiced] = np.stack(columns, axis=1)
    return out
