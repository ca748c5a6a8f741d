#!/usr/bin/env bash
# Whisper: its position embeddings are off their own formula by up to three thousand times the rounding of a float32.
#
# Expected: they are sines and cosines of t * rate, kept in single precision; whoever computes them anew from the
# formula, in double precision and rounded once, gets a checkpoint's values to 6e-8.
# Happens: rates and angles are rounded to single precision before the sine is taken, at angles of up to 1,500. Released
# checkpoints hold such values and were trained with them, so an implementation that is more exact is further from them:
# by 8e-6 within three seconds of sound, by 1e-4 within thirty.
#
# transformers 5.24.0, torch 2.13.0; 2026-12-01
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 torch==2.13.0 transformers==5.24.0
cd "$folder"
venv/bin/python - <<'PY'
import sys

import numpy as np
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

config = WhisperConfig(encoder_layers=1, encoder_attention_heads=6, d_model=384, encoder_ffn_dim=64)
held = WhisperEncoder(config).embed_positions.weight.detach().numpy()
frames, width = held.shape
rates = np.exp(-np.log(10000) / (width // 2 - 1) * np.arange(width // 2))
angles = np.arange(frames)[:, None] * rates
exact = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
rounding = np.abs(exact.astype(np.float32) - exact).max()
print(f"{frames} frames of {width} columns; rounded once: {rounding:.0e} off the formula")
off = np.abs(held - exact)
for seconds in (3, 10, 30):
    most = off[: 50 * seconds].max()
    print(f"the encoder's, first {seconds} s: {most:.1e} off, {most / rounding:.0f} times as much")
if not (off[:150].max() > 5e-6 and off.max() > 5e-5 and rounding < 1e-7):
    sys.exit("No longer so.")
PY
