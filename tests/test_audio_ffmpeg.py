"""ffmpeg: found, asked in a way that no file name can bend, and believed only where it reached the end."""

import os
import subprocess
import sys
import types

import numpy as np
import pytest
import soundfile

from sere import audio
from sere.audio import AudioError, ffmpeg, sources

FFMPEG = ffmpeg.find_ffmpeg()
RATE = 16_000

pytestmark = pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")


@pytest.fixture(scope="module")
def voice():
    """Half a second of loud noise, by which the rate of an MP3 that varies is guessed too high, and a soft glide."""
    time = np.arange(3 * RATE) / RATE
    noise = np.random.default_rng(0).normal(0, 0.2, 3 * RATE) * (time < 0.5)
    return (noise + 0.02 * np.sin(2 * np.pi * (150 * time + 60 * time**2))).astype("f4")


@pytest.fixture(scope="module")
def made(voice, tmp_path_factory):
    """Turn `voice` into a file of the given name with ffmpeg's options."""
    folder = tmp_path_factory.mktemp("made")
    soundfile.write(folder / "voice.wav", voice, RATE, subtype="FLOAT")

    def make(name, *options):
        path = folder / name
        command = [FFMPEG, "-v", "error", "-y", "-nostdin", "-i", str(folder / "voice.wav"), *options, str(path)]
        if not path.exists():
            subprocess.run(command, check=True)
        return path

    return make


def likeness(path, voice):
    """Correlation of the last two seconds with `voice`, at the best of the delays that codecs have."""
    heard, glide = audio.read(str(path)), voice[RATE : 2 * RATE]
    return max(np.corrcoef(heard[at : at + RATE], glide)[0, 1] for at in range(RATE - 1200, RATE + 2400, 4))


HEADERLESS = [("-q:a", "4"), ("-b:a", "64k"), ("-b:a", "32k")]


@pytest.mark.parametrize("quality", HEADERLESS, ids=lambda pair: pair[1])
def test_an_mp3_without_a_length_header_is_read_to_its_end(made, voice, quality):
    path = made(f"bare{quality[1]}.mp3", *quality, "-write_xing", "0")
    assert audio.check_file(str(path)) is None
    assert 3.0 <= len(audio.read(str(path))) / RATE < 3.2
    assert likeness(path, voice) > 0.9


@pytest.mark.parametrize("quality", HEADERLESS[:2], ids=lambda pair: pair[1])
@pytest.mark.parametrize("header", ["0", "1"])
@pytest.mark.parametrize("tag", [b"", b"TAG".ljust(128, b"\0")])
def test_two_mp3s_one_after_the_other_are_read_whole(made, tmp_path, quality, header, tag):
    one = made(f"one{quality[1]}{header}.mp3", *quality, "-write_xing", header).read_bytes()
    (tmp_path / "two.mp3").write_bytes(one + tag + one)
    assert 5.95 <= len(audio.read(str(tmp_path / "two.mp3"))) / RATE < 6.4


def test_an_mp3_without_a_length_header_is_cut_where_it_is_read_whole(made):
    path = str(made("bare4.mp3", "-q:a", "4", "-write_xing", "0"))
    whole = audio.read(path)
    np.testing.assert_allclose(audio.read(path, 1.5, 2.25), whole[24_000:36_000], atol=1e-6)
    np.testing.assert_allclose(audio.read(path, 2.5), whole[40_000:], atol=1e-6)
    np.testing.assert_allclose(audio.read(path, 2.5, 99.0), whole[40_000:], atol=1e-6)
    with pytest.raises(AudioError, match=r"starts at 9 s but the audio ends at 3\."):
        audio.read(path, 9.0)


