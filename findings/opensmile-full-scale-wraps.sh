#!/usr/bin/env bash
# openSMILE for Python: a float waveform whose peak is exactly 1.0 gets clicks of twice full scale.
#
# Expected: a waveform of floats lies in [-1, 1], and dividing by its peak is the usual way to make it loud; what goes
# beyond, as decoded MP3 does, is clipped.
# Happens: samples are multiplied by 32768 and cast to 16-bit integers without a bound: 1.0 becomes -32768. A third of
# the 88 eGeMAPS features of a peak-normalised voice change by more than 1 % against the same voice 0.01 % quieter;
# with peaks of 1.05 nearly all do, against the same clip clipped beforehand. Files of floats are read alike.
#
# opensmile 2.6.0, numpy 2.4.6; 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 opensmile==2.6.0
cd "$folder"
venv/bin/python - <<'PY'
import sys

import numpy as np
import opensmile

rate = 16000
times = np.arange(2 * rate) / rate
phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * 2 * times)) / rate
voice = sum(np.cos(k * phase) / k for k in range(1, 30)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * times))
voice += np.random.default_rng(0).normal(0, 0.01, len(voice))
voice /= abs(voice).max()
smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)


def features(signal):
    return smile.process_signal(signal, rate).iloc[0]


def changed(one, other):
    return int((abs(one - other) > 0.01 * abs(other)).sum())


below = features(0.9999 * voice)
normalised = changed(features(voice), below)
quieter = changed(features(0.9998 * voice), below)
louder = changed(features(1.05 * voice), features(np.clip(1.05 * voice, -1, 32767 / 32768)))
print(f"peak at 1.0 against 0.9999: {normalised} of {len(below)} features change by more than 1 %")
print(f"peak at 0.9998 against 0.9999: {quieter}")
print(f"peak at 1.05 against clipped below 1: {louder}")
if not (normalised > 20 > quieter and louder > 50):
    sys.exit("No longer so.")
PY
