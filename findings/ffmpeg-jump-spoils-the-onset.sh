#!/usr/bin/env bash
# ffmpeg: a segment cut by "-ss" before "-i" begins wrong, or short, though the jump is called accurate.
#
# Expected: an input jump while transcoding goes to a point before the wanted one, decodes from there and drops what is
# too early (-accurate_seek, the default): the segment equals that part of the whole file, decoded.
# Happens: MP3, AAC and Vorbis need earlier frames to decode the first ones, and ffmpeg starts too close. Of MP3 at 16
# kHz the first 150 ms of every segment are wrong, of AAC some 30 to 60 ms; of Vorbis a segment that begins at a border
# of pages is too short and comes too early. FLAC is exact. A jump to half a second earlier and a second "-ss" behind
# "-i" mend all of them. A list of segments of one recording meets this in every row.
#
# imageio-ffmpeg 0.6.0 (ffmpeg 7.0.2), soundfile 0.14.0; 2026-11-29
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
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=True).stdout


def samples(*arguments):
    return np.frombuffer(ffmpeg(*arguments, "-f", "f32le", "-"), "<f4")


def wrong_onset(segment, truth):
    """Samples up to the last wrong one."""
    length = min(len(segment), len(truth))
    wrong = np.flatnonzero(abs(segment[:length] - truth[:length]) > 1e-4)
    return 0 if len(wrong) == 0 else wrong[-1] + 1


rate, length = 16000, 8000
soundfile.write("a.wav", np.random.default_rng(0).normal(0, 0.1, 6 * rate), rate)
spoilt, mended, short = {}, {}, {}
for name, coding in (("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.ogg", "libvorbis"), ("a.flac", "flac")):
    ffmpeg("-i", "a.wav", "-c:a", coding, name)
    whole = samples("-i", name)
    onsets, after, lengths = [], [], []
    for start in np.arange(0.75, 5, 0.25):
        truth = whole[round(start * rate) :][:length]
        jumped = samples("-ss", start, "-i", name, "-t", 0.5)
        onsets.append(wrong_onset(jumped, truth))
        lengths.append(len(jumped))
        after.append(wrong_onset(samples("-ss", start - 0.5, "-i", name, "-ss", 0.5, "-t", 0.5), truth))
    spoilt[name], mended[name], short[name] = np.array(onsets), max(after), min(lengths)
    milliseconds = 1000 * np.median(onsets) / rate
    print(f"{name}: {np.count_nonzero(onsets)} of {len(onsets)} segments begin wrong, {milliseconds:.0f} ms", end=" ")
    print(f"in the median; the shortest has {min(lengths)} of {length} samples", end="; ")
    print("a run-up", "leaves some wrong" if mended[name] else "mends all")
if not (
    np.median(spoilt["a.mp3"]) > 1000
    and np.all(spoilt["a.m4a"] > 0)
    and short["a.ogg"] < length
    and not spoilt["a.flac"].any()
    and not any(mended.values())
):
    sys.exit("No longer so.")
PY
