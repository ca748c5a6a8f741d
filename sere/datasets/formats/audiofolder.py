"""Hugging Face's audio folders: ``metadata.csv`` or ``metadata.jsonl`` beside the files, of all or of each split.

The column ``file_name`` holds paths from the table's own folder. Folders named after classes need no table: they are
read as any folders of emotions.
"""

import os
from pathlib import Path

from sere.datasets.formats.objects import first_object, objects
from sere.datasets.formats.rows import EMOTION_NAMES, Row, listed, texts
from sere.datasets.tables import COLUMNS, is_list_of, read_table, timed

_WANTED = ("path", "emotion", "speaker", "language", "text", "start", "end", "duration")
_SPLITS = {
    **dict.fromkeys(["train", "training"], "train"),
    **dict.fromkeys(["validation", "valid", "val", "dev"], "dev"),
    **dict.fromkeys(["test", "testing", "eval", "evaluation"], "test"),
}


def is_audio_folder(place: Path) -> bool:
    """Whether a folder, or its splits, hold tables of clips with emotions; or a file is one."""
    return bool(_tables(place))


def read_audio_folder(place: Path) -> list[Row]:
    """Return the clips of all tables."""
    rows = []
    for file in _tables(place):
        split = None if file.parent == place else _SPLITS.get(file.parent.name.lower())
        for row in _of_csv(file) if file.suffix == ".csv" else _of_objects(file):
            row.corpus = place.resolve().name if place.is_dir() else place.resolve().parent.name
            row.split = split
            rows.append(row)
    return rows


def _tables(place: Path) -> list[Path]:
    if place.is_file():
        return [place] if place.name == "metadata.jsonl" and _has_files(place) else []
    tops = [place, place / "data"]
    folders = [*tops, *(folder for top in tops for folder in listed(top) if folder.name.lower() in _SPLITS)]
    files = [folder / f"metadata.{ending}" for folder in folders for ending in ("csv", "jsonl")]
    return [file for file in files if os.path.isfile(file) and _has_files(file)]


def _has_files(file: Path) -> bool:
    if file.suffix == ".csv":
        return is_list_of(file, ["path", "emotion"])
    entry = first_object(file)
    return "file_name" in entry and texts(entry, EMOTION_NAMES) is not None


def _of_csv(file: Path) -> list[Row]:
    table = read_table(file, _WANTED, needed=("path", "emotion"))
    clips = timed(table).drop(columns="duration", errors="ignore")
    rows = []
    for line, row in clips.iterrows():
        known = {name: value for name, value in row.items() if value != "" and value == value}
        if "path" not in known:
            raise ValueError(f"{file}, line {line}: the path is missing.")
        rows.append(Row(where=f"{file}, line {line}", corpus="", **{str(name): known[name] for name in known}))
    return rows


def _of_objects(file: Path) -> list[Row]:
    rows = []
    for where, entry in objects(file):
        path = texts(entry, ["file_name"])
        if path is None:
            raise ValueError(f"{where}: 'file_name', the path, is missing.")
        known = {name: texts(entry, COLUMNS[name]) for name in ("speaker", "language", "text")}
        times = {
            name: next((entry[alias] for alias in COLUMNS[name] if alias in entry), None) for name in ("start", "end")
        }
        emotion = texts(entry, EMOTION_NAMES)
        rows.append(Row(where=where, path=str(file.parent / path), corpus="", emotion=emotion, **known, **times))
    return rows
