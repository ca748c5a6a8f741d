"""Odd files, a few hundred, all harmless and small: what recorders, converters, clouds and people leave behind.

:func:`make` writes them into a folder, always the same. Each has a number in its name ("odd017"), by which an error
has to name it, and says whether it holds sound that must be read, holds none that may be, or leaves both open.
"""

import os
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from sere.audio.ffmpeg import find_ffmpeg

RATE = 16_000


@dataclass(frozen=True)
class Odd:
    """One odd file.

    Attributes
    ----------
    number : str
        Part of its name, as in "odd017".
    kind : str
        Such as "truncated".
    about : str
        What is odd about it.
    path : str
    readable : bool or None
        True: its sound must be read. False: an error must say that it cannot be. None: either.
    """

    number: str
    kind: str
    about: str
    path: str
    readable: bool | None


@dataclass
class _Folder:
    """Hands out numbered names."""

    place: Path
    count: int = 0

    def path(self, ending: str = ".wav", name: str = "{}") -> str:
        self.count += 1
        return os.path.join(self.place, name.format(self.number) + ending)

    @property
    def number(self) -> str:
        return f"odd{self.count:03d}"

    def odd(self, path: str, kind: str, about: str, readable: bool | None) -> Odd:
        return Odd(self.number, kind, about, path, readable)


def voice(seconds: float = 0.4, rate: int = RATE) -> np.ndarray:
    """Return something like a voice, (n,) float64: pulses at 120 Hz that swell and fade, in a little noise."""
    n = round(seconds * rate)
    clock = np.arange(n) / rate
    pulses = np.sin(2 * np.pi * 120 * clock) ** 15
    noise = 0.01 * np.random.default_rng(n).standard_normal(n)
    return 0.4 * np.sin(np.pi * np.arange(n) / max(n, 1)) * (pulses + noise)


def make(folder: Path) -> list[Odd]:
    """Write every odd file into a folder; returns what they are.

    Parameters
    ----------
    folder : Path
        Empty.
    """
    numbered = _Folder(folder)
    makers = (_kinds, _cut, _headers, _endings, _few_samples, _channels, _rates, _values, _names, _no_files, _no_audio)
    return [odd for maker in (*makers, _decorated) for odd in maker(numbered)]


#: Containers by ending, with how soundfile is asked for them.
CONTAINERS: dict[str, dict[str, str]] = {
    ".wav": {"format": "WAV", "subtype": "PCM_16"},
    ".flac": {"format": "FLAC", "subtype": "PCM_16"},
    ".mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III"},
    ".ogg": {"format": "OGG", "subtype": "VORBIS"},
    ".opus": {"format": "OGG", "subtype": "OPUS"},
    ".aiff": {"format": "AIFF", "subtype": "PCM_16"},
    ".au": {"format": "AU", "subtype": "PCM_16"},
    ".caf": {"format": "CAF", "subtype": "PCM_16"},
    ".w64": {"format": "W64", "subtype": "PCM_16"},
    ".rf64": {"format": "RF64", "subtype": "PCM_16"},
}
_PLAIN = {"WAV", "WAVEX", "FLAC", "AIFF", "AU", "CAF", "W64", "RF64", "OGG", "MP3"}
_PLAIN_KINDS = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW", "VORBIS", "OPUS", "MPEG_LAYER_III")


def _kinds(folder: _Folder) -> Iterator[Odd]:
    """Yield every container with every encoding that soundfile writes."""
    for container in sorted(soundfile.available_formats()):
        for encoding in sorted(soundfile.available_subtypes(container)):
            path = folder.path(f".{container.lower()}")
            about = f"{container} {encoding}"
            try:
                soundfile.write(path, voice(), RATE, format=container, subtype=encoding)
            except (soundfile.LibsndfileError, ValueError, TypeError):
                if not os.path.exists(path):
                    continue
            sure = container in _PLAIN and encoding.startswith(_PLAIN_KINDS) and os.path.getsize(path) > 100
            yield folder.odd(path, "encodings", about, True if sure else None)


def _cut(folder: _Folder) -> Iterator[Odd]:
    """Yield every container, cut off at many places."""
    for ending, options in CONTAINERS.items():
        whole = folder.path(ending)
        soundfile.write(whole, voice(), RATE, **options)
        content = Path(whole).read_bytes()
        yield folder.odd(whole, "truncated", f"{ending} whole", True)
        half = len(content) // 2
        for at in (0, 1, 4, 11, 12, 20, 36, 43, 44, 46, 60, 100, half, half + 1, len(content) - 2, len(content) - 1):
            path = folder.path(ending)
            Path(path).write_bytes(content[:at])
            yield folder.odd(
                path, "truncated", f"{ending} after {at} of {len(content)} bytes", False if at < 12 else None
            )


