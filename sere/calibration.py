"""Whether a probability means what it says, and what is gained by not answering where it is low.

A model is *calibrated* when of the answers to which it gives 70 % seven in ten are right. The usual measure of how far
it is from that is the expected calibration error (ECE; Naeini et al., AAAI 2015; Guo et al., "On Calibration of Modern
Neural Networks", ICML 2017). A probability that is too high everywhere can still *rank* well, and ranking is what
matters to who answers the surest clips and leaves the others to people: the risk-coverage curve shows it (El-Yaniv and
Wiener, JMLR 2010; Geifman and El-Yaniv, NeurIPS 2017).

Functions: `expected_calibration_error`, `risk_coverage`, `rejected`.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sere.inputs.labels import as_labels
from sere.inputs.params import check_value, number, whole

__all__ = ["UNKNOWN", "expected_calibration_error", "rejected", "risk_coverage"]

#: What is said of a clip whose answer is not sure enough.
UNKNOWN = "unknown"


def expected_calibration_error(
    y_true: ArrayLike, probabilities: ArrayLike, labels: ArrayLike, n_bins: int = 10
) -> float:
    """Return how far probabilities are from the share of answers that are right, 0..1.

    Clips are put into bins of equal width by the probability of their answer; a bin counts with the difference between
    its mean probability and its share of right answers, by its number of clips.

    Parameters
    ----------
    y_true : array-like of shape (n_clips,)
    probabilities : array-like of shape (n_clips, n_labels)
        As ``predict_proba`` returns them; rows sum to 1.
    labels : array-like of shape (n_labels,)
        What the columns are, ``classes_`` of the classifier.
    n_bins : int, default=10

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If lengths differ, there is no clip, or rows are no probabilities.

    Examples
    --------
    >>> from sere.calibration import expected_calibration_error
    >>> sure = [[0.9, 0.1], [0.9, 0.1]]
    >>> round(expected_calibration_error(["anger", "fear"], sure, labels=["anger", "fear"]), 3)
    0.4
    """
    check_value("n_bins", n_bins, whole(1))
    return error_of_answers(*answers_of(y_true, probabilities, labels), n_bins)


def error_of_answers(sure: np.ndarray, right: np.ndarray, n_bins: int = 10) -> float:
    """Return the expected calibration error of answers; see :func:`expected_calibration_error`.

    Parameters
    ----------
    sure : ndarray of shape (n_clips,)
        Probability of each answer.
    right : bool ndarray of shape (n_clips,)
    n_bins : int
    """
    bins = np.minimum((sure * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, sure, n_bins) - np.bincount(bins, right, n_bins)
    return float(np.abs(gaps).sum() / len(sure))


def risk_coverage(y_true: ArrayLike, probabilities: ArrayLike, labels: ArrayLike) -> pd.DataFrame:
    """Return the share of wrong answers among the surest clips, for every number of them.

    Parameters
    ----------
    y_true, probabilities, labels
        As in :func:`expected_calibration_error`.

    Returns
    -------
    DataFrame
        A row for each number of clips that can be answered by a threshold, from the surest on: ``coverage``, their
        share of all; ``risk``, the share of them that is wrong; ``threshold``, the probability from which on they are
        answered. Clips of equal probability are answered together. The mean of ``risk`` is the area under the curve
        (AURC) where no two probabilities are equal.

    Raises
    ------
    ValueError
        As :func:`expected_calibration_error`.

    Examples
    --------
    >>> from sere.calibration import risk_coverage
    >>> likely = [[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]]
    >>> risk_coverage(["anger", "fear", "fear"], likely, labels=["anger", "fear"]).round(2).values.tolist()
    [[0.33, 0.0, 0.9], [0.67, 0.0, 0.7], [1.0, 0.33, 0.6]]
    """
    sure, right = answers_of(y_true, probabilities, labels)
    order = np.argsort(-sure, kind="stable")
    answered = np.arange(1, len(sure) + 1)
    risk = np.cumsum(~right[order]) / answered
    last = np.append(np.diff(sure[order]) != 0, True)
    table = pd.DataFrame({"coverage": answered / len(sure), "risk": risk, "threshold": sure[order]})
    return table[last].reset_index(drop=True)


def rejected(answers: ArrayLike, probabilities: ArrayLike, below: float, unknown: Any = UNKNOWN) -> np.ndarray:
    """Return answers, those that are not sure enough replaced.

    Parameters
    ----------
    answers : array-like of shape (n_clips,)
        As ``predict`` returns them.
    probabilities : array-like of shape (n_clips, n_labels)
    below : float
        Probability, 0..1, below which an answer is replaced.
    unknown : label, default="unknown"
        By what. Where answers are numbers it must be one, such as -1.

    Returns
    -------
    ndarray of shape (n_clips,)

    Raises
    ------
    ValueError
        If answers are numbers and `unknown` is a text, or the other way round, or it is an answer that is given.

    Examples
    --------
    >>> from sere.calibration import rejected
    >>> list(map(str, rejected(["anger", "fear"], [[0.9, 0.1], [0.45, 0.55]], below=0.6)))
    ['anger', 'unknown']
    """
    kept, sure = as_labels(answers, "answers"), _probabilities(probabilities).max(axis=1)
    check_rejection(kept, below, unknown)
    if len(kept) != len(sure):
        raise ValueError(f"there are {len(kept)} answers and probabilities of {len(sure)} clips")
    told: np.ndarray = np.where(sure < below, np.asarray(unknown), kept)
    return told


def check_rejection(labels: np.ndarray, below: float, unknown: Any) -> None:
    """Raise unless answers with these labels can be replaced by `unknown`; see :func:`rejected`."""
    check_value("reject_below", below, number(0, 1))
    if len(labels) and isinstance(labels[0], str) != isinstance(unknown, str):
        raise ValueError(
            f"answers are {'texts' if isinstance(labels[0], str) else 'numbers'}, and unknown is {unknown!r}; it takes "
            f"a label of their kind, such as {UNKNOWN if isinstance(labels[0], str) else -1!r}"
        )
    if unknown in labels.tolist():
        raise ValueError(f"unknown is {unknown!r}, which is an answer that is given; call it something else")


def answers_of(y_true: ArrayLike, probabilities: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each clip's answer, and whether it is right."""
    true, likely, names = as_labels(y_true, "y_true"), _probabilities(probabilities), as_labels(labels, "labels")
    if likely.shape != (len(true), len(names)):
        raise ValueError(
            f"probabilities have shape {likely.shape}; {len(true)} clips and {len(names)} labels take "
            f"{(len(true), len(names))}"
        )
    return likely.max(axis=1), names[likely.argmax(axis=1)] == true


def _probabilities(probabilities: ArrayLike) -> np.ndarray:
    likely = np.asarray(probabilities, dtype=np.float64)
    if likely.ndim != 2 or not likely.size:
        raise ValueError(f"probabilities must be a table with a row a clip, got shape {likely.shape}")
    if (likely < -1e-9).any() or not np.allclose(likely.sum(axis=1), 1, atol=1e-6):
        raise ValueError("probabilities must be positive, and each row must sum to 1")
    return likely
