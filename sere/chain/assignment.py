"""Which emotion an unlabeled clip joins: the pseudo-anchors of Eq. 7, and our readings of them."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from sere.chain.candidates import Candidates
from sere.chain.decision import Decision
from sere.chain.room import Room
from sere.inputs.params import NONE, Rule, choice, number
from sere.method.prototypes import anchor_weights, balanced_assignment, estimate_shares, pseudo_anchors

#: Rounds of Sinkhorn's algorithm and of the estimation of class shares; both have settled long before.
SINKHORN = 30


@dataclass(frozen=True)
class Assigned:
    """What a pool was found to be.

    Attributes
    ----------
    classes : tensor of shape (n, C)
        Soft assignments, rows sum to 1.
    anchors : int64 tensor of shape (n,)
        The shot whose resonance pools the clip's frames (Eq. 5).
    field : tensor of shape (n, m)
        The IRF that decided.
    candidates : Candidates
        With whom.
    """

    classes: Tensor
    anchors: Tensor
    field: Tensor
    candidates: Candidates

    def shot_weights(self, n_shots: int) -> Tensor:
        """Return how much of the pool each shot stands for (Eq. 7), (n_shots,)."""
        on_columns = anchor_weights(self.classes, self.field, self.candidates.classes)
        return self.candidates.per_shot(on_columns, n_shots)


@dataclass(eq=False, repr=False)
class Assignment(Room):
    """How unlabeled clips find their emotion (Eq. 7).

    Parameters
    ----------
    by : {"class", "anchor"}, default="class"
        By resonance with all shots of a class and distance to its prototype, or by the one shot with the highest
        resonance (the paper's words).
    field_share : float, default=0.5
        Part of the resonance field beside prototype distances, 0..1.
    sharpness : float, default=3.0
        Inverse temperature of assignments and of distances.
    balance : float or None, default=None
        Hold the class shares of ``by="class"`` (Sinkhorn): 1 expects all emotions equally often in a pool, 0 the
        shares estimated from it. None leaves them free.
    experience_weight : float, default=2.0
        Weight of what the encoder's experience says of a clip, as the SD of its share in the scores that predict and,
        with ``by="class"``, assign. Only for an encoder that has some (:func:`sere.pretrain_encoder`).

    Examples
    --------
    >>> from sere import Assignment, SEREClassifier
    >>> SEREClassifier(assignment=Assignment(by="anchor"))
    SEREClassifier(assignment=Assignment(by='anchor'))
    """

    by: str = "class"
    field_share: float = 0.5
    sharpness: float = 3.0
    balance: float | None = None
    experience_weight: float = 2.0

    _rules: ClassVar[dict[str, Rule]] = {
        "by": choice("class", "anchor"),
        "field_share": number(0, 1),
        "sharpness": number(above=0),
        "balance": NONE | number(0, 1),
        "experience_weight": number(0),
    }

    def assign(self, candidates: Candidates, logits: Tensor, evidence: Tensor, decision: Decision) -> Assigned:
        """Return classes and anchors of a pool.

        Parameters
        ----------
        candidates : Candidates
            Its field with the labeled clips.
        logits : tensor of shape (n, C)
            Scaled negative distances to the prototypes.
        evidence : tensor of shape (n, C) or (n, 0)
        decision : Decision
        """
        columns, n_classes = candidates.classes, logits.shape[1]
        if self.by == "anchor":
            field = candidates.scores
            best = pseudo_anchors(field)
            classes = F.one_hot(columns[best], n_classes).float()
        else:
            field = candidates.without_hubs()
            member = F.one_hot(columns, n_classes).float()
            resonance = field @ (member / member.sum(0).clamp_min(1))
            scores = self.sharpness * (
                self.field_share * standard(resonance) + (1 - self.field_share) * standard(logits)
            )
            classes = self._shared_out(decision.believed(scores, evidence))
            best = field.masked_fill(columns[None] != classes.argmax(1)[:, None], -torch.inf).argmax(1)
        return Assigned(classes, candidates.shot_of(best), field, candidates)

    def _shared_out(self, scores: Tensor) -> Tensor:
        """Soft assignments by scores, class totals held where that is asked for."""
        if self.balance is None:
            return scores.softmax(1)
        exact, n_classes = scores.double(), scores.shape[1]
        shares = torch.full((n_classes,), 1 / n_classes, dtype=exact.dtype, device=exact.device)
        if self.balance != 1:
            shares = self.balance * shares + (1 - self.balance) * estimate_shares(exact, n_iter=SINKHORN)
        return balanced_assignment(exact, shares, n_iter=SINKHORN).to(scores.dtype)


def standard(scores: Tensor) -> Tensor:
    """Return rows centred, then the whole scaled to SD 1: scores of different kinds made comparable."""
    centred = scores - scores.mean(1, keepdim=True)
    return centred / centred.detach().std().clamp_min(1e-9) if centred.numel() > 1 else centred
