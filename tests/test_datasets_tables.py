"""Lists of clips are read in one way, and nothing in them is guessed."""

import pandas as pd
import pytest

from sere.datasets import load_corpus
from sere.datasets.tables import is_list_of, numbers, our_names, read_table

WANTED = ("path", "emotion", "speaker", "start")


def written(folder, name, text, encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.csv", "path\na.wav\nb.wav\n"),
        ("l.csv", "path\r\na.wav\r\nb.wav\r\n"),
        ("l.csv", "\ufeffpath\na.wav\nb.wav"),
        ("l.csv", '"path"\n"a.wav"\n\n"b.wav"\n'),
        ("l.csv", "Path;n\na.wav;1\nb.wav;2\n"),
        ("l.csv", "File Name, n\na.wav, 1\nb.wav, 2\n"),
        ("l.txt", "audio\na.wav\nb.wav\n"),
        ("l.tsv", "n\tfile\n1\ta.wav\n2\tb.wav\n"),
        ("l.TAB", "n\tFile-Path \n1\ta.wav\n2\tb.wav\n"),
        ("l.tsv", "filename,n\na.wav,1\nb.wav,2\n"),
        ("l.csv", "path,wav\na.wav,x\nb.wav,y\n"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lists_of_every_look_are_read_alike(tmp_path, name, text, encoding):
    table = read_table(written(tmp_path, name, text, encoding), WANTED)
    assert table.clips["path"].tolist() == [str(tmp_path / "a.wav"), str(tmp_path / "b.wav")]


def test_a_single_column_holds_whatever_its_cells_hold(tmp_path):
    table = read_table(written(tmp_path, "l.csv", 'path\na, b.wav\nc;d.wav\n"e, f.wav"\n'), WANTED)
    assert [path.rpartition("/")[2] for path in table.clips["path"]] == ["a, b.wav", "c;d.wav", "e, f.wav"]


def test_cells_are_texts_whatever_they_look_like(tmp_path):
    words = ["NA", "None", "nan", "007", "1", "true", "1.0", "null"]
    text = "path,emotion,speaker\n" + "".join(f"a.wav,{word},{word}\n" for word in words)
    (tmp_path / "a.wav").touch()
    clips = load_corpus(written(tmp_path, "l.csv", text))
    assert clips["emotion"].tolist() == words
    assert clips["speaker"].tolist() == words


def test_rows_are_known_by_their_line(tmp_path):
    table = read_table(written(tmp_path, "l.csv", 'path,text\na.wav,"two\nlines"\n\nb.wav,\n'), ("path", "text"))
    assert table.clips.index.tolist() == [3, 5]


def test_a_path_starts_at_the_list_or_else_at_the_current_folder(tmp_path, monkeypatch):
    lists, here = tmp_path / "lists", tmp_path / "here"
    for folder, names in ((lists, ["both.wav", "list.wav"]), (here, ["both.wav", "here.wav"])):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    monkeypatch.chdir(here)
    listed = written(lists, "l.csv", f"path\nlist.wav\nhere.wav\nnone.wav\n{lists / 'list.wav'}\n")
    expected = [str(lists / "list.wav"), "here.wav", str(lists / "none.wav"), str(lists / "list.wav")]
    assert read_table(listed, WANTED).clips["path"].tolist() == expected
    with pytest.warns(UserWarning, match=r"l\.csv lists both\.wav, .* from the list's folder is taken"):
        table = read_table(written(lists, "l.csv", "path\nboth.wav\n"), WANTED)
    assert table.clips["path"].tolist() == [str(lists / "both.wav")]


def test_a_name_that_is_no_utf8_is_found_by_its_bytes_or_by_what_was_printed(tmp_path):
    name = b"caf\xe9.wav".decode(errors="surrogateescape")
    (tmp_path / name).touch()
    (tmp_path / "l.csv").write_bytes(b"path,emotion\ncaf\xe9.wav,joy\ncaf\\udce9.wav,sad\n")
    clips = load_corpus(tmp_path / "l.csv")
    assert clips["path"].tolist() == [str(tmp_path / name)] * 2


@pytest.mark.parametrize("column", ["emotion", "speaker"])
def test_text_that_is_no_utf8_is_told_by_its_line(tmp_path, column):
    listed = written(tmp_path, "l.csv", f"path,{column}\na.wav,x\na.wav,é\n", "latin-1")
    with pytest.raises(ValueError, match=r"l\.csv, line 3: .* is not UTF-8 text; save the list as UTF-8"):
        read_table(listed, WANTED)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("song,emotion\na.wav,x\n", r"no column 'path'; its first line names song, emotion.*filename"),
        ("", "its first line names nothing"),
        ("path,emotion\na,b.wav,x\n", r"line 2: 3 cells, and the first line names 2.*quotation marks"),
        ('path,emotion\na.wav,x\nb.wav,"y\nc.wav,z\n', "line 4: unexpected end of data"),
        ('path,emotion\na.wav,"x" y\n', "line 2: .*quotation mark"),
        ("file,emotion,wav\na.wav,x,b.wav\n", r"more than one column that means path \('file', 'wav'\)"),
    ],
)
def test_a_list_that_is_none_is_told_with_the_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_table(written(tmp_path, "l.csv", text), WANTED)


def test_columns_that_nobody_asked_for_may_be_twofold(tmp_path):
    table = read_table(written(tmp_path, "l.csv", "path,label,class,x,x\na.wav,1,2,3,4\n"), ["path"])
    assert table.clips.columns.tolist() == ["path"]


def test_times_stay_as_they_are_where_they_are_no_plain_numbers(tmp_path):
    assert numbers(["1.5", "0:01", "0 days 00:00:02", "1,5"]) == [1.5, "0:01", "0 days 00:00:02", "1,5"]
    assert numbers(["1,5", "2"], decimal=",") == [1.5, 2.0]
    assert pd.isna(numbers([""])).all()
    assert numbers(["nan", "inf", "1_0"]) == ["nan", "inf", "1_0"]
    assert read_table(written(tmp_path, "l.csv", "path;start\na.wav;1,5\n"), WANTED).decimal == ","


def test_names_of_columns_are_ours_in_any_case():
    assert our_names(["Audio File", "LABEL", "speaker-id", "other"]) == ["path", "emotion", "speaker", "other"]


def test_what_is_a_list_of_labeled_clips_is_seen_by_its_first_line(tmp_path):
    assert is_list_of(written(tmp_path, "a.csv", "File;Label\n"), ("path", "emotion"))
    assert not is_list_of(written(tmp_path, "b.csv", "name,licence\n"), ("path", "emotion"))
    assert not is_list_of(written(tmp_path, "c.md", "path,emotion\n"), ("path", "emotion"))
    assert not is_list_of(written(tmp_path, "d.csv", "x" * 200_000), ("path", "emotion"))
