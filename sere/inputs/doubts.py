"""What a table of clips says that nothing reads, or that its audio contradicts: sentences for warnings.

Each is about something that would otherwise pass in silence: a column by another name, a segment that ends after its
audio, a duration that cuts nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sere.audio import Clip, seconds_of
from sere.inputs.items import ROUNDED, as_seconds

#: What a table may say of a clip besides its audio.
KNOWN = ("speaker", "language", "sampling_rate", "start", "end", "duration")
# What others call these; nothing reads them.
_OTHERS = {
    **{"begin": "start", "stop": "end", "lang": "language", "spk": "speaker", "speaker_id": "speaker"},
    **dict.fromkeys(("sr", "rate", "sample_rate", "samplerate", "samplingrate"), "sampling_rate"),
}


def of_durations(X: pd.DataFrame, read: Sequence[Clip | str], where: str) -> Iterator[str]:
    """Yield that files are longer than a column ``duration`` says which stands without a start or an end.

    Parameters
    ----------
    X : DataFrame
    read : sequence of Clip or str
        The clip of each row, or what is wrong with it.
    where : str
        What messages call X.
    """
    if "duration" not in X.columns or {"start", "end"} & set(X.columns):
        return
    longer = []
    for row, (clip, given) in enumerate(zip(read, optional(X, "duration"), strict=True)):
        try:
            stated = as_seconds(given, "duration")
        except ValueError:
            continue  # somebody's own column: nothing is cut by it
        seconds = None if stated is None or isinstance(clip, str) else seconds_of(clip)
        if stated is not None and seconds is not None and seconds > stated + max(ROUNDED, 0.01 * seconds):
            longer.append(f"{where}[{row}] lasts {seconds:.2f} s and its duration is {stated:g}")
    if longer:
        yield (
            f"{where} has a column duration without a start, so it cuts nothing: {_first(longer)}. Add a column start "
            "where a part is meant; drop or rename duration where it is something else"
        )


def of_columns(X: pd.DataFrame, where: str) -> Iterator[str]:
    """Yield which columns may hold what is known by another name; parameters as in :func:`of_durations`."""
    columns = {str(column): str(column).strip().casefold() for column in X.columns}
    meant = {column: _OTHERS.get(plain, plain) for column, plain in columns.items() if column not in KNOWN}
    unread = {column: name for column, name in meant.items() if name in KNOWN and name not in columns}
    if unread:
        said = ", ".join(f"{column!r} to {name!r}" for column, name in unread.items())
        yield f"{where} has columns that nothing reads by their names: rename {said} if that is what they hold"


def of_ends(read: Sequence[Clip | str], where: str) -> Iterator[str]:
    """Yield that segments end after their audio, by what rounding does not explain; as in :func:`of_durations`."""
    lengths: dict[Any, float | None] = {}
    late = []
    for row, clip in enumerate(read):
        if isinstance(clip, str) or clip.end is None:
            continue
        source = row if isinstance(clip.source, np.ndarray) else clip.source
        if source not in lengths:
            lengths[source] = seconds_of(clip)
        seconds = lengths[source]
        if seconds is not None and clip.end > seconds + max(ROUNDED, 0.01 * seconds):
            late.append(f"{where}[{row}] ends at {clip.end:g} s and its audio at {seconds:.2f} s")
    if late:
        yield (
            f"{where} has segments that end after their audio and are cut there: {_first(late)}. Check that times are "
            "in seconds, and that files are whole"
        )


def _first(found: list[str]) -> str:
    return found[0] + (f", and {len(found) - 1} more" if len(found) > 1 else "")


def optional(X: Any, name: str) -> list[Any]:
    """Return a column of a table, None where it, or its value, is not there."""
    if name not in X.columns:
        return [None] * len(X)
    missing = X[name].isna().to_numpy()
    return [None if gone else value for value, gone in zip(X[name], missing, strict=True)]
