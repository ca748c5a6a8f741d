"""How each family of speech transformers wants to be fed, and how its hidden states are read.

All of them give a frame every 20 ms, but each has its quirks:

======================  =================================================================
Wav2Vec2, HuBERT,       raw waveform, standardised over the clip where the checkpoint's
WavLM                   ``do_normalize`` says so. n samples give (n - 400) // 320 + 1 frames.
                        *Layer-norm* front ends were trained with an attention mask and get one
                        when clips of different lengths share a batch. *Group-norm* front ends
                        normalise over time, so that zeros behind a clip change all of its
                        frames: they never see padding, only clips of equal length share a batch.
Whisper                 log-mel spectrogram of exactly 30 s, the clip followed by silence; the
                        clip's own frames are the first ceil(50 s). Only the encoder is loaded. On
                        a CPU it runs by hand (:mod:`sere.encoders._whisper`).
w2v-BERT 2.0            log-mel filter bank, standardised over the clip, two frames of 10 ms
                        stacked into one; masked like a layer-norm front end.
======================  =================================================================

State 0 is what enters the first transformer layer, state i what enters layer i, and the last one
(state ``n_layers``) what the model returns, final layer norm included: the ``hidden_states`` of
transformers. States are caught where they enter a layer and the run ends at the last one wanted:
upper layers that nobody asked for cost nothing.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from sere.encoders._checkpoints import SAMPLE_RATE, Facts, load_extractor, load_model
from sere.encoders.layers import TopLayers, without_warning

HOP = 320
WINDOW_SECONDS = 30


class Window(NamedTuple):
    """A stretch of a clip as the model is fed it.

    Attributes
    ----------
    values : ndarray of shape (n_samples,), (n_frames, n_bands) or (n_bands, n_frames), float32
    n_frames : int
        Frames of the model's output that belong to the clip.
    """

    values: np.ndarray
    n_frames: int


#: Windows, each with what its owner wants to know it by.
Batch = list[tuple[Any, Window]]


class _AllStatesSeenError(Exception):
    """Ends a forward pass once the last wanted state was caught."""


class Family(ABC):
    """A loaded checkpoint.

    Parameters
    ----------
    folder : Path
        Where its files lie.
    facts : Facts
        What it is.
    dtype : str
        Name of a torch floating dtype to compute in.
    device : str
        Where to compute.
    """

    #: Whether clips of different lengths may share a batch (behind an attention mask).
    masked: bool = False
    #: Whether windows go through alone, whatever the batch size.
    one_by_one: bool = False
    #: Name of the family's feature extractor in transformers, for checkpoints that come without one.
    _extractor: str

    def __init__(self, folder: Path, facts: Facts, dtype: str, device: str) -> None:
        self.facts, self.device, self.dtype = facts, device, getattr(torch, dtype)
        self.extractor = load_extractor(folder, self._extractor)
        self.model: Any = self._load_model(folder).to(self.dtype).to(device).eval()
        self._lock = threading.Lock()

    @property
    def window(self) -> int:
        """Frames that go through the model together; longer clips are cut into windows."""
        return WINDOW_SECONDS * SAMPLE_RATE // HOP

    @abstractmethod
    def inputs(self, clip: np.ndarray, spans: list[tuple[int, int]]) -> Iterator[Window]:
        """What the model is fed for each span (start, stop) of a clip's frames."""

    def forward(self, batch: list[np.ndarray]) -> torch.Tensor:
        """The model's output for inputs that may share a batch: (n, n_frames, width)."""
        values, mask = _stacked(batch)
        given = mask.to(self.device) if self.masked and not mask.all() else None
        with without_warning("Support for mismatched"):
            out = self.model(values.to(self.device, self.dtype), attention_mask=given)
        return out.last_hidden_state

    @property
    def blocks(self) -> Any:
        """The module that holds ``layers``."""
        return self.model.encoder

    def states(self, batch: list[Window], wanted: list[int]) -> list[list[torch.Tensor]]:
        """The wanted states of each window, [window][state] -> (n_frames, width)."""
        caught: dict[int, torch.Tensor] = {}
        stop = max(wanted)

        def catch(index: int) -> Any:
            def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                caught[index] = args[0] if args else kwargs["hidden_states"]
                if index == stop:
                    raise _AllStatesSeenError

            return hook

        # The hooks would catch another thread's states; and some releases of transformers draw
        # random numbers for layer drop even in evaluation.
        with self._lock, torch.inference_mode(), torch.random.fork_rng(devices=[]):
            hooks = [
                self.blocks.layers[i].register_forward_pre_hook(catch(i), with_kwargs=True)
                for i in wanted
                if i < self.facts.n_layers
            ]
            try:
                caught[self.facts.n_layers] = self.forward([w.values for w in batch])
            except _AllStatesSeenError:
                pass
            finally:
                for hook in hooks:
                    hook.remove()
        return [[caught[i][row, : window.n_frames] for i in wanted] for row, window in enumerate(batch)]

    def run(self, batches: Iterable[Batch], wanted: list[int]) -> Iterator[tuple[Batch, list[list[torch.Tensor]]]]:
        """The wanted states of each window of each batch, whose windows may share one."""
        for batch in batches:
            yield batch, self.states([window for _, window in batch], wanted)

    def top(self, n: int) -> TopLayers:
        """A trainable float32 copy of the last `n` layers on the CPU."""
        first = self.facts.n_layers - n
        layers = deepcopy(self.blocks.layers[first:]).to("cpu", torch.float32)
        norm = self._final_norm()
        return TopLayers(
            self.facts.kind,
            layers.requires_grad_(True),
            None if norm is None else deepcopy(norm).to("cpu", torch.float32),
            self._positions(),
            self._position_bias() if first else None,
            self.window,
        ).eval()

    def _final_norm(self) -> nn.Module | None:
        return None

    def _positions(self) -> nn.Module | None:
        return None

    def _position_bias(self) -> torch.Tensor | None:
        return None

    def _load_model(self, folder: Path) -> nn.Module:
        from transformers import AutoModel

        return load_model(AutoModel, folder)


