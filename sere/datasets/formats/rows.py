"""What every format is read into: a row a clip, with where it stands in the user's own files."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sere.datasets.emotions import canonical_emotion, own_names
from sere.files.folders import as_text
from sere.inputs.items import as_seconds

#: What manifests call the emotion where the format has no name for it, the likeliest first.
EMOTION_NAMES = ("emotion", "emo", "emotion_label", "label", "class")


@dataclass(kw_only=True)
class Row:
    """One clip of a manifest.

    Attributes
    ----------
    where : str
        File and line, or what else names it.
    path : str
        Opens from the current folder.
    emotion : str or None
        As it is written; None where there is none.
    start, end : float, str or None
        Seconds into the file, or a text that tells a time; None for its beginning and end.
    name : str or None
        What the format calls the clip.
    split : str or None
        The part of the data that the format counts it to: "train", "dev", "test".
    """

    where: str
    path: str
    corpus: str
    emotion: str | None = None
    speaker: str | None = None
    language: str | None = None
    text: str | None = None
    start: float | str | None = None
    end: float | str | None = None
    name: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Format:
    """One format of manifests.

    Attributes
    ----------
    title : str
        What people call it.
    is_one : callable
        Whether a file or folder is of this format.
    read : callable
        Returns its rows.
    hint : str
        What to do where no clip has an emotion.
    """

    title: str
    is_one: Callable[[Path], bool]
    read: Callable[[Path], list[Row]]
    hint: str


class Places:
    """Where relative paths of a manifest may start: its folder, those above, the current one; the first that has it.

    Parameters
    ----------
    folder : Path
        The manifest's own.
    below : str, default=""
        What goes between each of these folders and the path.
    """

    def __init__(self, folder: Path, below: str = ""):
        own = folder.absolute()
        self._folders = [place / below for place in dict.fromkeys([own, *own.parents, Path.cwd()])]

    def find(self, written: str) -> str:
        """Return a path that opens from the current folder; one that is nowhere starts at the manifest's folder."""
        written = os.path.expanduser(written) if written.startswith("~/") else written
        meant = [str(folder / written) for folder in self._folders]
        return next((path for path in meant if os.path.lexists(path)), meant[0])


def listed(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted; nothing where it cannot be read, which others will say."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def texts(values: Mapping[str, object], names: Sequence[str]) -> str | None:
    """Return the first of some entries that is there, as text."""
    found = (values[name] for name in names if values.get(name) is not None)
    return next((text for text in (str(value).strip() for value in found) if text), None)


def emotion_column(columns: Mapping[str, Sequence[object]]) -> str | None:
    """Return the column that holds emotions: one called so, else the only one whose words name at least two of them."""
    named = next((name for known in EMOTION_NAMES for name in columns if name.casefold() == known), None)
    if named is not None:
        return named
    likely = [name for name, values in columns.items() if len(set(_emotions(values)) - {None}) > 1]
    return likely[0] if len(likely) == 1 else None


def _emotions(values: Sequence[object]) -> Iterator[str | None]:
    return (canonical_emotion(value) if isinstance(value, str) else None for value in set(values))


def as_frame(
    rows: list[Row],
    source: Path,
    form: Format,
    emotions: Mapping[str, str | None] | None = None,
    *,
    labeled: bool,
    present: bool,
) -> pd.DataFrame:
    """Return rows as :func:`~sere.datasets.load_corpus` does; `where` is a column, too.

    Parameters
    ----------
    rows : list of Row
    source : Path
        What was read.
    form : Format
    emotions : mapping, optional
        As for :func:`~sere.datasets.load_corpus`.
    labeled : bool
        Clips need an emotion: those without are left out.
    present : bool
        Their files must be there.

    Raises
    ------
    FileNotFoundError
        A file is not there.
    ValueError
        No clip, or none with an emotion.
    """
    if not rows:
        raise ValueError(f"{source} ({form.title}) lists no clips.")
    if labeled:
        rows = _with_emotion(rows, source, form)
    if present:
        missing = next((row for row in rows if not os.path.isfile(row.path)), None)
        if missing is not None:
            raise FileNotFoundError(
                f"{missing.where}: there is no file {missing.path}. Relative paths start at the folder of "
                f"{source.name}, at one above it, or at the current folder."
            )
    names = own_names((row.emotion for row in rows if row.emotion is not None), emotions)
    table = pd.DataFrame(
        {
            "path": pd.Series([row.path for row in rows], dtype=object),
            "emotion": [None if row.emotion is None else names[row.emotion] for row in rows],
            "speaker": [row.speaker for row in rows],
            "language": [row.language for row in rows],
            "text": [row.text for row in rows],
            "corpus": [as_text(row.corpus) for row in rows],
            "where": pd.Series([row.where for row in rows], dtype=object),
        }
    )
    if any(row.start is not None or row.end is not None for row in rows):
        table = table.assign(start=_times(rows, "start"), end=_times(rows, "end"))
    for column, known in (("id", [row.name for row in rows]), ("split", [row.split for row in rows])):
        if any(value is not None for value in known):
            table[column] = known
    kept = [row.emotion is None or names[row.emotion] is not None for row in rows]
    return table[kept].reset_index(drop=True)


def _with_emotion(rows: list[Row], source: Path, form: Format) -> list[Row]:
    kept = [row for row in rows if row.emotion is not None]
    if not kept:
        raise ValueError(f"none of the {len(rows)} clips of {source} ({form.title}) has an emotion. {form.hint}")
    if len(kept) < len(rows):
        first = next(row for row in rows if row.emotion is None)
        more = f" and {len(rows) - len(kept) - 1} more" if len(rows) - len(kept) > 1 else ""
        warnings.warn(f"{source}: left out (no emotion): {first.where}{more}.", UserWarning, stacklevel=5)
    return kept


def _times(rows: list[Row], name: str) -> list[float]:
    """Return the starts or ends of rows in seconds, NaN where there are none."""
    found = []
    for row in rows:
        try:
            seconds = as_seconds(getattr(row, name), name)
        except ValueError as error:
            raise ValueError(f"{row.where}: {error}.") from error
        found.append(float("nan") if seconds is None else seconds)
    return found
