"""audformat's databases: ``db.yaml`` beside its tables, as audb hands them out; or one of the tables.

The library audformat reads them, but not as they lie there. Its loader builds whatever object a header names, and
prefers tables that are pickles, so both could run code: the header must first be plain YAML, and only tables in CSV
and Parquet are handed over.
"""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from sere.datasets.formats.rows import Row, emotion_column

_HEADER = "db.yaml"
_ENDINGS = (".csv", ".parquet")
_TEXTS = ("text", "transcription", "transcript", "sentence")


def is_audformat(place: Path) -> bool:
    """Whether a folder is a database, or a file one of its tables."""
    if place.is_dir():
        return (place / _HEADER).is_file()
    return place.suffix in _ENDINGS and place.name.startswith("db.") and (place.parent / _HEADER).is_file()


def read_audformat(place: Path, target: str | None = None, tables: list[str] | None = None) -> list[Row]:
    """Return the clips of a database.

    Parameters
    ----------
    place : Path
        Its folder, or one of its tables: then only what that table says of emotions counts.
    target : str, optional
        Scheme or column of the emotion; without it the one that is called so or looks so.
    tables : list of str, optional
        Where to look for the emotion; all.

    Raises
    ------
    ImportError
        audformat is not installed.
    ValueError
        No emotions are found, or several that differ.
    """
    folder = place if place.is_dir() else place.parent
    tables = tables or ([place.stem.removeprefix("db.")] if place.is_file() else None)
    db = load_database(folder)
    scheme = target or _target(db, tables or list(db.tables), folder)
    try:
        with _quiet():
            found = db.get(scheme, tables=tables)
            others = {name: db.get(name) for name in [*_named(db, ["speaker", "language"]), *_named(db, _TEXTS)[:1]]}
    except ValueError as error:
        raise ValueError(
            f"{folder}: the tables disagree about a clip ({str(error).splitlines()[0]}); pass one of them, such as "
            f"{folder / f'db.{next(iter(db.tables))}.csv'}."
        ) from error
    if found.empty:
        raise ValueError(f"{folder}: no table has {scheme!r}; it has {_said(db)}.")
    for name, values in others.items():
        found[name] = _beside(found, values[name])
    return list(_rows(found, scheme, folder, db))


def load_database(folder: Path) -> Any:
    """Return an audformat.Database of which nothing was run."""
    try:
        import audformat
        import yaml
    except ImportError as error:
        raise ImportError(
            f"{folder} is an audformat database, and reading it needs audformat: pip install audformat"
        ) from error
    header = folder / _HEADER
    try:
        names = (yaml.safe_load(header.read_text(encoding="utf-8")) or {}).get("tables") or {}
    except (yaml.YAMLError, AttributeError) as error:
        raise ValueError(f"{header} is no plain YAML ({str(error).splitlines()[0]}).") from error
    for name in names:
        if not any((folder / f"db.{name}{ending}").is_file() for ending in _ENDINGS):
            raise ValueError(
                f"{folder} has no db.{name}.csv or db.{name}.parquet, and a table that is a pickle could run code; its "
                "maker can write another with db.save(..., storage_format='csv')."
            )
    with tempfile.TemporaryDirectory(prefix="sere-") as plain:
        shutil.copy(header, plain)
        for file in folder.glob("db.*"):
            if file.suffix in _ENDINGS:
                shutil.copy(file, plain)
        with _quiet():
            return audformat.Database.load(plain, load_data=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what pandas tells the makers of audformat from its users."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"audformat\.")
        yield


def _beside(found: pd.DataFrame, values: pd.Series) -> list[object]:
    """Return what is known of each clip of a table: of its segment, or of its file.

    ``db.get`` would do this with `additional_schemes`, but gives segments the values of other files where those of one
    file do not stand together (audformat 1.4.3).
    """
    known = dict(zip(values.index, values, strict=True))
    if values.index.nlevels == found.index.nlevels:
        return [known.get(key) for key in found.index]
    return [known.get(file) for file in found.index.get_level_values("file")]


def _rows(found: pd.DataFrame, scheme: str, folder: Path, db: Any) -> list[Row]:
    index = found.index.to_frame(index=False)
    spoken = db.languages[0] if len(db.languages) == 1 else None
    text = next((name for name in _TEXTS if name in found), None)
    rows = []
    times = [index[name] if name in index else [None] * len(index) for name in ("start", "end")]
    for file, first, last, (_, values) in zip(map(str, index["file"]), *times, found.iterrows(), strict=True):
        known = {str(name): str(value) for name, value in values.items() if not pd.isna(value)}
        start, end = _seconds(first), _seconds(last)
        speaker = known.get("speaker")
        rows.append(
            Row(
                where=f"{folder}, {file}" + ("" if start is None and end is None else f" [{start or 0:g} s]"),
                path=str(folder / file),
                corpus=db.name or folder.resolve().name,
                emotion=known.get(scheme),
                speaker=f"{db.name}-{speaker}" if speaker and db.name else speaker,
                language=_language(known.get("language", spoken)),
                text=known.get(text) if text else None,
                start=start,
                end=end,
            )
        )
    if all(row.start in (None, 0.0) and row.end is None for row in rows):
        for row in rows:
            row.start = None
    return rows


def _seconds(time: Any) -> float | None:
    return None if time is None or pd.isna(time) else float(pd.Timedelta(time).total_seconds())


def _language(code: str | None) -> str | None:
    """Return a language's code of two letters, for audformat's of three."""
    if code is None:
        return None
    import iso639

    try:
        return iso639.Lang(code).pt1 or code
    except iso639.exceptions.InvalidLanguageValue:
        return code


def _names(db: Any, tables: list[str]) -> dict[str, list[object]]:
    """Return what can be asked for, with its values: schemes and columns of some tables."""
    found: dict[str, list[object]] = {}
    for name in tables:
        if name not in db.tables:
            raise ValueError(f"the database has no table {name!r}; it has {', '.join(db.tables)}.")
        for column, about in db[name].columns.items():
            values = db[name].df[column].dropna().astype(object).tolist()
            found.setdefault(about.scheme_id or column, []).extend(values)
    return found


def _named(db: Any, wanted: Any) -> list[str]:
    """Return which of some names the database has: as scheme, column, or label of a scheme."""
    known = set(db.schemes)
    for table in (*db.tables, *db.misc_tables):
        known |= set(db[table].columns)
    for scheme in db.schemes.values():
        if isinstance(scheme.labels, dict):
            known |= {key for label in scheme.labels.values() if isinstance(label, dict) for key in label}
    return [name for name in wanted if name in known]


def _target(db: Any, tables: list[str], folder: Path) -> str:
    found = emotion_column(_names(db, tables))
    if found is None:
        raise ValueError(
            f"{folder}: no scheme or column is called emotion, and not exactly one looks like it; there is "
            f"{_said(db)}. Pass the file of the table that holds emotions."
        )
    return found


def _said(db: Any) -> str:
    return ", ".join(f"{name} ({', '.join(db[name].columns) or 'no columns'})" for name in db.tables) or "no table"
