"""Lists of labeled clips: the way in for anything that is not a known corpus."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sere.datasets.emotions import own_names
from sere.datasets.tables import numbers, read_table
from sere.files.folders import as_text

_WANTED = ("path", "emotion", "speaker", "language", "text", "start", "end")


def read_listing(file: Path, emotions: Mapping[str, str | None] | None = None) -> pd.DataFrame:
    """Read a list of labeled clips, whether the clips are there or not.

    Parameters
    ----------
    file : Path
        As :func:`~sere.datasets.tables.read_table` reads it.
    emotions : mapping, optional
        As for :func:`sere.datasets.load_corpus`.

    Returns
    -------
    DataFrame
        The columns of `load_corpus`, and `start` and `end` where the file has them. The index is each clip's line.

    Raises
    ------
    ValueError
        If a column is missing, there is no clip, or a line lacks its path or emotion; the message names the line.
    """
    table = read_table(file, _WANTED, needed=("path", "emotion"))
    clips = table.clips
    if clips.empty:
        raise ValueError(f"{file} lists no clips.")
    for needed in ("path", "emotion"):
        empty = clips.index[clips[needed] == ""]
        if len(empty):
            raise ValueError(f"{file}, line {empty[0]}: the column {needed!r} is empty.")
    names = own_names(clips["emotion"], emotions)
    clips["emotion"] = [names[label] for label in clips["emotion"]]
    for name in ("speaker", "language", "text"):
        clips[name] = [cell or None for cell in clips[name]] if name in clips else None
    for name in {"start", "end"} & set(clips):
        clips[name] = numbers(clips[name], table.decimal)
    return clips[clips["emotion"].notna()].assign(corpus=as_text(file.stem))
