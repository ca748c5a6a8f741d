"""Formant synthesis of speech with a given prosody.

Source and filter (Fant 1960; Klatt 1980), at 16 kHz. The source is a train of glottal pulses
(Rosenberg 1971) that follows an F0 contour with jitter and shimmer, mixed with aspiration noise
that breathes in step with the pulses. The filter is a row of five formant resonances that glide
from sound to sound; it is applied to short-time spectra, so every clip costs a few array
operations. Consonants are a closure (stops), band noise (fricatives and bursts) or a murmur
(nasals, liquids).
"""

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 16_000
_FRAME = 512
_STEP = 128
# Formants above the third hardly differ between vowels.
_UPPER_FORMANTS = (3500.0, 4500.0)
_BANDWIDTHS = np.array([80.0, 100.0, 130.0, 220.0, 300.0])
_GLIDE_SECONDS = 0.04


@dataclass(frozen=True)
class Sound:
    """One vowel or consonant of a clip, with its place in time.

    Attributes
    ----------
    start, end : float
        Seconds.
    formants : tuple of three float
        Hz, for a vocal tract of average length.
    voice : float
        Amplitude of the voiced source, 0 to 1.
    noise : float
        Amplitude of the consonant's noise, 0 to 1.
    noise_band : tuple of two float
        Centre and width of that noise, Hz.
    """

    start: float
    end: float
    formants: tuple[float, float, float]
    voice: float
    noise: float = 0.0
    noise_band: tuple[float, float] = (4000.0, 2000.0)


@dataclass(frozen=True)
class Voice:
    """How a clip is voiced, apart from what is said.

    Attributes
    ----------
    tract : float
        Factor on all formants; above 1 for a short vocal tract.
    tilt : float
        Spectral tilt of the source in dB per octave above 500 Hz; nearer 0 for a pressed voice.
    jitter, shimmer : float
        Standard deviation of a period's length and height, relative.
    breath : float
        Aspiration noise, relative to the voiced source.
    gain : float
        Factor on the finished waveform.
    """

    tract: float
    tilt: float
    jitter: float
    shimmer: float
    breath: float
    gain: float


