"""The smallest unit of a benchmark: one method on one draw of one task.

A *cell* is fitted and scored on its own, in whatever process, and leaves a record of plain numbers behind: the score,
and for each speaker of the scored clips how many clips of each emotion there were and how many were recognised. From
these tallies every interval and paired difference can be computed later; beside them stands what each clip was taken
for, for scores of another kind. A cell's *key* is a digest of all that decides
its outcome: task, method with its parameters, encoder weights, the clips of both corpora, the library's code and the
releases of what it computes with. A record under another key is stale and never counts.
"""

import hashlib
import json
import time
import traceback
import warnings
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from sere.datasets import FewShotTask, make_shifted_task
from sere.evaluation.code import code_digest
from sere.evaluation.memory import forget_peak, peak_megabytes
from sere.evaluation.methods import Method
from sere.evaluation.sharing import ready_clips
from sere.evaluation.tasks import score_task
from sere.metrics import uar_score

PROTOCOLS = ("transductive", "inductive")
SPEAKERS = ("known", "unknown")
_COMPUTES = ("numpy", "scipy", "scikit-learn", "torch")
#: Modules that make and score a task, whatever the method.
_MAKES_TASKS = ("sere.datasets.shifts", "sere.evaluation.tasks", "sere.metrics")


@dataclass(frozen=True)
class Scenario:
    """One draw of one task, as every method meets it.

    Attributes
    ----------
    source, target : str
        Names of the corpora.
    shots : int or "all"
    shift : str
        One of :data:`sere.datasets.SHIFTS`.
    protocol : {"transductive", "inductive"}
    speakers : {"known", "unknown"}
        Whether methods see who speaks; intervals always resample speakers where a corpus names them.
    draw : int
        Seed of the task and of the method.
    max_pool : int or None
        Largest pool; see :func:`~sere.datasets.make_task`.
    """

    source: str
    target: str
    shots: int | str
    shift: str
    protocol: str
    speakers: str
    draw: int
    max_pool: int | None

    def task(self, corpora: dict[str, pd.DataFrame]) -> FewShotTask:
        """Return the task, with the speakers still in it."""
        return make_shifted_task(
            corpora[self.source],
            corpora[self.target],
            self.shift,
            shots=self.shots,
            random_state=self.draw,
            transductive=self.protocol == "transductive",
            max_pool=self.max_pool,
        )


@dataclass(frozen=True)
class Cell:
    """A scenario and the method that is tried on it.

    Attributes
    ----------
    scenario : Scenario
    method : Method
    key : str
        Digest of all that decides the outcome.
    """

    scenario: Scenario
    method: Method
    key: str

    @classmethod
    def of(cls, scenario: Scenario, method: Method, *decides: str) -> "Cell":
        """Return the cell with its key.

        Parameters
        ----------
        scenario : Scenario
        method : Method
        *decides : str
            :func:`method_digest` of the method on the task, and :func:`corpus_digest` of the source and the target.
        """
        return cls(scenario, method, _digest([asdict(scenario), *decides])[:24])


