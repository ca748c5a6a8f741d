"""Frames on disk: what one fit extracted, the next one reads back.

Extraction is the slow part of every experiment, and a grid search asks for the same clip dozens of
times. The store keeps each clip's arrays under a key made of the clip's *content* and of every
parameter that shaped them (:func:`content_key`), so a renamed file is found again and a changed
one is not.

It is an SQLite file (:mod:`sere.store.database`): many processes may read and write it at once, and a
process that is killed in the middle of a write leaves the last complete state.

Conventions

- A value is a dict of numeric arrays, all of them finite. On disk it is a JSON line (names,
  dtypes, shapes), the arrays' bytes and a CRC-32 over these and the key; nothing is ever unpickled.
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
import warnings
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from sere.files.paths import fixed
from sere.store import database
from sere.store.seals import DIGEST_BYTES, Seal, content_digest, sealed, stamp_of

__all__ = ["FrameStore", "StoreInfo", "content_key", "default_folder"]

DEFAULT_GIGABYTES = 8.0
_HEADER = struct.Struct("<II")  # length of the JSON line, CRC-32 over the key, the line and the rest
# Records read in one transaction: a writer gets its turn, and they are decoded while caches still hold them.
_AT_ONCE = 16

Arrays = dict[str, np.ndarray]


def default_folder() -> Path | None:
    """Return the folder the store uses when none is given, or None: ``SERE_CACHE=off``, or a user without a home.

    Examples
    --------
    >>> from sere.store import default_folder
    >>> folder = default_folder()
    >>> folder is None or folder.is_absolute()
    True
    """
    chosen = os.environ.get("SERE_CACHE", "").strip()
    if chosen.lower() == "off":
        return None
    try:
        return Path(chosen).expanduser() if chosen else _platform_folder()
    except RuntimeError:
        warnings.warn(
            "There is no home folder, so extracted features are not kept; set SERE_CACHE to a folder, or to off.",
            RuntimeWarning,
            stacklevel=3,
        )
        return None


def _platform_folder() -> Path:
    """Return where a platform wants caches to be; RuntimeError for a user without a home."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "sere" / "Cache"
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

    Examples
    --------
    >>> import numpy as np
    >>> from sere.store import content_key
    >>> wave = np.zeros(100, dtype="float32")
    >>> content_key(wave, "pitch", 1) == content_key(wave.copy(), "pitch", 1) != content_key(wave, "pitch", 2)
    True
    """
    digest = blake2b(digest_size=DIGEST_BYTES)
    if isinstance(data, np.ndarray):
        # Dtype and shape are part of the content: equal bytes may be two different arrays.
        digest.update(f"{data.dtype.str}{data.shape}".encode())
        digest.update(np.ascontiguousarray(data).view(np.uint8).data)
    else:
        digest.update(b"bytes")
        digest.update(data)
    digest.update(b"\0" + _PARAMETERS.encode(params).encode())
    return digest.digest()


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"content_key takes plain numbers, strings and containers of them, not {type(value)!r}")


# Made once: keys are spelled by the thousand.
_PARAMETERS = json.JSONEncoder(sort_keys=True, default=_plain_number)


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

    Examples
    --------
    >>> import tempfile
    >>> from sere.store import FrameStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     info = FrameStore(folder).info()
    >>> info.entries, info.usable
    (0, True)
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

    def __init__(self, folder: str | os.PathLike[str] | None = None, max_bytes: int | None = None) -> None:
        chosen = default_folder() if folder is None else Path(folder)
        self.folder: Path | None = None if chosen is None else chosen.absolute()
        self.max_bytes = _default_cap() if max_bytes is None else int(max_bytes)
        if self.max_bytes <= 0:
            raise ValueError(f"max_bytes must be positive, got {self.max_bytes}")

    def __repr__(self) -> str:
        return f"FrameStore({str(self.folder) if self.folder else 'off'!r})"

    def get_many(self, keys: Sequence[bytes]) -> list[Arrays | None]:
        """Return for each key its arrays, or None where the store has none."""
        found: list[Arrays | None] = []
        damaged: list[bytes] = []
        for first in range(0, len(keys), _AT_ONCE):
            few = keys[first : first + _AT_ONCE]
            records = database.read(self.folder, self.max_bytes, partial(_records, few))
            for key, record in zip(few, records or [None] * len(few), strict=True):
                try:
                    found.append(None if record is None else _decode(record, key))
                except ValueError:
                    found.append(None)
                    damaged.append(key)
        if damaged:
            database.write(self.folder, self.max_bytes, lambda tables: tables.remove(damaged))
        return found

    def put_many(self, items: Iterable[tuple[bytes, Mapping[str, np.ndarray]]]) -> None:
        """Keep each ``(key, arrays)``, letting the oldest entries go when the cap asks for it.

        A key that is there already is left as it is: the key names the content.

        Raises
        ------
        TypeError
            If an array is not numeric.
        ValueError
            If a number is NaN or infinite.
        """
        records = [(key, _encode(arrays, key)) for key, arrays in items]
        if records:
            database.write(self.folder, self.max_bytes, lambda tables: tables.add(records))

    def file_digests(self, paths: Sequence[str | os.PathLike[str]]) -> list[bytes]:
        """Return a digest of each file's bytes, reading a file only when it may have changed.

        Raises
        ------
        OSError
            If a file cannot be read.
        """
        digests = []
        for seal in self.seals(paths):
            if isinstance(seal, Exception):
                raise seal
            assert seal.digest is not None
            digests.append(seal.digest)
        return digests

    def seals(self, paths: Sequence[str | os.PathLike[str]]) -> list[Seal | OSError]:
        """Return what each file holds, or why it cannot be read.

        A digest is remembered under the file's absolute path with its size, modification and
        change time and inode. A file that differs in any of these, or was touched within two
        seconds of being read, is read again.
        """
        names = [str(fixed(path)) for path in paths]
        stamps = [stamp_of(name) for name in names]
        keys = [_name_key(name) for name in names]
        notes = database.read(self.folder, self.max_bytes, lambda tables: list(map(tables.note, keys)))
        seals: list[Seal | OSError] = []
        fresh = []
        for name, key, stamp, note in zip(names, keys, stamps, notes or [None] * len(names), strict=True):
            digest = None if note is None or stamp is None else _remembered(note, key, stamp)
            seal = sealed(name) if digest is None or stamp is None else Seal(digest, stamp, settled=True)
            seals.append(seal)
            if digest is None and isinstance(seal, Seal) and seal.settled:
                fresh.append((key, _note(seal, key)))
        if fresh:
            database.write(self.folder, self.max_bytes, lambda tables: tables.keep_notes(fresh))
        return seals

    def info(self) -> StoreInfo:
        """Return where the store is, what it holds and whether it can be used."""
        held = database.read(self.folder, self.max_bytes, lambda tables: (tables.entries, tables.total))
        entries, n_bytes = held or (0, 0)
        return StoreInfo(self.folder, entries, n_bytes, self.max_bytes, held is not None)

    def clear(self) -> None:
        """Delete everything and give the disk space back.

        Raises
        ------
        OSError
            If the folder cannot be changed.
        """
        if self.folder is not None:
            database.delete(self.folder)


def _default_cap() -> int:
    asked = os.environ.get("SERE_CACHE_GB", "")
    try:
        gigabytes = float(asked) if asked else DEFAULT_GIGABYTES
    except ValueError:
        raise ValueError(f"SERE_CACHE_GB must be a number of gigabytes, got {asked!r}") from None
    return int(gigabytes * 1e9)


def _records(keys: Sequence[bytes], tables: database.Tables) -> list[bytes | None]:
    return [tables.record(key) for key in keys]


def _decode(record: bytes, key: bytes) -> Arrays:
    """Read back what :func:`_encode` wrote; ValueError when it is damaged, another key's or not finite."""
    if len(record) < _HEADER.size:
        raise ValueError("record too short")
    length, check = _HEADER.unpack_from(record)
    body = memoryview(record)[_HEADER.size :]
    if zlib.crc32(body, zlib.crc32(key, length)) != check:
        raise ValueError("checksum differs")
    arrays, offset = {}, length
    for name, dtype, shape in json.loads(str(body[:length], "utf-8")):
        count = math.prod(shape)
        array = np.frombuffer(body, np.dtype(dtype), count, offset).reshape(shape)
        if not _finite(array):
            raise ValueError(f"{name!r} is not finite")
        arrays[name] = array.copy()
        offset += array.nbytes
    return arrays


