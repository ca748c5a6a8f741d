"""Audio in: any file libsndfile or ffmpeg reads, any rate and channel count, to 16 kHz mono float32.

Emotion lives below 8 kHz, CREPE and the speech encoders all listen at 16 kHz, and one common rate keeps a corpus's
sampling rate from becoming a cue. Channels are averaged, unless they cancel each other; other rates are resampled by
soxr (high quality). Whatever is wrong with a clip ends in an :class:`AudioError`, which says which clip, what and what
to do: before anything is decoded where a header tells (:func:`check`), else when the clip is read.

Frames are counted the same way everywhere in the library: one every 20 ms (:data:`HOP` samples), frame t centred at
sample ``320 * t``, so a clip of n samples has ``1 + n // 320`` of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from sere.audio import ffmpeg
from sere.audio.sources import Unreadable, label, order_problem, span_problem

#: Samples per second of every waveform inside the library.
SAMPLE_RATE = 16_000
#: Samples between two frames (20 ms).
HOP = 320
#: Frames per second.
FRAME_RATE = SAMPLE_RATE // HOP
#: Sampling rates in Hz that are believed. Below the first no speech is left (its first formants reach 1 kHz), and a
#: header's 1 Hz would turn kilobytes into hours; above the second nothing records sound.
RATES = (1_000, 1_000_000)
#: No sound is so loud where full scale is 1: files of floats may pass 1, by some 10 dB and not by 40.
LOUDEST = 100.0

_WIDEST = 2.0**31  # of integer samples
# From so many samples on (6 ms) numbers are judged as sound: shorter rows come from tests with tables of any numbers.
_ENOUGH = 100
# Channels cancel where their mean has less than this share of the power that one of them alone would leave in it.
_CANCELLED = 0.1


class AudioError(ValueError):
    """Clips that cannot be used.

    Attributes
    ----------
    problems : list of (int or None, str)
        Row of the input (None for a single file) and what is wrong with it.

    Examples
    --------
    >>> import numpy as np, sere
    >>> try:
    ...     sere.DynamicFeatureTransformer(cache=False).fit_transform([np.zeros(0)])
    ... except sere.audio.AudioError as error:
    ...     print([row for row, problem in error.problems])
    [0]
    """

    def __init__(self, problems: Sequence[tuple[int | None, str]], where: str = "X"):
        self.problems, self.where = list(problems), where
        lines = [text if row is None else f"{where}[{row}]: {text}" for row, text in self.problems[:5]]
        more = len(self.problems) - len(lines)
        if more:
            lines.append(f"... and {more} more")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems, self.where)

    def of_rows(self, rows: Sequence[int] | np.ndarray) -> "AudioError":
        """Return the error with row k renamed to ``rows[k]``, for clips that were a part of the input."""
        return AudioError([(None if k is None else int(rows[k]), text) for k, text in self.problems], self.where)


def n_frames(n_samples: int) -> int:
    """Number of 20 ms frames of a clip of `n_samples` samples at 16 kHz.

    Examples
    --------
    >>> from sere.audio import n_frames
    >>> n_frames(16_000)
    51
    """
    return 1 + n_samples // HOP


@dataclass(frozen=True, eq=False)
class Clip:
    """One stretch of audio, not yet read.

    Attributes
    ----------
    source : str, bytes, or ndarray of shape (n_samples,)
        Path of a file, content of one held in memory, or the waveform itself.
    sampling_rate : int
        Rate of a waveform in Hz; a file knows its own.
    start, end : float or None
        Seconds into the source; None for its beginning or end.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.audio import Clip
    >>> Clip(np.sin(np.arange(16_000.0)), start=0.25, end=0.5).load().shape
    (4000,)
    """

    source: str | bytes | np.ndarray
    sampling_rate: int = SAMPLE_RATE
    start: float | None = None
    end: float | None = None

    @property
    def name(self) -> str:
        """What an error calls the clip."""
        span = "" if self.start is None and self.end is None else f" [{self.start or 0:g}-{_end(self.end)} s]"
        return ("waveform" if isinstance(self.source, np.ndarray) else label(self.source)) + span

    def load(self) -> np.ndarray:
        """Return the samples: 1-D float32 at 16 kHz, finite, at least one.

        Raises
        ------
        AudioError
            Whatever is wrong with the clip.
        """
        if not isinstance(self.source, np.ndarray):
            return read(self.source, self.start, self.end)
        try:
            wave = _cut(self.source, self.sampling_rate, self.start, self.end)
            return _finish(wave, self.sampling_rate, self.name)
        except Unreadable as error:
            raise AudioError([(None, str(error))]) from error


def read(source: str | bytes, start: float | None = None, end: float | None = None) -> np.ndarray:
    """Read a file as 16 kHz mono.

    Parameters
    ----------
    source : str or bytes
        Path, or content, of anything that libsndfile (wav, flac, mp3, ogg, ...) or, where it is installed, ffmpeg reads
        (m4a, wma, amr, videos, ...). The content decides which, not the ending.
    start, end : float, optional
        Seconds into the file.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        In -1..1 for integer files.

    Raises
    ------
    AudioError
        Missing, unreadable, empty, truncated or not audio; samples or a rate that cannot be; a segment outside it.

    Examples
    --------
    >>> import tempfile, numpy as np, soundfile
    >>> from sere.audio import read
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/tone.wav", np.sin(np.arange(8_000) / 10), 8_000)
    ...     read(f"{folder}/tone.wav").shape, read(f"{folder}/tone.wav", start=0.25, end=0.5).shape
    ((16000,), (4000,))
    """
    from sere.audio import sndfile

    try:
        sound = sndfile.open_sound(source)
        if sound is None:
            samples, rate = ffmpeg.decode(source, start, end)
        else:
            with sound:
                samples, rate = sndfile.decode(source, sound, start, end), sound.samplerate
        return _finish(samples, rate, Clip(source, start=start, end=end).name)
    except Unreadable as error:
        raise AudioError([(None, str(error))]) from error
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        raise AudioError([(None, f"{label(source)} cannot be read: {error}")]) from error


def check_file(source: str | bytes, start: float | None = None, end: float | None = None) -> str | None:
    """Return what is wrong with a file, or with its content in memory, by its header alone, or None.

    What only decoding can tell is left to :func:`read`, and so is all of a file that ffmpeg will read.

    Examples
    --------
    >>> import tempfile, numpy as np, soundfile
    >>> from sere.audio import check_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/tone.wav", np.sin(np.arange(8_000) / 10), 8_000)
    ...     check_file(f"{folder}/tone.wav") is None
    True
    """
    from sere.audio import sndfile

    try:
        sound = sndfile.open_sound(source)
        if sound is None:
            ffmpeg.need_ffmpeg(source)
            return order_problem(label(source), start, end)
        with sound:
            return rate_problem(sound.samplerate, label(source)) or span_problem(
                label(source), start, end, sndfile.seconds_of(sound)
            )
    except Unreadable as error:
        return str(error)
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        return f"{label(source)} cannot be read: {error}"


def seconds_of(clip: Clip) -> float | None:
    """Return how long the whole source of a clip is, by its header alone; None where that does not tell.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.audio import Clip, seconds_of
    >>> seconds_of(Clip(np.zeros(8_000), sampling_rate=16_000))
    0.5
    """
    from sere.audio import sndfile

    if isinstance(clip.source, np.ndarray):
        return len(clip.source) / clip.sampling_rate if clip.source.ndim and clip.sampling_rate > 0 else None
    try:
        sound = sndfile.open_sound(clip.source)
        if sound is None:
            return None
        with sound:
            return sndfile.seconds_of(sound)
    except (Unreadable, OSError, RuntimeError, ValueError, MemoryError):
        return None


def check(clips: Iterable[Clip], where: str = "X") -> None:
    """Raise one :class:`AudioError` for all clips that are unusable, before any of them is processed.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.audio import Clip, check
    >>> check([Clip(np.sin(np.arange(16_000.0)))])
    """
    problems: list[tuple[int | None, str]] = []
    for row, clip in enumerate(clips):
        if isinstance(clip.source, np.ndarray):
            problem = _check_wave(clip)
        else:
            problem = check_file(clip.source, clip.start, clip.end)
        if problem:
            problems.append((row, problem))
    if problems:
        raise AudioError(problems, where)


def _check_wave(clip: Clip) -> str | None:
    wave = clip.source
    assert isinstance(wave, np.ndarray)
    if wave.ndim != 1:
        return f"a waveform must be 1-D (mono), this one has shape {wave.shape}; average its channels first"
    if wave.size == 0:
        return "the waveform holds no samples"
    if wave.dtype.kind not in "fiu":
        return f"a waveform must hold numbers, this one has dtype {wave.dtype}"
    if wave.dtype.kind in "iu" and wave.dtype.itemsize > 4:
        return f"a waveform of dtype {wave.dtype} has no full scale; convert it to int16, int32 or float in -1..1"
    return (
        level_problem(wave, "the waveform")
        or rate_problem(clip.sampling_rate, "the waveform")
        or span_problem("the waveform", clip.start, clip.end, len(wave) / clip.sampling_rate)
    )


def level_problem(samples: np.ndarray, name: str) -> str | None:
    """Return what cannot be in samples of any shape, or None; integers know their full scale."""
    if samples.dtype.kind in "iu" or samples.size == 0:
        return None
    peak = max(abs(float(samples.max())), abs(float(samples.min())))
    if not isfinite(peak):
        return f"{name} has {np.count_nonzero(~np.isfinite(samples))} NaN or infinite samples; repair or drop it"
    if peak < 2 or (peak <= _WIDEST and samples.size < _ENOUGH):
        return None
    many = np.count_nonzero(np.abs(samples) > 1) > 0.01 * samples.size
    if peak <= _WIDEST and ((peak > LOUDEST and many) or np.all(samples == np.rint(samples))):
        kind, remedy = (
            ("int16", "32768, or pass them as int16") if peak <= 2**15 else ("int32 or 24-bit", "their full scale")
        )
        return (
            f"{name} reaches {peak:g}, but sound in floating point lies in -1..1: these look like {kind} samples; "
            f"divide them by {remedy}"
        )
    if peak > LOUDEST:
        return f"{name} holds a sample of size {peak:.3g} where full scale is 1: it is damaged; repair or drop it"
    return None


def rate_problem(rate: int, name: str) -> str | None:
    if rate <= 0:
        return f"{name}: the sampling rate must be positive, got {rate} Hz"
    if RATES[0] <= rate <= RATES[1]:
        return None
    hint = f"; if it is in kHz, pass {rate * 1000}" if RATES[0] <= rate * 1000 <= RATES[1] else ""
    return f"{name} has a sampling rate of {rate} Hz; sound has {RATES[0]} to {RATES[1]} Hz{hint}"


def _finish(samples: np.ndarray, rate: int, name: str) -> np.ndarray:
    """Scale integers to -1..1, mix channels, resample, and refuse what no descriptor can survive.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,) or (n_samples, n_channels)
    """
    if samples.size == 0:
        raise Unreadable(f"{name} holds no samples")
    problem = rate_problem(rate, name) or level_problem(samples, name)
    if problem:
        raise Unreadable(problem)
    samples = in_full_scale(samples)
    wave = np.ascontiguousarray(samples if samples.ndim == 1 else _mix(samples), dtype=np.float32)
    if rate != SAMPLE_RATE:
        import soxr

        wave = np.asarray(soxr.resample(wave, rate, SAMPLE_RATE, quality="HQ"))
        if wave.size == 0:
            wave = np.zeros(1, np.float32)
    return wave


def in_full_scale(samples: np.ndarray) -> np.ndarray:
    """Return integers as floats in -1..1, and floats as they are."""
    if samples.dtype.kind not in "iu":
        return samples
    info = np.iinfo(samples.dtype)
    scaled: np.ndarray = (samples.astype(np.float64) - (0 if info.min else (info.max + 1) / 2)) / (
        (info.max + 1) / (1 if info.min else 2)
    )
    return scaled


def _mix(samples: np.ndarray) -> np.ndarray:
    """Return the mean of all channels; where they cancel each other, as with one plug's poles swapped, the loudest."""
    n_channels = samples.shape[1]
    if n_channels == 1:
        return samples[:, 0]
    mean: np.ndarray = samples.mean(axis=1)
    left = np.dot(mean, mean)
    if left < cancelled(n_channels) * np.vdot(samples, samples):  # which is no less than the loudest channel's power
        powers = np.einsum("nc,nc->c", samples, samples)
        if left < cancelled(n_channels) * powers.max():
            mean = samples[:, powers.argmax()]
    return mean


def cancelled(n_channels: int) -> float:
    """Share of the loudest channel's power below which what the mean of all leaves means that they cancel each other.

    One voice on one channel of n, and nothing on the others, leaves 1 / n^2 of its power: that is no cancelling.
    """
    return _CANCELLED / n_channels**2


def _cut(wave: np.ndarray, rate: int, start: float | None, end: float | None) -> np.ndarray:
    first = 0 if start is None else round(start * rate)
    return wave[first : None if end is None else round(end * rate)]


def _end(end: float | None) -> str:
    return "end" if end is None else f"{end:g}"
