"""How distances to prototypes and what experience says become scores of the emotions."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor

from sere.method.losses import prototype_logits
from sere.selection import mutual_information

#: The logarithm of the temperature of probabilities, where experience's own answers on a pool carry no information at
#: all, and by how much it falls where they carry all there could be (``benchmarks/bench_calibration.py``).
LOG_TEMPERATURE, FALL = 2.6, 5.5
#: The temperature without experience where nobody said who speaks, and scores are surer than they are right; where
#: speakers are known they are about as sure (same command).
UNKNOWN_SPEAKERS = 1.6
#: Between these it stays; the best on twelve pairs of corpora lay between 0.8 and 3.
LEAST, MOST = 0.6, 4.0
#: Clips whose differences from all prototypes are held at once.
AT_ONCE = 4096


def temperature_for(evidence: np.ndarray, speakers_known: bool) -> float:
    """Return by what scores are to be divided so that probabilities mean what they say, without a label.

    Scores have a spread that was designed, not found: they are as sure on a pool that experience makes nothing of as
    on one that it hears clearly. How clearly it does, its answers tell at the scale that it learned with: the mutual
    information of clips and answers (:func:`sere.selection.mutual_information`). Where it is high, answers are right
    more often.

    Parameters
    ----------
    evidence : ndarray of shape (n, C) or (n, 0)
        What experience says of a pool's clips, as it says it.
    speakers_known : bool
        Whether each of them has a speaker; counts where there is no experience.

    Returns
    -------
    float
    """
    said = np.asarray(evidence, dtype=np.float64)[evidence.any(axis=1)]
    if not len(said):
        return 1.0 if speakers_known else UNKNOWN_SPEAKERS
    level = LOG_TEMPERATURE - FALL * information_in(said)
    return float(np.exp(np.clip(level, np.log(LEAST), np.log(MOST))))


def information_in(evidence: np.ndarray) -> float:
    """Return how much what experience says (n, C) tells a pool's clips apart, 0..1."""
    return mutual_information(softmax(evidence, axis=1))


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
        distances = -_logits(clips, prototypes)
        log_scale = float(torch.log(sharpness / distances.median().clamp_min(1e-12)))
        spread = evidence.square().mean().sqrt()
        return cls(float(np.exp(log_scale)), experience_weight / float(spread) if spread > 0 else 0.0)

    def logits(self, clips: Tensor, prototypes: Tensor) -> Tensor:
        """Scaled negative squared distances to the prototypes, (n, C)."""
        return _logits(clips, prototypes, self.scale)

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


def _logits(clips: Tensor, prototypes: Tensor, scale: float = 1.0) -> Tensor:
    """As :func:`sere.method.prototype_logits`, a part of many clips at a time."""
    return torch.cat([prototype_logits(part, prototypes, scale) for part in clips.split(AT_ONCE)])