@pytest.mark.parametrize("riff", [0, 36])
def test_a_wav_that_was_never_closed_is_read_to_its_end(tmp_path, voice, riff):
    path = tmp_path / "clip.wav"
    soundfile.write(path, voice, RATE, subtype="PCM_16")
    whole = audio.read(str(path))
    data = bytearray(path.read_bytes())
    data[4:8], data[40:44] = riff.to_bytes(4, "little"), bytes(4)
    path.write_bytes(data)
    assert audio.check_file(str(path)) is None
    np.testing.assert_array_equal(audio.read(str(path)), whole)
    np.testing.assert_array_equal(audio.read(str(path), 1.5, 2.0), whole[24_000:32_000])


OTHERS = {
    "clip.m4a": (), "clip.m4b": (), "clip.3gp": ("-c:a", "aac"), "clip.mp4": (), "clip.mov": (), "clip.aac": (),
    "clip.flv": ("-ar", "44100"), "clip.mka": (), "clip.mkv": ("-c:a", "aac"), "clip.wma": (), "clip.wv": (),
    "clip.avi": ("-c:a", "pcm_s16le"), "clip.webm": (), "clip.mpg": ("-ar", "48000"), "clip.tta": (),
    "clip.ac3": ("-ar", "48000"), "clip.ra": ("-ar", "44100"), "wma.wav": ("-c:a", "wmav2"),
    "flac.ogg": ("-c:a", "flac"), "clip.mp2": ("-ar", "48000"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_libsndfile_does_not_know_is_read_whatever_it_is_called(made, voice, tmp_path, name):
    path = made(name, *OTHERS[name])
    assert audio.check_file(str(path)) is None
    assert abs(len(audio.read(str(path))) / RATE - 3) < 0.08
    assert likeness(path, voice) > 0.9
    (tmp_path / "clip.wav").write_bytes(path.read_bytes())
    np.testing.assert_array_equal(audio.read(str(tmp_path / "clip.wav")), audio.read(str(path)))


@pytest.mark.parametrize("name", ["clip.m4a", "clip.mkv", "clip.wv", "clip.aac", "clip.ra"])
def test_a_segment_comes_out_as_it_is_in_the_whole(made, name):
    path = str(made(name, *OTHERS[name]))
    whole = audio.read(path)
    for start, end in ((0.25, 0.5), (1.5, 2.0), (2.5, 99.0)):
        part = audio.read(path, start, end)
        there = whole[round(start * RATE) : round(end * RATE)]
        assert abs(len(part) - len(there)) <= 1
        n = min(len(part), len(there)) - 100
        np.testing.assert_allclose(part[100:n], there[100:n], atol=2e-3)
    with pytest.raises(AudioError, match=r"starts at 9 s but the audio ends at (3\.|2\.9)"):
        audio.read(path, 9.0, 10.0)
    for start, end in ((-1.0, 1.0), (2.0, 1.0), (0.0, np.inf)):
        assert audio.check_file(path, start, end) is not None


@pytest.mark.parametrize("name", ["10:30.m4a", "-y.m4a", "file:x.m4a", "a b'c\"%d.m4a", os.fsdecode(b"caf\xe9.m4a")])
def test_no_name_is_taken_for_an_option_a_protocol_or_text(made, tmp_path, monkeypatch, name):
    content = made("clip.m4a").read_bytes()
    monkeypatch.chdir(tmp_path)
    with open(name, "wb") as file:
        file.write(content)
    assert audio.check_file(name) is None
    np.testing.assert_array_equal(audio.read(name), audio.read(content))


def test_content_in_memory_is_read_as_a_file_is(made):
    for name in ("clip.m4a", "voice.wav", "bare4.mp3"):
        path = made(name, "-q:a", "4", "-write_xing", "0") if name.endswith("mp3") else made(name)
        np.testing.assert_array_equal(audio.Clip(path.read_bytes(), start=1.25).load(), audio.read(str(path), 1.25))


@pytest.mark.parametrize("name", ["clip.m4a", "clip.mkv", "clip.wv", "clip.wma", "clip.ac3", "clip.webm"])
def test_a_file_that_ends_too_soon_is_called_truncated(made, name):
    content = made(name, *OTHERS[name]).read_bytes()
    with pytest.raises(AudioError, match=r"\(\d+ bytes\).* it is truncated.*; copy it again"):
        audio.read(content[: len(content) * 2 // 3])


def test_a_video_without_sound_is_said_to_have_none(made):
    path = made("mute.mp4", "-f", "lavfi", "-i", "color=s=16x16:d=0.1", "-map", "1:v")
    with pytest.raises(AudioError, match="holds no sound"):
        audio.read(str(path))


def test_what_only_looks_like_audio_is_an_error_of_that_file(tmp_path):
    for name, content in (("a.m4a", b"x" * 99), ("b.wav", b"RIFF" + bytes(99)), ("c.mp3", b"no sound at all " * 99)):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(AudioError, match=rf"ffmpeg cannot read '{path}' .* is truncated or is not audio"):
            audio.read(str(path))
    assert "is not audio" in audio.check_file(str(tmp_path / "b.wav"))  # libsndfile knows that kind, and not this file


def test_a_list_of_other_files_opens_none_of_them(made, tmp_path):
    made("clip.m4a")
    (tmp_path / "list.m4a").write_text(f"ffconcat version 1.0\nfile '{made('clip.m4a')}'\n")
    with pytest.raises(AudioError, match="ffmpeg cannot read"):
        audio.read(str(tmp_path / "list.m4a"))


def test_ffmpeg_is_the_one_on_the_path_or_the_packaged_one(monkeypatch):
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: "/bin/ffmpeg")
    assert ffmpeg.find_ffmpeg() == "/bin/ffmpeg"
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    packaged = types.SimpleNamespace(get_ffmpeg_exe=lambda: "/packaged/ffmpeg")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", packaged)
    assert ffmpeg.find_ffmpeg() == "/packaged/ffmpeg"


@pytest.fixture
def no_ffmpeg(monkeypatch):
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)


def test_without_ffmpeg_every_such_file_says_what_to_install(made, no_ffmpeg):
    for name in ("clip.m4a", "clip.aac", "bare4.mp3"):
        path = str(made(name, "-q:a", "4", "-write_xing", "0") if name.endswith("mp3") else made(name))
        for problem in (audio.check_file(path), _error(path)):
            assert path in problem
            assert "install ffmpeg (`pip install imageio-ffmpeg` brings it)" in problem


def test_without_ffmpeg_a_broken_wav_is_not_called_one_for_ffmpeg(no_ffmpeg):
    problem = audio.check_file(b"RIFF no sound")
    assert "is not audio that libsndfile reads (" in problem
    assert "ffmpeg may (`pip install imageio-ffmpeg`), if it is audio" in problem


def _error(path):
    with pytest.raises(AudioError) as caught:
        audio.read(path)
    return str(caught.value)


def test_an_ffmpeg_that_does_not_run_or_dies_is_an_error_of_the_file(made, tmp_path, monkeypatch):
    path = str(made("clip.m4a"))
    monkeypatch.setattr(ffmpeg, "find_ffmpeg", lambda: str(tmp_path / "gone"))
    assert "cannot be run" in _error(path)
    monkeypatch.setattr(ffmpeg, "find_ffmpeg", lambda: sys.executable)
    monkeypatch.setattr(
        ffmpeg.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, -11, b"", b"")
    )
    assert f"ffmpeg ({sys.executable}) broke off over '{path}' by signal 11" in _error(path)


def test_a_segment_far_into_a_file_is_not_decoded_from_its_beginning(made, monkeypatch):
    asked = []
    run = subprocess.run

    def noted(command, **options):
        asked.append(command[: command.index("-i")])
        return run(command, **options)

    path = str(made("clip.m4a"))
    monkeypatch.setattr(ffmpeg.subprocess, "run", noted)
    audio.read(path, 2.25, 2.5)
    assert [command[command.index("-ss") + 1] for command in asked] == ["1.250000"]


def test_a_transport_stream_is_known_by_its_packets():
    packet = b"G".ljust(188, b"\xff")
    assert sources.is_for_ffmpeg(2 * packet)
    assert not sources.is_for_ffmpeg(packet + b"no".ljust(188))
