"""Long audio a block at a time: what :func:`sere.audio.read` gives at once, in memory that does not grow.

The samples are the same. soxr resamples a stream as it resamples the whole, so blocks need no overlap. Whether channels
cancel each other is a question about all of a recording, so one that has several is read through once before
(:attr:`Recording.channel`); where that cannot be, as in a pipe, the first block that sounds decides (:func:`mono`).
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from sere.audio import ffmpeg
from sere.audio.clips import SAMPLE_RATE, AudioError, Clip, cancelled, check, in_full_scale, level_problem, rate_problem
from sere.audio.sources import Unreadable

#: Seconds of a block.
SECONDS = 10.0
#: Power of a block, mean over samples and channels, from which it sounds.
_SOUNDS = 1e-10


class Recording:
    """A file, the content of one, or a waveform, to be read in blocks as often as needed.

    Parameters
    ----------
    clip : Clip
        All of a source.

    Raises
    ------
    AudioError
        Whatever its header, or a look at the waveform, tells against it.
    """

    def __init__(self, clip: Clip):
        if clip.start is not None or clip.end is not None:
            raise ValueError(f"{clip.name} is a part of a recording; pass the whole")
        problems: list[tuple[int | None, str]] = []
        try:
            check([clip])
        except AudioError as error:
            problems = [(None, text) for _, text in error.problems]
        if problems:
            raise AudioError(problems)
        self.clip = clip

    @property
    def name(self) -> str:
        """What an error calls it."""
        return self.clip.name

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the recording as 16 kHz mono float32, some seconds at a time.

        Raises
        ------
        AudioError
            Whatever shows only when it is decoded.
        """
        try:
            yield from at_16k(self._mixed())
        except Unreadable as error:
            raise AudioError([(None, str(error))]) from error
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            if isinstance(error, AudioError):
                raise
            raise AudioError([(None, f"{self.name} cannot be read: {error}")]) from error

    @cached_property
    def channel(self) -> int | None:
        """The loudest channel, where the mean of all would cancel most of it; None where the mean will do."""
        left, powers = 0.0, np.zeros(1)
        for samples, _ in self._given():
            if samples.shape[1] == 1:
                return None
            left, powers = _with(left, powers, samples)
        return _loudest(left, powers)

    def _mixed(self) -> Iterator[tuple[np.ndarray, int]]:
        for samples, rate in self._given():
            problem = rate_problem(rate, self.name) or level_problem(samples, self.name)
            if problem:
                raise Unreadable(problem)
            yield _one(samples, None if samples.shape[1] == 1 else self.channel), rate

    def _given(self) -> Iterator[tuple[np.ndarray, int]]:
        """Yield blocks of shape (n_samples, n_channels) as they stand in the source, with their rate."""
        source, rate = self.clip.source, self.clip.sampling_rate
        if isinstance(source, np.ndarray):
            step = max(1, round(SECONDS * rate))
            for first in range(0, len(source), step):
                yield in_full_scale(source[first : first + step])[:, None], rate
            return
        from sere.audio import sndfile

        sound = sndfile.open_sound(source)
        if sound is None:
            yield from ffmpeg.blocks(source, SECONDS)
            return
        with sound:
            yield from sndfile.blocks(source, sound, SECONDS)


def mono(blocks: Iterable[np.ndarray], rate: int, name: str = "the stream") -> Iterator[np.ndarray]:
    """Yield blocks of shape (n_samples, n_channels) mixed, as the first that sounds says it must be.

    Parameters
    ----------
    blocks : iterable of ndarray
        From a source that cannot be read twice.
    rate : int
        Samples a second.
    name : str
        What errors call it.

    Raises
    ------
    AudioError
        A rate or samples that cannot be sound.
    """
    problem = rate_problem(rate, name)
    if problem:
        raise AudioError([(None, problem)])
    channel, decided = None, False
    for samples in blocks:
        problem = level_problem(samples, name)
        if problem:
            raise AudioError([(None, problem)])
        if not decided:
            left, powers = _with(0.0, np.zeros(1), samples)
            channel = _loudest(left, powers)
            decided = bool(powers.mean() > _SOUNDS * len(samples))
        yield _one(samples, channel)


def at_16k(blocks: Iterable[tuple[np.ndarray, int]]) -> Iterator[np.ndarray]:
    """Yield mono blocks, each given with the rate of all, resampled to 16 kHz; together at least one sample."""
    stream: Any = None
    for wave, rate in blocks:
        if rate == SAMPLE_RATE:
            yield wave
            continue
        if stream is None:
            import soxr

            stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
            n_samples = 0
        resampled = stream.resample_chunk(wave)
        n_samples += len(resampled)
        if len(resampled):
            yield resampled
    if stream is not None:
        rest = stream.resample_chunk(np.empty(0, np.float32), last=True)
        yield rest if n_samples + len(rest) else np.zeros(1, np.float32)


def _with(left: float, powers: np.ndarray, samples: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the power that the mean of all channels leaves, and that of each channel, with another block's."""
    mean = samples.mean(axis=1)
    own = np.einsum("nc,nc->c", samples, samples, dtype=np.float64)
    return left + float(np.dot(mean, mean)), powers + own


def _loudest(left: float, powers: np.ndarray) -> int | None:
    return int(powers.argmax()) if left < cancelled(len(powers)) * powers.max() else None


def _one(samples: np.ndarray, channel: int | None) -> np.ndarray:
    """Return the mean of the channels, or one of them, contiguous float32."""
    if samples.shape[1] == 1:
        channel = 0
    return np.ascontiguousarray(samples.mean(axis=1) if channel is None else samples[:, channel], dtype=np.float32)
