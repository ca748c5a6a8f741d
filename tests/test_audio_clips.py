"""Reading: every format comes out as 16 kHz mono float32, and every broken file is named."""

import io
import pickle
import shutil
import struct

import numpy as np
import pytest
import soundfile

from sere import audio
from sere.audio import AudioError, Clip


def tone(rate, seconds=0.5, hertz=440.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def likeness(a, b):
    n = min(len(a), len(b))
    return np.corrcoef(a[:n], b[:n])[0, 1]


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_any_format_and_rate_becomes_16_khz_mono(tmp_path, ending, rate):
    path = str(tmp_path / f"clip.{ending}")
    soundfile.write(path, np.stack([tone(rate), tone(rate)], axis=1), rate)
    wave = audio.read(path)
    assert wave.dtype == np.float32
    assert wave.ndim == 1
    assert abs(len(wave) - 8000) < 1200  # lossy formats pad
    spectrum = np.abs(np.fft.rfft(wave[:8000]))
    assert abs(spectrum.argmax() * 2 - 440) <= 2
    assert 0.3 < np.abs(wave).max() < 0.7


def stereo(tmp_path, *channels):
    path = str(tmp_path / "channels.wav")
    soundfile.write(path, np.stack(channels, axis=1), 16000, subtype="FLOAT")
    return audio.read(path)


def test_channels_are_averaged(tmp_path):
    np.testing.assert_allclose(stereo(tmp_path, tone(16000), 0.5 * tone(16000)), 0.75 * tone(16000), atol=1e-6)
    np.testing.assert_allclose(stereo(tmp_path, tone(16000), 0 * tone(16000)), 0.5 * tone(16000), atol=1e-6)
    silent = [0 * tone(16000)] * 6
    np.testing.assert_allclose(stereo(tmp_path, *silent, tone(16000)), tone(16000) / 7, atol=1e-6)
    assert np.abs(stereo(tmp_path, *silent)).max() == 0


@pytest.mark.parametrize("share", [1.0, 0.9, 1.1])
def test_of_channels_that_cancel_each_other_the_louder_is_taken(tmp_path, share):
    wave = stereo(tmp_path, tone(16000), -share * tone(16000))
    np.testing.assert_allclose(wave, -share * tone(16000) if share > 1 else tone(16000), atol=1e-6)


def test_two_voices_of_their_own_do_not_cancel(tmp_path):
    one, other = np.random.default_rng(0).normal(0, 0.1, (2, 8000))
    np.testing.assert_allclose(stereo(tmp_path, one, other), (one + other) / 2, atol=1e-6)


@pytest.mark.parametrize(("dtype", "centre", "full"), [("int16", 0, 2**15), ("int32", 0, 2**31), ("uint8", 128, 128)])
def test_integer_waveforms_are_scaled_by_their_type(dtype, centre, full):
    loud = (tone(16000) * full * 0.99 + centre).astype(dtype)
    wave = Clip(loud).load()
    assert wave.dtype == np.float32
    np.testing.assert_allclose(wave, tone(16000) * 0.99, atol=2 / full + 1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_float_waveforms_are_taken_as_they_are(dtype):
    np.testing.assert_allclose(Clip(tone(16000).astype(dtype)).load(), tone(16000), atol=1e-3)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE"])
def test_a_files_sample_format_does_not_change_its_level(tmp_path, subtype):
    path = str(tmp_path / "clip.wav")
    soundfile.write(path, tone(16000), 16000, subtype=subtype)
    np.testing.assert_allclose(audio.read(path), tone(16000), atol=0.01)


def test_a_waveform_is_resampled_by_its_sampling_rate():
    wave = Clip(tone(44100), sampling_rate=44100).load()
    assert len(wave) == 8000
    assert likeness(wave, tone(16000)) > 0.999


def test_a_segment_is_cut_in_seconds_from_files_and_waveforms_alike(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, 16000).astype("f4")
    path = str(tmp_path / "noise.wav")
    soundfile.write(path, noise, 16000, subtype="FLOAT")
    expected = noise[4000:8000]
    np.testing.assert_array_equal(audio.read(path, 0.25, 0.5), expected)
    np.testing.assert_array_equal(Clip(noise, start=0.25, end=0.5).load(), expected)
    np.testing.assert_array_equal(audio.read(path, start=0.75), noise[12000:])
    np.testing.assert_array_equal(audio.read(path, end=99), noise)


def test_frames_stand_every_320_samples():
    assert [audio.n_frames(n) for n in (1, 319, 320, 16000)] == [1, 1, 2, 51]


def broken(tmp_path):
    """Broken files by name: each with a word of what its error says."""
    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    files = {"missing.wav": "no such file", "folder": "is a folder", "empty.wav": "0 bytes", "text.wav": "not audio"}
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("this is a letter, not a sound")
    soundfile.write(tmp_path / "silent.wav", np.zeros(0), 16000)
    files["silent.wav"] = "holds no samples"
    for ending in ("wav", "flac", "ogg", "mp3", "aiff"):
        soundfile.write(tmp_path / f"whole.{ending}", noise, 16000)
        data = (tmp_path / f"whole.{ending}").read_bytes()
        (tmp_path / f"cut.{ending}").write_bytes(data[: len(data) // 2])
        files[f"cut.{ending}"] = "truncated"
    for value in (np.nan, np.inf):
        bad = noise.copy()
        bad[100] = value
        soundfile.write(tmp_path / f"{value}.wav", bad, 16000, subtype="FLOAT")
        files[f"{value}.wav"] = "1 NaN or infinite"
    return files


def test_every_broken_file_is_named_with_what_is_wrong(tmp_path):
    for name, words in broken(tmp_path).items():
        with pytest.raises(AudioError, match=words) as caught:
            audio.read(str(tmp_path / name))
        assert name in str(caught.value)


def test_headers_alone_tell_most_broken_files(tmp_path):
    for name, words in broken(tmp_path).items():
        problem = audio.check_file(str(tmp_path / name))
        if name in ("nan.wav", "inf.wav", "cut.flac"):
            assert problem is None
        else:
            assert words in problem


@pytest.mark.parametrize("promise", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_written_to_a_pipe_has_no_length_and_is_whole(tmp_path, promise):
    path = tmp_path / "piped.wav"
    soundfile.write(path, tone(16000), 16000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", promise)
    path.write_bytes(data)
    assert len(audio.read(str(path))) == 8000


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (2.0, None, "starts at 2 s but the audio ends at 0.500"),
        (0.3, 0.3, "is empty"),
        (0.4, 0.2, "is empty"),
        (-1.0, None, "is empty"),
        (0.0, np.inf, "finite"),
    ],
)
def test_a_segment_outside_the_audio_is_an_error(tmp_path, start, end, words):
    path = str(tmp_path / "clip.wav")
    soundfile.write(path, tone(16000), 16000)
    with pytest.raises(AudioError, match=words):
        audio.read(path, start, end)
    with pytest.raises(AudioError, match=words):
        audio.check([Clip(tone(16000), start=start, end=end)])


@pytest.mark.parametrize(
    ("wave", "words"),
    [
        (np.zeros((2, 100)), r"1-D \(mono\).*\(2, 100\)"),
        (np.zeros(0), "no samples"),
        (np.array([0.0, np.nan, np.inf]), "2 NaN or infinite"),
        (np.array(["a"]), "numbers"),
        (np.zeros(9, complex), "numbers"),
        (np.zeros(9, int), "int64 has no full scale"),
    ],
)
def test_an_unusable_waveform_is_an_error_with_its_row(wave, words):
    with pytest.raises(AudioError, match=rf"X\[1\]: .*{words}"):
        audio.check([Clip(tone(16000)), Clip(wave)])


def speech(full_scale):
    """Noise of some dynamics, by its peak."""
    wave = np.random.default_rng(0).laplace(0, 1, 16000)
    return wave / np.abs(wave).max() * full_scale


@pytest.mark.parametrize("peak", [1e-6, 0.5, 1.0, 1.3, 4.0, 30.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floating_point_that_passes_full_scale_is_still_sound(peak, dtype):
    audio.check([Clip(speech(peak).astype(dtype))])
    np.testing.assert_allclose(Clip(speech(peak).astype(dtype)).load(), speech(peak), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("wave", "words"),
    [
        (speech(32767.0), "reaches 32767, .*look like int16 samples; divide them by 32768, or pass them as int16"),
        (np.rint(speech(60.0)), "reaches 60, .*look like int16"),
        (np.rint(speech(2.0**23)), "reaches .* look like int32 or 24-bit samples"),
        (np.where(np.arange(16000) == 99, 3e38, speech(0.5)), "holds a sample of size 3e\\+38 where full scale is 1"),
        (np.where(np.arange(16000) == 99, -1e19, speech(0.5)), "holds a sample of size 1e\\+19"),
        (np.where(np.arange(16000) == 99, 1e300, speech(0.5)), "holds a sample of size 1e\\+300"),
        (np.where(np.arange(16000) == 99, 500.0, speech(0.5)), "holds a sample of size 500"),
        (speech(1e30), "holds a sample of size 1e\\+30"),
    ],
)
def test_samples_that_cannot_be_sound_are_refused_where_they_come_in(tmp_path, wave, words):
    with pytest.raises(AudioError, match=rf"X\[0\]: the waveform {words}"):
        audio.check([Clip(wave)])
    with pytest.raises(AudioError, match=f"waveform {words}"):
        Clip(wave).load()
    for channels in (wave, np.stack([wave, wave], axis=1), np.stack([wave, -wave], axis=1)):
        path = str(tmp_path / "clip.wav")
        soundfile.write(path, channels, 16000, subtype="DOUBLE")
        if np.abs(wave).max() < 1e39:  # more is infinite to libsndfile
            with pytest.raises(AudioError, match=rf"clip\.wav' {words}"):
                audio.read(path)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (16, "sampling rate of 16 Hz; sound has 1000 to 1000000 Hz; if it is in kHz, pass 16000"),
        (1, "sampling rate of 1 Hz"),
        (999, "sampling rate of 999 Hz"),
        (2_000_000_000, "sampling rate of 2000000000 Hz; sound has 1000 to 1000000 Hz$"),
        (0, "must be positive"),
        (-8000, "must be positive"),
    ],
)
def test_a_rate_that_no_recording_has_is_refused_before_anything_is_resampled(tmp_path, rate, words):
    for clip in (Clip(tone(16000), sampling_rate=rate), Clip(wav_of_rate(rate)) if rate > 0 else None):
        if clip is not None:
            with pytest.raises(AudioError, match=words):
                audio.check([clip])
            with pytest.raises(AudioError, match=words):
                clip.load()


def wav_of_rate(rate):
    file = io.BytesIO()
    soundfile.write(file, tone(16000), 16000, format="WAV", subtype="PCM_16")
    data = bytearray(file.getvalue())
    data[24:28] = struct.pack("<I", rate)
    return bytes(data)


@pytest.mark.parametrize("rate", [8000, 11025, 96000, 384000])
def test_every_rate_of_recordings_is_believed(rate):
    audio.check([Clip(tone(rate), sampling_rate=rate), Clip(wav_of_rate(rate))])


def test_content_in_memory_is_read_like_the_file(tmp_path):
    path = tmp_path / "clip.flac"
    soundfile.write(path, tone(44100), 44100)
    for start, end in ((None, None), (0.1, 0.3), (0.4, 9.0)):
        clip = Clip(path.read_bytes(), start=start, end=end)
        audio.check([clip])
        np.testing.assert_array_equal(clip.load(), audio.read(str(path), start, end))
    with pytest.raises(AudioError, match=r"X\[0\]: audio in memory \(\d+ bytes\): the segment starts at 2 s"):
        audio.check([Clip(path.read_bytes(), start=2.0)])


def test_a_file_that_vanishes_between_check_and_reading_is_that_clips_error(tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, tone(16000), 16000)
    clip = Clip(str(path))
    audio.check([clip])
    path.unlink()
    with pytest.raises(AudioError, match="no such file"):
        clip.load()


def test_whatever_a_reader_throws_is_an_error_of_the_file(tmp_path, monkeypatch):
    from sere.audio import sndfile

    path = tmp_path / "clip.wav"
    soundfile.write(path, tone(16000), 16000)
    for thrown in (OSError(5, "Input/output error"), RuntimeError("odd"), MemoryError("too much"), UnicodeError("x")):

        def throw(*_, thrown=thrown):
            raise thrown

        monkeypatch.setattr(sndfile, "open_sound", throw)
        assert "clip.wav' cannot be read" in audio.check_file(str(path))
        with pytest.raises(AudioError, match=r"clip\.wav' cannot be read"):
            Clip(str(path)).load()


def test_one_error_lists_the_first_five_problems_and_counts_the_rest():
    with pytest.raises(AudioError) as caught:
        audio.check([Clip(f"{i}.wav") for i in range(8)], "pool")
    lines = str(caught.value).split("\n")
    assert [line.split(":")[0] for line in lines[:5]] == [f"pool[{i}]" for i in range(5)]
    assert lines[5:] == ["... and 3 more"]
    assert [row for row, _ in caught.value.problems] == list(range(8))


def test_an_error_survives_the_way_back_from_a_worker():
    error = AudioError([(3, "broken"), (4, "too")], "pool")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problems) == (str(error), error.problems)


def test_rows_of_a_part_are_renamed_to_rows_of_the_whole():
    error = AudioError([(1, "broken"), (None, "all")], "pool").of_rows([10, 20])
    assert str(error) == "pool[20]: broken\nall"


def test_a_clip_of_one_sample_at_a_high_rate_is_still_a_clip():
    assert Clip(np.ones(1), sampling_rate=48000).load().shape == (1,)


def test_an_hour_is_read_by_segment_without_its_rest(tmp_path):
    path = str(tmp_path / "hour.flac")
    with soundfile.SoundFile(path, "w", 16000, 1) as file:
        for minute in range(60):
            file.write(np.full(60 * 16000, minute / 64))
    assert audio.check_file(path) is None
    wave = audio.read(path, 59 * 60, 59 * 60 + 1)
    np.testing.assert_allclose(wave, np.full(16000, 59 / 64), atol=1e-4)


def test_a_relative_path_is_found_from_the_working_folder(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "here.wav", tone(16000), 16000)
    monkeypatch.chdir(tmp_path)
    assert len(audio.read("here.wav")) == 8000
    shutil.move("here.wav", "there.wav")
    with pytest.raises(AudioError, match="relative paths start from"):
        audio.read("here.wav")
