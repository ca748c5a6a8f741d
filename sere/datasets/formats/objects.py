"""Files of JSON objects, one a line or all in one, compressed or not."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Endings of files of JSON objects.
JSON_ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz")


def is_json(file: Path) -> bool:
    """Whether a file is one of JSON objects, by its ending."""
    return file.name.lower().endswith(JSON_ENDINGS) and file.is_file()


def objects(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object of a file with where it stands.

    An object a line; of a file ``.json`` the entries of its list, or of its one object, whose names go into ``key``.

    Raises
    ------
    ValueError
        What stands there is no JSON object; names the line.
    """
    if ".json" in file.suffixes[-2:]:
        yield from _whole(file)
        return
    try:
        with _opened(file) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{file}, line {number}", _object(line, f"{file}, line {number}")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error


def first_object(file: Path) -> dict[str, Any]:
    """Return the first object of a file; an empty one where there is none that can be read."""
    try:
        return next(objects(file), ("", {}))[1]
    except ValueError:
        return {}


def _whole(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        with _opened(file) as stream:
            content = json.load(stream)
    except (OSError, EOFError, ValueError) as error:
        raise _unreadable(file, error) from error
    entries = (
        [{"key": key} | value for key, value in content.items() if isinstance(value, dict)]
        if isinstance(content, dict)
        else content
    )
    for number, entry in enumerate(entries if isinstance(entries, list) else [], start=1):
        if not isinstance(entry, dict):
            raise ValueError(f"{file}, entry {number}: there must be an object, and this is {json.dumps(entry)[:40]}.")
        yield f"{file}, entry {number}", entry


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where}: this is no JSON ({error}).") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where}: there must be a JSON object on each line, and this is {line.strip()[:40]}.")
    return found


def _opened(file: Path) -> Any:
    return gzip.open(file, "rt", encoding="utf-8-sig") if file.suffix == ".gz" else file.open(encoding="utf-8-sig")


def _unreadable(file: Path, error: Exception) -> ValueError:
    return ValueError(f"{file} cannot be read as JSON ({error}).")
