"""The database under :mod:`sere.store`: opening it, its tables, and what to do when it fails.

One SQLite file. What may happen to such a file shapes this module: the disk is full, another program cut it short, a
process was killed in the middle of a write, or stopped there. Nothing of it may end the process, so no page is mapped
into memory (a mapped page that the disk cannot give is a signal, a page that is read is an error), and the journal is
SQLite's plain one, which asks for no shared memory and works on network file systems that lock. An error that says that
the *file* is wrong costs the file: it is moved aside and a new one begins. An error of its surroundings costs this
process the store, or only writing to it.

Every look opens the file anew, which takes a tenth of a millisecond: nothing is carried through a fork, and a file that
somebody cleared or replaced is never written to.

The tables of format 1, in both of which the lowest sequence number is the oldest row:

- ``records``: sequence, key, record
- ``notes``: sequence, key, note; short facts kept beside the records (a file's stamp and digest)
"""

import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

_NAME = "frames.sqlite"
_JOURNAL = f"{_NAME}-journal"
_APPLICATION = 0x73657265  # "sere"
_FORMAT = 1
_SCHEMA = (
    "CREATE TABLE records (sequence INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, record BLOB NOT NULL)",
    "CREATE TABLE notes (sequence INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, note BLOB NOT NULL)",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_FORMAT}",
)
#: Seconds to wait for a process that is writing; one that was stopped in the middle of it never ends.
PATIENCE = 30.0
# Bytes that a row takes besides its record.
_ROW = 64
# A record beyond this is more than SQLite takes.
_LONGEST = 900_000_000
_MAX_NOTES = 1_000_000
# Errors that speak of the surroundings; all others speak of the file.
_SURROUNDINGS = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_AUTH,
}
T = TypeVar("T")

_lock = threading.RLock()
_unreadable: set[Path] = set()
_unwritable: set[Path] = set()


class DamagedError(Exception):
    """The file is not, or no longer, a store of this format."""


# What may come of a file that is not as it was written: names that are no text, lengths beyond all memory.
_FAILURES = (sqlite3.Error, DamagedError, UnicodeError, MemoryError, OverflowError)


