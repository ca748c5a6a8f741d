"""Who computes what, where several processes want the same clips.

The jobs of a grid search ask for the same clips at the same moment, and each would find an empty store. So a process
claims a clip before it computes it and the others take another one first; when only claimed clips are left they wait,
and read from the store what came of them.

A claim is a lock on one byte of a file beside the store, at an offset made from the clip's key. The operating system
drops the locks of a process that ends in any way, so nothing is left behind and nothing has to be cleaned up. A process
that was stopped keeps its claims, so whoever waits for one does not wait for ever (:data:`PATIENCE`). Two clips
whose keys fall on one offset wait for each other now and then, no more. As with the store itself a folder that cannot
be written costs nothing but the convenience: every claim is then granted.
"""

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

_NAME = "claims"
#: Seconds between two looks at a claimed clip.
_PAUSE = 0.02
#: Seconds to wait for a claimed clip: a process that was stopped, or hangs, keeps its claims.
PATIENCE = 300.0

_guard = threading.Lock()
_open: dict[tuple[int, Path], int] = {}
_held: set[tuple[int, Path, int]] = set()


def _renew_guard() -> None:
    global _guard
    _guard = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_guard)


class Claims:
    """Claims on clips in one folder; ``with`` gives up those still held.

    Parameters
    ----------
    folder : Path or None
        Where the store lives; None grants every claim.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._mine: set[int] = set()

    def __enter__(self) -> "Claims":
        return self

    def __exit__(self, *_: object) -> None:
        for offset in list(self._mine):
            self._drop(offset)

    def take(self, key: bytes) -> bool:
        """Return whether this clip is now ours to compute; False where somebody else is at it."""
        if self._folder is None:
            return True
        offset = _offset(key)
        name = (os.getpid(), self._folder, offset)
        with _guard:
            if name in _held:  # by another thread, or by a key with the same offset
                return False
            try:
                _lock(_descriptor(self._folder), offset)
            except BlockingIOError:
                return False
            except OSError:
                return True
            _held.add(name)
        self._mine.add(offset)
        return True

    def wait(self, key: bytes) -> bool:
        """Claim a clip as soon as nobody else has it; False after `PATIENCE` seconds."""
        end = time.monotonic() + PATIENCE
        while not self.take(key):
            if time.monotonic() > end:
                return False
            time.sleep(_PAUSE)
        return True

    def disregard(self) -> None:
        """Have every claim granted from now on, whoever else is at work."""
        for offset in list(self._mine):
            self._drop(offset)
        self._folder = None

    def give_up(self, keys: Sequence[bytes]) -> None:
        """Let go of clips, computed or not."""
        for offset in {_offset(key) for key in keys} & self._mine:
            self._drop(offset)

    def _drop(self, offset: int) -> None:
        assert self._folder is not None
        self._mine.discard(offset)
        with _guard:
            name = (os.getpid(), self._folder, offset)
            if name in _held:
                _held.discard(name)
                _unlock(_descriptor(self._folder), offset)


def _offset(key: bytes) -> int:
    return int.from_bytes(key[:4], "little") >> 1


def _descriptor(folder: Path) -> int:
    """The claims file of a folder, opened once a process: closing it anywhere would drop every claim of the process."""
    name = (os.getpid(), folder)
    if name not in _open:
        folder.mkdir(parents=True, exist_ok=True)
        _open[name] = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o666)
    return _open[name]


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, offset: int) -> None:
        os.lseek(file, offset, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error

    def _unlock(file: int, offset: int) -> None:
        os.lseek(file, offset, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(file: int, offset: int) -> None:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except PermissionError as error:  # POSIX leaves open which of the two a held lock gives
            raise BlockingIOError from error

    def _unlock(file: int, offset: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, offset)
