"""Whole benchmarks on synthetic voices: cells, resumption, what is left out, the results that are written."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import recall_score

from sere import SEREClassifier
from sere.datasets import make_task, make_voices
from sere.evaluation import Method, run_benchmark, run_task
from sere.evaluation.cells import Cell, Scenario, run_cell
from sere.evaluation.journal import Journal
from sere.evaluation.methods import read_method

EMOTIONS = ("anger", "neutral", "sadness")
QUICK = {"tasks": "lumo-tarsk", "draws": 2, "shots": 2, "methods": "prototype,lr", "baseline": "lr"}


@pytest.fixture(scope="module")
def corpora():
    voices = make_voices(n_per_emotion=8, n_speakers=4, emotions=EMOTIONS, duration=0.5, random_state=0)
    return {name: part.reset_index(drop=True) for name, part in voices.groupby("language")}


class Sulking(ClassifierMixin, BaseEstimator):
    """Says one emotion, and refuses to fit once `mood` is over."""

    mood = 10**6
    fits = 0

    def __init__(self, error="KeyboardInterrupt", said="anger", warning=""):
        self.error = error
        self.said = said
        self.warning = warning

    def fit(self, X, y, X_unlabeled_src=None, X_unlabeled_tgt=None):
        type(self).fits += 1
        self.sees_speakers_ = "speaker" in X_unlabeled_tgt[0]
        if self.warning:
            warnings.warn(self.warning, UserWarning, stacklevel=1)
        if type(self).fits > type(self).mood:
            raise {"KeyboardInterrupt": KeyboardInterrupt, "ValueError": ValueError}[self.error]("enough")
        return self

    def predict(self, X):
        return np.full(len(X), "neutral" if self.sees_speakers_ else self.said)


@pytest.fixture(autouse=True)
def fresh_mood():
    Sulking.mood, Sulking.fits = 10**6, 0


def test_every_cell_is_the_score_of_its_task(corpora):
    found = run_benchmark(corpora, **QUICK, speakers="known", protocol="transductive")
    assert found.planned == len(found.records) == 4
    assert found.failed == []
    for record in found.records:
        task = make_task(corpora["lumo"], corpora["tarsk"], shots=2, random_state=record["draw"], max_pool=600)
        estimator = read_method(record["method"]).prepared("lumo", "tarsk", record["draw"])
        assert record["uar"] == run_task(estimator, task).uar
        counts = pd.Series(task.y_test).value_counts()
        assert np.sum(record["clips"], axis=0).tolist() == [counts[label] for label in record["labels"]]
        recalls = np.sum(record["hits"], axis=0) / np.sum(record["clips"], axis=0)
        assert np.mean(recalls) == pytest.approx(record["uar"])
        assert record["groups"] == sorted(set(corpora["tarsk"]["speaker"]))
        assert record["peak_mb"] > 50
    assert set(found.cells["method"]) == {"prototype", "lr"}
    assert found.rows[0]["uar"] == pytest.approx(
        np.mean([r["uar"] for r in found.records if r["method"] == "prototype"])
    )


def test_methods_see_speakers_only_where_they_are_known(corpora):
    found = run_benchmark(
        corpora, tasks="lumo-tarsk", draws=1, shots=2, methods=[Method("one", Sulking())], baseline=""
    )
    said = {(r["protocol"], r["speakers"]): np.sum(r["hits"], axis=0).argmax() for r in found.records}
    labels = found.records[0]["labels"]
    assert {how: labels[best] for how, best in said.items()} == {
        ("transductive", "known"): "neutral",
        ("transductive", "unknown"): "anger",
        ("inductive", "known"): "neutral",
        ("inductive", "unknown"): "anger",
    }
    held_out = [r["groups"] for r in found.records if r["protocol"] == "inductive"]
    assert [len(groups) for groups in held_out] == [1, 1]
    assert "inductive on tarsk: 1 of 4 speakers are scored" in found.table()


def test_an_interrupted_run_goes_on_where_it_stopped(corpora, tmp_path):
    options = {**QUICK, "methods": [Method("sulking", Sulking())], "baseline": "", "out": tmp_path}
    Sulking.mood = 3
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(corpora, **options)
    journal = Journal(tmp_path / "cells.jsonl")
    assert len(journal.read()) == 3
    journal.path.write_bytes(journal.path.read_bytes()[:-30])  # as a kill amid a write leaves it
    Sulking.mood, Sulking.fits = 10**6, 0
    found = run_benchmark(corpora, **options)
    assert (found.resumed, Sulking.fits, found.planned) == (2, 6, 8)
    whole = run_benchmark(corpora, **{**options, "out": None})
    assert [(r["key"], r["hits"], r["clips"]) for r in found.records] == [
        (r["key"], r["hits"], r["clips"]) for r in whole.records
    ]
    again = run_benchmark(corpora, **options)
    assert (again.resumed, again.planned) == (8, 8)


def test_what_changed_is_run_again(corpora, tmp_path):
    def resumed(corpora=corpora, **changes):
        options = {**QUICK, "methods": [Method("m", Sulking())], "baseline": "", "speakers": "known"}
        return run_benchmark(corpora, **{**options, "protocol": "transductive", "out": tmp_path, **changes}).resumed

    assert resumed() == 0
    assert resumed() == 2
    assert resumed(draws=3) == 2
    assert resumed(methods=[Method("m", Sulking(said="sadness"))]) == 0
    assert resumed(shots=3) == 0
    assert resumed(max_pool=10) == 0
    relabeled = corpora["tarsk"].assign(emotion=corpora["tarsk"]["emotion"].iloc[::-1].to_numpy())
    assert resumed({**corpora, "tarsk": relabeled}) == 0
    assert resumed() == 2


def test_a_method_that_fails_costs_its_cells_and_is_run_again(corpora, tmp_path):
    options = {**QUICK, "methods": [Method("sulking", Sulking("ValueError"))], "out": tmp_path}
    Sulking.mood = 0
    found = run_benchmark(corpora, **options, speakers="known", protocol="transductive")
    assert {r["method"] for r in found.records} == {"lr"}
    assert [r["error"] for r in found.failed] == ["ValueError: enough"] * 2
    assert "Sulking" in found.failed[0]["traceback"] or "enough" in found.failed[0]["traceback"]
    assert "lumo-tarsk, draw 0, sulking: ValueError: enough" in found.table()
    Sulking.mood = 10**6
    assert run_benchmark(corpora, **options, speakers="known", protocol="transductive").failed == []


def stop_at_once(record):
    raise KeyboardInterrupt


@pytest.mark.parametrize("on_interrupt", ["raise", "keep"])
def test_a_fit_that_was_interrupted_halfway_does_not_count(corpora, on_interrupt):
    scenario = Scenario("lumo", "tarsk", 2, "none", "transductive", "known", 0, 600)
    method = Method("m", SEREClassifier("acoustic", epochs=3, callbacks=[stop_at_once], on_interrupt=on_interrupt))
    with pytest.raises(KeyboardInterrupt):
        run_cell(Cell.of(scenario, method), corpora)


def test_what_methods_warn_of_is_reported_once(corpora):
    methods = [Method("m", Sulking(warning="this encoder saw this corpus."))]
    found = run_benchmark(corpora, **{**QUICK, "methods": methods, "baseline": ""}, speakers="known")
    assert "m warned in 4 cells: this encoder saw this corpus" in found.notes


@pytest.fixture
def folder(corpora, tmp_path):
    """Two corpora as folders of emotions, one clip of which cannot be read."""
    place = tmp_path / "corpora"
    for name, clips in corpora.items():
        for row, clip in clips.iterrows():
            file = place / name / clip["emotion"] / f"{clip['speaker']}_{row:03d}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, clip["audio"], 16_000)
    broken = place / "tarsk" / "anger" / "broken.wav"
    broken.write_bytes(b"RIFF no sound")
    return place


def test_a_clip_that_cannot_be_used_is_left_out_and_named(folder):
    found = run_benchmark(folder, **{**QUICK, "draws": 1}, speakers="unknown", protocol="transductive")
    assert found.failed == []
    assert len(found.records) == 2
    (reason,) = [text for text in found.left_out if "broken.wav" in text]
    assert reason.startswith("tarsk, row ")
    assert "is not audio" in reason


def test_results_and_table_are_written_whole(corpora, tmp_path):
    found = run_benchmark(corpora, **QUICK, out=tmp_path / "new" / "folder")
    results = json.loads((tmp_path / "new" / "folder" / "results.json").read_text())
    parts = {"settings", "environment", "reproduce", "baseline", "data", "rows", "left_out", "notes", "cells"}
    assert parts == set(results)
    for name, own in results["data"].items():
        clips = corpora[name]
        assert own["clips"] == len(clips) == sum(own["emotions"].values())
        assert own["speakers"] == clips["speaker"].nunique()
        assert own["languages"] == [name]
    assert len(results["cells"]) == found.planned == 16
    assert results["settings"]["tasks"] == ["lumo-tarsk"]
    assert results["environment"]["torch"]
    answers = pd.read_csv(tmp_path / "new" / "folder" / "predictions.csv.gz")
    assert set(answers["clip"]) <= {f"row {row}" for row in range(len(corpora["tarsk"]))}
    for record in found.records:
        own = answers[(answers[list(record)[1:7]] == list(record.values())[1:7]).all(axis=1)]
        own = own[(own["draw"] == record["draw"]) & (own["method"] == record["method"])]
        truth = corpora["tarsk"]["emotion"].iloc[[int(name.removeprefix("row ")) for name in own["clip"]]]
        assert own["emotion"].tolist() == truth.tolist()
        assert recall_score(own["emotion"], own["predicted"], average="macro") == pytest.approx(record["uar"])
    text = (tmp_path / "new" / "folder" / "table.md").read_text()
    assert text == found.table()
    assert text.count("\n## ") + text.startswith("## ") == 4


def test_shots_and_shifts_make_sections_of_their_own(corpora):
    options = {**QUICK, "shots": [2, "all"], "shifts": ["none", "quiet", "skew"], "draws": 1, "methods": "prototype"}
    found = run_benchmark(corpora, **options, speakers="known", protocol="transductive")
    rows = {(r["shots"], r["shift"], r["method"]): r for r in found.rows if r["task"] == "all"}
    assert len(rows) == 2 * 3 * 2
    assert found.failed == []
    quiet, plain = rows[2, "quiet", "lr"], rows[2, "none", "lr"]
    assert quiet["drop"] == pytest.approx(plain["uar"] - quiet["uar"])
    shots = {r["shots"]: np.sum(r["clips"]) for r in found.records if r["shift"] == "none"}
    assert shots[2] == shots["all"]


def test_without_a_store_every_cell_would_extract_again_and_it_is_refused(corpora, monkeypatch):
    monkeypatch.setenv("SERE_CACHE", "off")
    with pytest.raises(ValueError, match="feature store is off"):
        run_benchmark(corpora, **QUICK)


def test_a_peak_is_that_of_the_computation_and_not_of_the_one_before():
    # In a process of its own: of a large one the system may take back as many pages as the block brings.
    code = """
