#!/usr/bin/env bash
# torchcrepe: at a hop of 20 ms its Viterbi decoder loses a moving voice that its own argmax follows.
#
# Expected: Viterbi decoding, the default, is the careful one: it removes jumps that a frame-wise argmax makes. Where
# argmax is right throughout, Viterbi is right as well.
# Happens: a clean voice that glides between 60 and 180 Hz one and a half times a second is followed by both at a
# hop of 10 ms. At 20 ms, the hop of speech transformers, argmax is as good as before, and Viterbi is wrong in most
# frames, by half an octave and more: a path may move by 11 bins (220 cents) from frame to frame whatever the hop, and
# the evidence (a softmax over values that are probabilities already) is too flat to ever win against that price.
#
# torchcrepe 0.0.22, torch 2.13.0; 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 torch==2.13.0 torchcrepe==0.0.22
cd "$folder"
venv/bin/python - <<'PY'
import sys

import numpy as np
import torch
import torchcrepe

rate = 16000
times = np.arange(2 * rate) / rate
low, high = 60.0, 180.0
f0 = np.sqrt(low * high) * (high / low) ** (np.sin(2 * np.pi * 1.5 * times) / 2)
phase = 2 * np.pi * np.cumsum(f0) / rate
voice = sum(np.sin(k * phase) / k for k in range(1, 25))
clip = torch.from_numpy((0.3 * voice / abs(voice).max()).astype(np.float32))[None]

wrong = {}
for hop in (160, 320):
    for name in ("argmax", "viterbi"):
        np.random.seed(0)
        decoder = getattr(torchcrepe.decode, name)
        options = {"decoder": decoder, "batch_size": 1024, "device": "cpu"}
        track = torchcrepe.predict(clip, rate, hop, 50, 550, "full", **options)[0]
        truth = f0[np.minimum(np.arange(len(track)) * hop, len(f0) - 1)]
        wrong[hop, name] = 100 * np.mean(abs(1200 * np.log2(track.numpy() / truth)) > 100)
        print(f"hop {1000 * hop / rate:.0f} ms, {name}: {wrong[hop, name]:.0f} % of frames are a semitone or more off")
if not (wrong[320, "argmax"] < 5 and wrong[160, "viterbi"] < 10 and wrong[320, "viterbi"] > 50):
    sys.exit("No longer so.")
PY
