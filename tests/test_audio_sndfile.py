"""libsndfile: what a header promises is compared with what is there, and what is there is read to its end."""

import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from sere import audio
from sere.audio import AudioError
from sere.audio.ffmpeg import find_ffmpeg

FFMPEG = find_ffmpeg()
RATE = 8_000
NOISE = np.random.default_rng(0).normal(0, 0.1, 3 * RATE)
#: Formats whose header says how much sound follows.
PROMISING = ("AIFF", "AU", "CAF", "MAT4", "NIST", "RF64", "SVX", "VOC", "W64", "WAV", "WAVEX", "WVE")
# Written by soundfile without an error, and with no or other content.
BROKEN_WRITERS = {("AIFF", "DWVW_12"), ("WAV", "MPEG_LAYER_III"), ("MP3", "MPEG_LAYER_I"), ("MP3", "MPEG_LAYER_II")}


def codings(formats):
    pairs = [(form, coding) for form in formats for coding in soundfile.available_subtypes(form)]
    return [pair for pair in pairs if pair not in BROKEN_WRITERS]


def write(path, form, coding, samples=NOISE, rate=RATE):
    soundfile.write(path, samples, rate, format=form, subtype=coding)
    return str(path)


def wav(**fields):
    """A wav of 16 bits with some 32-bit header fields replaced: riff, rate, data."""
    samples = (NOISE * 32768).astype("<i2").tobytes()
    riff, rate, data = (
        fields.get(k, v) for k, v in (("riff", 36 + len(samples)), ("rate", RATE), ("data", len(samples)))
    )
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", data
    )
    return head + samples


@pytest.mark.parametrize(("form", "coding"), codings([*PROMISING, "FLAC", "OGG", "MP3", "AVR", "IRCAM", "PAF", "PVF"]))
def test_a_whole_file_is_read_whole_and_a_cut_one_refused(tmp_path, form, coding):
    if form == "VOC" and FFMPEG is None:
        pytest.skip("ffmpeg is not installed")
    path = write(tmp_path / "clip", form, coding)
    assert audio.check_file(path) is None
    assert abs(len(audio.read(path)) - 48_000) <= 640
    # Say no length, or libsndfile does not pass it on.
    if form in ("AVR", "IRCAM", "PAF", "PVF") or (form, coding) == ("VOC", "PCM_U8"):
        return
    data = (tmp_path / "clip").read_bytes()
    (tmp_path / "clip").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(AudioError, match=r"truncated|last block"):
        audio.read(path)
    if form not in ("FLAC",):
        assert "truncated" in audio.check_file(path)


@pytest.mark.parametrize("coding", ["GSM610", "G721_32", "IMA_ADPCM", "MS_ADPCM", "NMS_ADPCM_16"])
@pytest.mark.parametrize("blocks", [75, 74])
def test_a_coding_of_blocks_ends_with_its_last_block(tmp_path, coding, blocks):
    path = write(tmp_path / "clip.wav", "WAV", coding, NOISE[: 320 * blocks])
    samples = audio.read(path)
    assert 640 * blocks <= len(samples) <= 640 * blocks + 1000
    assert np.abs(samples[640 * blocks :]).max(initial=0) < 0.6  # filled up, and no noise made of what is no block
    if coding == "GSM610":
        assert len(samples) == 640 * blocks
        assert np.abs(samples).max() < 0.7


@pytest.mark.parametrize(
    ("form", "coding"), [("WAV", "GSM610"), ("AU", "G721_32"), ("AIFF", "DWVW_16"), ("WAV", "NMS_ADPCM_32")]
)
def test_a_segment_of_a_coding_that_cannot_seek_is_that_segment(tmp_path, form, coding):
    path = write(tmp_path / "clip", form, coding, NOISE, 16_000)
    whole = audio.read(path)
    np.testing.assert_array_equal(audio.read(path, 0.5, 1.25), whole[8_000:20_000])
    with pytest.raises(AudioError, match=r"starts at 9 s but the audio ends at 1\.5"):
        audio.read(path, 9.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"riff": 0xFFFFFFFF, "data": 0xFFFFFFFF},  # from a pipe
        {"riff": 0x7FFFFFFF, "data": 0x7FFFFFFF},
        {"riff": 0xFFFFFFF0, "data": 0xFFFFFFCC},
        {"riff": 48_044, "data": 48_044},  # the header counted as sound
        {"riff": 48_036, "data": 48_036},
        {"riff": 8, "data": 0},  # never closed
        {"riff": 0},
        {"riff": 0xFFFFFFFF},
    ],
)
def test_a_wav_with_a_wrong_length_is_read_to_its_end(fields):
    samples = audio.read(wav(**fields))
    np.testing.assert_array_equal(samples, audio.read(wav()))
    assert audio.check_file(wav(**fields)) is None


@pytest.mark.parametrize("missing", [200, 1000, 40_000])
def test_a_wav_that_lacks_more_than_a_header_is_truncated(missing):
    data = wav()[:-missing]
    assert f"holds {48_000 - missing} of the 48000 bytes" in audio.check_file(data)


@pytest.mark.parametrize("extra", [b"", b"LIST" + struct.pack("<I", 12) + b"INFOISFT\0\0\0\0"])
def test_a_wav_without_samples_is_not_taken_for_one_that_was_never_closed(extra):
    head = bytearray(wav(data=0)[:44] + extra)
    head[4:8] = struct.pack("<I", len(head) - 8)
    assert "holds no samples" in audio.check_file(bytes(head))


def patched(path, form, coding, *patches):
    """Content of a file with bytes replaced: after how many from the first of a word, and by what."""
    write(path, form, coding)
    data = bytearray(path.read_bytes())
    for word, after, new in patches:
        at = data.index(word) + after
        data[at : at + len(new)] = new
    return bytes(data)


