"""The record of finished cells on disk: one JSON object a line, appended and never rewritten.

A line is written by one call as soon as its cell is finished, so that killing the process at any moment costs the cells
in work and nothing else. A line that a kill or a full disk cut short is not JSON; it is passed over, and the next line
starts on a new one.
"""

import json
import os
from pathlib import Path
from typing import Any


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
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
        with open(self.path, "ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            torn = False
            if size:
                file.seek(size - 1)
                torn = file.read(1) != b"\n"
            file.write((b"\n" if torn else b"") + line.encode())
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
                except json.JSONDecodeError:
                    continue
                if isinstance(record, dict) and "key" in record and "uar" in record:
                    found[record["key"]] = record
        return found
