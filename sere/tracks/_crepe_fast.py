"""CREPE's network, rearranged: a thirteenth of the multiplications (full network), all of them in matrix products.

Torchcrepe's network (Kim et al. 2018) is six times convolution, rectifier, batch normalisation and pooling of pairs,
then one dense layer. :class:`FastCrepe` computes the same function from the same weights, to rounding:

- The first layer shares products between overlapping frames, see :mod:`sere.tracks._crepe_first`.
- Layers 2 to 6 convolve along 128 to 8 positions with 64 taps. On a circle long enough that the ends do not meet this
  is, for each frequency of the circle, a product of (frames, channels in) by (channels in, channels out). The Fourier
  transforms there and back are small real matrix products too.
- A complex product takes three real ones: with ``k1 = wr (xr + xi)``, ``k2 = xr (wi - wr)`` and
  ``k3 = xi (wr + wi)`` it is ``(k1 - k3) + i (k1 + k2)``. The sums of the weights are formed once and those of the
  outputs are part of the matrix of the inverse transform.
- Batch normalisation ``s y + d`` is folded into the layer after it: s scales its weights, d adds to its bias, there
  differently at each position, because the zeros around are not normalised. Pooling comes before it, so where s is
  negative the smaller of two is kept; channels are sorted so that those come last.
- Taps that can only meet zeros (layers 4 to 6) are left out.

Everything is laid out as (position or frequency, frame, channel).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sere.loops.products import products as multiply
from sere.tracks._crepe_first import CIRCLE, WINDOW, FirstLayer

_LEFT = 31
_TAPS = 64
_N_BINS = 360
_N_REAL = 2
_MAX_CHANNELS = 128


@dataclass(frozen=True)
class FourierLayer:
    """One of layers 2 to 6 in the Fourier domain.

    Attributes
    ----------
    forward : Tensor of shape (3-multiplication rows, positions)
    weight : Tensor of shape (rows, channels in, channels out)
    inverse : Tensor of shape (positions, rows)
    bias : Tensor of shape (positions, 1, channels out)
    n_max : int
        The first channels are pooled by their maximum, the others by their minimum.
    """

    forward: torch.Tensor
    weight: torch.Tensor
    inverse: torch.Tensor
    bias: torch.Tensor
    n_max: int

    def finish(self, products: torch.Tensor) -> torch.Tensor:
        """Go back from products (rows, frames, channels) to positions, rectify and pool."""
        _, n_frames, n_channels = products.shape
        values = multiply(self.inverse[None], products.view(1, len(products), -1)).view(-1, n_frames, n_channels)
        return pooled(values.add_(self.bias), self.n_max)

    def to(self, device: str) -> "FourierLayer":
        """Return the layer on another device."""
        forward, weight, inverse, bias = (x.to(device) for x in (self.forward, self.weight, self.inverse, self.bias))
        return FourierLayer(forward, weight, inverse, bias, self.n_max)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the layer to (positions, frames, channels in)."""
        _, n_frames, n_channels = x.shape
        spectrum = multiply(self.forward[None], x.view(1, len(x), -1)).view(-1, n_frames, n_channels)
        return self.finish(multiply(spectrum, self.weight))


def pooled(values: torch.Tensor, n_max: int) -> torch.Tensor:
    """Rectify values (positions, frames, channels) and pool neighbours, channels from `n_max` on by their minimum."""
    pairs = values.view(-1, 2, *values.shape[1:])
    out = torch.empty_like(pairs[:, 0])
    largest, smallest = slice(None, n_max), slice(n_max, None)
    torch.maximum(pairs[:, 0, :, largest], pairs[:, 1, :, largest], out=out[:, :, largest])
    torch.minimum(pairs[:, 0, :, smallest], pairs[:, 1, :, smallest], out=out[:, :, smallest])
    return out.relu_()


