"""Plain arrays in a zip file (``.npz``), read with a bound on their size and without pickles.

``numpy.load`` believes what a file says of itself: a few kilobytes may unfold to any size, and an array's header may
ask for more memory than there is. Here the sizes that a file declares are added up before anything is unfolded, and an
array is as large as the bytes that are there.
"""

import io
import json
import math
import zipfile
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

#: Bytes that all arrays of a file may have together.
LARGEST = 1 << 26
#: Arrays of a file.
MOST = 64
_CHECKSUM = "checksum"


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays and a checksum over all of them, compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stored:
        for name, array in {**arrays, _CHECKSUM: np.array(checksum(arrays))}.items():
            # numpy.savez forbids pickles in its later releases alone.
            with stored.open(f"{name}.npy", "w") as member:
                npy.write_array(member, np.asanyarray(array), allow_pickle=False)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file.

    Raises
    ------
    ValueError, OSError, zipfile.BadZipFile
        Not such a file, one that is damaged or has no checksum, or more than :data:`LARGEST` bytes.
    """
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as stored:
        members = stored.infolist()
        if len(members) > MOST or sum(member.file_size for member in members) > LARGEST:
            raise ValueError(f"it unfolds to more than {LARGEST >> 20} MB or {MOST} arrays")
        for member in members:
            name = member.filename.removesuffix(".npy")
            # Other methods may ask for gigabytes of their own before they unfold anything.
            if name in arrays or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name!r} is there twice, or compressed in another way than numpy's")
            arrays[name] = _array(stored.read(member))
    if str(arrays.pop(_CHECKSUM, None)) != checksum(arrays):
        raise ValueError("its checksum is not that of its content")
    return arrays


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the BLAKE2b of names, dtypes, shapes and values, hexadecimal."""
    digest = blake2b(digest_size=20)
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _array(content: bytes) -> np.ndarray:
    """One array from the bytes of an ``.npy`` file."""
    file = io.BytesIO(content)
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array of format {version}")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, columns_first, dtype = read(file)
    values = content[file.tell() :]
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(values):
        raise ValueError(f"an array of {dtype} whose size is not what it says, or that holds objects")
    if not values:
        return np.empty(shape, dtype)
    return np.frombuffer(values, dtype).reshape(shape, order="F" if columns_first else "C").copy()
