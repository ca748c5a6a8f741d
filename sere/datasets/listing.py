"""CSV and TSV lists of clips: the way in for anything that is not a known corpus."""

import csv
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sere.datasets.emotions import EmotionNames, canonical_emotion

# What people call the columns.
_COLUMNS = {
    "path": "path file filename filepath file_path audio_path wav clip",
    "emotion": "emotion label emotion_label class",
    "speaker": "speaker speaker_id spk",
    "language": "language lang",
    "text": "text text_id sentence transcript",
    "start": "start",
    "end": "end",
}
_NAMES = {alias: name for name, aliases in _COLUMNS.items() for alias in aliases.split()}
_SECONDS = ("start", "end")


def read_listing(file: Path, emotions: Mapping[str, str | None] | None = None) -> pd.DataFrame:
    """Read a CSV or TSV file of clips.

    Parameters
    ----------
    file : Path
        Columns separated by commas, semicolons or tabs, named in the first line.
    emotions : mapping, optional
        As for :func:`sere.datasets.load_corpus`.

    Returns
    -------
    DataFrame
        The columns of `load_corpus`, and `start` and `end` where the file has them.

    Raises
    ------
    ValueError
        If a column is missing, or a line lacks its path, emotion or a number; the message names
        the line.
    FileNotFoundError
        If a listed clip does not exist.
    """
    columns, rows = _read_rows(file)
    for needed in ("path", "emotion"):
        if needed not in columns:
            raise ValueError(
                f"{file} has no column {needed!r}; its first line names "
                f"{', '.join(columns) or 'nothing'}. "
                "Needed: path, emotion; optional: speaker, language, text, start, end."
            )
    if not rows:
        raise ValueError(f"{file} lists no clips.")
    labels = {row["emotion"] for _, row in rows}
    names = EmotionNames({label: canonical_emotion(label) or label for label in labels}, emotions)
    clips = []
    for line, row in rows:
        for needed in ("path", "emotion"):
            if not row[needed]:
                raise ValueError(f"{file}, line {line}: the column {needed!r} is empty.")
        emotion = names(row["emotion"])
        if emotion is None:
            continue
        clip: dict[str, object] = {name: row.get(name) or None for name in ("speaker", "language", "text")}
        clip |= {
            "path": _clip_path(file, line, row["path"]),
            "emotion": emotion,
            "corpus": file.stem,
        }
        clip |= {name: _seconds(file, line, name, row) for name in _SECONDS if name in columns}
        clips.append(clip)
    return pd.DataFrame(
        clips,
        columns=["path", "emotion", "speaker", "language", "text", "corpus"]
        + [name for name in _SECONDS if name in columns],
    )


def _read_rows(file: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the column names, brought to ours, and each row with the line where it ends."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        try:
            header = stream.readline()
            delimiter = max("\t;,", key=header.count)
            stream.seek(0)
            reader = csv.reader(stream, delimiter=delimiter)
            head = [name.strip().casefold() for name in next(reader, [])]
            # A column with the very name goes before one that may mean the same.
            columns = [name if _NAMES.get(name) in head else _NAMES.get(name, name) for name in head]
            rows = []
            for values in reader:
                if any(value.strip() for value in values):
                    values += [""] * (len(columns) - len(values))
                    rows.append((reader.line_num, {c: v.strip() for c, v in zip(columns, values)}))
        except UnicodeDecodeError as error:
            raise ValueError(f"{file} is not UTF-8 text; save it as UTF-8 ({error}).") from None
    twice = sorted({name for name in columns if columns.count(name) > 1 and name})
    if twice:
        raise ValueError(f"{file} has more than one column that means {', '.join(twice)}.")
    return columns, rows


def _clip_path(file: Path, line: int, written: str) -> str:
    path = Path(written).expanduser()
    path = path if path.is_absolute() else file.parent / path
    if not path.is_file():
        raise FileNotFoundError(f"{file}, line {line}: there is no file {path}. Relative paths start at {file.parent}.")
    return str(path)


def _seconds(file: Path, line: int, name: str, row: Mapping[str, str]) -> float:
    """Return a time in seconds, NaN for an empty cell (the clip's own start or end)."""
    if not row[name]:
        return float("nan")
    try:
        seconds = float(row[name])
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{file}, line {line}: {name} is {row[name]!r}; it must be seconds from the file's beginning.")
    return seconds
