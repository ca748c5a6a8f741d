"""Predictions as a table for people, CSV or JSON, or as other projects read them, one at a time.

========= ================================================================= =====================================
format    what is written                                                   read by
========= ================================================================= =====================================
audformat a table ``file,start,end,emotion`` with a column an emotion       ``audformat.utils.read_csv``, nkululeko
nkululeko a column an emotion, then ``predicted`` and ``uncertainty``       ``nkululeko.ensemble --no_labels``
lhotse    supervisions, JSON lines, the emotion in ``custom``               ``lhotse.SupervisionSet.from_file``
kaldi     ``utt2emo``, sorted                                               Kaldi's tools, ESPnet
emobox    metadata, JSON lines                                              EmoBox
========= ================================================================= =====================================

The last three call a clip what the manifest that it comes from calls it, else by its file's name and times.
"""

import csv
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from sere.calibration import UNKNOWN
from sere.inputs.items import as_seconds


class _Writer(ABC):
    """Writes one prediction at a time, with what goes before the first and after the last."""

    def __init__(
        self, stream: TextIO, classes: Sequence[Any], clips: pd.DataFrame, reject_below: float | None = None
    ) -> None:
        self.stream = stream
        self.classes = [str(name) for name in classes]
        self.columns = list(clips.columns)
        self.reject_below = reject_below or 0.0

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def write(self, clip: dict[Hashable, Any], shares: np.ndarray | None) -> None:
        """Write one clip's prediction; None where nobody speaks in it."""

    def emotion(self, shares: np.ndarray) -> str:
        """Return the most probable emotion, or "unknown" where none is, or it is not probable enough."""
        best = int(shares.argmax())
        untold = shares[best] < self.reject_below or not np.ptp(shares)
        return UNKNOWN if untold else self.classes[best]


class _TableWriter(_Writer):
    """Emotion, its probability and the path, which comes last because it is long."""

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray | None) -> None:
        width = max(map(len, [*self.classes, UNKNOWN]))
        span = f"  [{clip.get('start', 0)}-{clip.get('end', '')} s]" if {"start", "end"} & clip.keys() else ""
        if shares is None:
            said = f"{'-':<{width}}         "
        else:
            said = f"{self.emotion(shares):<{width}}  {100 * shares.max():5.1f} %"
        print(f"{said}  {clip['path']}{span}", file=self.stream)


class _CsvWriter(_Writer):
    """The clip's columns, the emotion, and a column of probabilities an emotion."""

    def __enter__(self) -> "_CsvWriter":
        self._csv = csv.writer(self.stream, lineterminator="\n")
        self._csv.writerow([*self.columns, "emotion", *(f"p_{name}" for name in self.classes)])
        return self

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray | None) -> None:
        known = [clip.get(name, "") for name in self.columns]
        if shares is None:
            self._csv.writerow([*known, *[""] * (1 + len(self.classes))])
        else:
            self._csv.writerow([*known, self.emotion(shares), *(f"{share:.6f}" for share in shares)])


class _JsonWriter(_Writer):
    """One array with an object a line; the bracket is closed whatever happens in between."""

    def __enter__(self) -> "_JsonWriter":
        self._before = "[\n"
        # JSON has escapes of its own for what a terminal cannot show.
        self._ascii = not (self.stream.encoding or "utf-8").lower().startswith("utf")
        return self

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray | None) -> None:
        found: dict[Hashable, Any] = clip | {"emotion": None}
        if shares is not None:
            probabilities = {name: round(float(share), 6) for name, share in zip(self.classes, shares)}
            found |= {"emotion": self.emotion(shares), "probabilities": probabilities}
        self.stream.write(self._before + json.dumps(found, ensure_ascii=self._ascii, default=str))
        self._before = ",\n"

    def __exit__(self, *_: object) -> None:
        self.stream.write("[]\n" if self._before == "[\n" else "\n]\n")


class _AudformatWriter(_Writer):
    """A table with audformat's index: of files, or of segments where the clips have times."""

    def __enter__(self) -> "_Writer":
        self._csv = csv.writer(self.stream, lineterminator="\n")
        self._segmented = bool({"start", "end"} & set(self.columns))
        self._rest = [name for name in self.columns if name in ("speaker", "language")]
        self._csv.writerow(["file", *(["start", "end"] if self._segmented else []), *self._names()])
        return self

    def _names(self) -> list[str]:
        return [*self._rest, "emotion", *(f"p_{name}" for name in self.classes)]

    def _values(self, clip: dict[Hashable, Any], shares: np.ndarray) -> list[Any]:
        known = [clip.get(name, "") for name in self._rest]
        return [*known, self.emotion(shares), *(f"{share:.6f}" for share in shares)]

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray | None) -> None:
        if shares is not None:
            start, end = _span(clip)
            span = [_length_of_time(start or 0.0), _length_of_time(end)] if self._segmented else []
            self._csv.writerow([clip["path"], *span, *self._values(clip, shares)])


