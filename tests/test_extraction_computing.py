"""Memory of extraction: it does not grow with the list of long files, and a clip that takes too much costs itself."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

from sere.audio import AudioError, Clip
from sere.extraction import extract as extraction
from sere.extraction.extract import BATCH, SECONDS, extract

MINUTES = 16_000 * 60

#: Looks at files with so many MB to spare beside what it has once everything is imported, and says what came out.
JOB = """
import resource, sys
from pathlib import Path
from sere.audio import Clip
from sere.checks import facts
from sere.extraction.extract import extract

def look(paths, **options):
    return extract([Clip(path) for path in paths], facts._look, ("facts",), cache=None, **options)

look(sys.argv[2:3])
status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
limit = int(status["VmData"].split()[0]) * 1024 + int(sys.argv[1]) * 1_000_000
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
unusable = {}
found = look(sys.argv[2:], unusable=unusable)
print([None if arrays is None else round(arrays["facts"][0]) for arrays in found])
print(*unusable.values())
"""


def looked_at(megabytes, paths):
    """Return the seconds that were heard of each file, and what was said of the others."""
    options = {"capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run([sys.executable, "-c", JOB, str(megabytes), *map(str, paths)], check=False, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    heard, said = done.stdout.splitlines()
    return heard, said


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A short file, sixteen of four minutes and one of forty."""
    folder = tmp_path_factory.mktemp("long")
    tone = np.sin(np.arange(40 * MINUTES) / 20).astype("f4") * np.float32(0.3)
    lengths = {"short": 2 * 16_000, **{f"long-{i}": 4 * MINUTES for i in range(16)}, "longest": 40 * MINUTES}
    for i, (name, n) in enumerate(lengths.items()):
        soundfile.write(folder / f"{name}.wav", tone[i : n + i], 16_000)
    return [folder / f"{name}.wav" for name in lengths]


linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a limit of data")


@linux
def test_a_list_of_long_files_is_read_within_a_limit_that_holds_few_of_them(files):
    heard, said = looked_at(150, files[:-1])  # sixteen waveforms of 15 MB are 246
    assert heard == str([2, *[240] * 16])
    assert said == ""


@linux
def test_a_file_that_takes_more_memory_than_there_is_is_named_and_the_others_are_read(files):
    heard, said = looked_at(150, [files[0], files[-1], files[1]])
    assert heard == "[2, None, 240]"
    assert "longest.wav" in said
    assert "allocate" in said or "memory" in said


class Hungry:
    """Runs out of memory as libraries say it, with several clips or with one that is long."""

    def __init__(self, error):
        self.error, self.met = error, []

    def __call__(self, waves, companions):
        self.met.append(len(waves))
        if sum(map(len, waves)) > 30:
            raise self.error
        return [{"n": np.array([len(wave) + sum(companions)])} for wave in waves]


@pytest.mark.parametrize("companions", [None, [100, 200, 300, 400]])
@pytest.mark.parametrize("error", [MemoryError("unable to allocate"), RuntimeError("DefaultCPUAllocator: not memory")])
def test_a_batch_that_runs_out_of_memory_is_computed_clip_by_clip(error, companions):
    clips = [Clip(np.zeros(n, "f4")) for n in (10, 20, 31, 25)]
    unusable, compute = {}, Hungry(error)
    found = extract(clips, compute, (), companions=companions, cache=None, maker="the sum", unusable=unusable)
    beside = companions or [0] * 4
    assert [None if own is None else int(own["n"][0]) for own in found] == [
        10 + beside[0],
        20 + beside[1],
        None,
        25 + beside[3],
    ]
    assert compute.met == [4, 1, 1, 1, 1]
    assert "not enough memory to compute the sum" in unusable[clips[2]]
    with pytest.raises(AudioError, match=r"X\[2\]: waveform: there is not enough memory"):
        extract(clips, Hungry(error), (), companions=companions, cache=None)


def test_other_errors_of_a_computation_end_the_run():
    with pytest.raises(RuntimeError, match="a bug"):
        extract([Clip(np.zeros(40, "f4"))], Hungry(RuntimeError("a bug")), (), cache=None)


def test_a_worker_takes_so_many_clips_or_seconds(monkeypatch, tmp_path):
    monkeypatch.setattr(extraction, "SECONDS", 10.0)
    soundfile.write(tmp_path / "12.flac", np.zeros(12 * 16_000), 16_000)
    (tmp_path / "unknown.m4a").write_bytes(bytes(9_500))
    rng = np.random.default_rng(0)
    sound = [rng.normal(size=16_000 * seconds).astype("f4") / 10 for seconds in (4, 5, 1, 1, 11, 1)]
    clips = [
        *map(Clip, sound),
        Clip(str(tmp_path / "12.flac"), start=1.0, end=9.0),
        Clip(str(tmp_path / "12.flac"), start=10.5),
        Clip(str(tmp_path / "12.flac")),
        Clip(str(tmp_path / "unknown.m4a")),
    ]
    met = []

    def compute(waves, companions):
        met.append([len(wave) // 16_000 for wave in waves])
        return [{"n": np.zeros(1)} for _ in waves]

    extract(clips, compute, (), cache=None, unusable={})
    assert met == [[4, 5, 1], [1], [11], [1, 8], [1], [12], []]
    met.clear()
    many = [Clip(np.full(16 + i, 0.1, "f4")) for i in range(BATCH + 1)]
    extract(many, compute, (), cache=None)
    assert [len(batch) for batch in met] == [BATCH, 1]
    assert SECONDS >= 30 * BATCH, "clips of speech that a checkpoint hears at once come in full batches"
