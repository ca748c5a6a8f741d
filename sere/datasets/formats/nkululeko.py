"""nkululeko's experiments: the section ``[DATA]`` of an ini file, with the databases that it names.

Of the section are followed: ``databases``, ``target``, ``labels``, ``root_folders``, and of each database its place,
``type``, ``audio_path``, ``colnames``, ``mapping``, ``rename_speakers``, its tables, and a
``split_strategy`` that says which clips are for what; one that draws them at random leaves ``split`` open. Options that
would leave clips out (``filter``, ``limit_samples``, ...) are not followed, with a warning. Relative paths start at the
ini's folder, at one above it, or at the current one, whatever ``absolute_path`` says.
"""

import ast
import configparser
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sere.datasets.formats.audformat import read_audformat
from sere.datasets.formats.rows import Places, Row
from sere.datasets.tables import read_table, timed

_LEAVING_OUT = (
    "filter", "limit", "limit_samples", "limit_samples_per_speaker", "limit_speakers", "min_duration_of_sample",
    "max_duration_of_sample", "min_dur", "max_dur", "required", "sample_selection",
)  # fmt: skip
_NO_SPLIT = ("speaker_split", "random", "balanced", "database", "reuse")


class _Section:
    """What an ini file says of its data; names in any case, values without the marks around them."""

    def __init__(self, file: Path, parts: Mapping[str, str], roots: Mapping[str, str]):
        self.file, self._parts = file, {**roots, **parts}

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return an option as text."""
        value = self._parts.get(name.lower())
        return default if value is None else value.strip().strip("'\"")

    def value(self, name: str, default: Any = None) -> Any:
        """Return an option that is a literal of Python: a list, a dict, True or False."""
        text = self.text(name)
        if text is None:
            return default
        try:
            return ast.literal_eval(self._parts[name.lower()].strip())
        except (ValueError, SyntaxError):
            raise ValueError(f"{self.file}: [DATA] {name} = {text} is no list, dict or other literal.") from None


def is_nkululeko(place: Path) -> bool:
    """Whether a file is an experiment of nkululeko's."""
    if place.suffix.lower() != ".ini" or not place.is_file():
        return False
    try:
        return "databases" in _parsed(place)
    except ValueError:
        # One that is broken is told of when it is read.
        return b"databases" in place.read_bytes()


def read_nkululeko(place: Path) -> list[Row]:
    """Return the clips of an experiment's databases."""
    parts = _parsed(place)
    roots_file = parts.get("root_folders", "").strip().strip("'\"")
    roots = _parsed(Path(Places(place.parent).find(roots_file))) if roots_file else {}
    section = _Section(place, parts, roots)
    target = section.text("target")
    if target in (None, "none", "None"):
        raise ValueError(f"{place}: [DATA] names no target, the column that holds the emotions.")
    wanted = section.value("labels")
    rows = []
    for name in section.value("databases", []):
        found = _read_database(section, str(name), str(target))
        found = _mapped(section, str(name), str(target), found)
        rows += [row for row in found if wanted is None or row.emotion in {str(label) for label in wanted}]
    if not rows:
        raise ValueError(f"{place}: no clip has one of the labels {wanted}; the labels count after each mapping.")
    return rows


def _parsed(file: Path) -> Mapping[str, str]:
    """Return the section [DATA] of an ini file, empty where there is none."""
    parser = configparser.ConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8"), source=str(file))
        return dict(parser["DATA"]) if "DATA" in parser else {}
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no {file}") from None


def _read_database(section: _Section, name: str, target: str) -> list[Row]:
    given = section.text(name)
    if given is None:
        raise ValueError(
            f"{section.file}: [DATA] lists the database {name!r} and does not say where it is: {name} = ..."
        )
    options = [written for option in _LEAVING_OUT for written in (option, f"{name}.{option}")]
    ignored = [option for option in options if section.text(option) is not None]
    if ignored:
        warnings.warn(
            f"{section.file}: {', '.join(ignored)} is not followed; clips that it would leave out of {name} are here.",
            UserWarning,
            stacklevel=5,
        )
    place = Path(Places(section.file.parent).find(given))
    if not place.exists():
        raise FileNotFoundError(f"{section.file}: {name} = {given}, and there is no {place}.")
    kind = section.text(f"{name}.type", "audformat")
    columns = {str(old): str(new) for old, new in section.value(f"{name}.colnames", {}).items()}
    if kind == "csv":
        rows = _of_csv(section, name, place, target, columns)
    elif kind == "audformat":
        rows = _of_database(section, name, place, target, columns)
    else:
        raise ValueError(f"{section.file}: {name}.type is {kind!r}; it must be csv or audformat.")
    for row in rows:
        row.corpus = name
    if kind == "csv" and section.value(f"{name}.rename_speakers", False):
        for row in rows:
            row.speaker = row.speaker and f"{name}{row.speaker}"
    return rows


