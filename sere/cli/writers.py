"""Predictions as a table for people, CSV or JSON, one at a time."""

import csv
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import numpy as np
import pandas as pd


class _Writer(ABC):
    """Writes one prediction at a time, with what goes before the first and after the last."""

    def __init__(self, stream: TextIO, classes: Sequence[Any], clips: pd.DataFrame) -> None:
        self.stream = stream
        self.classes = [str(name) for name in classes]
        self.columns = list(clips.columns)

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def write(self, clip: dict[Hashable, Any], shares: np.ndarray | None) -> None:
        """Write one clip's prediction; None where nobody speaks in it."""


class _TableWriter(_Writer):
    """Emotion, its probability and the path, which comes last because it is long."""

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray | None) -> None:
        width = max(map(len, self.classes))
        span = f"  [{clip.get('start', 0)}-{clip.get('end', '')} s]" if {"start", "end"} & clip.keys() else ""
        if shares is None:
            said = f"{'-':<{width}}         "
        else:
            best = int(shares.argmax())
            said = f"{self.classes[best]:<{width}}  {100 * shares[best]:5.1f} %"
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
            self._csv.writerow([*known, self.classes[int(shares.argmax())], *(f"{share:.6f}" for share in shares)])


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
            found |= {"emotion": self.classes[int(shares.argmax())], "probabilities": probabilities}
        self.stream.write(self._before + json.dumps(found, ensure_ascii=self._ascii, default=str))
        self._before = ",\n"

    def __exit__(self, *_: object) -> None:
        self.stream.write("[]\n" if self._before == "[\n" else "\n]\n")


#: By the name of a format, what writes predictions in it, given a stream, the emotions and the clips.
WRITERS: dict[str, Callable[[TextIO, Sequence[Any], pd.DataFrame], _Writer]] = {
    "table": _TableWriter,
    "csv": _CsvWriter,
    "json": _JsonWriter,
}


@contextmanager
def opened(path: str | None) -> Iterator[TextIO]:
    """Open what results are written to: a file, or without one the terminal."""
    if path is None:
        yield sys.stdout
    else:
        with open(path, "w", encoding="utf-8", newline="", errors="backslashreplace") as stream:
            yield stream