class Tables:
    """The tables inside one transaction.

    Parameters
    ----------
    connection : sqlite3.Connection
    cap : int
        Bytes on disk that may be in use.
    """

    def __init__(self, connection: sqlite3.Connection, cap: int) -> None:
        self._connection = connection
        self._cap = cap

    @property
    def entries(self) -> int:
        """Number of records."""
        return int(self._one("SELECT count(*) FROM records"))

    @property
    def total(self) -> int:
        """Disk space in use in bytes, in whole pages; what was deleted and can be used again does not count."""
        pages = self._one("PRAGMA page_count") - self._one("PRAGMA freelist_count")
        return int(pages * self._one("PRAGMA page_size"))

    def record(self, key: bytes) -> bytes | None:
        """Return the record of a key."""
        return self._blob("SELECT record FROM records WHERE key = ?", key)

    def add(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Add each record whose key is new, after the oldest ones made room for it."""
        for key, record in records:
            cost = len(record) + _ROW
            if cost > min(self._cap, _LONGEST) or self._one("SELECT count(*) FROM records WHERE key = ?", key):
                continue
            self.make_room(self._cap - cost)
            self._connection.execute("INSERT INTO records (key, record) VALUES (?, ?)", (key, record))
        self.make_room(self._cap)

    def remove(self, keys: Iterable[bytes]) -> None:
        """Remove the records of these keys, where there are any."""
        self._connection.executemany("DELETE FROM records WHERE key = ?", [(key,) for key in keys])

    def make_room(self, at_most: int) -> None:
        """Remove the oldest records until no more than `at_most` bytes are in use, or none is left."""
        while self.total > at_most:
            oldest = "DELETE FROM records WHERE sequence = (SELECT min(sequence) FROM records)"
            if self._connection.execute(oldest).rowcount == 0:
                return

    def note(self, key: bytes) -> bytes | None:
        """Return a kept fact."""
        return self._blob("SELECT note FROM notes WHERE key = ?", key)

    def keep_notes(self, notes: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep facts, the last million of them."""
        self._connection.executemany("INSERT OR REPLACE INTO notes (key, note) VALUES (?, ?)", notes)
        last = self._one("SELECT max(sequence) FROM notes")
        self._connection.execute("DELETE FROM notes WHERE sequence <= ?", (last - _MAX_NOTES,))

    def _one(self, question: str, *values: bytes) -> int:
        found = self._connection.execute(question, values).fetchone()
        if found is None or not isinstance(found[0], int):
            raise DamagedError(f"a number is missing ({question})")
        return found[0]

    def _blob(self, question: str, key: bytes) -> bytes | None:
        found = self._connection.execute(question, (key,)).fetchone()
        if found is not None and not isinstance(found[0], bytes):
            raise DamagedError("a row holds something else than bytes")
        return None if found is None else found[0]


def read(folder: Path | None, max_bytes: int, look: Callable[[Tables], T]) -> T | None:
    """Return what `look` finds in one read transaction, or None when the store cannot be used."""
    if folder is None or folder in _unreadable:
        return None
    try:
        return _once_more_if_damaged(folder, max_bytes, look, "BEGIN")
    except (OSError, *_FAILURES) as error:
        _report(folder, error, write=False)
        return None


def write(folder: Path | None, max_bytes: int, change: Callable[[Tables], None]) -> None:
    """Apply `change` in one write transaction: all of it is kept, or nothing after a warning."""
    if folder is None or folder in _unreadable | _unwritable:
        return
    try:
        _once_more_if_damaged(folder, max_bytes, change, "BEGIN IMMEDIATE")
    except (OSError, *_FAILURES) as error:
        never_opened = isinstance(error, OSError) or _code(error) == sqlite3.SQLITE_CANTOPEN
        _report(folder, error, write=not never_opened)


def delete(folder: Path) -> None:
    """Remove the database from disk, and what was moved aside; who is just reading it reads on."""
    with _lock:
        _unreadable.discard(folder)
        _unwritable.discard(folder)
        with suppress(*_FAILURES), _connected(folder) as connection:
            connection.execute("BEGIN EXCLUSIVE")  # nobody is in the middle of a write
        for file in [folder / _JOURNAL, folder / _NAME, *folder.glob(f"{_NAME}-damaged-*")]:
            file.unlink(missing_ok=True)


def _once_more_if_damaged(folder: Path, max_bytes: int, look: Callable[[Tables], T], begin: str) -> T:
    """Run a transaction; where the file turns out damaged, move it aside and run on a new one."""
    for last in (False, True):
        opened = _identity(folder)
        try:
            with _lock, _connected(folder) as connection:
                connection.execute(begin)
                found = look(Tables(connection, max_bytes))
                connection.execute("COMMIT")
                return found
        except _FAILURES as error:
            if last or _code(error) in _SURROUNDINGS:
                raise
            _set_aside(folder, opened, error)
    raise AssertionError


@contextmanager
def _connected(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the database, made where there is none; closing it undoes what was not committed."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / _NAME, timeout=PATIENCE, isolation_level=None)
    try:
        # Names of a damaged schema need not be text.
        connection.text_factory = bytes
        for setting in ("mmap_size = 0", "synchronous = NORMAL", "trusted_schema = OFF", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {setting}")
        if _format(connection) == (0, 0):
            connection.execute("BEGIN IMMEDIATE")
            if _format(connection) == (0, 0) and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in _SCHEMA:
                    connection.execute(statement)
            connection.execute("COMMIT")
        if _format(connection) != (_APPLICATION, _FORMAT):
            raise DamagedError("it was made by another program or release")
        yield connection
    finally:
        connection.close()


def _code(error: BaseException) -> int:
    """Return SQLite's primary code of an error; what is none of its own speaks of the file."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & 0xFF


def _format(connection: sqlite3.Connection) -> tuple[int, ...]:
    """Return whose file this is and of which format, (0, 0) for an empty one."""
    names = ("application_id", "user_version")
    return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells this database from one that took its place."""
    try:
        status = os.stat(folder / _NAME)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _set_aside(folder: Path, opened: tuple[int, int] | None, error: Exception) -> None:
    """Move a damaged database out of the way, unless another process already did."""
    with _lock:
        if opened is not None and _identity(folder) != opened:
            return
        (folder / _JOURNAL).unlink(missing_ok=True)  # it would be applied to the new file
        aside = folder / f"{_NAME}-damaged-{os.getpid()}-{time.time_ns()}"
        (folder / _NAME).rename(aside)
    warnings.warn(
        f"The feature store in {folder} cannot be read ({error}). It was moved to {aside.name} beside it and a new one "
        "begins; delete the old one at will.",
        RuntimeWarning,
        stacklevel=6,
    )


def _report(folder: Path, error: Exception, write: bool) -> None:
    """Warn once; from then on this process does without the store, or without writing."""
    with _lock:
        told = folder in _unreadable | _unwritable
        (_unwritable if write else _unreadable).add(folder)
        if told:
            return
    what = "written to" if write else "used"
    warnings.warn(
        f"The feature store in {folder} cannot be {what} ({error}); features are computed anew. Point SERE_CACHE at "
        "another folder, or set SERE_CACHE=off.",
        RuntimeWarning,
        stacklevel=4,
    )


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    # A child that is born in the middle of a transaction would believe itself to be its owner.
    os.register_at_fork(
        before=lambda: _lock.acquire(), after_in_parent=lambda: _lock.release(), after_in_child=_renew_lock
    )
