"""A pretrained Whisper through `PretrainedEncoder` beside transformers' feature extractor and encoder, clip by clip.

Clips of 1 to 10 s in one call of `encode`, default settings; transformers one clip after the other, as its model card
shows, from the waveform to the last state. Two readings of a clip:

- ``window``: its 30 s of clip and silence, as Whisper was trained and as is the default; states are equal to rounding;
- ``own``: the clip's length alone (``whisper_slice_positions=True``). Transformers has no such reading and pads.

Rounds are interleaved; ratios are of medians, and of the best rounds. ``difference`` is the greatest between states of
ours and of transformers' modules of the same reading, ``spread`` the states' own standard deviation. ``processor``
ratios compare processor seconds, which other work on the machine changes less.

Run: ``python benchmarks/bench_pretrained.py --folder FOLDER [--threads 2] [--repeats 7] [--out pretrained.json]``, with
FOLDER of openai/whisper-base as transformers saves it (``SERE_WHISPER_BASE`` where it is not named); random weights of
its shape where neither is there, which take as long. Needs ``pip install "sere[pretrained]"``. JSON to stdout or
``--out``.
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
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForAudioClassification, WhisperModel

from sere.encoders.pretrained import PretrainedEncoder

SECONDS = (1.0, 2.0, 3.1, 4.0, 5.3, 6.0, 7.7, 10.0)


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=os.environ.get("SERE_WHISPER_BASE"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", help="JSON file; printed otherwise")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as empty:
        folder = options.folder or drawn(Path(empty) / "whisper-base")
        text = json.dumps(measure(str(folder), options.threads, options.repeats), indent=2)
    if options.out:
        Path(options.out).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


def measure(folder: str, threads: int, repeats: int) -> dict[str, Any]:
    """Seconds of every way, ratios, and how far states are from transformers'."""
    torch.set_num_threads(threads)
    rng = np.random.default_rng(0)
    waves = [(0.1 * rng.standard_normal(int(seconds * 16_000))).astype(np.float32) for seconds in SECONDS]
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    model = WhisperModel.from_pretrained(folder).get_encoder().eval()
    encoders = {
        "window": PretrainedEncoder(folder, device="cpu"),
        "own": PretrainedEncoder(folder, device="cpu", whisper_slice_positions=True),
    }

    @torch.inference_mode()
    def theirs() -> list[np.ndarray]:
        mels = (extractor(wave, sampling_rate=16_000, return_tensors="pt")["input_features"] for wave in waves)
        return [model(mel).last_hidden_state[0, : -(-len(wave) // 320)].numpy() for wave, mel in zip(waves, mels)]

    ways: dict[str, Callable[[], list[np.ndarray]]] = {"transformers": theirs}
    for name, encoder in encoders.items():
        ways[name] = lambda encoder=encoder: [clip.frames for clip in encoder.encode(waves)]  # type: ignore[misc]
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter(), time.process_time()
            way()
            if repeat:
                taken[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    found: dict[str, Any] = {"threads": threads, "clips": len(waves), "seconds_of_sound": sum(SECONDS)}
    for name, each in taken.items():
        found[f"{name}_seconds"] = statistics.median(wall for wall, _ in each)
    for name, twin in (("window", theirs), ("own", lambda: cut(model, extractor, waves))):
        wall, processor = zip(*taken[name])
        their_wall, their_processor = zip(*taken["transformers"])
        pairs = [(a[: len(b)], b) for a, b in zip(ways[name](), twin())]
        found[name] = {
            "transformers_over_ours": statistics.median(their_wall) / statistics.median(wall),
            "transformers_over_ours_best": min(their_wall) / min(wall),
            "transformers_over_ours_processor": statistics.median(their_processor) / statistics.median(processor),
            "difference": float(max(np.abs(a - b).max() for a, b in pairs)),
            "spread": float(np.concatenate([b for _, b in pairs]).std()),
        }
    return found


@torch.inference_mode()
def cut(model: Any, extractor: Any, waves: list[np.ndarray]) -> list[np.ndarray]:
    """Return the last states that transformers' modules give of a clip's own frames alone."""
    found = []
    for wave in waves:
        mel = extractor(wave, sampling_rate=16_000, return_tensors="pt")["input_features"]
        hidden = torch.nn.functional.gelu(model.conv1(mel[:, :, : 2 * -(-len(wave) // 320)]))
        hidden = torch.nn.functional.gelu(model.conv2(hidden)).transpose(1, 2)
        hidden = hidden + model.embed_positions.weight[: hidden.shape[1]]
        for layer in model.layers:
            out = layer(hidden, None)
            hidden = out[0] if isinstance(out, tuple) else out
        found.append(model.layer_norm(hidden)[0].numpy())
    return found


def drawn(folder: Path) -> Path:
    """Save random weights of whisper-base's shape and return their folder."""
    shape = {"d_model": 512, "encoder_layers": 6, "encoder_attention_heads": 8, "encoder_ffn_dim": 2048}
    WhisperForAudioClassification(WhisperConfig(**shape, decoder_layers=1)).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
