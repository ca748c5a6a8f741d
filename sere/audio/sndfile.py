"""Sound through libsndfile: opened, judged by what its header promises, and read to its end.

libsndfile reads up to a length that it takes from the header, or guesses. Three things go wrong with that, and are
found here without decoding anything:

- a header that promises more than is there: the file is truncated (said in libsndfile's log of its parsing);
- one that promises nothing, or anything: a wav that was never closed, an MP3 without a length header, two MP3s in one
  file. Such files are left to ffmpeg, which reads on to the end;
- one that promises more than the whole file by mistake: a wav whose length counts the header, or stands for "until the
  end" since a program that writes to a pipe cannot know it.
"""

import io
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile

from sere.audio import ffmpeg
from sere.audio.sources import FAMILIES, Unreadable, ending, is_for_ffmpeg, label, peek, size_of, span_problem

# A header's promise of bytes from here on stands for "until the end"; so many samples no file has.
_ENDLESS = 2**31 - 2**16
_UNKNOWN_LENGTH = 2**62
_HEADER = 128  # bytes, and a few milliseconds where so much sound is missing
_LONG_HEADER = 1024
# Values taken out at a time: memory follows what is there, not what a header promises.
_BLOCK = 2**23
_MALFORMED = 3
_A_LOOK = 0.1  # seconds
# The CAF standard's "until the end" is malformed to libsndfile; bytes within which the sound begins.
_OPEN_CAF = b"data" + b"\xff" * 8
_CAF_HEADER = 2**16

_BYTES = re.compile(
    r"^\s*(?:data|SSND|BODY|riff|Data Size|Data length)\s*:?\s*(?P<promised>-?\d+) \(?should be (?P<present>\d+)", re.M
)
_FRAMES = re.compile(
    r"Calculated frame count (?P<present>\d+) does not match value from 'ds64' chunk of (?P<promised>\d+)"
    r"|truncated\. (?P<there>\d+) <--> (?P<said>\d+)"
)
# Bytes from the beginning of an MP3's first frame to its length header, by version, channels and checksum.
_XING_AT = (36, 21, 13, 38, 23, 15)
_MP3_FRAME = 1441  # bytes of the longest one
_OGG_PAGE = 27 + 255 + 255 * 255  # likewise
# libsndfile takes the headers of later blocks for sound.
_MISREAD = ("VOC",)
_CUT = re.compile("Seems to be a truncated file|Warning : file seems to be truncated")
# Of GSM in a wav, bytes and samples of a block; libsndfile takes the byte that makes the data even for one block more.
_GSM_BLOCK = (65, 320)
_CLOSED = re.compile(r"^End$", re.M)
_GSM_DATA = re.compile(r"^data\s*:\s*(\d+)", re.M)
_NIST_COUNT = re.compile(rb"sample_count -i (\d+)")


