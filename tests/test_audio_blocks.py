"""Long audio in blocks: the same samples as at once, the same errors, whatever the source."""

import numpy as np
import pytest
import soundfile

from sere.audio import AudioError, Clip, read
from sere.audio.blocks import Recording, mono
from sere.audio.ffmpeg import find_ffmpeg


def sound(rate, seconds=23.4, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(round(rate * seconds)) * 2 * np.pi * 220 / rate) * 0.3
    return (wave[:, None] + 0.01 * rng.normal(size=(len(wave), channels))).astype(np.float32)


def together(source, rate=16_000):
    blocks = list(Recording(Clip(source, rate)).blocks())
    assert max(map(len, blocks)) <= 10.5 * 16_000
    return np.concatenate(blocks)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_blocks_are_the_whole(tmp_path, rate, channels):
    file = tmp_path / "long.wav"
    soundfile.write(file, sound(rate, channels=channels), rate, subtype="FLOAT")
    np.testing.assert_allclose(together(str(file)), read(str(file)), atol=1e-6)
    np.testing.assert_allclose(together(file.read_bytes()), read(str(file)), atol=1e-6)


@pytest.mark.parametrize("ending", ["flac", "ogg", "mp3"])
def test_coded_files_too(tmp_path, ending):
    file = tmp_path / f"long.{ending}"
    soundfile.write(file, sound(44_100, channels=2), 44_100)
    np.testing.assert_allclose(together(str(file)), read(str(file)), atol=1e-4)


@pytest.mark.skipif(find_ffmpeg() is None, reason="no ffmpeg")
@pytest.mark.parametrize("content", [False, True])
def test_what_ffmpeg_reads_comes_in_blocks(tmp_path, content):
    file = tmp_path / "open.wav"
    soundfile.write(file, sound(44_100), 44_100, subtype="PCM_16")
    header = bytearray(file.read_bytes())
    header[4:8] = header[40:44] = b"\0\0\0\0"  # never closed: its length is not known
    file.write_bytes(header)
    source = bytes(header) if content else str(file)
    np.testing.assert_allclose(together(source), read(source), atol=1e-6)


@pytest.mark.skipif(find_ffmpeg() is None, reason="no ffmpeg")
def test_ffmpeg_is_let_go_when_nobody_reads_on(tmp_path):
    file = tmp_path / "open.wav"
    soundfile.write(file, sound(44_100, seconds=120), 44_100, subtype="PCM_16")
    header = bytearray(file.read_bytes())
    header[4:8] = header[40:44] = b"\0\0\0\0"
    file.write_bytes(header)
    blocks = Recording(Clip(str(file))).blocks()
    next(blocks)
    blocks.close()


def test_channels_that_cancel_over_all_are_the_loudest_in_every_block(tmp_path):
    both = np.hstack([sound(16_000), -sound(16_000)])
    both[:160_000] = np.abs(both[:160_000])  # not in the first ten seconds alone
    file = tmp_path / "swapped.wav"
    soundfile.write(file, both, 16_000, subtype="FLOAT")
    assert Recording(Clip(str(file))).channel is None
    both[:160_000, 1] *= -1
    soundfile.write(file, both, 16_000, subtype="FLOAT")
    assert Recording(Clip(str(file))).channel is not None
    np.testing.assert_array_equal(together(str(file)), read(str(file)))


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float64"])
def test_waveforms_of_any_type(dtype):
    wave = sound(22_050)[:, 0]
    if dtype != "float64":
        info = np.iinfo(dtype)
        wave = (wave * (info.max // 2) + (128 if dtype == "uint8" else 0)).astype(dtype)
    np.testing.assert_allclose(together(wave, 22_050), Clip(wave, 22_050).load(), atol=1e-6)


def test_a_part_of_a_recording_is_refused():
    with pytest.raises(ValueError, match="pass the whole"):
        Recording(Clip(np.zeros(100, np.float32), start=1.0))


@pytest.mark.parametrize("source", [np.array([0.1, np.nan] * 100), np.zeros(0), "nowhere.wav"])
def test_what_cannot_be_used_is_said_before_any_block(source):
    with pytest.raises(AudioError, match=r"NaN|no samples|no such file"):
        Recording(Clip(source))


def test_a_file_cut_in_the_middle_is_an_error(tmp_path):
    file = tmp_path / "cut.flac"
    soundfile.write(file, sound(16_000), 16_000)
    file.write_bytes(file.read_bytes()[:200_000])
    with pytest.raises(AudioError, match="truncated"):
        list(Recording(Clip(str(file))).blocks())


def test_damage_far_into_a_file_is_found_where_it_is(tmp_path):
    wave = sound(16_000)
    wave[300_000] = np.inf
    file = tmp_path / "damaged.wav"
    soundfile.write(file, wave, 16_000, subtype="FLOAT")
    blocks = Recording(Clip(str(file))).blocks()
    next(blocks)
    with pytest.raises(AudioError, match="NaN or infinite"):
        list(blocks)


def test_a_pipes_channels_are_judged_by_the_first_block_that_sounds():
    silence, swapped = np.zeros((100, 2), np.float32), np.hstack([sound(16_000), -sound(16_000)])
    found = list(mono([silence, swapped, np.abs(swapped)], 16_000))
    np.testing.assert_array_equal(found[1], swapped[:, 0])
    np.testing.assert_array_equal(found[2], np.abs(swapped[:, 0]))
