"""Lists of labeled clips: the way in for anything that is not a known corpus."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sere.datasets.emotions import own_names
from sere.datasets.tables import read_table, timed
from sere.files.folders import as_text

_WANTED = ("path", "emotion", "speaker", "language", "text", "start", "end", "duration")


def read_listing(file: Path, emotions: Mapping[str, str | None] | None = None, *, labeled: bool = True) -> pd.DataFrame:
    """Read a list of labeled clips, whether the clips are there or not.

    Parameters
    ----------
    file : Path
        As :func:`~sere.datasets.tables.read_table` reads it.
    emotions : mapping, optional
        As for :func:`sere.datasets.load_corpus`.
    labeled : bool, default=True
        Whether each line must have an emotion.

    Returns
    -------
    DataFrame
        The columns of `load_corpus`, and `start` and `end`, or a `duration` without them, where the file has them. The
        index is each clip's line.

    Raises
    ------
    ValueError
        If a column is missing, there is no clip, or a line lacks its path or emotion; the message names the line.
    """
    needed = ("path", "emotion") if labeled else ("path",)
    table = read_table(file, _WANTED, needed)
    clips = timed(table)
    if clips.empty:
        raise ValueError(f"{file} lists no clips.")
    for name in needed:
        empty = clips.index[clips[name] == ""]
        if len(empty):
            raise ValueError(f"{file}, line {empty[0]}: the column {name!r} is empty.")
    labels = clips["emotion"].tolist() if "emotion" in clips else [""] * len(clips)
    names = own_names(filter(None, labels), emotions)
    clips["emotion"] = [names[label] if label else None for label in labels]
    dropped = [label for label, name in names.items() if name is None]
    clips = clips[[label not in dropped for label in labels]].copy()
    for name in ("speaker", "language", "text"):
        clips[name] = [cell or None for cell in clips[name]] if name in clips else None
    return clips.assign(corpus=as_text(file.stem))
