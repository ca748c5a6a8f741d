"""Predictions in the formats of other projects are what their own readers, and ours, make of them."""

import csv
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import sere
from sere import cli
from sere.cli.writers import WRITERS
from sere.datasets import load_corpus

CLASSES = ["anger", "joy"]
SHARES = np.array([[0.75, 0.25], [0.625, 0.375], [0.0, 1.0]])


def written(name, clips, shares=SHARES, reject_below=None):
    stream = io.StringIO()
    with WRITERS[name](stream, CLASSES, clips, reject_below) as writer:
        for (_, clip), own in zip(clips.iterrows(), shares):
            writer.write(clip.dropna().to_dict(), own)
        writer.write({"path": "-"}, None)  # nobody speaks
    return stream.getvalue()


@pytest.fixture
def clips(tmp_path):
    """A whole file, and two parts of another, one with an open end."""
    for name in ("a b", "c"):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(32_000), 16_000)
    paths = [str(tmp_path / f"{name}.wav") for name in ("c", "a b", "a b")]
    times = {"start": [np.nan, 0.25, "0:01"], "end": [np.nan, 0.75, np.nan]}
    return pd.DataFrame({"path": paths, "speaker": ["ane", None, "bo"], **times})


# Its own call of pandas.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_audformat_reads_its_table_with_open_ends(clips, tmp_path):
    audformat = pytest.importorskip("audformat", exc_type=ImportError)
    file = tmp_path / "found.csv"
    file.write_text(written("audformat", clips))
    table = audformat.utils.read_csv(file)
    assert audformat.is_segmented_index(table.index)
    assert table.index.get_level_values("file").tolist() == clips["path"].tolist()
    assert table.index.get_level_values("start").total_seconds().tolist() == [0, 0.25, 1]
    assert table.index.get_level_values("end").isna().tolist() == [True, False, True]
    assert table.columns.tolist() == ["speaker", "emotion", "p_anger", "p_joy"]
    assert table["emotion"].tolist() == ["anger", "anger", "joy"]
    np.testing.assert_allclose(table[["p_anger", "p_joy"]], SHARES)
    assert load_corpus(file)["emotion"].tolist() == ["anger", "anger", "joy"]
    file.write_text(written("audformat", clips[["path"]]))
    assert audformat.is_filewise_index(audformat.utils.read_csv(file).index)


def test_nkululekos_ensemble_finds_its_columns(clips):
    rows = list(csv.DictReader(io.StringIO(written("nkululeko", clips[["path"]]))))
    # What stands between the first column and the last two are the emotions.
    assert list(rows[0]) == ["file", *CLASSES, "predicted", "uncertainty"]
    assert [row["predicted"] for row in rows] == ["anger", "anger", "joy"]
    expected = [-sum(p * np.log2(p) for p in own if p) for own in SHARES]
    np.testing.assert_allclose([float(row["uncertainty"]) for row in rows], expected, atol=1e-6)
    assert written("nkululeko", clips).startswith("file,start,end,anger,joy,predicted,uncertainty\n")


def test_lhotses_supervisions_say_where_each_clip_is(clips, tmp_path):
    file = tmp_path / "supervisions.jsonl"
    file.write_text(written("lhotse", clips))
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert [entry["id"] for entry in found] == ["c", "a b-0.25-0.75", "a b-1-end"]
    assert [(entry["recording_id"], entry["start"], entry["duration"]) for entry in found] == [
        ("c", 0.0, 2.0),
        ("a b", 0.25, 0.5),
        ("a b", 1.0, 1.0),
    ]
    assert found[0]["custom"] == {"emotion": "anger", "probabilities": {"anger": 0.75, "joy": 0.25}}
    assert [entry.get("speaker") for entry in found] == ["ane", None, "bo"]


