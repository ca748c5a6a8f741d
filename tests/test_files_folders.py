"""Walking below a folder: every folder once, whatever links there are."""

import os

import pytest

from sere.datasets import find_corpora, load_corpus
from sere.datasets.scan import find_media
from sere.files.folders import walk


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root, **options):
    return [os.path.relpath(path, root) for paths in walk(root, **options) for path in paths]


def unreadable(monkeypatch, folder):
    """Let a folder be one that may not be read, which no folder is to the superuser."""
    scan = os.scandir

    def refuse(path):
        if os.fspath(path) == str(folder):
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_link_to_a_folder_that_is_there_is_no_second_copy(tmp_path):
    touch(tmp_path, "b/1.wav", "c/2.wav")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "c/again").symlink_to("../b")
    assert found(tmp_path) == ["b/1.wav", "c/2.wav"]


def test_circles_end_and_links_upwards_lead_nowhere(tmp_path):
    root = touch(tmp_path / "root", "x/1.wav")
    touch(tmp_path, "outside.wav")
    (root / "x/loop").symlink_to("..")
    (root / "up").symlink_to(tmp_path)
    assert found(root) == ["x/1.wav"]


def test_what_lies_elsewhere_is_found_through_its_link(tmp_path):
    touch(tmp_path / "store", "1.wav", "deep/2.wav")
    root = touch(tmp_path / "root", "3.wav")
    (root / "linked").symlink_to(tmp_path / "store")
    (root / "twice").symlink_to(tmp_path / "store")
    assert found(root) == ["3.wav", "linked/1.wav", "linked/deep/2.wav"]


def test_what_ends_as_sound_does_is_found_in_order(tmp_path):
    touch(tmp_path, "b.WAV", "a/c.flac", "a/d.txt", "a/e.m4a", "f.wav/g.Mp4", "h.3gp")
    names = [media.relative for media in find_media(tmp_path)]
    assert names == ["a/c.flac", "a/e.m4a", "b.WAV", "f.wav/g.Mp4", "h.3gp"]


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    touch(tmp_path, "1.wav", "._1.wav", ".hidden/2.wav", "__MACOSX/3.wav")
    assert found(tmp_path) == ["1.wav"]


def test_a_folder_that_cannot_be_read_is_an_error_or_told(tmp_path, monkeypatch):
    touch(tmp_path, "happy/1.wav", "sad/2.wav")
    unreadable(monkeypatch, tmp_path / "sad")
    with pytest.raises(PermissionError, match=r"cannot be read \(Permission denied\).*sad"):
        found(tmp_path)
    with pytest.raises(PermissionError, match="cannot be read"):
        load_corpus(tmp_path)
    told = []
    assert found(tmp_path, unreadable=told.append) == ["happy/1.wav"]
    assert [error.filename for error in told] == [str(tmp_path / "sad")]


def test_load_corpus_counts_linked_clips_once(tmp_path):
    touch(tmp_path, "happy/1.wav", "sad/2.wav")
    (tmp_path / "also").symlink_to("happy")
    (tmp_path / "sad/here").symlink_to("..")
    clips = load_corpus(tmp_path)
    assert clips["emotion"].tolist() == ["happy", "sad"]


def test_find_corpora_names_a_linked_corpus_once(tmp_path):
    touch(tmp_path / "all", "mine/happy/1.wav", "mine/sad/2.wav")
    touch(tmp_path / "elsewhere", "happy/1.wav", "sad/2.wav")
    (tmp_path / "all/copy").symlink_to("mine")
    (tmp_path / "all/yours").symlink_to(tmp_path / "elsewhere")
    assert list(find_corpora(tmp_path / "all")) == ["mine", "yours"]
