"""JDAR: regress the labels through few descriptors, bringing together the means of both languages and of each class.

Zhang, Jiang, Zong, Zheng and Zhao, "Cross-Corpus Speech Emotion Recognition Using Joint Distribution Adaptive
Regression" (ICASSP 2021). Objective, with L the labels of the shots X_s (a column a clip, as in the paper)::

    |L_s - C' X_s|^2 + lambda |C|_{2,1} + mu ( |C' (m_s - m_t)|^2 + sum_c |C' (m_sc - m_tc)|^2 )

The target's classes are pseudo-labels of the last C, in turn with C (:mod:`sere.baselines._regression`).

Ours: the first term is a mean over the shots, each class of the same weight, so that lambda and mu mean the same for
five shots and for five hundred. The paper searches both on the target's labels; here lambda = 0.1 and mu = 1 stand
(cross-validation over the shots alone does not tell 0.03 from 0.3). It solves by an augmented Lagrangian, here by
reweighted least squares: the objective is the same.
"""

from dataclasses import dataclass
from typing import ClassVar

from sere.baselines._base import Baseline, Head
from sere.baselines._clips import Lesson
from sere.baselines._regression import joint_gap, row_sparsity, solve
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class JDAR(Baseline):
    """Joint distribution adaptive regression.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    sparsity : float, default=0.1
        lambda.
    alignment : float, default=1.0
        mu.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import JDAR
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = JDAR(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    sparsity: float = 0.1
    alignment: float = 1.0

    _rules: ClassVar[dict[str, Rule]] = {"sparsity": number(0), "alignment": number(0)}

    def _learn(self, lesson: Lesson) -> Head:
        return solve(lesson, row_sparsity(self.sparsity), joint_gap(lesson, self.alignment))
