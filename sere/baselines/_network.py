"""The network that all neural methods share, so that what differs is their objective.

A clip's standardised vector x, and its frames where a method asks for them, become an embedding and scores::

    z = x + U g(x, frames)                 U starts at 0
    logits_c = sharpness * (z / |z|) . w_c      w_c starts at the unit prototype of the class's shots

Few shots cannot teach a network to hear (see the design notes), so every method starts from the nearest prototype on
the standardised vectors and moves away from it as far as its objective pays for. Scores are cosines, as in few-shot
classification (Chen et al., "A Closer Look at Few-shot Classification", ICLR 2019) and in the weight-normalised layers
of source-free methods: probabilities are then neither flat nor saturated from the first step on, whatever the encoder.

g is one hidden layer over x, or a transformer layer over the frames.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sere.baselines._clips import Rows

#: Frames by which clips may differ in length that attend together: those that are missing cost as much as others.
ALIKE = 16


@dataclass(frozen=True)
class Clips:
    """Clips as tensors.

    Attributes
    ----------
    x : tensor of shape (n, p)
    frames : tensor of shape (N, d), or None
        End to end; None for methods that do not look at frames.
    lengths : int64 tensor of shape (n,), or None
        Frames of each clip, where there are any.
    """

    x: Tensor
    frames: Tensor | None = None
    lengths: Tensor | None = None

    @classmethod
    def of(cls, rows: Rows, over_frames: bool, dtype: torch.dtype = torch.float32) -> "Clips":
        """Take over rows."""
        x = torch.from_numpy(rows.vectors).to(dtype)
        if not over_frames or not len(rows):
            return cls(x)
        lengths = torch.tensor([len(clip) for clip in rows.frames])
        return cls(x, torch.from_numpy(np.concatenate(rows.frames)).to(dtype), lengths)

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Tensor) -> "Clips":
        """Return some clips."""
        x = self.x.index_select(0, rows)
        if self.frames is None or self.lengths is None:
            return Clips(x)
        lengths = self.lengths[rows]
        starts = (self.lengths.cumsum(0) - self.lengths)[rows]
        return Clips(x, self.frames.index_select(0, starts.repeat_interleave(lengths) + within(lengths)), lengths)


def within(lengths: Tensor) -> Tensor:
    """Return the place of each frame in its clip, (N,), from the clips' lengths, (n,)."""
    starts = lengths.cumsum(0) - lengths
    return torch.arange(int(lengths.sum())) - starts.repeat_interleave(lengths)


def join(*parts: Clips) -> Clips:
    """Return the clips of all parts, in order."""
    filled = [part for part in parts if len(part)] or [parts[0]]
    if len(filled) == 1:
        return filled[0]
    x = torch.cat([part.x for part in filled])
    frames = [part.frames for part in filled if part.frames is not None]
    lengths = [part.lengths for part in filled if part.lengths is not None]
    return Clips(x, torch.cat(frames), torch.cat(lengths)) if frames else Clips(x)