def test_lhotse_itself_reads_its_supervisions(clips, tmp_path):
    lhotse = pytest.importorskip("lhotse")
    file = tmp_path / "supervisions.jsonl"
    file.write_text(written("lhotse", clips))
    recordings = lhotse.RecordingSet.from_recordings(map(lhotse.Recording.from_file, sorted(set(clips["path"]))))
    recordings.to_file(tmp_path / "recordings.jsonl")
    supervisions = lhotse.SupervisionSet.from_file(file)
    assert [segment.custom["emotion"] for segment in supervisions] == ["anger", "anger", "joy"]
    lhotse.validate(lhotse.CutSet.from_manifests(recordings, supervisions))
    assert load_corpus(file)["emotion"].tolist() == ["anger", "anger", "joy"]


def test_kaldis_table_is_sorted_and_its_names_have_no_blanks(clips):
    assert written("kaldi", clips) == "a_b-0.25-0.75 anger\na_b-1-end joy\nc anger\n"


def test_emoboxs_metadata_is_read_back(clips, tmp_path):
    file = tmp_path / "found.jsonl"
    file.write_text(written("emobox", clips))
    found = load_corpus(file)
    assert found["path"].tolist() == clips["path"].tolist()
    assert found["emotion"].tolist() == ["anger", "anger", "joy"]
    assert found["start"].tolist()[1:] == [0.25, 1.0]
    assert json.loads(file.read_text().splitlines()[2])["probabilities"] == {"anger": 0.0, "joy": 1.0}


@given(st.lists(st.sampled_from(["a.wav", "b/a.wav", "a-2.wav", "b.wav"]), max_size=8))
def test_no_two_clips_have_one_name(paths):
    clips = pd.DataFrame({"path": paths}, dtype=object)
    lines = written("emobox", clips, np.tile(SHARES[:1], (len(paths), 1))).splitlines()
    assert len({json.loads(line)["key"] for line in lines}) == len(paths)


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


@pytest.fixture
def kaldi(files, tmp_path):
    """A Kaldi data folder without emotions, and a broken recording."""
    folder = tmp_path / "data"
    folder.mkdir()
    names = [f"utt{k}" for k in range(4)]
    (folder / "wav.scp").write_text("".join(f"{name} {path}\n" for name, path in zip(names, files)) + "x gone.wav\n")
    (folder / "utt2spk").write_text("".join(f"{name} ane\n" for name in names))
    return folder


def test_a_folder_of_kaldis_is_predicted_and_loaded_with_what_was_found(model, kaldi, files, tmp_path, capsys):
    sere.save(model, tmp_path / "model")
    assert run("predict", tmp_path / "model", kaldi, "-f", "kaldi", "-o", kaldi / "utt2emo", "-q") == 1
    assert f"{kaldi / 'wav.scp'}, line 5: no such file" in capsys.readouterr().err
    (kaldi / "wav.scp").write_text("".join((kaldi / "wav.scp").read_text().splitlines(keepends=True)[:4]))
    found = load_corpus(kaldi)
    assert found["id"].tolist() == [f"utt{k}" for k in range(4)]
    assert found["emotion"].tolist() == model.predict(pd.DataFrame({"path": files[:4], "speaker": "ane"})).tolist()


def test_a_pool_keeps_the_clips_of_a_manifest_that_have_no_emotion(kaldi):
    from sere.cli.inputs import read_pool
    from sere.cli.problems import PLACE, Problems

    pool = read_pool(str(kaldi), pd.DataFrame({"path": []}), Problems("fit", "skip"))
    assert len(pool) == 5
    assert pool[PLACE].tolist()[2] == f"{kaldi / 'wav.scp'}, line 3"
    assert pool["speaker"].tolist()[:4] == ["ane"] * 4
    assert pool["speaker"].isna().tolist()[4]


def test_sound_that_comes_has_no_file_to_name(model, tmp_path, monkeypatch, capsys):
    sere.save(model, tmp_path / "model")
    raw = io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"\0" * 64)))
    monkeypatch.setattr(sys, "stdin", raw)
    assert run("predict", tmp_path / "model", "-", "--rate", "16000", "-f", "lhotse") == 2
    assert "--format lhotse is for clips in files" in capsys.readouterr().err


