"""What the cells of one task have in common: its clips, read, embedded and looked at, once in a process.

A method that takes embedded clips (:meth:`sere.baselines.Baseline.ready`) finds there what it would have made of them
itself, so a cell says the same; what its clips were warned of when they were read is said again for each. One task is
held at a time, and let go when a cell comes that cannot use it.
"""

import json
import warnings
from typing import Any

import pandas as pd

from sere.datasets import FewShotTask
from sere.evaluation.methods import described
from sere.evaluation.tasks import LISTS
from sere.inputs.reading import as_utterances
from sere.inputs.utterances import concatenate

#: The last task's clips by list, and the warnings of reading them, under what decides them.
_held: dict[str, tuple[dict[str, Any] | None, list[Warning]]] = {}


def forget() -> None:
    """Let go of what is held."""
    _held.clear()


def ready_clips(estimator: Any, task: FewShotTask, key: str | None) -> dict[str, Any] | None:
    """Return a task's lists as an estimator takes them embedded, or None where it does not.

    Parameters
    ----------
    estimator : classifier
    task : FewShotTask
    key : str or None
        Of the task, another one for every other task and every run; None shares nothing.
    """
    if key is None or not hasattr(estimator, "ready") or estimator.on_error != "raise":
        forget()
        return None
    full = json.dumps([key, described(estimator.encoder), repr(estimator.cache)])
    if full not in _held:
        forget()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            clips = _embedded(estimator, task)
        _held[full] = clips, [warning.message for warning in said if isinstance(warning.message, Warning)]
    clips, texts = _held[full]
    for text in texts:
        warnings.warn(text, stacklevel=2)
    return clips


def _embedded(estimator: Any, task: FewShotTask) -> dict[str, Any] | None:
    """Return the lists of a task embedded, each clip once however many lists it is in."""
    tables = {name: task[name] for name in LISTS if isinstance(task[name], pd.DataFrame)}
    # Read one by one: a list may have files where another has waveforms, as a shifted target does.
    everything = estimator.ready(concatenate([as_utterances(table) for table in tables.values()]))
    if everything is None:
        return None
    found, first = {}, 0
    for name, table in tables.items():
        found[name] = everything[first : first + len(table)]
        first += len(table)
    return found
