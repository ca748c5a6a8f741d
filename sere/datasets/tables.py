"""The one reader of lists of clips, for :func:`~sere.datasets.load_corpus` and every command.

A list is a text file with a line of names and a line a clip. Nothing in it is guessed from its clips:

*separator*
    The comma in ``.csv`` and ``.txt``, the tab in ``.tsv`` and ``.tab``. Another of comma, tab and semicolon is taken
    only where it divides the *first line* so that a column is one that names the clips. A single column has none: its
    cells may hold any of them.
*names*
    In any case; spaces and hyphens count as ``_``. What else people call the columns stands in :data:`COLUMNS`.
*cells*
    Are texts: a speaker called ``NA`` or ``007`` is one. Space around them is dropped; quotes are those of CSV.
*paths*
    Relative ones start at the list's own folder; one that is not there, but is there from the current folder, starts at
    the current folder (so that what ``sere predict`` wrote elsewhere is read back).
*encoding*
    UTF-8, with or without its mark, or UTF-16 with its mark. Bytes that are not UTF-8 are taken as they are where they
    name a file that is there; elsewhere they are an error.
"""

import csv
import io
import os
import re
import warnings
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sere.inputs.items import end_of

#: Endings of lists.
LIST_ENDINGS = frozenset({".csv", ".tsv", ".tab", ".txt"})
#: Our names of columns, and what people call them.
COLUMNS: dict[str, tuple[str, ...]] = {
    name: tuple(f"{name} {others}".split())
    for name, others in {
        "path": "file filename file_name filepath file_path audio audio_file audio_path wav wav_path clip",
        "emotion": "label emotion_label class",
        "speaker": "speaker_id spk",
        "language": "lang",
        "text": "text_id sentence transcript transcription",
        "start": "start_time",
        "end": "end_time",
        "duration": "",
    }.items()
}
_OURS = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
_SEPARATORS = {".tsv": "\t,;", ".tab": "\t,;"}
#: Stands for none: no text holds it.
_NO_SEPARATOR = "\x1f"
#: What standard output makes of a byte of a file's name that is no UTF-8.
_ESCAPED = re.compile(r"\\udc([89a-f][0-9a-f])")


@dataclass(frozen=True)
class Table:
    """A list of clips.

    Attributes
    ----------
    file : Path
    header : list of str
        The names as they are written.
    clips : DataFrame
        The wanted columns that are there, by our names. All cells are texts, empty where nothing stands; paths open
        from the current folder. The index is the line at which a row ends.
    decimal : str
        What divides units from decimals: a comma where the semicolon separates, else a point.
    """

    file: Path
    header: list[str]
    clips: pd.DataFrame
    decimal: str


def read_table(
    file: Path,
    wanted: Sequence[str],
    needed: Sequence[str] = ("path",),
    *,
    names: Mapping[str, str] | None = None,
    opens: Callable[[str], str] | None = None,
) -> Table:
    """Read a list of clips.

    Parameters
    ----------
    file : Path
    wanted : sequence of str
        Columns to read, of the keys of :data:`COLUMNS`, or others by their names in lower case.
    needed : sequence of str
        Those that must be there.
    names : mapping of str to str, optional
        Names of columns in lower case, and which of the keys each is; goes before what a name means otherwise.
    opens : callable, optional
        Returns the path that opens of one that is written; by default as the module says.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such list: a needed column is missing or there are two of them, a line has more cells than the first
        or a quotation mark without its partner, or text is not UTF-8; names the line.
    """
    text = _decoded(file)
    header, separator = _first_line(file, text)
    columns = our_names(header, names)
    for name in wanted:
        if columns.count(name) > 1:
            same = ", ".join(repr(header[k]) for k, column in enumerate(columns) if column == name)
            raise ValueError(f"{file} has more than one column that means {name} ({same}); rename all but one.")
    for name in needed:
        if name not in columns:
            raise ValueError(
                f"{file} has no column {name!r}; its first line names {', '.join(header) or 'nothing'}. "
                f"Any of these is understood: {', '.join(_said(name, names or {}))}."
            )
    kept = {name: columns.index(name) for name in wanted if name in columns}
    cells: dict[str, list[str]] = {name: [] for name in kept}
    lines = []
    for line, row in _rows(file, text, separator, len(header)):
        lines.append(line)
        for name, k in kept.items():
            cells[name].append(row[k])
    if "path" in cells:
        cells["path"] = (
            _paths(file, lines, cells["path"])
            if opens is None
            else [opens(cell) if cell else "" for cell in cells["path"]]
        )
    for name in kept.keys() - {"path"}:
        for line, cell in zip(lines, cells[name]):
            _check_utf8(file, line, cell)
    clips = pd.DataFrame(cells, index=pd.Index(lines, name="line"), columns=list(kept), dtype=object)
    return Table(file, header, clips, "," if separator == ";" else ".")


def is_list_of(file: Path, columns: Sequence[str]) -> bool:
    """Whether a file is a list that has these columns (keys of :data:`COLUMNS`)."""
    if file.suffix.lower() not in LIST_ENDINGS or not file.is_file():
        return False
    try:
        header, _ = _first_line(file, _decoded(file))
    except ValueError:
        return False
    return set(columns) <= set(our_names(header))


