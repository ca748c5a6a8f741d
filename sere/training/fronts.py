"""Encoders' last parts that learn with the network: the paper's partial fine-tuning, and learned layer weights.

What lies below a *front* (:meth:`sere.encoders.base.FrameEncoder.front`) is fixed and ran once a clip; the front itself
runs whenever the network does. A clip then gets what any other clip has, but made anew from the front's output: its
context (mean and SD over all frames) and the frames that thinning kept. Which frames those are depends on the dynamics
alone, and the standardisation was learned once, from what the untrained front gave; so both stay as they are while the
front moves, and gradients flow through everything else.

Fronts stay in evaluation mode: with a handful of labels the noise of dropout costs more than it protects from, and the
passes that assign clips see what the passes that learn see.

Memory is bounded by :data:`FRAMES`: clips of similar length go through together, and where gradients are wanted and
there is more than one such batch, activations are computed again on the way back instead of being kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sere.encoders.base import FrameEncoder, pooled_context
from sere.encoders.experience import CLIP
from sere.inputs.utterances import Utterances
from sere.training.spaces import needed
from sere.training.thinning import whole_clip

#: Frames, padding included, that go through a front together.
FRAMES = 8192
#: Variance below this counts as this: the square root has no slope at 0, where every clip of one frame stands.
_FLOOR = 1e-12


@dataclass(frozen=True)
class OpenSpace:
    """Clips of one encoder before its front, with all that makes a :class:`~sere.training.network.Space` of them.

    Attributes
    ----------
    index : int
        Which front and projection of the network they take.
    hidden : list of tensor of shape (n_frames, input width), float32
        All frames of each clip. They stay where they are, on the CPU, and reach a device batch by batch.
    kept : list of int64 tensor of shape (n_kept,)
        Frames of each clip that take part in resonance, on the CPU.
    shift, scale : tensor of shape (n, 3 * width)
        Each clip's standardisation: columns of the context's mean, the context's SD and the frame.
    changes : tensor of shape (N, 4)
        Normalised changes of the kept frames (Eq. 1).
    offsets : int64 tensor of shape (n + 1,)
        Of the kept frames.
    evidence : tensor of shape (n, C) or (n, 0)
        As in :class:`~sere.training.network.Space`.
    """

    index: int
    hidden: list[Tensor]
    kept: list[Tensor]
    shift: Tensor
    scale: Tensor
    changes: Tensor
    offsets: Tensor
    evidence: Tensor

    @classmethod
    def of(
        cls,
        index: int,
        frames: Sequence[np.ndarray],
        kept: Sequence[np.ndarray],
        shift: np.ndarray,
        scale: np.ndarray,
        changes: np.ndarray,
        evidence: np.ndarray,
    ) -> "OpenSpace":
        """Make one of arrays: all frames of each clip, and which of them are kept."""
        offsets = torch.from_numpy(np.cumsum([0, *map(len, kept)]))
        rows = [torch.from_numpy(own) for own in kept]
        shift_of, scale_of, bursts, said = map(torch.from_numpy, (shift, scale, changes, evidence))
        return cls(index, list(map(as_hidden, frames)), rows, shift_of, scale_of, bursts, offsets, said)

    def __len__(self) -> int:
        return len(self.hidden)

    def take(self, clips: Tensor) -> "OpenSpace":
        """Return some clips, in the given order."""
        rows, offsets = taken_rows(self.offsets, clips)
        chosen = clips.tolist()
        return replace(
            self,
            hidden=[self.hidden[i] for i in chosen],
            kept=[self.kept[i] for i in chosen],
            shift=self.shift[clips],
            scale=self.scale[clips],
            changes=self.changes[rows],
            offsets=offsets,
            evidence=self.evidence[clips],
        )

    def to(self, dtype: torch.dtype, device: str | torch.device = "cpu") -> "OpenSpace":
        """Return the clips in another precision, on a device; `hidden` stays as it is."""
        names = ("shift", "scale", "changes", "evidence")
        moved = {name: getattr(self, name).to(device, dtype) for name in names}
        return replace(self, offsets=self.offsets.to(device), **moved)


def taken_rows(offsets: Tensor, clips: Tensor) -> tuple[Tensor, Tensor]:
    """Return the packed rows of some clips, in the given order, and their own offsets."""
    lengths = offsets[clips + 1] - offsets[clips]
    ends = lengths.cumsum(0)
    inside = torch.arange(int(ends[-1]), device=ends.device) - (ends - lengths).repeat_interleave(lengths)
    rows = offsets[clips].repeat_interleave(lengths) + inside
    return rows, torch.cat([ends.new_zeros(1), ends])


def through_front(front: nn.Module, space: OpenSpace, at_once: int = FRAMES) -> tuple[Tensor, Tensor]:
    """Return standardised context and kept frames of clips, differentiable in the front's parameters.

    Parameters
    ----------
    front : Module
    space : OpenSpace of n clips
    at_once : int
        Frames that go through together; 1 sends every clip alone, so that none depends on another's length.

    Returns
    -------
    context : tensor of shape (n, 2 * width)
    frames : tensor of shape (N, width)
        In the precision and on the device of the space.
    """
    batches = list(_alike([len(h) for h in space.hidden], at_once))
    sparing = torch.is_grad_enabled() and len(batches) > 1
    contexts: list[Tensor] = [space.shift] * len(space)
    frames: list[Tensor] = [space.shift] * len(space)
    for clips in batches:
        hidden, lengths = _padded([space.hidden[i] for i in clips], space.shift.device)
        kept = torch.cat([space.kept[i] + row * hidden.shape[1] for row, i in enumerate(clips)])
        given = (front, hidden, lengths, kept.to(hidden.device), space.shift.dtype)
        if sparing:
            context, chosen = checkpoint(_context_and_kept, *given, use_reentrant=False)
        else:
            context, chosen = _context_and_kept(*given)
        for i, of_clip, rows in zip(clips, context, chosen.split([len(space.kept[i]) for i in clips]), strict=True):
            contexts[i], frames[i] = of_clip, rows
    context, packed = torch.stack(contexts), torch.cat(frames)
    width = packed.shape[1]
    shift, scale = space.shift, space.scale
    context = (context - shift[:, : 2 * width]) / scale[:, : 2 * width]
    owner = torch.arange(len(space), device=packed.device).repeat_interleave(space.offsets.diff())
    packed = (packed - shift[owner, 2 * width :]) / scale[owner, 2 * width :]
    return context.clamp(-CLIP, CLIP), packed.clamp(-CLIP, CLIP)


def start_fronts(
    groups: Sequence[Utterances], device: str = "cpu"
) -> tuple[dict[str, FrameEncoder], dict[str, nn.Module]]:
    """Return the encoders whose front some clips still have to go through, and their untrained fronts, by name."""
    encoders = {name: encoder for group in groups for name, encoder in needed(group).items()}
    return encoders, {name: build(encoder).to(device) for name, encoder in sorted(encoders.items())}


def build(encoder: FrameEncoder, state: dict[str, np.ndarray] | None = None) -> nn.Module:
    """Return an encoder's front; the checkpoint behind it is let go again."""
    # The copy of a pretrained encoder holds no weights of its own.
    return copy(encoder).front(state).eval()


