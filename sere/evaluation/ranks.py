"""Ranks of methods over tasks: who is usually ahead, whatever the size of the lead.

On each task methods are ranked by their mean UAR, 1 the best, ties sharing the mean of their ranks; a method's rank is
the mean over tasks (Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006). Its
interval ranks again on every resample of speakers, draws and tasks (:mod:`sere.evaluation.bootstrap`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from sere.evaluation.bootstrap import Resamples, over_tasks, percentiles, resampled_uar

Cells = Sequence[dict[str, Any]]


def mean_ranks(methods: Mapping[str, Mapping[str, Cells]], resamples: Resamples) -> dict[str, dict[str, float]]:
    """Return each method's mean rank and its interval.

    Parameters
    ----------
    methods : mapping of str to mapping of str to sequence of dict
        By method and task, the cells of a section. Tasks that a method lacks are left out for all.
    resamples : Resamples

    Returns
    -------
    dict of str to dict
        ``rank``, ``rank_low``, ``rank_high``; empty for fewer than two methods or no shared task.
    """
    shared = [task for task in next(iter(methods.values())) if all(task in own for own in methods.values())]
    if len(methods) < 2 or not shared:
        return {}
    means = np.array([[np.mean([cell["uar"] for cell in own[task]]) for task in shared] for own in methods.values()])
    scores = np.array([[resampled_uar(own[task], resamples) for task in shared] for own in methods.values()])
    usable = np.isfinite(scores).all(axis=(0, 1))
    ranks = rankdata(-scores[:, :, usable], axis=0)
    found = {}
    for k, method in enumerate(methods):
        spread = np.full((len(usable), len(shared)), np.nan)
        spread[usable] = ranks[k].T
        low, high = percentiles(over_tasks(spread, resamples, shared))
        found[method] = {"rank": float(rankdata(-means, axis=0)[k].mean()), "rank_low": low, "rank_high": high}
    return found