import numpy as np
from sere.evaluation.memory import forget_peak, peak_megabytes
forget_peak()
before = peak_megabytes()
block = np.ones(60_000_000 // 8)
during = peak_megabytes()
del block
forget_peak()
print(during - before, during - peak_megabytes())
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    grown, forgotten = map(float, said.split())
    assert grown > 40
    if sys.platform == "linux":
        assert forgotten > 40


SLOW = """
import sys, time
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sere.evaluation import Method, run_benchmark

class Slow(ClassifierMixin, BaseEstimator):
    def fit(self, X, y, X_unlabeled_src=None, X_unlabeled_tgt=None):
        time.sleep(0.02)
        return self
    def predict(self, X):
        return np.full(len(X), "anger")

if __name__ == "__main__":
    emotions = ["anger", "fear"] * 8
    corpora = {n: pd.DataFrame({"path": [f"{n}{k}.wav" for k in range(16)], "emotion": emotions}) for n in "ab"}
    options = {"tasks": [("a", "b")], "methods": [Method("slow", Slow())], "baseline": "", "shots": 1, "n_jobs": 1}
    found = run_benchmark(corpora, draws=int(sys.argv[2]), out=sys.argv[1], **options)
    print(found.resumed, len(found.records))
"""


def test_a_killed_run_is_taken_up(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    command = [sys.executable, str(tmp_path / "slow.py"), str(tmp_path)]
    journal = Journal(tmp_path / "cells.jsonl")
    with subprocess.Popen([*command, "5000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while len(journal.read()) < 5 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, process.stderr.read()
    kept = len(journal.read())
    again = subprocess.run([*command, str(kept + 3)], capture_output=True, text=True, check=True)
    assert again.stdout.split() == [str(kept), str(kept + 3)]
