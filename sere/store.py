"""Frames on disk: what one fit extracted, the next one reads back.

Extraction is the slow part of every experiment, and a grid search asks for the same clip dozens of
times. The store keeps each clip's arrays under a key made of the clip's *content* and of every
parameter that shaped them (:func:`content_key`), so a renamed file is found again and a changed
one is not.

It is an LMDB environment (Symas' Lightning Memory-Mapped Database): many processes may read and
write it at once, a process that is killed in the middle of a write leaves the last complete state,
and readers never wait. LMDB asks for a local disk; on a network file system point ``SERE_CACHE``
at a local folder.

Conventions

- A value is a dict of numeric arrays. On disk it is a JSON line (names, dtypes, shapes), the
  arrays' bytes and a CRC-32; nothing is ever unpickled.
- The oldest entries leave when the store would grow past its cap.
- The store is an aid, never a condition: a folder that cannot be written, a full disk or a damaged
  file costs one warning, and the caller goes on without it.

Settings come from the environment: ``SERE_CACHE`` (a folder, or ``off``) and ``SERE_CACHE_GB``
(the cap, 8 by default).
"""

import json
import math
import os
import struct
import sys
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from sere import _lmdb

__all__ = ["FrameStore", "StoreInfo", "content_key", "default_folder"]

DEFAULT_GIGABYTES = 8.0
_DIGEST_BYTES = 20
_HEADER = struct.Struct("<II")  # length of the JSON line, CRC-32 over it and the rest
_STAMP = struct.Struct("<qqqQ")  # size, mtime, ctime in nanoseconds, inode
# A file changed within one tick of its clock after it was hashed would look unchanged.
_SETTLED_NS = 2_000_000_000

Arrays = dict[str, np.ndarray]


def default_folder() -> Path | None:
    """Return the folder the store uses when none is given, or None when ``SERE_CACHE=off``."""
    chosen = os.environ.get("SERE_CACHE", "").strip()
    if chosen.lower() == "off":
        return None
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(base) / "sere" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "sere"
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path is invalid and counts as unset.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "sere"


def content_key(data: bytes | np.ndarray, *params: Any) -> bytes:
    """Return the key under which the result of `params` applied to `data` is kept.

    Parameters
    ----------
    data : bytes or ndarray
        The content itself, or the digest that :meth:`FrameStore.file_digests` gave for a file.
    *params : str, int, float, bool, None, or lists, tuples and dicts of these
        Everything the result depends on: an encoder's ``cache_key``, the segment, the code's
        version.

    Returns
    -------
    bytes of length 20
    """
    digest = blake2b(digest_size=_DIGEST_BYTES)
    if isinstance(data, np.ndarray):
        # Dtype and shape are part of the content: equal bytes may be two different arrays.
        digest.update(f"{data.dtype.str}{data.shape}".encode())
        digest.update(np.ascontiguousarray(data).view(np.uint8).data)
    else:
        digest.update(b"bytes")
        digest.update(data)
    spelled = json.dumps(params, sort_keys=True, default=_plain_number)
    digest.update(b"\0" + spelled.encode())
    return digest.digest()


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"content_key takes plain numbers, strings and containers of them, not {type(value)!r}")


@dataclass(frozen=True)
class StoreInfo:
    """What a store holds at one moment.

    Attributes
    ----------
    folder : Path or None
        None when the store is switched off.
    entries : int
        Number of cached results.
    n_bytes, max_bytes : int
        Their total size and the cap.
    usable : bool
        False when the store is off or its folder cannot be used.
    """

    folder: Path | None
    entries: int
    n_bytes: int
    max_bytes: int
    usable: bool


