"""JIASL: a regression under which every target clip can be rebuilt from source clips.

After Zhao, Zong, Lian, Lu, Shi and Zheng, "Implicitly Aligning Joint Distributions for Cross-Corpus Speech Emotion
Recognition" (Electronics 11, 2745, 2022): a regression that tells emotions apart, beside a reconstruction that aligns
marginal and conditional distributions without measuring either. Objective, as assumed from the abstract, with L the
labels of the shots X_s (a column a clip)::

    |L_s - C' X_s|^2 + lambda |C|_{2,1} + mu ( |C' X_t - C' X_s Z|^2 / n_t  +  sum_c |C' X_tc - C' X_sc Z_c|^2 / n_tc )

where each target clip has coefficients Z over all shots (marginal) and Z_c over the shots of the class that the last C
gives it (conditional). The coefficients come from the descriptors themselves, by ridge regression
``min |x_t - X_s z|^2 + p |z|^2``, so what C must not look at is what the shots cannot rebuild.

Assumed: the form of both terms, the ridge, lambda = 0.1 as in JDAR, and mu = 1.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sere.baselines._base import Baseline, Head
from sere.baselines._clips import Lesson
from sere.baselines._regression import Penalty, row_sparsity, solve
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class JIASL(Baseline):
    """Joint distribution implicitly aligned subspace learning.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    sparsity : float, default=0.1
        lambda.
    reconstruction : float, default=1.0
        mu.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import JIASL
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = JIASL(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    sparsity: float = 0.1
    reconstruction: float = 1.0

    _rules: ClassVar[dict[str, Rule]] = {"sparsity": number(0), "reconstruction": number(0)}

    def _learn(self, lesson: Lesson) -> Head:
        return solve(lesson, row_sparsity(self.sparsity), reconstruction_gap(lesson, self.reconstruction))


def reconstruction_gap(lesson: Lesson, weight: float) -> Penalty:
    """Return M of what is left of target clips after reconstruction from all shots, and from those of their class."""
    shots, target, n_classes = lesson.shots.vectors, lesson.target.vectors, lesson.n_classes
    if not len(target):
        return lambda C: np.zeros((len(C), len(C)))
    every = scatter(target - rebuilt(target, shots))

    def penalty(C: np.ndarray) -> np.ndarray:
        y = (target @ C).argmax(1)
        classes = [c for c in range(n_classes) if (y == c).any()]
        of_class = [target[y == c] - rebuilt(target[y == c], shots[lesson.y == c]) for c in classes]
        return weight * (every + sum(map(scatter, of_class)))

    return penalty


def rebuilt(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return target rows (n, p) as ridge combinations of source rows (m, p)."""
    # m equations or p, whichever are fewer; both give the same.
    p = source.shape[1]
    if len(source) <= p:
        return target @ source.T @ np.linalg.solve(source @ source.T + p * np.eye(len(source)), source)
    return target @ np.linalg.solve(source.T @ source + p * np.eye(p), source.T @ source)


def scatter(rows: np.ndarray) -> np.ndarray:
    """Return the mean outer product of rows (n, p), (p, p)."""
    return rows.T @ rows / len(rows)
