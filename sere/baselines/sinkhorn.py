"""Class-balanced prototypes: the target pool moves the class means, with the share of each class held.

Objective, in turn until settled (prototypes P, target clips x, assignments a, class shares s)::

    a_jc = u_j v_c exp(-mean_d (x_jd - P_cd)^2 / temperature)   with  sum_c a_jc = 1,  sum_j a_jc = n s_c
    P_c  = (sum of the class's shots + sum_j a_jc x_j) / (number of shots + sum_j a_jc)

The scaling is Sinkhorn's (Cuturi, "Sinkhorn Distances", NeurIPS 2013); balanced assignments of unlabeled samples to
prototypes follow Asano, Rupprecht and Vedaldi, "Self-labelling via simultaneous clustering and representation learning"
(ICLR 2020). Not a method of the paper's Table I: a strong reference of this library.

The v_c of the last round stay with the model as a bias of each class, so that a clip gets its class whatever other
clips stand beside it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy.special import logsumexp

from sere.baselines._base import Baseline, Head
from sere.baselines._clips import Lesson
from sere.baselines._heads import PrototypeHead, one_hot, prototypes
from sere.inputs.params import NONE, Rule, number, whole
from sere.method.prototypes import estimate_shares

#: Rounds of Sinkhorn's algorithm; it has settled long before.
SINKHORN = 30


@dataclass(kw_only=True, eq=False, repr=False)
class SinkhornPrototypes(Baseline):
    """Class means refined by balanced assignments of the target pool.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    temperature : float, default=0.05
        Mean squared distance, in squared SD a descriptor, that costs a class a factor of e.
    balance : float or None, default=1.0
        1 expects all emotions equally often in the target pool, 0 the shares estimated from it, None leaves them free.
        Real pools are seldom balanced; corpora of acted speech are.
    rounds : int, default=15
        Times that clips choose and prototypes move.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import SinkhornPrototypes
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = SinkhornPrototypes(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    temperature: float = 0.05
    balance: float | None = 1.0
    rounds: int = 15

    _rules: ClassVar[dict[str, Rule]] = {
        "temperature": number(above=0),
        "rounds": whole(0),
        "balance": NONE | number(0, 1),
    }

    def _learn(self, lesson: Lesson) -> Head:
        shots, target, n_classes = lesson.shots.vectors, lesson.target, lesson.n_classes
        own = one_hot(lesson.y, n_classes)
        head = PrototypeHead(prototypes(shots, own), self.temperature, np.zeros(n_classes))
        for _ in range(self.rounds if len(target) else 0):
            scores = PrototypeHead(head.prototypes, self.temperature, np.zeros(n_classes)).logits(target)
            head.bias = self._bias(scores)
            assigned = np.exp(_normalised(scores + head.bias))
            head.prototypes = prototypes(np.vstack([shots, target.vectors]), np.vstack([own, assigned]))
        return head

    def _bias(self, scores: np.ndarray) -> np.ndarray:
        """Return log v: what is added to each class's score, (n_classes,)."""
        n, n_classes = scores.shape
        if self.balance is None:
            return np.zeros(n_classes)
        shares = np.full(n_classes, 1 / n_classes)
        if self.balance < 1:
            estimated = estimate_shares(torch.from_numpy(scores), n_iter=SINKHORN).numpy()
            shares = self.balance * shares + (1 - self.balance) * estimated
        bias = np.zeros(n_classes)
        for _ in range(SINKHORN):
            bias += np.log(n * shares) - logsumexp(_normalised(scores + bias), axis=0)
        return bias - bias.mean()


def _normalised(scores: np.ndarray) -> np.ndarray:
    """Log-probabilities of each row."""
    return scores - logsumexp(scores, axis=1, keepdims=True)
