"""What the regression methods share: a linear map from descriptors to labels that is bent towards the target.

They learn C, (p, n_classes), so that ``x C`` is a clip's label: 1 - 1/n_classes for its class, -1/n_classes for the
others. With weights w of the shots, equal for each class in sum, all of them minimise, by solving a linear system with
the penalties linearised around the last solution (iteratively reweighted least squares)::

    sum_i w_i |y_i - x_i C|^2  +  tr(C' R(C) C)  +  tr(C' M C)

where R is the method's regularisation and M what it wants of the two languages. Clips are taken with unit mean power.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sere.baselines._clips import Lesson, Rows
from sere.baselines._heads import one_hot

#: Keeps reweighting finite where a row or direction has vanished.
EPS = 1e-6
#: Factor from regressed labels to logits.
SHARPNESS = 10.0
#: Times that pseudo-labels and map follow each other; they have settled by then.
ROUNDS = 10


@dataclass
class RegressionHead:
    """Regressed labels as embedding and, sharpened, as scores.

    Attributes
    ----------
    C : ndarray of shape (p, n_classes)
    """

    C: np.ndarray

    def embed(self, rows: Rows) -> np.ndarray:
        """Regressed labels."""
        return rows.vectors @ self.C

    def logits(self, rows: Rows) -> np.ndarray:
        """Sharpened regressed labels."""
        return SHARPNESS * self.embed(rows)


Penalty = Callable[[np.ndarray], np.ndarray]


def solve(lesson: Lesson, regularise: Penalty, align: Penalty) -> RegressionHead:
    """Return the map.

    Parameters
    ----------
    lesson : Lesson
    regularise, align : callable
        Take the last C, (p, n_classes), and return R and M, each (p, p).
    """
    X, member = lesson.shots.vectors, one_hot(lesson.y, lesson.n_classes)
    weight = (member / member.sum(0)).sum(1) / lesson.n_classes
    labels = member - 1 / lesson.n_classes
    # In clips of unit power a penalty means the same for four descriptors and for two thousand.
    p = X.shape[1]
    gram, right = X.T @ (weight[:, None] * X) / p, X.T @ (weight[:, None] * labels) / p**0.5
    C = np.linalg.solve(gram + np.eye(p) / p, right)
    for _ in range(ROUNDS):
        C = np.linalg.solve(gram + regularise(C) + align(C) / p + EPS * np.eye(p), right)
    return RegressionHead(C / p**0.5)


def row_sparsity(weight: float) -> Penalty:
    """Return R of ``weight * |C|_{2,1}``, the sum of the norms of C's rows: descriptors are chosen, for all classes."""
    return lambda C: np.diag(weight / (2 * np.sqrt(np.square(C).sum(1) + EPS)))


def low_rank(weight: float) -> Penalty:
    """Return R of ``weight * |C|_*``, the sum of C's singular values: few directions, whatever descriptors."""

    def penalty(C: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(C @ C.T)
        return (vectors * (weight / (2 * np.sqrt(np.maximum(values, 0) + EPS)))) @ vectors.T

    return penalty


def joint_gap(lesson: Lesson, weight: float) -> Penalty:
    """Return M of the joint distribution gap: of the means of both languages, and of each class, mapped by C.

    ``weight * (|m_s C - m_t C|^2 + sum_c |m_sc C - m_tc C|^2)``, the means m_sc over the shots of a class, m_tc over
    the target clips that the last C gives that class, m_s and m_t over all clips of a language.
    """
    shots, target, n_classes = lesson.shots.vectors, lesson.target.vectors, lesson.n_classes
    if not len(target):
        return lambda C: np.zeros((len(C), len(C)))
    own = [shots[lesson.y == c].mean(0) for c in range(n_classes)]
    marginal = np.vstack([shots, lesson.source.vectors]).mean(0) - target.mean(0)

    def penalty(C: np.ndarray) -> np.ndarray:
        y = (target @ C).argmax(1)
        gaps = [marginal, *(own[c] - target[y == c].mean(0) for c in range(n_classes) if (y == c).any())]
        return weight * np.array(gaps).T @ np.array(gaps)

    return penalty
