"""The Python of the pages does what the text around it says, and options that they name are there."""

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
@pytest.mark.parametrize("page", ["docs/userguide.md", "docs/paper.md", "README.md"])
def test_every_block_of_python_runs(page, corpora, at_once, source, target):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    names = {"sere": sere, "X": source, "y": source["emotion"], "source": source, "target": target}
    names |= {"clf": sere.SEREClassifier(random_state=0), "MyClassifier": LinearBaseline}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


PAGES = sorted(page.relative_to(ROOT).as_posix() for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES)
def test_every_option_of_a_room_that_a_page_names_is_there(page):
    named = re.findall(r"\b([a-z_]+?)__([a-z_0-9]+)", (ROOT / page).read_text(encoding="utf-8"))
    known = sere.SEREClassifier().get_params(deep=False)
    assert page != "docs/paper.md" or len(set(named)) > 30
    for step, option in named:
        if step in known:
            sere.SEREClassifier().set_params(**{f"{step}__{option}": None})


def test_the_table_of_the_paper_names_every_option_of_the_chain_and_values_that_can_be():
    table = [line for line in (ROOT / "docs" / "paper.md").read_text(encoding="utf-8").splitlines() if "__" in line]
    named = {name for line in table for name in re.findall(r"`(\w+__\w+)`", line)}
    for parameter, room in sere.estimators.classifier.ROOMS.items():
        options = {f"{parameter}__{option}" for option in getattr(sere, room)().get_params()}
        assert parameter == "self_training" or options <= named, parameter
    for line in table:
        for name, values in re.findall(r"`(\w+__\w+)` ((?:None, )?\"[^;|]*)", line):
            parameter, _, option = name.partition("__")
            default = sere.SEREClassifier().set_params(**{name: None})
            rule = getattr(default, parameter)._rules[option]
            assert all(rule.fits(value) for value in re.findall(r'"(\w+)"', values)), name
