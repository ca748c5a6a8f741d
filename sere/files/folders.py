"""Walking below a folder: every folder once, links last, nothing unreadable passed over in silence."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path


def walk(root: str | os.PathLike[str], unreadable: Callable[[OSError], object] | None = None) -> Iterator[list[str]]:
    """Yield the paths of the files of each folder below `root`, sorted.

    Links to folders are followed after all that lies below `root` itself, and no folder is entered twice, so that a
    link is never a second copy of what is there, nor a circle; a link to a folder above `root` leads nowhere. Hidden
    files and folders (and what macOS leaves in archives, ``__MACOSX``) are passed over.

    Parameters
    ----------
    root : path-like
    unreadable : callable, optional
        Called with the error of each folder that cannot be read, and the rest is walked.

    Yields
    ------
    list of str
        Paths that begin with `root` as it was given.

    Raises
    ------
    OSError
        When a folder cannot be read and `unreadable` is not given; names the folder.
    """
    entered = {_identity(folder) for folder in Path(root).resolve().parents}
    waiting = deque([os.fspath(root)])

    def complain(error: OSError) -> None:
        if unreadable is None:
            raise type(error)(error.errno, f"the folder cannot be read ({error.strerror})", error.filename) from error
        unreadable(error)

    while waiting:
        for folder, subfolders, names in os.walk(waiting.popleft(), onerror=complain):
            if _identity(folder) in entered:
                subfolders.clear()
                continue
            entered.add(_identity(folder))
            subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
            below = [os.path.join(folder, name) for name in subfolders]
            waiting.extend(path for path in below if os.path.islink(path))
            yield [os.path.join(folder, name) for name in sorted(names) if not name.startswith(".")]


def as_text(name: str) -> str:
    r"""Return a file's name as text for columns and files: a byte that is no UTF-8 as ``\udc80`` to ``\udcff``."""
    return name.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _identity(folder: str | Path) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino
