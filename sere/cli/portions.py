"""Predictions of a long list in small portions; what is broken costs itself, what is warned of is said once."""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from sere.audio import AudioError
from sere.cli.inputs import KNOWN
from sere.cli.outcome import sentence
from sere.cli.problems import PLACE, Problems
from sere.progress import progress, say

# Clips a portion: large enough for the extraction's own batches, small enough to lose little.
PORTION = 64
# How a warning calls a row of what it was given, and what of its words changes from portion to portion.
_ROW, _CHANGING = re.compile(r"\bX\[(\d+)\]"), re.compile(r"\([^()]*\)|\d+")


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
    said: Counter[str] = Counter()
    with progress(len(clips), "clips", "clip", not quiet, leave=True) as bar:
        for start in range(0, len(clips), PORTION):
            portion = clips.iloc[start : start + PORTION]
            known = portion[[name for name in KNOWN if name in portion]]
            with _rows_called(lambda row, places=portion[PLACE]: str(places.iloc[row]), said):  # type: ignore[misc]
                rows, probabilities, broken = predict_portion(model, known)
            for row, text in broken:
                problems.add(portion[PLACE].iloc[row], portion["path"].iloc[row], text)
            yield [start + row for row in rows], probabilities
            bar.update(len(portion))
    if more := said.total() - len(said):
        say(f"sere {problems.command}: {more} more such warnings, about other clips of the list")


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
    with _rows_called(lambda row: f"X[{rows[row]}]"):
        return np.asarray(model.predict_proba(clips.iloc[rows].reset_index(drop=True)))


@contextmanager
def _rows_called(name: Callable[[int], str], said: Counter[str] | None = None) -> Iterator[None]:
    """Let warnings call rows by another name; with `said`, each kind once, and count the others there."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for one in caught:
        kind = _CHANGING.sub("", str(one.message))
        if said is not None:
            said[kind] += 1
        if said is None or said[kind] == 1:
            text = _ROW.sub(lambda found: name(int(found[1])), str(one.message))
            warnings.warn(one.category(text), stacklevel=3)


def _one_by_one(model: Any, clips: pd.DataFrame, rows: list[int]) -> dict[int, str]:
    """Return the rows that cannot be predicted alone, and why."""
    broken = {}
    for row in rows:
        try:
            _probabilities(model, clips, [row])
        except Exception as error:
            broken[row] = sentence(error).removeprefix("X[0]: ")
    return broken
