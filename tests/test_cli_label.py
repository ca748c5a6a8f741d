"""``sere label`` on real files: what it writes, what it says, and what it leaves out."""

import io
import json

import numpy as np
import pandas as pd
import pytest
import soundfile

import sere
from sere import cli
from sere.datasets import make_voices

EMOTIONS = ["anger", "neutral", "sadness"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of 24 clips of a language, an encoder with experience of another, the emotions in a list."""
    folder = tmp_path_factory.mktemp("label")
    voices = make_voices(n_per_emotion=8, n_speakers=2, emotions=EMOTIONS, random_state=0, duration=0.5)
    known = voices[voices["language"] == "lumo"].reset_index(drop=True)
    sere.pretrain_encoder([known], "acoustic", random_state=0).save(folder / "experience.npz")
    (folder / "clips").mkdir()
    truth = []
    for row, clip in enumerate(voices[voices["language"] == "tarsk"].itertuples()):
        file = folder / "clips" / f"{row:02d}.wav"
        soundfile.write(file, clip.audio, 16_000, subtype="FLOAT")
        truth.append((str(file), clip.emotion, clip.speaker))
    pd.DataFrame(truth, columns=["path", "emotion", "speaker"]).to_csv(folder / "truth.csv", index=False)
    return folder


def run(place, *arguments):
    return cli.main(["label", "--encoder", str(place / "experience.npz"), *map(str, arguments)])


def test_csv_holds_what_the_function_returns_and_can_be_evaluated(place, tmp_path, capsys):
    out = tmp_path / "labels.csv"
    assert run(place, place / "clips", "--format", "csv", "-o", out) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "sere label: mean probability of the emotion named 0." in shown.err
    assert " of 24 clips below 0.5" in shown.err
    table = sere.label(place / "clips", encoder=place / "experience.npz")
    written = pd.read_csv(out)
    assert list(written.columns) == ["path", "emotion", "p_anger", "p_neutral", "p_sadness"]
    pd.testing.assert_frame_equal(written, table.drop(columns="probability"), atol=1e-6, check_dtype=False)
    assert not out.with_name("labels.csv.skipped.csv").exists()
    assert cli.main(["evaluate", str(out), "--corpus", str(place / "truth.csv")]) == 0
    assert "24 clips" in capsys.readouterr().out


def test_the_users_words_in_json(place, capsys):
    assert run(place, place / "clips", "--emotions", "Wut, Trauer", "--format", "json", "--quiet") == 0
    shown = capsys.readouterr()
    answers = json.loads(shown.out)
    assert {answer["emotion"] for answer in answers} == {"Wut", "Trauer"}
    assert list(answers[0]["probabilities"]) == ["Wut", "Trauer"]
    assert shown.err == ""


def test_a_list_with_speakers_is_standardised_by_speaker(place, capsys):
    assert run(place, place / "truth.csv", "--format", "csv") == 0
    written = pd.read_csv(io.StringIO(capsys.readouterr().out))
    clips = pd.read_csv(place / "truth.csv")[["path", "speaker"]]
    table = sere.label(clips, encoder=place / "experience.npz")
    np.testing.assert_allclose(written["p_anger"], table["p_anger"], atol=1e-6)


@pytest.mark.parametrize("labels", [False, True])
def test_a_broken_file_costs_itself(labels, place, tmp_path, capsys):
    broken, out = tmp_path / "broken.wav", tmp_path / "out.csv"
    broken.write_bytes(b"no audio")
    few = ["--labels", _few(place, tmp_path)] if labels else []
    assert run(place, broken, place / "clips", "--format", "csv", "-o", out, *few) == 1
    assert len(pd.read_csv(out)) == 24
    (left_out,) = pd.read_csv(tmp_path / "out.csv.skipped.csv").to_dict("records")
    assert left_out["path"] == str(broken)
    assert "1 of 25 clips could not be used" in capsys.readouterr().err
    out.unlink()
    assert run(place, broken, place / "clips", "-o", out, "--on-error", "raise", *few) == 1
    assert "row 1: " in capsys.readouterr().err
    assert not out.exists()


def test_a_few_labels_say_what_the_emotions_are_called(place, tmp_path, capsys):
    names = {"anger": "loud", "neutral": "plain", "sadness": "low"}
    few = _few(place, tmp_path, names)
    assert run(place, place / "clips", "--labels", few, "--format", "csv") == 0
    shown = capsys.readouterr()
    written = pd.read_csv(io.StringIO(shown.out))
    assert list(written.columns) == ["path", "emotion", "p_loud", "p_low", "p_plain"]
    assert len(written) == 24
    assert "sere label: mean probability" in shown.err
    truth = pd.read_csv(place / "truth.csv")["emotion"].map(names)
    assert (written["emotion"] == truth).mean() > 0.6


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--emotions", "anger,joy"], 1, "emotions names 'joy', of which the encoder"),
        (["--emotions", "anger"], 1, "a list of two or more names"),
        (["--encoder", "acoustic"], 1, "encoder 'acoustic' has no experience of emotions"),
        (["--labels", "few.csv", "--emotions", "anger,sadness"], 2, "--labels says which emotions there are"),
        (["-o", "no/folder/here.csv"], 2, "there is no folder"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(options, code, message, place, capsys):
    assert run(place, place / "clips", *options) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_labels_of_all_the_clips_leave_nothing_to_label(place, capsys):
    assert run(place, place / "clips", "--labels", place / "truth.csv") == 1
    assert "give others to label" in capsys.readouterr().err


def _few(place, folder, names=None):
    """Write a list of two clips of each emotion and return its path."""
    truth = pd.read_csv(place / "truth.csv")
    few = truth.groupby("emotion").head(2)
    few.assign(emotion=few["emotion"].replace(names or {})).to_csv(folder / "few.csv", index=False)
    return folder / "few.csv"
