"""RMS energy, 2nd MFCC and spectral centroid, fifty times a second, from one short-time spectrum.

Source: the paper names these three beside pitch and gives no settings. Ours are librosa's defaults on frames
of 1024 samples (64 ms, as long as CREPE's window, so that all four tracks look at the same stretch of sound)
every 320 samples (20 ms):

- RMS is that of the plain frame, without a window (``librosa.feature.rms``);
- the 2nd MFCC is ``librosa.feature.mfcc(...)[1]``: the first is the level (row 0), the second the tilt of the
  128-band log-mel spectrum, in dB, no more than 80 dB below the clip's strongest band;
- the centroid is the magnitude-weighted mean frequency in Hz (``librosa.feature.spectral_centroid``), and 0 in
  digital silence.

Frame t is centred at sample ``320 * t`` and the clip is padded with zeros (librosa's ``center=True,
pad_mode="constant"``). :func:`spectral` frames and transforms once for all three tracks and keeps the mel and
cosine matrices; :func:`spectral_reference` asks librosa three times. They agree to 1e-6 of a track's largest
value (of 10 dB where the MFCC stays below that).
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from sere.audio import HOP, SAMPLE_RATE, n_frames
from sere.tracks._blocks import BLOCK_FRAMES, FRAME_LENGTH

_N_MELS = 128
_N_MFCC = 20
_FLOOR_POWER = np.float32(1e-10)
_RANGE_DB = 80.0


class Spectral(NamedTuple):
    """Three tracks of one clip, each an ndarray of shape (T,), float32.

    Attributes
    ----------
    rms : ndarray
        Root mean square of the samples of the frame (amplitude, 1 = full scale).
    mfcc2 : ndarray
        Second mel-frequency cepstral coefficient (dB).
    centroid : ndarray
        Spectral centroid (Hz); 0 in digital silence.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.tracks import spectral
    >>> track = spectral(np.sin(2 * np.pi * 1_000 * np.arange(8_000) / 16_000).astype("float32"))
    >>> round(float(np.median(track.rms)), 2), round(float(np.median(track.centroid)), -2)
    (0.71, 1000.0)
    """

    rms: np.ndarray
    mfcc2: np.ndarray
    centroid: np.ndarray


def spectral_reference(wave: np.ndarray) -> Spectral:
    """Compute the three tracks by librosa's own functions, one after the other.

    The readable twin of :func:`spectral`, with the same parameters and shapes, for tests: librosa need not be there
    for anything else.
    """
    from librosa import feature

    frames: dict[str, Any] = {"hop_length": HOP, "center": True, "pad_mode": "constant"}
    rms = feature.rms(y=wave, frame_length=FRAME_LENGTH, **frames)[0]
    mfcc = feature.mfcc(y=wave, sr=SAMPLE_RATE, n_mfcc=_N_MFCC, n_fft=FRAME_LENGTH, **frames)[1]
    centroid = feature.spectral_centroid(y=wave, sr=SAMPLE_RATE, n_fft=FRAME_LENGTH, **frames)[0]
    return Spectral(*(track.astype(np.float32) for track in (rms, mfcc, centroid)))


@cache
def _hann() -> np.ndarray:
    """Return the periodic Hann window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_LENGTH) / FRAME_LENGTH)


def mel_filters() -> np.ndarray:
    """Return ``librosa.filters.mel``'s triangles of equal area on Slaney's mel scale, (128, 513), float32.

    Slaney's scale is linear up to 1,000 Hz (15 mel), and from there on 27 mel lie between two frequencies of ratio 6.4.
    """
    linear, ratio = 200.0 / 3, np.log(6.4) / 27
    highest = 15.0 + np.log(SAMPLE_RATE / 2 / 1000) / ratio
    mels = np.linspace(0.0, highest, _N_MELS + 2)
    hertz = np.where(mels >= 15.0, 1000 * np.exp(ratio * (mels - 15.0)), linear * mels)
    distances = np.subtract.outer(hertz, np.fft.rfftfreq(FRAME_LENGTH, 1 / SAMPLE_RATE))
    rising, falling = -distances[:-2] / np.diff(hertz)[:-1, None], distances[2:] / np.diff(hertz)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return (triangles * (2.0 / (hertz[2:] - hertz[:-2]))[:, None]).astype(np.float32)


@cache
def _mel_weights() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the bins at which librosa's mel bands begin and end (128,), and their weights one band after another."""
    weights = mel_filters()
    starts = (weights > 0).argmax(axis=1)
    return starts, starts + (weights > 0).sum(axis=1), weights[weights > 0]


@cache
def _second_cosine() -> np.ndarray:
    """Return row 1 of the orthonormal DCT-II over the mel bands, (128,)."""
    bands = np.arange(_N_MELS)
    return np.sqrt(2 / _N_MELS) * np.cos(np.pi * (2 * bands + 1) / (2 * _N_MELS))


def _padded(wave: np.ndarray, first: int, few: int) -> np.ndarray:
    """Return the zero-padded samples under `few` frames from `first` on, float64."""
    begin = first * HOP - FRAME_LENGTH // 2
    samples = np.zeros((few - 1) * HOP + FRAME_LENGTH)
    inner = wave[max(begin, 0) : begin + len(samples)]
    before = max(-begin, 0)
    samples[before : before + len(inner)] = inner
    return samples


def spectral(wave: np.ndarray) -> Spectral:
    """Return RMS, 2nd MFCC and spectral centroid of a clip.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float32, 16 kHz
        At least one sample.

    Returns
    -------
    Spectral
        Three tracks of ``1 + n_samples // 320`` values.

    Examples
    --------
    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    >>> tracks = spectral(tone)
    >>> len(tracks.rms), round(float(tracks.rms[25]), 3), round(float(tracks.centroid[25]))
    (51, 0.707, 1000)
    """
    from sere.tracks._compiled import measure

    wave = np.asarray(wave, dtype=np.float32)
    total_frames = n_frames(len(wave))
    energies = np.empty(total_frames, dtype=np.float32)
    bands = np.empty((_N_MELS, total_frames), dtype=np.float32)
    moments = np.empty((2, total_frames), dtype=np.float32)
    windowed = np.empty((BLOCK_FRAMES, FRAME_LENGTH))
    for first in range(0, total_frames, BLOCK_FRAMES):
        block = slice(first, min(first + BLOCK_FRAMES, total_frames))
        few = block.stop - first
        samples = _padded(wave, first, few)
        frames = np.ndarray(
            (few, FRAME_LENGTH), np.float64, samples, strides=(HOP * samples.itemsize, samples.itemsize)
        )
        spectrum = np.fft.rfft(np.multiply(frames, _hann(), out=windowed[:few]))
        parts = energies[block], bands[:, block], moments[:, block]
        measure(samples, spectrum.view(np.float64), *_mel_weights(), *parts)
    total, moment = moments
    hertz_per_bin = np.float32(SAMPLE_RATE / FRAME_LENGTH)
    centroid = hertz_per_bin * np.divide(moment, total, out=np.zeros_like(total), where=total > 0)
    decibel = 10 * np.log10(np.maximum(bands, _FLOOR_POWER, out=bands), out=bands)
    # The cosine sums to 0, so the level may be taken out: silence is then exactly 0 and not its rounding.
    # einsum, for a matrix product would wake a second thread for microseconds of work.
    np.maximum(decibel - decibel.max(), -_RANGE_DB, out=decibel)
    mfcc2 = np.einsum("bt,b->t", decibel, _second_cosine(), dtype=np.float64).astype(np.float32)
    return Spectral(np.sqrt(energies / FRAME_LENGTH), mfcc2, centroid)