def _float32(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _circle(positions: int) -> int:
    """Return the shortest even circle on which outputs at all positions are free of wrapped inputs."""
    reach = min(_TAPS - 1 - _LEFT, positions - 1)
    return positions + reach + (positions + reach) % 2


def _harmonics(circle: int) -> np.ndarray:
    """Return the circle's frequencies, the `_N_REAL` ones first that have no imaginary part (0 and the highest)."""
    return np.concatenate([[0, circle // 2], np.arange(1, circle // 2)])


def _waves(circle: int, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosines of all harmonics and the sines of the complex ones, (harmonics, positions)."""
    phase = 2 * np.pi * np.outer(_harmonics(circle), positions) / circle
    return np.cos(phase), np.sin(phase[_N_REAL:])


def _fourier_layer(weight: np.ndarray, bias: np.ndarray, n_max: int, circle: int) -> FourierLayer:
    """Transform a convolution.

    Parameters
    ----------
    weight : ndarray of shape (channels out, channels in, 64)
        Tap k meets position ``p + k - 31``.
    bias : ndarray of shape (positions, channels out)
    n_max, circle : int
    """
    n_positions, n_out = bias.shape
    n_in = weight.shape[1]
    # Rows of all three arrays: for xr at each harmonic (k2), then for xi (k3) and xr + xi (k1) at the complex ones.
    cosine, sine = _waves(circle, np.arange(n_positions))
    forward = np.concatenate([cosine, -sine, cosine[_N_REAL:] - sine])

    shifts = np.arange(_TAPS) - _LEFT
    real, imaginary = _waves(circle, shifts)
    taps = np.concatenate([real[:_N_REAL], imaginary - real[_N_REAL:], imaginary + real[_N_REAL:], real[_N_REAL:]])
    taps[:, np.abs(shifts) >= n_positions] = 0
    spectrum = _float32(taps) @ _float32(weight.transpose(2, 1, 0)).view(_TAPS, -1)

    share = np.where(np.arange(len(cosine)) < _N_REAL, 1, 2)[:, None] / circle
    real, imaginary = share * cosine, -share[_N_REAL:] * sine
    inverse = np.concatenate([real[:_N_REAL], imaginary, -real[_N_REAL:], real[_N_REAL:] + imaginary])
    return FourierLayer(
        _float32(forward), spectrum.view(-1, n_in, n_out), _float32(inverse.T), _float32(bias[:, None]), n_max
    )


class FastCrepe:
    """Torchcrepe's network as matrix products.

    Parameters
    ----------
    net : _crepe_network.Crepe
        In evaluation mode, on the CPU.
    """

    def __init__(self, net: Any):
        convolutions = [getattr(net, f"conv{i}") for i in range(1, 7)]
        weights = [conv.weight.double().numpy()[..., 0] for conv in convolutions]
        biases = [conv.bias.double().numpy() for conv in convolutions]
        scales, shifts, orders = zip(*(_affine(getattr(net, f"conv{i}_BN")) for i in range(1, 7)), strict=True)
        n_max = [int((scale >= 0).sum()) for scale in scales]

        self.first = FirstLayer(weights[0][orders[0], 0], biases[0][orders[0]], n_max[0])
        self.layers = []
        positions = WINDOW // 8
        for i in range(1, 6):
            weight = weights[i][orders[i]][:, orders[i - 1]]
            bias = _bias_by_position(weight, biases[i][orders[i]], shifts[i - 1], positions)
            circle = CIRCLE if i == 1 else _circle(positions)
            self.layers.append(_fourier_layer(weight * scales[i - 1][:, None], bias, n_max[i], circle))
            positions //= 2
        dense = net.classifier.weight.double().numpy().reshape(_N_BINS, positions, -1)[:, :, orders[5]]
        self.dense = _float32((dense * scales[5]).reshape(_N_BINS, -1).T)
        self.dense_bias = _float32(net.classifier.bias.double().numpy() + (dense * shifts[5]).sum(axis=(1, 2)))
        self._even, self._odd = _folded_transform()
        with torch.inference_mode():
            #: Activations of a frame of zeros, (1, 360), rounded as torchcrepe rounds them.
            self.silence = net(torch.zeros(1, WINDOW))
        width = min(len(orders[0]), _MAX_CHANNELS)
        self._slices = [slice(c, c + width) for c in range(0, len(orders[0]), width)]

    def __call__(self, samples: torch.Tensor, means: np.ndarray, gains: np.ndarray) -> torch.Tensor:
        """Return the activations of consecutive frames, (n_frames, 360).

        Parameters
        ----------
        samples : Tensor of shape (2 * MARGIN + 320 * (n_frames - 1) + 1024,)
            From `MARGIN` samples before the first frame to `MARGIN` after the last.
        means, gains : ndarray of shape (n_frames,), float32
            Each frame's mean and one over its standard deviation, 0 for silence.
        """
        x = self.layers[0].finish(self._second_products(samples, means, gains))
        for layer in self.layers[1:]:
            x = layer(x)
        flat = x.permute(1, 0, 2).reshape(len(means), -1)
        return torch.addmm(self.dense_bias, flat, self.dense).sigmoid_()

    def _second_products(self, samples: torch.Tensor, means: np.ndarray, gains: np.ndarray) -> torch.Tensor:
        """Return the second layer's products by frequency, summed over slices of channels that fit the cache."""
        n_frames, width, weight = len(means), self._slices[0].stop, self.layers[0].weight
        windows = self.first.windows(samples, n_frames)
        folded = torch.empty(CIRCLE, n_frames, width)
        spectrum = torch.empty(len(weight), n_frames, width)
        products = torch.zeros(len(weight), n_frames, weight.shape[2])
        even, odd = folded.view(CIRCLE, -1).split([len(self._even), len(self._odd)])
        xr, xi, both = spectrum.view(len(weight), -1).split([len(self._even), len(self._odd), len(self._odd)])
        for channels in self._slices:
            self.first.multiply(windows, channels, (means, gains), folded)
            multiply(self._even[None], even[None], xr.zero_()[None])
            multiply(self._odd[None], odd[None], xi.zero_()[None])
            torch.add(xr[_N_REAL:], xi, out=both)
            multiply(spectrum, weight[:, channels], products)
        return products


def _affine(norm: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return batch normalisation's scale and shift, sorted with negative scales last, and that order."""
    scale = (norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)).numpy()
    shift = norm.bias.double().numpy() - norm.running_mean.double().numpy() * scale
    order = np.argsort(scale < 0, kind="stable")
    return scale[order], shift[order], order


def _bias_by_position(weight: np.ndarray, bias: np.ndarray, shift: np.ndarray, positions: int) -> np.ndarray:
    """Return a layer's bias plus what the shift of its input adds, (positions, channels out)."""
    meets = np.arange(positions)[:, None] + np.arange(_TAPS) - _LEFT
    inside = (meets >= 0) & (meets < positions)
    return bias + inside @ np.einsum("oik,i->ko", weight, shift)


def _folded_transform() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the transforms of even parts (81, 81) to xr and of odd parts (79, 79) to xi."""
    cosine, sine = _waves(CIRCLE, np.arange(CIRCLE // 2 + 1))
    return _float32(cosine), _float32(-sine[:, 1:-1])
