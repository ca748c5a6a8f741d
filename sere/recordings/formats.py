"""Timelines as files that other programs read.

========== =================================================== ==========================================
format     read by                                             a file holds
========== =================================================== ==========================================
csv        spreadsheets, pandas, :func:`~sere.datasets.load_corpus` any number of recordings
json       anything                                            any number
rttm       pyannote, dscore and other tools of diarisation     any number
audformat  audformat, and so nkululeko                         any number
audacity   Audacity (File, Import, Labels)                     one
textgrid   Praat, praatio, tgt, ELAN                           one
vtt        browsers and video players                          one
========== =================================================== ==========================================

What a format has no place for is left out: probabilities of the other emotions in all but CSV, JSON and audformat, and
stretches without speech in RTTM, Audacity's labels and WebVTT, which have none where nobody speaks.
"""

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from sere.files.drafts import whole_file

_ENDINGS = {".csv": "csv", ".json": "json", ".rttm": "rttm", ".txt": "audacity", ".textgrid": "textgrid", ".vtt": "vtt"}


class Writer(ABC):
    """Writes timelines to a text stream, one recording after the other.

    Parameters
    ----------
    stream : text file
    """

    #: Whether a file holds several recordings.
    several = True
    ending = ""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def add(self, table: pd.DataFrame) -> None:
        """Write the timeline of one recording, which :func:`sere.timeline` returned."""


class Csv(Writer):
    """A row a segment; the column ``path`` comes first where recordings are files."""

    ending = ".csv"
    _columns: list[str] | None = None

    def add(self, table: pd.DataFrame) -> None:
        """Write rows; the columns are those of the first table."""
        path = table.attrs.get("recording")
        if path is not None:
            table = table.assign(path=path)[["path", *table.columns]]
        own = csv.writer(self.stream, lineterminator="\n")
        if self._columns is None:
            self._columns = list(table.columns)
            own.writerow(self._columns)
        for row in table[self._columns].itertuples(index=False):
            own.writerow([_cell(name, value) for name, value in zip(self._columns, row, strict=True)])


class Json(Writer):
    """An array with an object a recording."""

    ending = ".json"
    _before = "[\n"

    def add(self, table: pd.DataFrame) -> None:
        """Write an object; what is not known of it is null."""
        facts = {name: table.attrs.get(name) for name in ("recording", "seconds", "detector")}
        rows = []
        for start, end, emotion, probability, shares in _all(table):
            known = {} if emotion is None else {"probability": probability, "probabilities": shares}
            rows.append({"start": start, "end": end, "emotion": emotion, **known})
        ascii_only = not (getattr(self.stream, "encoding", None) or "utf-8").lower().startswith("utf")
        self.stream.write(self._before + json.dumps(facts | {"segments": rows}, ensure_ascii=ascii_only, default=str))
        self._before = ",\n"

    def __exit__(self, *_: object) -> None:
        self.stream.write("[]\n" if self._before == "[\n" else "\n]\n")


class Rttm(Writer):
    """Rich Transcription Time Marked: a line a segment, the emotion in the speaker's place."""

    ending = ".rttm"

    def add(self, table: pd.DataFrame) -> None:
        """Write lines; blanks in names become underscores, since blanks are what parts fields."""
        name = "_".join(_stem(table).split())
        for start, end, emotion, probability in _spoken(table):
            said = "_".join(emotion.split())
            self.stream.write(
                f"SPEAKER {name} 1 {start:.3f} {end - start:.3f} <NA> <NA> {said} {probability:.4f} <NA>\n"
            )


class Audformat(Writer):
    """A table with audformat's segmented index, as ``audformat.utils.read_csv`` and nkululeko take it."""

    ending = ".csv"
    _columns: list[str] | None = None

    def add(self, table: pd.DataFrame) -> None:
        """Write rows; times are lengths of time."""
        own = csv.writer(self.stream, lineterminator="\n")
        rest = [name for name in table.columns if name not in ("start", "end")]
        if self._columns is None:
            self._columns = rest
            own.writerow(["file", "start", "end", *rest])
        file = table.attrs.get("recording") or ""
        for _, row in table.iterrows():
            times = [str(pd.Timedelta(round(row[name] * 1e6), unit="us")) for name in ("start", "end")]
            own.writerow([file, *times, *(_cell(name, row[name]) for name in self._columns)])


class Audacity(Writer):
    """A label track: beginning, end and label with tabs between."""

    several, ending = False, ".txt"

    def add(self, table: pd.DataFrame) -> None:
        """Write lines."""
        for start, end, emotion, _ in _spoken(table):
            self.stream.write(f"{start:.6f}\t{end:.6f}\t{_line(emotion)}\n")


class TextGrid(Writer):
    """Praat's long text format: a tier of emotions and one of their probabilities."""

    several, ending = False, ".TextGrid"

    def add(self, table: pd.DataFrame) -> None:
        """Write both tiers, each without a gap from beginning to end."""
        whole = _seconds(table)
        intervals = list(_without_gaps(table, whole))
        lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {whole!r}"]
        lines += ["tiers? <exists>", "size = 2", "item []:"]
        for number, tier in enumerate(("emotion", "probability"), 1):
            lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{tier}"']
            lines += ["        xmin = 0", f"        xmax = {whole!r}", f"        intervals: size = {len(intervals)}"]
            for place, (start, end, *texts) in enumerate(intervals, 1):
                text = _line(texts[number - 1]).replace('"', '""')
                lines += [
                    f"        intervals [{place}]:",
                    f"            xmin = {start!r}",
                    f"            xmax = {end!r}",
                ]
                lines += [f'            text = "{text}"']
        self.stream.write("\n".join(lines) + "\n")


