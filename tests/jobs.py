"""Jobs whose results can be compared, and processes that are killed in the middle of them.

A job works in a folder of its own, where its cache lies and its results go, and returns what it found as something
that JSON can hold: equal exactly where the results are. A :class:`Killer` runs jobs in processes that are forked from
one which has imported everything, kills them at random moments, and lets the last one finish.
"""

import contextlib
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import sqlite3
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import sere
from sere.baselines import LinearBaseline
from sere.datasets import make_voices
from sere.evaluation import run_benchmark
from sere.extraction import extract
from sere.files import drafts

EMOTIONS = ("anger", "sadness")
#: Columns of a benchmark's cells that differ from run to run.
COSTS = {"fit_seconds", "predict_seconds", "cpu_seconds", "peak_mb"}


def digest(*arrays: Any) -> str:
    """Return a digest of the bits of arrays."""
    found = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        found.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return found.hexdigest()


def write_voices(folder: Path) -> None:
    """Write clips of two languages, two speakers and two emotions, and a list of them."""
    voices = make_voices(n_per_emotion=2, n_speakers=2, emotions=EMOTIONS, duration=0.3, random_state=0)
    paths = [str(folder / f"{row}.wav") for row in range(len(voices))]
    for path, wave in zip(paths, voices["audio"], strict=True):
        soundfile.write(path, wave, 16_000, subtype="FLOAT")
    voices.drop(columns="audio").assign(path=paths).to_json(folder / "voices.json")


def read_voices(folder: Path) -> dict[str, Any]:
    """Return the clips of each language."""
    import pandas as pd

    voices = pd.read_json(folder / "voices.json")
    return {language: part.reset_index(drop=True) for language, part in voices.groupby("language")}


def extraction(voices: Path, folder: Path) -> Any:
    """Describe all clips."""
    paths = sorted(map(str, voices.glob("*.wav")))
    encoder = sere.HeterogeneousEncoder("acoustic", cache=folder / "cache")
    return digest(*encoder.fit_transform(paths).frames)


def fit(voices: Path, folder: Path) -> Any:
    """Fit a classifier, its cache in the folder."""
    clips = read_voices(voices)
    model = sere.SEREClassifier("acoustic", epochs=3, cache=folder / "cache", random_state=0)
    model.fit(clips["lumo"], clips["lumo"]["emotion"], None, (clips["tarsk"],))
    return digest(model.decision_function(clips["tarsk"]), model.prototypes_)


def save(voices: Path, folder: Path) -> Any:
    """Save two models in turn in the place of each other, many times."""
    rng = np.random.default_rng(0)
    X, y, path = rng.normal(size=(8, 30)), [0, 1] * 4, folder / "model"
    models = [LinearBaseline().fit(X * sign, y) for sign in (1, -1)]
    said = [digest(model.decision_function(X)) for model in models]
    if path.exists():
        assert digest(sere.load(path).decision_function(X)) in said
    for turn in range(60):
        sere.save(models[turn % 2], path)
    return digest(sere.load(path).decision_function(X))


def pretraining(voices: Path, folder: Path) -> Any:
    """Learn from both languages and write the encoder."""
    from sere.encoders import EmotionEncoder

    path, corpora = folder / "encoder.npz", read_voices(voices)
    if path.exists():
        EmotionEncoder.load(path)
    learned = sere.pretrain_encoder(corpora, "acoustic", cache=folder / "cache", random_state=0)
    learned.save(path)
    return EmotionEncoder.load(path).identity


def benchmark(voices: Path, folder: Path) -> Any:
    """Run a small benchmark."""
    os.environ["SERE_CACHE"] = str(folder / "cache")
    options: dict[str, Any] = {"tasks": "lumo-tarsk", "draws": 3, "shots": 1, "methods": "prototype"}
    options |= {"baseline": "", "speakers": "known", "protocol": "transductive"}
    found = run_benchmark(read_voices(voices), out=folder, **options)
    assert not found.failed
    assert json.loads((folder / "results.json").read_text())["rows"]
    return [{name: value for name, value in record.items() if name not in COSTS} for record in found.records]


