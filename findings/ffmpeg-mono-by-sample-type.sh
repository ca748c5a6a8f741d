#!/usr/bin/env bash
# ffmpeg: how loud "-ac 1" is depends on the number format that one asks for.
#
# Expected: mixing stereo to mono is one operation, the mean of both channels; whether the samples are handed over as
# integers or as floats changes only how they are rounded.
# Happens: with an integer format on the way (-f s16le) both channels count a half; with floats (-f f32le) they count
# 0.71 each, since only integers are kept from overflowing. A centred voice is 3 dB louder, and a voice at full scale
# leaves [-1, 1]. So features of `-ac 1 -f f32le` and of `-ac 1 -f s16le` divided by 32768 are not comparable.
#
# imageio-ffmpeg 0.6.0 (ffmpeg 7.0.2); 2026-11-29
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

tone = 0.8 * np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
soundfile.write("stereo.wav", np.stack([tone, tone], axis=1), 16000, subtype="PCM_16")


def mono(file, *kind):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", file, "-ac", "1", *kind, "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


integers = abs(np.frombuffer(mono("stereo.wav", "-f", "s16le"), "<i2") / 32768).max()
floats = abs(np.frombuffer(mono("stereo.wav", "-f", "f32le"), "<f4")).max()
print(f"both channels peak at 0.8; mono as 16-bit integers at {integers:.3f}, mono as floats at {floats:.3f}")
if not (abs(integers - 0.8) < 0.01 and abs(floats - 0.8 * 2**0.5) < 0.01):
    sys.exit("No longer so.")
PY
