"""Whisper's encoder by hand: log-mel spectrum, two convolutions, positions, pre-norm transformer layers.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022. What transformers computes, for a
processor and one clip at a time, and no more of it than the wanted states need:

- the silence that fills a window has one spectrum and one state behind the convolutions, computed once;
- layers above the last wanted state are not computed, and that one for the clip's own frames alone.

Threads may share out a clip's frames (`parts`); they meet once a layer, and frames are the same to the bit
(:mod:`sere.loops.transformer`). The readable twin is transformers', which the tests compare with.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import fft

from sere.audio import HOP
from sere.loops.threads import side_by_side
from sere.loops.transformer import BLOCK, Matrix, affine, attend, keys_and_values, normalise, share

_MEL_HOP = 160
#: Power that counts as none.
_FAINTEST = np.float32(1e-10)
_FFT = 400
#: Mel frames that are transformed together: the same ones whatever the number of threads.
_TOGETHER = 64

#: Frames of a clip for which a thread is worth its start.
_WORTH = 25

Norm = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Layer:
    """One transformer layer; norms are weight and bias, queries are divided by the root of their length."""

    attention_norm: Norm
    into_heads: Matrix
    out_of_heads: Matrix
    norm: Norm
    widen: Matrix
    narrow: Matrix


class Network:
    """An encoder's lower layers, or all of them.

    Parameters
    ----------
    tensors : mapping of str to ndarray, float32
        By transformers' names; a layer's are read when it is made. `layer_norm`, which stands behind the last layer,
        may be missing.
    filters : ndarray of shape (n_mels, 201)
    positions : ndarray of shape (window, width)
    n_layers, n_heads : int
    """

    def __init__(
        self,
        tensors: Mapping[str, np.ndarray],
        filters: np.ndarray,
        positions: np.ndarray,
        n_layers: int,
        n_heads: int,
    ):
        self.n_mels = len(filters)
        self.filters = Matrix.of(np.asarray(filters, dtype=np.float32).T, np.zeros(len(filters)))
        self.hann = hann(_FFT)
        self.positions = positions
        self.window, self.width = positions.shape
        self.n_heads = n_heads
        self.convolutions = [_affine(tensors, f"conv{n}") for n in (1, 2)]
        self.layers = [_layer(tensors, f"layers.{number}.", n_heads) for number in range(n_layers)]
        self.norm = _norm(tensors, "layer_norm") if "layer_norm.weight" in tensors else None

    def log_mel(self, wave: np.ndarray, count: int) -> np.ndarray:
        """Return the log-mel spectrum under `count` frames, (2 * count, n_mels), as the convolutions get it."""
        spectrum = _Spectrum(self, wave, count, False)
        for block in spectrum.blocks:
            spectrum.transform(block)
        return spectrum.scaled(0, 2 * count)

    def states(
        self,
        wave: np.ndarray,
        own: int,
        out: Mapping[int, np.ndarray],
        *,
        total: int | None = None,
        mirrored: bool = False,
        parts: int = 1,
    ) -> None:
        """Compute states of up to a window of sound.

        Parameters
        ----------
        wave : ndarray of shape (n_samples,), float32
        own : int
            Frames of the clip.
        out : mapping of int to ndarray of shape (own, width)
            Where each wanted state is written: 0 enters the first layer, i leaves layer i, the last behind
            `layer_norm`.
        total : int, optional
            Frames that attend to each other, silence behind the clip's own: these alone if not given.
        mirrored : bool
            Whether the last samples of a full window are heard once more, mirrored, behind its end, as in transformers.
        parts : int
            Threads that share out the frames.
        """
        parts = min(parts, -(-own // _WORTH))
        run = _Run(self, wave, own, own if total is None else total, mirrored, out, parts)
        side_by_side(parts, run.part)


class _Spectrum:
    """A clip's log-mel spectrum, block by block of mel frames; behind the clip's end it is silence's."""

    def __init__(self, network: Network, wave: np.ndarray, own: int, mirrored: bool):
        self.filters, self.hann = network.filters, network.hann
        full = mirrored and own == network.window
        # Two frames more, since the loudest may lie behind the last frame's centre; a full window has none.
        self.count = 2 * own + (0 if full else 2)
        before = _FFT // 2
        if full:
            padded = np.pad(np.pad(wave, (0, own * HOP - len(wave))), before, mode="reflect")
        else:
            padded = np.zeros((self.count - 1) * _MEL_HOP + _FFT, np.float32)
            padded[before : before + len(wave)] = wave[: len(padded) - before]
            padded[:before] = padded[before + 1 : 2 * before + 1][::-1]
        self.heard = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_MEL_HOP]
        self.logs = np.empty((self.count, network.n_mels), np.float32)
        self.blocks = range(0, self.count, _TOGETHER)

    def transform(self, first: int) -> None:
        """Compute one block."""
        last = min(first + _TOGETHER, self.count)
        spectrum = fft.rfft(self.heard[first:last] * self.hann).astype(np.complex64, copy=False)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        logs = self.logs[first:last]
        affine(power, self.filters, 0, len(power), logs)
        np.log10(np.maximum(logs, _FAINTEST), out=logs)

    def scaled(self, first: int, last: int) -> np.ndarray:
        """Return some mel frames cut at 80 dB below the loudest and scaled as Whisper does; zeros outside of [0, end).

        Frames behind the last that was computed are silence.
        """
        floor = max(self.logs.max(), np.float32(-10)) - np.float32(8)
        some = np.full((last - first, self.logs.shape[1]), -10, np.float32)
        inside = self.logs[max(first, 0) : last]
        start = max(-first, 0)
        some[start : start + len(inside)] = inside
        some = (np.maximum(some, floor) + np.float32(4)) / np.float32(4)
        some[:start] = 0
        return some