class _NkululekoWriter(_AudformatWriter):
    """The same index; the emotions' columns have their names, and the last two say the answer and its entropy."""

    def _names(self) -> list[str]:
        return [*self.classes, "predicted", "uncertainty"]

    def _values(self, clip: dict[Hashable, Any], shares: np.ndarray) -> list[Any]:
        entropy = -float(np.sum(shares * np.log(np.maximum(shares, 1e-12)))) / np.log(max(2, len(shares)))
        return [*(f"{share:.6f}" for share in shares), self.emotion(shares), f"{max(0.0, entropy):.6f}"]


class _NamingWriter(_Writer):
    """What names clips by words of its own rather than by files."""

    def __enter__(self) -> "_NamingWriter":
        self._taken: set[str] = set()
        return self

    def _name(self, clip: dict[Hashable, Any]) -> str:
        """Return what a clip is called, as none before it."""
        start, end = _span(clip)
        times = "" if start is None and end is None else f"-{start or 0:g}-{'end' if end is None else f'{end:g}'}"
        name = str(clip.get("id") or f"{Path(clip['path']).stem}{times}")
        unique, number = name, 2
        while unique in self._taken:
            unique, number = f"{name}-{number}", number + 1
        self._taken.add(unique)
        return unique

    def _line(self, found: dict[str, Any]) -> None:
        self.stream.write(json.dumps(found) + "\n")

    def _answer(self, shares: np.ndarray) -> tuple[str, dict[str, float]]:
        each = {name: round(float(share), 6) for name, share in zip(self.classes, shares, strict=True)}
        return self.emotion(shares), each


class _LhotseWriter(_NamingWriter):
    """Supervisions; the recording has the name that lhotse gives to a file."""

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray | None) -> None:
        if shares is None:
            return
        emotion, each = self._answer(shares)
        start, end = _span(clip)
        start = start or 0.0
        known: dict[str, Any] = {name: str(clip[name]) for name in ("language", "speaker") if name in clip}
        self._line(
            {
                "id": self._name(clip),
                "recording_id": Path(clip["path"]).stem,
                "start": round(start, 9),
                "duration": round((_seconds(str(clip["path"])) if end is None else end) - start, 9),
                "channel": 0,
                **known,
                "custom": {"emotion": emotion, "probabilities": each},
            }
        )


class _KaldiWriter(_NamingWriter):
    """``utt2emo``; Kaldi wants names without blanks, in the order of their bytes, so all is written at the end."""

    def __enter__(self) -> "_KaldiWriter":
        super().__enter__()
        self._found: dict[bytes, str] = {}
        return self

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray | None) -> None:
        if shares is not None:
            name = "_".join(self._name(clip).split())
            self._found[name.encode("utf-8", "surrogateescape")] = f"{name} {self._answer(shares)[0]}\n"

    def __exit__(self, *_: object) -> None:
        self.stream.writelines(self._found[name] for name in sorted(self._found))


class _EmoBoxWriter(_NamingWriter):
    """Metadata, with the probabilities beside the emotion."""

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray | None) -> None:
        if shares is None:
            return
        emotion, each = self._answer(shares)
        times = dict(zip(("start_time", "end_time"), _span(clip), strict=True))
        known = {name: time for name, time in times.items() if time is not None}
        found = {"key": self._name(clip), "wav": str(clip["path"]), "type": "raw", "task": "category", **known}
        self._line({**found, "emo": emotion, "probabilities": each})


def _span(clip: dict[Hashable, Any]) -> tuple[float | None, float | None]:
    """Return where a clip begins and ends in its file, in seconds; None for the file's own ends."""
    return as_seconds(clip.get("start"), "start"), as_seconds(clip.get("end"), "end")


def _length_of_time(seconds: float | None) -> str:
    """Return a time as audformat's tables have it; nothing for an open end."""
    return "" if seconds is None else str(pd.Timedelta(round(seconds * 1e6), unit="us"))


def _seconds(path: str) -> float:
    """Return how long a file is."""
    from sere.audio import SAMPLE_RATE, Clip, seconds_of

    seconds = seconds_of(Clip(path))
    return len(Clip(path).load()) / SAMPLE_RATE if seconds is None else seconds


#: By the name of a format, what writes predictions in it, given a stream, the emotions, the clips, and the probability
#: below which an answer is "unknown".
WRITERS: dict[str, type[_Writer]] = {
    "table": _TableWriter,
    "csv": _CsvWriter,
    "json": _JsonWriter,
    "audformat": _AudformatWriter,
    "nkululeko": _NkululekoWriter,
    "lhotse": _LhotseWriter,
    "kaldi": _KaldiWriter,
    "emobox": _EmoBoxWriter,
}


@contextmanager
def opened(path: str | None) -> Iterator[TextIO]:
    """Open what results are written to: a file, or without one the terminal."""
    if path is None:
        yield sys.stdout
    else:
        with open(path, "w", encoding="utf-8", newline="", errors="backslashreplace") as stream:
            yield stream