def _of_csv(section: _Section, name: str, file: Path, target: str, columns: Mapping[str, str]) -> list[Row]:
    own = section.text(f"{name}.audio_path", "./") or "./"
    strategy = section.text(f"{name}.split_strategy", "speaker_split")
    by = (section.text(f"{name}.split_column") or "").casefold() if strategy == "column" else ""
    names = {old.casefold(): new for old, new in columns.items()}
    names = {old: "emotion" if new == target else new for old, new in names.items()}
    names = names if "emotion" in names.values() else {**names, target.casefold(): "emotion"}
    table = read_table(
        file,
        list(dict.fromkeys(["path", "emotion", "speaker", "language", "text", "start", "end", *([by] if by else [])])),
        needed=("path",),
        names=names,
        opens=Places(file.parent, own).find,
    )
    header = {column.strip().casefold() for column in table.header}
    if not any(old in header for old, new in names.items() if new == "emotion"):
        raise ValueError(f"{file} has no column {target!r}, the target; it has {', '.join(table.header)}.")
    clips = timed(table)
    values = clips[by].tolist() if by in clips else [""] * len(clips)
    rows = []
    for line, row in clips.drop(columns=[by], errors="ignore").iterrows():
        known = {str(key): cell for key, cell in row.items() if cell != "" and cell == cell}
        if "path" not in known:
            raise ValueError(f"{file}, line {line}: the path is empty.")
        rows.append(Row(where=f"{file}, line {line}", corpus=name, **known))
    _split(section, name, str(strategy), rows, values)
    return rows


def _of_database(section: _Section, name: str, place: Path, target: str, columns: Mapping[str, str]) -> list[Row]:
    scheme = next((old for old, new in columns.items() if new == target), target)
    parts = ("train", "dev", "test")
    by_part = {part: section.value(f"{name}.{part}_tables", []) for part in parts}
    tables = [*section.value(f"{name}.target_tables", []), *(table for own in by_part.values() for table in own)]
    rows = read_audformat(place, scheme, tables or None)
    strategy = section.text(f"{name}.split_strategy", "speaker_split")
    if strategy == "specified":
        lists = {part: read_audformat(place, scheme, own) for part, own in by_part.items() if own}
        found = {(row.path, row.start, row.end): part for part, own in lists.items() for row in own}
        for row in rows:
            row.split = found.get((row.path, row.start, row.end))
    else:
        _split(section, name, str(strategy), rows, [])
    return rows


def _split(section: _Section, name: str, strategy: str, rows: list[Row], values: list[str]) -> None:
    """Set the split of each row where the strategy says it."""
    if strategy in ("train", "dev", "test"):
        parts = [strategy for _ in rows]
    elif strategy == "column" and values:
        lists = {
            str(value): part
            for part in ("train", "dev", "test")
            for value in section.value(f"{name}.{part}_vals", section.value(f"{name}.{part}_values", []))
        }
        parts = [lists.get(value, "") for value in values]
    elif strategy == "speakers_stated" or strategy.startswith("["):
        stated = {part: section.value(f"{name}.{part}", []) for part in ("train", "dev", "test")}
        if strategy.startswith("["):
            stated = {"train": [], "dev": [], "test": section.value(f"{name}.split_strategy")}
        speakers = {str(speaker): part for part, own in stated.items() for speaker in own}
        prefix = f"{rows[0].corpus}-" if rows else ""
        known = [(row.speaker or "").removeprefix(prefix) for row in rows]
        # Who is not named is for training, unless the speakers for training are named.
        parts = [speakers.get(speaker, "" if stated["train"] else "train") for speaker in known]
    elif strategy in (*_NO_SPLIT, "specified", "column"):
        return
    else:
        raise ValueError(f"{section.file}: {name}.split_strategy = {strategy} is unknown.")
    for row, part in zip(rows, parts, strict=True):
        row.split = part or None


def _mapped(section: _Section, name: str, target: str, rows: list[Row]) -> list[Row]:
    """Return the rows whose label the mapping of a database names, with what it says; all where there is none."""
    mapping = section.value(f"{name}.mapping", {})
    own = mapping.get(target, {}) if any(isinstance(value, dict) for value in mapping.values()) else mapping
    if not own:
        return rows
    names = {old.strip(): str(new) for key, new in own.items() for old in str(key).split(",")}
    for row in rows:
        row.emotion = names.get(row.emotion or "")
    return [row for row in rows if row.emotion is not None]
