"""A newcomer's whole way in one script: label a folder, correct labels, fit, look at the report, share the model."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import soundfile

import sere
from sere.datasets import make_voices

SCRIPT = Path(__file__).parent.parent / "examples" / "from_recordings_to_model.sh"


@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is for bash")
def test_from_recordings_to_a_model_that_another_loads(tmp_path):
    voices = make_voices(12, ["tarsk"], 2, ["anger", "neutral", "sadness"], 0, duration=0.6).sample(
        frac=1, random_state=0
    )
    folder, out = tmp_path / "my recordings", tmp_path / "out"
    folder.mkdir()
    truth = {}
    for number, (wave, emotion) in enumerate(zip(voices["audio"], voices["emotion"], strict=True)):
        soundfile.write(folder / f"{number:02d}.wav", wave, 16_000, subtype="FLOAT")
        truth[f"{number:02d}.wav"] = emotion

    run(folder, out, tmp_path)
    labels, few = pd.read_csv(out / "labels.csv"), pd.read_csv(out / "few.csv")
    assert len(labels) == len(truth)
    assert few.groupby("emotion").size().max() <= 5
    few["emotion"] = [truth[Path(path).name] for path in few["path"]]  # as who listens would correct them
    few.to_csv(out / "few.csv", index=False)

    said = run(folder, out, tmp_path)
    predicted = pd.read_csv(out / "predicted.csv")
    right = [truth[Path(path).name] == emotion for path, emotion in zip(predicted["path"], predicted["emotion"])]
    assert sum(right) / len(right) > 0.6
    assert "<h1>" in (out / "report.html").read_text()
    assert "holds the model and its card" in said

    shutil.copytree(out / "model", tmp_path / "elsewhere")
    new = [str(folder / "00.wav")]
    assert sere.load(tmp_path / "elsewhere").predict(new)[0] == predicted["emotion"].iloc[0]
    card = (tmp_path / "elsewhere" / "README.md").read_text()
    assert "my recordings" not in card


def run(folder: Path, out: Path, home: Path) -> str:
    """Run the script with the interpreter of these tests first in PATH, and return what it said."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [SCRIPT, folder, out, "anger,neutral,sadness"],
        env=os.environ | {"PATH": path},
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
