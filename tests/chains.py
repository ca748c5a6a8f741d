"""Random clips, a chain over them, and Eq. 4-9 pair by pair: what the tests of the rooms and of the loop share."""

import numpy as np
import torch
import torch.nn.functional as F

from sere import Assignment, Embedding, Prototypes, ResonanceField, TripleResonance, method
from sere.chain.embedding import Embedded
from sere.kernels import Packed
from sere.training.loop import Chain, Clips, Rooms
from sere.training.network import Pool, ResonanceNetwork, Space

#: Classes of five shots.
Y = torch.tensor([0, 1, 2, 0, 1])


def members(c):
    """The shots of a class."""
    return [shot for shot, own in enumerate(Y.tolist()) if own == c]


def embedded(n, seed, width=5):
    """Clips as a network may leave them: random frames and bursts, the clips' embeddings their means."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 7, (n,), generator=generator).tolist()
    frames = [torch.randn(length, width, generator=generator) for length in lengths]
    bursts = [torch.rand(length, generator=generator) for length in lengths]
    return Embedded(Packed.from_list(frames, bursts), torch.stack([clip.mean(0) for clip in frames]), torch.zeros(n, 0))


def pool(n, seed):
    """Random clips before the network."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 7, (n,), generator=generator)
    total = int(lengths.sum())
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    parts = [torch.randn(rows, width, generator=generator) for rows, width in ((n, 3), (total, 3), (total, 4))]
    return Pool((Space(0, *parts, offsets, torch.zeros(n, 0)),))


def rooms(**options):
    """Rooms that leave nothing open, with options such as ``field__form``."""
    made = Rooms(
        ResonanceField(tau=0.8),
        Assignment(balance=1.0),
        Prototypes(pool="both"),
        TripleResonance(field_weight=0.3, drift_weight=1.0),
    )
    for name, value in options.items():
        room, _, option = name.partition("__")
        getattr(made, room).set_params(**{option: value})
    return made


def chain(source=7, target=9, seed=0, batch_size=4, learning_rate=1e-2, imagined=None, **options):
    """A chain over random clips with a network that has left its start."""
    rng, chosen = np.random.default_rng(seed), rooms(**options)
    start = (rng.normal(size=(3, 3)), rng.normal(size=(3, 3)))
    network = ResonanceNetwork([start], Embedding(dynamics_scale=0.4), chosen.field)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(torch.tensor(rng.normal(0, 0.2, tuple(value.shape)), dtype=torch.float32))
    pools = {name: pool(n, k) for k, name, n in ((1, "source", source), (2, "target", target)) if n}
    return Chain(network, Clips(pool(5, 0), Y, 3, pools, imagined), chosen, batch_size, (learning_rate, 1e-5), seed)


def clips_of(packed):
    """Unpacked: a list of (frames, intensity)."""
    lengths = packed.lengths.tolist()
    return list(zip(packed.frames.split(lengths), packed.intensity.split(lengths), strict=True))


class Literal:
    """Eq. 4-6 for pairs of clips, one after the other."""

    def __init__(self, field, tau):
        self.field, self.tau = field, tau

    def matrix(self, i, j):
        return method.resonance_matrix(i[0], j[0], i[1], j[1], self.tau, self.field.form, self.field.gap)

    def highlights(self, clip):
        return method.highlight_frames(clip[1], self.field.highlight_share)

    def score(self, i, j):
        there, back = (method.resonance_score(self.matrix(a, b), self.highlights(a)) for a, b in ((i, j), (j, i)))
        return (there + back) / 2 if self.field.symmetric else there

    def aware(self, i, j):
        """What of clip j answers clip i; which frame answers is not learned."""
        return method.resonance_aware(j[0], self.matrix(i, j).detach(), self.field.soft_argmax, self.highlights(i))

    def scores(self, queries, keys):
        """A row a query."""
        return torch.stack([torch.stack([self.score(i, j) for j in keys]) for i in queries])


def literal_terms(batch, field, losses):
    """Every term of a minibatch but its drift, from the functions of the paper on single clips."""
    say, n_classes = Literal(field, batch.tau), len(batch.prototypes)
    shots = clips_of(batch.shots.packed)
    pools = {name: clips_of(own.packed) for name, own in batch.pools.items()}
    distances = torch.cdist(batch.shots.clips, batch.prototypes).square()
    terms = {"shots": method.shot_loss(-batch.decision.scale * distances, batch.y)}

    def pulled(r, reference, resonance):
        weights = torch.stack(resonance).detach().clamp_min(0) if losses.dual_by_field else None
        return method.dual_resonance_loss(r, reference, weights, losses.dual_distance, losses.dual_detach)

    prototype, dual, by_field = [], [], []
    for name, own in pools.items():
        classes = batch.classes[name]
        pairs = [(shots[a], clip) for a, clip in zip(batch.anchors[name], own, strict=True)]
        r = torch.stack([say.aware(shot, clip) for shot, clip in pairs])
        prototype.append(
            method.prototype_loss(r, batch.prototypes, classes, batch.decision.scale, losses.prototype_form)
        )
        irf = say.scores(shots, own).T
        mean = torch.stack([irf[:, c == batch.y].mean(1) for c in range(n_classes)], dim=1)
        mean = mean - mean.mean(0)
        mean = mean - mean.mean(1, keepdim=True)
        logits = batch.sharpness * mean / mean.std().detach()
        by_field.append(
            torch.stack([F.cross_entropy(s[None], p[None]) for s, p in zip(logits, classes, strict=True)]).mean()
        )
        if name == "source":
            back = torch.stack([say.aware(clip, shot) for shot, clip in pairs])
            dual.append(pulled(r, back, [say.score(*pair) for pair in pairs]))
    if len(pools) == 2:
        irf = say.scores(pools["source"], pools["target"]).T.detach()
        agree = batch.classes["target"] @ batch.classes["source"].T
        reference = (method.remove_hubs(irf) + agree * irf.std(correction=0)).argmax(1)
        pairs = [(pools["source"][s], clip) for s, clip in zip(reference, pools["target"], strict=True)]
        r, back = (torch.stack(side) for side in zip(*((say.aware(s, t), say.aware(t, s)) for s, t in pairs)))
        dual.append(pulled(r, back, [say.score(*pair) for pair in pairs]))
    for name, parts in (("prototype", prototype), ("dual", dual), ("field", by_field)):
        if parts:
            terms[name] = torch.stack(parts).mean()
    return terms