class Vtt(Writer):
    """WebVTT: a subtitle a segment."""

    several, ending = False, ".vtt"

    def add(self, table: pd.DataFrame) -> None:
        """Write cues."""
        self.stream.write("WEBVTT\n")
        for start, end, emotion, probability in _spoken(table):
            text = _line(emotion).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            self.stream.write(f"\n{_clock(start)} --> {_clock(end)}\n{text} ({100 * probability:.0f} %)\n")


#: By the name of a format, what writes it.
FORMATS: dict[str, type[Writer]] = {
    "csv": Csv,
    "json": Json,
    "audacity": Audacity,
    "textgrid": TextGrid,
    "rttm": Rttm,
    "vtt": Vtt,
    "audformat": Audformat,
}


def write_timeline(table: pd.DataFrame, path: str | PathLike[str], format: str | None = None) -> None:
    """Write the timeline of a recording to a file.

    Parameters
    ----------
    table : DataFrame
        What :func:`sere.timeline` returned.
    path : path-like
    format : {"csv", "json", "audacity", "textgrid", "rttm", "vtt", "audformat"}, default=None
        None goes by the ending: .csv, .json, .txt (Audacity), .TextGrid, .rttm, .vtt.

    Raises
    ------
    ValueError
        Neither the ending nor `format` names one of these.

    Examples
    --------
    >>> import numpy as np
    >>> import sere
    >>> from sere.datasets import make_voices
    >>> voices = make_voices(n_per_emotion=20, languages=["lumo"], duration=2.0)
    >>> table = sere.timeline(np.concatenate(list(voices["audio"])), encoder="acoustic-emotion", cache=False)
    >>> sere.recordings.write_timeline(table, "timeline.TextGrid")  # doctest: +SKIP
    """
    name = _ENDINGS.get(Path(path).suffix.lower()) if format is None else format
    if name not in FORMATS:
        raise ValueError(
            f"cannot tell the format of a timeline from {str(path)!r}; pass format, one of {', '.join(FORMATS)}"
            if format is None
            else f"format is {format!r}; it must be one of {', '.join(FORMATS)}"
        )
    with (
        whole_file(path) as draft,
        open(draft, "w", encoding="utf-8", newline="", errors="backslashreplace") as stream,
        FORMATS[name](stream) as writer,
    ):
        writer.add(table)


def _cell(name: str, value: Any) -> Any:
    """Return a value as a CSV cell: times to the tenth of a millisecond, nothing where nothing is known."""
    if pd.isna(value):
        return ""
    if isinstance(value, float | np.floating):
        return f"{value:.4f}" if name in ("start", "end") else f"{value:.6f}"
    return value


def _all(table: pd.DataFrame) -> Iterator[tuple[float, float, Any, float, dict[str, float]]]:
    """Yield start, end, emotion, its probability and that of each of every row, as plain values."""
    names = [name for name in table.columns if name.startswith("p_")]
    shares = table[names].to_numpy(float)
    times = [table[name].to_numpy(float).tolist() for name in ("start", "end", "probability")]
    for start, end, probability, emotion, own in zip(*times, table["emotion"], shares, strict=True):
        emotion = None if pd.isna(emotion) else emotion.item() if isinstance(emotion, np.generic) else emotion
        each = {name.removeprefix("p_"): round(float(share), 6) for name, share in zip(names, own, strict=True)}
        yield start, end, emotion, round(probability, 6), each


def _spoken(table: pd.DataFrame) -> Iterator[tuple[float, float, str, float]]:
    """Yield start, end, emotion and its probability of every row that has an emotion."""
    for start, end, emotion, probability, _ in _all(table):
        if emotion is not None:
            yield start, end, str(emotion), probability


def _without_gaps(table: pd.DataFrame, whole: float) -> Iterator[tuple[float, float, str, str]]:
    """Yield start, end, emotion and probability from 0 to the end, both empty where nobody speaks."""
    at = 0.0
    for start, end, emotion, probability in _spoken(table):
        if start > at:
            yield at, start, "", ""
        yield start, end, emotion, f"{probability:.3f}"
        at = end
    if whole > at:
        yield at, whole, "", ""


def _seconds(table: pd.DataFrame) -> float:
    """Return the length of a table's recording, as far as it is known."""
    ends: list[float] = table["end"].to_numpy(float).tolist()
    return max([float(table.attrs.get("seconds", 0.0)), *ends])


def _stem(table: pd.DataFrame) -> str:
    path = table.attrs.get("recording")
    return "recording" if path is None else Path(path).stem


def _line(text: str) -> str:
    """Return a text on one line, without tabs."""
    return " ".join(text.split())


def _clock(seconds: float) -> str:
    """Return a time as WebVTT has it: hours, minutes, seconds and thousandths."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
