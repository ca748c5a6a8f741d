#!/usr/bin/env bash
# silero-vad: the safetensors file of the package is not the network that the package runs.
#
# Expected: one release holds one network in several formats (TorchScript, ONNX, safetensors), so the weights for 16 kHz
# are the same numbers in each; whoever wants no TorchScript reads the safetensors file.
# Happens: all tensors of silero_vad_16k.safetensors have their counterpart, of the same shape, in silero_vad.jit (which
# load_silero_vad() runs), and their numbers differ far beyond rounding: it is another training of the same architecture.
#
# silero-vad 6.2.3, torch 2.13.0, safetensors 0.8.0; 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 silero-vad==6.2.3 safetensors==0.8.0
cd "$folder"
venv/bin/python -W ignore - <<'PY'
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file

data = Path(next(iter(find_spec("silero_vad").submodule_search_locations))) / "data"
plain = load_file(data / "silero_vad_16k.safetensors")
run = {k: v for k, v in torch.jit.load(data / "silero_vad.jit", map_location="cpu").state_dict().items() if "_model_8k" not in k}
pairs = list(zip(plain.items(), run.items()))
differ = 0
for (name, ours), (theirs, value) in pairs:
    if ours.shape != value.shape:
        sys.exit(f"No longer so: {name} {tuple(ours.shape)} stands beside {theirs} {tuple(value.shape)}.")
    apart = float((ours - value).abs().max() / value.abs().max())
    differ += apart > 0.01
    print(f"{name}: up to {100 * apart:.1f} % of the largest weight apart")
if len(pairs) < 10 or differ < len(pairs) / 2:
    sys.exit("No longer so.")
PY
