"""How well emotions were recognised: unweighted average recall, its uncertainty, and a report.

Emotion corpora are uneven, so the field's measure is the unweighted average recall (UAR), the
mean over a task's emotions of the share of their clips that were recognised; chance is one over
the number of emotions. The list of emotions belongs to the task, not to the fold at hand.

Clips of one speaker succeed and fail together. An interval that treats clips as independent is
too narrow, so the intervals here resample whole speakers (cluster bootstrap; Field and Welsh
2007). With the four to ten speakers of most corpora even these are somewhat narrow: read them as
the least uncertainty there is.

Functions: `uar_score`, `uar_interval`, `uar_difference_interval`, `recall_intervals`, `per_emotion_report`.
"""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from sere.inputs.labels import as_labels, check_named, check_same_kind
from sere.inputs.params import RANDOM_STATE, check_value, number, whole

# Resamples held in memory at a time: their number times the number of distinct clusters.
_CELLS_AT_A_TIME = 4_000_000


def uar_score(y_true: ArrayLike, y_pred: ArrayLike, labels: ArrayLike | None = None) -> float:
    """Return the unweighted average recall, between 0 and 1.

    Parameters
    ----------
    y_true : array-like of shape (n_clips,)
        The emotions.
    y_pred : array-like of shape (n_clips,)
        The predictions. One that is no label of the task counts as wrong.
    labels : array-like, optional
        The emotions of the task; by default those that occur in `y_true`. An emotion without a
        clip in `y_true` has no recall: the mean is over the others, and a warning says so,
        because such a score cannot be compared with one over all of them.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the lengths differ, there is no clip, `y_true` holds an emotion that is not in
        `labels`, a label is missing, or some are texts and others numbers.

    Warns
    -----
    UserWarning
        If an emotion of `labels` does not occur in `y_true`, or all predictions are spelled another way.

    Examples
    --------
    >>> uar_score(["anger", "anger", "fear", "fear"], ["anger", "fear", "fear", "fear"])
    0.75
    """
    true, pred, names = _checked(y_true, y_pred, labels)
    hits, counts = _tallies(true, pred, names)
    if not np.isin(pred, names).any() and _plain(pred) & _plain(names):
        said = f"predictions are such as {str(pred[0])!r}, emotions such as {str(names[0])!r}; spell both one way."
        warnings.warn(f"no prediction is an emotion of the task but for its spelling: {said}", stacklevel=2)
    absent = [str(name) for name, count in zip(names, counts.sum(axis=0)) if count == 0]
    if absent:
        said = f"no clip of {', '.join(absent)} is in y_true; the mean is over the other {len(names) - len(absent)}"
        warnings.warn(f"{said} emotions.", stacklevel=2)
    return float(_mean_recall(hits.sum(axis=0), counts.sum(axis=0)))


def uar_interval(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    speakers: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
) -> tuple[float, float]:
    """Return a bootstrap interval of the unweighted average recall.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_clips,)
        The emotions and the predictions.
    speakers : array-like of shape (n_clips,), optional
        Who speaks. Speakers are drawn with replacement, each with all their clips. Without it
        single clips are drawn, and the interval says nothing about other speakers.
    labels : array-like, optional
        The emotions of the task, as for :func:`uar_score`. Emotions that a resample lacks are
        left out of its mean.
    level : float, default=0.95
        Share of the resamples inside the interval; its ends are the percentiles.
    n_resamples : int, default=2000
        Number of resamples.
    random_state : int, RandomState instance or None, default=0
        Draws them.

    Returns
    -------
    low, high : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        As :func:`uar_score`; or if there is only one speaker, or a speaker is missing.

    Examples
    --------
    >>> from sere.metrics import uar_interval
    >>> y_true = ["anger", "anger", "anger", "sadness", "sadness", "sadness"] * 4
    >>> y_pred = ["anger", "anger", "sadness", "sadness", "sadness", "sadness"] * 4
    >>> speakers = [speaker for speaker in "abcd" for _ in range(6)]
    >>> low, high = uar_interval(y_true, y_pred, speakers=speakers)
    >>> round(low, 3), round(high, 3)  # four speakers who are all alike
    (0.833, 0.833)
    """
    true, pred, names = _checked(y_true, y_pred, labels)
    hits, counts = _tallies(true, pred, names)
    groups = _clusters(speakers, len(true))
    scores = _resampled(
        np.hstack([_by_cluster(hits, groups), _by_cluster(counts, groups)]),
        lambda sums: _mean_recall(*np.split(sums, 2, axis=1)),
        n_resamples,
        random_state,
    )
    return _percentiles(scores, level)


