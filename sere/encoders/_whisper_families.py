"""Whisper's two ways through a checkpoint, and which way any checkpoint goes.

On a CPU in float32 Whisper runs by hand (:mod:`sere.encoders._whisper`); elsewhere, and where a checkpoint differs from
what was released, through transformers' modules.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sere.encoders._checkpoints import SAMPLE_RATE, Facts, load_extractor, load_model
from sere.encoders._families import HOP, Batch, BertFamily, Family, WaveFamily, Window, padded
from sere.encoders._whisper import Network
from sere.encoders.layers import TopLayers, run_layer
from sere.loops.threads import one_thread, workers

#: Windows that threads share out before their frames are handed on.
_AT_ONCE = 16


class WhisperFamily(Family):
    """Whisper's encoder over windows of 30 s.

    Parameters
    ----------
    sliced : bool
        Give the encoder the clip's own frames and positions alone, without the silence behind it.
    """

    _extractor = "WhisperFeatureExtractor"

    def __init__(self, folder: Path, facts: Facts, dtype: str, device: str, sliced: bool = False) -> None:
        super().__init__(folder, facts, dtype, device)
        self.sliced = sliced

    @property
    def window(self) -> int:
        return self.extractor.n_samples // HOP

    @property
    def blocks(self) -> Any:
        return self.model

    def inputs(self, clip: np.ndarray, spans: list[tuple[int, int]]) -> Iterator[Window]:
        return (self._mel(clip[start * HOP : stop * HOP]) for start, stop in spans)

    def _mel(self, part: np.ndarray) -> Window:
        part = padded(part, 1)
        mel = self.extractor(
            part,
            sampling_rate=SAMPLE_RATE,
            do_normalize=getattr(self.extractor, "do_normalize", None),
            return_tensors="np",
        )["input_features"][0]
        own = -(-len(part) // HOP)
        return Window(mel[:, : 2 * own] if self.sliced else mel, own)

    def forward(self, batch: list[np.ndarray]) -> torch.Tensor:
        values = torch.from_numpy(np.stack(batch)).to(self.device, self.dtype)
        if not self.sliced:
            return self.model(values).last_hidden_state
        hidden = nn.functional.gelu(self.model.conv1(values))
        hidden = nn.functional.gelu(self.model.conv2(hidden)).transpose(1, 2)
        hidden = hidden + self.model.embed_positions.weight[: hidden.shape[1]]
        for layer in self.model.layers:
            hidden, _ = run_layer("whisper", layer, hidden)
        return self.model.layer_norm(hidden)

    def _load_model(self, folder: Path) -> nn.Module:
        return load_whisper(folder)

    def _final_norm(self) -> nn.Module | None:
        return self.model.layer_norm


def load_whisper(folder: Path) -> Any:
    """Whisper's encoder as transformers has it."""
    from transformers import WhisperForAudioClassification

    # The one class that holds the encoder without the decoder, which is as large again.
    return load_model(WhisperForAudioClassification, folder).encoder


class WhisperByHand(Family):
    """Whisper's encoder on a CPU, one window after the other, threads side by side.

    Parameters
    ----------
    sliced : bool
        As in :class:`WhisperFamily`.
    """

    #: Products gain nothing from a batch here, and alone a window's frames are the same to the bit.
    one_by_one = True
    _extractor = WhisperFamily._extractor

    def __init__(self, folder: Path, facts: Facts, extractor: Any, sliced: bool) -> None:
        self._folder, self.facts, self.extractor, self.sliced = folder, facts, extractor, sliced
        model = load_whisper(folder)
        self.network = Network(
            _Released(model),
            extractor.mel_filters.T,
            model.embed_positions.weight.detach().numpy().copy(),
            model.config.encoder_layers,
            model.config.encoder_attention_heads,
        )

    @staticmethod
    def fits(folder: Path, extractor: Any) -> bool:
        """Tell whether a checkpoint computes what every released Whisper does."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        mel = (extractor.n_fft, extractor.hop_length, extractor.sampling_rate) == (400, HOP // 2, SAMPLE_RATE)
        plain = not getattr(extractor, "do_normalize", False) and not getattr(extractor, "dither", 0.0)
        return mel and plain and config.get("activation_function", "gelu") == "gelu"

    @property
    def window(self) -> int:
        return self.network.window

    def inputs(self, clip: np.ndarray, spans: list[tuple[int, int]]) -> Iterator[Window]:
        for start, stop in spans:
            part = np.ascontiguousarray(clip[start * HOP : stop * HOP])
            yield Window(part, max(1, -(-len(part) // HOP)))

    def run(self, batches: Iterable[Batch], wanted: list[int]) -> Iterator[tuple[Batch, list[list[torch.Tensor]]]]:
        """Windows side by side, a few at a time; the rows of one that comes alone."""
        given = iter(batches)
        some = list(islice(given, 2))
        if len(some) == 1:
            with one_thread() as threads:
                yield some[0], [self._states(window, wanted, threads) for _, window in some[0]]
            return
        while some:
            # Not across a yield: what runs between two of them may have torch's threads.
            with workers() as run:
                some += islice(given, _AT_ONCE - len(some))
                found = list(run(lambda batch: self.states([window for _, window in batch], wanted), some))
            yield from zip(some, found, strict=True)
            some = list(islice(given, _AT_ONCE))

    def states(self, batch: list[Window], wanted: list[int]) -> list[list[torch.Tensor]]:
        return [self._states(window, wanted, 1) for window in batch]

    def _states(self, window: Window, wanted: list[int], parts: int) -> list[torch.Tensor]:
        own = window.n_frames
        out = {state: np.empty((own, self.network.width), np.float32) for state in wanted}
        total = own if self.sliced else self.window
        self.network.states(window.values, own, out, total=total, mirrored=True, parts=parts)
        return [torch.from_numpy(out[state]) for state in wanted]

    def top(self, n: int) -> TopLayers:
        """A trainable copy of the last `n` layers, read anew: here they are laid out for another use."""
        model = load_whisper(self._folder)
        return TopLayers(
            self.facts.kind,
            model.layers[self.facts.n_layers - n :].float().requires_grad_(True),
            model.layer_norm.float(),
            None,
            None,
            self.window,
        ).eval()


class _Released(Mapping[str, np.ndarray]):
    """A model's weights by name; each is given once, and its memory with it."""

    def __init__(self, model: nn.Module):
        self._parameters = dict(model.named_parameters())

    def __getitem__(self, name: str) -> np.ndarray:
        parameter = self._parameters.pop(name)
        given = parameter.detach().float().numpy()
        parameter.data = torch.empty(0)
        return given

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)


def load_family(folder: Path, facts: Facts, dtype: str, device: str, whisper_slice_positions: bool) -> Family:
    """Load the checkpoint in a folder."""
    if facts.kind == "whisper":
        extractor = load_extractor(folder, WhisperFamily._extractor)
        if device == "cpu" and dtype == "float32" and WhisperByHand.fits(folder, extractor):
            return WhisperByHand(folder, facts, extractor, whisper_slice_positions)
        return WhisperFamily(folder, facts, dtype, device, whisper_slice_positions)
    family = BertFamily if facts.kind == "wav2vec2-bert" else WaveFamily
    return family(folder, facts, dtype, device)
