"""Self-training: what the model's own answers on the target pool teach a head that sees every column.

Prototypes and resonance live in a few dozen directions, which the shots, experience and the pools' largest variation
chose. The clips of the target pool have all the others, too. Once the chain has answered for the whole pool, a ridge
regression of the answers on the clips' full contexts finds what else goes with each emotion in *this* language, room
and choir of voices; its answers join the chain's, and so on for a few rounds (Yarowsky, "Unsupervised word sense
disambiguation rivaling supervised methods", ACL 1995, with soft answers). It is what Eq. 7 does for prototypes, done
for a linear map.

The regression has no intercept, so it says nothing of how often an emotion occurs; and the sum is scaled until the
answers are, on average, as sure as they were: agreeing with oneself is no evidence. What a regression finds in a pool
that is mostly one emotion is not emotion, so the head fades where the answers themselves say that the pool is such
(:func:`evenness`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from sere.chain.content import content_metric
from sere.chain.room import Room
from sere.inputs.params import Rule, number, whole

#: Evenness of a pool's answers at which the head has no say, and from which on it has its whole weight.
UNEVEN, EVEN = 0.98, 0.99


@dataclass(eq=False, repr=False)
class SelfTrainingHead(Room):
    """What the model's own answers on the target pool teach a linear head.

    Parameters
    ----------
    weight : float, default=1.0
        SD of the head's scores in units of the answers' own; 0 leaves the head out. It takes part in predictions of
        target clips alone, and less where the target pool is mostly one emotion.
    rounds : int, default=10
        Rounds of answering and learning. Each costs little; by ten answers have mostly settled.
    sharpness : float, default=2.0
        Inverse temperature of the answers that are learned from, in units of their spread.
    penalty : float, default=1.0
        Ridge penalty in units of the clips' mean squared length. A third to three times as much scores within a point.

    Examples
    --------
    >>> from sere import SelfTrainingHead, SEREClassifier
    >>> SEREClassifier(self_training=SelfTrainingHead(weight=0))
    SEREClassifier(self_training=SelfTrainingHead(weight=0))
    """

    weight: float = 1.0
    rounds: int = 10
    sharpness: float = 2.0
    penalty: float = 1.0

    _rules: ClassVar[dict[str, Rule]] = {
        "weight": number(0),
        "rounds": whole(1),
        "sharpness": number(above=0),
        "penalty": number(above=0),
    }

    def learn(
        self,
        decision: np.ndarray,
        names: Sequence[str],
        rows: Sequence[np.ndarray],
        words: Sequence[np.ndarray | None],
    ) -> "SelfTrained":
        """Learn from a pool's own answers.

        Parameters
        ----------
        decision : ndarray of shape (n, C)
            The chain's, of the pool's clips encoder by encoder.
        names : sequence of k str
            Encoders.
        rows : sequence of k ndarray of shape (n_i, d_i)
            Standardised contexts of each encoder's clips.
        words : sequence of k ndarray of shape (d_i, d_i) or None
            How contexts vary by what is said; see :func:`~sere.chain.content.with_words`.
        """
        centred = decision - decision.mean(1, keepdims=True)
        spread = float(centred.std())
        if not spread > 0:
            return SelfTrained({}, {}, 1.0)
        weight = self.weight * _say(evenness(softmax(self.sharpness * centred / spread, axis=1)))
        bounds = np.cumsum([len(own) for own in rows])[:-1]
        means = [own.mean(0) for own in rows]
        heads = [_Ridge(own - mean, said, self.penalty) for own, mean, said in zip(rows, means, words, strict=True)]
        together, factor = centred, 0.0
        for _ in range(self.rounds):
            answers = softmax(self.sharpness * together / spread, axis=1)
            parts = np.split(answers - answers.mean(1, keepdims=True), bounds)
            scores = np.concatenate([head.fit(part - part.mean(0)) for head, part in zip(heads, parts, strict=True)])
            deviation = float(scores.std())
            factor = weight * spread / deviation if deviation > 0 else 0.0
            together = centred + factor * scores
        return SelfTrained(
            dict(zip(names, means, strict=True)),
            {name: factor * head.weights.T for name, head in zip(names, heads, strict=True)},
            _as_sure(together, sureness(centred)),
        )


@dataclass(frozen=True)
class SelfTrained:
    """What a target pool's answers taught.

    Attributes
    ----------
    means : dict of str to ndarray of shape (d,)
        By encoder, the mean context.
    weights : dict of str to ndarray of shape (C, d)
        By encoder, in the units of the decision.
    scale : float
        By which the sum of decision and head is multiplied, so that answers stay as sure as they were on average.
    """

    means: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    scale: float

    def decide(self, name: str, decision: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the decision with what the head says of clips of one encoder, (n, C).

        Parameters
        ----------
        name : str
        decision : ndarray of shape (n, C)
        rows : ndarray of shape (n, d)
        """
        if name not in self.weights:
            return decision
        centred = rows - self.means[name]
        # Sums row by row: a product of matrices may round a clip differently beside other clips.
        return self.scale * (decision + np.stack([(centred * own).sum(1) for own in self.weights[name]], axis=1))


def evenness(answers: np.ndarray) -> float:
    """Return how evenly a pool's soft answers (n, C) use the classes: 1 where all alike, 0 where one has everything.

    The entropy of their mean in units of its largest value, plus what few clips take from it by chance (the second
    order of the entropy's bias, Miller 1955, for soft answers), so that a small pool does not pass for an uneven one.
    """
    n, n_classes = answers.shape
    share = answers.mean(0).clip(1e-12)
    entropy = -(share * np.log(share)).sum() + (answers.var(0) / share).sum() / (2 * n)
    return float(entropy / np.log(n_classes))


def _say(even: float) -> float:
    """Return the share of its weight that the head has on a pool of some evenness."""
    return float(np.clip((even - UNEVEN) / (EVEN - UNEVEN), 0, 1))


def sureness(decision: np.ndarray) -> float:
    """Return the mean probability of the class that is named, for scores (n, C)."""
    return float(softmax(decision, axis=1).max(1).mean())


def _as_sure(decision: np.ndarray, wanted: float) -> float:
    """Return the factor of scores at which they have a sureness, or as near to it as a factor of 100 can bring them."""
    low, high = 0.01, 100.0
    for _ in range(40):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if sureness(middle * decision) < wanted else (low, middle)
    return (low * high) ** 0.5


class _Ridge:
    """Ridge regressions of several targets in a row on the same centred rows."""

    def __init__(self, rows: np.ndarray, words: np.ndarray | None, penalty: float):
        metric = None if words is None else content_metric(words)
        self.rows, self.metric = rows, metric
        felt = rows if metric is None else rows @ metric
        penalty *= max(float((felt**2).sum(1).mean()), 1e-12)
        self.dual = len(felt) < felt.shape[1]
        gram = felt @ felt.T if self.dual else felt.T @ felt
        with threadpool_limits(1, user_api="blas"):  # as in content_metric
            self.felt, self.inverse = felt, np.linalg.inv(gram + penalty * np.eye(len(gram)))
        self.weights = np.empty((rows.shape[1], 0))

    def fit(self, targets: np.ndarray) -> np.ndarray:
        """Learn ``weights`` (d, C) and return the fitted values, (n, C)."""
        felt_weights = self.felt.T @ (self.inverse @ targets) if self.dual else self.inverse @ (self.felt.T @ targets)
        self.weights = felt_weights if self.metric is None else self.metric @ felt_weights
        return self.rows @ self.weights
