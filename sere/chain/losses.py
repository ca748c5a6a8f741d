"""Eq. 8-10: the triple-resonance loss of one minibatch."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from sklearn.base import clone
from torch import Tensor

from sere.chain.assignment import standard
from sere.chain.decision import Decision
from sere.chain.embedding import Embedded
from sere.chain.field import ResonanceField
from sere.chain.room import Room
from sere.inputs.params import FLAG, NONE, Rule, choice, number
from sere.kernels import Packed
from sere.method.losses import dual_resonance_loss, prototype_loss, shot_loss, total_loss
from sere.method.prototypes import remove_hubs


@dataclass(frozen=True)
class Minibatch:
    """What one step of training sees.

    Attributes
    ----------
    shots : Embedded
        All labeled clips.
    y : int64 tensor of shape (n_shots,)
    member : tensor of shape (n_shots, C)
        Class of each shot, columns sum to 1.
    pools : dict of str to Embedded
        Some clips of "source" and "target".
    classes, anchors : dict of str to tensor
        What those clips were found to be; as in :class:`~sere.chain.assignment.Assigned`.
    prototypes : tensor of shape (C, p)
    decision : Decision
    sharpness : float
        Of assignments.
    log_tau, drift : 0-dim tensor
        Logarithm of the network's temperature, and how far its projections went.
    """

    shots: Embedded
    y: Tensor
    member: Tensor
    pools: dict[str, Embedded]
    classes: dict[str, Tensor]
    anchors: dict[str, Tensor]
    prototypes: Tensor
    decision: Decision
    sharpness: float
    log_tau: Tensor
    drift: Tensor

    @property
    def tau(self) -> Tensor:
        """Temperature of the synchrony (Eq. 4)."""
        return self.log_tau.exp()


@dataclass(eq=False, repr=False)
class TripleResonance(Room):
    """The triple-resonance loss (Eq. 8-10), and two terms beside it that keep few shots from misleading it.

    Parameters
    ----------
    shot_weight : float, default=1.0
        Weight of the labeled clips' cross-entropy in Eq. 10.
    prototype_weight : float, default=1.0
        Weight of global prototype resonance (Eq. 8) in Eq. 10.
    prototype_form : {"softmax", "pull", "margin"}, default="softmax"
        Form of Eq. 8: against all prototypes, towards the own one alone, or farther from the next by a margin.
    dual_weight : float, default=0.3
        Weight of dual instance resonance (Eq. 9) in Eq. 10.
    dual_distance : {"cosine", "euclidean", "infonce"}, default="cosine"
        Distance of Eq. 9.
    dual_detach : bool, default=True
        Keep the gradients of Eq. 9 out of the reference.
    dual_by_field : bool, default=False
        Weigh each pair of Eq. 9 by its resonance.
    field_weight : float, default=0.1
        Weight of the assignments' cross-entropy under the resonance field itself, which is what trains intensity and
        temperature.
    drift_weight : float or None, default=None
        Penalty on leaving the starting projection. None: 1, and 10 with experience, since five shots should not unlearn
        what thousands of clips taught.

    Examples
    --------
    >>> from sere import SEREClassifier, TripleResonance
    >>> SEREClassifier(losses=TripleResonance(dual_weight=0))
    SEREClassifier(losses=TripleResonance(dual_weight=0))
    """

    shot_weight: float = 1.0
    prototype_weight: float = 1.0
    prototype_form: str = "softmax"
    dual_weight: float = 0.3
    dual_distance: str = "cosine"
    dual_detach: bool = True
    dual_by_field: bool = False
    field_weight: float = 0.1
    drift_weight: float | None = None

    _rules: ClassVar[dict[str, Rule]] = {
        "shot_weight": number(0),
        "prototype_weight": number(0),
        "prototype_form": choice("softmax", "pull", "margin"),
        "dual_weight": number(0),
        "dual_distance": choice("cosine", "euclidean", "infonce"),
        "dual_detach": FLAG,
        "dual_by_field": FLAG,
        "field_weight": number(0),
        "drift_weight": NONE | number(0),
    }

    def settled(self, experienced: bool) -> "TripleResonance":
        """Return a copy in which nothing is left open."""
        chosen = 10.0 if experienced else 1.0
        return clone(self).set_params(drift_weight=chosen if self.drift_weight is None else self.drift_weight)

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Return the overall objective (Eq. 10) of what `terms` returns."""
        loss = total_loss(
            self.shot_weight * terms["shots"],
            terms.get("prototype"),
            terms.get("dual"),
            prototype_weight=self.prototype_weight,
            dual_weight=self.dual_weight,
        )
        assert self.drift_weight is not None
        return loss + self.field_weight * terms["field"] + self.drift_weight * terms["drift"]

    def terms(self, batch: Minibatch, field: ResonanceField) -> dict[str, Tensor]:
        """Return every term of Eq. 10: "shots", "field" and "drift", and "prototype" and "dual" where pools feed them.

        Unlabeled clips meet the shots (Eq. 8); source clips their anchors, and target clips a source clip (Eq. 9).
        """
        shots = batch.shots
        terms = {
            "shots": shot_loss(batch.decision.logits(shots.clips, batch.prototypes), batch.y),
            "drift": batch.drift,
        }
        prototype, dual, by_field = [], [], []
        for name, own in batch.pools.items():
            classes = batch.classes[name]
            scores = field.scores(shots.packed, own.packed, batch.tau)
            here = torch.arange(len(own.clips), device=own.clips.device)
            pairs = torch.stack([batch.anchors[name], here], dim=1)
            if name == "source":
                r, reference = field.mutual_answers(shots.packed, own.packed, pairs, batch.tau)
                dual.append(self._dual(r, reference, scores[pairs[:, 0], here]))
            else:
                r = field.answers(shots.packed, own.packed, pairs, batch.tau)
            scale = batch.decision.scale
            prototype.append(prototype_loss(r, batch.prototypes, classes, scale, self.prototype_form))
            by_field.append(_field_loss(scores.T @ batch.member, classes, batch.sharpness))
        if len(batch.pools) == 2:
            dual.append(self._cross_lingual(batch, field))
        terms["field"] = torch.stack(by_field).mean() if by_field else terms["shots"].new_zeros(())
        if prototype:
            terms["prototype"] = torch.stack(prototype).mean()
        if dual:
            terms["dual"] = torch.stack(dual).mean()
        return terms

    def _cross_lingual(self, batch: Minibatch, field: ResonanceField) -> Tensor:
        """Eq. 9 for target clips: each moves towards the source clip of the batch it resonates with most."""
        source, target = batch.pools["source"].packed, batch.pools["target"].packed
        agree = batch.classes["target"] @ batch.classes["source"].T
        reference, scores = _partners(source, target, agree, field, batch.tau)
        here = torch.arange(len(reference), device=reference.device)
        pairs = torch.stack([reference, here], dim=1)
        return self._dual(*field.mutual_answers(source, target, pairs, batch.tau), scores[reference, here])

    def _dual(self, r: Tensor, reference: Tensor, field: Tensor) -> Tensor:
        """Eq. 9 in the chosen form; `field` is each pair's IRF."""
        weights = field.detach().clamp_min(0) if self.dual_by_field else None
        return dual_resonance_loss(r, reference, weights, self.dual_distance, self.dual_detach)


@torch.no_grad()
def _partners(
    source: Packed, target: Packed, agree: Tensor, field: ResonanceField, tau: Tensor
) -> tuple[Tensor, Tensor]:
    """The source clip that each target clip resonates with most, assignments considered, and their IRF."""
    scores = field.scores(source, target, tau)
    return (remove_hubs(scores.T) + agree * scores.std(correction=0)).argmax(1), scores


def _field_loss(resonance: Tensor, classes: Tensor, sharpness: float) -> Tensor:
    """Cross-entropy of assignments (n, C) under the mean resonance with each class (n, C)."""
    scores = sharpness * standard(resonance - resonance.mean(0))
    return -(classes * scores.log_softmax(1)).sum(1).mean()
