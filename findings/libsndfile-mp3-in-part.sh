#!/usr/bin/env bash
# libsndfile: a valid MP3 of variable rate is read in part, without a word.
#
# Expected: reading "all" of a file gives all of it; where a format promises no length, as MP3 does not, a decoder reads
# frame by frame to the end, or at least says that it stopped early.
# Happens: without a Xing header (a recorder or a stream that cannot go back writes none) the number of samples is
# guessed from the size of the file and the bit rate of its first frames, and reading stops at the guess. Where a clip
# begins busy and goes on quiet most of it is missing; soundfile.read raises and warns of nothing. ffmpeg reads on.
#
# soundfile 0.14.0 (libsndfile 1.2.2), imageio-ffmpeg 0.6.0 (ffmpeg 7.0.2); 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 soundfile==0.14.0 imageio-ffmpeg==0.6.0
cd "$folder"
venv/bin/python - <<'PY'
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import soundfile


def ffmpeg(*arguments):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


rate, seconds = 44100, 6
fading = np.exp(-np.arange(seconds * rate) / rate)
soundfile.write("a.wav", 0.1 * fading * np.random.default_rng(0).normal(size=len(fading)), rate)
shares = {}
for name, header in (("with.mp3", "1"), ("without.mp3", "0")):
    ffmpeg("-i", "a.wav", "-q:a", "4", "-write_xing", header, name)
    by_libsndfile = len(soundfile.read(name)[0])
    by_ffmpeg = len(ffmpeg("-i", name, "-f", "s16le", "-")) // 2
    shares[name] = by_libsndfile / by_ffmpeg
    print(f"{name}: {seconds} s encoded; libsndfile reads {by_libsndfile / rate:.2f}, ffmpeg {by_ffmpeg / rate:.2f}")
if not (shares["with.mp3"] > 0.99 and shares["without.mp3"] < 0.9):
    sys.exit("No longer so.")
PY