def uar_difference_interval(
    y_true: ArrayLike,
    pred_a: ArrayLike,
    pred_b: ArrayLike,
    speakers: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
) -> tuple[float, float]:
    """Return a bootstrap interval of UAR(`pred_a`) - UAR(`pred_b`) on the same clips.

    Both are scored on the same resamples, so what makes a speaker hard for both cancels out. An
    interval that does not hold 0 says that one is better for speakers like these.

    Parameters
    ----------
    y_true : array-like of shape (n_clips,)
        The emotions.
    pred_a, pred_b : array-like of shape (n_clips,)
        Two sets of predictions.
    speakers, labels, level, n_resamples, random_state
        As for :func:`uar_interval`.

    Returns
    -------
    low, high : float
        Between -1 and 1.

    Raises
    ------
    ValueError
        As :func:`uar_interval`.

    Examples
    --------
    >>> from sere.metrics import uar_difference_interval
    >>> y_true = ["anger", "anger", "anger", "sadness", "sadness", "sadness"] * 4
    >>> y_pred = ["anger", "anger", "sadness", "sadness", "sadness", "sadness"] * 4
    >>> low, high = uar_difference_interval(y_true, y_pred, ["anger"] * 24)
    >>> bool(0 < low < 5 / 6 - 1 / 2 < high)
    True
    """
    true, first, names = _checked(y_true, pred_a, labels)
    _, second, _ = _checked(y_true, pred_b, labels)
    hits_a, counts = _tallies(true, first, names)
    hits_b, _ = _tallies(true, second, names)
    groups = _clusters(speakers, len(true))

    def difference(sums: np.ndarray) -> np.ndarray:
        a, b, count = np.split(sums, 3, axis=1)
        return np.asarray(_mean_recall(a, count) - _mean_recall(b, count))

    parts = [_by_cluster(part, groups) for part in (hits_a, hits_b, counts)]
    return _percentiles(_resampled(np.hstack(parts), difference, n_resamples, random_state), level)


def recall_intervals(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    speakers: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return the recall of each emotion with its bootstrap interval.

    Parameters
    ----------
    y_true, y_pred, speakers, labels, level, n_resamples, random_state
        As for :func:`uar_interval`. An interval is over the resamples that hold a clip of the emotion.

    Returns
    -------
    DataFrame
        One row an emotion: `emotion`, `clips` (in `y_true`), `recall`, `low` and `high`, NaN where it has no clip.

    Raises
    ------
    ValueError
        As :func:`uar_interval`.

    Examples
    --------
    >>> recall_intervals(["anger", "anger", "fear"], ["anger", "fear", "fear"]).round(2)
      emotion  clips  recall  low  high
    0   anger      2     0.5  0.0   1.0
    1    fear      1     1.0  1.0   1.0
    """
    true, pred, names = _checked(y_true, y_pred, labels)
    hits, counts = _tallies(true, pred, names)
    groups = _clusters(speakers, len(true))
    scores = _resampled(
        np.hstack([_by_cluster(hits, groups), _by_cluster(counts, groups)]),
        lambda sums: _recalls(*np.split(sums, 2, axis=1)),
        n_resamples,
        random_state,
    )
    ends = [_percentiles(own[np.isfinite(own)], level) for own in scores.T]
    return pd.DataFrame(
        {
            "emotion": names.tolist(),
            "clips": counts.sum(axis=0),
            "recall": _recalls(hits.sum(axis=0), counts.sum(axis=0)),
            "low": [low for low, _ in ends],
            "high": [high for _, high in ends],
        }
    )


def per_emotion_report(y_true: ArrayLike, y_pred: ArrayLike, labels: ArrayLike | None = None) -> pd.DataFrame:
    """Return recall, precision and the commonest mistake of each emotion.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_clips,)
        The emotions and the predictions.
    labels : array-like, optional
        The emotions of the task, as for :func:`uar_score`.

    Returns
    -------
    DataFrame
        One row an emotion: `emotion`, `clips` (in `y_true`), `recall`, `precision` (NaN where
        there is nothing to divide by) and `confused_with`, the wrong prediction that its clips
        get most often (the first in alphabetical order among equals; missing when there is
        none).

    Raises
    ------
    ValueError
        As :func:`uar_score`.

    Examples
    --------
    >>> from sere.metrics import per_emotion_report
    >>> y_true = ["anger", "anger", "anger", "sadness", "sadness", "sadness"] * 4
    >>> y_pred = ["anger", "anger", "sadness", "sadness", "sadness", "sadness"] * 4
    >>> per_emotion_report(y_true, y_pred)[["emotion", "recall", "confused_with"]].round(2).values.tolist()[0]
    ['anger', 0.67, 'sadness']
    """
    true, pred, names = _checked(y_true, y_pred, labels)
    rows = []
    for name in names.tolist():
        ours, said = true == name, pred == name
        wrong, times = np.unique(pred[ours & ~said], return_counts=True)
        right = int((ours & said).sum())
        rows.append(
            {
                "emotion": name,
                "clips": int(ours.sum()),
                "recall": right / ours.sum() if ours.any() else np.nan,
                "precision": right / said.sum() if said.any() else np.nan,
                "confused_with": wrong.tolist()[times.argmax()] if len(wrong) else None,
            }
        )
    return pd.DataFrame(rows)


def _checked(
    y_true: ArrayLike, y_pred: ArrayLike, labels: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the emotions, the predictions and the sorted label list as arrays."""
    shapes = np.shape(y_true), np.shape(y_pred)
    if len(shapes[0]) != 1 or shapes[0] != shapes[1]:
        raise ValueError(
            f"y_true and y_pred must be one-dimensional and of equal length; "
            f"their shapes are {shapes[0]} and {shapes[1]}."
        )
    if shapes[0] == (0,):
        raise ValueError("there is no clip to score.")
    true, pred = as_labels(y_true, "y_true"), as_labels(y_pred, "y_pred")
    listed = true if labels is None else as_labels(labels, "labels")
    check_named(true, "y_true")
    check_same_kind(y_true=true, y_pred=pred, labels=listed)
    names = np.unique(listed)
    unknown = np.setdiff1d(true, names)
    if len(unknown):
        raise ValueError(
            f"y_true holds {', '.join(map(str, unknown))}, which labels= does not list ({', '.join(map(str, names))})."
        )
    return true, pred, names


