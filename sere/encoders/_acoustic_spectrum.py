"""Spectral low-level descriptors: how loud, how bright, how fast the sound changes.

Definitions follow the published Geneva minimalistic set (Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set
(GeMAPS) for Voice Research and Affective Computing", IEEE Trans. Affective Computing 7(2), 2016, section 3); the
auditory loudness follows Hermansky's perceptual linear prediction (J. Acoust. Soc. Am. 87(4), 1990, equations 2-7).

Conventions: 16 kHz mono, one row every 320 samples (20 ms), row t centred at sample 320 t, the clip zero padded at its
ends, so a clip of n samples has 1 + n // 320 rows. Powers are mean squares of a full scale of one; levels are decibels.
"""

from functools import lru_cache

import numpy as np

from sere.audio import HOP, SAMPLE_RATE, n_frames

#: Samples of the two analysis windows, and the transform length of the long one.
SHORT = 512
LONG = 960
LONG_FFT = 1024
#: Bands of the auditory spectrum and of the cepstrum.
N_BANDS = 26
#: What is taken for silence under the loudest bin of a clip, so that digital silence and a quiet room look alike.
FLOOR_DB = 70.0

SPECTRAL_NAMES = (
    "loudness",
    "flux",
    "alpha_ratio",
    "hammarberg",
    "slope_0_500",
    "slope_500_1500",
    "mfcc1",
    "mfcc2",
    "mfcc3",
    "mfcc4",
    "centroid",
    "high_balance",
    "entropy",
)


def cut_frames(wave: np.ndarray, width: int) -> np.ndarray:
    """Windows of the clip centred every 20 ms.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,)
    width : int
        Samples a window.

    Returns
    -------
    ndarray of shape (1 + n_samples // 320, width)
        A read-only view of the padded clip.
    """
    count = n_frames(len(wave))
    padded = np.zeros(HOP * (count - 1) + width, dtype=np.float32)
    left = width // 2
    kept = wave[: len(padded) - left]
    padded[left : left + len(kept)] = kept
    return np.lib.stride_tricks.sliding_window_view(padded, width)[::HOP]