def method_digest(method: Method, source: str, target: str) -> str:
    """Return a digest of a method on one task: parameters, encoder weights, code, releases of what computes."""
    code = code_digest(type(method.estimator).__module__, *_MAKES_TASKS)
    return _digest([method.signature(source, target), code, [version(name) for name in _COMPUTES]])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def run_cell(cell: Cell, corpora: dict[str, pd.DataFrame], run: str | None = None) -> dict[str, Any]:
    """Fit and score; return a record that :mod:`json` can write.

    Parameters
    ----------
    cell : Cell
    corpora : dict of str to DataFrame
    run : str, optional
        Names the run that the cell belongs to: within it, cells of one task that come one after the other in a process
        read its clips once (:mod:`sere.evaluation.sharing`), before the seconds are counted.

    Returns
    -------
    dict
        ``key``, the scenario's attributes, ``method``, ``warnings``; then ``uar``, ``labels``, the tallies ``groups``,
        ``hits`` and ``clips``, the answers ``rows``, ``truth``, ``predicted`` and, where the method gives it, their
        ``probability``, ``fit_seconds``, ``predict_seconds``,
        ``cpu_seconds``, ``peak_mb``; or ``error`` and ``traceback`` where the method failed.

    Raises
    ------
    KeyboardInterrupt
        Nothing of an interrupted cell is kept.
    """
    scenario = cell.scenario
    record: dict[str, Any] = {"key": cell.key, **asdict(scenario), "method": cell.method.name}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            task = scenario.task(corpora)
            shown = task if scenario.speakers == "known" else without_speakers(task)
            estimator = cell.method.prepared(scenario.source, scenario.target, scenario.draw)
            forget_peak()
            clips = ready_clips(estimator, shown, None if run is None else _digest([run, asdict(scenario)]))
            cpu = time.process_time()
            result = score_task(estimator, shown, clips)
            record |= {
                "fit_seconds": round(result.fit_seconds, 3),
                "predict_seconds": round(result.predict_seconds, 3),
                "cpu_seconds": round(time.process_time() - cpu, 3),
                "peak_mb": round(peak_megabytes(), 1),
                "uar": uar_score(result.y_true, result.y_pred, labels=result.labels),
                **tallies(result.y_true, result.y_pred, result.labels, task.X_test),
                **answers(result.y_true, result.y_pred, result.labels, task.test_rows, result.probabilities),
            }
        except Exception as error:
            record |= {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    texts = sorted({str(warning.message) for warning in said if not issubclass(warning.category, DeprecationWarning)})
    return {**record, "warnings": texts}


def without_speakers(task: FewShotTask) -> FewShotTask:
    """Return the task with nobody's name on any clip."""
    hidden = {
        name: part.drop(columns="speaker", errors="ignore")
        for name, part in task.items()
        if isinstance(part, pd.DataFrame)
    }
    return FewShotTask(**{**task, **hidden})


def tallies(y_true: np.ndarray, y_pred: np.ndarray, labels: list[str], clips: pd.DataFrame) -> dict[str, Any]:
    """Return recognised and all clips of each emotion by speaker.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_clips,)
    labels : list of str
    clips : DataFrame of n_clips rows
        A clip whose ``speaker`` is missing is a group of its own.

    Returns
    -------
    dict
        ``labels``; ``groups``, list of str; ``hits`` and ``clips``, a list of counts a group.
    """
    speakers = clips["speaker"] if "speaker" in clips else pd.Series([None] * len(clips), dtype=object)
    who = [f"clip {row}" if pd.isna(speaker) else str(speaker) for row, speaker in enumerate(speakers)]
    groups = sorted(set(who))
    counts = np.zeros((2, len(groups), len(labels)), dtype=int)
    column = {label: i for i, label in enumerate(labels)}
    row = {group: i for i, group in enumerate(groups)}
    for group, true, pred in zip(who, y_true, y_pred):
        counts[1, row[group], column[true]] += 1
        counts[0, row[group], column[true]] += true == pred
    return {"labels": list(labels), "groups": groups, "hits": counts[0].tolist(), "clips": counts[1].tolist()}


def answers(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    labels: list[str],
    rows: np.ndarray,
    probabilities: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return what each scored clip is and was taken for, by the number of its label, from which any score follows.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_clips,)
    labels : list of str
    rows : int ndarray of shape (n_clips,)
        In the target's table.
    probabilities : ndarray of shape (n_clips, n_labels), optional

    Returns
    -------
    dict
        ``rows``, ``truth`` and ``predicted``, lists of int; and ``probability`` of each answer, to four decimals.
    """
    number = {label: i for i, label in enumerate(labels)}
    truth, predicted = ([number[label] for label in side] for side in (y_true, y_pred))
    found = {"rows": rows.tolist(), "truth": truth, "predicted": predicted}
    if probabilities is not None and np.isfinite(probabilities).all():
        found["probability"] = probabilities.max(axis=1).round(4).tolist()
    return found
