"""Eq. 3-6: the instantaneous resonance field between pools, as it was chosen.

A fitted model holds one of these and predicts without torch, so torch is imported where a field is computed.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sere.chain.room import Room
from sere.inputs.params import FLAG, NONE, Rule, choice, number

if TYPE_CHECKING:
    from torch import Tensor

    from sere.chain.candidates import Candidates
    from sere.chain.embedding import Embedded
    from sere.kernels import Packed, Reading


@dataclass(eq=False, repr=False)
class ResonanceField(Room):
    """The instantaneous resonance field (Eq. 3-6): where two clips mean the same and erupt alike.

    Parameters
    ----------
    intensity : {"abs", "signed", "square"}, default="abs"
        Form of the burst intensity (Eq. 3).
    form : {"product", "raw", "sum"}, default="product"
        How cosine and synchrony combine (Eq. 4).
    gap : {"exponential", "gaussian"}, default="exponential"
        Form of the synchrony (Eq. 4).
    tau : float, default=1.0
        Starting temperature of the synchrony (Eq. 4); it is learned.
    highlight_share : float, default=1.0
        Share of frames, strongest bursts first, that count as emotional highlights (Eq. 6).
    symmetric : bool, default=False
        Let both clips of a pair look for their partners in Eq. 6 and take the mean.
    soft_argmax : float or None, default=None
        Temperature of a soft argmax in Eq. 5; None takes the most resonant frame alone.
    frame_rate : float, default=10.0
        Frames a second that take part in resonance; of those in between the strongest burst is kept.

    Examples
    --------
    >>> from sere import ResonanceField, SEREClassifier
    >>> SEREClassifier(field=ResonanceField(tau=0.5))
    SEREClassifier(field=ResonanceField(tau=0.5))
    """

    intensity: str = "abs"
    form: str = "product"
    gap: str = "exponential"
    tau: float = 1.0
    highlight_share: float = 1.0
    symmetric: bool = False
    soft_argmax: float | None = None
    frame_rate: float = 10.0

    _rules: ClassVar[dict[str, Rule]] = {
        "intensity": choice("abs", "signed", "square"),
        "form": choice("product", "raw", "sum"),
        "gap": choice("exponential", "gaussian"),
        "tau": number(above=0),
        "highlight_share": number(above=0, most=1),
        "symmetric": FLAG,
        "soft_argmax": NONE | number(above=0),
        "frame_rate": number(above=0),
    }

    def reading(self, tau: "Tensor | float") -> "Reading":
        """Return how two frames resonate at a temperature (Eq. 4)."""
        from sere.kernels import Reading

        return Reading(tau, self.form, self.gap)

    def highlighted(self, clips: "Packed") -> "Packed":
        """Return clips with weights by which only their highlights look for an answer (Eq. 6)."""
        if self.highlight_share >= 1:
            return clips
        import torch

        from sere.method.resonance import highlight_frames

        parts = clips.intensity.detach().split(clips.lengths.tolist())
        weight = [highlight_frames(part, self.highlight_share).to(part.dtype) for part in parts]
        return clips._replace(weight=torch.cat(weight))

    def scores(self, queries: "Packed", keys: "Packed", tau: "Tensor | float") -> "Tensor":
        """Return the IRF of every query clip with every key clip (Eq. 6), (n_q, n_k).

        Differentiable where gradients are asked for, and cheaper where they are not.
        """
        there = self._one_way(queries, keys, tau)
        return (there + self._one_way(keys, queries, tau).T) / 2 if self.symmetric else there

    def _one_way(self, queries: "Packed", keys: "Packed", tau: "Tensor | float") -> "Tensor":
        import torch

        from sere.kernels.field import field_scores, resonance_field

        if torch.is_grad_enabled():
            return resonance_field(self.highlighted(queries), keys, self.reading(tau))[0]
        return field_scores(self.highlighted(queries), keys, self.reading(tau))

    def scores_of(self, queries: "Packed", keys: "Packed", pairs: "Tensor", tau: "Tensor | float") -> "Tensor":
        """Return the IRF of pairs (m, 2) of a query and a key clip, (m,); no gradients."""
        from sere.kernels.pairs import paired_scores

        there = paired_scores(self.highlighted(queries), keys, pairs, self.reading(tau))
        if not self.symmetric:
            return there
        return (there + paired_scores(self.highlighted(keys), queries, pairs.flip(1), self.reading(tau))) / 2

    def answers(self, queries: "Packed", keys: "Packed", pairs: "Tensor", tau: "Tensor") -> "Tensor":
        """Return resonance-aware representations: what of the key clip answers each pair's query clip (Eq. 5)."""
        from sere.kernels.pairs import paired_aware

        return paired_aware(self.highlighted(queries), keys, pairs, self.reading(tau.detach()), soft=self.soft_argmax)

    def mutual_answers(
        self, first: "Packed", second: "Packed", pairs: "Tensor", tau: "Tensor"
    ) -> "tuple[Tensor, Tensor]":
        """Return resonance-aware representations of pairs both ways."""
        from sere.kernels.pairs import mutual_aware

        sides = self.highlighted(first), self.highlighted(second)
        return mutual_aware(*sides, pairs, self.reading(tau.detach()), soft=self.soft_argmax)

    def candidates(
        self, shots: "Embedded", part: "Embedded", y: "Tensor", n_classes: int, tau: "Tensor"
    ) -> "Candidates":
        """Return some clips' IRF with all labeled ones, or with those of a shortlist (:mod:`sere.chain.candidates`).

        Parameters
        ----------
        shots, part : Embedded
        y : int64 tensor of shape (n_shots,)
        n_classes : int
        tau : 0-dim tensor
        """
        import torch

        from sere.chain.candidates import EXACT, Candidates, shortlist

        if len(y) <= EXACT:
            return Candidates(self.scores(shots.packed, part.packed, tau).T, y)
        chosen, classes = shortlist(part.clips, shots.clips, y, n_classes)
        clips = torch.arange(len(chosen), device=chosen.device).repeat_interleave(chosen.shape[1])
        pairs = torch.stack([chosen.reshape(-1), clips], dim=1)
        scores = self.scores_of(shots.packed, part.packed, pairs, tau).reshape(chosen.shape)
        return Candidates(scores, classes, chosen)
