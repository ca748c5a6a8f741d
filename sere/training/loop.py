"""The chain of the paper's overview, epoch by epoch: what happens in which order.

Each epoch first looks, without gradients, at everything: labeled shots, source pool, target pool. The shots define
prototypes; source clips join the prototypes they resonate with; target clips then join what has grown (Eq. 4-7). With
these assignments fixed, minibatches of both pools beside all shots take gradient steps on the triple-resonance loss
(Eq. 8-10). What each step does is the business of its room (:mod:`sere.chain`).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sere.chain.assignment import Assigned, Assignment
from sere.chain.candidates import HUB_CLIPS, Candidates
from sere.chain.decision import Decision
from sere.chain.embedding import Embedded
from sere.chain.field import ResonanceField
from sere.chain.losses import Minibatch, TripleResonance
from sere.chain.prototypes import Examples, Prototypes
from sere.selection import mutual_information, soft_neighbourhood_density
from sere.training.adam import Adam
from sere.training.network import Pool, ResonanceNetwork
from sere.training.stopping import Stopping

#: Clips whose field is computed at a time.
CHUNK = 512
#: Times that clips choose a prototype and prototypes move to their clips in one look; they have settled by then.
ROUNDS = 5


class Rooms(NamedTuple):
    """What does the chain's steps, nothing left open."""

    field: ResonanceField
    assignment: Assignment
    prototypes: Prototypes
    losses: TripleResonance


class Clips(NamedTuple):
    """What a fit trains on.

    Attributes
    ----------
    labeled : Pool
    y : int64 tensor of shape (n_shots,)
        Class of each labeled clip.
    n_classes : int
    pools : dict of str to Pool
        "source" and "target", where there are any.
    imagined : (Pool, int64 tensor of shape (m,)) or None
        Imaginary clips that experience has of some classes, and their classes.
    """

    labeled: Pool
    y: Tensor
    n_classes: int
    pools: dict[str, Pool]
    imagined: tuple[Pool, Tensor] | None = None


class Seen(NamedTuple):
    """A pool as the network sees it now.

    Attributes
    ----------
    clips : tensor of shape (n, p)
    evidence : tensor of shape (n, C) or (n, 0)
    candidates : Candidates
        Its field with the labeled clips.
    """

    clips: Tensor
    evidence: Tensor
    candidates: Candidates


