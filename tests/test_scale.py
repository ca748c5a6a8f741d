"""What the store promises, at the estimators: nothing is extracted twice, whoever asks, and nothing done is lost."""

import pickle
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV

from sere import DynamicFeatureTransformer, Embedding, HeterogeneousEncoder, SEREClassifier
from sere.encoders.base import Encoded, FrameEncoder
from sere.estimators.dynamics import _Tracks
from sere.store.claims import Claims


class Diary(FrameEncoder):
    """Frames of two numbers; writes a line into a file for every clip it embeds, in whatever process."""

    cache_key = "diary-1"
    frame_names = ("mean", "power")

    def __init__(self, file, interrupt_after=None, seconds=0.0):
        self.file, self.interrupt_after, self.seconds = str(file), interrupt_after, seconds

    def encode(self, waves, pitches=None):
        if self.interrupt_after is not None and len(self.read()) >= self.interrupt_after:
            raise KeyboardInterrupt
        with open(self.file, "a") as diary:
            diary.writelines(f"{joblib.hash(wave)}\n" for wave in waves)
        time.sleep(self.seconds * len(waves))
        parts = [np.array_split(wave, len(wave) // 320) for wave in waves]
        return [Encoded(np.array([[p.mean(), p.std()] for p in clip], dtype=np.float32)) for clip in parts]

    def read(self):
        file = Path(self.file)
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def diary(tmp_path):
    return Diary(tmp_path / "diary")


def classifier(encoder, tmp_path, **changes):
    made = SEREClassifier(encoder, epochs=1, embedding=Embedding(dim=4), cache=tmp_path / "store", random_state=0)
    return made.set_params(**changes)


def distinct(*tables):
    return sorted({joblib.hash(np.asarray(wave, np.float32)) for table in tables for wave in table["audio"]})


def test_a_second_fit_on_the_same_audio_extracts_nothing(diary, tmp_path, shots, source, target, monkeypatch):
    tracked = []
    compute = _Tracks.__call__
    monkeypatch.setattr(_Tracks, "__call__", lambda self, waves, c: tracked.extend(waves) or compute(self, waves, c))
    first = classifier(diary, tmp_path).fit(shots, shots["emotion"], (source,), (target,))
    expected = len(distinct(shots, source, target))
    assert (len(diary.read()), len(tracked)) == (expected, expected)
    second = classifier(diary, tmp_path, field__tau=2.0).fit(shots, shots["emotion"], (source,), (target,))
    assert (len(diary.read()), len(tracked)) == (expected, expected)
    assert np.isfinite(first.predict_proba(target)).all()
    assert np.isfinite(second.predict_proba(target)).all()
    assert (len(diary.read()), len(tracked)) == (expected, expected)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_search_extracts_each_clip_once(diary, tmp_path, source, target, n_jobs):
    get_reusable_executor().shutdown(wait=True)  # workers of their own, not those that another test left behind
    slow = Diary(diary.file, seconds=0.1)  # long enough that a second process arrives before the first is done
    search = GridSearchCV(classifier(slow, tmp_path), {"field__tau": [0.5, 1.0, 2.0]}, cv=5, n_jobs=n_jobs)
    search.fit(source, source["emotion"], X_unlabeled_tgt=(target,))
    assert sorted(diary.read()) == distinct(source, target)
    assert len(search.cv_results_["params"]) == 3


def test_an_interrupted_fit_goes_on_from_what_is_kept(diary, tmp_path, shots, source, target):
    with pytest.raises(KeyboardInterrupt):
        classifier(Diary(diary.file, interrupt_after=16), tmp_path).fit(shots, shots["emotion"], (source,), (target,))
    kept = len(diary.read())
    assert 0 < kept < len(distinct(shots, source, target))
    classifier(diary, tmp_path).fit(shots, shots["emotion"], (source,), (target,))
    assert sorted(diary.read()) == distinct(shots, source, target)


def test_a_claimed_clip_is_not_claimed_again_before_it_is_given_up(tmp_path):
    keys = [bytes([k]) * 20 for k in range(3)]
    with Claims(tmp_path) as ours, Claims(tmp_path) as theirs:
        assert ours.take(keys[0])
        assert not theirs.take(keys[0])
        assert theirs.take(keys[1])
        ours.give_up(keys)
        assert theirs.take(keys[0])
    assert Claims(tmp_path).take(keys[1])


CLAIM = """
import sys, pathlib
from sere.store.claims import Claims
claims = Claims(pathlib.Path(sys.argv[1]))
print(claims.take(b"a" * 20), flush=True)
sys.stdin.read()
"""


def test_claims_hold_between_processes_and_end_with_them(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "True\n"
        with Claims(tmp_path) as ours:
            assert not ours.take(b"a" * 20)
            assert ours.take(b"b" * 20)
            other.kill()
            ours.wait(b"a" * 20)


def test_claims_are_granted_where_none_can_be_kept(tmp_path):
    (tmp_path / "file").write_text("")
    assert Claims(tmp_path / "file" / "folder").take(b"a" * 20)
    assert Claims(None).take(b"a" * 20)


@pytest.mark.parametrize("kind", [SEREClassifier, DynamicFeatureTransformer, HeterogeneousEncoder])
def test_a_relative_store_is_the_same_one_in_a_worker_of_another_folder(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(kind(cache="store"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert pickle.loads(content).cache == str(tmp_path / "store")
    assert kind(cache="store").cache == "store"
