"""Ragged clips as one tensor: all frames end to end, and where each clip starts."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Packed(NamedTuple):
    """Clips of different lengths, their frames end to end.

    Attributes
    ----------
    frames : tensor of shape (N, d)
        The enhanced representations z of all clips.
    intensity : tensor of shape (N,)
        Burst intensity of each frame (Eq. 3).
    offsets : int64 tensor of shape (n_clips + 1,)
        Clip c owns frames ``offsets[c]`` to ``offsets[c + 1]``, at least one.
    weight : tensor of shape (N,), or None
        Weight of each frame in its clip's mean where the clip looks for answers (Eq. 6): highlights as 0 and 1, or
        soft. None: all alike.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.kernels import Packed
    >>> clips = Packed.from_list([np.ones((3, 4)), np.ones((5, 4))], [np.zeros(3), np.zeros(5)])
    >>> clips.frames.shape, clips.offsets.tolist()
    (torch.Size([8, 4]), [0, 3, 8])
    """

    frames: Tensor
    intensity: Tensor
    offsets: Tensor
    weight: Tensor | None = None

    @classmethod
    def from_list(cls, frames: Sequence[Tensor], intensity: Sequence[Tensor]) -> "Packed":
        """Lay clips end to end; gradients flow through.

        Parameters
        ----------
        frames : sequence of tensor or ndarray of shape (T, d)
        intensity : sequence of tensor or ndarray of shape (T,)

        Raises
        ------
        ValueError
            If there is no clip, a clip has no frame, or frames and intensities do not match.
        """
        clips = [torch.as_tensor(f) for f in frames]
        bursts = [torch.as_tensor(i) for i in intensity]
        if not clips or len(clips) != len(bursts):
            raise ValueError(
                f"expected as many clips as intensities and at least one, got {len(clips)} and {len(bursts)}"
            )
        for c, (f, i) in enumerate(zip(clips, bursts)):
            if f.ndim != 2 or len(f) == 0 or f.shape[1] != clips[0].shape[1]:
                raise ValueError(
                    f"clip {c}: frames must have shape (T, {clips[0].shape[-1]}) with T >= 1, got {tuple(f.shape)}"
                )
            if i.shape != f.shape[:1]:
                raise ValueError(
                    f"clip {c}: {len(f)} frames need an intensity of shape ({len(f)},), got {tuple(i.shape)}"
                )
        lengths = torch.tensor([0, *map(len, clips)], device=clips[0].device)
        return cls(torch.cat(clips), torch.cat(bursts), lengths.cumsum(0))

    @property
    def n_clips(self) -> int:
        """Number of clips."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        """Frames of each clip: int64 tensor of shape (n_clips,)."""
        return self.offsets.diff()

    @property
    def owners(self) -> Tensor:
        """The clip of each frame: int64 tensor of shape (N,)."""
        clips = torch.arange(self.n_clips, device=self.offsets.device)
        return clips.repeat_interleave(self.lengths, output_size=len(self.frames))

    def shares(self) -> Tensor:
        """Return each frame's share of its clip's mean, (N,); a clip's shares sum to 1 (0 if its weights do)."""
        if self.weight is None:
            return (1 / self.lengths.to(self.frames.dtype))[self.owners]
        weight = self.weight.to(self.frames.dtype)
        total = torch.segment_reduce(weight, "sum", offsets=self.offsets)
        return weight / torch.where(total > 0, total, torch.ones_like(total))[self.owners]

    def detached(self) -> "Packed":
        """Return the same clips without gradients."""
        weight = None if self.weight is None else self.weight.detach()
        return Packed(self.frames.detach(), self.intensity.detach(), self.offsets, weight)
