"""The Python of the pages does what the text around it says, and options that they name are there."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

import sere
from sere.baselines import LinearBaseline

ROOT = Path(__file__).parent.parent


#: Emotions as the two corpora spell them in their files' names.
GERMAN = {"anger": "W", "neutral": "N", "sadness": "T"}
ITALIAN = {"anger": "rab", "neutral": "neu", "sadness": "tri"}
ENGLISH = {"anger": "05", "neutral": "01", "sadness": "04"}


@pytest.fixture
def corpora(source, target, tmp_path, monkeypatch):
    """What the texts find in the working folder, with the clips of `source` and `target` for sounds.

    EmoDB and EMOVO, a third corpus (played backwards), recordings and a list of a few of them, a corpus of one's own as
    folders and as a list, a talk, an encoder.
    """
    german, italian = ({who: i for i, who in enumerate(sorted(set(of["speaker"])))} for of in (source, target))
    made, few, listed = [], ["path,emotion"], ["path,emotion,speaker,language,start,end"]
    for row, clip in source.iterrows():
        name = f"{('03', '08')[german[clip['speaker']]]}a{row:02d}{GERMAN[clip['emotion']]}a.wav"
        place = tmp_path / "corpora" / "emodb" / "wav" / name
        made.append((place, clip["audio"]))
        name = f"03-01-{ENGLISH[clip['emotion']]}-01-0{1 + row % 2}-0{1 + row % 4 // 2}-{1 + row:02d}.wav"
        made.append((tmp_path / "ravdess" / name, clip["audio"][::-1]))
    for row, clip in target.iterrows():
        who, emotion = ("f1", "m1")[italian[clip["speaker"]]], clip["emotion"]
        place = tmp_path / "corpora" / "emovo" / who / f"{ITALIAN[emotion]}-{who}-{'abc'[row // 6]}{row % 6}.wav"
        made.append((place, clip["audio"]))
        made.append((tmp_path / "recordings" / f"{row:02d}.wav", clip["audio"]))
        folder = {"anger": "angry", "sadness": "sad"}.get(emotion, emotion)
        made.append((tmp_path / "mine" / folder / f"{who}_{row}.wav", clip["audio"]))
        few += [f"recordings/{row:02d}.wav,{emotion}"] if row < 9 else []
        listed += [f"recordings/{row:02d}.wav,{emotion},{who},eu,0,{len(clip['audio']) / 16_000:.3f}"]
    for place, wave in made:
        place.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place, wave, 16_000, subtype="FLOAT")
    (tmp_path / "few.csv").write_text("\n".join(few), encoding="utf-8")
    (tmp_path / "mine.csv").write_text("\n".join(listed), encoding="utf-8")
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


#: Pages whose Python runs.
GUIDES = ("start", "own-corpus", "no-labels", "recordings", "which-encoder", "evaluate")
RUN = ["README.md", "docs/userguide.md", "docs/paper.md", *(f"docs/{guide}.md" for guide in GUIDES)]


@pytest.mark.filterwarnings("ignore:the recording has:sere.SereWarning")
@pytest.mark.filterwarnings("ignore:X holds 18 clips:sere.SereWarning")
@pytest.mark.parametrize("page", RUN)
def test_every_block_of_python_runs(page, corpora, at_once, source, target):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    if any("plot" in block for block in blocks):
        pytest.importorskip("matplotlib")
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