@pytest.mark.parametrize(
    ("form", "patches"),
    [
        ("AU", [(b".snd", 8, b"\xff" * 4)]),
        ("AIFF", [(b"FORM", 4, bytes(4)), (b"COMM", 10, bytes(4)), (b"SSND", 4, bytes(4))]),
        ("AIFF", [(b"FORM", 4, b"\xff" * 4), (b"SSND", 4, b"\xff" * 4)]),
        ("W64", [(b"riff", 16, b"\xff" * 8), (b"data", 16, b"\xff" * 8)]),
        ("W64", [(b"riff", 16, bytes(8)), (b"data", 16, bytes(8))]),
        ("CAF", [(b"data", 4, bytes(8))]),
        ("CAF", [(b"data", 4, b"\xff" * 8)]),
    ],
)
def test_other_formats_from_a_pipe_are_read_to_their_end(tmp_path, form, patches):
    if form == "CAF" and FFMPEG is None:
        pytest.skip("ffmpeg is not installed")
    content = patched(tmp_path / "clip", form, "PCM_16", *patches)
    assert audio.check_file(content) is None
    np.testing.assert_array_equal(audio.read(content), audio.read(str(tmp_path / "clip")))


@pytest.mark.parametrize(("form", "word", "after"), [("RF64", b"ds64", 8), ("AU", b".snd", 8)])
def test_what_nobody_reads_since_it_was_never_closed_is_not_called_empty(tmp_path, form, word, after):
    content = patched(tmp_path / "clip", form, "PCM_16", (word, after, bytes(24 if form == "RF64" else 4)))
    assert "never closed" in audio.check_file(content)


@pytest.mark.parametrize("form", ["AU", "AIFF", "W64", "CAF", "RF64", "WAV"])
def test_a_file_without_samples_is_said_to_hold_none(tmp_path, form):
    path = write(tmp_path / "clip", form, "PCM_16", np.zeros(0))
    assert "holds no samples" in audio.check_file(path)


def test_a_flac_from_a_pipe_has_no_length_and_is_read_to_its_end(tmp_path):
    path = tmp_path / "clip.flac"
    whole = audio.read(write(path, "FLAC", "PCM_16", NOISE, 16_000))
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # 36 bits of STREAMINFO count the samples; zero is unknown
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert audio.check_file(str(path), 1.0, 99.0) is None
    np.testing.assert_array_equal(audio.read(str(path)), whole)
    np.testing.assert_array_equal(audio.read(str(path), 0.25, 0.75), whole[4_000:12_000])
    np.testing.assert_array_equal(audio.read(str(path), 1.25, 99.0), whole[20_000:])
    with pytest.raises(AudioError, match=r"starts at 9 s but the audio ends at 1\.500 s"):
        audio.read(str(path), 9.0)


def test_memory_follows_what_is_there_and_not_what_a_header_promises(tmp_path):
    path = tmp_path / "clip.flac"
    write(path, "FLAC", "PCM_16")
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # 2^36 samples
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(AudioError, match="truncated"):
        audio.read(str(path))
    assert tracemalloc.get_traced_memory()[1] < 1e9
    tracemalloc.stop()


@pytest.mark.parametrize("ending", ["au", "snd", "gsm", "vox", "raw"])
def test_bytes_without_a_header_are_not_sound_by_their_ending_alone(tmp_path, ending):
    path = tmp_path / f"letter.{ending}"
    path.write_text("This is a letter, and no sound. " * 99)
    assert "no header that says its rate and coding" in audio.check_file(str(path))


def test_an_ending_does_not_decide_what_a_file_is(tmp_path):
    for ending in ("raw", "mp4", "txt", "mp3", ""):
        path = tmp_path / f"clip{ending and '.'}{ending}"
        path.write_bytes(wav())
        assert audio.check_file(str(path)) is None
        assert len(audio.read(str(path))) == 48_000


def test_a_name_that_is_not_text_is_read(tmp_path):
    import os

    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    with open(path, "wb") as file:
        file.write(wav())
    assert len(audio.read(path)) == 48_000


def test_an_mp3_with_its_length_needs_no_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setattr(audio.ffmpeg, "find_ffmpeg", lambda: None)
    path = write(tmp_path / "clip.mp3", "MP3", "MPEG_LAYER_III", NOISE, 16_000)
    data = (tmp_path / "clip.mp3").read_bytes()
    ape = b"APETAGEX" + struct.pack("<III", 2000, 100 + 32, 1) + bytes(12 + 100 + 32)
    id3 = b"TAG".ljust(128, b"\0")
    for tagged in (data, data + id3, data + ape, data + ape + id3, b"ID3\x04\0\0\0\0\0\x14" + bytes(20) + data):
        assert audio.check_file(tagged) is None
        assert len(audio.read(tagged)) == 24_000
        assert "needs ffmpeg to be read to its end" in audio.check_file(tagged + data)
    assert len(audio.read(path, 1.0, 99.0)) == 8_000


def test_an_ogg_that_ends_within_a_page_is_truncated(tmp_path):
    path = tmp_path / "clip.ogg"
    write(path, "OGG", "VORBIS", np.tile(NOISE, 4))
    data = path.read_bytes()
    pages = [at for at in range(len(data)) if data[at : at + 4] == b"OggS"]
    assert len(pages) > 3
    assert "within a page: it is truncated" in audio.check_file(data[: pages[-1] + 100])
    assert "within a page: it is truncated" in audio.check_file(data[: pages[-1] + 10])
    live = data[: pages[-1]]  # a recording that went on: whole pages, and no last one
    assert audio.check_file(live) is None
    assert 0 < len(audio.read(live)) < 192_000
