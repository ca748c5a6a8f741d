"""Which labeled clips an unlabeled one is compared with: all of them, or in two stages those that may matter.

The resonance field of a pool has a column for every labeled clip (Eq. 6). With few shots all of it is computed. With
thousands its cost would grow with both numbers, and nearly all of it would be spent on shots that no clip ends up with.
Then each clip first takes, of every class, the shots whose embedding is nearest to its own (embeddings are means over
frames: one matrix product), and only with these the exact field is computed. Where that shortlist holds every shot the
choice is that of the full search.

A class takes part with the same number of shots for every clip, so a column of a shortlisted field still stands for one
class, and all that follows (class resonances, assignments, anchors) reads both kinds of field alike. What differs: a
class's resonance is the mean over its nearest shots instead of all, and a hub's mean over the pool is taken from
:data:`HUB_CLIPS` evenly spaced clips, since nobody compares all clips with it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

#: Shots that each clip is compared with when there are too many for all, shared equally between the classes.
SHORTLIST = 64
#: Up to so many shots every one is compared: packed together, a pair costs a sixteenth of what one picked out does.
EXACT = 16 * SHORTLIST
#: Clips of a pool that tell how much each shot resonates with everybody, where not all clips are compared with it.
HUB_CLIPS = 512


@dataclass(frozen=True)
class Candidates:
    """The field of a pool with the shots it was computed for.

    Attributes
    ----------
    scores : tensor of shape (n, m)
        IRF of each clip with each of its candidates, each shot's mean over the pool still in it.
    classes : int64 tensor of shape (m,)
        Class of each column.
    shots : int64 tensor of shape (n, m), or None
        The shot behind each score; None where column k is shot k.
    hubs : tensor of shape (n_shots,), or None
        Each shot's mean over a sample of the pool; None where the columns themselves tell.
    """

    scores: Tensor
    classes: Tensor
    shots: Tensor | None = None
    hubs: Tensor | None = None

    @classmethod
    def joined(cls, parts: list["Candidates"], hubs: Tensor | None) -> "Candidates":
        """Return those of a pool, part by part; `hubs` as in the attributes."""
        shots = [part.shots for part in parts if part.shots is not None]
        scores = torch.cat([part.scores for part in parts])
        return cls(scores, parts[0].classes, torch.cat(shots) if shots else None, hubs)

    def without_hubs(self) -> Tensor:
        """The scores without each shot's mean, as :func:`sere.method.prototypes.remove_hubs`, (n, m)."""
        from sere.method.prototypes import remove_hubs

        if self.shots is None or self.hubs is None:
            return remove_hubs(self.scores)
        return self.scores - self.hubs[self.shots]

    def shot_of(self, columns: Tensor) -> Tensor:
        """The shot behind one column of each clip, (n,)."""
        return columns if self.shots is None else self.shots.gather(1, columns[:, None])[:, 0]

    def per_shot(self, weights: Tensor, n_shots: int) -> Tensor:
        """Sums over all clips of weights on their candidates (n, m), by shot: (n_shots,)."""
        if self.shots is None:
            return weights.sum(0)
        return weights.new_zeros(n_shots).index_add(0, self.shots.reshape(-1), weights.reshape(-1))


def shortlist(clips: Tensor, shots: Tensor, y: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Return the shots of every class that each clip's embedding is nearest to.

    Parameters
    ----------
    clips : tensor of shape (n, p)
    shots : tensor of shape (n_shots, p)
    y : int64 tensor of shape (n_shots,)
    n_classes : int

    Returns
    -------
    shots : int64 tensor of shape (n, m)
        Of each class in turn, nearest first.
    classes : int64 tensor of shape (m,)
    """
    distances = torch.cdist(clips, shots)
    share = max(SHORTLIST // n_classes, 1)
    chosen, classes = [], []
    for c in range(n_classes):
        members = (y == c).nonzero()[:, 0]
        k = min(share, len(members))
        if k:
            chosen.append(members[distances[:, members].topk(k, dim=1, largest=False).indices])
            classes.append(members.new_full((k,), c))
    return torch.cat(chosen, dim=1), torch.cat(classes)
