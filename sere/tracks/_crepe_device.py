"""CREPE's network on a GPU: that of :mod:`sere.tracks._crepe_fast`, its products by torch.

Half precision would change some bins (``benchmarks/bench_precision.py``), so multiplications are saved here too: layers
2 to 6 are the Fourier domain's, the first is a plain product of windows and taps, all in float32. Products follow
``torch.set_float32_matmul_precision``, "highest" unless set.

Frames of all clips pass through in batches of one size, the last filled up with zeros: a library picks its way of
multiplying by the shapes, so that a clip's pitch does not depend on what other clips come with it.
"""

import torch
from torch import Tensor

from sere.tracks._crepe_fast import FastCrepe, FourierLayer
from sere.tracks._crepe_first import PADDING, STRIDE, TAPS, WINDOW


class DeviceLayer:
    """One of layers 2 to 6 on a device; see :class:`sere.tracks._crepe_fast.FourierLayer`.

    Parameters
    ----------
    layer : FourierLayer
    device : str
    """

    def __init__(self, layer: FourierLayer, device: str):
        arrays = layer.forward, layer.weight, layer.inverse, layer.bias[:, None]
        self._forward, self._weight, self._inverse, self._bias = (torch.from_numpy(x).to(device) for x in arrays)
        self._n_max = layer.n_max

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the layer to (positions, frames, channels in)."""
        _, n_frames, n_channels = x.shape
        spectrum = (self._forward @ x.view(len(x), -1)).view(-1, n_frames, n_channels)
        products = torch.bmm(spectrum, self._weight)
        values = (self._inverse @ products.view(len(products), -1)).view(-1, n_frames, products.shape[2])
        return pooled(values.add_(self._bias), self._n_max)


def pooled(values: Tensor, n_max: int) -> Tensor:
    """Rectify values (positions, frames, channels) and pool neighbours, channels from `n_max` on by their minimum."""
    pairs = values.view(-1, 2, *values.shape[1:])
    out = torch.empty_like(pairs[:, 0])
    largest, smallest = slice(None, n_max), slice(n_max, None)
    torch.maximum(pairs[:, 0, :, largest], pairs[:, 1, :, largest], out=out[:, :, largest])
    torch.minimum(pairs[:, 0, :, smallest], pairs[:, 1, :, smallest], out=out[:, :, smallest])
    return out.relu_()


class DeviceCrepe:
    """Torchcrepe's network as matrix products on a device.

    Parameters
    ----------
    fast : FastCrepe
        The same on the CPU.
    device : str
    batch_frames : int
        Frames of a batch.
    """

    def __init__(self, fast: FastCrepe, device: str, batch_frames: int):
        self.device, self.batch_frames = device, batch_frames
        self._taps = torch.from_numpy(fast.taps.T).float().contiguous().to(device)
        self._first_bias = torch.from_numpy(fast.first_bias).float().to(device)
        self._first_max = fast.first_max
        self._layers = [DeviceLayer(layer, device) for layer in fast.layers]
        self._dense, self._dense_bias = (torch.from_numpy(x).to(device) for x in (fast.dense, fast.dense_bias))
        #: Activations of a frame of zeros, (1, 360).
        self.silence = fast.silence

    def __call__(self, frames: Tensor) -> Tensor:
        """Return the activations (n, 360) of normalised frames (n, 1024), n up to a batch."""
        n_frames = len(frames)
        batch = torch.zeros(self.batch_frames, WINDOW + 2 * PADDING, device=self.device)
        batch[:n_frames, PADDING:-PADDING] = frames
        windows = batch.unfold(1, TAPS, STRIDE).transpose(0, 1)
        x = pooled((windows @ self._taps).add_(self._first_bias), self._first_max)
        for layer in self._layers:
            x = layer(x)
        flat = x.transpose(0, 1).reshape(self.batch_frames, -1)
        return torch.addmm(self._dense_bias, flat, self._dense).sigmoid_()[:n_frames]
