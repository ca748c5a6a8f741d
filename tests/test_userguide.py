"""The Python of the user guide and of the README does what the text around it says."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

import sere
from sere.baselines import LinearBaseline

ROOT = Path(__file__).parent.parent


@pytest.fixture
def corpora(source, target, tmp_path, monkeypatch):
    """What the texts find in the working folder: EmoDB and EMOVO (here two folders of emotions), a talk, an encoder."""
    for name, clips in (("emodb", source), ("emovo", target)):
        for row, clip in clips.iterrows():
            file = tmp_path / "corpora" / name / clip["emotion"] / f"{clip['speaker']}_{row:03d}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, clip["audio"], 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "talk.wav", np.concatenate(list(target["audio"])), 16_000, subtype="FLOAT")
    sere.encoders.EmotionEncoder.load("acoustic-emotion").save(tmp_path / "theirs.npz")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def at_once(monkeypatch):
    """Twenty epochs teach no more about a text than none."""
    usual = sere.SEREClassifier.__init__.__defaults__
    names = list(sere.SEREClassifier().get_params(deep=False))
    order = list(sere.SEREClassifier.__init__.__code__.co_varnames[1 : 1 + len(usual)])
    assert sorted(order) == sorted(names)
    shorter = tuple(0 if name == "epochs" else value for name, value in zip(order, usual, strict=True))
    monkeypatch.setattr(sere.SEREClassifier.__init__, "__defaults__", shorter)


@pytest.mark.filterwarnings("ignore:the recording has:sere.SereWarning")
@pytest.mark.filterwarnings("ignore:X holds 18 clips:sere.SereWarning")
@pytest.mark.parametrize("page", ["docs/userguide.md", "README.md"])
def test_every_block_of_python_runs(page, corpora, at_once, source, target):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    names = {"sere": sere, "X": source, "y": source["emotion"], "source": source, "target": target}
    names |= {"clf": sere.SEREClassifier(random_state=0), "MyClassifier": LinearBaseline}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
