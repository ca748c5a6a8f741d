"""What ``on_error="skip"`` and ``"nan"`` leave out: clips that cannot be used, with where they stood and why.

A clip shows what is wrong with it at two moments: when its input is read (a missing file, a broken header) and when its
samples are (NaN, a decoder that stops). Both end in one list of records, and the others go on with what was computed
for them.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from sere.audio import AudioError
from sere.inputs.caller import user_level
from sere.inputs.reading import SereWarning
from sere.inputs.utterances import Utterances

#: Clips that the warning names.
NAMED = 3


class Skipping:
    """What one call leaves out.

    Parameters
    ----------
    on_error : {"raise", "skip", "nan"}
        With "raise" nothing is ever left out: the first clips that cannot be used are an AudioError. With "nan" clips
        are left out as with "skip", and :meth:`filled` gives them rows of NaN.

    Attributes
    ----------
    records : list of dict
        One a clip: ``where`` ("X", "X_unlabeled_tgt", ...), its ``row`` there, its ``path`` (None for a waveform) and
        the ``reason``.
    """

    def __init__(self, on_error: str):
        self.on_error = on_error
        self.wanted = on_error != "raise"
        self.records: list[dict[str, Any]] = []
        self._rows: dict[str, np.ndarray] = {}
        self._unread: list[dict[str, Any]] = []

    def read(self, read: Callable[[Any], Utterances], X: Any, where: str) -> tuple[Utterances, np.ndarray]:
        """Return an input's clips that can be used as far as their headers tell, and their rows in it.

        Parameters
        ----------
        read : callable
            From X to Utterances; raises AudioError with the rows of clips that cannot be used.
        X : any form of clips
        where : str
            What errors call X.
        """
        if not self.wanted:
            utterances = read(X)
            return utterances, np.arange(len(utterances))
        X = list(X) if isinstance(X, Iterator) else X
        rows: np.ndarray | None = None
        while True:
            try:
                utterances = read(X if rows is None else _safe_indexing(X, rows))
            except AudioError as error:
                if not error.problems or any(row is None for row, _ in error.problems):
                    raise
                before = np.arange(len(X)) if rows is None else rows
                bad = {int(before[row]): reason for row, reason in error.problems if row is not None}
                rows = np.setdiff1d(before, list(bad))
                if not len(rows):
                    raise
                self._note(where, [(row, _path_in(X, row), reason) for row, reason in sorted(bad.items())])
            else:
                self._rows[where] = np.arange(len(utterances)) if rows is None else rows
                self._unread += [record for record in self.records if record["where"] == where]
                return utterances, self._rows[where]

    def embed(
        self, step: Callable[[Utterances, dict[Any, str] | None], Utterances], utterances: Utterances, where: str
    ) -> tuple[Utterances, np.ndarray]:
        """Return the clips that a step could use, and their rows among those it was given.

        Parameters
        ----------
        step : callable
            From Utterances, and a dict that takes the reason of each Clip it leaves out, to Utterances.
        utterances : Utterances
            As :meth:`read` returned them for `where`.
        where : str
        """
        unusable: dict[Any, str] | None = {} if self.wanted else None
        done = step(utterances, unusable)
        clips = utterances.clips
        if not unusable or clips is None:
            return done, np.arange(len(utterances))
        bad = [row for row, clip in enumerate(clips) if clip in unusable]
        given = self._rows[where]
        self._note(where, [(int(given[row]), _path(clips[row].source), unusable[clips[row]]) for row in bad])
        return done, np.setdiff1d(np.arange(len(clips)), bad)

    def filled(self, values: np.ndarray, rows: np.ndarray, where: str = "X") -> np.ndarray:
        """Return values of all rows of an input, NaN for those that were left out.

        Parameters
        ----------
        values : ndarray of shape (n_usable, ...)
        rows : int ndarray of shape (n_usable,)
            Of each, among the clips that :meth:`read` returned.
        where : str
        """
        n = len(self._rows[where]) + sum(record["where"] == where for record in self._unread)
        whole = np.full((n, *values.shape[1:]), np.nan)
        whole[self._rows[where][rows]] = values
        return whole

    def row_by_row(
        self,
        read: Callable[[Any], Utterances],
        answers: Callable[[Utterances, dict[Any, str] | None, np.ndarray], Iterable[np.ndarray]],
        X: Any,
        where: str,
    ) -> np.ndarray:
        """Return what is said of each clip of an input, a row a clip.

        Parameters
        ----------
        read, X, where
            As in :meth:`read`.
        answers : callable
            From Utterances, a dict that takes the reason of each Clip it leaves out, and the clips' rows in X, to parts
            of the result.

        Raises
        ------
        AudioError
            No clip can be used.
        """
        found: list[np.ndarray] = []

        def step(utterances: Utterances, unusable: dict[Any, str] | None) -> Utterances:
            found.extend(answers(utterances, unusable, given))
            return utterances

        clips, given = self.read(read, X, where)
        _, rows = self.embed(step, clips, where)
        if not found:
            raise AudioError([(record["row"], record["reason"]) for record in self.records], where)
        return self.filled(np.concatenate(found), rows, where) if self.wanted else np.concatenate(found)

    def warn(self) -> None:
        """Warn once of all that was left out, by number and the first few by name."""
        if not self.records:
            return
        shown = [f"{record['where']}[{record['row']}]: {record['reason']}" for record in self.records[:NAMED]]
        more = len(self.records) - len(shown)
        number = (
            "1 clip that cannot be used was"
            if len(self.records) == 1
            else f"{len(self.records)} clips that cannot be used were"
        )
        warnings.warn(
            f"{number} left out (on_error={self.on_error!r}; see skipped_):\n"
            + "\n".join(shown + ([f"... and {more} more"] if more else [])),
            SereWarning,
            stacklevel=user_level(),
        )

    def check_classes(self, classes: np.ndarray, codes: np.ndarray) -> None:
        """Raise where a class has no labeled clip left.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,)
        codes : int ndarray of shape (n,)
            Of the clips that are left.
        """
        gone = [str(label) for code, label in enumerate(classes) if code not in codes]
        if gone:
            reasons = "\n".join(f"X[{r['row']}]: {r['reason']}" for r in self.records if r["where"] == "X")
            raise ValueError(
                f"no labeled clip of {', '.join(gone)} can be used, so on_error={self.on_error!r} would leave the "
                "emotion out; "
                f"mend its clips, or take their labels out of y too\n{reasons}"
            )

    def _note(self, where: str, found: list[tuple[int, str | None, str]]) -> None:
        self.records += [{"where": where, "row": row, "path": path, "reason": reason} for row, path, reason in found]


def _path(source: Any) -> str | None:
    return os.fspath(source) if isinstance(source, str | os.PathLike) else None


def _path_in(X: Any, row: int) -> str | None:
    """Return the path in a row of an input, None where a waveform stands."""
    if isinstance(X, Utterances):
        return None if X.clips is None else _path(X.clips[row].source)
    item = _safe_indexing(X, [row])
    if hasattr(item, "columns"):
        item = item["path"] if "path" in item.columns else [None]
    item = next(iter(item))
    return _path(getattr(item, "source", item))


def with_none(answers: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return answers of the rows of a mask among all rows, None in the others."""
    whole = np.full(len(usable), None, dtype=object)
    whole[usable] = answers
    return whole


def usable_rows(found: list[Any]) -> list[int]:
    """Return the rows of results that are there, of those that :func:`sere.extraction.extract.extract` gives."""
    return [row for row, result in enumerate(found) if result is not None]


def only(utterances: Utterances, rows: list[int], unusable: dict[Any, str] | None, where: str) -> Utterances:
    """Return the clips that can be used.

    Raises
    ------
    AudioError
        There are none.
    """
    if not rows:
        clips, reasons = utterances.clips or [], unusable or {}
        raise AudioError([(row, reasons[clip]) for row, clip in enumerate(clips) if clip in reasons], where)
    return utterances[np.array(rows)]
