"""Intervals over many tasks and draws: whole speakers and whole draws are resampled, and tasks where asked.

A benchmark's cells are anything but independent. Clips of one speaker succeed and fail together; a speaker of a target
corpus is scored in every draw of every task that has this target; the labeled clips that draw 3 happened to take from a
source serve every task with this source. So a resample draws, with replacement,

- the speakers of each target corpus, the same ones for all draws, methods and tasks with this target,
- the draws of each source corpus, the same ones for all methods and tasks with this source,
- and, only where the question is how a method does on *other pairs of corpora*, the tasks (a hierarchical bootstrap;
  Davison and Hinkley 1997, section 3.8, call the fixed and the random reading of the top level the two extremes).

A method's score on a resample is the mean over its tasks of the mean over the drawn draws of the UAR over the drawn
speakers. All methods are scored on the same resamples, so what makes a task, a draw or a speaker hard for both drops
out of their difference. Intervals are percentiles. With four to twelve speakers a corpus they are somewhat narrow.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

#: Resamples behind an interval.
RESAMPLES = 2000


class Resamples:
    """Weights of speakers, draws and tasks that do not depend on who asks."""

    def __init__(self, n_resamples: int = RESAMPLES, random_state: int = 0):
        self.n_resamples, self.random_state = n_resamples, random_state
        self._known: dict[tuple[str, ...], np.ndarray] = {}

    def weights(self, kind: str, name: str, members: Sequence[str]) -> np.ndarray:
        """Return how often each member comes up in each resample, (n_resamples, n_members).

        Parameters
        ----------
        kind, name : str
            What is resampled: the same name and members give the same weights.
        members : sequence of str
        """
        key = (kind, name, *map(str, members))
        if key not in self._known:
            rng = np.random.default_rng([self.random_state, zlib.crc32("\0".join(key).encode())])
            n = len(members)
            self._known[key] = rng.multinomial(n, np.full(n, 1 / n), size=self.n_resamples).astype(float)
        return self._known[key]


def resampled_uar(records: Sequence[dict[str, Any]], resamples: Resamples) -> np.ndarray:
    """Return one method's score on one task for each resample, (n_resamples,).

    Parameters
    ----------
    records : sequence of dict
        The method's cells on the task, one a draw: ``source``, ``target``, ``draw``, ``groups``, ``hits``, ``clips``.
    resamples : Resamples

    Returns
    -------
    ndarray
        NaN where a resample holds no scored speaker of any drawn draw, and throughout where there is one speaker and
        one draw: then there is nothing to resample.
    """
    first = records[0]
    speakers = sorted({group for record in records for group in record["groups"]})
    if len(speakers) == len(records) == 1:
        return np.full(resamples.n_resamples, np.nan)
    row = {speaker: i for i, speaker in enumerate(speakers)}
    counts = np.zeros((2, len(records), len(speakers), len(first["labels"])))
    for k, record in enumerate(records):
        rows = [row[group] for group in record["groups"]]
        counts[0, k, rows], counts[1, k, rows] = record["hits"], record["clips"]
    who = resamples.weights("speakers", first["target"], speakers)
    hits, clips = np.einsum("rs,pdsc->prdc", who, counts, optimize=True)
    present = (clips > 0).sum(-1)
    recalls = (hits / np.maximum(clips, 1)).sum(-1) / np.maximum(present, 1)
    draws = resamples.weights("draws", first["source"], [str(record["draw"]) for record in records])
    draws = draws * (present > 0)
    total = draws.sum(1)
    return np.where(total > 0, (recalls * draws).sum(1) / np.maximum(total, 1), np.nan)


def over_tasks(scores: np.ndarray, resamples: Resamples | None = None, names: Sequence[str] = ()) -> np.ndarray:
    """Return the mean over tasks for each resample, (n_resamples,).

    Parameters
    ----------
    scores : ndarray of shape (n_resamples, n_tasks)
    resamples : Resamples, optional
        Where given, tasks are resampled, too.
    names : sequence of str
        Of the tasks, where they are resampled.
    """
    if resamples is None:
        return np.asarray(scores.mean(axis=1))
    weights = resamples.weights("tasks", "", names)
    means: np.ndarray = (scores * weights).sum(1) / weights.sum(1)
    return means


def percentiles(scores: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of an interval; NaN where no resample has a score."""
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return float("nan"), float("nan")
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
