"""Walking below a folder: every folder once, links last, nothing unreadable passed over in silence."""

import os
from collections import deque
from collections.abc import Callable, Iterator


def walk(root: str | os.PathLike[str], unreadable: Callable[[OSError], object] | None = None) -> Iterator[list[str]]:
    """Yield the paths of the files of each folder below `root`, sorted.

    Links to folders are followed after all that lies below `root` itself, and no folder is entered twice, so that a
    link is never a second copy of what is there, nor a circle. Hidden files and folders (and what macOS leaves in
    archives, ``__MACOSX``) are passed over.

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
    entered: set[tuple[int, int]] = set()
    waiting = deque([os.fspath(root)])

    def complain(error: OSError) -> None:
        told = type(error)(error.errno, f"the folder cannot be read ({error.strerror})", error.filename)
        if unreadable is None:
            raise told from error
        unreadable(told)

    while waiting:
        for folder, subfolders, names in os.walk(waiting.popleft(), onerror=complain):
            found = os.stat(folder)
            if (found.st_dev, found.st_ino) in entered:
                subfolders.clear()
                continue
            entered.add((found.st_dev, found.st_ino))
            subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
            below = [os.path.join(folder, name) for name in subfolders]
            waiting.extend(path for path in below if os.path.islink(path))
            yield [os.path.join(folder, name) for name in sorted(names) if not name.startswith(".")]
