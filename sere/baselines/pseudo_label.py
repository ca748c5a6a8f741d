"""Pseudo-labels: what the network predicts for the pools counts as their label, more and more.

Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks" (ICML workshop,
2013). With y' the class of the highest probability at this very step::

    CE(shots) + alpha(t) mean_pools CE(x, y'),     alpha rises from 0 to `weight` between 10 and 60 % of the training

The paper's alpha rises to 3 between steps 100 and 600. Ours: weight 1, because with five shots a class pseudo-labels
are wrong more often than not; views with a little noise where the paper has dropout.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from sere.baselines._network import Network
from sere.baselines._neural import Batch, Data, NeuralBaseline, Objective, shot_loss
from sere.baselines._parts import weak_view
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class PseudoLabel(NeuralBaseline):
    """Pseudo-labels of both pools.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    pseudo_weight : float, default=1.0
        Weight of the pools at the end.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import PseudoLabel
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = PseudoLabel(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    pseudo_weight: float = 1.0

    _rules: ClassVar[dict[str, Rule]] = {"pseudo_weight": number(0)}
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")
    _needs: ClassVar[tuple[str, ...]] = ()

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        def loss(batch: Batch) -> Tensor:
            own, pools = network.embed_each(batch.shots, weak_view(batch.unlabeled))
            shots = shot_loss(network.classify(own), batch.y)
            alpha = self.pseudo_weight * min(max((batch.progress - 0.1) / 0.5, 0.0), 1.0)
            logits = network.classify(pools)
            return shots + alpha * F.cross_entropy(logits, logits.detach().argmax(1))

        return loss