class Chain:
    """One training run: the clips, the network and where the prototypes stand.

    Parameters
    ----------
    network : ResonanceNetwork
    clips : Clips
    rooms : Rooms
    batch_size : int
    rates : (float, float)
        Learning rates of the network and of pretrained layers in it.
    seed : int
    """

    def __init__(
        self,
        network: ResonanceNetwork,
        clips: Clips,
        rooms: Rooms,
        batch_size: int,
        rates: tuple[float, float],
        seed: int,
    ):
        self.network, self.clips, self.rooms, self.batch_size = network, clips, rooms, batch_size
        member = F.one_hot(clips.y, clips.n_classes).float()
        self.member = member / member.sum(0).clamp_min(1)
        self.random = np.random.default_rng(seed)
        self.optimiser = Adam(network.groups(*rates))
        self.decision: Decision | None = None
        self.prototypes = torch.empty(0)
        self.seen: dict[str, Seen] = {}
        self.assigned: dict[str, Assigned] = {}

    def run(
        self, epochs: int, report: Callable[[dict[str, Any]], bool | None], stopping: Stopping, keep: bool = False
    ) -> bool:
        """Train; returns whether it was interrupted, in which case the last whole epoch stands.

        Where early stopping is asked for the epoch with the best score stands otherwise.

        Parameters
        ----------
        epochs : int
        report : callable
            Gets each epoch's record; a true return value stops training.
        stopping : Stopping
        keep : bool
            Whether an interruption keeps the last whole epoch; otherwise it is a KeyboardInterrupt.
        """
        kept = {k: v.clone() for k, v in self.network.state_dict().items()}
        try:
            self.look()
            for _ in range(epochs):
                losses = self._train_epoch()
                after = {k: v.clone() for k, v in self.network.state_dict().items()}
                self.look()
                kept = after
                record = {**losses, **self._describe(stopping.wants_density)}
                tired = stopping.see(record, kept)
                if report(record) or tired:
                    break
        except KeyboardInterrupt:
            if not keep:
                raise
            self.network.load_state_dict(kept)
            self.look()
            return True
        if stopping.best:
            self.network.load_state_dict(stopping.best)
            self.look()
        return False

    @torch.no_grad()
    def look(self) -> None:
        """Assign both pools and rebuild the prototypes (Eq. 3-7), source first, then target."""
        rooms, n_classes = self.rooms, self.clips.n_classes
        shots = self.network(self.clips.labeled)
        examples = self._examples(shots)
        self.prototypes = rooms.prototypes.start(examples, n_classes)
        self.seen = {name: self._see(pool, shots) for name, pool in self.clips.pools.items()}
        if self.decision is None:
            self.decision = self._at_first_sight(shots)
        self.assigned = {}
        for _ in range(ROUNDS):
            for name in self.seen:
                self.assigned[name] = self._assign(name)
                if rooms.prototypes.listens_to(name):
                    clips = {pool: seen.clips for pool, seen in self.seen.items()}
                    self.prototypes = rooms.prototypes.enhanced(examples, self.assigned, clips, n_classes)
        for name in self.seen:
            self.assigned[name] = self._assign(name)
        if self.seen:
            judged = self.seen["target" if "target" in self.seen else "source"].clips
            self.decision.sharpen(judged, self.prototypes, rooms.assignment.sharpness)

    def scores(self, pool: str) -> Tensor:
        """What predictions of a pool would be made of, (n, C)."""
        assert self.decision is not None
        return self.decision.scores(self.seen[pool].clips, self.prototypes, self.seen[pool].evidence)

    def _examples(self, shots: Embedded) -> Examples:
        """Labeled clips, and imaginary ones where they count."""
        imagined = None
        if self.clips.imagined is not None and self.rooms.prototypes.experience_shots > 0:
            imagined = self.network(self.clips.imagined[0]).clips, self.clips.imagined[1]
        return self.rooms.prototypes.examples(shots.clips, self.clips.y, imagined, self.clips.n_classes)

    def _at_first_sight(self, shots: Embedded) -> Decision:
        """Scales of distances and of evidence, by all clips."""
        everyone = [shots, *self.seen.values()]
        clips, evidence = (torch.cat([getattr(part, name) for part in everyone]) for name in ("clips", "evidence"))
        assignment = self.rooms.assignment
        return Decision.at_first_sight(
            clips, evidence, self.prototypes, assignment.sharpness, assignment.experience_weight
        )

    def _parts(self, pool: Pool) -> Iterator[Embedded]:
        """A pool's clips embedded, a chunk at a time."""
        for rows in torch.arange(len(pool), device=self.clips.y.device).split(CHUNK):
            yield self.network(pool.take(rows))

    def _see(self, pool: Pool, shots: Embedded) -> Seen:
        """Embeddings of a pool, what experience says of it, and its IRF with the shots."""
        field, tau, (_, y, n_classes, *_) = self.rooms.field, self.network.tau, self.clips
        clips, evidence, fields = [], [], []
        for part in self._parts(pool):
            clips.append(part.clips)
            evidence.append(part.evidence)
            fields.append(field.candidates(shots, part, y, n_classes, tau))
        hubs = None
        if fields[0].shots is not None:
            some = torch.arange(0, len(pool), -(-len(pool) // HUB_CLIPS), device=y.device)
            hubs = field.scores(shots.packed, self.network(pool.take(some)).packed, tau).mean(1)
        return Seen(torch.cat(clips), torch.cat(evidence), Candidates.joined(fields, hubs))

    def _assign(self, pool: str) -> Assigned:
        assert self.decision is not None
        seen = self.seen[pool]
        logits = self.decision.logits(seen.clips, self.prototypes)
        return self.rooms.assignment.assign(seen.candidates, logits, seen.evidence, self.decision)

    def _train_epoch(self) -> dict[str, float]:
        """One pass over the larger pool; returns the mean of each loss."""
        totals: dict[str, float] = {}
        steps = 0
        for rows in self._batches():
            terms = self.rooms.losses.terms(self._minibatch(rows), self.rooms.field)
            loss = self.rooms.losses.total(terms)
            loss.backward()
            self.optimiser.step()
            steps += 1
            for name, value in {**terms, "loss": loss}.items():
                totals[name] = totals.get(name, 0.0) + float(value.detach())
        return {name: value / steps for name, value in totals.items()}

    def _minibatch(self, rows: dict[str, Tensor]) -> Minibatch:
        """Some clips of both pools beside all shots."""
        assert self.decision is not None
        return Minibatch(
            shots=self.network(self.clips.labeled),
            drift=self.network.drift(),
            y=self.clips.y,
            member=self.member,
            pools={name: self.network(self.clips.pools[name].take(own)) for name, own in rows.items()},
            classes={name: self.assigned[name].classes[own] for name, own in rows.items()},
            anchors={name: self.assigned[name].anchors[own] for name, own in rows.items()},
            prototypes=self.prototypes,
            decision=self.decision,
            sharpness=self.rooms.assignment.sharpness,
            log_tau=self.network.log_tau,
        )

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        """Yield row numbers of both pools, sorted; the smaller pool is gone through again as needed."""
        sizes = {name: len(pool) for name, pool in self.clips.pools.items()}
        if not sizes:
            yield {}
            return
        steps = -(-max(sizes.values()) // self.batch_size)
        queues = {}
        for name, size in sizes.items():
            rounds = -(-steps * min(self.batch_size, size) // size)
            queues[name] = np.concatenate([self.random.permutation(size) for _ in range(rounds)])
        for step in range(steps):
            batch = {}
            for name, size in sizes.items():
                width = min(self.batch_size, size)
                rows = np.unique(queues[name][step * width : (step + 1) * width])
                batch[name] = torch.from_numpy(rows).to(self.clips.y.device)
            yield batch

    def _describe(self, with_density: bool) -> dict[str, Any]:
        """Assignment histograms and a label-free score of each pool."""
        record: dict[str, Any] = {"tau": float(self.network.tau.detach())}
        for name, assigned in self.assigned.items():
            record[f"{name}_assigned"] = assigned.classes.mean(0).cpu().numpy()
            answers = self.scores(name).double().softmax(1).cpu().numpy()
            record[f"{name}_quality"] = mutual_information(answers)
            if with_density:
                record[f"{name}_density"] = soft_neighbourhood_density(answers)
        return record
