"""Make the weights of the embedded speech encoder from a folder of openai/whisper-tiny.en as transformers saves it.

Run: ``python benchmarks/make_speech.py FOLDER [--layers 3] [--out FILE] [--exact]``. Without --out it writes
sere/encoders/speech.safetensors. Needs ``pip install "sere[pretrained]"``.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from safetensors import safe_open

from sere.encoders import _speech_weights
from sere.encoders.speech import SHIPPED


def main() -> None:
    """Write the file and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of a Whisper checkpoint: config.json, model.safetensors, ...")
    parser.add_argument("--layers", type=int, default=3, help="layers from the bottom (default: 3)")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="default: the library's own file")
    parser.add_argument("--exact", action="store_true", help="keep float32 instead of int8")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.out, arguments.layers, arguments.exact)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")


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
    heads = config["encoder_attention_heads"]
    _speech_weights.write(out, tensors, n_layers, heads, config.get("_name_or_path") or folder.name, exact)


if __name__ == "__main__":
    main()