def wav(
    samples: bytes,
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = RATE,
    bits: int = 16,
    before: bytes = b"",
    **lies: int,
) -> bytes:
    """Return a WAV file with any header; `lies` may hold ``riff``, ``fmt``, ``data``, ``align`` and ``second``."""
    align = channels * bits // 8
    fmt = struct.pack(
        "<HHIIHH", tag, channels, rate, lies.get("second", rate * align % 2**32), lies.get("align", align % 2**16), bits
    )
    chunks = b"fmt " + struct.pack("<I", lies.get("fmt", 16)) + fmt + before
    chunks += b"data" + struct.pack("<I", lies.get("data", len(samples))) + samples
    return b"RIFF" + struct.pack("<I", lies.get("riff", 4 + len(chunks))) + b"WAVE" + chunks


def _headers(folder: _Folder) -> Iterator[Odd]:
    """Yield headers that lie."""
    sound = (voice() * 32767).astype("<i2").tobytes()
    few = sound[3000:3200]
    most = 2**32 - 1
    headers: dict[str, tuple[bytes, bool | None]] = {
        "nothing is odd": (wav(sound), True),
        "size of the sound 0, as a recorder leaves it that was not closed": (
            wav(sound, data=0, riff=0),
            True if find_ffmpeg() else None,
        ),
        "size of the sound as large as can be, as a pipe leaves it": (wav(sound, data=most, riff=most), True),
        "size of the sound 2**31 - 1": (wav(sound, data=2**31 - 1), None),
        "the header's 44 bytes count as sound": (wav(sound, data=len(sound) + 44), True),
        "RIFF size 0": (wav(sound, riff=0), True),
        "RIFF size too small": (wav(sound, riff=100), True),
        "RIFF size too large": (wav(sound, riff=len(sound) * 3), None),
        "a tenth of the sound it promises": (wav(few, data=len(few) * 10), None),
        "the sound has an odd number of bytes": (wav(sound[:-1]), None),
        "rate 0": (wav(sound, rate=0), False),
        "rate 1": (wav(few, rate=1), None),
        "rate 50": (wav(few, rate=50), None),
        "rate 2**32 - 1": (wav(sound, rate=most), None),
        "rate 2**31": (wav(sound, rate=2**31), None),
        "no channel": (wav(sound, channels=0), False),
        "65,535 channels": (wav(sound, channels=65535), None),
        "0 bits": (wav(sound, bits=0), None),
        "7 bits": (wav(sound, bits=7), None),
        "33 bits": (wav(sound, bits=33), None),
        "bytes a second are wrong": (wav(sound, second=7), True),
        "block size is wrong": (wav(sound, align=7), None),
        "an encoding that nobody knows": (wav(sound, tag=0x7777), False),
        "floats are called integers": (wav(voice().astype("<f4").tobytes(), bits=32), None),
        "integers are called floats": (wav(sound, tag=3, bits=32), None),
        "the format has no end": (wav(sound, fmt=most), False),
        "a chunk of odd length before the sound": (wav(sound, before=b"LIST" + struct.pack("<I", 3) + b"abc\0"), True),
        "a chunk before the sound that has no end": (wav(sound, before=b"JUNK" + struct.pack("<I", most)), None),
        "nothing but RIFF": (b"RIFF", False),
        "no sound chunk": (wav(b"")[:36], False),
    }
    for about, (content, readable) in headers.items():
        path = folder.path()
        Path(path).write_bytes(content)
        yield folder.odd(path, "headers", about, readable)
    for rate in (0, 1, 2**32 - 1):
        path = folder.path(".au")
        Path(path).write_bytes(b".snd" + struct.pack(">IIIII", 24, most, 3, rate, 1) + few)
        yield folder.odd(path, "headers", f"au of rate {rate}", None)
    flac = bytearray(_content(".flac"))
    for about, total in (("unknown", 0), ("16 million", 2**24), ("10", 10)):
        flac[21] = flac[21] & 0xF0 | total >> 32
        flac[22:26] = struct.pack(">I", total % 2**32)
        path = folder.path(".flac")
        Path(path).write_bytes(flac)
        yield folder.odd(path, "headers", f"flac of {about} samples", True if total == 0 else None)


def _content(ending: str, sound: np.ndarray | None = None) -> bytes:
    """Return the bytes of a container."""
    import io

    file = io.BytesIO()
    soundfile.write(file, voice() if sound is None else sound, RATE, **CONTAINERS[ending])
    return file.getvalue()


