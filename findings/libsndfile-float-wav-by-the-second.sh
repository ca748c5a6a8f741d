#!/usr/bin/env bash
# libsndfile: the same samples written as a WAV of floats twice are two different files.
#
# Expected: a WAV of floats is a header and the samples: equal samples, rate and settings give equal bytes, as they do
# for 16 bits. So files may be compared, deduplicated or cached by a hash of their bytes.
# Happens: libsndfile adds a PEAK chunk that holds the time of writing, in seconds. Written within one second the files
# are equal, so a quick test passes. A PCM WAV or a FLAC has none; Ogg Vorbis differs too, by a random serial number.
#
# soundfile 0.14.0 (libsndfile 1.2.2); 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 soundfile==0.14.0
cd "$folder"
venv/bin/python - <<'PY'
import io
import sys
import time

import numpy as np
import soundfile

samples = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
kinds = [("WAV", "FLOAT"), ("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")]


def written():
    files = []
    for form, coding in kinds:
        place = io.BytesIO()
        soundfile.write(place, samples, 16000, format=form, subtype=coding)
        files.append(place.getvalue())
    return files


first = written()
time.sleep(1.1)
equal = []
for (form, coding), one, other in zip(kinds, first, written(), strict=True):
    equal.append(one == other)
    print(f"{form}, {coding}, written twice: {'equal' if equal[-1] else 'different'} bytes")
place = first[0].find(b"PEAK")
print("PEAK chunk of the first WAV of floats:", first[0][place : place + 16].hex(" ", 4))
if equal != [False, True, True, False]:
    sys.exit("No longer so.")
PY
