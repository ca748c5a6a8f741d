"""The embedded speech encoder beside transformers' WhisperEncoder of the same weights, from waveform to states.

Clips of 3 s. Three ways to the same three layers, interleaved, each from the waveform on and one clip after the other:

- ``ours``: :class:`sere.encoders.speech.SpeechEncoder`, its weights from int8;
- ``padded``: transformers as it comes, log-mel spectrum of 30 s and all layers of the encoder;
- ``cut``: transformers' own convolutions and layers given the clip's length and three layers alone.

Ratios are of medians, and of the best times; those of ``processor`` compare processor seconds, which other work on
the machine changes less. ``realtime`` is how many seconds of sound ours takes a second when clips come sixteen at a
time, as extraction hands them over: threads then share out clips, where they share out the frames of a clip alone.
``difference`` is the greatest between our states and those of ``cut`` (the checkpoint's, where ours has eight bits a
weight), ``difference_exact`` with the checkpoint's own weights on both sides, ``spread`` the states' standard
deviation.

Run: ``python benchmarks/bench_speech.py --folder FOLDER [--threads 2] [--repeats 31] [--out speech.json]``, with FOLDER
of openai/whisper-tiny.en as transformers saves it (``SERE_WHISPER`` where it is not named); random weights of its shape
where neither is there, which take as long. Needs ``pip install "sere[pretrained]"``. JSON to stdout or ``--out``.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from make_speech import make
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from sere.encoders.speech import SpeechEncoder

SECONDS, LAYERS, BATCH = 3, 3, 16
#: Seconds before each call. Threads that OpenMP started for one side spin for a while when it is done, and would take
#: a core from the next.
PAUSE = 0.1


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=os.environ.get("SERE_WHISPER"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=31)
    parser.add_argument("--out", help="JSON file; printed otherwise")
    options = parser.parse_args()
    text = json.dumps(measure(options.folder, options.threads, options.repeats), indent=2)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)


def measure(folder: str | None, threads: int, repeats: int) -> dict[str, Any]:
    """Seconds of every way, and ratios."""
    torch.set_num_threads(threads)
    ways = {"ours": ours(), **transformers_ways(folder)}
    rng = np.random.default_rng(0)
    wave = (0.1 * rng.standard_normal(SECONDS * 16_000)).astype(np.float32)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    worked: dict[str, list[float]] = {name: [] for name in ways}
    encoder, batch, rates = SpeechEncoder(), [wave] * BATCH, []
    for repeat in range(repeats + 2):
        for name, way in ways.items():
            time.sleep(PAUSE)
            start, processor = time.perf_counter(), time.process_time()
            way(wave)
            if repeat >= 2:
                taken[name].append(time.perf_counter() - start)
                worked[name].append(time.process_time() - processor)
        if repeat % 3 == 2:
            time.sleep(PAUSE)
            start = time.perf_counter()
            encoder.encode(batch)
            rates.append(BATCH * SECONDS / (time.perf_counter() - start))
    seconds = {name: statistics.median(each) for name, each in taken.items()}
    best = {name: min(each) for name, each in taken.items()}
    busy = {name: statistics.median(each) for name, each in worked.items()}
    return {
        "threads": threads,
        "seconds_of_sound": SECONDS,
        **{f"{name}_seconds": value for name, value in seconds.items()},
        "padded_over_ours": seconds["padded"] / seconds["ours"],
        "cut_over_ours": seconds["cut"] / seconds["ours"],
        "padded_over_ours_best": best["padded"] / best["ours"],
        "cut_over_ours_best": best["cut"] / best["ours"],
        "padded_over_ours_processor": busy["padded"] / busy["ours"],
        "cut_over_ours_processor": busy["cut"] / busy["ours"],
        "padded_over_ours_in_batches": seconds["padded"] / (SECONDS / statistics.median(rates)),
        "cut_over_ours_in_batches": seconds["cut"] / (SECONDS / statistics.median(rates)),
        "realtime": statistics.median(rates),
        **(differences(folder, wave, ways["cut"](wave)[0].numpy()) if folder else {}),
    }


def differences(folder: str, wave: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """How far our states are from transformers', with the shipped weights and with the checkpoint's own."""
    with tempfile.TemporaryDirectory() as made:
        exact = Path(made) / "exact.safetensors"
        make(Path(folder), exact, LAYERS, exact=True)
        found = {"difference": SpeechEncoder(), "difference_exact": SpeechEncoder(exact)}
        gaps = {name: encoder.encode([wave])[0].frames[: len(expected)] for name, encoder in found.items()}
    return {
        **{name: float(np.abs(frames - expected).max()) for name, frames in gaps.items()},
        "spread": float(expected.std()),
    }


def ours() -> Callable[[np.ndarray], Any]:
    """Return the library's way."""
    encoder = SpeechEncoder()
    return lambda wave: encoder.encode([wave])[0].frames


def transformers_ways(folder: str | None) -> dict[str, Callable[[np.ndarray], Any]]:
    """Return transformers' way with all of its padding, and cut to the clip and the layers."""
    extractor = WhisperFeatureExtractor(feature_size=80)
    if folder:
        model = WhisperModel.from_pretrained(folder).get_encoder().eval()
    else:
        config = WhisperConfig(d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536)
        model = WhisperEncoder(config).eval()
    attention = {"layer_head_mask": None} if "layer_head_mask" in signature(model.layers[0]) else {}

    def mel(wave: np.ndarray) -> torch.Tensor:
        return extractor(wave, sampling_rate=16_000, return_tensors="pt")["input_features"]

    @torch.inference_mode()
    def padded(wave: np.ndarray) -> torch.Tensor:
        return model(mel(wave)).last_hidden_state

    @torch.inference_mode()
    def cut(wave: np.ndarray) -> torch.Tensor:
        hidden = mel(wave)[:, :, : 2 * (len(wave) // 320)]
        hidden = torch.nn.functional.gelu(model.conv1(hidden))
        hidden = torch.nn.functional.gelu(model.conv2(hidden)).transpose(1, 2)
        hidden = hidden + model.embed_positions.weight[: hidden.shape[1]]
        found = []
        for layer in model.layers[:LAYERS]:
            out = layer(hidden, None, **attention)
            hidden = out[0] if isinstance(out, tuple) else out
            found.append(hidden)
        return torch.cat(found, -1)

    return {"padded": padded, "cut": cut}


def signature(layer: torch.nn.Module) -> set[str]:
    """Return the names of a layer's arguments, which differ between releases."""
    from inspect import signature as of

    return set(of(layer.forward).parameters)


if __name__ == "__main__":
    main()
