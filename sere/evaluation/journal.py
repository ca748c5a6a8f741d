"""The record of finished cells on disk: one JSON object a line, appended and never rewritten.

A line is written by one call as soon as its cell is finished, so that killing the process at any moment costs the cells
in work and nothing else. A line that a kill or a full disk cut short is not JSON; it is passed over, and the next line
starts on a new one. Each line begins with a check of what follows, so that one which was damaged later is passed over,
too. Lines without one, of releases that wrote none, begin with their key.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any

_CHECK = "check"


class Journal:
    """Records of finished cells in one file.

    Parameters
    ----------
    path : path-like
        Made with the first record.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    def append(self, record: dict[str, Any]) -> None:
        """Write one record and hand it to the disk."""
        line = _line({_CHECK: _check(record), **record}) + b"\n"
        with open(self.path, "ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            torn = False
            if size:
                file.seek(size - 1)
                torn = file.read(1) != b"\n"
            file.write((b"\n" if torn else b"") + line)
            os.fsync(file.fileno())

    def read(self) -> dict[str, dict[str, Any]]:
        """Return finished records by key, the last of each; failed cells are not finished."""
        if not self.path.exists():
            return {}
        found = {}
        with open(self.path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):  # no JSON, or numbers and levels beyond what Python reads
                    continue
                if _is_whole(record) and "uar" in record:
                    found[record["key"]] = record
        return found


def _is_whole(record: Any) -> bool:
    """Tell whether a line holds what was written; takes its check out."""
    if not isinstance(record, dict) or not isinstance(record.get("key"), str):
        return False
    return next(iter(record)) == "key" or bool(record.pop(_CHECK, None) == _check(record))


def _check(record: dict[str, Any]) -> str:
    return f"{zlib.crc32(_line(record)):08x}"


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
