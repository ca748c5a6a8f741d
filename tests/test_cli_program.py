"""The command line on real files: what it writes, what it says of broken ones, and its exit codes."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import sere
from sere import cli
from sere.datasets import make_voices

EMOTIONS = ["anger", "neutral", "sadness"]


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Two small corpora of synthetic voices as folders of emotions, and a list of labeled clips."""
    folder = tmp_path_factory.mktemp("speech")
    voices = make_voices(n_per_emotion=4, n_speakers=2, emotions=EMOTIONS, random_state=0, duration=0.8)
    for i, clip in enumerate(voices.itertuples()):
        file = folder / clip.language / clip.emotion / f"{clip.speaker}_{i:03d}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, clip.audio, 16_000)
    known, unknown = sorted(path for path in folder.iterdir())
    few = [(f"{known.name}/{e}/{path.name}", e) for e in EMOTIONS for path in sorted((known / e).iterdir())[:2]]
    (folder / "few.csv").write_text("path,emotion\n" + "".join(f"{path},{emotion}\n" for path, emotion in few))
    return Place(folder, known, unknown)


class Place:
    """Where the files of these tests are."""

    def __init__(self, folder, known, unknown):
        self.folder, self.known, self.unknown = folder, known, unknown
        self.few, self.model = folder / "few.csv", folder / "model"
        self.clips = sorted(str(path) for path in unknown.rglob("*.wav"))


@pytest.fixture(scope="module")
def model(speech):
    code = cli.main(
        [
            *("fit", "--labels", str(speech.few), "--source", str(speech.known), "--target", str(speech.unknown)),
            *("--out", str(speech.model), "--epochs", "3", "--quiet", "--license", "cc0-1.0"),
        ]
    )
    assert code == 0
    return str(speech.model)


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def test_fit_writes_the_licence_into_the_card(model):
    assert "cc0-1.0" in (Path(model) / "README.md").read_text(encoding="utf-8")


def test_help_answers_without_loading_anything_heavy():
    code = (
        "import sys\n"
        "from sere.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as done: assert done.code == 0\n"
        "print('loaded', sorted({'torch', 'sklearn', 'pandas', 'numpy', 'tqdm'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for command in ("label", "demo", "corpora", "fit", "predict", "evaluate", "cache"):
        assert f"\n    {command}" in shown
    assert shown.endswith("loaded []\n")


@pytest.mark.parametrize("command", [[], ["dance"], ["fit"], ["predict", "model"], ["demo", "--shots", "0"]])
def test_wrong_usage_exits_with_2(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(*command)
    assert stopped.value.code == 2
    assert "usage: sere" in capsys.readouterr().err


def test_the_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "sere", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, f"sere {sere.__version__}")


def test_a_table_has_a_line_a_clip_with_emotion_probability_and_path(model, speech, capsys):
    assert run("predict", model, *speech.clips, "--quiet") == 0
    lines = capsys.readouterr().out.splitlines()
    probabilities = sere.load(model).predict_proba(speech.clips)
    assert len(lines) == len(speech.clips)
    for line, path, shares in zip(lines, speech.clips, probabilities):
        emotion, share, percent, shown = line.split(maxsplit=3)
        assert (emotion, percent, shown) == (EMOTIONS[shares.argmax()], "%", path)
        assert float(share) == pytest.approx(100 * shares.max(), abs=0.051)


def test_csv_and_json_hold_the_same_probabilities(model, speech, capsys):
    assert run("predict", model, speech.unknown, "-f", "csv", "-q") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert run("predict", model, speech.unknown, "-f", "json", "-q") == 0
    objects = json.loads(capsys.readouterr().out)
    assert [row["path"] for row in rows] == [found["path"] for found in objects] == speech.clips
    for row, found in zip(rows, objects):
        assert row["emotion"] == found["emotion"]
        shares = [float(row[f"p_{emotion}"]) for emotion in EMOTIONS]
        assert shares == pytest.approx(list(found["probabilities"].values()))
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert row["emotion"] == EMOTIONS[int(np.argmax(shares))]


def test_explanations_are_a_line_a_clip_beside_the_predictions(model, speech, tmp_path, capsys):
    why = tmp_path / "why.jsonl"
    assert run("predict", model, speech.unknown, "-f", "json", "-q", "--explain", why) == 0
    predicted = json.loads(capsys.readouterr().out)
    told = [json.loads(line) for line in why.read_text().splitlines()]
    assert [line["path"] for line in told] == speech.clips
    assert [line["emotion"] for line in told] == [found["emotion"] for found in predicted]
    assert all(line["moments"] and line["shots"] and line["parts"] for line in told)


def test_jobs_set_how_many_processes_extract(monkeypatch):
    from joblib import Parallel

    asked = []
    monkeypatch.setattr("sere.cli.corpora.corpora", lambda arguments: asked.append(Parallel(n_jobs=None).n_jobs) or 0)
    monkeypatch.setattr("sere.cli.demo.demo", lambda arguments: asked.append(Parallel(n_jobs=None).n_jobs) or 0)
    assert run("demo", "-j", 3) == run("demo") == run("corpora", "x") == 0
    assert asked == [3, 1, 1]


def test_clips_come_from_folders_lists_and_standard_input_alike(model, speech, tmp_path, capsys, monkeypatch):
    listed = tmp_path / "list.csv"
    relative = [os.path.relpath(path, tmp_path) for path in speech.clips]
    pd.DataFrame({"path": relative, "speaker": "s1", "ignored": 1}).to_csv(listed, index=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(speech.clips) + "\n"))
    emotions = []
    for given in (speech.unknown, listed, "-"):
        assert run("predict", model, given, "-f", "csv", "-q") == 0
        emotions.append([row["emotion"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))])
    assert emotions[0] == emotions[1] == emotions[2]
    assert len(emotions[0]) == len(speech.clips)


