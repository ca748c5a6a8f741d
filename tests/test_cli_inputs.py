"""Lists of every look are read alike by every command, and labels come out as they went in."""

import csv
import io
import os
import sys
from pathlib import Path

import pandas as pd
import pytest
import soundfile

import sere
from sere import cli
from sere.datasets import load_corpus

LISTS = {
    "comma.csv": ("Path,Emotion\n", "{path},{label}\n"),
    "mark.csv": ("\ufefffile,LABEL\n", "{path},{label}\n"),
    "semicolon.csv": ("File Name;speaker;class\n", "{path};NA;{label}\n"),
    "tab.tsv": ("emotion\taudio\n", '{label}\t"{path}"\n'),
}
LABELS = {"anger": "NA", "neutral": "1", "sadness": "true"}


@pytest.fixture(scope="module")
def folder(voices, tmp_path_factory):
    """Clips of both languages in a folder of their own, and lists of those of the first in another."""
    root = tmp_path_factory.mktemp("lists")
    (root / "clips").mkdir()
    rows = []
    for i, clip in enumerate(voices.itertuples()):
        path = root / "clips" / f"{clip.language} {i:03d}.wav"
        soundfile.write(path, clip.audio, 16_000)
        rows.append((os.path.relpath(path, root), LABELS[clip.emotion], clip.language))
    for name, (head, line) in LISTS.items():
        lines = [line.format(path=path, label=label) for path, label, language in rows if language == "lumo"][::3]
        (root / name).write_text(head + "".join(lines), encoding="utf-8")
    (root / "one.csv").write_text("path\n" + "".join(f"{path}\n" for path, _, _ in rows[::3]))
    (root / "truth.csv").write_text("path,emotion\n" + "".join(f"{path},{label}\n" for path, label, _ in rows[::3]))
    return root


@pytest.fixture(scope="module")
def fitted(folder):
    out = folder / "model"
    assert run("fit", "--labels", folder / "comma.csv", "--out", out, "--epochs", 1, "-q") == 0
    return out


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", LISTS)
def test_every_command_reads_a_list_as_load_corpus_does(name, folder, fitted, capsys):
    known = load_corpus(folder / name)
    assert sorted(set(known["emotion"])) == ["1", "NA", "true"]
    assert known["path"].tolist() == load_corpus(folder / "comma.csv")["path"].tolist()
    assert run("fit", "--labels", folder / name, "--source", folder / name, "--out", folder / "m", "-q") == 1
    assert "no clips besides the labeled ones" in capsys.readouterr().err
    assert run("predict", fitted, folder / name, "-f", "csv", "-q") == 0
    assert [row["path"] for row in rows_of(capsys.readouterr().out)] == known["path"].tolist()
    assert run("evaluate", fitted, "--corpus", folder / name, "-q") == 0
    assert f"on {len(known)} clips" in capsys.readouterr().out


def test_labels_that_look_like_numbers_or_gaps_come_back_as_they_were(folder, fitted, tmp_path, capsys):
    assert sere.load(fitted).classes_.tolist() == ["1", "NA", "true"]
    assert run("predict", fitted, folder / "one.csv", "-f", "csv", "-o", tmp_path / "found.csv", "-q") == 0
    found = rows_of((tmp_path / "found.csv").read_text())
    assert {row["emotion"] for row in found} <= {"1", "NA", "true"}
    assert {"p_1", "p_NA", "p_true"} <= set(found[0])
    scores = []
    for given in (fitted, tmp_path / "found.csv"):
        assert run("evaluate", given, "--corpus", folder / "truth.csv", "-q") == 0
        scores.append(capsys.readouterr().out)
    assert scores[0] == scores[1]
    assert "clips are left out" not in scores[0]


def test_a_pool_that_is_a_list_of_one_column_leaves_the_labeled_clips_out(folder, tmp_path, capsys):
    arguments = ["--labels", folder / "comma.csv", "--source", folder / "one.csv", "--epochs", 1]
    assert run("fit", *arguments, "--out", tmp_path / "m") == 0
    labeled = set(load_corpus(folder / "comma.csv")["path"])
    pool = [path for path in load_corpus(folder / "truth.csv")["path"] if path not in labeled]
    assert f"from {len(labeled)} labeled and {len(pool)} + 0 unlabeled clips" in capsys.readouterr().out


def test_segments_that_are_labeled_are_left_out_of_the_pool_as_segments(folder, tmp_path):
    from sere.cli.inputs import read_labeled, read_pool
    from sere.cli.problems import Problems

    (tmp_path / "a.csv").write_text("path,emotion,start,end\nx.wav,joy,0,1\nx.wav,sad,1,2.50\n")
    (tmp_path / "b.csv").write_text("path,start,end\nx.wav,0.0,1.0\nx.wav,1,2.5\nx.wav,2.5,\n")
    pool = read_pool(str(tmp_path / "b.csv"), read_labeled(str(tmp_path / "a.csv")), Problems("fit", "raise"))
    assert pool["start"].tolist() == [2.5]


def test_a_folder_of_any_sound_is_listed(model, tmp_path, monkeypatch, capsys):
    for name in ("a.m4a", "b.flv", "c.3gp", "d.w64", "sub/e.M4B", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    sere.save(model, tmp_path / "model")
    assert run("predict", tmp_path / "model", tmp_path, "-q") == 1
    err = capsys.readouterr().err
    assert "5 of 5 clips could not be used" in err


def test_a_segment_is_read_from_a_list_of_tabs(model, files, tmp_path, capsys):
    sere.save(model, tmp_path / "model")
    (tmp_path / "l.tsv").write_text(f"Start\tEND\tfile\n0.1\t0.3\t{files[0]}\n")
    assert run("predict", tmp_path / "model", tmp_path / "l.tsv", "-f", "csv", "-q") == 0
    (row,) = rows_of(capsys.readouterr().out)
    assert (row["path"], row["start"], row["end"]) == (files[0], "0.1", "0.3")


def test_paths_on_standard_input_need_not_be_utf8(monkeypatch, tmp_path):
    from sere.cli.inputs import read_clips
    from sere.cli.problems import Problems

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9.wav\nb.wav\n"), encoding="utf-8"))
    clips = read_clips(["-"], Problems("predict", "skip"))
    assert clips["path"].tolist() == [os.fsdecode(b"caf\xe9.wav"), "b.wav"]


def test_what_predict_wrote_elsewhere_is_matched_with_its_clips(model, files, tmp_path, monkeypatch, capsys):
    sere.save(model, tmp_path / "model")
    folder = Path(files[0]).parent
    monkeypatch.chdir(folder)
    names = [Path(path).name for path in files]
    assert run("predict", tmp_path / "model", *names, "-f", "csv", "-o", tmp_path / "found.csv", "-q") == 0
    pd.DataFrame({"path": files, "emotion": ["anger", "neutral"] * (len(files) // 2)}).to_csv(
        tmp_path / "truth.csv", index=False
    )
    assert run("evaluate", tmp_path / "found.csv", "--corpus", tmp_path / "truth.csv", "-q") == 0
    assert f"on {len(files)} clips" in capsys.readouterr().out
