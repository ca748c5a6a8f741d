"""The embedded speech encoder: the lower layers of OpenAI's Whisper tiny.en, in 6 MB and without transformers.

A network that learned to write down hundreds of thousands of hours of speech has learned to hear; its lower layers
still hear *how* something is said. The states behind its first three layers stand side by side in a frame. What they
are, what they carry and under which licence they come stands in the card beside the weights (``speech.md``).

The computation is Whisper's (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022),
written out: log-mel spectrum, two convolutions, sinusoidal positions, pre-norm transformer layers. It differs in one
thing: a clip goes through alone, without the silence that fills Whisper's 30 s, which is many times faster and keeps
the clip's frames from attending to it.

Frame t is centred at sample 320 t, like every frame of the library: mel frames stand 10 ms apart from sample 0 on, and
the second convolution is centred on every other one. A clip whose length is a whole number of frames has one more
frame by the library's count; it repeats the last. Clips over 30 s go through in overlapping windows of 30 s, so memory
beside the frames themselves does not grow with the clip.

Each clip is computed on its own, so what it gets does not depend on the clips beside it, to the bit. Torch's threads
share out the clips, and the windows of long ones; or a clip's frames, where it comes alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sere.audio import HOP, SAMPLE_RATE, n_frames
from sere.encoders._speech_weights import read
from sere.encoders._whisper import Network
from sere.encoders.base import Encoded, FrameEncoder
from sere.encoders.windows import windows
from sere.loops.threads import one_thread, workers

#: Part of the cache key: changes whenever frames or context would by more than rounding, with the same weights.
_VERSION = 2
#: Frames of a window: Whisper's 30 s.
WINDOW = 30 * SAMPLE_RATE // HOP
#: Samples whose loudness a frame has: those under its spectrum.
_HEARD = 400

#: The weights that come with the library.
SHIPPED = Path(__file__).parent / "speech.safetensors"


@dataclass(eq=False, repr=False)
class SpeechEncoder(FrameEncoder):
    """States of the lower layers of a small speech recogniser, every 20 ms, and their mean over the clip by loudness.

    Parameters
    ----------
    weights : path-like, optional
        A file that ``benchmarks/make_speech.py`` made of another Whisper checkpoint; the one that comes with the
        library when not given.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.encoders.speech import SpeechEncoder
    >>> [clip] = SpeechEncoder().encode([np.sin(np.arange(8000, dtype=np.float32) / 20)])
    >>> clip.frames.shape, clip.context.shape
    ((26, 1152), (1152,))
    """

    weights: str | PathLike[str] | None = None

    kept_as = "float16"

    def __repr__(self) -> str:
        return f"SpeechEncoder({'' if self.weights is None else repr(str(self.weights))})"

    @property
    def cache_key(self) -> str:
        """The code's version and the weights' hash."""
        return f"speech-v{_VERSION}:{self._loaded[0]}"

    @property
    def frame_names(self) -> list[str]:
        """Layer by layer."""
        network = self._loaded[1]
        return [f"layer{i}_{j}" for i in range(1, len(network.layers) + 1) for j in range(network.width)]

    @property
    def context_names(self) -> list[str]:
        """Each column's mean over the clip, louder frames counting more (``loudness``)."""
        return [f"{name}_mean" for name in self.frame_names]

    def encode(self, waves: Sequence[np.ndarray], pitches: Sequence[Any] | None = None) -> list[Encoded]:
        """As in :meth:`sere.encoders.FrameEncoder.encode`; pitch is not needed."""
        network = self._loaded[1]
        waves = [np.ascontiguousarray(wave, dtype=np.float32) for wave in waves]
        width = len(network.layers) * network.width
        clips = [np.empty((n_frames(len(wave)), width), np.float32) for wave in waves]
        spans = [(clip, span) for clip, wave in enumerate(waves) for span in windows(_sounding(wave), WINDOW)]

        def fill(at: tuple[int, tuple[int, int, int, int]], parts: int = 1) -> None:
            clip, (start, stop, first, last) = at
            whole = start == first and stop == last
            states = clips[clip][first:last] if whole else np.empty((stop - start, width), np.float32)
            layers = {n + 1: states[:, n * network.width :][:, : network.width] for n in range(len(network.layers))}
            network.states(waves[clip][start * HOP : stop * HOP], stop - start, layers, parts=parts)
            if not whole:
                clips[clip][first:last] = states[first - start : last - start]

        if len(spans) == 1:
            with one_thread() as threads:
                fill(spans[0], threads)
                return [_finished((clips[0], waves[0]))]
        with workers() as run:
            list(run(fill, spans))
            return list(run(_finished, zip(clips, waves, strict=True)))

    @property
    def _loaded(self) -> tuple[str, Network]:
        return _load(str(SHIPPED if self.weights is None else self.weights))


def sinusoids(count: int, width: int) -> np.ndarray:
    """Return Whisper's position embeddings, (count, width): sines, then cosines, of geometric rates from 1 to 1e-4.

    Angles are multiplied in single precision, as those that the network was trained with.
    """
    step = np.float32(-np.log(10_000) / (width // 2 - 1))
    rates = np.exp((step * np.arange(width // 2, dtype=np.float32)).astype(np.float64)).astype(np.float32)
    angles = np.arange(count, dtype=np.float32)[:, None] * rates
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


@lru_cache(maxsize=2)
def _load(path: str) -> tuple[str, Network]:
    """Read a file once per process: its digest, and what it computes."""
    weights = read(path)
    positions = sinusoids(WINDOW, len(weights.tensors["conv1.bias"]))
    network = Network(weights.tensors, weights.tensors["mel_filters"], positions, weights.n_layers, weights.n_heads)
    return weights.digest, network


def _sounding(wave: np.ndarray) -> int:
    """Return how many frames of a clip begin within it, at least one: what Whisper has of it."""
    return max(1, -(-len(wave) // HOP))


def _finished(clip: tuple[np.ndarray, np.ndarray]) -> Encoded:
    """Repeat a clip's last frame where there is one more, and take the mean; given its frames and its wave."""
    frames, wave = clip
    own = _sounding(wave)
    frames[own:] = frames[own - 1]
    weight = loudness(wave)
    total = np.zeros(frames.shape[1])
    for first in range(0, len(frames), WINDOW):
        some = slice(first, first + WINDOW)
        total += (frames[some] * weight[some, None]).sum(0)
    return Encoded(frames, (total / weight.sum()).astype(np.float32))


def loudness(wave: np.ndarray) -> np.ndarray:
    """Return how much each frame counts in the mean: about its loudness, and a trifle, so that silence has a mean.

    Power of 25 ms to the power of 0.3 (Stevens). Pauses say little of an emotion and much of the recording.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float32

    Returns
    -------
    ndarray of shape (1 + n_samples // 320,), float64
    """
    count = n_frames(len(wave))
    padded = np.pad(wave, (_HEARD // 2, max(HOP * count + _HEARD - len(wave), 0)))
    around = np.lib.stride_tricks.sliding_window_view(padded, _HEARD)[::HOP][:count]
    return (np.einsum("ts,ts->t", around, around, dtype=np.float64) / _HEARD) ** 0.3 + 1e-6
