"""ADoGT: a transformer over frames that a critic cannot tell languages by.

After Gao, Wang, Liu, Dang and Okada, "Adversarial Domain Generalized Transformer for Cross-Corpus Speech Emotion
Recognition" (IEEE Trans. Affective Computing 15, 2024), of which the abstract is public. Objective, with D a critic
behind gradient reversal and c_y a learned centre of each class::

    CE(shots) + centre_weight * mean |z - c_y|^2 / p  +  critic_weight * BCE(D(z), domain)

The abstract names domain-adversarial learning, the centre loss (Wen, Zhang, Li and Qiao, ECCV 2016) and a fusion with
features of a pretrained model. Here the transformer sees the frames, and what it finds is added to the clip's
standardised vector, which stands for those features.

Assumed: one transformer layer; a sum where the paper has a gated fusion; a critic of one hidden layer that sees unit
embeddings, as the classifier does, and Ganin's schedule for the reversal (Ganin and Lempitsky, ICML 2015); weights 0.01
for the centres (Wen et al. take 0.003 to 0.1) and 0.1 for the critic, because the cross-entropy of a few shots is soon
satisfied and has nothing to set against it. The critic learns ten times as fast as the network: one that lags behind
pushes languages past each other (two time scales, Heusel et al., NeurIPS 2017).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from sere.baselines._network import Network
from sere.baselines._neural import Batch, Data, NeuralBaseline, Objective, shot_loss
from sere.baselines._parts import mlp, ramp, reverse_gradient
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class ADoGT(NeuralBaseline):
    """Adversarial domain generalised transformer.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    critic_weight : float, default=0.1
        Weight of the critic's loss.
    centre_weight : float, default=0.01
        Weight of the centre loss.
    epochs : int, default=15
        Passes over the largest of shots and pools.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import ADoGT
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = ADoGT(epochs=5, random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    critic_weight: float = 0.1
    centre_weight: float = 0.01
    epochs: int = 15

    _rules: ClassVar[dict[str, Rule]] = {"critic_weight": number(0), "centre_weight": number(0)}
    _over_frames: ClassVar[bool] = True
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")
    _helper_pace: ClassVar[float] = 10.0

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        width = data.shots.x.shape[1]
        critic = mlp(width, self.hidden_dim, 1)
        centres = nn.Embedding(data.n_classes, width)
        with torch.no_grad():
            member = F.one_hot(data.y, data.n_classes).float()
            centres.weight.copy_(member.T @ data.shots.x / member.sum(0)[:, None])
        helpers.update({"critic": critic, "centres": centres})

        def loss(batch: Batch) -> torch.Tensor:
            near, far = network.embed_each(batch.near, batch.target)
            own = near[: len(batch.y)]
            both = reverse_gradient(F.normalize(torch.cat([near, far]), dim=1) * width**0.5, ramp(batch.progress))
            domain = torch.cat([torch.zeros(len(near)), torch.ones(len(far))])
            # Neither side weighs more for having more clips.
            share = torch.cat([torch.full((len(side),), 0.5 / len(side)) for side in (near, far)])
            told = F.binary_cross_entropy_with_logits(critic(both)[:, 0], domain, share, reduction="sum")
            spread = (own - centres(batch.y)).square().mean()
            shots = shot_loss(network.classify(own), batch.y)
            return shots + self.centre_weight * spread + self.critic_weight * told

        return loss
