"""One clip costs itself, whatever is wrong with it; stopping stops, and leaves what was there."""

import csv
import io
import json
import os
import shutil
import signal
import sys
import time
import warnings
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

import sere
from sere import cli
from sere.audio import AudioError
from sere.cli.portions import predict_portion

ODD = os.fsdecode(b"caf\xe9.wav")


@pytest.fixture
def saved(model, tmp_path):
    sere.save(model, tmp_path / "model")
    return str(tmp_path / "model")


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def test_a_row_is_called_as_the_users_list_calls_it(saved, files, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sere.cli.portions.PORTION", 2)
    rows = [files[0], files[1], "gone.wav", "", files[2], "also gone.wav"]
    pd.DataFrame({"path": rows, "start": 0}).to_csv(tmp_path / "l.csv", index=False)
    assert run("predict", saved, tmp_path / "l.csv", "-f", "csv", "-q", "-o", tmp_path / "found.csv") == 1
    assert pd.read_csv(tmp_path / "found.csv")["path"].tolist() == files[:3]
    err = capsys.readouterr().err
    for line, said in ((4, "gone.wav"), (5, "the path is empty"), (7, "also gone.wav")):
        assert any(f"l.csv, line {line}: " in text and said in text for text in err.splitlines()), err
    assert "3 of 6 clips could not be used" in err
    assert "X[" not in err
    with open(tmp_path / "found.csv.skipped.csv", encoding="utf-8") as stream:
        skipped = list(csv.DictReader(stream))
    assert [row["place"].rpartition(" ")[2] for row in skipped] == ["5", "4", "7"]
    assert all(row["reason"] for row in skipped)
    assert run("predict", saved, *files[:1], "-f", "csv", "-q", "-o", tmp_path / "found.csv") == 0
    assert not (tmp_path / "found.csv.skipped.csv").exists()


def test_a_clip_that_cannot_be_used_may_keep_its_row(saved, files, tmp_path, monkeypatch):
    monkeypatch.setattr("sere.cli.portions.PORTION", 2)
    asked = ["gone.wav", *files[:2], "also gone.wav", files[2]]
    out = tmp_path / "found.csv"
    assert run("predict", saved, *asked, "--on-error", "nan", "-f", "csv", "-q", "-o", out) == 1
    found = pd.read_csv(out)
    assert found["path"].tolist() == asked
    assert found["emotion"].isna().tolist() == [True, False, False, True, False]
    assert found.filter(like="p_").isna().all(axis=1).tolist() == [True, False, False, True, False]
    assert pd.read_csv(tmp_path / "found.csv.skipped.csv")["path"].tolist() == ["gone.wav", "also gone.wav"]


def test_a_score_is_written_with_what_was_left_out_beside_it(saved, files, tmp_path, capsys):
    emotions = ["anger", "sadness", "anger"]
    pd.DataFrame({"path": [*files[:2], "gone.wav"], "emotion": emotions}).to_csv(tmp_path / "l.csv", index=False)
    for arguments in ([], ["-o", tmp_path / "score.txt"]):
        assert run("evaluate", saved, "--corpus", tmp_path / "l.csv", "-q", *arguments) == 1
    out = capsys.readouterr().out
    assert out.startswith("UAR ")
    assert (tmp_path / "score.txt").read_text(encoding="utf-8") == out
    assert pd.read_csv(tmp_path / "score.txt.skipped.csv")["place"].str.endswith("line 4").tolist() == [True]


def test_what_is_warned_of_is_said_once_and_names_the_users_rows(saved, files, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sere.cli.portions.PORTION", 2)
    silent = str(tmp_path / "silent.wav")
    soundfile.write(silent, np.zeros(8000), 16_000)
    pd.DataFrame({"path": [files[0], files[1], "gone.wav", silent, silent, files[2]]}).to_csv(tmp_path / "l.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # which the suite would make errors
        run("predict", saved, tmp_path / "l.csv", "-f", "csv", "-q")
    err = capsys.readouterr().err
    warned = [line for line in err.splitlines() if "digital silence" in line]
    assert len(warned) == 1, err
    assert "l.csv, line 5)" in warned[0]
    assert "X[" not in err
    assert "sere predict: 1 more such warnings, about other clips of the list" in err


def test_on_error_raise_ends_at_the_first_clip(saved, files, tmp_path, capsys):
    assert run("predict", saved, "gone.wav", files[0], "--on-error", "raise", "-q") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sere predict: row 1: no such file")


class Picky:
    """A model that fails in ways of its own."""

    classes_ = ("a", "b")

    def __init__(self, faults):
        self.faults = faults

    def predict_proba(self, clips):
        for row, path in enumerate(clips["path"]):
            if path in self.faults:
                raise self.faults[path](f"X[{row}]: {path} is wrong")
        return [[0.75, 0.25]] * len(clips)


@pytest.mark.parametrize("kind", [TypeError, OSError, UnicodeError, RuntimeError])
def test_an_error_that_names_no_row_is_found_to_be_that_of_a_clip(kind):
    clips = pd.DataFrame({"path": ["1", "2", "3", "4"]})
    rows, shares, problems = predict_portion(Picky({"2": kind, "4": kind}), clips)
    assert (rows, len(shares)) == ([0, 2], 2)
    assert [row for row, _ in problems] == [1, 3]
    assert all(f"{row + 1} is wrong" in text for row, text in problems)


def test_an_error_of_every_clip_in_the_same_words_is_the_models():
    class Broken(Picky):
        def predict_proba(self, clips):
            raise RuntimeError("the encoder is not there")

    with pytest.raises(RuntimeError, match="the encoder is not there"):
        predict_portion(Broken({}), pd.DataFrame({"path": ["1", "2"]}))


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_name_that_is_no_utf8_is_written_so_that_it_is_found_again(form, encoding, monkeypatch):
    monkeypatch.setattr("sere.cli.inputs.load_model", lambda path, allow: Picky({}))
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert run("predict", "model", ODD, "é.wav", "-f", form, "-q") == 0
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)
    assert "caf\\udce9.wav" in text
    if form == "json":
        assert [found["path"] for found in json.loads(text)] == [ODD, "é.wav"]


def test_what_was_predicted_for_a_name_that_is_no_utf8_is_scored(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("sere.cli.inputs.load_model", lambda path, allow: Picky({}))
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / ODD).touch()
    clips = [str(tmp_path / folder / ODD) for folder in "ab"]
    assert run("predict", "model", *clips, "-f", "csv", "-q", "-o", tmp_path / "found.csv") == 0
    (tmp_path / "truth.csv").write_bytes(b"path,emotion\na/caf\xe9.wav,a\nb/caf\xe9.wav,b\n")
    assert run("evaluate", tmp_path / "found.csv", "--corpus", tmp_path / "truth.csv", "-q") == 0
    assert "UAR 50.0 % on 2 clips" in capsys.readouterr().out


def test_a_folder_that_cannot_be_read_costs_its_clips(saved, files, tmp_path, monkeypatch, capsys):
    (tmp_path / "clips/closed").mkdir(parents=True)
    shutil.copy(files[0], tmp_path / "clips/a.wav")
    scan = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert run("predict", saved, tmp_path / "clips", "-f", "csv", "-q") == 1
    out, err = capsys.readouterr()
    assert out.count("\n") == 2
    assert "closed: the folder cannot be read (Permission denied)" in err


class Recorded:
    """Stands for the classifier: what it was told, and what happens in fit."""

    skipped_ = ()
    classes_ = ("anger", "sadness")
    history_ = ({}, {})

    def __init__(self, happens, **settings):
        self.happens, self.settings = happens, settings

    def fit(self, X, y, X_unlabeled_src=None, X_unlabeled_tgt=None):
        self.happens(self)
        return self


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Run ``sere fit`` with something happening during the fit; returns the exit code and what was saved."""
    (tmp_path / "few.csv").write_text("path,emotion\na.wav,anger\nb.wav,sadness\nc.wav,anger\n")
    (tmp_path / "pool.csv").write_text("path\n\nd.wav\ne.wav\n")
    out = tmp_path / "model.safetensors"
    out.write_text("an earlier model")
    monkeypatch.setattr(
        sere, "save", lambda model, path, license=None: path.write_text(f"saved {model.settings}"), raising=False
    )

    def fit(happens, *options):
        monkeypatch.setattr(sere, "SEREClassifier", lambda **settings: Recorded(happens, **settings), raising=False)
        pools = "--target", tmp_path / "pool.csv"
        return run("fit", "--labels", tmp_path / "few.csv", *pools, "--out", out, *options), out.read_text()

    return fit


def test_an_unusable_clip_ends_fit_by_its_line(fit, capsys):
    def broken(_):
        raise AudioError([(1, "'e.wav' is empty")], "X_unlabeled_tgt")

    assert fit(broken) == (1, "an earlier model")
    assert "pool.csv, line 4: 'e.wav' is empty" in capsys.readouterr().err


def test_fit_goes_on_when_asked_and_lists_what_it_left_out(fit, tmp_path, capsys):
    def skipping(model):
        model.skipped_ = [{"where": "X", "row": 2, "path": "c.wav", "reason": "'c.wav' is\nempty"}]

    code, saved = fit(skipping, "--on-error", "skip")
    assert code == 1
    assert "'on_error': 'skip'" in saved
    out, err = capsys.readouterr()
    assert "few.csv, line 4: 'c.wav' is empty" in err
    assert "from 2 labeled and 0 + 2 unlabeled clips" in out
    listed = pd.read_csv(tmp_path / "model.safetensors.skipped.csv")
    assert listed["path"].tolist() == ["c.wav"]
    assert listed["place"].tolist() == [f"{tmp_path / 'few.csv'}, line 4"]
    assert fit(lambda _: None)[0] == 0
    assert not (tmp_path / "model.safetensors.skipped.csv").exists()


def test_more_problems_than_a_screen_holds_are_counted(fit, capsys):
    def broken(_):
        raise AudioError([(row % 2, "is empty") for row in range(9)], "X_unlabeled_tgt")

    fit(broken)
    err = capsys.readouterr().err
    assert err.count("line 3: is empty") == 3
    assert "... and 4 more" in err


@pytest.fixture
def listening():
    """SIGINT as a terminal's programs have it; one in the background of a shell is born deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def send(number):
    """Send this process a signal and wait for what it does."""
    os.kill(os.getpid(), number)
    time.sleep(10)


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("swallowed", [False, True])
def test_a_fit_that_is_stopped_saves_nothing(fit, number, code, swallowed, capsys):
    def stopped(_):
        try:
            send(number)
        except KeyboardInterrupt:
            if not swallowed:
                raise

    before = signal.getsignal(number)
    assert fit(stopped) == (code, "an earlier model")
    assert "interrupted" in capsys.readouterr().err
    assert signal.getsignal(number) is before


@pytest.mark.usefixtures("listening")
def test_an_interrupted_model_is_kept_when_asked_for(fit, capsys):
    def stopped(_):
        with suppress(KeyboardInterrupt):
            send(signal.SIGINT)

    code, saved = fit(stopped, "--keep-interrupted")
    assert code == 130
    assert "'on_interrupt': 'keep'" in saved
    assert "interrupted; " in capsys.readouterr().err


def test_pretraining_goes_on_when_asked_and_lists_what_it_left_out(tmp_path, monkeypatch, capsys):
    for name in ("mine/happy/a.wav", "mine/sad/b.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    asked = {}

    class Learned:
        experience = card = SimpleNamespace(emotions=("happiness", "sadness"), text=lambda encoder: "a card")
        skipped_ = ({"where": "mine", "row": 1, "path": "b.wav", "reason": "'b.wav' is empty"},)

        def save(self, out):
            out.write_bytes(b"")

    def learn(corpora, encoder, **options):
        asked.update(options)
        if options["on_error"] == "raise":
            raise AudioError([(1, "'b.wav' is empty")], "mine")
        return Learned()

    monkeypatch.setattr(sere, "pretrain_encoder", learn, raising=False)
    arguments = ["pretrain", "--corpora", tmp_path, "--out", tmp_path / "e.npz", "-q"]
    assert run(*arguments) == 1
    assert capsys.readouterr().err == "sere pretrain: mine: 'b.wav' is empty\n"
    assert run(*arguments, "--on-error", "skip") == 1
    assert asked["on_error"] == "skip"
    assert pd.read_csv(tmp_path / "e.npz.skipped.csv")["path"].tolist() == ["b.wav"]


def test_the_classifier_itself_leaves_out_what_fit_lists(files, tmp_path, capsys):
    emotions = ["anger", "sadness"] * (len(files) // 2)
    (tmp_path / "empty.wav").touch()
    rows = [("empty.wav", "anger"), *zip(files, emotions)]
    (tmp_path / "few.csv").write_text("path,emotion\n" + "".join(f"{path},{emotion}\n" for path, emotion in rows))
    arguments = ["--labels", tmp_path / "few.csv", "--out", tmp_path / "model", "--epochs", 1, "-q"]
    assert run("fit", *arguments) == 1
    assert not (tmp_path / "model").exists()
    assert "few.csv, line 2: " in capsys.readouterr().err
    assert run("fit", *arguments, "--on-error", "skip") == 1
    err = capsys.readouterr().err
    assert "few.csv, line 2: " in err
    assert "X[" not in err
    assert pd.read_csv(tmp_path / "model.skipped.csv")["place"].tolist() == [f"{tmp_path / 'few.csv'}, line 2"]
    assert sere.load(tmp_path / "model").classes_.tolist() == ["anger", "sadness"]
