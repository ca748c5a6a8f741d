"""Eq. 7: what an emotion sounds like, by its labeled clips, by experience and by the clips that joined it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from sklearn.base import clone
from torch import Tensor

from sere.chain.assignment import Assigned
from sere.chain.room import Room
from sere.inputs.params import NONE, Rule, choice, number
from sere.method.prototypes import enhanced_prototypes


class Examples(NamedTuple):
    """Clips whose emotion is known: labeled ones, then imaginary ones of experience.

    Attributes
    ----------
    shots : tensor of shape (m, p)
        Their embeddings.
    y : int64 tensor of shape (m,)
    weights : tensor of shape (m,)
        As how many clips each counts.
    """

    shots: Tensor
    y: Tensor
    weights: Tensor


@dataclass(eq=False, repr=False)
class Prototypes(Room):
    """How the prototypes of the emotions grow (Eq. 7).

    Parameters
    ----------
    own_share : float, default=1.0
        What an assigned clip adds to its prototype: 0 its anchor's embedding (the paper's words), 1 its own.
    pool : {"both", "target", "source"} or None, default=None
        Whose clips enhance the prototypes. None: of both pools, and with experience of the target pool where there is
        one.
    pool_weight : float, default=1.0
        How far the pools move the prototypes from the shots' means, 0..1.
    experience_shots : float, default=5.0
        Labeled clips that an emotion's mean in the encoder's experience is worth.

    Examples
    --------
    >>> from sere import Prototypes, SEREClassifier
    >>> SEREClassifier(prototypes=Prototypes(own_share=0.0, pool="target"))
    SEREClassifier(prototypes=Prototypes(own_share=0.0, pool='target'))
    """

    own_share: float = 1.0
    pool: str | None = None
    pool_weight: float = 1.0
    experience_shots: float = 5.0

    _rules: ClassVar[dict[str, Rule]] = {
        "own_share": number(0, 1),
        "pool": NONE | choice("both", "target", "source"),
        "pool_weight": number(0, 1),
        "experience_shots": number(0),
    }

    def settled(self, experienced: bool, has_target: bool) -> "Prototypes":
        """Return a copy in which nothing is left open."""
        chosen = "target" if experienced and has_target else "both"
        return clone(self).set_params(pool=chosen if self.pool is None else self.pool)

    def listens_to(self, pool: str) -> bool:
        """Whether the clips of a pool ("source" or "target") enhance the prototypes."""
        return self.pool in (pool, "both")

    def examples(self, shots: Tensor, y: Tensor, imagined: tuple[Tensor, Tensor] | None, n_classes: int) -> Examples:
        """Return labeled clips and imaginary ones.

        Parameters
        ----------
        shots : tensor of shape (n, p)
        y : int64 tensor of shape (n,)
        imagined : (tensor of shape (k, p), int64 tensor of shape (k,)) or None
            Embeddings and classes.
        n_classes : int
        """
        one = torch.ones_like(shots[:, 0])
        if imagined is None:
            return Examples(shots, y, one)
        clips, codes = imagined
        # Several encoders may know one emotion; together they count as one.
        share = self.experience_shots / F.one_hot(codes, n_classes).sum(0)[codes]
        return Examples(torch.cat([shots, clips]), torch.cat([y, codes]), torch.cat([one, share.to(shots.dtype)]))

    def start(self, examples: Examples, n_classes: int) -> Tensor:
        """Return the prototypes of clips whose emotion is known, (C, p)."""
        return enhanced_prototypes(**examples._asdict(), n_classes=n_classes)

    def enhanced(
        self, examples: Examples, assigned: Mapping[str, Assigned], clips: Mapping[str, Tensor], n_classes: int
    ) -> Tensor:
        """Return the prototypes with the clips that joined them, (C, p).

        Parameters
        ----------
        examples : Examples
        assigned : mapping of str to Assigned
            By pool.
        clips : mapping of str to tensor of shape (n, p)
            Embeddings of each pool.
        n_classes : int
        """
        known: dict[str, Any] = {**examples._asdict(), "n_classes": n_classes}
        heard = [name for name in assigned if self.listens_to(name)]
        grown = self.own_share * enhanced_prototypes(
            **known,
            assignments=torch.cat([assigned[name].classes for name in heard]),
            unlabeled=torch.cat([clips[name] for name in heard]),
            source="own",
        )
        if self.own_share < 1:
            weights = [assigned[name].shot_weights(len(examples.y)).to(grown.dtype) for name in heard]
            together = sum(weights, torch.zeros_like(weights[0]))
            # No clip takes an imaginary one as its anchor.
            together = F.pad(together, (0, len(examples.y) - len(together)))
            grown = grown + (1 - self.own_share) * enhanced_prototypes(**known, anchors=together[None])
        start = self.start(examples, n_classes)
        return start + self.pool_weight * (grown - start)