class _Run:
    """One clip on its way through a network, shared out by rows."""

    def __init__(
        self,
        network: Network,
        wave: np.ndarray,
        own: int,
        total: int,
        mirrored: bool,
        out: Mapping[int, np.ndarray],
        parts: int,
    ):
        self.network, self.own, self.total, self.out, self.parts = network, own, total, out, parts
        self.spectrum = _Spectrum(network, wave, own, mirrored)
        # Two frames still hear the clip's end, a third stands for all silence, and the last has nothing behind it.
        self.different = min(total, own + 4)
        width = network.width
        self.front = np.empty((self.different, width), np.float32)
        self.hidden = np.empty((total, width), np.float32)
        self.together = np.empty((total, 3 * width), np.float32)
        # Two pairs in turn: one thread may write a layer's while another still reads those of the layer below.
        self.heard = [keys_and_values(network.n_heads, width, total) for _ in range(2)]

    def part(self, part: int, wait: Callable[[], Any]) -> None:
        """Go through all of it for one part of the rows."""
        network = self.network
        for block in self.spectrum.blocks[part :: self.parts]:
            self.spectrum.transform(block)
        wait()
        self._convolve(*self._rows(part, self.different))
        if self.total > self.different:
            wait()
        first, last = self._rows(part, self.total)
        self._place(first, last)
        stop = max(self.out)
        for number, layer in enumerate(network.layers[:stop]):
            self._keep(number, first, last)
            self._into_heads(layer, number, first, last)
            wait()
            if number == stop - 1:
                first, last = self._rows(part, self.own)
            for top in range(first, last, BLOCK):
                self._through(layer, number, top, min(top + BLOCK, last))
        if stop == len(network.layers) and network.norm is not None:
            normalise(self.hidden, network.norm, first, last, self.hidden, first)
        self._keep(stop, first, last)

    def _rows(self, part: int, total: int) -> tuple[int, int]:
        return total * part // self.parts, total * (part + 1) // self.parts

    def _convolve(self, first: int, last: int) -> None:
        if first == last:
            return
        end = 2 * self.different
        below, above = self.network.convolutions
        # Row s of the first convolution hears mel frames s - 1 to s + 1, row t of the second rows 2 t - 1 to 2 t + 1.
        mel = self.spectrum.scaled(2 * first - 2, 2 * last + 1)
        if 2 * last + 1 > end:
            mel[end - 2 * last - 1 :] = 0
        inner = np.empty((2 * (last - first) + 1, self.network.width), np.float32)
        affine(mel, below, 0, len(inner), inner, then="gelu")
        if first == 0:
            inner[0] = 0
        affine(inner, above, 0, last - first, self.front[first:last], then="gelu", step=2 * self.network.width)

    def _place(self, first: int, last: int) -> None:
        rows = np.arange(first, last)
        if self.total > self.different:
            rows = np.where(rows == self.total - 1, self.different - 1, np.minimum(rows, self.different - 2))
        np.add(self.front[rows], self.network.positions[first:last], out=self.hidden[first:last])

    def _keep(self, state: int, first: int, last: int) -> None:
        if state in self.out:
            last = min(last, self.own)
            self.out[state][first:last] = self.hidden[first:last]

    def _into_heads(self, layer: Layer, number: int, first: int, last: int) -> None:
        normed = np.empty((BLOCK, self.network.width), np.float32)
        for top in range(first, last, BLOCK):
            bottom = min(top + BLOCK, last)
            normalise(self.hidden, layer.attention_norm, top, bottom, normed, 0)
            affine(normed, layer.into_heads, 0, bottom - top, self.together[top:bottom])
        share(self.together, first, last, *self.heard[number % 2])

    def _through(self, layer: Layer, number: int, first: int, last: int) -> None:
        """Everything behind a layer's keys and values, for rows that have those of all frames."""
        count, hidden = last - first, self.hidden[first:last]
        some = np.empty((count, self.network.width), np.float32)
        inner = np.empty((count, len(layer.widen.bias)), np.float32)
        attend(self.together, first, last, *self.heard[number % 2], some)
        affine(some, layer.out_of_heads, 0, count, hidden, then="add")
        normalise(hidden, layer.norm, 0, count, some, 0)
        affine(some, layer.widen, 0, count, inner, then="gelu")
        affine(inner, layer.narrow, 0, count, hidden, then="add")


