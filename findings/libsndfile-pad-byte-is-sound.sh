#!/usr/bin/env bash
# libsndfile: the byte that pads an odd chunk is decoded as sound, in files that it wrote itself.
#
# Expected: WAV and AIFF pad chunks to an even number of bytes; the pad is no part of the data, and the header counts
# the samples as well. What libsndfile writes, it reads back with the same length.
# Happens: GSM 6.10 in WAV has blocks of 65 bytes, so every second clip is odd: the pad byte makes one block more, 40 ms
# at 8 kHz, of loud noise behind a quiet clip. Mu-law in AIFF ends in a click of 0.98. Mu-law in WAV is right.
#
# soundfile 0.14.0 (libsndfile 1.2.2); 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 soundfile==0.14.0
cd "$folder"
venv/bin/python - <<'PY'
import sys

import numpy as np
import soundfile

noise = np.random.default_rng(0).normal(0, 0.01, 9001)
extra = {}
for name, coding, length in (("a.wav", "GSM610", 9 * 320), ("b.aiff", "ULAW", 9001), ("c.wav", "ULAW", 9001)):
    soundfile.write(name, noise[:length], 8000, subtype=coding)
    back, _ = soundfile.read(name)
    extra[name] = len(back) - length
    print(f"{name}, {coding}: {length} samples written, {len(back)} read; peak {abs(back[:length]).max():.2f}", end="")
    print(f", of what was added {abs(back[length:]).max():.2f}" if extra[name] else "")
if extra != {"a.wav": 320, "b.aiff": 1, "c.wav": 0}:
    sys.exit("No longer so.")
PY