def our_names(header: Sequence[str], given: Mapping[str, str] | None = None) -> list[str]:
    """Return the names of columns brought to ours; those that are none of ours stay as they are, in lower case.

    Parameters
    ----------
    header : sequence of str
    given : mapping of str to str, optional
        What goes before: a column that would mean the same otherwise gets no name.
    """
    given = given or {}
    plain = [re.sub(r"[\s\-]+", "_", name.strip()).casefold() for name in header]
    # A column with the very name goes before one that may mean the same.
    meant = [name if _OURS.get(name) in plain else _OURS.get(name, name) for name in plain]
    taken = {given[name] for name in plain if name in given}
    return [given.get(name, "" if ours in taken else ours) for name, ours in zip(plain, meant, strict=True)]


def _said(name: str, given: Mapping[str, str]) -> Sequence[str]:
    """Return what a column may be called."""
    return [alias for alias, meant in given.items() if meant == name] or COLUMNS.get(name, (name,))


def timed(table: Table) -> pd.DataFrame:
    """Return the clips of a list with their times as numbers; beside a start, a duration has become an end.

    Raises
    ------
    ValueError
        Start, end and duration of a clip disagree; names the line.
    """
    clips = table.clips
    for name in {"start", "end", "duration"} & set(clips):
        clips[name] = numbers(clips[name], table.decimal)
    if "duration" not in clips or not {"start", "end"} & set(clips):
        return clips
    ends = []
    known = (clips[name] if name in clips else [None] * len(clips) for name in ("start", "end", "duration"))
    for line, start, end, duration in zip(clips.index, *known, strict=True):
        try:
            last = end_of(start, end, duration)
        except ValueError as error:
            raise ValueError(f"{table.file}, line {line}: {error}.") from error
        ends.append(float("nan") if last is None else last)
    return clips.drop(columns="duration").assign(end=ends)


def numbers(cells: Iterable[str], decimal: str = ".") -> list[float | str]:
    """Return cells as floats, NaN where empty; a text that is no finite number stays, for whoever reads it to name."""
    return [_number(cell, decimal) for cell in cells]


def _number(cell: str, decimal: str) -> float | str:
    if not cell:
        return float("nan")
    plain = cell.replace(",", ".") if decimal == "," else cell
    return float(plain) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", plain) else cell


def _decoded(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no list {file}") from None
    if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace").lstrip("\ufeff")
    return raw.decode("utf-8", errors="surrogateescape").lstrip("\ufeff")


def _first_line(file: Path, text: str) -> tuple[list[str], str]:
    """Return the names in the first line, and what separates them."""
    line = io.StringIO(text, newline="").readline()
    if len(line) > csv.field_size_limit():
        raise ValueError(f"{file} is no list of clips: its first line has {len(line)} characters.")
    order = _SEPARATORS.get(file.suffix.lower(), ",\t;")
    for separator in order:
        names = _split(line, separator)
        if len(names) > 1 and "path" in our_names(names):
            return names, separator
    if "path" in our_names(_split(line, _NO_SEPARATOR)):
        return _split(line, _NO_SEPARATOR), _NO_SEPARATOR
    found = next((separator for separator in order if separator in line), _NO_SEPARATOR)
    return _split(line, found), found


def _split(line: str, separator: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]


def _rows(file: Path, text: str, separator: str, width: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the line at which a row ends and its cells, as many as there are names."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        next(reader, None)
        for cells in reader:
            row = [cell.strip() for cell in cells]
            if any(row[width:]):
                raise ValueError(
                    f"{file}, line {reader.line_num}: {len(row)} cells, and the first line names {width}; a cell that "
                    "holds the separator goes into quotation marks."
                )
            if any(row):
                yield reader.line_num, row[:width] + [""] * (width - len(row))
    except csv.Error as error:
        raise ValueError(
            f"{file}, line {reader.line_num}: {error}; a cell that holds a quotation mark goes into quotation marks, "
            "and the mark inside it is doubled."
        ) from None


def _paths(file: Path, lines: Sequence[int], written: Sequence[str]) -> list[str]:
    """Return paths that open from the current folder; an empty cell stays empty."""
    folders = [file.parent] if file.parent.resolve() == Path.cwd() else [file.parent, Path()]
    paths, twofold = [], []
    for line, cell in zip(lines, written):
        if not cell:
            paths.append("")
            continue
        meant = _meanings(cell, folders)
        there = [path for path in meant if os.path.lexists(path)]
        if not there:
            _check_utf8(file, line, cell)
        elif not os.path.samestat(os.lstat(there[0]), os.lstat(there[-1])):
            twofold.append(cell)
        paths.append((there or meant)[0])
    if twofold:
        more = f" and {len(twofold) - 1} more" if len(twofold) > 1 else ""
        warnings.warn(
            f"{file} lists {twofold[0]}{more}, which is there both from the list's folder and from the current folder; "
            "that from the list's folder is taken.",
            UserWarning,
            stacklevel=4,
        )
    return paths


def _meanings(cell: str, folders: Sequence[Path]) -> list[str]:
    """Return the paths that a cell may stand for, the likeliest first."""
    given = os.path.expanduser(cell) if cell.startswith("~/") else cell
    restored = _ESCAPED.sub(lambda found: chr(0xDC00 + int(found[1], 16)), given)
    return list(dict.fromkeys(str(folder / name) for folder in folders for name in (given, restored)))


def _check_utf8(file: Path, line: int, cell: str) -> None:
    try:
        cell.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{file}, line {line}: {cell!r} is not UTF-8 text; save the list as UTF-8.") from None
