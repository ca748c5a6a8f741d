"""Running a task, reporting it, and the demonstration's choice of clips."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Bunch

from sere import SEREClassifier
from sere.baselines import LinearBaseline
from sere.calibration import expected_calibration_error
from sere.evaluation import TaskResult, demo, run_task, speakers_of
from sere.evaluation.demonstration import _clips

LABELS = ["anger", "fear", "sadness"]


class Remembering(ClassifierMixin, BaseEstimator):
    """Says what `says` says, and keeps what it was given."""

    def __init__(self, says="anger", random_state=0):
        self.says = says
        self.random_state = random_state

    def fit(self, X, y, X_unlabeled_src=None, X_unlabeled_tgt=None):
        self.classes_ = np.unique(y)
        self.given_ = (X, y, X_unlabeled_src, X_unlabeled_tgt)
        self.history_ = [{"loss": 1.0}, {"loss": 0.5}]
        self.prototypes_ = np.eye(len(self.classes_), 3)
        return self

    def predict(self, X):
        return np.full(len(X), self.says)

    def transform(self, X):
        return np.random.default_rng(0).standard_normal((len(X), 3))


@pytest.fixture
def task():
    clips = pd.DataFrame({"path": [f"{i}.wav" for i in range(6)], "speaker": list("aabbcc")})
    return Bunch(
        X_labeled=clips[:3].assign(path=["a.wav", "b.wav", "c.wav"]),
        y=np.array(LABELS),
        X_unlabeled_src=clips[3:],
        X_unlabeled_tgt=clips,
        X_test=clips,
        y_test=np.array(["anger", "anger", "fear", "fear", "sadness", "sadness"]),
        labels=LABELS,
    )


def test_a_task_is_fitted_with_its_pools_and_scored_on_its_test_clips(task):
    estimator = Remembering()
    result = run_task(estimator, task)
    X, y, source, target = result.model.given_
    assert X is task.X_labeled
    assert y is task.y
    assert (source[0] is task.X_unlabeled_src, len(source)) == (True, 1)
    assert (target[0] is task.X_unlabeled_tgt, len(target)) == (True, 1)
    assert not hasattr(estimator, "given_")
    assert result.uar == pytest.approx(1 / 3)
    assert result.chance == pytest.approx(1 / 3)
    assert result.speakers.tolist() == list("aabbcc")
    assert result.fit_seconds > 0
    assert result.predict_seconds > 0


def test_answers_are_those_of_predict_and_their_probabilities_are_kept(shots, source, target):
    own = Bunch(X_labeled=shots, y=shots["emotion"], X_unlabeled_src=source, X_unlabeled_tgt=target, X_test=target)
    task = Bunch(**own, y_test=target["emotion"], labels=sorted(set(shots["emotion"])))
    for estimator in (LinearBaseline(encoder="acoustic"), SEREClassifier("acoustic-emotion", epochs=1, random_state=0)):
        result = run_task(estimator, task)
        assert result.y_pred.tolist() == result.model.predict(target).tolist()
        np.testing.assert_array_equal(result.probabilities, result.model.predict_proba(target))
        expected = expected_calibration_error(target["emotion"], result.probabilities, result.model.classes_)
        assert result.calibration_error == expected > 0


def test_a_method_without_probabilities_has_no_calibration_error(task):
    result = run_task(Remembering(), task)
    assert result.probabilities is None
    assert result.calibration_error is None


class Sure(Remembering):
    """Says how sure it is, of one clip nothing."""

    def predict_proba(self, X):
        shares = np.tile([0.8, 0.1, 0.1], (len(X), 1))
        shares[-1] = np.nan
        return shares


def test_clips_that_have_no_probabilities_do_not_count_in_the_calibration_error(task):
    result = run_task(Sure(), task)
    assert result.y_pred.tolist() == ["anger"] * 6
    assert result.calibration_error == pytest.approx(0.8 - 2 / 5)


def test_the_summary_holds_the_score_its_interval_and_every_emotion(task):
    lines = run_task(Remembering("fear"), task).summary().splitlines()
    assert lines[0].startswith("UAR 33.3 % on 6 clips")
    assert "over 3 speakers" in lines[0]
    assert "chance 33.3" in lines[0]
    rows = [line.split() for line in lines[3:]]
    assert rows == [
        ["anger", "2", "0.0", "%", "-", "fear"],
        ["fear", "2", "100.0", "%", "33.3", "%", "-"],
        ["sadness", "2", "0.0", "%", "-", "fear"],
    ]


def test_the_interval_holds_the_score():
    rng = np.random.default_rng(0)
    y = rng.choice(LABELS, 300)
    said = np.where(rng.random(300) < 0.6, y, rng.choice(LABELS, 300))
    for speakers in (None, rng.choice(list("abcdef"), 300)):
        result = TaskResult(y, said, LABELS, speakers=speakers)
        low, high = result.interval
        assert low < result.uar < high
        assert ("6 speakers" if speakers is not None else "clips") in result.summary()


def test_speakers_count_only_when_all_are_known_and_there_are_two():
    assert speakers_of(["a.wav"]) is None
    assert speakers_of(pd.DataFrame({"path": ["a", "b"]})) is None
    assert speakers_of(pd.DataFrame({"speaker": ["a", None]})) is None
    assert speakers_of(pd.DataFrame({"speaker": ["a", "a"]})) is None
    assert speakers_of(pd.DataFrame({"speaker": ["a", "b"]})).tolist() == ["a", "b"]


def write_corpora(folder):
    """Lay out one clip of silence for several speakers and emotions as EmoDB and EMOVO name them."""
    names = [f"emodb/wav/{speaker}a01{code}a.wav" for speaker in ("03", "08") for code in "WAT" * 1]
    names += [f"emovo/{speaker}/{code}-{speaker}-b1.wav" for speaker in ("f1", "m1") for code in ("rab", "pau", "tri")]
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, np.zeros(1600), 16_000)


def test_the_demonstration_takes_emodb_and_emovo_where_a_folder_holds_both(tmp_path, monkeypatch):
    write_corpora(tmp_path)
    for given in (True, False):
        monkeypatch.setenv("SERE_CORPORA", "nowhere" if given else str(tmp_path))
        source, target, what = _clips(tmp_path if given else None, 0)
        assert "EmoDB" in what
        assert "EMOVO" in what
        assert set(source["language"]) == {"de"}
        assert set(target["language"]) == {"it"}


def test_the_demonstration_falls_back_to_synthetic_voices_and_says_why(tmp_path, monkeypatch, few_voices):
    monkeypatch.delenv("SERE_CORPORA", raising=False)
    source, target, what = _clips(None, 0)
    assert "Synthetic" in what
    assert "SERE_CORPORA" in what
    assert len(set(source["language"])) == len(set(target["language"])) == 1
    assert set(source["language"]) != set(target["language"])
    assert str(tmp_path) in _clips(tmp_path, 0)[2]
    with pytest.raises(FileNotFoundError):
        _clips(tmp_path / "missing", 0)


@pytest.fixture
def few_voices(monkeypatch):
    import sere.datasets

    make_voices = sere.datasets.make_voices

    def fewer(random_state):
        return make_voices(n_per_emotion=4, emotions=LABELS, random_state=random_state)

    monkeypatch.setattr(sere.datasets, "make_voices", fewer)


def test_the_demonstration_reports_and_saves_a_figure(tmp_path, monkeypatch, few_voices):
    pytest.importorskip("matplotlib")
    monkeypatch.delenv("SERE_CORPORA", raising=False)
    figure, said = tmp_path / "seen.png", []
    result = demo(figure=figure, shots=1, say=said.append, estimator=Remembering())
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "Synthetic" in said[0]
    assert said[1].startswith("3 labeled clips (1 of each of 3 emotions), 9 + 12 unlabeled")
    assert result.summary() in said
    assert str(figure) in said[-1]


def test_the_picture_of_a_demonstration_is_a_new_file_named_after_the_corpora(tmp_path, monkeypatch, few_voices):
    pytest.importorskip("matplotlib")
    monkeypatch.delenv("SERE_CORPORA", raising=False)
    monkeypatch.chdir(tmp_path)
    for number in ("", "-2", "-3"):
        said = []
        demo(shots=1, say=said.append, estimator=Remembering())
        assert said[-1] == f"Figure saved to {tmp_path / f'sere-demo-voices{number}.png'}"
    assert len(list(tmp_path.iterdir())) == 3


def test_the_demonstration_without_matplotlib_says_how_to_get_a_figure(tmp_path, monkeypatch, few_voices):
    monkeypatch.delenv("SERE_CORPORA", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    said = []
    demo(figure=tmp_path / "none.png", shots=1, say=said.append, estimator=Remembering())
    assert "sere[plots]" in said[-1]
    assert list(tmp_path.iterdir()) == []


def test_on_real_speech_the_demonstration_hears_all_that_has_not_heard_the_clips(tmp_path, monkeypatch):
    from sere.encoders.spec import build
    from sere.evaluation import demonstration

    monkeypatch.setattr("sere.datasets.find_corpora", lambda root: {"emodb": root, "emovo": root, "casia": root})
    name, said = demonstration._encoder(tmp_path, real=True, experience=False, verbose=0)
    assert build(name).experience is None
    assert {type(part).__name__ for part in build(name).parts} == {"AcousticEncoder", "SpeechEncoder"}
    assert "--experience learns from casia first" in said