def _endings(folder: _Folder) -> Iterator[Odd]:
    """Yield files of one kind under the ending of another."""
    wrong = ("", ".WAV", ".Flac", ".mp3", ".flac", ".ogg", ".aiff", ".au", ".bak", ".wav.part", ".pcm", ".sph", ".data")
    for content_of in (".wav", ".flac", ".ogg"):
        for ending in wrong:
            path = folder.path(ending)
            Path(path).write_bytes(_content(content_of))
            yield folder.odd(path, "endings", f"{content_of} under {ending!r}", True)
        for ending in (".raw", ".m4a", ".mp4", ".wma", ".amr", ".vox", ".g721", ".htk"):
            path = folder.path(ending)
            Path(path).write_bytes(_content(content_of))
            yield folder.odd(path, "endings", f"{content_of} under {ending!r}", None)


def _few_samples(folder: _Folder) -> Iterator[Odd]:
    """Yield clips of hardly any length."""
    for ending, options in CONTAINERS.items():
        for n in (0, 1, 2, 319, 320):
            path = folder.path(ending)
            soundfile.write(path, voice()[3000 : 3000 + n], RATE, **options)
            exact = ending not in (".mp3", ".ogg", ".opus")
            yield folder.odd(path, "lengths", f"{ending} of {n} samples", (n > 0) if exact else None)
    path = folder.path()
    soundfile.write(path, voice(60.0, 8000), 8000)
    yield folder.odd(path, "lengths", "a minute", True)


def _channels(folder: _Folder) -> Iterator[Odd]:
    for ending in (".wav", ".flac", ".aiff"):
        for n in range(2, 9):
            path = folder.path(ending)
            soundfile.write(path, np.tile(voice()[:, None], n) / np.arange(1, n + 1), RATE, **CONTAINERS[ending])
            yield folder.odd(path, "channels", f"{ending} of {n} channels", True)
    path = folder.path()
    soundfile.write(path, np.stack([voice(), -voice()], axis=1), RATE)
    yield folder.odd(path, "channels", "two that cancel each other", None)
    path = folder.path()
    soundfile.write(path, np.stack([voice(), 0 * voice()], axis=1), RATE)
    yield folder.odd(path, "channels", "one of two is silent", True)


def _rates(folder: _Folder) -> Iterator[Odd]:
    for rate in (
        4000,
        6000,
        8000,
        11_025,
        12_000,
        22_050,
        24_000,
        32_000,
        37_800,
        44_100,
        48_000,
        88_200,
        96_000,
        192_000,
    ):
        for ending in (".wav", ".flac"):
            path = folder.path(ending)
            soundfile.write(path, voice(0.4, rate), rate, **CONTAINERS[ending])
            yield folder.odd(path, "rates", f"{ending} of {rate} Hz", True)


def _values(folder: _Folder) -> Iterator[Odd]:
    """Yield samples that cannot be, or hardly."""
    quiet = voice()

    def one(value: float) -> np.ndarray:
        changed = quiet.copy()
        changed[1000] = value
        return changed

    finite: dict[str, tuple[np.ndarray, bool | None]] = {
        "one NaN": (one(np.nan), False),
        "all NaN": (quiet * np.nan, False),
        "one infinite": (one(np.inf), False),
        "one minus infinite": (one(-np.inf), False),
        "one of 3e38": (one(3e38), None),
        "one of 1e19": (one(1e19), None),
        "all of 1e10": (quiet * 1e10, None),
        "on the scale of int16": (quiet * 32767, None),
        "twice full scale": (quiet * 5, True),
        "a constant": (np.full(6400, 0.3), True),
        "a voice on a constant": (quiet + 0.5, True),
        "clipped": (np.clip(5 * quiet, -1, 1), True),
        "silence": (np.zeros(6400), True),
        "hardly there": (quiet * 1e-30, True),
        "denormal": (quiet * 1e-40, True),
        "a click": (np.eye(1, 6400, 3000)[0], True),
        "full scale up and down": (np.resize([1.0, -1.0], 6400), True),
        "white noise": (np.random.default_rng(0).normal(0, 0.2, 6400), True),
        "silence but for the end": (np.append(np.zeros(6000), quiet[3000:3400]), True),
    }
    for about, (samples, readable) in finite.items():
        path = folder.path()
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        yield folder.odd(path, "values", about, readable)
    path = folder.path()
    soundfile.write(path, one(1e300), RATE, subtype="DOUBLE")
    yield folder.odd(path, "values", "a double that no float holds", False)