def _encode(arrays: Mapping[str, np.ndarray], key: bytes) -> bytes:
    """Write arrays as one record: length and checksum, names with dtypes and shapes, bytes."""
    entries, parts = [], []
    for name, value in arrays.items():
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"the store keeps numeric arrays, {name!r} has dtype {array.dtype}")
        if not _finite(array):
            raise ValueError(f"the store keeps finite numbers, {name!r} has NaN or infinite ones")
        entries.append((name, array.dtype.str, array.shape))
        parts.append(np.ascontiguousarray(array).tobytes())
    line = json.dumps(entries).encode()
    body = b"".join([line, *parts])
    return _HEADER.pack(len(line), zlib.crc32(body, zlib.crc32(key, len(line)))) + body


def _finite(array: np.ndarray) -> bool:
    """Whether all numbers are finite."""
    if array.dtype != np.float16:
        return bool(np.isfinite(array).all())
    # NumPy turns each half into a float first, which takes ten times as long as a look at its exponent.
    return not array.size or bool((array.view(np.uint16) & np.uint16(0x7C00)).max() < 0x7C00)


def _name_key(name: str) -> bytes:
    return content_digest(name.encode(errors="surrogatepass"))


def _note(seal: Seal, key: bytes) -> bytes:
    """Spell a seal for the store."""
    assert seal.digest is not None
    fact = seal.stamp + seal.digest
    return fact + zlib.crc32(fact, zlib.crc32(key)).to_bytes(4, "little")


def _remembered(note: bytes, key: bytes, stamp: bytes) -> bytes | None:
    """Return a file's digest from a note, or None: the file has changed since, or the note is damaged."""
    fact, check = note[:-4], note[-4:]
    whole = zlib.crc32(fact, zlib.crc32(key)).to_bytes(4, "little") == check
    return fact[len(stamp) :] if whole and fact.startswith(stamp) else None
