"""Audio in: any file libsndfile or ffmpeg reads, any rate and channel count, to 16 kHz mono float32.

:mod:`sere.audio.clips` is what all others use, :mod:`sere.audio.sources` says what a file is, :mod:`sere.audio.sndfile`
and :mod:`sere.audio.ffmpeg` decode it.
"""

from sere.audio.clips import (
    FRAME_RATE,
    HOP,
    SAMPLE_RATE,
    AudioError,
    Clip,
    check,
    check_file,
    n_frames,
    read,
    seconds_of,
)

__all__ = [
    "FRAME_RATE",
    "HOP",
    "SAMPLE_RATE",
    "AudioError",
    "Clip",
    "check",
    "check_file",
    "n_frames",
    "read",
    "seconds_of",
]