class HiddenLayer(nn.Module):
    """g over a clip's vector."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.layer = nn.Linear(width, hidden)

    def forward(self, clips: Clips) -> Tensor:
        """Return (n, hidden)."""
        return F.gelu(self.layer(clips.x))


class TransformerLayer(nn.Module):
    """g over a clip's frames: one transformer layer (Vaswani et al. 2017) and the mean of its outputs.

    Positions are left out: at ten frames a second of descriptors of half-second windows, what was said matters more
    than when, and clips of any length mean the same.
    """

    HEADS = 4

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.enter = nn.Linear(width, hidden)
        self.query, self.key, self.value, self.out = (nn.Linear(hidden, hidden) for _ in range(4))
        self.first, self.second = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.wide, self.narrow = nn.Linear(hidden, 2 * hidden), nn.Linear(2 * hidden, hidden)

    def forward(self, clips: Clips) -> Tensor:
        """Return (n, hidden)."""
        assert clips.frames is not None
        assert clips.lengths is not None
        h = self.enter(clips.frames)
        normed = self.first(h)
        asked = torch.cat([layer(normed) for layer in (self.query, self.key, self.value)], dim=1)
        h = h + self.out(self._attended(asked, clips.lengths))
        h = h + self.narrow(F.gelu(self.wide(self.second(h))))
        clip = torch.arange(len(clips)).repeat_interleave(clips.lengths)
        return h.new_zeros(len(clips), h.shape[1]).index_add(0, clip, h) / clips.lengths[:, None]

    def _attended(self, asked: Tensor, lengths: Tensor) -> Tensor:
        """Return what the frames of each clip gather from each other, from query, key and value side by side, (N, 3 h).

        Clips of about one length go together, the shorter ones filled up with frames that nobody attends to.
        """
        place, parts, order = within(lengths), [], []
        clip = torch.arange(len(lengths)).repeat_interleave(lengths)
        group = (lengths - 1) // ALIKE
        for same in group.unique():
            here = (group == same).nonzero()[:, 0]
            longest, rows = int(lengths[here].max()), (group[clip] == same).nonzero()[:, 0]
            own = torch.empty_like(lengths).index_copy_(0, here, torch.arange(len(here)))[clip[rows]]
            cells = own * longest + place[rows]
            filled = asked.new_zeros(len(here) * longest, asked.shape[1]).index_copy(
                0, cells, asked.index_select(0, rows)
            )
            q, k, v = filled.view(len(here), longest, 3, self.HEADS, -1).permute(2, 0, 3, 1, 4)
            there = torch.arange(longest) < lengths[here][:, None]
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None])
            parts.append(mixed.transpose(1, 2).flatten(2).flatten(0, 1).index_select(0, cells))
            order.append(rows)
        return torch.cat(parts).index_select(0, torch.cat(order).argsort())


class Network(nn.Module):
    """Embedding and scores of clips.

    Parameters
    ----------
    width : int
        Columns of a clip's vector.
    frame_width : int
        Columns of a frame; 0 for methods that do not look at frames.
    hidden : int
        A multiple of 4 over frames.
    n_classes : int
    sharpness : float
        Factor of the cosines.
    """

    def __init__(self, width: int, frame_width: int, hidden: int, n_classes: int, sharpness: float):
        super().__init__()
        self.inner = TransformerLayer(frame_width, hidden) if frame_width else HiddenLayer(width, hidden)
        self.outer = nn.Linear(hidden, width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)
        self.classes = nn.Parameter(torch.zeros(n_classes, width))
        self.sharpness = sharpness

    def embed(self, clips: Clips) -> Tensor:
        """Return z, (n, width)."""
        return clips.x + self.outer(self.inner(clips))

    def embed_each(self, *parts: Clips) -> tuple[Tensor, ...]:
        """Return the z of each part, all of which go through the network together: that takes fewer operations."""
        return self.embed(join(*parts)).split([len(part) for part in parts])

    def classify(self, z: Tensor) -> Tensor:
        """Return the logits of embeddings, (n, n_classes)."""
        return self.sharpness * F.normalize(z, dim=1) @ self.classes.T

    def forward(self, clips: Clips) -> Tensor:
        """Return the logits of clips, (n, n_classes)."""
        return self.classify(self.embed(clips))

    @torch.no_grad()
    def start_at_prototypes(self, shots: Clips, y: Tensor) -> None:
        """Set each class's weights to the unit mean of its shots."""
        member = F.one_hot(y, len(self.classes)).to(shots.x.dtype)
        means = member.T @ self.embed(shots) / member.sum(0)[:, None].clamp_min(1)
        self.classes.copy_(F.normalize(means, dim=1))


@dataclass
class NetworkHead:
    """A trained network; numpy only. It is rebuilt in float64, where the batch moves the last bits alone.

    Attributes
    ----------
    shape : tuple
        Arguments of :class:`Network`.
    state : dict of str to ndarray
    """

    shape: tuple[int, int, int, int, float]
    state: dict[str, np.ndarray]

    @classmethod
    def of(cls, network: Network, shape: tuple[int, int, int, int, float]) -> "NetworkHead":
        """Take everything off torch."""
        return cls(shape, {name: value.detach().numpy().copy() for name, value in network.state_dict().items()})

    def thaw(self) -> Network:
        """Return the network, to train it further."""
        with torch.random.fork_rng(devices=[]):  # weights that are drawn here are overwritten at once
            network = Network(*self.shape)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in self.state.items()})
        return network

    def embed(self, rows: Rows) -> np.ndarray:
        """Embeddings z."""
        return self._run(rows, "embed")

    def logits(self, rows: Rows) -> np.ndarray:
        """Scaled cosines with the classes."""
        return self._run(rows, "forward")

    @torch.no_grad()
    def _run(self, rows: Rows, method: str) -> np.ndarray:
        network, over_frames = self.thaw().double(), self.shape[1] > 0
        clips = Clips.of(rows, over_frames, torch.float64)
        return np.asarray(getattr(network, method)(clips).numpy())
