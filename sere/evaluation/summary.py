"""From records of cells to rows of a table: means, deviations, intervals, paired differences.

Cells that can be compared make up a *section*: one number of shots, one shift, one protocol, speakers known or not. In
a section each method has a row over all tasks and a row a task. A difference is taken over the tasks and draws that
both methods have, and so is the drop under a shift, against the same method on the unshifted target.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from sere.calibration import error_of_answers
from sere.datasets.kinds import KIND
from sere.evaluation.bootstrap import Resamples, over_tasks, percentiles, resampled_uar
from sere.evaluation.ranks import mean_ranks

Record = dict[str, Any]


def summarise(records: Sequence[Record], baseline: str | None) -> list[dict[str, Any]]:
    """Return a row a method and section, over all tasks and for each task.

    Parameters
    ----------
    records : sequence of dict
        Finished cells; see :func:`sere.evaluation.cells.run_cell`.
    baseline : str or None
        Name of the method that others are compared with.

    Returns
    -------
    list of dict
        The section's ``shots``, ``shift``, ``protocol`` and ``speakers``; ``method``; ``task`` ("all" or
        "source-target"); ``tasks``, ``draws`` and ``cells`` behind the row; ``chance``; ``uar``, ``sd`` (over draws),
        ``low`` and ``high``; where there is a baseline ``difference`` with ``difference_low`` and ``difference_high``
        (tasks fixed) and ``difference_low_tasks``, ``difference_high_tasks`` (tasks resampled, too), and ``ahead``, the
        number of tasks with a higher mean; where the method gives probabilities ``ece``, its expected calibration
        error, the mean over tasks of that of all draws' answers; in rows over all tasks with several methods ``rank``,
        ``rank_low`` and ``rank_high`` (:mod:`sere.evaluation.ranks`); under a shift ``drop``, ``drop_low``,
        ``drop_high``; ``seconds`` (median of fit and prediction), ``cpu_seconds`` (median) and ``peak_mb`` (largest).
        Shares lie between 0 and 1.
    """
    resamples = Resamples()
    grouped = _grouped(records, lambda cell: tuple(cell[name] for name in KIND))
    rows = []
    for section, cells in grouped.items():
        by_method = _grouped(cells, itemgetter("method"))
        unshifted = grouped.get((section[0], "none", *section[2:])) if section[1] != "none" else None
        ranks = mean_ranks({method: _by_task(own) for method, own in by_method.items()}, resamples)
        for method, own in by_method.items():
            base = by_method.get(baseline, []) if baseline and method != baseline else []
            before = _grouped(unshifted, itemgetter("method")).get(method, []) if unshifted else []
            for task in ("all", *_by_task(own)):
                row = {**dict(zip(KIND, section)), "method": method, "task": task}
                part, against, clean = (_only(cells, task) for cells in (own, base, before))
                row |= _score(part, resamples)
                row |= ranks.get(method, {}) if task == "all" else {}
                if against:
                    row |= _difference(part, against, resamples)
                if clean:
                    row |= _drop(part, clean, resamples)
                rows.append(row)
    return rows


def _score(cells: list[Record], resamples: Resamples) -> dict[str, Any]:
    """Mean, deviation over draws, interval, costs."""
    tasks = _by_task(cells)
    uar = np.mean([np.mean([cell["uar"] for cell in own]) for own in tasks.values()])
    # Only draws that every task has: a mean over other tasks is another quantity.
    shared = _shared_draws(list(tasks.values()))
    of_draws = [np.mean([_of_draw(own, draw)["uar"] for own in tasks.values()]) for draw in shared]
    scores = over_tasks(np.column_stack([resampled_uar(own, resamples) for own in tasks.values()]))
    low, high = percentiles(scores)
    errors = [error for error in map(_calibration_error, tasks.values()) if error is not None]
    return {
        "tasks": len(tasks),
        "draws": len({cell["draw"] for cell in cells}),
        "cells": len(cells),
        "chance": float(np.mean([1 / len(own[0]["labels"]) for own in tasks.values()])),
        "uar": float(uar),
        "sd": float(np.std(of_draws, ddof=1)) if len(of_draws) > 1 else float("nan"),
        "low": low,
        "high": high,
        **({"ece": float(np.mean(errors))} if len(errors) == len(tasks) else {}),
        "seconds": float(np.median([cell["fit_seconds"] + cell["predict_seconds"] for cell in cells])),
        "cpu_seconds": float(np.median([cell["cpu_seconds"] for cell in cells])),
        "peak_mb": float(np.max([cell["peak_mb"] for cell in cells])),
    }


def _calibration_error(cells: list[Record]) -> float | None:
    """Return the expected calibration error of all answers of some cells; None where one gave no probabilities."""
    if not all("probability" in cell for cell in cells):
        return None
    sure = np.concatenate([cell["probability"] for cell in cells])
    right = np.concatenate([np.equal(cell["truth"], cell["predicted"]) for cell in cells])
    return error_of_answers(sure, right)


def _difference(cells: list[Record], base: list[Record], resamples: Resamples) -> dict[str, Any]:
    """Paired difference to the baseline."""
    pairs = _paired(cells, base)
    if not pairs:
        return {}
    mean, scores = _compared(pairs, resamples)
    low, high = percentiles(over_tasks(scores))
    low_tasks, high_tasks = percentiles(over_tasks(scores, resamples, list(pairs)))
    return {
        "difference": float(np.mean(mean)),
        "difference_low": low,
        "difference_high": high,
        "difference_low_tasks": low_tasks,
        "difference_high_tasks": high_tasks,
        "ahead": int(np.sum(mean > 0)),
        "compared": len(pairs),
    }


def _drop(cells: list[Record], clean: list[Record], resamples: Resamples) -> dict[str, Any]:
    """What a shift costs: the score without it less the score with it."""
    pairs = _paired(clean, cells)
    if not pairs:
        return {}
    mean, scores = _compared(pairs, resamples)
    low, high = percentiles(over_tasks(scores))
    return {"drop": float(np.mean(mean)), "drop_low": low, "drop_high": high}


def _paired(first: list[Record], second: list[Record]) -> dict[str, tuple[list[Record], list[Record]]]:
    """Return both sides' cells of each task, over the draws that both have."""
    ours, theirs = _by_task(first), _by_task(second)
    pairs = {}
    for task in ours:
        shared = _shared_draws([ours[task], theirs.get(task, [])])
        if shared:
            pairs[task] = tuple([_of_draw(side[task], draw) for draw in shared] for side in (ours, theirs))
    return pairs  # type: ignore[return-value]


