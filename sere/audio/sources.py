"""What a file is before anybody decodes it: that it is there, that it may be read, and what its first bytes say.

A file's kind is decided by its content: names lie (a video called ``.wav``, a wav called ``.mp4``). Endings serve where
content cannot: to find audio in a folder, and for streams that begin without a word of what they are.

A *source* is the path of a file, or its content held in memory (bytes).
"""

import os
import stat
from math import isfinite
from pathlib import Path

from sere.files.pointers import pointer

#: Endings of what libsndfile reads.
LIBSNDFILE_ENDINGS = frozenset(
    {".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".mp3", ".mp2", ".ogg", ".oga", ".opus"}
    | {".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".voc", ".sph", ".nist"}
)
#: Endings of what ffmpeg reads: other audio, and videos for their sound. Some such streams have no magic number.
FFMPEG_ENDINGS = frozenset(
    {".aac", ".ac3", ".adts", ".amr", ".ape", ".awb", ".dts", ".eac3", ".m4a", ".m4b", ".mka", ".mp1", ".mp2", ".mp3"}
    | {".mpa", ".mpc", ".ra", ".spx", ".tak", ".tta", ".weba", ".wma", ".wv"}
    | {".3g2", ".3gp", ".asf", ".avi", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"}
    | {".mxf", ".ogv", ".ogx", ".rm", ".vob", ".webm", ".wmv"}
)
#: Endings that are looked for when a folder is given: audio, and videos for their sound.
AUDIO_ENDINGS = LIBSNDFILE_ENDINGS | FFMPEG_ENDINGS

#: What files begin with whose kind libsndfile knows, though not every coding of it.
FAMILIES = (b"RIFF", b"RIFX", b"RF64", b"FORM", b".snd", b"caff", b"OggS", b"fLaC", b"ID3", b"Creative Voice File")
# And what is ffmpeg's alone.
_MAGIC = (
    *FAMILIES,
    *(b"\x1aE\xdf\xa3", b"0&\xb2u\x8ef\xcf\x11", b"FLV\x01", b"#!AMR", b"wvpk", b"TTA1", b"MAC ", b"ADIF", b".RMF"),
    *(b".ra\xfd", b"\x0bw", b"\x7f\xfe\x80\x01", b"MPCK", b"MP+", b"tBaK", b"\x00\x00\x01\xba"),
)
#: Boxes that an MP4, M4A, 3GP or QuickTime file begins with; their length comes first.
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free")
_TS_PACKET = 188  # bytes between two "G" of an MPEG transport stream


class Unreadable(Exception):
    """A sentence that says which file or waveform cannot be used, why, and what to do."""


def label(source: str | bytes) -> str:
    """What a sentence calls a source."""
    return f"audio in memory ({len(source)} bytes)" if isinstance(source, bytes) else repr(source)


def ending(source: str | bytes) -> str:
    """Lower-case ending of a path, with its dot; empty for content."""
    return "" if isinstance(source, bytes) else Path(source).suffix.lower()


def size_of(source: str | bytes) -> int:
    """Return the size of a source in bytes.

    Raises
    ------
    Unreadable
        No such file; a folder, pipe or device; empty; or its place cannot be looked at.
    """
    if isinstance(source, bytes):
        size = len(source)
    else:
        try:
            status = os.stat(source)
        except (OSError, ValueError) as error:
            raise Unreadable(_why_not_there(source, error)) from error
        if stat.S_ISDIR(status.st_mode):
            raise Unreadable(f"{source!r} is a folder; pass its files, or use sere.datasets.load_corpus")
        # Opening a pipe would wait for somebody who writes to it.
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{source!r} is a pipe or a device, not a file; save its sound in a file first")
        size = status.st_size
    if size == 0:
        raise Unreadable(f"{label(source)} is empty (0 bytes)")
    return size


def peek(source: str | bytes, at: int, n_bytes: int) -> bytes:
    """Return up to `n_bytes` of a source from byte `at` on."""
    if isinstance(source, bytes):
        return source[at : at + n_bytes]
    try:
        with open(source, "rb") as file:
            file.seek(at)
            return file.read(n_bytes)
    except OSError as error:
        raise Unreadable(_why_not_there(source, error)) from error


def is_for_ffmpeg(source: str | bytes) -> bool:
    """Whether ffmpeg may know what libsndfile does not, by first bytes or ending.

    Raises
    ------
    Unreadable
        The content may not be read, or stands for content that was not fetched.
    """
    head = peek(source, 0, 2 * _TS_PACKET)
    what = pointer(head, "audio")
    if what is not None:
        raise Unreadable(f"{label(source)} is {what}")
    stream = _is_sync(head) or head[:1] == head[_TS_PACKET : _TS_PACKET + 1] == b"G"
    return stream or head.startswith(_MAGIC) or head[4:8] in _BOXES or ending(source) in FFMPEG_ENDINGS


def span_problem(name: str, start: float | None, end: float | None, seconds: float) -> str | None:
    """Return what is wrong with the segment from `start` to `end` of `seconds` of audio, or None."""
    problem = order_problem(name, start, end)
    if problem is None and (start or 0.0) >= seconds:
        problem = f"{name}: the segment starts at {start or 0.0:g} s but the audio ends at {seconds:.3f} s"
    return problem


def order_problem(name: str, start: float | None, end: float | None) -> str | None:
    """Return what is wrong with a segment of audio of any length, or None."""
    for given in (start, end):
        if given is not None and not isfinite(given):
            return f"{name}: start and end must be finite numbers of seconds, got {given:g}"
    if (start or 0.0) < 0 or (end is not None and end <= (start or 0.0)):
        last = "end" if end is None else f"{end:g}"
        return (
            f"{name}: the segment {start or 0.0:g}-{last} s is empty; start must not be negative, end must lie after it"
        )
    return None


def _is_sync(head: bytes) -> bool:
    """Whether MPEG audio (AAC in ADTS frames among it) begins here: eleven ones."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] != 0xFF


def _why_not_there(path: str, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        if os.path.islink(path):
            return f"no such file: {path!r} is a link to {os.readlink(path)!r}, which is not there"
        return f"no such file: {path!r}" + ("" if os.path.isabs(path) else f" (relative paths start from {_here()})")
    if isinstance(error, PermissionError):
        return f"{path!r} may not be read: permission denied; ask its owner for it, or `chmod +r` it"
    reason = error.strerror if isinstance(error, OSError) else error
    return f"{path!r} cannot be opened: {reason}"


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "a folder that is gone"
