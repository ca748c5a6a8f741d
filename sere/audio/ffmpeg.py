"""Sound through ffmpeg: what libsndfile does not know, and what it would read up to its own guess of a length.

ffmpeg is the program on the PATH, else the one that the PyPI package imageio-ffmpeg brings (``pip install
"sere[ffmpeg]"``). It hands over the first audio track at its own rate and with its own channels, so all that follows is
the same for every file.
"""

import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sere.audio.sources import Unreadable, label, order_problem, span_problem

# Decoding begins so many seconds early: after a jump the first frames of most codecs come out wrong.
_RUN_UP = 1.0
_AU = struct.Struct(">4s5I")  # magic, offset of the samples, their bytes, coding, rate, channels
# What ffmpeg says, and goes on, where a file ends too soon.
_CUT = re.compile(
    "partial file|ended prematurely|Error during demuxing|incomplete frame"
    "|Input packet size too small|Corrupt bitstream"
)


def find_ffmpeg() -> str | None:
    """Return the program's path, or None where there is none."""
    found = shutil.which("ffmpeg")
    if found is None:
        try:
            from imageio_ffmpeg import get_ffmpeg_exe

            found = get_ffmpeg_exe()
        except (ImportError, RuntimeError):
            return None
    return found


def need_ffmpeg(source: str | bytes) -> str:
    """Return the program's path; without it, :class:`~sere.audio.sources.Unreadable` says how to get it."""
    found = find_ffmpeg()
    if found is None:
        raise Unreadable(
            f"{label(source)} needs ffmpeg to be read to its end: install ffmpeg (`pip install imageio-ffmpeg` brings "
            "it), or convert the file to wav"
        )
    return found


def decode(source: str | bytes, start: float | None, end: float | None) -> tuple[np.ndarray, int]:
    """Return the samples from `start` to `end` seconds, and their rate.

    Returns
    -------
    samples : ndarray of shape (n_samples, n_channels), float32
    rate : int
        In Hz.

    Raises
    ------
    Unreadable
        No ffmpeg; nothing that it can read; no sound; truncated; a segment outside the sound.
    """
    problem = order_problem(label(source), start, end)
    if problem:
        raise Unreadable(problem)
    program = need_ffmpeg(source)
    if not isinstance(source, bytes):
        return _segment(program, source, source, start or 0.0, end)
    with tempfile.TemporaryDirectory(prefix="sere-") as folder:
        place = Path(folder) / "audio"  # a file and no pipe: many containers are read back and forth
        place.write_bytes(source)
        return _segment(program, str(place), source, start or 0.0, end)


def _segment(program: str, path: str, source: str | bytes, start: float, end: float | None) -> tuple[np.ndarray, int]:
    if start > _RUN_UP:
        samples, rate = _run(program, path, source, start - _RUN_UP, _RUN_UP, end and end - start)
        if len(samples) > 0 and (end is None or len(samples) >= int((end - start) * rate)):
            return samples, rate
    # What cannot be jumped into, and what ends before `end`, is read from its beginning.
    samples, rate = _run(program, path, source, 0.0, 0.0, end)
    if len(samples) == 0:
        raise Unreadable(f"{label(source)} holds no samples")
    problem = span_problem(label(source), start, end, len(samples) / rate)
    if problem:
        raise Unreadable(problem)
    return samples[round(start * rate) : None if end is None else round(end * rate)], rate


def _run(
    program: str, path: str, source: str | bytes, jump: float, skip: float, seconds: float | None
) -> tuple[np.ndarray, int]:
    """Return the samples of one run, and their rate."""
    try:
        run = subprocess.run(
            _command(program, path, jump, skip, seconds), capture_output=True, stdin=subprocess.DEVNULL
        )
    except (OSError, ValueError) as error:
        raise Unreadable(f"{label(source)} needs ffmpeg, and {program} cannot be run: {error}") from error
    _judge(run.stderr, run.returncode, len(run.stdout) >= _AU.size, program, path, source)
    _, offset, _, _, rate, channels = _AU.unpack_from(run.stdout)
    whole = (len(run.stdout) - offset) // (4 * channels) * channels
    return np.frombuffer(run.stdout, ">f4", whole, offset).reshape(-1, channels).astype(np.float32), rate