def _compared(
    pairs: dict[str, tuple[list[Record], list[Record]]], resamples: Resamples
) -> tuple[np.ndarray, np.ndarray]:
    """Return each task's mean difference, (n_tasks,), and that of each resample, (n_resamples, n_tasks)."""
    means = [np.mean([a["uar"] - b["uar"] for a, b in zip(*sides)]) for sides in pairs.values()]
    scores = [resampled_uar(a, resamples) - resampled_uar(b, resamples) for a, b in pairs.values()]
    return np.array(means), np.column_stack(scores)


def _grouped(cells: Sequence[Record], of: Callable[[Record], Any]) -> dict[Any, list[Record]]:
    """Return cells by what `of` says of each, in the order in which it first occurs."""
    found: dict[Any, list[Record]] = {}
    for cell in cells:
        found.setdefault(of(cell), []).append(cell)
    return found


def _by_task(cells: Sequence[Record]) -> dict[str, list[Record]]:
    return _grouped(sorted(cells, key=itemgetter("draw")), lambda cell: f"{cell['source']}-{cell['target']}")


def _only(cells: list[Record], task: str) -> list[Record]:
    return cells if task == "all" else _by_task(cells).get(task, [])


def _shared_draws(sides: Sequence[list[Record]]) -> list[int]:
    return sorted(set.intersection(*({cell["draw"] for cell in side} for side in sides)))


def _of_draw(cells: list[Record], draw: int) -> Record:
    return next(cell for cell in cells if cell["draw"] == draw)
