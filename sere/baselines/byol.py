"""BYOL: a view of a clip predicts what a slower network makes of another view.

Grill et al., "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning" (NeurIPS 2020), as a branch beside
the classification of the shots. With views a, b of the clips of both pools, g a projector, h a predictor, and z', g'
the same network and projector with weights that follow as a moving average::

    CE(shots) + weight * mean [ |h(g(z_a))^ - g'(z'_b)^|^2 + |h(g(z_b))^ - g'(z'_a)^|^2 ],     v^ = v / |v|
    theta' <- m theta' + (1 - m) theta,    m = 1 - (1 - momentum) (cos(pi t) + 1) / 2

Ours: views of standardised descriptors as in :mod:`sere.baselines.simsiam`; projector and predictor of two layers,
batch-normalised within as the paper's; momentum 0.99 where the paper, for a thousand times as many steps, starts at
0.996; weight 1.
"""

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from sere.baselines._network import Clips, Network
from sere.baselines._neural import Batch, Data, NeuralBaseline, Objective, shot_loss
from sere.baselines._parts import mlp, strong_view
from sere.baselines.simsiam import siamese
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class BYOL(NeuralBaseline):
    """Bootstrap your own latent beside classification.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    bootstrap_weight : float, default=1.0
        Weight of the branch.
    momentum : float, default=0.99
        How slowly the second network follows at the beginning, 0..1.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import BYOL
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = BYOL(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    bootstrap_weight: float = 1.0
    momentum: float = 0.99

    _rules: ClassVar[dict[str, Rule]] = {"bootstrap_weight": number(0), "momentum": number(0, 1)}
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")
    _needs: ClassVar[tuple[str, ...]] = ()

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        width, hidden = data.shots.x.shape[1], self.hidden_dim
        projector = helpers["projector"] = mlp(width, hidden, hidden, norm=True)
        predictor = helpers["predictor"] = mlp(hidden, hidden, hidden, norm=True)
        slow_network, slow_projector = deepcopy(network), deepcopy(projector)

        @torch.no_grad()
        def slow(*views: Clips) -> Iterator[Tensor]:
            return map(slow_projector, slow_network.embed_each(*views))

        def loss(batch: Batch) -> Tensor:
            if len(batch.unlabeled) < 2:  # batch normalisation has nothing to compare
                return shot_loss(network(batch.shots), batch.y)
            momentum = 1 - (1 - self.momentum) * (math.cos(math.pi * batch.progress) + 1) / 2
            follow(slow_network, network, momentum)
            follow(slow_projector, projector, momentum)
            a, b = (strong_view(batch.unlabeled) for _ in range(2))
            z, *views = network.embed_each(batch.shots, a, b)
            shots = shot_loss(network.classify(z), batch.y)
            told_a, told_b = (predictor(projector(view)) for view in views)
            return shots + self.bootstrap_weight * bootstrap(told_a, told_b, *slow(a, b))

        return loss


def bootstrap(predicted_a: Tensor, predicted_b: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of the squared distances of unit vectors, 4 + 4 :func:`~sere.baselines.simsiam.siamese`."""
    return 4 + 4 * siamese(predicted_a, predicted_b, a, b)


@torch.no_grad()
def follow(slow: nn.Module, fast: nn.Module, momentum: float) -> None:
    """Move the weights of `slow` towards those of `fast`."""
    for old, new in zip(slow.parameters(), fast.parameters(), strict=True):
        old.lerp_(new, 1 - momentum)