def test_segments_of_a_list_are_predicted_as_the_segments(model, speech, tmp_path, capsys):
    listed = tmp_path / "list.csv"
    pd.DataFrame({"path": speech.clips[:2], "start": [0.1, 0.0], "end": [0.4, np.nan]}).to_csv(listed, index=False)
    assert run("predict", model, listed, "-f", "json", "-q") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["start"], first["end"]) == (0.1, 0.4)
    assert "end" not in second
    cut = soundfile.read(speech.clips[0], dtype="float32")[0][1600:6400]
    expected = sere.load(model).predict_proba([cut])[0]
    assert list(first["probabilities"].values()) == pytest.approx(expected, abs=2e-4)


def test_broken_files_are_named_and_the_others_predicted(model, speech, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sere.cli.portions.PORTION", 3)
    empty, noise, missing = tmp_path / "empty.wav", tmp_path / "noise.wav", tmp_path / "missing.wav"
    empty.touch()
    noise.write_bytes(b"not audio at all" * 99)
    silent = tmp_path / "nan.wav"
    soundfile.write(silent, np.full(8000, np.nan), 16_000, subtype="FLOAT")
    good = speech.clips[:4]
    given = [good[0], empty, good[1], noise, missing, silent, good[2], good[3]]
    assert run("predict", model, *given, "-f", "csv", "-q") == 1
    out, err = capsys.readouterr()
    assert [row["path"] for row in csv.DictReader(io.StringIO(out))] == good
    for row, file in ((2, empty), (4, noise), (5, missing), (6, silent)):
        assert any(f"row {row}:" in line and file.name in line for line in err.splitlines()), err
    assert "4 of 8 clips could not be used" in err


def test_only_broken_files_still_give_well_formed_output(model, tmp_path, capsys):
    assert run("predict", model, tmp_path / "missing.wav", "-f", "json", "-q") == 1
    assert json.loads(capsys.readouterr().out) == []


def test_what_was_found_before_an_interruption_is_kept(model, speech, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sere.cli.portions.PORTION", 2)
    loaded = sere.load(model)
    calls = []

    def interrupted(clips, original=loaded.predict_proba):
        calls.append(len(clips))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(clips)

    monkeypatch.setattr(loaded, "predict_proba", interrupted, raising=False)
    monkeypatch.setattr("sere.cli.inputs.load_model", lambda *given: loaded)
    out = tmp_path / "found.json"
    assert run("predict", model, *speech.clips, "-f", "json", "-o", out, "-q") == 130
    assert [found["path"] for found in json.loads(out.read_text())] == speech.clips[:4]
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["predict", "{tmp}/none", "a.wav"], 1, "there is no model"),
        (["predict", "{clip}", "{model}"], 2, "the model comes first"),
        (["predict", "{model}", "{tmp}"], 1, "holds no audio"),
        (["predict", "{model}", "{tmp}/none.csv"], 1, "there is no list"),
        (["fit", "--labels", "{few}", "--out", "{tmp}/no/where"], 2, "there is no folder"),
        (["fit", "--labels", "{tmp}/none.csv", "--out", "{tmp}/m"], 1, "none.csv"),
        (["fit", "--labels", "{few}", "--target", "{tmp}/none", "--out", "{tmp}/m"], 1, "there is no"),
        (["corpora", "{tmp}"], 1, "no corpus is recognised"),
        (["corpora", "{tmp}/none"], 1, "none"),
        (["evaluate", "{model}", "--corpus", "{tmp}/none"], 1, "none"),
        (["demo", "--corpora", "{tmp}/none"], 1, "none"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments, code, said, model, speech, tmp_path, capsys):
    places = {"tmp": tmp_path, "model": model, "few": speech.few, "clip": speech.clips[0]}
    assert run(*[argument.format(**places) for argument in arguments]) == code
    err = capsys.readouterr().err
    assert err.startswith(f"sere {arguments[0]}: ")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "said"),
    [("file,emotion\n,anger\n", "line 2"), ("song,emotion\na.wav,anger\n", "path"), ("", "path")],
)
def test_a_list_that_cannot_be_used_is_explained(text, said, tmp_path, capsys):
    listed = tmp_path / "few.csv"
    listed.write_text(text)
    assert run("fit", "--labels", listed, "--out", tmp_path / "m") == 1
    assert said in capsys.readouterr().err


