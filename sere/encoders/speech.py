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

Each clip is computed on its own by one thread, so what it gets does not depend on the clips beside it, to the bit.
Torch's threads share out the clips, and the windows of long ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from sere.audio import HOP, SAMPLE_RATE, n_frames
from sere.encoders._speech_weights import Weights, read
from sere.encoders.base import Encoded, FrameEncoder
from sere.encoders.layers import windows
from sere.loops.products import products
from sere.loops.threads import workers

#: Part of the cache key: changes whenever frames or context would, with the same weights.
_VERSION = 2
#: Frames of a window: Whisper's 30 s.
WINDOW = 30 * SAMPLE_RATE // HOP
_MEL_HOP = 160
_FFT = 400

#: The weights that come with the library.
SHIPPED = Path(__file__).parent / "speech.safetensors"


@dataclass(frozen=True)
class Layer:
    """One transformer layer; matrices are (inputs, outputs) with their bias, norms weight and bias."""

    n_heads: int
    attention_norm: tuple[torch.Tensor, torch.Tensor]
    into_heads: tuple[torch.Tensor, torch.Tensor]
    out_of_heads: tuple[torch.Tensor, torch.Tensor]
    norm: tuple[torch.Tensor, torch.Tensor]
    widen: tuple[torch.Tensor, torch.Tensor]
    narrow: tuple[torch.Tensor, torch.Tensor]

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return what becomes of a clip's frames (n, width)."""
        together = _times(F.layer_norm(hidden, hidden.shape[1:], *self.attention_norm), *self.into_heads)
        query, key, value = together.view(1, len(hidden), 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value)[0].transpose(0, 1).flatten(1)
        hidden = hidden + _times(attended, *self.out_of_heads)
        inner = F.gelu(_times(F.layer_norm(hidden, hidden.shape[1:], *self.norm), *self.widen))
        return hidden + _times(inner, *self.narrow)


class Network:
    """Whisper's log-mel front, convolutions and first layers, as functions of one clip."""

    def __init__(self, weights: Weights):
        given = {name: torch.from_numpy(array) for name, array in weights.tensors.items()}
        self.filters = given["mel_filters"]
        self.hann = torch.hann_window(_FFT)
        self.convolutions = [_affine(given, f"conv{n}") for n in (1, 2)]
        self.width = len(given["conv1.bias"])
        self.positions = sinusoids(WINDOW, self.width)
        self.layers = [_layer(given, f"layers.{number}.", weights.n_heads) for number in range(weights.n_layers)]

    def log_mel(self, wave: torch.Tensor, count: int) -> torch.Tensor:
        """Return the log-mel spectrum around `count` frames, (2 * count, n_mels), silence behind the clip's end.

        Mel frame m is centred at sample 160 m. Values are cut at 80 dB below the loudest and scaled as Whisper does.
        """
        # Two frames more, so that the loudest may lie behind the last frame's centre, as in Whisper's 30 s.
        total = 2 * count + 2
        missing = max((total - 1) * _MEL_HOP + _FFT // 2 - len(wave), 0)
        padded = F.pad(wave, (0, missing))
        padded = torch.cat([padded[1 : _FFT // 2 + 1].flip(0), padded])
        spectrum = torch.stft(padded, _FFT, _MEL_HOP, window=self.hann, center=False, return_complex=True)
        power = spectrum.abs().square()[:, :total]
        mel = (self.filters @ power).clamp_min(1e-10).log10()
        mel = (mel.maximum(mel.max() - 8.0) + 4.0) / 4.0
        return mel[:, : 2 * count].T

    def states(self, wave: torch.Tensor, count: int) -> torch.Tensor:
        """Return the states behind each layer side by side, (count, n_layers * width), of up to 30 s of sound."""
        hidden = self.log_mel(wave, count)
        for (weight, bias), step in zip(self.convolutions, (1, 2), strict=True):
            around = F.pad(hidden, (0, 0, 1, 1)).unfold(0, 3, step).transpose(1, 2)
            hidden = F.gelu(_times(around.flatten(1), weight, bias))
        hidden = hidden + self.positions[:count]
        found = []
        for layer in self.layers:
            hidden = layer(hidden)
            found.append(hidden)
        return torch.cat(found, 1)


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
        waves = [np.asarray(wave, dtype=np.float32) for wave in waves]
        clips = [np.empty((n_frames(len(wave)), len(self.frame_names)), np.float32) for wave in waves]
        spans = [(clip, span) for clip, wave in enumerate(waves) for span in windows(_sounding(wave), WINDOW)]

        def fill(at: tuple[int, tuple[int, int, int, int]]) -> None:
            clip, (start, stop, first, last) = at
            # A copy, since torch takes neither what may not be written to nor what runs backwards.
            part = torch.from_numpy(waves[clip][start * HOP : stop * HOP].copy())
            clips[clip][first:last] = network.states(part, stop - start)[first - start : last - start].numpy()

        with workers() as run:
            each = run if len(spans) > 1 else map
            list(each(fill, spans))
            return list(each(_finished, zip(clips, waves, strict=True)))

    @property
    def _loaded(self) -> tuple[str, Network]:
        return _load(str(SHIPPED if self.weights is None else self.weights))


def sinusoids(count: int, width: int) -> torch.Tensor:
    """Return Whisper's position embeddings, (count, width): sines, then cosines, of geometric rates from 1 to 1e-4."""
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(count)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


@lru_cache(maxsize=2)
def _load(path: str) -> tuple[str, Network]:
    """Read a file once per process: its digest, and what it computes."""
    weights = read(path)
    return weights.digest, Network(weights)


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
    padded = np.pad(wave, (_FFT // 2, max(HOP * count + _FFT - len(wave), 0)))
    around = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::HOP][:count]
    return (np.einsum("ts,ts->t", around, around, dtype=np.float64) / _FFT) ** 0.3 + 1e-6


def _layer(given: dict[str, torch.Tensor], prefix: str, n_heads: int) -> Layer:
    own = {name.removeprefix(prefix): tensor for name, tensor in given.items() if name.startswith(prefix)}
    attention = [own[f"self_attn.{name}_proj.weight"].T for name in "qkv"]
    no_bias = torch.zeros(len(own["self_attn.q_proj.bias"]))
    return Layer(
        n_heads=n_heads,
        attention_norm=(own["self_attn_layer_norm.weight"], own["self_attn_layer_norm.bias"]),
        into_heads=(
            torch.cat(attention, 1).contiguous(),
            torch.cat([own["self_attn.q_proj.bias"], no_bias, own["self_attn.v_proj.bias"]]),
        ),
        out_of_heads=_affine(own, "self_attn.out_proj"),
        norm=(own["final_layer_norm.weight"], own["final_layer_norm.bias"]),
        widen=_affine(own, "fc1"),
        narrow=_affine(own, "fc2"),
    )


def _affine(given: dict[str, torch.Tensor], name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a layer's matrix as (inputs, outputs), a kernel's taps one after the other, and its bias."""
    weight = given[f"{name}.weight"]
    matrix = weight.T if weight.ndim == 2 else weight.permute(2, 1, 0).flatten(0, 1)
    return matrix.contiguous(), given[f"{name}.bias"]


def _times(rows: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Return ``rows @ matrix + bias``."""
    out = bias.repeat(1, len(rows), 1)
    products(rows[None].numpy(), matrix[None].numpy(), out.numpy())
    return out[0]