JOBS: dict[str, Callable[[Path, Path], Any]] = {
    job.__name__: job for job in (extraction, fit, save, pretraining, benchmark)
}


def do(name: str, voices: Path, folder: Path, out: Path) -> None:
    """Run a job in this process and write what it found."""
    extract.BATCH = 2  # many moments between two batches
    drafts.LEFT = 0.0  # no other writer is alive
    if not sys.warnoptions:  # the oldest releases of others warn of each other
        warnings.simplefilter("error")
    found = JOBS[name](voices, folder)
    out.write_text(json.dumps({"found": found}))


def records(folder: Path) -> dict[bytes, bytes]:
    """Return every record of the store of a job that ended, as it is on disk."""
    file = folder / "cache" / "frames.sqlite"
    if not file.exists():
        return {}
    with contextlib.closing(sqlite3.connect(file)) as database:
        return dict(database.execute("SELECT key, record FROM records"))


@dataclass
class Killer:
    """Runs jobs and kills them.

    Attributes
    ----------
    folder : Path
        Empty; gets the clips and the folders of all runs.
    seed : int
        Of the moments.
    killed : dict of str to int
        By job, how many processes were killed.
    """

    folder: Path
    seed: int = 0
    killed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._context: Any = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["jobs"])
        # The server does not look for modules to import where this process does.
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), *sys.path]))
        try:
            ensure_running()
        finally:
            os.environ.pop("PYTHONPATH")
            if before is not None:
                os.environ["PYTHONPATH"] = before
        self.start(int).join()  # what the server imports is no part of a job's time
        self._random = random.Random(self.seed)
        self._runs = 0
        self._voices = self.folder / "voices"
        self._voices.mkdir()
        write_voices(self._voices)

    def start(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Start a process that runs a function."""
        process = self._context.Process(target=function, args=arguments)
        process.start()
        return process

    def finish(self, name: str, folder: Path) -> Any:
        """Run a job to its end; returns what it found."""
        out = self._out()
        process = self._start(name, folder, out)
        process.join(120)
        assert process.exitcode == 0, f"{name} ended with {process.exitcode}"
        return json.loads(out.read_text())["found"]

    def harass(self, name: str, kills: int) -> None:
        """Kill a job so many times, now and then letting it come to its end, and compare with an undisturbed one."""
        undisturbed = self._fresh()
        started = time.monotonic()
        expected = self.finish(name, undisturbed)
        lasts = time.monotonic() - started
        whole = records(undisturbed)
        self.killed[name] = 0
        while self.killed[name] < kills:
            folder = self._fresh()
            alive = True
            while self.killed[name] < kills and alive:
                alive = self._kill(name, folder, self._random.uniform(0, lasts))
                if self._random.random() < 0.4:
                    break
            assert self.finish(name, folder) == expected
            assert records(folder) == whole
            assert not list(folder.glob(".*draft*")), "a draft was left behind"
            shutil.rmtree(folder)

    def _kill(self, name: str, folder: Path, after: float) -> bool:
        """Start a job and kill it after some seconds; returns whether it was still at work."""
        process = self._start(name, folder, self._out())
        process.join(after)
        process.kill()
        process.join()
        if process.exitcode == 0:
            return False
        assert process.exitcode == -9
        self.killed[name] += 1
        return True

    def _start(self, name: str, folder: Path, out: Path) -> Any:
        return self.start(do, name, self._voices, folder, out)

    def _fresh(self) -> Path:
        self._runs += 1
        folder = self.folder / f"run{self._runs}"
        folder.mkdir()
        return folder

    def _out(self) -> Path:
        self._runs += 1
        return self.folder / f"found{self._runs}.json"
