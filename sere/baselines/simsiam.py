"""SimSiam: two views of a clip predict each other.

Chen and He, "Exploring Simple Siamese Representation Learning" (CVPR 2021), as a branch beside the classification of
the shots. With views a, b of the clips of both pools, g a projector, h a predictor and sg a stopped gradient::

    CE(shots) + weight * mean [ - cos(h(g(z_a)), sg g(z_b)) / 2  -  cos(h(g(z_b)), sg g(z_a)) / 2 ]

Ours: the views are of standardised descriptors, not of images: noise of 0.3 SD, and three of ten descriptors unknown
(:func:`sere.baselines._parts.strong_view`); projector and predictor have two layers of the shared network's width,
batch-normalised within as the paper's, for without it a large weight collapses; weight 1.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from sere.baselines._network import Network
from sere.baselines._neural import Batch, Data, NeuralBaseline, Objective, shot_loss
from sere.baselines._parts import mlp, strong_view
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class SimSiam(NeuralBaseline):
    """Simple siamese learning beside classification.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    siamese_weight : float, default=1.0
        Weight of the branch.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import SimSiam
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = SimSiam(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    siamese_weight: float = 1.0

    _rules: ClassVar[dict[str, Rule]] = {"siamese_weight": number(0)}
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")
    _needs: ClassVar[tuple[str, ...]] = ()

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        width, hidden = data.shots.x.shape[1], self.hidden_dim
        projector = helpers["projector"] = mlp(width, hidden, hidden, norm=True)
        predictor = helpers["predictor"] = mlp(hidden, hidden // 4, hidden, norm=True)

        def loss(batch: Batch) -> Tensor:
            if len(batch.unlabeled) < 2:  # batch normalisation has nothing to compare
                return shot_loss(network(batch.shots), batch.y)
            z, *views = network.embed_each(batch.shots, *(strong_view(batch.unlabeled) for _ in range(2)))
            shots = shot_loss(network.classify(z), batch.y)
            a, b = map(projector, views)
            return shots + self.siamese_weight * siamese(predictor(a), predictor(b), a.detach(), b.detach())

        return loss


def siamese(predicted_a: Tensor, predicted_b: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return the symmetric negative cosine of predictions with the other view's projection, each (n, p)."""
    return -(F.cosine_similarity(predicted_a, b) + F.cosine_similarity(predicted_b, a)).mean() / 2
