"""How many of CREPE's pitch bins half precision changes: the plain network with rounded weights and layer inputs.

    SERE_CORPORA=... python benchmarks/bench_precision.py --model tiny --clips 6

Products of rounded numbers are summed in float32, as matrix units of a GPU do it, so no GPU is needed. The bins are
those of Viterbi decoding; clips come from every corpus under ``SERE_CORPORA``.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from sere.audio import read
from sere.tracks import crepe
from sere.tracks._crepe_network import load_network
from sere.tracks.viterbi import best_path

PRECISIONS = {"float16": torch.float16, "bfloat16": torch.bfloat16}


def rounded_activations(net: torch.nn.Module, frames: torch.Tensor, precision: torch.dtype) -> np.ndarray:
    """Return torchcrepe's activations where convolutions multiply rounded numbers; the last layer is exact."""
    x = frames[:, None, :, None]
    for layer in range(1, 7):
        convolution, norm = getattr(net, f"conv{layer}"), getattr(net, f"conv{layer}_BN")
        x = F.pad(x, (0, 0, 254, 254) if layer == 1 else (0, 0, 31, 32))
        x, weight = (values.to(precision).float() for values in (x, convolution.weight))
        x = F.conv2d(x, weight, convolution.bias, stride=convolution.stride)
        x = F.max_pool2d(norm(F.relu(x)), (2, 1), (2, 1))
    flat = x.permute(0, 2, 1, 3).reshape(len(frames), -1)
    return torch.sigmoid(net.classifier(flat)).numpy()


def main() -> None:
    """Count the frames whose bin changes and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["tiny", "full"], default="tiny")
    parser.add_argument("--clips", type=int, default=6, help="of each corpus")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    paths = []
    for corpus in sorted(Path(os.environ["SERE_CORPORA"]).iterdir()):
        found = sorted(corpus.glob("**/*.flac"))
        paths += found[:: max(1, len(found) // options.clips)][: options.clips]
    net = load_network(options.model)
    low, high = crepe.bin_range(50.0, 550.0)
    frames_seen = 0
    changed = dict.fromkeys(PRECISIONS, 0)
    farthest = dict.fromkeys(PRECISIONS, 0)
    with torch.inference_mode():
        for path in tqdm(paths, unit="clip", disable=None):
            wave = read(str(path))
            exact = best_path(np.ascontiguousarray(crepe.activations_reference(wave, options.model)[:, low:high]), low)
            frames = torch.from_numpy(crepe.centred_frames(wave))
            frames_seen += len(frames)
            for name, precision in PRECISIONS.items():
                heard = rounded_activations(net, frames, precision)
                distance = np.abs(best_path(np.ascontiguousarray(heard[:, low:high]), low) - exact)
                changed[name] += int((distance > 0).sum())
                farthest[name] = max(farthest[name], int(distance.max()))
    report = {"model": options.model, "clips": len(paths), "frames": frames_seen, "changed": changed, "bins": farthest}
    text = json.dumps(report, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
