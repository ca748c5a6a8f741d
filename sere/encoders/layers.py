"""The learned parts that a pretrained encoder lends to the network: its last layers, a layer mix.

The paper tunes its encoders *partially*: the lower layers stay as they were pretrained, the last
ones learn with the rest of the network. So the lower part runs once per clip and its output is
kept (:meth:`sere.encoders.pretrained.PretrainedEncoder.encode` with ``trainable_layers=n``), and
:class:`TopLayers` goes through the remaining n layers at every step of the training. The other way
of adapting an encoder, without touching it, is a learned average of all its layers (SUPERB, Yang
et al. 2021): :class:`LayerMix`.

Both work on clips padded to a common length, (batch, frames, width), and never let one clip or the
padding reach another clip's frames.
"""

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from sere.encoders.windows import windows


class LayerMix(nn.Module):
    """Softmax-weighted mean of layers that stand side by side in a frame.

    Starts as the plain mean.

    Parameters
    ----------
    n_layers : int
        Layers in a frame (`PretrainedEncoder.n_layers`).
    width : int
        Width of one layer (`PretrainedEncoder.width`).
    """

    #: The weights start at nothing in particular, so they learn as fast as the rest of a network.
    pretrained = False

    def __init__(self, n_layers: int, width: int) -> None:
        super().__init__()
        self.n_layers, self.width = n_layers, width
        self.weights = nn.Parameter(torch.zeros(n_layers))

    def forward(self, frames: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Mixed frames (..., width) of frames (..., n_layers * width); `lengths` is not needed."""
        layers = frames.unflatten(-1, (self.n_layers, self.width))
        return torch.einsum("...lw,l->...w", layers, self.weights.softmax(0))


class TopLayers(nn.Module):
    """The last layers of a speech transformer, with its final layer norm where it has one.

    Parameters
    ----------
    kind : str
        Family of the layers (`sere.encoders._checkpoints.FAMILIES`).
    layers : ModuleList
        The layers, in order.
    norm : Module or None
        Layer norm behind the last layer.
    positions : Module or None
        w2v-BERT's embedding of positions that every layer is handed, if it has one.
    position_bias : Tensor of shape (n_heads, 2 * window - 1), or None
        WavLM's relative position bias by distance, from ``1 - window`` to ``window - 1``. WavLM
        computes it in its first layer and hands it on, so the last layers need a copy of it; None
        when that first layer is among `layers` and computes (and trains) it itself.
    window : int
        Frames that attend to each other at most; longer clips go through in windows.
    """

    #: The weights are a checkpoint's, which a network's own learning rate would wreck.
    pretrained = True
    position_bias: torch.Tensor | None

    def __init__(
        self,
        kind: str,
        layers: nn.ModuleList,
        norm: nn.Module | None,
        positions: nn.Module | None,
        position_bias: torch.Tensor | None,
        window: int,
    ) -> None:
        super().__init__()
        self.kind, self.window = kind, window
        self.layers, self.norm, self.positions = layers, norm, positions
        self.register_buffer("position_bias", position_bias, persistent=False)

    def forward(self, hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """What the whole model returns for clips whose lower layers gave `hidden`.

        Frames that only repeat a clip's last one (how `encode` aligns a model that gives fewer
        frames than 1 + n_samples // 320) are left out of the attention, since the model never saw
        them, and repeated again in the output.

        Parameters
        ----------
        hidden : Tensor of shape (n_clips, n_frames, width)
            Padded states that enter these layers.
        lengths : Tensor of shape (n_clips,), integer
            Frames of each clip, at least 1.

        Returns
        -------
        Tensor of shape (n_clips, n_frames, width)
            Zero behind each clip's end.
        """
        lengths = lengths.to(hidden.device)
        own = lengths - _repeated_at_end(hidden, lengths)
        if int(own.max()) <= self.window:
            out = self._attend(hidden[:, : int(own.max())], own)
        else:
            out = self._attend_in_windows(hidden, own)
        frame = torch.arange(hidden.shape[1], device=hidden.device)
        source = torch.minimum(frame, (own - 1)[:, None])[:, :, None].expand_as(hidden)
        return out.gather(1, source) * (frame < lengths[:, None])[:, :, None]

    def _attend_in_windows(self, hidden: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        out = torch.zeros_like(hidden)
        for clip, n_frames in enumerate(own.tolist()):
            for start, stop, first, last in windows(n_frames, self.window):
                part = hidden[clip : clip + 1, start:stop]
                part = self._attend(part, own.new_tensor([stop - start]))
                out[clip, first:last] = part[0, first - start : last - start]
        return out

    def _attend(self, hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        n_frames = hidden.shape[1]
        valid = torch.arange(n_frames, device=hidden.device) < lengths[:, None]
        mask = None if bool(valid.all()) else valid
        bias = self._bias_between(n_frames, len(hidden))
        positions = None if self.positions is None else self.positions(hidden)
        for layer in self.layers:
            hidden, bias = run_layer(self.kind, layer, hidden, mask, bias, positions)
        return hidden if self.norm is None else self.norm(hidden)

    def _bias_between(self, n_frames: int, n_clips: int) -> torch.Tensor | None:
        if self.position_bias is None:
            return None
        frame = torch.arange(n_frames, device=self.position_bias.device)
        distance = frame[None, :] - frame[:, None] + self.position_bias.shape[1] // 2
        return self.position_bias[:, distance].repeat(n_clips, 1, 1)


def run_layer(
    kind: str,
    layer: nn.Module,
    hidden: torch.Tensor,
    mask: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    positions: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """One transformer layer of a family, called as its model calls it.

    Parameters
    ----------
    kind : str
        Family of the layer.
    layer : Module
        The layer.
    hidden : Tensor of shape (n_clips, n_frames, width)
        States that enter it.
    mask : bool Tensor of shape (n_clips, n_frames), or None
        True where a frame belongs to its clip; None when all do.
    bias : Tensor of shape (n_clips * n_heads, n_frames, n_frames), or None
        WavLM's position bias.
    positions : Tensor or None
        w2v-BERT's position embeddings.

    Returns
    -------
    hidden : Tensor of shape (n_clips, n_frames, width)
    bias : Tensor or None
        The position bias for the next layer.
    """
    if kind == "wavlm":
        # torch deprecates a boolean padding mask beside a float bias; WavLM offers no other way.
        with without_warning("Support for mismatched"):
            given = None if mask is None else mask.long()
            return layer(hidden, attention_mask=given, position_bias=bias)[:2]
    between = None if mask is None else _between_frames(mask, hidden.dtype)
    if kind == "wav2vec2-bert":
        out = layer(
            hidden,
            attention_mask=between,
            relative_position_embeddings=positions,
            conv_attention_mask=None if mask is None else mask.long(),
        )
    elif "layer_head_mask" in inspect.signature(layer.forward).parameters:
        # Whisper up to transformers 4 takes one more mask, without a default.
        out = layer(hidden, between, layer_head_mask=None)
    else:
        out = layer(hidden, between)
    return (out[0] if isinstance(out, tuple) else out), None


def _repeated_at_end(hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """How many of each clip's last frames repeat the one before them: 0, 1 or 2."""
    repeated = torch.zeros_like(lengths)
    still = torch.ones_like(lengths, dtype=torch.bool)
    clip = torch.arange(len(hidden), device=hidden.device)
    for back in (1, 2):
        last = hidden[clip, (lengths - back).clamp(min=0)]
        before = hidden[clip, (lengths - back - 1).clamp(min=0)]
        still = still & (last == before).all(-1) & (lengths > back)
        repeated += still
    return repeated


def _between_frames(valid: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Additive attention mask (n_clips, 1, n_frames, n_frames) that closes padded keys."""
    n_clips, n_frames = valid.shape
    closed = torch.zeros(valid.shape, dtype=dtype, device=valid.device)
    closed = closed.masked_fill(~valid, torch.finfo(dtype).min)
    return closed[:, None, None, :].expand(n_clips, 1, n_frames, n_frames)


@contextmanager
def without_warning(beginning: str) -> Iterator[None]:
    """Hold back warnings whose text begins so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=beginning)
        yield