@lru_cache(maxsize=8)
def hann(width: int) -> np.ndarray:
    """Periodic Hann window scaled to unit energy, so that a power spectrum sums to the signal's power."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(width) / width)
    return (window / np.sqrt((window**2).sum())).astype(np.float32)


def power_spectrum(frames: np.ndarray, n_fft: int) -> np.ndarray:
    """One-sided power spectrum of Hann-windowed frames.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, width)
    n_fft : int
        Transform length, at least the width.

    Returns
    -------
    ndarray of shape (n_frames, n_fft // 2 + 1), float32
    """
    spectrum = np.fft.rfft(frames * hann(frames.shape[1]), n_fft, axis=1)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32)


def to_mel(hertz: np.ndarray | float) -> np.ndarray:
    """Pitch on the mel scale (O'Shaughnessy 1987)."""
    return 2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0)


@lru_cache(maxsize=1)
def mel_bands() -> tuple[np.ndarray, np.ndarray]:
    """Triangular mel filters from 20 Hz to 8 kHz, and the frequencies at their peaks.

    Returns
    -------
    filters : ndarray of shape (257, 26), float32
    centres : ndarray of shape (26,)
        Hz.
    """
    edges = np.linspace(to_mel(20.0), to_mel(8000.0), N_BANDS + 2)
    position = to_mel(np.arange(SHORT // 2 + 1) * SAMPLE_RATE / SHORT)[:, None]
    rising = (position - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - position) / (edges[2:] - edges[1:-1])
    filters = np.clip(np.minimum(rising, falling), 0.0, None).astype(np.float32)
    return filters, 700.0 * (10.0 ** (edges[1:-1] / 2595.0) - 1.0)


def equal_loudness(hertz: np.ndarray) -> np.ndarray:
    """The ear's sensitivity at about 40 dB (Hermansky 1990, equation 7), scaled to a peak of one."""
    w2 = (2 * np.pi * np.asarray(hertz, dtype=float)) ** 2
    weight = (w2 + 56.8e6) * w2**2 / ((w2 + 6.3e6) ** 2 * (w2 + 0.38e9) * (w2**3 + 9.58e26))
    return weight / weight.max()


def auditory_spectrum(band_power: np.ndarray) -> np.ndarray:
    """Perceived strength of each band: power weighted by the ear's sensitivity, compressed by its cube root."""
    weight = equal_loudness(mel_bands()[1]).astype(np.float32)
    return np.cbrt(band_power * weight)


@lru_cache(maxsize=1)
def cosine_basis() -> np.ndarray:
    """Orthonormal DCT-II rows 1 to 4 over the mel bands, shape (26, 4)."""
    k = np.arange(1, 5)
    phase = np.pi / N_BANDS * (np.arange(N_BANDS)[:, None] + 0.5) * k
    return (np.sqrt(2.0 / N_BANDS) * np.cos(phase)).astype(np.float32)


def band(n_fft: int, low: float, high: float) -> slice:
    """The bins of a one-sided spectrum whose frequencies lie in [low, high) Hz."""
    return slice(int(np.ceil(low * n_fft / SAMPLE_RATE)), int(np.ceil(high * n_fft / SAMPLE_RATE)))


@lru_cache(maxsize=8)
def slope_weights(n_fft: int, low: float, high: float) -> np.ndarray:
    """Weights that turn the levels of a band into their regression slope, in dB per kHz."""
    bins = band(n_fft, low, high)
    kilohertz = np.arange(bins.start, bins.stop) * SAMPLE_RATE / n_fft / 1000.0
    centred = kilohertz - kilohertz.mean()
    return (centred / (centred**2).sum()).astype(np.float32)


def floored(power: np.ndarray) -> np.ndarray:
    """The power spectra lifted to `FLOOR_DB` under their loudest bin: below that is the room."""
    floor = max(float(power.max()) * 10 ** (-FLOOR_DB / 10), 1e-14)
    return power + np.float32(floor)


def decibels(power: np.ndarray) -> np.ndarray:
    """Level of a power in dB."""
    return 10.0 * np.log10(power)


def spectral_descriptors(short: np.ndarray) -> np.ndarray:
    """The descriptors that need no pitch, frame by frame.

    Loudness is the sum of the auditory spectrum; flux the distance between the shapes of two neighbouring auditory
    spectra; alpha ratio, Hammarberg index and the two slopes follow the GeMAPS paper (3.1); cepstral coefficients 1-4
    come from the mel spectrum; centroid is the auditory spectrum's centre of gravity in bands; high balance compares
    4-8 kHz with 1-4 kHz; entropy says how evenly the power spreads over the bands.

    Parameters
    ----------
    short : ndarray of shape (n_frames, 257)
        Power spectra of 32 ms windows.

    Returns
    -------
    ndarray of shape (n_frames, 13), float32
        Columns as in `SPECTRAL_NAMES`.
    """
    power = floored(short)
    levels = decibels(power)
    filters, _ = mel_bands()
    hearing = auditory_spectrum(short @ filters)
    bands = power @ filters
    shape = hearing / (hearing.sum(1, keepdims=True) + 1e-6)
    change = np.zeros(len(shape), dtype=np.float32)
    change[1:] = np.sqrt(((shape[1:] - shape[:-1]) ** 2).sum(1))

    def total(low: float, high: float) -> np.ndarray:
        return power[:, band(SHORT, low, high)].sum(1)

    def peak(low: float, high: float) -> np.ndarray:
        return levels[:, band(SHORT, low, high)].max(1)

    def slope(low: float, high: float) -> np.ndarray:
        return levels[:, band(SHORT, low, high)] @ slope_weights(SHORT, low, high)

    cepstrum = np.log(bands) @ cosine_basis()
    share = bands / bands.sum(1, keepdims=True)
    columns = [
        hearing.sum(1),
        change,
        decibels(total(50, 1000) / total(1000, 5000)),
        peak(0, 2000) - peak(2000, 5000),
        slope(0, 500),
        slope(500, 1500),
        *cepstrum.T,
        shape @ np.arange(N_BANDS, dtype=np.float32),
        decibels(total(4000, 8000) / total(1000, 4000)),
        -(share * np.log(share)).sum(1),
    ]
    return np.stack(columns, axis=1).astype(np.float32)
