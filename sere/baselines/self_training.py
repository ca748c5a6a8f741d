"""Self-training: the classifier labels the clips it is surest of and learns again.

Scudder, "Probability of error of some adaptive pattern-recognition machines" (IEEE Trans. Information Theory 11, 1965);
scikit-learn's :class:`~sklearn.semi_supervised.SelfTrainingClassifier` around logistic regression. Objective of each
round, over shots and clips labeled so far (equal weight for each class)::

    sum_i -log p(y_i | x_i) + |W|^2 / 2C

How many clips a round takes (``k_best``) is the pool divided by `rounds`: strongly regularised probabilities are flat,
and a threshold on them would take all clips or none. Both pools are labeled, the surest clips first wherever they are.
"""

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

from sere.baselines._base import Baseline, Head
from sere.baselines._clips import Lesson
from sere.baselines._heads import LinearHead
from sere.inputs.params import Rule, number, whole


@dataclass(kw_only=True, eq=False, repr=False)
class SelfTraining(Baseline):
    """Logistic regression that labels both pools for itself.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    C : float, default=0.01
        Inverse strength of the penalty.
    rounds : int, default=10
        Rounds in which both pools are labeled.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import SelfTraining
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = SelfTraining(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    C: float = 0.01
    rounds: int = 10

    _rules: ClassVar[dict[str, Rule]] = {"C": number(above=0), "rounds": whole(1)}
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")

    def _learn(self, lesson: Lesson) -> Head:
        model = LogisticRegression(C=self.C, class_weight="balanced", max_iter=1000)
        n_unlabeled = len(lesson.source) + len(lesson.target)
        if not n_unlabeled:
            return LinearHead.of(model.fit(lesson.shots.vectors, lesson.y))
        X = np.vstack([lesson.shots.vectors, lesson.source.vectors, lesson.target.vectors])
        y = np.concatenate([lesson.y, np.full(n_unlabeled, -1)])
        k_best = -(-n_unlabeled // self.rounds)
        wrapper = SelfTrainingClassifier(model, criterion="k_best", k_best=k_best, max_iter=self.rounds)
        with warnings.catch_warnings():
            # The last round may hold fewer clips than the others.
            warnings.filterwarnings("ignore", message="k_best is larger than the amount of unlabeled samples")
            return LinearHead.of(wrapper.fit(X, y).estimator_)
