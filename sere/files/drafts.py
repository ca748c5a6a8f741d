"""Files that appear whole or not at all, and drafts of killed writers that do not stay.

A file is written as a *draft* beside it and takes its name once it is complete: who reads finds the old content or the
new one, whatever happens in between. A writer that is killed leaves its draft behind; the next one that writes the same
file takes it away. A draft that is still being written is told from one that was left by its age on the file system's
own clock, so neither another machine nor another clock matters.
"""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: A draft that nobody wrote to for so many seconds was left by a writer that was killed.
LEFT = 600.0


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path of a draft that becomes the file when the block ends, and is removed when it fails.

    Parameters
    ----------
    path : path-like
        The file. The draft has its ending, for writers that look at it.

    Raises
    ------
    FileNotFoundError
        The file's folder does not exist.
    """
    target = Path(path).absolute()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {str(path)!r}: the folder does not exist; make it first")
    draft = target.with_name(f".{target.stem}-{uuid.uuid4().hex[:12]}.draft{target.suffix}")
    try:
        draft.touch(exist_ok=False)
        _remove_left_drafts(target, draft.stat().st_mtime)
        yield draft
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file, UTF-8, whole or not at all."""
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _remove_left_drafts(target: Path, now: float) -> None:
    name = re.compile(rf"\.{re.escape(target.stem)}-[0-9a-f]{{12}}\.draft{re.escape(target.suffix)}")
    with os.scandir(target.parent) as entries:
        drafts = [Path(entry.path) for entry in entries if name.fullmatch(entry.name)]
    for draft in drafts:
        try:
            if now - draft.stat().st_mtime > LEFT:
                draft.unlink()
        except OSError:  # another writer was faster, it was finished just now, or it is somebody else's
            continue
