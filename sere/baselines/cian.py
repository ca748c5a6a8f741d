"""CIAN: two classifiers disagree alike in both languages.

After "Classification inconsistency alignment network for cross-corpus speech emotion recognition" (ICASSP 2025), of
which no more than title and abstract are public. What is assumed follows maximum classifier discrepancy (Saito,
Watanabe, Ushiku and Harada, CVPR 2018), the published game of two classifiers: with p, q their probabilities and
``d(x) = mean_c |p_c - q_c|``, over classifiers to be minimised, over the embedding with the sign of d turned::

    CE_p(shots) + CE_q(shots) - weight * (mean_t d(x_t) - mean_s d(x_s))

So the classifiers part where the target leaves what the shots pin down, and the embedding brings it back until their
inconsistency is the same on both sides. One step does both through gradient reversal, whose strength grows on Ganin's
schedule.

Assumed: all of the above; that the second classifier starts from class means in which each shot has a random weight
(the Bayesian bootstrap), for two equal classifiers never part; and that the first one predicts.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from sere.baselines._network import Network
from sere.baselines._neural import Batch, Data, NeuralBaseline, Objective, shot_loss
from sere.baselines._parts import ramp, reverse_gradient
from sere.inputs.params import Rule, number

#: How much more the embedding moves than the classifiers: Saito et al. take four steps of it for one of theirs.
EMBEDDING_STEPS = 4


@dataclass(kw_only=True, eq=False, repr=False)
class CIAN(NeuralBaseline):
    """Classifier inconsistency alignment.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    inconsistency_weight : float, default=1.0
        Weight of the difference of the inconsistencies.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import CIAN
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = CIAN(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    inconsistency_weight: float = 1.0

    _rules: ClassVar[dict[str, Rule]] = {"inconsistency_weight": number(0)}
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        second = nn.Linear(network.classes.shape[1], data.n_classes, bias=False)
        with torch.no_grad():
            member = F.one_hot(data.y, data.n_classes) * torch.empty(len(data.y), 1).exponential_()
            second.weight.copy_(F.normalize(member.T @ data.shots.x, dim=1))
        helpers["second"] = second

        def both(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return network.classify(z), network.sharpness * second(F.normalize(z, dim=1))

        def inconsistency(z: torch.Tensor, strength: float) -> torch.Tensor:
            p, q = (logits.softmax(1) for logits in both(reverse_gradient(z, strength)))
            return (p - q).abs().mean()

        def loss(batch: Batch) -> torch.Tensor:
            near, far = network.embed_each(batch.near, batch.target)
            shots = sum(shot_loss(logits, batch.y) for logits in both(near[: len(batch.y)]))
            strength = EMBEDDING_STEPS * ramp(batch.progress)
            gap = inconsistency(far, strength) - inconsistency(near, strength)
            return shots - self.inconsistency_weight * gap

        return loss
