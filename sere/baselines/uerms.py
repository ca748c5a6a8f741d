"""U-ERMS: the embedding of masked speech has to tell the embedding of the whole, in both languages.

After Zhang, Wei, Lu, Li, Lu, Zhang and Xu, "An adaptation framework with unified embedding reconstruction for
cross-corpus speech emotion recognition" (Applied Soft Computing 174, 2025), of which the abstract is public: embedding
reconstruction of masked speech (ERMS), the same task in source and target with shared weights, beside the
classification of the source, which keeps the task at what carries emotion. Objective, with m(x) a clip of which parts
are masked, G a decoder and sg a stopped gradient::

    CE(shots) + weight * (mean_s |G(z(m(x))) - sg z(x)|^2 / p  +  mean_t the same)

Assumed: 30 % of the frames and of the clip's descriptors are masked, set to their mean, each on its own; the decoder
has one hidden layer; weight 1. The encoder is one transformer layer over frames beside the clip's vector.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import nn

from sere.baselines._base import check_number
from sere.baselines._network import Clips, Network
from sere.baselines._neural import Batch, Data, NeuralBaseline, Objective, shot_loss
from sere.baselines._parts import mlp


@dataclass(kw_only=True, eq=False, repr=False)
class UERMS(NeuralBaseline):
    """Unified embedding reconstruction of masked speech. Beside the parameters of all neural methods:

    Parameters
    ----------
    reconstruction_weight : float, default=1.0
        Weight of the reconstruction.
    masked_share : float, default=0.3
        Share of frames and of descriptors that are masked.
    epochs : int, default=15
        Passes over the largest of shots and pools.
    """

    reconstruction_weight: float = 1.0
    masked_share: float = 0.3
    epochs: int = 15

    _over_frames: ClassVar[bool] = True
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        width = data.shots.x.shape[1]
        decoder = helpers["decoder"] = mlp(width, self.hidden_dim, width)

        def loss(batch: Batch) -> torch.Tensor:
            near = network.embed(batch.near)
            shots = shot_loss(network.classify(near[: len(batch.y)]), batch.y)
            sides = ((batch.near, near), (batch.target, network.embed(batch.target)))
            rebuilt = sum(
                (decoder(network.embed(masked(clips, self.masked_share))) - z.detach()).square().mean()
                for clips, z in sides
            )
            return shots + self.reconstruction_weight * rebuilt

        return loss

    def _check_params(self) -> None:
        super()._check_params()
        check_number(self, "reconstruction_weight")
        check_number(self, "masked_share", most=1)


def masked(clips: Clips, share: float) -> Clips:
    """Return clips of whose frames and descriptors a share is 0, the mean of standardised values."""
    frames = clips.frames * (torch.rand(clips.frames.shape[:2]) >= share)[..., None]
    return replace(clips, x=clips.x * (torch.rand_like(clips.x) >= share), frames=frames)