_NAMES = {
    "a space": "a {} b",
    "a space at the end": "{} ",
    "a colon": "10:30 {}",
    "a protocol": "http:{}",
    "a leading dash": "-{}",
    "an option": "--help={}",
    "a tilde": "~{}",
    "a variable": "$HOME{}",
    "a percent sign": "{}%s%d",
    "braces": "{}{{0}}",
    "a comma": "a,{}",
    "a semicolon": "a;{}",
    "a quote": "a'{}",
    "two quotes": 'a"{}',
    "a backslash": "a\\{}",
    "a star": "*{}",
    "a bracket": "[{}]",
    "a hash": "#{}",
    "a new line": "{}\nb",
    "a tab": "{}\tb",
    "a bell": "{}\x07",
    "umlauts in one piece": unicodedata.normalize("NFC", "Ärger {} fröhlich"),
    "umlauts in two pieces": unicodedata.normalize("NFD", "Ärger {} fröhlich"),
    "Chinese": "悲伤{}",
    "right to left": "حزين{}",
    "a face": "😠{}",
    "bytes that are no UTF-8": os.fsdecode(b"\xe4rger {}"),
    "a dot first": ".{}",
    "NA": "NA {}",
    "very long": "{}" + 230 * "x",
}


def _names(folder: _Folder) -> Iterator[Odd]:
    """Yield good sound and no sound under odd names."""
    for about, name in _NAMES.items():
        for content, readable in ((_content(".wav"), True), (b"no sound", False)):
            path = folder.path(".wav", name)
            try:
                Path(path).write_bytes(content)
            except OSError:  # some file systems take only text for names
                continue
            yield folder.odd(path, "names", f"{about}, {'good' if readable else 'bad'}", readable)


def _no_files(folder: _Folder) -> Iterator[Odd]:
    """Yield what is there and is no file, and what is not there."""

    def loop(path: str) -> None:
        os.symlink(path, path)

    def locked(path: str) -> None:
        Path(path).write_bytes(_content(".wav"))
        os.chmod(path, stat.S_IWUSR)

    def linked(path: str) -> None:
        Path(path + ".target").write_bytes(_content(".wav"))
        os.symlink(path + ".target", path)

    makers: dict[str, tuple[Callable[[str], object], bool | None]] = {
        "not there": (lambda path: None, False),
        "a folder": (os.mkdir, False),
        "a link to itself": (loop, False),
        "a link to nothing": (lambda path: os.symlink(path + ".gone", path), False),
        "a link to sound": (linked, True),
        "a pipe": (os.mkfifo, False),
        # Whoever is root may read it all the same.
        "a file that may not be read": (locked, os.geteuid() == 0),
    }
    for about, (create, readable) in makers.items():
        path = folder.path()
        create(path)
        yield folder.odd(path, "no files", about, readable)
    for about, below in (("in a folder that is not there", "gone/{}"), ("below a file", "{}.txt/a")):
        path = folder.path(".wav", below)
        if "below" in about:
            Path(os.path.dirname(path)).write_text("no folder")
        yield folder.odd(path, "no files", about, False)


def _no_audio(folder: _Folder) -> Iterator[Odd]:
    """Yield files that hold no sound, whatever they are called."""
    random = np.random.default_rng(0)
    contents = {
        "nothing": b"",
        "one zero": b"\0",
        "zeros": bytes(2000),
        "text": b"this is no sound\n" * 20,
        "text in UTF-16": "this is no sound\n".encode("utf-16") * 20,
        "a page of a server that refuses": b"<!DOCTYPE html><html><body>403 Forbidden</body></html>",
        "a git-lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n",
        "JSON": b'{"audio": null}',
        "a picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
        "random bytes": random.bytes(1000),
        "the shadow of a file on a Mac": b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(200),
    }
    for about, content in contents.items():
        for ending in (".wav", ".flac", ".m4a"):
            path = folder.path(ending)
            Path(path).write_bytes(content)
            yield folder.odd(path, "no audio", f"{about} under {ending!r}", False)
    path = folder.path()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.wav", _content(".wav"))
    yield folder.odd(path, "no audio", "an archive", False)


def _decorated(folder: _Folder) -> Iterator[Odd]:
    """Yield good sound with something before or after it, or twice."""
    tag = b"ID3\x04\0\0\0\0\0\x7f" + bytes(127)
    for ending in CONTAINERS:
        content = _content(ending)
        for about, changed in (
            ("a line of text after it", content + b"the end\n"),
            ("zeros after it", content + bytes(500)),
            ("the same again", content + content),
            ("an ID3 tag before it", tag + content),
        ):
            path = folder.path(ending)
            Path(path).write_bytes(changed)
            yield folder.odd(path, "decorated", f"{ending} with {about}", None)
