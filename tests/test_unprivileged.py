"""A container's user without a home, a name or a folder to write in: everything works, only nothing is kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sere

PREDICTS = """
import os, sys
if os.name == "posix":
    import pwd
    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")
    pwd.getpwuid = unknown
import warnings
warnings.simplefilter("always")
from sere import SEREClassifier
from sere.datasets import make_voices
voices = make_voices(n_per_emotion=2, n_speakers=1, emotions=("anger", "neutral"), duration=0.3, random_state=0)
model = SEREClassifier(epochs=1, random_state=0, **eval(sys.argv[1])).fit(voices, voices["emotion"])
assert set(model.predict(voices)) <= {"anger", "neutral"}
print(sorted({"librosa", "resampy", "torchcrepe"} & set(sys.modules)))
"""


def bare_environment() -> dict[str, str]:
    """What a container without a user has; where our code lies, and Windows' own."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join([str(Path(sere.__file__).parent.parent), *filter(None, sys.path)])}


def as_nobody() -> dict[str, int]:
    """Options for a process of a user that nobody knows, where this one may start it and it may read Python."""
    if os.name != "posix" or os.getuid() != 0:
        return {}
    needed = [Path(sys.executable).resolve(), Path(os.__file__).resolve(), Path(sere.__file__).resolve()]
    open_to_all = all(parent.stat().st_mode & 0o001 for file in needed for parent in file.parents)
    return {"user": 54_321, "group": 54_321, "extra_groups": []} if open_to_all else {}


@pytest.mark.parametrize("options", ["{'cache': False}", "{}"], ids=["cache off", "defaults"])
def test_a_user_without_home_and_name_fits_and_predicts(tmp_path, options):
    run = subprocess.run(
        [sys.executable, "-c", PREDICTS, options],
        capture_output=True,
        text=True,
        env=bare_environment(),
        cwd="/",
        **as_nobody(),
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "[]\n"
    assert ("no home folder" in run.stderr) == (options == "{}")


COMPILES = """
import resource, sys
import numpy as np
from sere.tracks import spectral
if sys.argv[1] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
print(len(spectral(np.ones(16_000, np.float32)).rms))
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
def test_a_full_disk_or_a_damaged_file_under_the_compilers_cache_costs_nothing_but_it(tmp_path):
    def run(kind: str) -> None:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", COMPILES, kind], capture_output=True, text=True, env=environment)
        assert (done.returncode, done.stdout) == (0, "51\n"), done.stderr

    run("full")
    assert not [file for file in tmp_path.rglob("*.nbi") if file.stat().st_size]
    run("whole")
    indices = list(tmp_path.rglob("*.nbi"))
    assert indices
    for file in indices:
        file.write_bytes(file.read_bytes()[:40])
    run("damaged")
