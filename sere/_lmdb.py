"""The database under :mod:`sere.store`: opening it, its tables, and what to do when it fails.

LMDB's own rules shape this module. An environment may be open once per process and must not be
carried through a fork, so there is one registry of open environments per process. A process killed
in the middle of a write needs no repair. A reader of a *truncated* file is killed by the operating
system, so the size is compared before the first page is read.

The tables of format ``sere-frames-1``:

- ``values``: key -> sequence number (8 bytes) + record
- ``order``: sequence number -> key, which makes "the oldest" the first entry
- ``notes``: short facts kept beside the values (a file's stamp and digest)
- ``meta``: format, total size, next sequence number
"""

import os
import shutil
import struct
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import lmdb

FORMAT = b"sere-frames-1"
_NAME = "frames"
_TABLES = (b"values", b"order", b"notes", b"meta")
_SEQUENCE = struct.Struct(">Q")  # big endian, so that LMDB's order is the order of arrival
_PAGE = 4096
_MAX_NOTES = 1_000_000
T = TypeVar("T")
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
    lmdb.PanicError,
)

_lock = threading.RLock()
_open: dict[Path, "_Environment"] = {}
_unreadable: set[Path] = set()
_unwritable: set[Path] = set()


class Tables:
    """The tables inside one transaction, kept consistent with each other."""

    def __init__(self, environment: "_Environment", txn: lmdb.Transaction, cap: int) -> None:
        self._txn = txn
        self._cap = cap
        self._values, self._order, self._notes, self._meta = environment.tables

    @property
    def entries(self) -> int:
        """Number of records."""
        return self._txn.stat(self._values)["entries"]

    @property
    def total(self) -> int:
        """Disk space of the records in bytes, counted in whole pages."""
        return self._number(b"total")

    def record(self, key: bytes) -> memoryview | None:
        """Return the record of a key, as a view that lives as long as the transaction."""
        found = self._txn.get(key, db=self._values)
        return None if found is None else memoryview(found)[_SEQUENCE.size :]

    def add(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Add each record whose key is new, after the oldest ones made room for it."""
        for key, record in records:
            cost = _cost(len(record))
            if cost > self._cap or self._txn.get(key, db=self._values) is not None:
                continue
            self.make_room(self._cap - cost)
            sequence = self._number(b"next")
            self._txn.put(key, _SEQUENCE.pack(sequence) + record, db=self._values)
            self._txn.put(_SEQUENCE.pack(sequence), key, db=self._order)
            self._set(b"next", sequence + 1)
            self._set(b"total", self.total + cost)

    def remove(self, keys: Iterable[bytes]) -> None:
        """Remove the records of these keys, where there are any."""
        for key in keys:
            found = self._txn.pop(key, db=self._values)
            if found is not None:
                self._txn.delete(bytes(found[: _SEQUENCE.size]), db=self._order)
                cost = _cost(len(found) - _SEQUENCE.size)
                self._set(b"total", max(0, self.total - cost))

    def make_room(self, at_most: int) -> None:
        """Remove the oldest records until no more than `at_most` bytes are left."""
        while self.total > at_most:
            with self._txn.cursor(self._order) as cursor:
                if not cursor.first():
                    return
                oldest = bytes(cursor.value())
            self.remove([oldest])

    def note(self, key: bytes) -> bytes | None:
        """Return a kept fact."""
        found = self._txn.get(key, db=self._notes)
        return None if found is None else bytes(found)

    def keep_notes(self, notes: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep facts, starting over when there are a million."""
        if self._txn.stat(self._notes)["entries"] > _MAX_NOTES:
            self._txn.drop(self._notes, delete=False)
        for key, note in notes:
            self._txn.put(key, note, db=self._notes)

    def _number(self, name: bytes) -> int:
        stored = self._txn.get(name, db=self._meta)
        return 0 if stored is None else _SEQUENCE.unpack(stored)[0]

    def _set(self, name: bytes, value: int) -> None:
        self._txn.put(name, _SEQUENCE.pack(value), db=self._meta)


def read(folder: Path | None, max_bytes: int, look: Callable[[Tables], T]) -> T | None:
    """Return what `look` finds in one read transaction, or None when the store cannot be used."""
    environment = _environment(folder, max_bytes)
    if environment is None:
        return None
    try:
        with environment.begin(write=False) as txn:
            return look(Tables(environment, txn, max_bytes))
    except lmdb.Error as error:
        _report(environment.folder, error, write=False)
        return None


def write(folder: Path | None, max_bytes: int, change: Callable[[Tables], None]) -> None:
    """Apply `change` in one write transaction: all of it is kept, or nothing after a warning."""
    environment = _environment(folder, max_bytes)
    if environment is None or environment.folder in _unwritable:
        return
    try:
        try:
            with environment.begin(write=True) as txn:
                change(Tables(environment, txn, max_bytes))
        except lmdb.MapFullError:
            # Free pages may lie too scattered for a long record: make wide room once, then try
            # again.
            with environment.begin(write=True) as txn:
                Tables(environment, txn, max_bytes).make_room(max_bytes // 2)
            with environment.begin(write=True) as txn:
                change(Tables(environment, txn, max_bytes))
    except lmdb.Error as error:
        _report(environment.folder, error, write=True)


def delete(folder: Path) -> None:
    """Remove the database from disk; processes that have it open keep the file they have."""
    with _lock:
        _close(folder)
        _unreadable.discard(folder)
        _unwritable.discard(folder)
        if (folder / _NAME).is_dir():
            shutil.rmtree(_set_aside(folder, "cleared"), ignore_errors=True)


class _Environment:
    """An open LMDB environment with its tables."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        path = folder / _NAME
        path.mkdir(parents=True, exist_ok=True)
        self._env = lmdb.open(
            str(path),
            # Room beyond the cap for page tables, notes and pages freed but still visible to a
            # reader.
            map_size=max_bytes + max_bytes // 4 + (64 << 20),
            max_dbs=len(_TABLES),
            max_readers=512,
            # A power cut may undo the last write but never leaves half of one.
            metasync=False,
            meminit=False,
        )
        try:
            self._check(path / "data.mdb")
        except BaseException:
            self._env.close()
            raise

    def _check(self, data: Path) -> None:
        pages = self._env.info()["last_pgno"] + 1
        size = data.stat().st_size
        if 0 < size < pages * self._env.stat()["psize"] and self._env.info()["last_txnid"]:
            raise lmdb.CorruptedError("the file is shorter than its contents")
        self._env.reader_check()
        # A table that is there is opened by a read transaction: an idle writer must not hold up a
        # reader's start.
        with self._env.begin() as txn:
            is_new = txn.stat()["entries"] == 0
        if is_new:
            with self._env.begin(write=True) as txn:
                meta = self._env.open_db(b"meta", txn=txn)
                txn.put(b"format", FORMAT, db=meta, overwrite=False)
                for name in _TABLES:
                    self._env.open_db(name, txn=txn)
        try:
            self.tables = [self._env.open_db(name, create=False) for name in _TABLES]
        except lmdb.NotFoundError:
            raise lmdb.VersionMismatchError("the file was made by another program") from None
        with self._env.begin() as txn:
            found = txn.get(b"format", db=self.tables[-1])
        if found != FORMAT:
            raise lmdb.VersionMismatchError(f"the format is {found!r}, not {FORMAT!r}")

    @contextmanager
    def begin(self, write: bool) -> Iterator[lmdb.Transaction]:
        try:
            txn = self._env.begin(write=write, buffers=True)
        except lmdb.MapResizedError:
            # Another process opened the store with a larger cap.
            self._env.set_mapsize(0)
            txn = self._env.begin(write=write, buffers=True)
        with txn:
            yield txn

    def close(self) -> None:
        self._env.close()


def _environment(folder: Path | None, max_bytes: int) -> _Environment | None:
    """Return this process's environment for a folder, or None when it cannot be used."""
    if folder is None or folder in _unreadable:
        return None
    with _lock:
        environment = _open.get(folder)
        if environment is None:
            try:
                environment = _open_or_replace(folder, max_bytes)
            except (OSError, lmdb.Error) as error:
                _report(folder, error, write=False)
                return None
            _open[folder] = environment
        return environment


def _open_or_replace(folder: Path, max_bytes: int) -> _Environment:
    """Open the environment, after a damaged or foreign one has been moved out of the way."""
    try:
        return _Environment(folder, max_bytes)
    except _DAMAGE as error:
        aside = _set_aside(folder, "damaged")
        warnings.warn(
            f"The feature store in {folder} cannot be read ({error}). It was moved to "
            f"{aside.name} beside it and a new one begins; delete the old one at will.",
            RuntimeWarning,
            stacklevel=5,
        )
        return _Environment(folder, max_bytes)


def _set_aside(folder: Path, why: str) -> Path:
    aside = folder / f"{_NAME}-{why}-{os.getpid()}-{time.time_ns()}"
    (folder / _NAME).rename(aside)
    return aside


def _report(folder: Path, error: Exception, write: bool) -> None:
    """Warn once; from then on this process does without the store, or without writing."""
    with _lock:
        if folder in _unreadable or (write and folder in _unwritable):
            return
        (_unwritable if write else _unreadable).add(folder)
    what = "written to" if write else "used"
    warnings.warn(
        f"The feature store in {folder} cannot be {what} ({error}); features are computed "
        "anew. Point SERE_CACHE at another folder, or set SERE_CACHE=off.",
        RuntimeWarning,
        stacklevel=4,
    )


def _cost(n_bytes: int) -> int:
    return -(-(n_bytes + 64) // _PAGE) * _PAGE


def _close(folder: Path) -> None:
    environment = _open.pop(folder, None)
    if environment is not None:
        environment.close()


def _forget_inherited() -> None:
    """In a forked child: drop what the parent opened, which leaves the parent's intact."""
    global _lock
    _lock = threading.RLock()
    for folder in list(_open):
        _close(folder)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_inherited)
