"""The learnable part of SERE: projection, gate, intensity.

Few shots cannot teach a network to hear. So the network starts as the identity on its inputs' leading directions (an
orthonormal projection, no whitening), the gate half open, all four dynamics equally intense, and training moves it
away from there only as far as the losses pay for.

Each *space*, the output of one encoder, has a projection of its own; all lead to one common width, where clips of any
encoder meet (paper, Section III-A: "the output dimensions of the encoders for all paths remain consistent"). Before it
a space may have a *front*, the part of its encoder that learns (:mod:`sere.training.fronts`).

A clip's enhanced representation is ``z_t = [h_t ; s D(t)]`` (Eq. 2), where ``h_t`` is the projected context of the clip
beside the projected frame, and its embedding is the mean of z over its frames.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sere.chain.embedding import Embedded, Embedding
from sere.chain.field import ResonanceField
from sere.kernels.packed import Packed
from sere.method.dynamics import context_gate, dynamic_features, enhanced_representation
from sere.method.resonance import burst_intensity
from sere.training.fronts import FRAMES, OpenSpace, taken_rows, through_front
from sere.training.spaces import Standardised, StandardisedPool

#: What clips of a space hold beside its index.
_PARTS = ("context", "frames", "changes", "offsets", "evidence")


@dataclass(frozen=True)
class Space:
    """What :class:`~sere.training.spaces.Standardised` holds, as tensors: clips of one encoder, frames end to end.

    Attributes are those of ``Standardised``.
    """

    index: int
    context: Tensor
    frames: Tensor
    changes: Tensor
    offsets: Tensor
    evidence: Tensor

    @classmethod
    def of(cls, clips: Standardised) -> "Space":
        """Make one of arrays, which it shares."""
        return cls(clips.index, **{name: torch.from_numpy(getattr(clips, name)) for name in _PARTS})

    def arrays(self) -> Standardised:
        """Return the same as arrays, on the CPU and as precise."""
        return Standardised(self.index, **{name: getattr(self, name).detach().cpu().numpy() for name in _PARTS})

    def __len__(self) -> int:
        return len(self.context)

    def take(self, clips: Tensor) -> "Space":
        """Return some clips, in the given order."""
        rows, offsets = taken_rows(self.offsets, clips)
        # Far faster than indexing, for the same rows.
        context, frames, changes = self.context[clips], self.frames.index_select(0, rows), self.changes[rows]
        return Space(self.index, context, frames, changes, offsets, self.evidence[clips])

    def to(self, dtype: torch.dtype, device: str | torch.device = "cpu") -> "Space":
        """Return the clips in another precision, on a device."""
        names = ("context", "frames", "changes", "evidence")
        return replace(
            self, offsets=self.offsets.to(device), **{name: getattr(self, name).to(device, dtype) for name in names}
        )


@dataclass(frozen=True)
class Pool:
    """Clips of one role, sorted by the space they live in."""

    spaces: tuple[Space | OpenSpace, ...]

    @classmethod
    def of(cls, clips: StandardisedPool) -> "Pool":
        """Make one of arrays."""
        return cls(tuple(Space.of(space) if isinstance(space, Standardised) else space for space in clips.spaces))

    def __len__(self) -> int:
        return sum(map(len, self.spaces))

    def take(self, clips: Tensor) -> "Pool":
        """Return some clips; `clips` must be sorted, as spaces stay together."""
        parts, first = [], 0
        for space in self.spaces:
            own = clips[(clips >= first) & (clips < first + len(space))] - first
            if len(own):
                parts.append(space.take(own))
            first += len(space)
        return Pool(tuple(parts))

    def to(self, dtype: torch.dtype, device: str | torch.device = "cpu") -> "Pool":
        """Return the clips in another precision, on a device."""
        return Pool(tuple(space.to(dtype, device) for space in self.spaces))


class ResonanceNetwork(nn.Module):
    """Projection, gate and intensity (Eq. 2-3).

    Parameters
    ----------
    projections : list of (ndarray of shape (context_width, p_c), ndarray of shape (width, p_f))
        Where each space's projections start.
    embedding : Embedding
        Its gate, and the weight of dynamics beside the context.
    field : ResonanceField
        Its intensity, and where the temperature starts.
    fronts : dict of int to Module, optional
        What the :class:`~sere.training.fronts.OpenSpace` of an index goes through first.

    Attributes
    ----------
    frames_at_once : int
        Frames that go through a front together; see :func:`~sere.training.fronts.through_front`.
    """

    def __init__(
        self,
        projections: list[tuple[np.ndarray, np.ndarray]],
        embedding: Embedding,
        field: ResonanceField,
        fronts: dict[int, nn.Module] | None = None,
    ):
        super().__init__()
        self.context_maps = nn.ParameterList([torch.tensor(c, dtype=torch.float32) for c, _ in projections])
        self.frame_maps = nn.ParameterList([torch.tensor(f, dtype=torch.float32) for _, f in projections])
        width = projections[0][0].shape[1] + projections[0][1].shape[1]
        outputs = {"feature": 4, "frame": 1}[embedding.gate]
        self.gate_weight = nn.Parameter(torch.zeros(outputs, width))
        self.gate_bias = nn.Parameter(torch.zeros(outputs))
        self.raw_intensity = nn.Parameter(torch.full((4,), _inverse_softplus(0.25)))
        self.log_tau = nn.Parameter(torch.tensor(float(np.log(field.tau))))
        self.intensity = field.intensity
        self.dynamics_scale = embedding.dynamics_scale
        self.start = {name: value.detach().clone() for name, value in self.named_parameters() if "maps" in name}
        self.fronts = nn.ModuleDict({str(index): front for index, front in (fronts or {}).items()})
        self.frames_at_once = FRAMES

    @property
    def tau(self) -> Tensor:
        """Temperature of the synchrony (Eq. 4)."""
        return self.log_tau.exp()

    def forward(self, pool: Pool) -> Embedded:
        """Embed clips, in the pool's order."""
        parts = [self._embed(self.finished(space)) for space in pool.spaces]
        if len(parts) == 1:
            return parts[0]
        shifts = np.cumsum([0, *(len(part.packed.frames) for part in parts[:-1])])
        offsets = [p.packed.offsets[1:] + int(shift) for p, shift in zip(parts, shifts, strict=True)]
        packed = Packed(
            torch.cat([p.packed.frames for p in parts]),
            torch.cat([p.packed.intensity for p in parts]),
            torch.cat([parts[0].packed.offsets[:1], *offsets]),
        )
        return Embedded(packed, torch.cat([p.clips for p in parts]), torch.cat([p.evidence for p in parts]))

    def drift(self) -> Tensor:
        """Squared distance of the projections from where they started, relative to their size."""
        return sum(
            (
                (value - self.start[name].to(value.device)).square().sum()
                / self.start[name].square().sum().clamp_min(1e-12)
                for name, value in self.named_parameters()
                if name in self.start
            ),
            torch.zeros((), device=self.log_tau.device),
        )

    def groups(self, learning_rate: float, slow: float) -> list[dict[str, Any]]:
        """Return the parameters as an optimiser's groups, pretrained fronts apart with a learning rate of their own."""
        fronts = [front for front in self.fronts.values() if getattr(front, "pretrained", True)]
        pretrained = [p for front in fronts for p in front.parameters()]
        apart = set(map(id, pretrained))
        groups = [{"params": [p for p in self.parameters() if id(p) not in apart], "lr": learning_rate}]
        return [*groups, {"params": pretrained, "lr": slow}] if pretrained else groups

    def own_state(self) -> dict[str, Tensor]:
        """Return the state without the fronts'."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("fronts.")}

    def finished(self, space: Space | OpenSpace) -> Space:
        """Return the clips of an open space through their front; others as they are."""
        if isinstance(space, Space):
            return space
        context, frames = through_front(self.fronts[str(space.index)], space, self.frames_at_once)
        return Space(space.index, context, frames, space.changes, space.offsets, space.evidence)

    def _embed(self, space: Space) -> Embedded:
        lengths = space.offsets.diff()
        context = (space.context @ self.context_maps[space.index]).repeat_interleave(lengths, dim=0)
        h = torch.cat([context, space.frames @ self.frame_maps[space.index]], dim=1)
        dynamics = dynamic_features(space.changes, context_gate(h, self.gate_weight, self.gate_bias))
        z = enhanced_representation(h, dynamics, self.dynamics_scale)
        strength = burst_intensity(dynamics, nn.functional.softplus(self.raw_intensity), self.intensity)
        clips = torch.segment_reduce(z, "mean", offsets=space.offsets, axis=0)
        return Embedded(Packed(z, strength, space.offsets), clips, space.evidence)


def _inverse_softplus(value: float) -> float:
    return float(np.log(np.expm1(value)))