class WaveFamily(Family):
    """Wav2Vec2, HuBERT and WavLM: convolutions over the raw waveform."""

    _extractor = "Wav2Vec2FeatureExtractor"

    def __init__(self, folder: Path, facts: Facts, dtype: str, device: str) -> None:
        super().__init__(folder, facts, dtype, device)
        self.masked = self.model.config.feat_extract_norm == "layer"
        self._receptive_field = self._samples_for(1)

    def inputs(self, clip: np.ndarray, spans: list[tuple[int, int]]) -> Iterator[Window]:
        mean, scale = 0.0, 1.0
        if self.extractor.do_normalize and len(clip):
            # Over the whole clip, so that windows of a long one meet without a step.
            mean, scale = clip.mean(), np.sqrt(clip.var() + 1e-7)
        for start, stop in spans:
            part = ((clip[start * HOP : stop * HOP] - mean) / scale).astype(np.float32)
            part = padded(part, self._receptive_field)
            yield Window(part, self._frames_of(len(part)))

    def _frames_of(self, n_samples: int) -> int:
        n = n_samples
        for kernel, stride in self._convolutions():
            n = (n - kernel) // stride + 1
        return n

    def _convolutions(self) -> list[tuple[int, int]]:
        return list(zip(self.model.config.conv_kernel, self.model.config.conv_stride))

    def _samples_for(self, n_frames: int) -> int:
        n = n_frames
        for kernel, stride in reversed(self._convolutions()):
            n = (n - 1) * stride + kernel
        return n

    def _final_norm(self) -> nn.Module | None:
        # Without "stable" layer norm, this norm stands before the first layer.
        return self.blocks.layer_norm if self.model.config.do_stable_layer_norm else None

    def _position_bias(self) -> torch.Tensor | None:
        if self.facts.kind != "wavlm":
            return None
        # The bias depends on the distance alone: the first row holds the distances from 0 up,
        # the first column those from 0 down.
        with torch.no_grad():
            bias = self.blocks.layers[0].attention.compute_bias(self.window, self.window)
        by_distance = torch.cat([bias[:, 1:, 0].flip(1), bias[:, 0]], dim=1)
        return by_distance.to("cpu", torch.float32)


class BertFamily(Family):
    """w2v-BERT 2.0: convolution-augmented transformer over stacked filter banks."""

    masked = True
    _extractor = "SeamlessM4TFeatureExtractor"

    def inputs(self, clip: np.ndarray, spans: list[tuple[int, int]]) -> Iterator[Window]:
        bands = self._filter_bank(padded(clip, 400 + HOP // 2))
        # As the checkpoint's extractor does, but over the whole clip also when it is cut; summed
        # in float64, since an hour has 360,000 frames.
        mean, variance = bands.mean(0, dtype=float), bands.var(0, ddof=1, dtype=float)
        bands -= mean.astype(np.float32)
        bands /= np.sqrt(variance + 1e-7).astype(np.float32)
        stacked = bands[: len(bands) // 2 * 2].reshape(-1, 2 * bands.shape[1])
        for start, stop in spans:
            yield Window(stacked[start:stop], len(stacked[start:stop]))

    def _filter_bank(self, clip: np.ndarray) -> np.ndarray:
        """Log-mel energies every 10 ms (25 ms frames), a minute at a time."""
        hop, frame = HOP // 2, 400
        block = 60 * SAMPLE_RATE
        parts = [
            self.extractor(
                clip[start : start + block + frame - hop],
                sampling_rate=SAMPLE_RATE,
                do_normalize_per_mel_bins=False,
                return_tensors="np",
            )["input_features"][0]
            for start in range(0, max(1, len(clip) - frame + 1), block)
        ]
        # Only the last block can hold an odd count of frames, which the extractor pads: cut below.
        bands = np.concatenate([part.reshape(len(part) * 2, -1) for part in parts])
        return bands[: (len(clip) - frame) // hop + 1].astype(np.float32)

    def _positions(self) -> nn.Module | None:
        embedding = self.blocks.embed_positions
        # Built anew: the running one caches tensors that no gradient may pass.
        return None if embedding is None else type(embedding)(self.model.config)


def padded(values: np.ndarray, least: int) -> np.ndarray:
    """Values with zeros behind them up to a least length along the first axis."""
    return np.pad(values, ((0, max(0, least - len(values))), *[(0, 0)] * (values.ndim - 1)))


def _stacked(batch: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs padded to the longest, and a mask that is 1 where they are."""
    longest = max(map(len, batch))
    values = np.stack([np.pad(v, ((0, longest - len(v)), *[(0, 0)] * (v.ndim - 1))) for v in batch])
    lengths = torch.tensor([len(v) for v in batch])
    return torch.from_numpy(values), (torch.arange(longest) < lengths[:, None]).long()
