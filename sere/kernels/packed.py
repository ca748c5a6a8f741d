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
    """

    frames: Tensor
    intensity: Tensor
    offsets: Tensor

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


def frame_owners(offsets: Tensor, n_frames: int) -> Tensor:
    """The clip of each frame: int64 tensor of shape (n_frames,)."""
    clips = torch.arange(len(offsets) - 1, device=offsets.device)
    return clips.repeat_interleave(offsets.diff(), output_size=n_frames)