def synthesise(sounds: list[Sound], f0: np.ndarray, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Return the waveform of a clip.

    Parameters
    ----------
    sounds : list of Sound
        In order of time.
    f0 : ndarray of shape (n_samples,)
        Fundamental frequency at every sample, Hz, also where nothing is voiced.
    voice : Voice
        How it is voiced.
    rng : Generator
        Draws jitter, shimmer and noise.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        16 kHz, below 1 in magnitude.
    """
    pulses, opening = _glottal_pulses(f0, voice, rng)
    voiced = pulses + voice.breath * opening * rng.standard_normal(len(f0))
    centres = np.arange(0, len(f0) + _STEP, _STEP) / SAMPLE_RATE
    amplitude, formants = _tracks(sounds, centres)
    hertz = np.fft.rfftfreq(_FRAME, 1 / SAMPLE_RATE)
    filters = amplitude[:, None] * _resonances(formants * voice.tract, hertz)
    octaves = np.log2(np.maximum(hertz, 500.0) / 500.0)
    filters *= 10 ** (voice.tilt * octaves / 20)
    wave = _filtered(voiced, filters)
    wave += _filtered(rng.standard_normal(len(f0)), _noise_bands(sounds, centres, hertz))
    # A room is never silent; without a floor, silence itself would tell synthetic clips apart.
    wave = voice.gain * wave + 2e-4 * rng.standard_normal(len(f0))
    return np.clip(wave, -0.99, 0.99).astype(np.float32)


def _glottal_pulses(f0: np.ndarray, voice: Voice, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivative of the glottal flow and how open the glottis is, both per sample."""
    cycles = np.cumsum(f0) / SAMPLE_RATE
    periods = int(cycles[-1]) + 2
    # Jitter shifts the moments of closure, which are the whole numbers of the running cycle count.
    lengths = np.maximum(1 + voice.jitter * rng.standard_normal(periods), 0.5)
    closures = np.concatenate([[0.0], np.cumsum(lengths)])
    heights = np.maximum(1 + voice.shimmer * rng.standard_normal(periods + 1), 0.1)
    number = np.searchsorted(closures, cycles, side="right") - 1
    phase = np.clip((cycles - closures[number]) / np.diff(closures, append=closures[-1] + 1)[number], 0, 1)
    rise, fall = 0.4, 0.16
    rising = 0.5 * np.pi / rise * np.sin(np.pi * phase / rise) * (phase < rise)
    falling = phase - rise
    closing = (falling >= 0) & (falling < fall)
    falling_slope = -0.5 * np.pi / fall * np.sin(0.5 * np.pi * falling / fall) * closing
    opening = np.where(phase < rise + fall, np.sin(np.pi * phase / (rise + fall)), 0.15)
    return heights[number] * (rising + falling_slope) / 8, np.abs(opening)


def _tracks(sounds: list[Sound], times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the voiced amplitude (n_frames,) and the formants (n_frames, 5), gliding."""
    edges = np.array([sound.start for sound in sounds] + [sounds[-1].end])
    middle = (edges[:-1] + edges[1:]) / 2
    half = np.maximum(np.diff(edges) / 2 - _GLIDE_SECONDS / 2, 1e-4)
    knots = np.column_stack([middle - half, middle + half]).ravel()

    def glide(values: list[float]) -> np.ndarray:
        return np.asarray(np.interp(times, knots, np.repeat(values, 2)))

    formants = np.column_stack(
        [glide([sound.formants[k] for sound in sounds]) for k in range(3)]
        + [np.full(len(times), hertz) for hertz in _UPPER_FORMANTS]
    )
    spoken = (times >= edges[0]) & (times <= edges[-1])
    return glide([sound.voice for sound in sounds]) * spoken, formants


def _resonances(formants: np.ndarray, hertz: np.ndarray) -> np.ndarray:
    """Return the magnitude (n_frames, n_bins) of resonators in cascade, 1 at 0 Hz."""
    gain = np.ones((len(formants), len(hertz)))
    squared = hertz[None, :] ** 2
    for k, bandwidth in enumerate(_BANDWIDTHS):
        centre = formants[:, k, None] ** 2 + bandwidth**2 / 4
        gain *= centre / np.sqrt((centre - squared) ** 2 + squared * bandwidth**2)
    return gain


def _noise_bands(sounds: list[Sound], times: np.ndarray, hertz: np.ndarray) -> np.ndarray:
    """Return the magnitude (n_frames, n_bins) of the consonants' noise."""
    gain = np.zeros((len(times), len(hertz)))
    for sound in sounds:
        if sound.noise > 0:
            edge = 0.012
            shape = np.clip(np.minimum(times - sound.start, sound.end - times) / edge + 0.5, 0, 1)
            centre, width = sound.noise_band
            band = np.exp(-0.5 * ((hertz - centre) / width) ** 2)
            gain += sound.noise * shape[:, None] * band[None, :]
    return gain


def _filtered(wave: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Return a waveform filtered by one magnitude response a frame, by overlap and add."""
    window = np.sqrt(np.hanning(_FRAME + 1)[:-1] * 2 * _STEP / _FRAME)
    padded = np.pad(wave, (_FRAME // 2, _FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_STEP][: len(filters)]
    shaped = np.fft.irfft(np.fft.rfft(frames * window) * filters[: len(frames)], _FRAME) * window
    # Frames a whole window apart do not overlap, so each such set is laid out by reshaping.
    out = np.zeros((len(frames) + _FRAME // _STEP) * _STEP)
    for first in range(_FRAME // _STEP):
        part = shaped[first :: _FRAME // _STEP]
        out[first * _STEP :][: part.size] += part.ravel()
    return out[_FRAME // 2 :][: len(wave)]
