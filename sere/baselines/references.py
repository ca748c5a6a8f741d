"""References: what labeled clips alone give on the same standardised vectors.

A method that is to be worth its trouble has to beat these. None looks at a pool, except that both pools have
standardised their domain.

- :class:`LinearBaseline`: multinomial logistic regression.
- :class:`SVMBaseline`: support vector machine, the classifier of the INTERSPEECH challenges on emotion (Schuller et
  al., "The INTERSPEECH 2009 Emotion Challenge", 2009): linear, strongly regularised.
- :class:`NearestPrototype`: class means (Snell, Swersky and Zemel, "Prototypical Networks for Few-shot Learning",
  NeurIPS 2017, without the network).

Each class weighs the same, however many clips it has.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from sere.baselines._base import Baseline, Head
from sere.baselines._clips import Lesson
from sere.baselines._heads import LinearHead, PrototypeHead, one_hot, prototypes
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class LinearBaseline(Baseline):
    """Logistic regression on the labeled clips.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    C : float, default=0.01
        Inverse strength of the penalty; small, because a few clips meet many descriptors.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import LinearBaseline
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = LinearBaseline(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    C: float = 0.01

    _rules: ClassVar[dict[str, Rule]] = {"C": number(above=0)}
    _pools: ClassVar[tuple[str, ...]] = ()

    def _learn(self, lesson: Lesson) -> Head:
        model = LogisticRegression(C=self.C, class_weight="balanced", max_iter=1000)
        return LinearHead.of(model.fit(lesson.shots.vectors, lesson.y))


@dataclass(kw_only=True, eq=False, repr=False)
class SVMBaseline(Baseline):
    """Linear support vector machine, one class against the rest.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    C : float, default=0.01
        Weight of the margin's violations.

    Notes
    -----
    `predict_proba` is the softmax of the margins: it ranks, it is not calibrated.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import SVMBaseline
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = SVMBaseline(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.8
    True
    """

    C: float = 0.01

    _rules: ClassVar[dict[str, Rule]] = {"C": number(above=0)}
    _pools: ClassVar[tuple[str, ...]] = ()

    def _learn(self, lesson: Lesson) -> Head:
        model = LinearSVC(C=self.C, class_weight="balanced", dual=True, max_iter=20_000, random_state=lesson.seed)
        return LinearHead.of(model.fit(lesson.shots.vectors, lesson.y))


@dataclass(kw_only=True, eq=False, repr=False)
class NearestPrototype(Baseline):
    """Nearest class mean of the labeled clips.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    temperature : float, default=0.05
        Mean squared distance, in squared SD a descriptor, that costs a class a factor of e; for probabilities only.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import NearestPrototype
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = NearestPrototype(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    temperature: float = 0.05

    _rules: ClassVar[dict[str, Rule]] = {"temperature": number(above=0)}
    _pools: ClassVar[tuple[str, ...]] = ()

    def _learn(self, lesson: Lesson) -> Head:
        centres = prototypes(lesson.shots.vectors, one_hot(lesson.y, lesson.n_classes))
        return PrototypeHead(centres, self.temperature, np.zeros(lesson.n_classes))
