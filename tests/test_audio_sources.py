"""A file before it is decoded: what is not one, may not be read, or stands for another is said in so many words."""

import os

import pytest

from sere import audio
from sere.audio import sources
from sere.audio.sources import Unreadable


def words_of(path):
    with pytest.raises(Unreadable) as caught:
        sources.size_of(path)
    return str(caught.value)


def test_what_is_no_file_is_refused_without_being_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")  # opening it would wait for ever
    for path, words in (
        (tmp_path / "pipe.wav", "pipe or a device"),
        (os.devnull, "pipe or a device"),
        (tmp_path, "folder"),
    ):
        assert words in words_of(str(path))
        assert words in audio.check_file(str(path))
        with pytest.raises(audio.AudioError, match=words):
            audio.read(str(path))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone.wav", "no such file"),
        ("dangling.wav", "is a link to 'nowhere.wav', which is not there"),
        ("loop.wav", "symbolic links"),
        ("letter.txt/clip.wav", "[Nn]ot a directory"),
        ("x" * 300 + ".wav", "name too long"),
        ("a\0b.wav", "null byte"),
        ("\ud800.wav", "surrogates not allowed"),
        ("", "folder"),
    ],
)
def test_every_name_that_leads_to_no_file_is_that_clips_error(tmp_path, name, words):
    (tmp_path / "letter.txt").write_text("x")
    (tmp_path / "dangling.wav").symlink_to("nowhere.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    path = f"{tmp_path}/{name}"
    with pytest.raises(audio.AudioError, match=words):
        audio.check([audio.Clip(path)])
    with pytest.raises(audio.AudioError, match=words):
        audio.Clip(path).load()


def test_a_file_without_read_permission_is_not_called_something_else(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "secret.wav"
    path.write_bytes(b"whatever libsndfile does not get to see")
    monkeypatch.setattr(sources, "open", refused, raising=False)
    assert "secret.wav' may not be read: permission denied" in audio.check_file(str(path))
    monkeypatch.setattr(sources.os, "stat", refused)
    assert "secret.wav' may not be read: permission denied" in audio.check_file(str(path))


def test_a_relative_path_in_a_folder_that_is_gone_is_still_an_error_of_that_clip(monkeypatch):
    def gone():
        raise FileNotFoundError

    monkeypatch.setattr(sources.os, "getcwd", gone)
    assert "no such file: 'a.wav'" in audio.check_file("a.wav")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git-lfs pointer.*git lfs pull"),
        ("/annex/objects/SHA256E-s12345--4d7a.wav\n", "git-annex pointer.*git annex get"),
    ],
)
@pytest.mark.parametrize("ending", ["wav", "mp3", "m4a"])
def test_a_pointer_that_stands_for_audio_says_how_to_get_it(tmp_path, text, words, ending):
    path = tmp_path / f"clip.{ending}"
    path.write_text(text)
    with pytest.raises(audio.AudioError, match=words):
        audio.check([audio.Clip(str(path))])


def test_content_in_memory_is_called_by_its_size():
    assert audio.Clip(b"12345", start=1.0).name == "audio in memory (5 bytes) [1-end s]"
    assert audio.check_file(b"") == "audio in memory (0 bytes) is empty (0 bytes)"
    assert "audio in memory (5 bytes) is not audio" in audio.check_file(b"12345")


def test_there_is_one_list_of_endings():
    wanted = ".wav .flac .mp3 .ogg .m4a .flv .3gp .m4b .w64 .wma .aac .amr .rf64 .mp4 .webm"
    assert sources.AUDIO_ENDINGS.issuperset(wanted.split())
    assert all(ending == ending.lower() and ending.startswith(".") for ending in sources.AUDIO_ENDINGS)
