"""U-ERMS: what the network makes of masked speech has to match the embedding of the whole, in both languages.

After Zhang, Wei, Lu, Li, Lu, Zhang and Xu, "An adaptation framework with unified embedding reconstruction for
cross-corpus speech emotion recognition" (Applied Soft Computing 174, 2025), of which the abstract is public: embedding
reconstruction of masked speech (ERMS), the same task in source and target with shared weights, beside the
classification of the source, which keeps the task at what carries emotion. Objective, with m(x) a clip of which parts
are masked::

    CE(shots) + weight * (mean_s |z(m(x)) - x|^2 / p  +  mean_t |z(m(x)) - x|^2 / p)

Assumed: the embedding to be matched is the clip's standardised vector, which is fixed, so that nothing can collapse;
30 % of the frames and of the vector's entries are masked, set to their mean, each on its own; no decoder; weight 1. The
network is one transformer layer over frames beside the clip's vector.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import nn

from sere.baselines._network import Clips, Network
from sere.baselines._neural import Batch, Data, NeuralBaseline, Objective, shot_loss
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class UERMS(NeuralBaseline):
    """Unified embedding reconstruction of masked speech.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    reconstruction_weight : float, default=1.0
        Weight of the reconstruction.
    masked_share : float, default=0.3
        Share of frames and of descriptors that are masked.
    epochs : int, default=15
        Passes over the largest of shots and pools.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import UERMS
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = UERMS(epochs=5, random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    reconstruction_weight: float = 1.0
    masked_share: float = 0.3
    epochs: int = 15

    _rules: ClassVar[dict[str, Rule]] = {"reconstruction_weight": number(0), "masked_share": number(0, 1)}
    _over_frames: ClassVar[bool] = True
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        def loss(batch: Batch) -> torch.Tensor:
            sides = batch.near, batch.target
            z, *seen = network.embed_each(batch.shots, *(masked(side, self.masked_share) for side in sides))
            shots = shot_loss(network.classify(z), batch.y)
            gaps = (own - side.x for own, side in zip(seen, sides, strict=True))
            return shots + self.reconstruction_weight * sum(gap.square().mean() for gap in gaps)

        return loss


def masked(clips: Clips, share: float) -> Clips:
    """Return clips of whose frames and descriptors a share is 0, the mean of standardised values."""
    assert clips.frames is not None
    assert clips.lengths is not None
    there = torch.arange(int(clips.lengths.max())) < clips.lengths[:, None]
    frames = clips.frames * (torch.rand(there.shape)[there] >= share)[:, None]
    return replace(clips, x=clips.x * (torch.rand_like(clips.x) >= share), frames=frames)
