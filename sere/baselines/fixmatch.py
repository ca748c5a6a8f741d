"""FixMatch: what is sure of a weak view has to hold for a strong one.

Sohn et al., "FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence" (NeurIPS 2020). With weak
and strong views of the clips of both pools and y' the class of the weak view's highest probability::

    CE(shots) + weight * mean_u 1[max p(weak(u)) >= threshold] CE(strong(u), y')

Weight 1 as in the paper. Ours: views of standardised descriptors (noise of 0.1 SD; noise of 0.3 SD with three of ten
descriptors unknown); a threshold of 0.8 where the paper has 0.95: of cosines no network becomes as sure as of
images.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sere.baselines._network import Network
from sere.baselines._neural import Batch, Data, NeuralBaseline, Objective, shot_loss
from sere.baselines._parts import strong_view, weak_view
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class FixMatch(NeuralBaseline):
    """FixMatch over both pools.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    consistency_weight : float, default=1.0
        Weight of the pools.
    threshold : float, default=0.8
        Probability from which a clip takes part, 0..1.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import FixMatch
    >>> X, y = make_blobs(60, n_features=10, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = FixMatch(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    consistency_weight: float = 1.0
    threshold: float = 0.8

    _rules: ClassVar[dict[str, Rule]] = {"consistency_weight": number(0), "threshold": number(0, 1)}
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")
    _needs: ClassVar[tuple[str, ...]] = ()

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        def loss(batch: Batch) -> Tensor:
            labeled, weak, strong = weak_view(batch.shots), weak_view(batch.unlabeled), strong_view(batch.unlabeled)
            own, pools = network.embed_each(labeled, strong)
            with torch.no_grad():
                sure, guess = network(weak).softmax(1).max(1)
            losses = F.cross_entropy(network.classify(pools), guess, reduction="none")
            return (
                shot_loss(network.classify(own), batch.y)
                + self.consistency_weight * (losses * (sure >= self.threshold)).mean()
            )

        return loss
