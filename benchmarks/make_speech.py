"""Make the weights of the embedded speech encoder from a folder of openai/whisper-tiny.en as transformers saves it.

Run: ``python benchmarks/make_speech.py FOLDER [--layers 3] [--out FILE] [--exact] [--states FILE]``. Without --out it
writes sere/encoders/speech.safetensors. --states writes some numbers of transformers' own hidden states for a clip that
this script makes, which the tests compare with (tests/speech_states.json). Needs ``pip install "sere[pretrained]"``.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from safetensors import safe_open

from sere.encoders import _speech_weights
from sere.encoders.speech import SHIPPED

#: Of these frames and every so many columns the states are kept for the tests.
FRAMES, EVERY = (0, 1, 17, 60, 98, 123, 149), 48


def main() -> None:
    """Write the file and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of a Whisper checkpoint: config.json, model.safetensors, ...")
    parser.add_argument("--layers", type=int, default=3, help="layers from the bottom (default: 3)")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="default: the library's own file")
    parser.add_argument("--exact", action="store_true", help="keep float32 instead of int8")
    parser.add_argument("--states", type=Path, metavar="FILE", help="JSON of states to test against")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.out, arguments.layers, arguments.exact)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")
    if arguments.states:
        found = states(arguments.folder, probe(), arguments.layers)[list(FRAMES), ::EVERY]
        rows = ",\n".join(json.dumps([round(float(v), 4) for v in row]) for row in found)
        head = f'"frames": {list(FRAMES)},\n"every": {EVERY},\n"states": '
        arguments.states.write_text(f"{{{head}[\n{rows}\n]}}\n", encoding="utf-8")


def make(folder: Path, out: Path, n_layers: int = 3, exact: bool = False) -> None:
    """Write the first layers of the checkpoint in a folder."""
    from transformers import WhisperFeatureExtractor

    config = json.loads((folder / "config.json").read_text())
    filters = WhisperFeatureExtractor.from_pretrained(folder).mel_filters
    tensors = {"mel_filters": np.asarray(filters, np.float32).T}
    with safe_open(folder / "model.safetensors", framework="numpy") as file:
        stored = {name.split("encoder.", 1)[-1]: name for name in file.keys() if "decoder." not in name}  # noqa: SIM118
        for name in _speech_weights.names_of(n_layers):
            if name != "mel_filters":
                tensors[name] = file.get_tensor(stored[name]).astype(np.float32)
    _speech_weights.write(out, tensors, n_layers, config["encoder_attention_heads"], folder.name, exact)


def states(folder: Path, wave: np.ndarray, n_layers: int) -> np.ndarray:
    """Return transformers' own states 1 to `n_layers` side by side, the clip alone in its window."""
    from sere.encoders.pretrained import PretrainedEncoder

    layers = tuple(range(1, n_layers + 1))
    encoder = PretrainedEncoder(folder, layer=layers, combine="concatenate", whisper_slice_positions=True)
    return encoder.encode([wave])[0].frames


def probe(seconds: float = 3.0) -> np.ndarray:
    """Return a clip that anything can make again: a gliding voice of a few harmonics that fades in and out."""
    t = np.arange(int(seconds * 16_000)) / 16_000
    phase = 2 * np.pi * np.cumsum(140 + 60 * np.sin(2 * np.pi * 0.7 * t)) / 16_000
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.1 * voice * np.abs(np.sin(2 * np.pi * 1.1 * t))).astype(np.float32)


if __name__ == "__main__":
    main()
