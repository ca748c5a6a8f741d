#!/usr/bin/env bash
# soundfile: a FLAC that was written to a pipe reads in blocks, correctly, up to an error at its last block.
#
# Expected: the FLAC standard lets a stream leave its number of samples open, encoders that cannot seek do so, and every
# player reads such a stream to its end. `soundfile.read` returns it, and `blocks` as well.
# Happens: the length is 2**63 - 1 samples. `read` wants to allocate them ("array is too big"); reading by blocks works
# until the block that is not full, then fails with an error without text, because soundfile seeks back and forth
# around every read. With `seekable` overridden to say no, the same object reads every sample.
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

noise = np.random.default_rng(0).normal(0, 0.1, 48000)
soundfile.write("a.wav", noise, 16000)
command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", "a.wav", "-f", "flac", "-"]
with open("piped.flac", "wb") as out:
    out.write(subprocess.run(command, capture_output=True, check=True).stdout)


class FrontToBack(soundfile.SoundFile):
    def seekable(self):
        return False


def by_blocks(kind):
    blocks = []
    with kind("piped.flac") as sound:
        while True:
            try:
                blocks.append(sound.read(10000, dtype="int16"))
            except soundfile.LibsndfileError as error:
                return np.concatenate(blocks), f"then {error!r}"
            if len(blocks[-1]) < 10000:
                return np.concatenate(blocks), "then the end"


try:
    soundfile.read("piped.flac")
    whole = "all of it"
except ValueError as error:
    whole = repr(error)
print("read:", whole)
kept, end = by_blocks(soundfile.SoundFile)
print(f"blocks: {len(kept)} of {len(noise)} samples, {end}")
cured, cured_end = by_blocks(FrontToBack)
print(f"blocks, not seekable: {len(cured)} of {len(noise)} samples, {cured_end}")
truth = soundfile.read("a.wav", dtype="int16")[0]
if not (whole != "all of it" and len(kept) < len(noise) and np.array_equal(cured, truth)):
    sys.exit("No longer so.")
PY