def finish(utterances: Utterances, fronts: Mapping[str, nn.Module], at_once: int = FRAMES) -> Utterances:
    """Return the clips with the frames and contexts that fronts make of them, without gradients.

    Parameters
    ----------
    utterances : Utterances with frames
    fronts : mapping of str to Module
        One for each name in ``utterances.fronts`` that these clips have.
    at_once : int
        As in :func:`through_front`.
    """
    encoders = needed(utterances)
    if not encoders:
        return utterances
    assert utterances.frames is not None
    assert utterances.context is not None
    frames, context = list(utterances.frames), list(utterances.context)
    whole = None if utterances.whole is None else list(utterances.whole)
    for name in encoders:
        rows = np.flatnonzero(utterances.encoders == name)
        hidden = [as_hidden(frames[row]) for row in rows]
        device = next(fronts[name].parameters()).device
        for clips in _alike([len(h) for h in hidden], at_once):
            padded, lengths = _padded([hidden[i] for i in clips], device)
            with torch.no_grad():
                out = fronts[name](padded, lengths).cpu().numpy()
            for i, of_clip in zip(clips, out, strict=True):
                row, own = rows[i], of_clip[: len(hidden[i])].copy()
                context[row] = pooled_context(own)
                if whole is not None and utterances.kept is not None:
                    whole[row], own = whole_clip(own), own[utterances.kept[row]]
                frames[row] = own
    # Contexts are means, then SDs, of the columns that the front gave.
    widths = {name: len(context[int(np.flatnonzero(utterances.encoders == name)[0])]) // 2 for name in encoders}
    averaged = {name: np.r_[np.arange(width), np.full(width, -1)] for name, width in widths.items()}
    return utterances.with_(
        frames=frames,
        context=context,
        whole=whole,
        fronts={},
        finished={**utterances.finished, **encoders},
        averaged={**utterances.averaged, **averaged},
    )


def as_hidden(frames: np.ndarray) -> Tensor:
    """Return a clip's frames as a float32 tensor that shares their memory where it can."""
    return torch.from_numpy(np.require(frames, np.float32, ["C", "W"]))


def _alike(lengths: list[int], at_once: int) -> Iterator[list[int]]:
    """Yield clips of similar length, as many as stay within a number of frames when padded, at least one."""
    batch: list[int] = []
    for clip in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[clip] > at_once:
            yield batch
            batch = []
        batch.append(clip)
    if batch:
        yield batch


def _padded(hidden: list[Tensor], device: str | torch.device) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(h) for h in hidden], device=device)
    return nn.utils.rnn.pad_sequence(hidden, batch_first=True).to(device), lengths


def _context_and_kept(
    front: nn.Module, hidden: Tensor, lengths: Tensor, kept: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Mean and SD over each clip's frames, (n, 2 * width), and some rows of all of them, (n_kept, width)."""
    out = front(hidden, lengths).to(dtype)
    own = (torch.arange(out.shape[1], device=out.device) < lengths[:, None])[:, :, None]
    count = lengths[:, None].to(dtype)
    mean = (out * own).sum(1) / count
    variance = ((out - mean[:, None]) * own).square().sum(1) / count
    return torch.cat([mean, variance.clamp_min(_FLOOR).sqrt()], 1), out.flatten(0, 1)[kept]
