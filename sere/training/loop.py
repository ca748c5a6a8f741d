"""The chain of the paper's overview, epoch by epoch.

Each epoch first looks, without gradients, at everything: labeled shots, source pool, target pool. The shots define
prototypes; source clips join the prototypes they resonate with; target clips then join what has grown (Eq. 4-7). With
these assignments fixed, minibatches of both pools beside all shots take gradient steps on the triple-resonance loss
(Eq. 8-10).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sere.kernels.field import field_scores, resonance_field
from sere.kernels.packed import Packed
from sere.kernels.pairs import mutual_aware, paired_aware, paired_scores
from sere.kernels.reading import Reading
from sere.method.losses import dual_resonance_loss, prototype_logits, prototype_loss, shot_loss, total_loss
from sere.method.prototypes import (
    anchor_weights,
    balanced_assignment,
    enhanced_prototypes,
    estimate_shares,
    pseudo_anchors,
    remove_hubs,
)
from sere.method.resonance import highlight_frames
from sere.selection import mutual_information, soft_neighbourhood_density
from sere.training import anchors
from sere.training.adam import Adam
from sere.training.anchors import Candidates
from sere.training.network import Embedded, Pool, ResonanceNetwork
from sere.training.stopping import WATCHED, Best, watched_score

#: Clips whose field is computed at a time.
CHUNK = 512
#: Times that clips choose a prototype and prototypes move to their clips in one look; they have settled by then.
ROUNDS = 5
#: Rounds of Sinkhorn's algorithm and of the estimation of class shares; both have settled long before.
SINKHORN = 30


@dataclass(frozen=True)
class Settings:
    """What the loop needs to know; see :class:`sere.SEREClassifier` for the meaning of each."""

    epochs: int
    learning_rate: float
    batch_size: int
    shot_weight: float
    prototype_weight: float
    dual_weight: float
    field_weight: float
    drift_weight: float
    form: str
    gap: str
    highlight_share: float
    assignment: str
    field_share: float
    sharpness: float
    balance: float | None
    prototype_source: float
    prototype_pool: str
    pool_weight: float
    experience_weight: float
    experience_shots: float
    encoder_learning_rate: float
    prototype_form: str
    dual_distance: str
    dual_detach: bool
    dual_by_field: bool
    soft_argmax: float | None
    symmetric: bool
    early_stopping: bool | str
    patience: int
    on_interrupt: str


@dataclass(frozen=True)
class Assigned:
    """What a pool was found to be.

    Attributes
    ----------
    embeddings : tensor of shape (n, p)
    evidence : tensor of shape (n, C) or (n, 0)
        What experience says of each class.
    weights : tensor of shape (n_shots,)
        How much of the pool each shot stands for (Eq. 7).
    classes : tensor of shape (n, C)
        Soft assignments, rows sum to 1.
    anchors : int64 tensor of shape (n,)
        The shot whose resonance pools the clip's frames (Eq. 5).
    """

    embeddings: Tensor
    evidence: Tensor
    weights: Tensor
    classes: Tensor
    anchors: Tensor


class Chain:
    """One training run: the pools, the network and where the prototypes stand.

    Parameters
    ----------
    network : ResonanceNetwork
    labeled : Pool
    y : int64 tensor of shape (n_shots,)
    n_classes : int
    source, target : Pool or None
    settings : Settings
    seed : int
    imagined : (Pool, int64 tensor of shape (m,)), optional
        Imaginary clips that experience has of some classes, and their classes.
    """

    def __init__(
        self,
        network: ResonanceNetwork,
        labeled: Pool,
        y: Tensor,
        n_classes: int,
        source: Pool | None,
        target: Pool | None,
        settings: Settings,
        seed: int,
        imagined: tuple[Pool, Tensor] | None = None,
    ):
        self.network, self.labeled, self.y, self.settings = network, labeled, y, settings
        self.pools = {name: pool for name, pool in (("source", source), ("target", target)) if pool is not None}
        member = F.one_hot(y, n_classes).float()
        self.member = member / member.sum(0).clamp_min(1)
        self.n_classes = n_classes
        self.random = np.random.default_rng(seed)
        self.optimiser = Adam(network.groups(settings.learning_rate, settings.encoder_learning_rate))
        self.imagined = imagined if settings.experience_shots > 0 else None
        self.log_scale: float | None = None
        self.evidence_scale = 0.0
        self.sharpening = 1.0
        self.prototypes = torch.empty(0)
        self.assigned: dict[str, Assigned] = {}

    def run(self, epochs: int, report: Callable[[dict[str, Any]], bool | None]) -> bool:
        """Train; returns whether it was interrupted, in which case the last whole epoch stands.

        Where early stopping is asked for the epoch with the best score stands otherwise. An interruption ends it with
        KeyboardInterrupt unless `on_interrupt` is "keep".

        Parameters
        ----------
        epochs : int
        report : callable
            Gets each epoch's record; a true return value stops training.
        """
        kept = {k: v.clone() for k, v in self.network.state_dict().items()}
        best, watched = Best(self.settings.patience), self._watched()
        try:
            self.look()
            for _ in range(epochs):
                losses = self._train_epoch()
                after = {k: v.clone() for k, v in self.network.state_dict().items()}
                self.look()
                kept = after
                record = {**losses, **self._describe()}
                tired = watched is not None and best.see(record[watched], kept)
                if report(record) or tired:
                    break
        except KeyboardInterrupt:
            if self.settings.on_interrupt != "keep":
                raise
            self.network.load_state_dict(kept)
            self.look()
            return True
        if best.state:
            self.network.load_state_dict(best.state)
            self.look()
        return False

    def _watched(self) -> str | None:
        """The entry of an epoch's record that early stopping watches: the target pool's, else the source pool's."""
        score = watched_score(self.settings.early_stopping)
        name = "target" if "target" in self.pools else "source"
        return None if score is None else f"{name}_{WATCHED[score]}"

    @torch.no_grad()
    def look(self) -> None:
        """Assign both pools and rebuild the prototypes (Eq. 3-7), source first, then target."""
        shots = self.network(self.labeled)
        examples = self._examples(shots.clips)
        self.prototypes = enhanced_prototypes(**examples, n_classes=self.n_classes)
        if self.log_scale is None:
            everyone = [shots, *(part for pool in self.pools.values() for _, part in self._parts(pool))]
            distances = -prototype_logits(torch.cat([part.clips for part in everyone]), self.prototypes)
            self.log_scale = float(torch.log(self.settings.sharpness / distances.median().clamp_min(1e-12)))
            spread = torch.cat([part.evidence for part in everyone]).square().mean().sqrt()
            self.evidence_scale = self.settings.experience_weight / float(spread) if spread > 0 else 0.0
        self.assigned = {}
        fields = {name: self._field_of(pool, shots) for name, pool in self.pools.items()}
        for _ in range(ROUNDS):
            for name in ("source", "target"):
                if name in fields:
                    self.assigned[name] = self._assign(*fields[name])
                    if self.settings.prototype_pool in (name, "both"):
                        self.prototypes = self._enhance(examples)
        for name, found in fields.items():
            self.assigned[name] = self._assign(*found)
        if self.assigned:
            judged = self.logits(self.assigned["target" if "target" in fields else "source"].embeddings)
            deviation = float((judged - judged.mean(1, keepdim=True)).std(correction=0))
            self.sharpening = self.settings.sharpness / deviation if deviation > 1e-6 else 1.0

    def logits(self, clips: Tensor) -> Tensor:
        """Scaled negative squared distances to the prototypes, (n, C)."""
        return prototype_logits(clips, self.prototypes, float(np.exp(self.log_scale or 0.0)))

    def decision(self, clips: Tensor, evidence: Tensor) -> Tensor:
        """What predictions are made of: :meth:`logits`, scaled like an assignment's, and experience, (n, C)."""
        return self.believed(self.logits(clips) * self.sharpening, evidence)

    def believed(self, scores: Tensor, evidence: Tensor) -> Tensor:
        """Scores of the classes with what experience says added, (n, C)."""
        return scores + self.evidence_scale * evidence if evidence.shape[1] else scores

    def _examples(self, shots: Tensor) -> dict[str, Any]:
        """Labeled clips, then imaginary ones, and how many clips each stands for."""
        if self.imagined is None:
            return {"shots": shots, "y": self.y, "weights": torch.ones_like(shots[:, 0])}
        pool, codes = self.imagined
        clips = self.network(pool).clips
        # Several encoders may know one emotion; together they count as one.
        share = self.settings.experience_shots / F.one_hot(codes, self.n_classes).sum(0)[codes]
        return {
            "shots": torch.cat([shots, clips]),
            "y": torch.cat([self.y, codes]),
            "weights": torch.cat([torch.ones_like(shots[:, 0]), share.to(shots.dtype)]),
        }

    def _enhance(self, examples: dict[str, Any]) -> Tensor:
        """Eq. 7 over every assigned pool that the prototypes listen to."""
        pools = [a for name, a in self.assigned.items() if self.settings.prototype_pool in (name, "both")]
        own = self.settings.prototype_source
        grown = own * enhanced_prototypes(
            **examples,
            assignments=torch.cat([a.classes for a in pools]),
            unlabeled=torch.cat([a.embeddings for a in pools]),
            source="own",
            n_classes=self.n_classes,
        )
        if own < 1:
            together = sum((a.weights for a in pools), torch.zeros_like(pools[0].weights))
            # No clip takes an imaginary one as its anchor.
            together = F.pad(together, (0, len(examples["y"]) - len(together)))
            grown = grown + (1 - own) * enhanced_prototypes(
                **examples, anchors=together[None], n_classes=self.n_classes
            )
        start = enhanced_prototypes(**examples, n_classes=self.n_classes)
        return start + self.settings.pool_weight * (grown - start)

    def _parts(self, pool: Pool) -> Iterator[tuple[Tensor, Embedded]]:
        """Row numbers of a pool and the clips embedded, a chunk at a time."""
        for rows in torch.arange(len(pool), device=self.y.device).split(CHUNK):
            yield rows, self.network(pool.take(rows))

    def _field_of(self, pool: Pool, shots: Embedded) -> tuple[Tensor, Tensor, Candidates]:
        """Embeddings (n, p) of a pool, what experience says of it, and its IRF with the shots, in chunks of clips."""
        embeddings, evidence, fields, chosen = [], [], [], []
        every = len(self.y) <= anchors.EXACT
        classes = self.y
        for _, part in self._parts(pool):
            embeddings.append(part.clips)
            evidence.append(part.evidence)
            if every:
                fields.append(self._field(shots.packed, part.packed).T)
                continue
            own, classes = anchors.shortlist(part.clips, shots.clips, self.y, self.n_classes)
            clips = torch.arange(len(own), device=own.device).repeat_interleave(own.shape[1])
            pairs = torch.stack([own.reshape(-1), clips], dim=1)
            scores = paired_scores(self._highlighted(shots.packed), part.packed, pairs, self._reading())
            if self.settings.symmetric:
                ways = self._highlighted(part.packed), shots.packed, pairs.flip(1)
                scores = (scores + paired_scores(*ways, self._reading())) / 2
            fields.append(scores.reshape(own.shape))
            chosen.append(own)
        if every:
            return torch.cat(embeddings), torch.cat(evidence), Candidates(torch.cat(fields), classes)
        some = torch.arange(0, len(pool), -(-len(pool) // CHUNK), device=self.y.device)
        hubs = self._field(shots.packed, self.network(pool.take(some)).packed).mean(1)
        candidates = Candidates(torch.cat(fields), classes, torch.cat(chosen), hubs)
        return torch.cat(embeddings), torch.cat(evidence), candidates

    def _field(self, queries: Packed, keys: Packed) -> Tensor:
        """IRF of every query clip with every key clip (Eq. 4-6), with the chosen form, gap and highlights."""
        scores = _scores(self._highlighted(queries), keys, self._reading())
        if not self.settings.symmetric:
            return scores
        return (scores + _scores(self._highlighted(keys), queries, self._reading()).T) / 2

    def _reading(self) -> Reading:
        """The chosen form and gap, at the network's temperature."""
        return Reading(self.network.tau, self.settings.form, self.settings.gap)

    def _highlighted(self, clips: Packed) -> Packed:
        """Clips with the weights that the chosen share of highlights gives their frames."""
        return clips._replace(weight=highlight_weights(clips, self.settings.highlight_share))

    def _assign(self, embeddings: Tensor, evidence: Tensor, candidates: Candidates) -> Assigned:
        """Classes and anchors of a pool from its field and its distances to the prototypes."""
        settings, columns = self.settings, candidates.classes
        if settings.assignment == "anchor":
            best = pseudo_anchors(candidates.scores)
            classes = F.one_hot(columns[best], self.n_classes).float()
            return self._assigned(embeddings, evidence, candidates, candidates.scores, classes, best)
        field = candidates.without_hubs()
        member = F.one_hot(columns, self.n_classes).float()
        resonance = field @ (member / member.sum(0).clamp_min(1))
        scores = settings.sharpness * (
            settings.field_share * _standard(resonance)
            + (1 - settings.field_share) * _standard(self.logits(embeddings))
        )
        scores = self.believed(scores, evidence)
        if settings.balance is None:
            classes = scores.softmax(1)
        else:
            shares = self._shares(scores.double(), settings.balance)
            classes = balanced_assignment(scores.double(), shares, n_iter=SINKHORN).to(scores.dtype)
        inside = field.masked_fill(columns[None] != classes.argmax(1)[:, None], -torch.inf)
        return self._assigned(embeddings, evidence, candidates, field, classes, inside.argmax(1))

    def _assigned(
        self,
        embeddings: Tensor,
        evidence: Tensor,
        candidates: Candidates,
        field: Tensor,
        classes: Tensor,
        best: Tensor,
    ) -> Assigned:
        weights = embeddings.new_zeros(len(self.y))
        if self.settings.prototype_source < 1:
            on_columns = anchor_weights(classes, field, candidates.classes)
            weights = candidates.per_shot(on_columns, len(self.y)).to(embeddings.dtype)
        return Assigned(embeddings, evidence, weights, classes, candidates.shot_of(best))

    def _shares(self, scores: Tensor, balance: float) -> Tensor:
        """Expected share of each class in a pool: equal ones, mixed with those that the scores suggest."""
        even = torch.full((self.n_classes,), 1 / self.n_classes, dtype=scores.dtype, device=scores.device)
        return even if balance == 1 else balance * even + (1 - balance) * estimate_shares(scores, n_iter=SINKHORN)

    def _train_epoch(self) -> dict[str, float]:
        """One pass over the larger pool; returns the mean of each loss."""
        totals: dict[str, float] = {}
        steps = 0
        for batch in self._batches():
            losses = self._losses(batch)
            loss = total_loss(
                self.settings.shot_weight * losses["shots"],
                losses.get("prototype"),
                losses.get("dual"),
                prototype_weight=self.settings.prototype_weight,
                dual_weight=self.settings.dual_weight,
            )
            loss = loss + self.settings.field_weight * losses["field"] + self.settings.drift_weight * losses["drift"]
            loss.backward()
            self.optimiser.step()
            steps += 1
            for name, value in {**losses, "loss": loss}.items():
                totals[name] = totals.get(name, 0.0) + float(value.detach())
        return {name: value / steps for name, value in totals.items()}

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        """Yield row numbers of both pools, sorted; the smaller pool is gone through again as needed."""
        sizes = {name: len(pool) for name, pool in self.pools.items()}
        if not sizes:
            yield {}
            return
        steps = -(-max(sizes.values()) // self.settings.batch_size)
        queues = {}
        for name, size in sizes.items():
            rounds = -(-steps * min(self.settings.batch_size, size) // size)
            queues[name] = np.concatenate([self.random.permutation(size) for _ in range(rounds)])
        for step in range(steps):
            batch = {}
            for name, size in sizes.items():
                width = min(self.settings.batch_size, size)
                rows = np.unique(queues[name][step * width : (step + 1) * width])
                batch[name] = torch.from_numpy(rows).to(self.y.device)
            yield batch

    def _losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Every term of Eq. 10 for one minibatch of both pools beside all shots."""
        shots = self.network(self.labeled)
        losses = {"shots": shot_loss(self.logits(shots.clips), self.y), "drift": self.network.drift()}
        prototype, dual, field_terms = [], [], []
        embedded = {name: self.network(self.pools[name].take(rows)) for name, rows in batch.items()}
        for name, rows in batch.items():
            assigned, own = self.assigned[name], embedded[name]
            scores = self._field(shots.packed, own.packed)
            here = torch.arange(len(rows), device=rows.device)
            pairs = torch.stack([assigned.anchors[rows], here], dim=1)
            if name == "source":
                r, reference = self._mutual(shots.packed, own.packed, pairs)
                dual.append(self._dual(r, reference, scores[pairs[:, 0], here]))
            else:
                r = self._aware(shots.packed, own.packed, pairs)
            classes = assigned.classes[rows]
            scale = float(np.exp(self.log_scale or 0.0))
            prototype.append(prototype_loss(r, self.prototypes, classes, scale, self.settings.prototype_form))
            resonance = scores.T @ self.member
            resonance = self.settings.sharpness * _standard(resonance - resonance.mean(0))
            field_terms.append(-(classes * resonance.log_softmax(1)).sum(1).mean())
        if "target" in batch and "source" in batch:
            dual.append(self._cross_lingual(batch, embedded))
        losses["field"] = torch.stack(field_terms).mean() if field_terms else losses["shots"].new_zeros(())
        if prototype:
            losses["prototype"] = torch.stack(prototype).mean()
        if dual:
            losses["dual"] = torch.stack(dual).mean()
        return losses

    def _cross_lingual(self, batch: dict[str, Tensor], embedded: dict[str, Embedded]) -> Tensor:
        """Eq. 9 for target clips: each moves towards the source clip of the batch it resonates with most."""
        source, target = embedded["source"].packed, embedded["target"].packed
        agree = self.assigned["target"].classes[batch["target"]] @ self.assigned["source"].classes[batch["source"]].T
        with torch.no_grad():
            scores = self._field(source, target)
            reference = (remove_hubs(scores.T) + agree * scores.std(correction=0)).argmax(1)
        here = torch.arange(len(reference), device=reference.device)
        pairs = torch.stack([reference, here], dim=1)
        return self._dual(*self._mutual(source, target, pairs), scores[reference, here])

    def _dual(self, r: Tensor, reference: Tensor, field: Tensor) -> Tensor:
        """Eq. 9 in the chosen form; `field` is each pair's IRF."""
        settings = self.settings
        weights = field.detach().clamp_min(0) if settings.dual_by_field else None
        return dual_resonance_loss(r, reference, weights, settings.dual_distance, settings.dual_detach)

    def _aware(self, queries: Packed, keys: Packed, pairs: Tensor) -> Tensor:
        """Resonance-aware representations: what of the key clips answers each query clip (Eq. 5)."""
        return paired_aware(self._highlighted(queries), keys, pairs, self._reading(), self.settings.soft_argmax)

    def _mutual(self, first: Packed, second: Packed, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Resonance-aware representations both ways."""
        first, second = self._highlighted(first), self._highlighted(second)
        return mutual_aware(first, second, pairs, self._reading(), self.settings.soft_argmax)

    def _describe(self) -> dict[str, Any]:
        """Assignment histograms and a label-free score of each pool."""
        record: dict[str, Any] = {"tau": float(self.network.tau.detach())}
        for name, assigned in self.assigned.items():
            record[f"{name}_assigned"] = assigned.classes.mean(0).cpu().numpy()
            answers = self.decision(assigned.embeddings, assigned.evidence).double().softmax(1).cpu().numpy()
            record[f"{name}_quality"] = mutual_information(answers)
            if self.settings.early_stopping == "density":
                record[f"{name}_density"] = soft_neighbourhood_density(answers)
        return record


def _scores(queries: Packed, keys: Packed, reading: Reading) -> Tensor:
    """IRF of all pairs, at less cost where nobody asks for gradients."""
    if torch.is_grad_enabled():
        return resonance_field(queries, keys, reading)[0]
    return field_scores(queries, keys, reading)


def highlight_weights(clips: Packed, share: float) -> Tensor | None:
    """1 for the frames that count in Eq. 6 and 0 for others, (N,); None where all do.

    Parameters
    ----------
    clips : Packed
    share : float
        As in :func:`~sere.method.highlight_frames`.
    """
    if share >= 1:
        return None
    parts = clips.intensity.detach().split(clips.offsets.diff().tolist())
    return torch.cat([highlight_frames(part, share).to(part.dtype) for part in parts])


def _standard(scores: Tensor) -> Tensor:
    """Rows centred, then the whole scaled to SD 1: scores of different kinds made comparable."""
    centred = scores - scores.mean(1, keepdim=True)
    return centred / centred.detach().std().clamp_min(1e-9) if centred.numel() > 1 else centred
