#!/usr/bin/env bash
# soundfile: the same float samples in 16 bits are other integers in WAV than in FLAC: WAV rounds down.
#
# Expected: both are lossless containers of 16-bit integers, written by one library by one call, so what is read back is
# equal; a float is rounded to the nearest integer.
# Happens: in WAV (and AIFF, and 24 or 8 bits) every float is rounded *down*, which moves the whole clip by half a step
# and doubles the error; FLAC rounds to nearest. Half of all samples differ between the two files. libsndfile's plain
# conversion rounds; its clipping one, which soundfile always asks for, cuts bits off.
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

samples = np.random.default_rng(0).normal(0, 0.01, 100_000)
written = {}
for ending in ("wav", "aiff", "flac"):
    soundfile.write(f"a.{ending}", samples, 16000, subtype="PCM_16")
    written[ending] = soundfile.read(f"a.{ending}", dtype="int16")[0]
    error = written[ending] - 32768 * samples
    print(f"{ending}: error between {error.min():+.2f} and {error.max():+.2f} steps, {error.mean():+.3f} on average")
differ = np.mean(written["wav"] != written["flac"])
print(f"{100 * differ:.0f} % of the samples differ between wav and flac")
if not (0.4 < differ < 0.6 and np.array_equal(written["wav"], np.floor(32768 * samples))):
    sys.exit("No longer so.")
PY
