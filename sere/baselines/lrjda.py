"""LRJDA: regress the labels through few directions, with the joint distributions of both languages brought together.

After "Low-rank joint distribution adaptation for cross-corpus speech emotion recognition" (Knowledge-Based Systems 315,
2025), of which title and abstract are public. Assumed: joint distribution adaptation as in
:mod:`sere.baselines.jdar`, by the same group of methods, with low rank in place of sparse rows::

    |L_s - C' X_s|^2 + lambda |C|_* + mu ( |C' (m_s - m_t)|^2 + sum_c |C' (m_sc - m_tc)|^2 )

|C|_* is the sum of the singular values of C. lambda = 0.1 (cross-validation over the shots
alone is best around it) and mu = 1.
"""

from dataclasses import dataclass
from typing import ClassVar

from sere.baselines._base import Baseline, Head
from sere.baselines._clips import Lesson
from sere.baselines._regression import joint_gap, low_rank, solve
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class LRJDA(Baseline):
    """Low-rank joint distribution adaptation.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    rank_weight : float, default=0.1
        lambda.
    alignment : float, default=1.0
        mu.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import LRJDA
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = LRJDA(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    rank_weight: float = 0.1
    alignment: float = 1.0

    _rules: ClassVar[dict[str, Rule]] = {"rank_weight": number(0), "alignment": number(0)}

    def _learn(self, lesson: Lesson) -> Head:
        return solve(lesson, low_rank(self.rank_weight), joint_gap(lesson, self.alignment))