class _Sound(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read from front to back: soundfile would seek after every block, which not every coding can."""

    def seekable(self) -> bool:
        return False


class _Content(io.BytesIO):
    """Content held in memory; a damaged header may send libsndfile to before its beginning, which is nowhere."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def open_sound(source: str | bytes) -> "_Sound | None":
    """Open a source; None where ffmpeg must read it.

    Raises
    ------
    Unreadable
        Not there, not audio, truncated or without samples, as far as its header tells.
    """
    size = size_of(source)
    sound = _open(source)
    if sound is None:
        return None
    try:
        whole = _is_whole(source, sound, size)
    except BaseException:
        sound.close()
        raise
    if not whole:
        sound.close()
    return sound if whole else None


def seconds_of(sound: Any) -> float:
    """Length of an open file; infinity where its header does not say."""
    return _length(sound) / sound.samplerate if sound.frames < _UNKNOWN_LENGTH else float("inf")


def decode(source: str | bytes, sound: Any, start: float | None, end: float | None) -> np.ndarray:
    """Return the samples of an open file from `start` to `end` seconds, shape (n_samples, n_channels), float32."""
    problem = span_problem(label(source), start, end, seconds_of(sound))
    if problem:
        raise Unreadable(problem)
    rate, length = sound.samplerate, _length(sound)
    first = 0 if start is None else round(start * rate)
    last = length if end is None else min(round(end * rate), length)
    try:
        samples = _read(sound, last - first) if _sought(sound, first) else _skipped(source, first, last)
    except soundfile.LibsndfileError as error:
        raise Unreadable(_undecodable(source, error)) from error
    if len(samples) < last - first and sound.frames < _UNKNOWN_LENGTH:
        raise Unreadable(
            f"{label(source)} ends after {len(samples)} of {last - first} samples: it is truncated; copy it again"
        )
    return samples


def blocks(source: str | bytes, sound: Any, seconds: float) -> Iterator[tuple[np.ndarray, int]]:
    """Yield an open file's samples a few seconds at a time, (n_samples, n_channels) float32, with their rate."""
    length, passed, step = _length(sound), 0, max(1, round(seconds * sound.samplerate))
    while passed < length:
        try:
            samples = sound.read(min(step, length - passed), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise Unreadable(_undecodable(source, error)) from error
        passed += len(samples)
        if len(samples):
            yield samples, sound.samplerate
        elif sound.frames >= _UNKNOWN_LENGTH:
            return
        else:
            raise Unreadable(f"{label(source)} ends after {passed} of {length} samples: it is truncated; copy it again")


def _undecodable(source: str | bytes, error: soundfile.LibsndfileError) -> str:
    return f"{label(source)} cannot be decoded ({error.error_string}); it may be truncated: copy it again"


def _length(sound: Any) -> int:
    """Samples of an open file, or more than any file has."""
    data = _GSM_DATA.search(sound.extra_info) if (sound.format, sound.subtype) == ("WAV", "GSM610") else None
    if data is None or data[1] == "0":
        return int(sound.frames)
    n_bytes, n_samples = _GSM_BLOCK
    return min(int(sound.frames), int(data[1]) // n_bytes * n_samples)


def _sought(sound: Any, first: int) -> bool:
    if first == 0:
        return True
    try:
        return bool(sound.seek(first) == first)
    except soundfile.LibsndfileError:
        return False


def _skipped(source: str | bytes, first: int, last: int) -> np.ndarray:
    """Read and forget what comes before `first`, in a coding that cannot seek."""
    with _Sound(_handle(source)) as sound:
        passed = 0
        while passed < first:
            step = min(_BLOCK // sound.channels, first - passed)
            got = len(sound.read(step, dtype="float32", always_2d=True))
            passed += got
            if got < step:
                seconds, start = (n_samples / sound.samplerate for n_samples in (passed, first))
                raise Unreadable(span_problem(label(source), start, None, seconds))
        return _read(sound, last - first)


def _read(sound: Any, n_samples: int) -> np.ndarray:
    blocks: list[np.ndarray] = []
    step = max(1, _BLOCK // sound.channels)
    while True:
        asked = min(step, n_samples - step * len(blocks))
        blocks.append(sound.read(asked, dtype="float32", always_2d=True))
        if len(blocks[-1]) < asked or n_samples <= step * len(blocks):
            return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _handle(source: str | bytes) -> Any:
    """What soundfile opens: names as bytes, so that they need not be UTF-8."""
    if isinstance(source, bytes):
        return _Content(source)
    # By this ending alone soundfile asks for a rate; the content may say it.
    if ending(source) == ".raw":
        return _Content(peek(source, 0, -1))
    return source if os.name == "nt" else os.fsencode(source)


def _open(source: str | bytes) -> "_Sound | None":
    name = label(source)
    nameless = Unreadable(f"{name} has no header that says its rate and coding: convert it to wav")
    try:
        sound = _Sound(_handle(source))
    except soundfile.LibsndfileError as error:
        for_ffmpeg = is_for_ffmpeg(source)
        if error.code == _MALFORMED and _OPEN_CAF not in peek(source, 0, _CAF_HEADER):
            raise Unreadable(f"{name} is malformed; it may be truncated: copy it again") from error
        if for_ffmpeg:
            if peek(source, 0, 32).startswith(FAMILIES):
                if ffmpeg.find_ffmpeg() is None:
                    raise Unreadable(
                        f"{name} is not audio that libsndfile reads ({error.error_string.rstrip('.')}); ffmpeg may "
                        "(`pip install imageio-ffmpeg`), if it is audio"
                    ) from error
                # More often broken than of a coding that libsndfile lacks: better known before anything is decoded.
                ffmpeg.decode(source, None, _A_LOOK)
            return None
        if ending(source) == ".raw":
            raise nameless from error
        raise Unreadable(
            f"{name} is not audio that libsndfile or ffmpeg read (wav, flac, mp3, ogg, m4a, ...); convert it to wav"
        ) from error
    if sound.format == "RAW":  # libsndfile's guess from the ending, whatever the bytes
        sound.close()
        raise nameless
    return sound


def _is_whole(source: str | bytes, sound: Any, size: int) -> bool:
    """Whether libsndfile knows where the sound ends."""
    promised, present, unit = _promise(source, sound)
    if promised > present:
        raise Unreadable(
            f"{label(source)} holds {present} of the {promised} {unit} of sound it promises: it is truncated; "
            "copy it again"
        )
    if _CUT.search(sound.extra_info):
        raise Unreadable(f"{label(source)} ends before its last block: it is truncated; copy it again")
    if sound.format in _MISREAD:
        return False
    if sound.subtype.startswith("MPEG"):
        return sound.format == "MP3" and _has_length(source, size)
    ogg = sound.format == "OGG"
    if sound.frames == 0 and not ogg and not _CLOSED.search(sound.extra_info):
        if sound.format in ("WAV", "WAVEX"):
            return False
        if size > _LONG_HEADER:
            raise Unreadable(
                f"{label(source)} was never closed by its recorder: its header counts no samples, though {size} bytes "
                "are there; repair it, as with `sox --ignore-length`"
            )
    if ogg and _ends_within_a_page(source, size):
        raise Unreadable(f"{label(source)} ends within a page: it is truncated; copy it again")
    # The length of ogg is read from the end of the file; where that is missing, libsndfile says 0 or "very many".
    if sound.frames == 0 or (ogg and sound.frames >= _UNKNOWN_LENGTH):
        hint = "; it may be truncated: copy it again" if ogg else ""
        raise Unreadable(f"{label(source)} holds no samples{hint}")
    return True


def _promise(source: str | bytes, sound: Any) -> tuple[int, int, str]:
    """How much sound a file's header promises, how much is there, and in what; zeros where nothing is amiss."""
    found = _BYTES.search(sound.extra_info)
    if found:
        promised, present = int(found["promised"]), int(found["present"])
        # As much as the field can hold stands for "until the end"; a little more than is there counts the header.
        as_meant = promised >= _ENDLESS or promised - present <= _HEADER
        return (present if as_meant else promised), present, "bytes"
    found = _FRAMES.search(sound.extra_info)
    if found:
        return int(found["promised"] or found["said"]), int(found["present"] or found["there"]), "samples"
    if sound.format == "NIST":
        count = _NIST_COUNT.search(peek(source, 0, 1024))
        return int(count[1]) if count else 0, sound.frames, "samples"
    return 0, 0, ""


def _has_length(source: str | bytes, size: int) -> bool:
    """Whether an MP3 says its length in bytes and samples, and nothing more follows it.

    Raises
    ------
    Unreadable
        It says more bytes than are there.
    """
    begin = 0
    while (tag := peek(source, begin, 10))[:3] == b"ID3" and len(tag) == 10:
        begin += 10 + sum((byte & 127) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0)))
    head = peek(source, begin, 64)
    headers = [head[at : at + 16] for at in _XING_AT if head[at : at + 4] in (b"Xing", b"Info")]
    if not headers or len(headers[0]) < 16:
        return False
    flags, frames, n_bytes = (int.from_bytes(headers[0][at : at + 4], "big") for at in (4, 8, 12))
    if flags & 3 != 3 or frames == 0:
        return False
    if begin + n_bytes > size + _MP3_FRAME:
        raise Unreadable(
            f"{label(source)} holds {size - begin} of the {n_bytes} bytes of sound it promises: it is truncated; "
            "copy it again"
        )
    after = begin + n_bytes
    tag = peek(source, after, 16)
    if tag[:8] == b"APETAGEX" and len(tag) == 16:
        after += 32 + int.from_bytes(tag[12:], "little")
    if peek(source, after, 3) == b"TAG":
        after += 128
    return after >= size


def _ends_within_a_page(source: str | bytes, size: int) -> bool:
    """Whether the last page of an ogg file is longer than the file."""
    tail = peek(source, max(0, size - _OGG_PAGE), _OGG_PAGE)
    at = tail.rfind(b"OggS")
    page = tail[at:]
    n_segments = page[26] if at >= 0 and len(page) > 26 else 255
    return at >= 0 and 27 + n_segments + sum(page[27 : 27 + n_segments]) > len(page)