def test_a_list_with_durations_is_predicted_by_its_ends(model, files, tmp_path, capsys):
    sere.save(model, tmp_path / "model")
    rows = f"{files[0]},0.1,0.2\n{files[0]},0.1,\n"
    (tmp_path / "l.csv").write_text(f"path,start,duration\n{rows}")
    assert run("predict", tmp_path / "model", tmp_path / "l.csv", "-f", "csv", "-q") == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert found.columns.tolist()[:3] == ["path", "start", "end"]
    assert found["end"].round(9).tolist()[0] == 0.3
    assert np.isnan(found["end"].tolist()[1])
    (tmp_path / "l.csv").write_text(f"path,start,duration,end\n{files[0]},0.1,0.2,0.9\n")
    assert run("predict", tmp_path / "model", tmp_path / "l.csv", "-q") == 1
    assert "l.csv, line 2: start, end and duration disagree" in capsys.readouterr().err


# Of so few clips.
@pytest.mark.filterwarnings("ignore::sere.SereWarning")
def test_label_takes_a_folder_of_kaldis(kaldi, files, tmp_path):
    from sere.datasets import make_voices

    voices = make_voices(4, ["lumo"], 2, ["anger", "sadness"], 0, duration=0.5)
    encoder = sere.pretrain_encoder([voices], "acoustic", random_state=0)
    (kaldi / "wav.scp").write_text("".join((kaldi / "wav.scp").read_text().splitlines(keepends=True)[:4]))
    found = sere.label(kaldi, encoder=encoder, cache=False)
    expected = sere.label(pd.DataFrame({"path": files[:4], "speaker": "ane"}), encoder=encoder, cache=False)
    assert found["path"].tolist() == files[:4]
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(TypeError, match="one path; pass a list"):
        sere.label(files[0], encoder=encoder)


def test_a_known_name_is_kept_and_relative_files_are_found(kaldi, files, tmp_path, monkeypatch):
    from sere.cli.inputs import read_clips
    from sere.cli.problems import Problems

    monkeypatch.chdir(tmp_path)
    (kaldi / "wav.scp").write_text(f"one {os.path.relpath(files[0], tmp_path)}\n")
    clips = read_clips([str(kaldi)], Problems("predict", "skip"))
    assert clips["id"].tolist() == ["one"]
    assert Path(clips["path"].iloc[0]).samefile(files[0])


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_what_is_not_sure_enough_is_unknown_in_every_format(name, clips):
    assert written(name, clips).count("unknown") == 0
    assert written(name, clips, reject_below=0.7).count("unknown") == 1
    assert written(name, clips, reject_below=0.5).count("unknown") == 0


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_what_tells_of_no_emotion_is_unknown_in_every_format(name, clips):
    assert written(name, clips, np.array([[0.75, 0.25], [0.5, 0.5], [0.0, 1.0]])).count("unknown") == 1


@pytest.mark.filterwarnings("ignore:X holds 18 clips")
def test_predict_and_label_leave_clips_open_that_they_are_not_sure_of(model, files, tmp_path, capsys):
    likely = model.predict_proba(files).max(axis=1)
    middle = float(np.median(likely))
    sere.save(model, tmp_path / "model")
    assert cli.main(["predict", str(tmp_path / "model"), *files, "-f", "csv", "--reject-below", str(middle)]) == 0
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["emotion"] == "unknown" for row in found] == (likely < middle).tolist()
    asked = ["label", *files, "--encoder", "acoustic-emotion", "-f", "csv", "--reject-below", "1", "-q"]
    assert cli.main(asked) == 0
    assert {row["emotion"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))} == {"unknown"}
    with pytest.raises(SystemExit):
        cli.main(["predict", str(tmp_path / "model"), *files, "--reject-below", "60"])
    assert "'60' is no number of 0 to 1" in capsys.readouterr().err
