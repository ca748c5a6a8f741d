"""Sound from a pipe: headers of WAV in all their forms, raw samples in every coding."""

import io
import struct

import numpy as np
import pytest
import soundfile

from sere.audio import AudioError
from sere.recordings.streams import Sound, read_header, samples

WAVE = (0.4 * np.sin(np.arange(22_050) / 9)).astype(np.float32)
BOTH = np.stack([WAVE, -0.5 * WAVE], axis=1)


class Pipe(io.BytesIO):
    """What comes by a pipe cannot be sought."""

    def seek(self, *_):
        raise OSError("a pipe")


def wav(data, **options):
    file = io.BytesIO()
    soundfile.write(file, data, 22_050, format="WAV", **options)
    return file.getvalue()


def heard(content):
    pipe = Pipe(content)
    sound = read_header(pipe)
    return sound, np.concatenate(list(samples(pipe, sound)))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
def test_every_plain_wav(subtype, form):
    file = io.BytesIO()
    soundfile.write(file, BOTH, 22_050, subtype=subtype, format=form)
    file.seek(0)
    expected, _ = soundfile.read(io.BytesIO(file.getvalue()), dtype="float64", always_2d=True)
    sound, found = heard(file.getvalue())
    assert (sound.rate, sound.channels) == (22_050, 2)
    np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("promise", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_length_that_nobody_knew_is_until_the_end(promise):
    content = bytearray(wav(WAVE, subtype="PCM_16"))
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", promise)
    sound, found = heard(bytes(content))
    assert sound.n_bytes is None
    assert len(found) == len(WAVE)


def test_what_stands_before_and_behind_the_sound_is_not_heard():
    content = wav(WAVE, subtype="PCM_16")
    at = content.index(b"data")
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    _, found = heard(content[:at] + odd + content[at:] + b"LIST" + struct.pack("<I", 200) + b"x" * 200)
    assert len(found) == len(WAVE)


@pytest.mark.parametrize("cut", [0, 3, 20, 43])
def test_a_header_that_ends_too_soon_is_said(cut):
    with pytest.raises(AudioError, match="ends before"):
        read_header(Pipe(wav(WAVE, subtype="PCM_16")[:cut]))


def test_sound_that_ends_too_soon_is_heard_as_far_as_it_came():
    content = wav(BOTH, subtype="PCM_16")
    _, found = heard(content[:-3])
    assert len(found) == len(WAVE) - 1


def test_what_is_no_wav_or_is_compressed_is_said():
    with pytest.raises(AudioError, match="--rate"):
        read_header(Pipe(b"fLaC" + bytes(100)))
    with pytest.raises(AudioError, match="decode it first"):
        read_header(Pipe(wav(WAVE, subtype="ULAW")))
    with pytest.raises(AudioError, match="does not say its format"):
        read_header(Pipe(b"RIFF\0\0\0\0WAVEdata\0\0\0\0"))


@pytest.mark.parametrize("coding", ["u8", "s16", "s24", "s32", "f32", "f64"])
def test_raw_samples(coding):
    subtype = {"u8": "PCM_U8", "s16": "PCM_16", "s24": "PCM_24", "s32": "PCM_32", "f32": "FLOAT", "f64": "DOUBLE"}
    content = wav(BOTH, subtype=subtype[coding])
    raw = content[content.index(b"data") + 8 :]
    found = np.concatenate(list(samples(Pipe(raw), Sound(22_050, 2, coding))))
    np.testing.assert_array_equal(found, heard(content)[1])