def hann(length: int) -> np.ndarray:
    """Return Hann's window of a period of so many samples, float32."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def _layer(tensors: Mapping[str, np.ndarray], prefix: str, n_heads: int) -> Layer:
    query, key, value = (tensors[f"{prefix}self_attn.{name}_proj.weight"].T for name in "qkv")
    query_bias, value_bias = (tensors[f"{prefix}self_attn.{name}_proj.bias"] for name in "qv")
    scale = np.float32((len(query_bias) // n_heads) ** -0.5)
    biases = np.concatenate([query_bias * scale, np.zeros_like(query_bias), value_bias])
    return Layer(
        attention_norm=_norm(tensors, f"{prefix}self_attn_layer_norm"),
        into_heads=Matrix.of(np.concatenate([query * scale, key, value], 1), biases),
        out_of_heads=_affine(tensors, f"{prefix}self_attn.out_proj"),
        norm=_norm(tensors, f"{prefix}final_layer_norm"),
        widen=_affine(tensors, f"{prefix}fc1"),
        narrow=_affine(tensors, f"{prefix}fc2"),
    )


def _norm(tensors: Mapping[str, np.ndarray], name: str) -> Norm:
    weight, bias = (np.ascontiguousarray(tensors[f"{name}.{kind}"], np.float32) for kind in ("weight", "bias"))
    return weight, bias


def _affine(tensors: Mapping[str, np.ndarray], name: str) -> Matrix:
    """Return a layer's matrix as (inputs, outputs), a kernel's taps one after the other, and its bias."""
    weight = tensors[f"{name}.weight"]
    matrix = weight.T if weight.ndim == 2 else weight.transpose(2, 1, 0).reshape(-1, len(weight))
    return Matrix.of(matrix, tensors[f"{name}.bias"])
