"""Files that appear whole or not at all."""

import os
import time

import pytest

from sere.files.drafts import LEFT, whole_file, write_text


def test_a_file_takes_its_name_when_it_is_complete(tmp_path):
    place = tmp_path / "table.md"
    write_text(place, "old")
    with whole_file(place) as draft:
        draft.write_text("new")
        assert draft.suffix == ".md"
        assert place.read_text() == "old"
    assert place.read_text() == "new"
    assert os.listdir(tmp_path) == ["table.md"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    place = tmp_path / "table.md"
    write_text(place, "old")

    def interrupted():
        with whole_file(place) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert place.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.md"]


def left_behind(place, seconds):
    """The draft of a writer that was killed so long ago."""
    writing = whole_file(place)
    draft = writing.__enter__()
    draft.write_text("half")
    os.utime(draft, (time.time() - seconds,) * 2)
    return writing, draft


def test_the_draft_of_a_killed_writer_goes_with_the_next_write(tmp_path):
    killed, old = left_behind(tmp_path / "model", LEFT + 60)
    at_work, young = left_behind(tmp_path / "model", LEFT - 60)
    of_another, other = left_behind(tmp_path / "model.npz", LEFT + 60)
    write_text(tmp_path / "model", "new")
    assert [place.exists() for place in (old, young, other)] == [False, True, True]
    for writing in (at_work, of_another):
        writing.__exit__(None, None, None)
    killed.gen.close()
    assert sorted(os.listdir(tmp_path)) == ["model", "model.npz"]


def test_a_missing_folder_is_named_before_anything_is_written(tmp_path):
    with pytest.raises(FileNotFoundError, match="the folder does not exist; make it first"):
        write_text(tmp_path / "nowhere" / "table.md", "x")