class FrameStore:
    """A dict of arrays per content key, on disk, shared by processes.

    The object holds its settings only; each process opens the database when it first needs it, so
    a store may be pickled to a worker or live through a fork.

    Parameters
    ----------
    folder : path-like, optional
        Where the database lives; :func:`default_folder` when not given.
    max_bytes : int, optional
        Cap on the total size of the values; ``SERE_CACHE_GB`` or 8 GB when not given.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = FrameStore(folder)
    ...     key = content_key(b"the clip's bytes", "rms", 320)
    ...     store.put_many([(key, {"rms": np.ones(3, "f4")})])
    ...     found, missing = store.get_many([key, content_key(b"another clip")])
    ...     store.clear()
    >>> found["rms"], missing
    (array([1., 1., 1.], dtype=float32), None)
    """

    def __init__(self, folder: str | os.PathLike | None = None, max_bytes: int | None = None) -> None:
        chosen = default_folder() if folder is None else Path(folder)
        self.folder: Path | None = None if chosen is None else chosen.absolute()
        self.max_bytes = _default_cap() if max_bytes is None else int(max_bytes)
        if self.max_bytes <= 0:
            raise ValueError(f"max_bytes must be positive, got {self.max_bytes}")

    def __repr__(self) -> str:
        return f"FrameStore({str(self.folder) if self.folder else 'off'!r})"

    def get_many(self, keys: Sequence[bytes]) -> list[Arrays | None]:
        """Return for each key its arrays, or None where the store has none."""
        read = _lmdb.read(self.folder, self.max_bytes, lambda tables: _look_up(tables, keys))
        if read is None:
            return [None] * len(keys)
        found, damaged = read
        if damaged:
            _lmdb.write(self.folder, self.max_bytes, lambda tables: tables.remove(damaged))
        return found

    def put_many(self, items: Iterable[tuple[bytes, Mapping[str, np.ndarray]]]) -> None:
        """Keep each ``(key, arrays)``, letting the oldest entries go when the cap asks for it.

        A key that is there already is left as it is: the key names the content.

        Raises
        ------
        TypeError
            If an array is not numeric.
        """
        records = [(key, _encode(arrays)) for key, arrays in items]
        if records:
            _lmdb.write(self.folder, self.max_bytes, lambda tables: tables.add(records))

    def file_digests(self, paths: Sequence[str | os.PathLike]) -> list[bytes]:
        """Return a digest of each file's bytes, reading a file only when it may have changed.

        A digest is remembered under the file's absolute path with its size, modification and
        change time and inode. A file that differs in any of these, or was touched within two
        seconds of being read, is read again.

        Raises
        ------
        OSError
            If a file cannot be read.
        """
        names = [os.path.abspath(os.fspath(path)) for path in paths]
        stamps = [_stamp(name) for name in names]
        notes = _lmdb.read(
            self.folder,
            self.max_bytes,
            lambda tables: [tables.note(_name_key(name)) for name in names],
        )
        digests, fresh = [], []
        for name, stamp, note in zip(names, stamps, notes or [None] * len(names)):
            if note is not None and note.startswith(stamp):
                digest = note[len(stamp) :]
            else:
                digest = _hash_file(name)
                if _is_settled(stamp) and _stamp(name) == stamp:
                    fresh.append((_name_key(name), stamp + digest))
            digests.append(digest)
        if fresh:
            _lmdb.write(self.folder, self.max_bytes, lambda tables: tables.keep_notes(fresh))
        return digests

    def info(self) -> StoreInfo:
        """Return where the store is, what it holds and whether it can be used."""
        held = _lmdb.read(self.folder, self.max_bytes, lambda tables: (tables.entries, tables.total))
        entries, n_bytes = held or (0, 0)
        return StoreInfo(self.folder, entries, n_bytes, self.max_bytes, held is not None)

    def clear(self) -> None:
        """Delete everything and give the disk space back.

        A process that has the store open goes on with what it had, unseen by the others.

        Raises
        ------
        OSError
            If the folder cannot be changed.
        """
        if self.folder is not None:
            _lmdb.delete(self.folder)


def _default_cap() -> int:
    asked = os.environ.get("SERE_CACHE_GB", "")
    try:
        gigabytes = float(asked) if asked else DEFAULT_GIGABYTES
    except ValueError:
        raise ValueError(f"SERE_CACHE_GB must be a number of gigabytes, got {asked!r}") from None
    return int(gigabytes * 1e9)


def _look_up(tables: _lmdb.Tables, keys: Sequence[bytes]) -> tuple[list[Arrays | None], list[bytes]]:
    """Return each key's arrays, or None, and the keys whose record is damaged."""
    found: list[Arrays | None] = []
    damaged = []
    for key in keys:
        record = tables.record(key)
        try:
            found.append(None if record is None else _decode(record))
        except ValueError:
            found.append(None)
            damaged.append(key)
    return found, damaged


def _decode(record: memoryview) -> Arrays:
    """Read back what :func:`_encode` wrote; ValueError when it is damaged."""
    if len(record) < _HEADER.size:
        raise ValueError("record too short")
    length, check = _HEADER.unpack_from(record)
    body = record[_HEADER.size :]
    if zlib.crc32(body, length) != check:
        raise ValueError("checksum differs")
    arrays, offset = {}, length
    for name, dtype, shape in json.loads(bytes(body[:length])):
        count = math.prod(shape)
        array = np.frombuffer(body, np.dtype(dtype), count, offset).reshape(shape)
        arrays[name] = array.copy()
        offset += array.nbytes
    return arrays


def _encode(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Write arrays as one record: length and checksum, names with dtypes and shapes, bytes."""
    entries, parts = [], []
    for name, value in arrays.items():
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"the store keeps numeric arrays, {name!r} has dtype {array.dtype}")
        entries.append((name, array.dtype.str, array.shape))
        parts.append(np.ascontiguousarray(array).tobytes())
    line = json.dumps(entries).encode()
    body = b"".join([line, *parts])
    return _HEADER.pack(len(line), zlib.crc32(body, len(line))) + body


def _stamp(name: str) -> bytes:
    """Return what a file shows of itself without being read."""
    status = os.stat(name)
    inode = status.st_ino & 0xFFFFFFFFFFFFFFFF
    return _STAMP.pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, inode)


def _is_settled(stamp: bytes) -> bool:
    """Tell whether the last change lies so far back that another one would show."""
    _, modified, changed, _ = _STAMP.unpack(stamp)
    return time.time_ns() - max(modified, changed) > _SETTLED_NS


def _hash_file(name: str) -> bytes:
    digest = blake2b(digest_size=_DIGEST_BYTES)
    with open(name, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()


def _name_key(name: str) -> bytes:
    return blake2b(os.fsencode(name), digest_size=_DIGEST_BYTES).digest()