def _plain(labels: np.ndarray) -> set[str]:
    """Return labels without case and spaces around them."""
    return {str(label).strip().casefold() for label in np.unique(labels)}


def _tallies(true: np.ndarray, pred: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays of shape (n_clips, n_labels): one-hot emotions, recognised and all."""
    counts = true[:, None] == names[None, :]
    return counts & (true == pred)[:, None], counts


def _mean_recall(hits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean of hits / counts over the last axis, over emotions that have clips."""
    recall = hits / np.maximum(counts, 1)
    return np.asarray(recall.sum(axis=-1) / (counts > 0).sum(axis=-1))


def _recalls(hits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return hits / counts, NaN for an emotion without a clip."""
    return np.where(counts > 0, hits / np.maximum(counts, 1), np.nan)


def _clusters(speakers: ArrayLike | None, n_clips: int) -> np.ndarray:
    """Return each clip's cluster number: its speaker's, or its own."""
    if speakers is None:
        return np.arange(n_clips)
    who = pd.Series(np.asarray(speakers, dtype=object))
    if len(who) != n_clips:
        raise ValueError(f"there are {n_clips} clips and {len(who)} speakers.")
    if who.isna().any():
        raise ValueError(
            f"the speaker at position {int(np.flatnonzero(who.isna())[0])} is missing; "
            "pass speakers=None to resample clips."
        )
    groups, known = pd.factorize(who)
    if len(known) < 2:
        raise ValueError(
            f"all clips are of one speaker ({known[0]}), so speakers cannot be resampled; "
            "pass speakers=None to resample clips."
        )
    return groups


def _by_cluster(tallies: np.ndarray, groups: np.ndarray) -> np.ndarray:
    sums = np.zeros((groups.max() + 1, tallies.shape[1]))
    np.add.at(sums, groups, tallies)
    return sums


def _resampled(
    clusters: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
) -> np.ndarray:
    """Return a statistic of the summed rows of `clusters`, drawn with replacement.

    Equal rows are drawn together: how often each distinct row comes up is multinomial, and
    without speakers there are only as many distinct rows as there are ways to be right or wrong.
    """
    check_value("n_resamples", n_resamples, whole(1))
    check_value("random_state", random_state, RANDOM_STATE)
    rng = check_random_state(random_state)
    rows, times = np.unique(clusters, axis=0, return_counts=True)
    at_a_time = max(1, _CELLS_AT_A_TIME // len(rows))
    scores = []
    for start in range(0, n_resamples, at_a_time):
        size = min(at_a_time, n_resamples - start)
        drawn = rng.multinomial(len(clusters), times / len(clusters), size=size)
        scores.append(statistic(drawn @ rows))
    return np.concatenate(scores)


def _percentiles(scores: np.ndarray, level: float) -> tuple[float, float]:
    check_value("level", level, number(above=0, below=1))
    if not len(scores):
        return float("nan"), float("nan")
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
