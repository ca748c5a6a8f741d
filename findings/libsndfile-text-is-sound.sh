#!/usr/bin/env bash
# libsndfile: a text file whose name ends in .au or .snd opens as sound: noise at 8 kHz.
#
# Expected: formats are told by their first bytes; AU has a magic number, so a file without it is an error, as the same
# bytes are when named .wav or .flac.
# Happens: for .au, .snd and .vox the ending alone decides: no magic, so the bytes are headerless telephone speech.
# `soundfile.read` returns loud noise and a rate that nobody gave; `info` alone tells ("RAW"). A transcript that was
# given the ending of its recording becomes a training example.
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
from pathlib import Path

import soundfile

opened = []
for ending in ("au", "snd", "vox", "wav", "flac", "aiff"):
    name = f"transcript.{ending}"
    Path(name).write_text("The tram was late again, and nobody at the stop was surprised.\n" * 100)
    try:
        samples, rate = soundfile.read(name)
    except soundfile.LibsndfileError:
        print(f"{name}: refused")
        continue
    opened.append(ending)
    seconds, peak = len(samples) / rate, abs(samples).max()
    print(f"{name}: {seconds:.2f} s of sound at {rate} Hz, peak {peak:.2f}, format {soundfile.info(name).format}")
if opened != ["au", "snd", "vox"]:
    sys.exit("No longer so.")
PY
