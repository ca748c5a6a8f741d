"""What cells of one task share: their clips, read once, with the answers and warnings of cells that read them again."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

from sere import HeterogeneousEncoder, SereWarning
from sere.baselines import METHODS
from sere.baselines._base import Baseline
from sere.datasets import make_voices
from sere.evaluation import Method, run_benchmark, sharing
from sere.evaluation.cells import Cell, Scenario, run_cell

SCENARIO = Scenario("lumo", "tarsk", 2, "none", "transductive", "known", 0, 600)


@pytest.fixture(scope="module")
def corpora():
    voices = make_voices(n_per_emotion=6, n_speakers=2, emotions=("anger", "sadness"), duration=0.5, random_state=0)
    return {name: part.reset_index(drop=True) for name, part in voices.groupby("language")}


@pytest.fixture
def read(monkeypatch):
    """The tables that `ready` was asked for."""
    seen, ready = [], Baseline.ready

    def watched(self, X):
        seen.append(X)
        return ready(self, X)

    monkeypatch.setattr(Baseline, "ready", watched)
    sharing.forget()
    yield seen
    sharing.forget()


def cell(name, scenario=SCENARIO, **parameters):
    quick = {"epochs": 2, "hidden_dim": 8} if hasattr(METHODS[name], "hidden_dim") else {}
    return Cell.of(scenario, Method(name, METHODS[name](encoder="acoustic", **quick, **parameters)))


def outcome(record):
    return {name: value for name, value in record.items() if not name.endswith(("seconds", "_mb"))}


def test_a_shared_cell_says_what_it_says_alone(corpora, read):
    for name in ("lr", "dan", "u-erms", "aad", "zero-shot"):
        alone, shared = run_cell(cell(name), corpora), run_cell(cell(name), corpora, "run")
        assert "uar" in shared, shared.get("traceback")
        assert outcome(alone) == outcome(shared)
    assert len(read) == 5  # a cell alone lets go of what is held


def test_files_beside_the_waveforms_of_a_shifted_target_are_shared(corpora, read, tmp_path):
    files = {}
    for name, voices in corpora.items():
        paths = [tmp_path / f"{name}{row}.wav" for row in range(len(voices))]
        for path, wave in zip(paths, voices["audio"], strict=True):
            soundfile.write(path, wave, 16_000, subtype="FLOAT")
        files[name] = voices.drop(columns="audio").assign(path=[str(path) for path in paths])
    shifted = replace(SCENARIO, shift="noise10")
    alone, shared = run_cell(cell("lr", shifted), files), run_cell(cell("lr", shifted), files, "run")
    assert "uar" in shared, shared.get("traceback")
    assert outcome(alone) == outcome(shared)


def test_clips_of_a_task_are_read_once_a_run(corpora, read):
    for name in ("lr", "prototype", "u-erms"):
        run_cell(cell(name), corpora, "run")
    assert len(read) == 1
    run_cell(cell("lr"), corpora, "another run")
    run_cell(cell("lr", Scenario("tarsk", "lumo", *list(vars(SCENARIO).values())[2:])), corpora, "another run")
    run_cell(cell("lr", cache=False), corpora, "another run")
    assert len(read) == 4


def test_what_cannot_be_shared_is_let_go(corpora, read):
    run_cell(cell("lr"), corpora, "run")
    assert sharing._held
    encoder = HeterogeneousEncoder(encoders={"lumo": "acoustic", "default": "acoustic"})
    assert METHODS["lr"](encoder=encoder).ready(corpora["lumo"]) is None
    run_cell(cell("lr", on_error="skip"), corpora, "run")
    assert not sharing._held
    run_benchmark(corpora, tasks="lumo-tarsk", draws=1, shots=2, methods="lr,prototype", baseline="")
    assert not sharing._held


def test_every_cell_says_what_reading_warned_of(corpora, read, monkeypatch):
    ready = Baseline.ready

    def warning(self, X):
        warnings.warn("clips are odd", SereWarning, stacklevel=1)
        return ready(self, X)

    monkeypatch.setattr(Baseline, "ready", warning)
    said = [run_cell(cell(name), corpora, "run")["warnings"] for name in ("lr", "prototype")]
    assert len(read) == 1
    assert all("clips are odd" in texts for texts in said)


def test_ready_clips_are_warned_of_as_clips_are(corpora):
    copies = pd.concat([corpora["tarsk"].iloc[:4]] * 4, ignore_index=True)
    shots = corpora["lumo"].groupby("emotion").head(2)
    method = METHODS["lr"](encoder="acoustic", random_state=0)
    said, answers = [], []
    for clips in (lambda table: table, method.ready):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            method.fit(clips(shots), shots["emotion"], None, (clips(copies),))
            answers.append(method.predict_proba(clips(copies)))
        said.append(sorted(str(warning.message) for warning in found))
    assert said[0] == said[1]
    assert any("copies" in text for text in said[0])
    np.testing.assert_array_equal(*answers)
