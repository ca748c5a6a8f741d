"""``sere predict``: a long list in small portions, so that what is found is written and what is broken costs itself."""

import argparse
import csv
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import numpy as np
import pandas as pd
from tqdm import tqdm

from sere._cli_inputs import load_model, read_clips
from sere.audio import AudioError

# Clips a portion: large enough for the extraction's own batches, small enough to lose little.
PORTION = 64


def predict(arguments: argparse.Namespace) -> int:
    """Predict every clip that can be read, name the others, return 1 if there were any."""
    model = load_model(arguments.model, arguments.allow)
    clips = read_clips(arguments.inputs)
    n_failed = 0
    with _output(arguments.output) as stream, _WRITERS[arguments.format](stream, model.classes_, clips) as writer:
        bar = tqdm(total=len(clips), unit="clip", disable=True if arguments.quiet else None)
        with bar:
            for start in range(0, len(clips), PORTION):
                portion = clips.iloc[start : start + PORTION]
                rows, probabilities, problems = predict_portion(model, portion)
                for row, text in problems:
                    tqdm.write(f"sere predict: row {start + row + 1}: {text}", file=sys.stderr)
                for row, shares in zip(rows, probabilities):
                    writer.write(portion.iloc[row].dropna().to_dict(), shares)
                stream.flush()
                n_failed += len(problems)
                bar.update(len(portion))
    if n_failed:
        print(f"sere predict: {n_failed} of {len(clips)} clips could not be used", file=sys.stderr)
    return 1 if n_failed else 0


def predict_portion(model: Any, clips: pd.DataFrame) -> tuple[list[int], np.ndarray, list[tuple[int, str]]]:
    """Return which rows could be predicted, their probabilities, and what is wrong with the other rows.

    Parameters
    ----------
    model : fitted SEREClassifier
    clips : DataFrame with a column ``path``

    Returns
    -------
    rows : list of int
    probabilities : ndarray of shape (len(rows), n_classes)
    problems : list of (int, str)
        Row and reason, by row.
    """
    rows = list(range(len(clips)))
    problems: list[tuple[int, str]] = []
    while rows:
        try:
            return rows, model.predict_proba(clips.iloc[rows].reset_index(drop=True)), sorted(problems)
        except AudioError as error:
            broken = {rows[row]: text for row, text in error.problems if row is not None}
            if not broken:
                raise
            problems += broken.items()
            rows = [row for row in rows if row not in broken]
    return [], np.empty((0, len(model.classes_))), sorted(problems)


class _Writer(ABC):
    """Writes one prediction at a time, with what goes before the first and after the last."""

    def __init__(self, stream: TextIO, classes: np.ndarray, clips: pd.DataFrame) -> None:
        self.stream = stream
        self.classes = [str(name) for name in classes]
        self.columns = list(clips.columns)

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def write(self, clip: dict[Hashable, Any], shares: np.ndarray) -> None:
        """Write one clip's prediction."""


class _TableWriter(_Writer):
    """Emotion, its probability and the path, which comes last because it is long."""

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray) -> None:
        width = max(map(len, self.classes))
        span = f"  [{clip.get('start', 0)}-{clip.get('end', '')} s]" if {"start", "end"} & clip.keys() else ""
        best = int(shares.argmax())
        print(f"{self.classes[best]:<{width}}  {100 * shares[best]:5.1f} %  {clip['path']}{span}", file=self.stream)


class _CsvWriter(_Writer):
    """The clip's columns, the emotion, and a column of probabilities an emotion."""

    def __enter__(self) -> "_CsvWriter":
        self._csv = csv.writer(self.stream, lineterminator="\n")
        self._csv.writerow([*self.columns, "emotion", *(f"p_{name}" for name in self.classes)])
        return self

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray) -> None:
        known = [clip.get(name, "") for name in self.columns]
        self._csv.writerow([*known, self.classes[int(shares.argmax())], *(f"{share:.6f}" for share in shares)])


class _JsonWriter(_Writer):
    """One array with an object a line; the bracket is closed whatever happens in between."""

    def __enter__(self) -> "_JsonWriter":
        self._before = "[\n"
        return self

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray) -> None:
        probabilities = {name: round(float(share), 6) for name, share in zip(self.classes, shares)}
        found = clip | {"emotion": self.classes[int(shares.argmax())], "probabilities": probabilities}
        self.stream.write(self._before + json.dumps(found, ensure_ascii=False, default=str))
        self._before = ",\n"

    def __exit__(self, *_: object) -> None:
        self.stream.write("[]\n" if self._before == "[\n" else "\n]\n")


_WRITERS: dict[str, Callable[[TextIO, np.ndarray, pd.DataFrame], _Writer]] = {
    "table": _TableWriter,
    "csv": _CsvWriter,
    "json": _JsonWriter,
}


@contextmanager
def _output(path: str | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
    else:
        with open(path, "w", encoding="utf-8", newline="") as stream:
            yield stream
