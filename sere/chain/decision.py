"""How distances to prototypes and what experience says become scores of the emotions."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sere.method.losses import prototype_logits


@dataclass
class Decision:
    """Scales of a model's scores, found when its clips are first looked at.

    Attributes
    ----------
    scale : float
        Factor of squared distances, as training sees them.
    evidence_scale : float
        Factor of what experience says.
    sharpening : float
        Factor of scaled distances in predictions, so that they spread as an assignment's scores do.
    """

    scale: float
    evidence_scale: float
    sharpening: float = 1.0

    @classmethod
    def at_first_sight(
        cls, clips: Tensor, evidence: Tensor, prototypes: Tensor, sharpness: float, experience_weight: float
    ) -> "Decision":
        """Return the scales by which the median squared distance, and the evidence's spread, have given sizes.

        Parameters
        ----------
        clips : tensor of shape (n, p)
            All clips of fit.
        evidence : tensor of shape (n, C) or (n, 0)
        prototypes : tensor of shape (C, p)
        sharpness, experience_weight : float
            As in :class:`~sere.Assignment`.
        """
        distances = -prototype_logits(clips, prototypes)
        log_scale = float(torch.log(sharpness / distances.median().clamp_min(1e-12)))
        spread = evidence.square().mean().sqrt()
        return cls(float(np.exp(log_scale)), experience_weight / float(spread) if spread > 0 else 0.0)

    def logits(self, clips: Tensor, prototypes: Tensor) -> Tensor:
        """Scaled negative squared distances to the prototypes, (n, C)."""
        return prototype_logits(clips, prototypes, self.scale)

    def believed(self, scores: Tensor, evidence: Tensor) -> Tensor:
        """Scores of the classes with what experience says added, (n, C)."""
        return scores + self.evidence_scale * evidence if evidence.shape[1] else scores

    def sharpen(self, clips: Tensor, prototypes: Tensor, sharpness: float) -> None:
        """Let predictions of some clips spread as an assignment's scores do."""
        judged = self.logits(clips, prototypes)
        deviation = float((judged - judged.mean(1, keepdim=True)).std(correction=0))
        self.sharpening = sharpness / deviation if deviation > 1e-6 else 1.0

    def scores(self, clips: Tensor, prototypes: Tensor, evidence: Tensor) -> Tensor:
        """What predictions are made of, (n, C)."""
        return self.believed(self.logits(clips, prototypes) * self.sharpening, evidence)
