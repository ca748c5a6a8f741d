"""Sound from a pipe: WAV, which says what it is, or raw samples, of which somebody else must.

Nothing is known of how long it will be, and nothing can be read twice. A header's promise of a length is kept where it
can be one: programs that write to a pipe leave it at nothing, or at the most that fits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from sere.audio import AudioError
from sere.audio.clips import in_full_scale

#: By name, the numpy type of one sample; 24 bits have none.
CODINGS = {"u8": "u1", "s16": "<i2", "s24": "", "s32": "<i4", "f32": "<f4", "f64": "<f8"}
#: What a WAV stream may begin with.
WAV = (b"RIFF", b"RF64")
#: Seconds that are read at a time.
SECONDS = 0.1

_INTEGERS = {8: "u8", 16: "s16", 24: "s24", 32: "s32"}
_FLOATS = {32: "f32", 64: "f64"}
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# From here on a promised length stands for "until the end".
_ENDLESS = 2**31 - 2**16


@dataclass(frozen=True)
class Sound:
    """What a stream of samples is.

    Attributes
    ----------
    rate : int
        In Hz.
    channels : int
    coding : str
        One of :data:`CODINGS`; all little-endian.
    n_bytes : int or None
        How many bytes of it there are; None until the end of the stream.
    """

    rate: int
    channels: int = 1
    coding: str = "s16"
    n_bytes: int | None = None

    @property
    def width(self) -> int:
        """Bytes of a sample of all channels."""
        return self.channels * (3 if self.coding == "s24" else np.dtype(CODINGS[self.coding]).itemsize)


def read_header(stream: BinaryIO) -> Sound:
    """Read a WAV stream up to its first sample.

    Raises
    ------
    AudioError
        It is no WAV, ends too soon, or is coded otherwise than by plain samples.
    """
    if _exactly(stream, 4) not in WAV or _exactly(stream, 8)[4:] != b"WAVE":
        raise AudioError([(None, "standard input is no WAV; of raw samples --rate says how many there are a second")])
    sound = None
    while True:
        name, size = _exactly(stream, 4), int.from_bytes(_exactly(stream, 4), "little")
        if name == b"data":
            break
        body = _exactly(stream, size + size % 2)
        if name == b"fmt ":
            sound = _format(body)
    if sound is None:
        raise AudioError([(None, "standard input is a WAV that does not say its format; convert it again")])
    until_the_end = size == 0 or size >= _ENDLESS
    return Sound(sound.rate, sound.channels, sound.coding, None if until_the_end else size)


def _format(body: bytes) -> Sound:
    tag, channels = int.from_bytes(body[:2], "little"), int.from_bytes(body[2:4], "little")
    rate, bits = int.from_bytes(body[4:8], "little"), int.from_bytes(body[14:16], "little")
    if tag == _EXTENSIBLE:
        tag = int.from_bytes(body[24:26], "little")
    coding = {_PCM: _INTEGERS, _FLOAT: _FLOATS}.get(tag, {}).get(bits)
    if coding is None or channels == 0:
        raise AudioError(
            [
                (
                    None,
                    "standard input is a WAV of compressed samples; decode it first, as with `ffmpeg -i FILE -f wav -`",
                )
            ]
        )
    return Sound(rate, channels, coding)


def samples(stream: BinaryIO, sound: Sound) -> Iterator[np.ndarray]:
    """Yield what comes, (n_samples, n_channels), floats or integers in their full scale as floats.

    Parameters
    ----------
    stream : binary file
        At its first sample.
    sound : Sound
    """
    step = sound.width * max(1, round(SECONDS * sound.rate))
    left = sound.n_bytes
    while left is None or left >= sound.width:
        block = stream.read(step if left is None else min(step, left))
        whole = len(block) // sound.width * sound.width
        if whole:
            yield in_full_scale(_decoded(block[:whole], sound.coding)).reshape(-1, sound.channels)
        if len(block) < step and (left is None or len(block) < left):
            return
        left = None if left is None else left - len(block)


def _decoded(block: bytes, coding: str) -> np.ndarray:
    if coding != "s24":
        return np.frombuffer(block, CODINGS[coding])
    wide = np.zeros((len(block) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(block, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0]


def _exactly(stream: BinaryIO, n_bytes: int) -> bytes:
    read = stream.read(n_bytes)
    if len(read) < n_bytes:
        raise AudioError([(None, "standard input ends before the first sample of a WAV")])
    return read