def blocks(source: str | bytes, seconds: float) -> Iterator[tuple[np.ndarray, int]]:
    """Yield a source's samples a few seconds at a time, (n_samples, n_channels) float32, with their rate.

    Raises
    ------
    Unreadable
        As :func:`decode`; what only shows at the end, there.
    """
    program = need_ffmpeg(source)
    with tempfile.TemporaryDirectory(prefix="sere-") as folder:
        path = source if isinstance(source, str) else str(Path(folder) / "audio")
        if isinstance(source, bytes):
            Path(path).write_bytes(source)
        with open(Path(folder) / "said", "w+b") as said:
            try:
                run = subprocess.Popen(
                    _command(program, path), stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL
                )
            except (OSError, ValueError) as error:
                raise Unreadable(f"{label(source)} needs ffmpeg, and {program} cannot be run: {error}") from error
            begun, n_samples = False, 0
            with run:
                try:
                    for samples, rate in _handed_over(run.stdout, seconds):
                        begun, n_samples = True, n_samples + len(samples)
                        if len(samples):
                            yield samples, rate
                except BaseException:  # whoever reads has enough
                    run.kill()
                    raise
            said.seek(0)
            _judge(said.read(), run.returncode, begun, program, path, source)
    if n_samples == 0:
        raise Unreadable(f"{label(source)} holds no samples")


def _handed_over(pipe: Any, seconds: float) -> Iterator[tuple[np.ndarray, int]]:
    """Yield no samples once the header has come, then samples; each with their rate."""
    head = pipe.read(_AU.size)
    if len(head) < _AU.size:
        return
    _, offset, _, _, rate, channels = _AU.unpack(head)
    pipe.read(offset - _AU.size)
    yield np.empty((0, channels), np.float32), rate
    while block := pipe.read(4 * channels * max(1, round(seconds * rate))):
        samples = np.frombuffer(block, ">f4", len(block) // (4 * channels) * channels)
        yield samples.reshape(-1, channels).astype(np.float32), rate


def _command(program: str, path: str, jump: float = 0.0, skip: float = 0.0, seconds: float | None = None) -> list[str]:
    """Jump, decode and skip, decode and hand over."""
    command = [program, "-v", "error", "-nostdin", "-protocol_whitelist", "file"]
    command += ["-ss", f"{jump:.6f}"] if jump else []
    # Named as a file: a colon would make a protocol of it, and a dash an option.
    command += ["-i", f"file:{path}"]
    command += ["-ss", f"{skip:.6f}"] if skip else []
    command += [] if seconds is None else ["-t", f"{seconds:.6f}"]
    return [*command, "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"]


def _judge(errors: bytes, code: int, begun: bool, program: str, path: str, source: str | bytes) -> None:
    """Raise for what ffmpeg could not read, by what it said, its exit code and whether any sound came."""
    said = errors.decode(errors="replace").replace(f"file:{path}", "the file").strip()
    if _CUT.search(said):
        raise Unreadable(f"{label(source)} ends too soon: it is truncated; copy it again (ffmpeg: {_reason(said)})")
    if "matches no streams" in said:
        raise Unreadable(f"{label(source)} holds no sound: ffmpeg finds no audio track in it")
    if code < 0:
        raise Unreadable(
            f"ffmpeg ({program}) broke off over {label(source)} by signal {-code}; install another version "
            "of it, or convert the file to wav"
        )
    if code or not begun:
        reason = _reason(said) or f"exit code {code}"
        raise Unreadable(
            f"ffmpeg cannot read {label(source)} ({reason}): it is truncated or is not audio; copy it again"
        )


def _reason(said: str) -> str:
    """The first thing that went wrong, without ffmpeg's note of the part that met it."""
    return re.sub(r"^(\[[^]]*\] )+", "", said.split("\n", 1)[0])
