"""CREPE's network on a GPU: that of :mod:`sere.tracks._crepe_fast`, its products by torch.

Half precision would change some bins (``benchmarks/bench_precision.py``), so multiplications are saved here too: layers
2 to 6 are the Fourier domain's, the first is a plain product of windows and taps, all in float32. Products follow
``torch.set_float32_matmul_precision``, "highest" unless set.

Frames of all clips pass through in batches of one size, the last filled up with zeros: a library picks its way of
multiplying by the shapes, so that a clip's pitch does not depend on what other clips come with it.
"""

from typing import Any

import torch
from torch import Tensor

from sere.tracks._crepe_fast import FastCrepe, pooled
from sere.tracks._crepe_first import PADDING, STRIDE, TAPS, WINDOW

#: Frames of a batch.
BATCH_FRAMES = 512


class DeviceCrepe:
    """Torchcrepe's network as matrix products on a device.

    Parameters
    ----------
    net : _crepe_network.Crepe
        In evaluation mode, on the CPU.
    device : str
    """

    def __init__(self, net: Any, device: str):
        fast = FastCrepe(net)
        self.device = device
        self._taps, self._first_bias = fast.first.taps.to(device), torch.from_numpy(fast.first.bias).to(device)
        self._first_max = fast.first.n_max
        self._layers = [layer.to(device) for layer in fast.layers]
        self._dense, self._dense_bias = fast.dense.to(device), fast.dense_bias.to(device)
        #: Activations of a frame of zeros, (1, 360), rounded as torchcrepe rounds them.
        self.silence = fast.silence

    def __call__(self, frames: Tensor) -> Tensor:
        """Return the activations (n, 360) of normalised frames (n, 1024), n up to :data:`BATCH_FRAMES`."""
        n_frames = len(frames)
        batch = torch.zeros(BATCH_FRAMES, WINDOW + 2 * PADDING, device=self.device)
        batch[:n_frames, PADDING:-PADDING] = frames
        windows = batch.unfold(1, TAPS, STRIDE).transpose(0, 1)
        x = pooled((windows @ self._taps).add_(self._first_bias), self._first_max)
        for layer in self._layers:
            x = layer(x)
        flat = x.transpose(0, 1).reshape(BATCH_FRAMES, -1)
        return torch.addmm(self._dense_bias, flat, self._dense).sigmoid_()[:n_frames]
