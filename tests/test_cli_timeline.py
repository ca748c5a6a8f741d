"""``sere timeline`` on real files, and ``sere predict -`` on sound that comes by a pipe."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

import sere
from sere import cli

SECOND = 16_000
QUICK = ["--window", "1", "--overlap", "0.5", "--detector", "none"]


@pytest.fixture(scope="module")
def place(model, target, voices, tmp_path_factory):
    """A folder with a model, an encoder with experience, and two recordings."""
    folder = tmp_path_factory.mktemp("timeline")
    sere.save(model, folder / "model")
    known = voices[voices["language"] == "lumo"].reset_index(drop=True)
    sere.pretrain_encoder([known], "acoustic", random_state=0).save(folder / "experience.npz")
    wave = np.concatenate(list(target["audio"]))
    soundfile.write(folder / "one.wav", wave, SECOND, subtype="FLOAT")
    soundfile.write(folder / "two.flac", wave[: 6 * SECOND], SECOND)
    return folder


def run(*arguments):
    return cli.main(["timeline", *map(str, arguments), *QUICK])


def test_a_model_draws_what_its_method_does(place, tmp_path, capsys):
    out = tmp_path / "timeline.csv"
    assert run(place / "one.wav", "--model", place / "model", "--format", "csv", "-o", out) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "one.wav: 0.2 min, all of it taken for speech" in shown.err
    written = pd.read_csv(out)
    expected = sere.load(place / "model").timeline(place / "one.wav", window=1, overlap=0.5, detector=None)
    assert (written["path"] == str(place / "one.wav")).all()
    pd.testing.assert_frame_equal(written.drop(columns="path"), expected, atol=1e-4, check_dtype=False)


def test_experience_answers_where_there_is_no_model(place, capsys):
    encoder = ["--encoder", place / "experience.npz", "--emotions", "Wut, Trauer"]
    assert run(place / "one.wav", *encoder, "--format", "json", "--quiet") == 0
    shown = capsys.readouterr()
    (found,) = json.loads(shown.out)
    assert {row["emotion"] for row in found["segments"]} <= {"Wut", "Trauer"}
    assert shown.err == ""


def test_the_table_is_for_people(place, capsys):
    assert run(place / "one.wav", place / "two.flac", "--model", place / "model", "-q") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(place / "one.wav")
    assert lines[1].startswith("  0:00:00.0 - 0:00:")
    assert lines[1].endswith(" %")
    assert str(place / "two.flac") in lines


def test_a_broken_file_costs_itself(place, tmp_path, capsys):
    broken, out = tmp_path / "broken.wav", tmp_path / "all.rttm"
    broken.write_bytes(b"no audio")
    assert run(broken, place / "two.flac", "--model", place / "model", "-f", "rttm", "-o", out) == 1
    assert {line.split()[1] for line in out.read_text().splitlines()} == {"two"}
    (left_out,) = pd.read_csv(tmp_path / "all.rttm.skipped.csv").to_dict("records")
    assert left_out["path"] == str(broken)
    assert "1 of 2 recordings could not be used" in capsys.readouterr().err
    assert run(broken, place / "two.flac", "--model", place / "model", "--on-error", "raise") == 1
    assert "is not audio" in capsys.readouterr().err


def test_damage_that_shows_late_costs_the_file_too(place, tmp_path, capsys):
    wave = np.full(30 * SECOND, 0.1, np.float32)
    wave[25 * SECOND] = np.nan
    soundfile.write(tmp_path / "late.wav", wave, SECOND, subtype="FLOAT")
    assert run(tmp_path / "late.wav", place / "two.flac", "--model", place / "model", "-f", "csv") == 1
    shown = capsys.readouterr()
    assert "NaN" in shown.err
    assert {row["path"] for row in csv.DictReader(io.StringIO(shown.out))} == {str(place / "two.flac")}


def test_formats_of_one_recording_a_file_go_to_a_folder(place, tmp_path, capsys):
    both = [place / "one.wav", place / "two.flac", "--model", place / "model"]
    assert run(*both, "-f", "textgrid", "-o", tmp_path / "grids", "-q") == 0
    assert sorted(file.name for file in (tmp_path / "grids").iterdir()) == ["one.TextGrid", "two.TextGrid"]
    assert run(place / "two.flac", "--model", place / "model", "-f", "vtt", "-o", tmp_path / "two.vtt", "-q") == 0
    assert (tmp_path / "two.vtt").read_text().startswith("WEBVTT")
    assert capsys.readouterr().err == ""


def test_a_list_says_who_speaks_in_which_language(place, tmp_path, capsys):
    listed = tmp_path / "list.csv"
    pd.DataFrame({"path": [str(place / "two.flac")], "language": ["lumo"]}).to_csv(listed, index=False)
    assert run(listed, "--model", place / "model", "-f", "csv", "-q") == 0
    written = pd.read_csv(io.StringIO(capsys.readouterr().out))
    model = sere.load(place / "model")
    expected = model.timeline(place / "two.flac", window=1, overlap=0.5, detector=None, language="lumo")
    np.testing.assert_allclose(written["probability"], expected["probability"], atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["one.wav", "--model", "model", "--emotions", "anger,joy"], "--model knows its emotions"),
        (["one.wav", "two.flac", "-f", "vtt"], "of several, --output names a folder"),
        (["one.wav", "two.flac", "-f", "vtt", "-o", "one.wav"], "is a file"),
        (["one.wav", "one.wav", "-f", "vtt", "-o", "new"], "one.vtt would be written twice"),
        (["one.wav", "-o", "no/such/place.csv"], "there is no folder"),
        (["spans.csv"], "of whole recordings"),
    ],
)
def test_wrong_usage_is_said_at_once(arguments, words, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    (place / "spans.csv").write_text("path,start,end\none.wav,0,1\n")
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


class Stdin(io.TextIOWrapper):
    """Standard input that comes by a pipe."""

    def __init__(self, content):
        super().__init__(io.BufferedReader(io.BytesIO(content)))


def wav_of(place):
    wave, _ = soundfile.read(place / "two.flac", dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, wave, SECOND, format="WAV", subtype="PCM_16")
    return file.getvalue(), wave


@pytest.mark.parametrize("raw", [False, True])
def test_predict_follows_a_pipe(raw, place, monkeypatch, capsys):
    content, wave = wav_of(place)
    rate = ["--rate", str(SECOND)] if raw else []
    monkeypatch.setattr(sys, "stdin", Stdin(wave.tobytes() if raw else content))
    assert cli.main(["predict", str(place / "model"), "-", "-f", "csv", *QUICK, *rate]) == 0
    written = pd.read_csv(io.StringIO(capsys.readouterr().out))
    model = sere.load(place / "model")
    moments = list(model.follow([wave], window=1, overlap=0.5, detector=None))
    assert written["emotion"].tolist() == [moment.emotion for moment in moments]
    assert written["start"].tolist() == [moment.start for moment in moments]
    assert set(written["path"]) == {"-"}


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_nobody_speaking_is_a_line_without_an_emotion(form, place, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Stdin(bytes(2 * 4 * SECOND)))
    quiet = ["--rate", str(SECOND), "--detector", "energy", "--window", "4", "--overlap", "2"]
    assert cli.main(["predict", str(place / "model"), "-", "-f", form, *quiet]) == 0
    out = capsys.readouterr().out
    if form == "json":
        assert json.loads(out) == [{"path": "-", "start": 0.0, "end": 4.0, "emotion": None}]
    else:
        assert out.splitlines()[-1].split() == (["-,0.0,4.0,,,,"] if form == "csv" else ["-", "-", "[0.0-4.0", "s]"])


def test_a_line_comes_while_the_pipe_is_still_open(place):
    _, wave = wav_of(place)
    command = [sys.executable, "-m", "sere", "predict", str(place / "model"), "-", "-f", "csv", "--rate", str(SECOND)]
    with subprocess.Popen([*command, *QUICK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(wave[: 2 * SECOND].tobytes())
        process.stdin.flush()
        lines = [process.stdout.readline().decode() for _ in range(2)]
        assert lines[0] == "path,start,end,emotion,p_anger,p_neutral,p_sadness\n"
        assert lines[1].startswith("-,0.0,1.0,")
        assert process.poll() is None
        process.stdin.close()
        process.stdout.read()
        assert process.wait(60) == 0


def test_paths_still_come_by_standard_input(place, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Stdin(f"{place / 'two.flac'}\n".encode()))
    assert cli.main(["predict", str(place / "model"), "-", "-f", "csv", "-q"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["path"] == str(place / "two.flac")


@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        (["one.wav"], ["--window", "2"], "--window is for sound on standard input"),
        (["-"], ["--stay", "2"], "standard input is no WAV"),
    ],
)
def test_options_of_a_pipe_need_one(inputs, options, words, place, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Stdin(b"one.wav\n"))
    assert cli.main(["predict", str(place / "model"), *inputs, *options]) == 2
    assert words in capsys.readouterr().err
