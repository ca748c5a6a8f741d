"""Processes that are killed, stopped or lost, and disks that are full: nothing finished is lost, nothing is wrong.

A few kills run in the suite; ``nox -s faults`` sets SERE_KILLS and runs as many for each job.
"""

import json
import os
import signal
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from jobs import JOBS, Killer

import sere
from sere.audio import Clip
from sere.baselines import LinearBaseline
from sere.encoders import EmotionEncoder
from sere.evaluation.journal import Journal
from sere.extraction import extract
from sere.store import FrameStore, claims

if os.name == "posix":
    import resource

KILLS = int(os.environ.get("SERE_KILLS", "1"))
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    return Killer(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("name", JOBS)
def test_what_is_killed_at_any_moment_goes_on_to_the_same_result(killer, name):
    killer.harass(name, KILLS)
    assert killer.killed[name] == KILLS


CLIPS = [np.full(2000 + 10 * number, 0.01 * number, np.float32) for number in range(24)]


class Slow:
    """Sums waveforms and takes its time for it."""

    def __init__(self, pause, began=None):
        self.pause, self.began = pause, began

    def __call__(self, waves, companions):
        if self.began is not None:
            Path(self.began).touch()
        time.sleep(self.pause)
        return [{"sum": np.array([wave.sum()])} for wave in waves]


def summed(folder, compute):
    """Extract the sums of all clips."""
    found = extract.extract([Clip(wave) for wave in CLIPS], compute, ("sum", 1), cache=folder)
    return [float(arrays["sum"][0]) for arrays in found]


SUMS = [float(wave.sum()) for wave in CLIPS]


def sum_in_process(folder, out, pause, patience):
    """Extract the sums and write them and all that was warned of."""
    claims.PATIENCE = patience
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = summed(folder, Slow(pause, f"{out}.began"))
    Path(out).write_text(json.dumps([found, [str(warning.message) for warning in said]]))


def until(condition, seconds=120):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.01)


def test_a_stopped_process_holds_up_others_for_a_while_and_loses_nothing_itself(killer, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    stopped = killer.start(sum_in_process, tmp_path / "store", str(first), 0.5, 300)
    until(lambda: Path(f"{first}.began").exists())
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        other = killer.start(sum_in_process, tmp_path / "store", str(second), 0, 0.2)
        other.join(120)
        assert other.exitcode == 0
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
    stopped.join(120)
    assert stopped.exitcode == 0
    (found, said), (own, nothing) = (json.loads(out.read_text()) for out in (second, first))
    assert found == own == SUMS
    assert len(said) == 1
    assert "has been at work on the same clips for" in said[0]
    assert nothing == []
    assert FrameStore(tmp_path / "store").info().entries == len(CLIPS)


def test_processes_that_begin_together_share_the_work_and_agree(killer, tmp_path):
    outs = [tmp_path / f"{number}" for number in range(3)]
    together = [killer.start(sum_in_process, tmp_path / "store", str(out), 0.05, 300) for out in outs]
    for process in together:
        process.join(120)
    assert [process.exitcode for process in together] == [0, 0, 0]
    assert [json.loads(out.read_text()) for out in outs] == [[SUMS, []]] * 3
    assert FrameStore(tmp_path / "store").info().entries == len(CLIPS)


def as_others(folder, out):
    """Use a store that may be read and not written to, as a user who is not its owner."""
    os.setgid(54_321)
    os.setuid(54_321)
    sum_in_process(folder, out, 0, 300)


@pytest.fixture
def open_to_all():
    """A folder that any user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.name == "posix" and os.getuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize("n_kept", [len(CLIPS), 10])
def test_a_store_that_may_only_be_read_is_read_and_the_rest_computed(killer, open_to_all, n_kept, monkeypatch):
    monkeypatch.setattr("test_faults.CLIPS", CLIPS[:n_kept])
    store, outs = open_to_all / "store", open_to_all / "outs"
    summed(store, Slow(0))
    monkeypatch.undo()
    outs.mkdir()
    outs.chmod(0o777)
    for path in (store / "frames.sqlite", store / "claims"):
        path.chmod(0o444)
    store.chmod(0o555)
    process = killer.start(as_others, store, str(outs / "out"))
    process.join(120)
    assert process.exitcode == 0
    found, said = json.loads((outs / "out").read_text())
    assert found == SUMS
    assert len(said) == (0 if n_kept == len(CLIPS) else 1), said
    assert all("cannot be written to" in text for text in said)


def on_a_full_disk(write, folder, out):
    """Do something where no file can grow beyond 2 kB; writes the error."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    try:
        write(folder)
    except OSError as error:
        Path(out).write_text(f"{type(error).__name__}: {error}")


def save_a_model(folder):
    rng = np.random.default_rng(1)
    sere.save(LinearBaseline().fit(rng.normal(size=(8, 40)), [0, 1] * 4), folder / "model.safetensors")


def save_an_encoder(folder):
    EmotionEncoder.load("acoustic-emotion").save(folder / "encoder.npz")


def keep_cells(folder):
    journal = Journal(folder / "cells.jsonl")
    for number in range(100):
        journal.append({"key": str(number), "uar": 0.5})


@pytest.mark.parametrize(
    ("write", "name"),
    [(save_a_model, "model.safetensors"), (save_an_encoder, "encoder.npz"), (keep_cells, "cells.jsonl")],
)
def test_a_full_disk_is_an_error_that_leaves_what_was_there(killer, tmp_path, write, name):
    file = tmp_path / name
    file.write_bytes(b"" if name == "cells.jsonl" else b"an earlier one")
    process = killer.start(on_a_full_disk, write, tmp_path, str(tmp_path / "out"))
    process.join(120)
    assert process.exitcode == 0
    assert "File too large" in (tmp_path / "out").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "out"])
    if name != "cells.jsonl":
        assert file.read_bytes() == b"an earlier one"
        return
    journal = Journal(file)
    kept = journal.read()
    assert 20 < len(kept) < 100
    journal.append({"key": "more", "uar": 0.5})
    assert set(journal.read()) == {*kept, "more"}
