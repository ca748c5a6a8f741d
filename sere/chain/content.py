"""What of an encoder's columns is words: directions that vary within clips, found without labels.

The mean of a clip's frames over a rich encoder's columns says how it was spoken, and, louder, what was said: a clip is
too short for its sounds to average out. How far they fail to can be read off the clips themselves. If frames vary
within clips by the covariance S, the mean over a clip of n independent sounds varies by S / n for its words alone,
whoever speaks and however. Directions are therefore looked for, and weights paid for, in the metric

    M M' = (I + S / n)^(-1)

in which a direction that mostly carries words is small, and one that varies from clip to clip but hardly within them
keeps its size. It is the within-class whitening of speaker recognition (Hatch, Kajarekar & Stolcke, "Within-class
covariance normalization for SVM-based speaker recognition", Interspeech 2006) with each clip for a class.

It applies where the context holds means of frames (:func:`averaged_columns`); statistics that follow no single column,
such as the acoustic descriptors', are left as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from threadpoolctl import threadpool_limits

#: Independent sounds that a clip's mean is taken over. Ten to a hundred score alike.
SOUNDS = 30.0
#: Numbers from which on covariances are summed in single precision.
MANY = 5_000_000


def averaged_columns(context_names: Sequence[str], frame_names: Sequence[str]) -> np.ndarray:
    """Return for each entry of the context the column of frames whose mean it is, -1 where it is none.

    Parameters
    ----------
    context_names : sequence of d str
        The mean of a column is called as the column, with ``_mean`` behind.
    frame_names : sequence of w str

    Returns
    -------
    int ndarray of shape (d,)
    """
    column = {f"{name}_mean": i for i, name in enumerate(frame_names)}
    return np.array([column.get(name, -1) for name in context_names], dtype=np.int64)


def content_covariances(
    context: np.ndarray, frames: Sequence[np.ndarray], columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how a context and frames vary within clips; 0 for entries that average no column and columns not averaged.

    Parameters
    ----------
    context : ndarray of shape (n, d)
        Standardised.
    frames : sequence of n ndarray of shape (n_frames, w)
        Standardised.
    columns : int ndarray of shape (d,)
        As :func:`averaged_columns` returns it.

    Returns
    -------
    ndarray of shape (d, d), ndarray of shape (w, w)
        In the units of the context and of the frames.
    """
    return in_both_units(context, Scatter.of(frames), columns)


@dataclass(frozen=True)
class Scatter:
    """How frames vary: within clips and from clip to clip.

    Attributes
    ----------
    means : ndarray of shape (n, w)
        Of each clip.
    counts : ndarray of shape (n,)
        Frames of each clip.
    within : ndarray of shape (w, w)
        Covariance of frames about their clip's mean.
    """

    means: np.ndarray
    counts: np.ndarray
    within: np.ndarray

    @classmethod
    def of(cls, frames: Sequence[np.ndarray]) -> "Scatter":
        """Scatter of the frames of n clips, each of shape (n_frames, w)."""
        means = np.array([clip.mean(0, dtype=np.float64) for clip in frames])
        counts = np.array([len(clip) for clip in frames])
        many = counts.sum() * means.shape[1] > MANY
        rest: np.ndarray = np.concatenate(frames, dtype=np.float32 if many else np.float64)
        for mean, last, count in zip(means.astype(rest.dtype), np.cumsum(counts), counts, strict=True):
            rest[last - count : last] -= mean
        within = (rest.T @ rest).astype(np.float64, copy=False)
        within /= len(rest)
        return cls(means, counts, within)

    @property
    def mean(self) -> np.ndarray:
        """Mean of all frames, (w,)."""
        mean: np.ndarray = self.counts @ self.means / self.counts.sum()
        return mean

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of all frames, (w, w)."""
        between = self.means - self.mean
        covariance: np.ndarray = self.within + (between.T * self.counts) @ between / self.counts.sum()
        return covariance


def in_both_units(context: np.ndarray, scatter: Scatter, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a scatter within clips in the units of context and frames; see :func:`content_covariances`."""
    own = columns[columns >= 0]
    of_frames = np.zeros_like(scatter.within)
    of_frames[np.ix_(own, own)] = scatter.within[np.ix_(own, own)]
    return in_context_units(context, scatter, columns), of_frames


def in_context_units(context: np.ndarray, scatter: Scatter, columns: np.ndarray) -> np.ndarray:
    """Return a scatter within clips in the units of a context, (d, d); see :func:`content_covariances`."""
    entries = np.flatnonzero(columns >= 0)
    own = columns[entries]
    covariance = scatter.within[np.ix_(own, own)]
    slope = _slopes(context[:, entries], scatter.means[:, own])
    covariance *= slope[:, None]
    covariance *= slope
    of_context = np.zeros((context.shape[1],) * 2)
    of_context[np.ix_(entries, entries)] = covariance
    return of_context


def _slopes(context: np.ndarray, means: np.ndarray) -> np.ndarray:
    """How many units of a standardised context one unit of the standardised frames' mean is, a column.

    Frames and contexts are standardised each by their own SD, and a mean varies less than what it is taken over.
    """
    context, means = context - context.mean(0), means - means.mean(0)
    return (context * means).sum(0) / np.maximum((means**2).sum(0), 1e-12)


def with_words(covariance: np.ndarray, sounds: float = SOUNDS) -> np.ndarray:
    """Return ``I + covariance / sounds``, how clips vary by what is said beside a unit of anything else.

    Parameters
    ----------
    covariance : ndarray of shape (d, d)
        Within clips, in the units of standardised columns.
    sounds : float
        Independent sounds a clip.
    """
    return np.eye(len(covariance)) + covariance / sounds


def content_metric(words: np.ndarray) -> np.ndarray:
    """Return M with ``M M' = words^(-1)``, upper triangular: rows go through it as ``rows @ M``.

    Parameters
    ----------
    words : ndarray of shape (d, d)
        As :func:`with_words` returns it.
    """
    # A root of Cholesky's kind costs a tenth of the symmetric one, and gives the same distances. One thread: on a busy
    # machine those of a factorisation wait for each other far longer than they work.
    with threadpool_limits(1, user_api="blas"):
        lower = np.linalg.cholesky(words)
        inverse: np.ndarray = solve_triangular(lower, np.eye(len(words), order="F"), lower=True, overwrite_b=True)
    return inverse.T
