"""``sere predict``: a long list in small portions, so that what is found is written and what is broken costs itself."""

import argparse
import csv
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from tqdm import tqdm

from sere._cli_inputs import KNOWN, load_model, read_clips
from sere._cli_problems import PLACE, Problems
from sere.audio import AudioError
from sere.cli import sentence

# Clips a portion: large enough for the extraction's own batches, small enough to lose little.
PORTION = 64


def predict(arguments: argparse.Namespace) -> int:
    """Predict every clip that can be read, name the others, return 1 if there were any."""
    model = load_model(arguments.model, arguments.allow)
    problems = Problems("predict", arguments.on_error)
    clips = read_clips(arguments.inputs, problems)
    n_given = len(clips) + len(problems.found)
    shown = clips.drop(columns=PLACE)
    try:
        with opened(arguments.output) as stream, WRITERS[arguments.format](stream, model.classes_, shown) as writer:
            for rows, probabilities in predictions(model, clips, problems, arguments.quiet):
                for row, shares in zip(rows, probabilities):
                    writer.write(shown.iloc[row].dropna().to_dict(), shares)
                stream.flush()
    finally:
        if arguments.output:
            problems.keep(Path(arguments.output))
    if problems.found:
        print(f"sere predict: {len(problems.found)} of {n_given} clips could not be used", file=sys.stderr)
    return 1 if problems.found else 0


def predictions(
    model: Any, clips: pd.DataFrame, problems: Problems, quiet: bool
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield rows of the clips and their probabilities, a portion at a time.

    Parameters
    ----------
    model : fitted SEREClassifier
    clips : DataFrame with the columns ``path`` and ``place``
    problems : Problems
        Gets the clips that cannot be used.
    quiet : bool
        Show no progress.

    Yields
    ------
    rows : list of int
    probabilities : ndarray of shape (len(rows), n_classes)
    """
    with tqdm(total=len(clips), unit="clip", disable=True if quiet else None) as bar:
        for start in range(0, len(clips), PORTION):
            portion = clips.iloc[start : start + PORTION]
            rows, probabilities, broken = predict_portion(model, portion[[name for name in KNOWN if name in portion]])
            for row, text in broken:
                problems.add(portion[PLACE].iloc[row], portion["path"].iloc[row], text)
            yield [start + row for row in rows], probabilities
            bar.update(len(portion))


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

    Raises
    ------
    Exception
        What goes wrong with every clip in the same words, and so is not the clips' fault.
    """
    rows = list(range(len(clips)))
    problems: dict[int, str] = {}
    while rows:
        try:
            return rows, _probabilities(model, clips, rows), sorted(problems.items())
        except AudioError as error:
            broken = {rows[row]: text for row, text in error.problems if row is not None}
            if not broken:
                raise
        except Exception:
            broken = _one_by_one(model, clips, rows)
            # Nobody's fault, or everybody's in the same words: then it is the model's.
            if not broken or (len(rows) > 1 and len(broken) == len(rows) and len(set(broken.values())) == 1):
                raise
        problems |= broken
        rows = [row for row in rows if row not in broken]
    return [], np.empty((0, len(model.classes_))), sorted(problems.items())


def _probabilities(model: Any, clips: pd.DataFrame, rows: list[int]) -> np.ndarray:
    return np.asarray(model.predict_proba(clips.iloc[rows].reset_index(drop=True)))


def _one_by_one(model: Any, clips: pd.DataFrame, rows: list[int]) -> dict[int, str]:
    """Return the rows that cannot be predicted alone, and why."""
    broken = {}
    for row in rows:
        try:
            _probabilities(model, clips, [row])
        except Exception as error:
            broken[row] = sentence(error).removeprefix("X[0]: ")
    return broken


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
        # JSON has escapes of its own for what a terminal cannot show.
        self._ascii = not (self.stream.encoding or "utf-8").lower().startswith("utf")
        return self

    def write(self, clip: dict[Hashable, Any], shares: np.ndarray) -> None:
        probabilities = {name: round(float(share), 6) for name, share in zip(self.classes, shares)}
        found = clip | {"emotion": self.classes[int(shares.argmax())], "probabilities": probabilities}
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