def test_traceback_shows_where_an_error_came_from(tmp_path):
    with pytest.raises(FileNotFoundError):
        run("predict", tmp_path / "none", "a.wav", "--traceback")


def test_evaluating_a_model_and_its_predictions_gives_one_score(model, speech, tmp_path, capsys):
    assert run("evaluate", model, "--corpus", speech.unknown, "-q") == 0
    by_model = capsys.readouterr().out
    found = tmp_path / "found.csv"
    assert run("predict", model, speech.unknown, "-f", "csv", "-o", found, "-q") == 0
    assert run("evaluate", found, "--corpus", speech.unknown, "-q") == 0
    assert capsys.readouterr().out == by_model
    assert by_model.startswith("UAR ")
    assert f"on {len(speech.clips)} clips" in by_model
    assert all(f"\n{emotion} " in by_model for emotion in EMOTIONS)


def test_evaluating_says_what_is_left_out(model, speech, tmp_path, capsys):
    found = tmp_path / "found.csv"
    assert run("predict", model, *speech.clips[:5], "-f", "csv", "-o", found, "-q") == 0
    assert run("evaluate", found, "--corpus", speech.unknown) == 0
    assert f"{len(speech.clips) - 5} of {len(speech.clips)} clips are left out" in capsys.readouterr().out


def test_fitting_leaves_labeled_clips_out_of_the_pool_and_names_what_it_saved(speech, tmp_path, capsys):
    arguments = ["--labels", speech.few, "--source", speech.known, "--out", tmp_path / "m", "--epochs", "2"]
    assert run("fit", *arguments) == 0
    assert "3 emotions (anger, neutral, sadness) from 6 labeled and 6 + 0 unlabeled clips" in capsys.readouterr().out
    assert list(sere.load(tmp_path / "m").classes_) == EMOTIONS


def test_corpora_lists_clips_speakers_and_emotions(speech, capsys):
    assert run("corpora", speech.known) == 0
    out = capsys.readouterr().out
    assert f"{speech.known.name}: 12 clips, language unknown, speakers unknown ({speech.known})" in out
    assert "anger 4, neutral 4, sadness 4" in out


def test_the_cache_is_shown_and_cleared(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SERE_CACHE", str(tmp_path))
    from sere.store import FrameStore, content_key

    FrameStore().put_many([(content_key(b"a"), {"x": np.zeros(9)})])
    assert run("cache", "info") == 0
    assert f"{tmp_path}: 1 entries" in capsys.readouterr().out
    assert run("cache", "clear") == 0
    assert "cleared 1 entries" in capsys.readouterr().out
    assert FrameStore().info().entries == 0
    monkeypatch.setenv("SERE_CACHE", "off")
    assert run("cache", "info") == 0
    assert "off" in capsys.readouterr().out


def test_the_demonstration_says_what_it_ran_on_and_saves_its_figure(tmp_path, monkeypatch, capsys):
    import sere.datasets

    pytest.importorskip("matplotlib")
    monkeypatch.delenv("SERE_CORPORA", raising=False)
    few = make_voices(n_per_emotion=4, n_speakers=2, emotions=EMOTIONS, random_state=0, duration=0.8)
    monkeypatch.setattr(sere.datasets, "make_voices", lambda random_state: few)
    assert run("demo", "--shots", "2", "--figure", tmp_path / "seen.png", "--quiet") == 0
    out = capsys.readouterr().out
    assert out.startswith("Synthetic voices")
    assert "chance 33.3" in out
    assert Path(out.strip().rsplit("Figure saved to ", 1)[1]) == tmp_path / "seen.png"
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")


def test_output_into_a_closed_pipe_ends_quietly(model, speech):
    command = [sys.executable, "-m", "sere", "predict", model, str(speech.unknown)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
