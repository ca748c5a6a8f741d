"""``on_error="skip"``: clips that cannot be used are left out, named and counted, and the others cost nothing twice."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import sere
from sere import DynamicFeatureTransformer, HeterogeneousEncoder, SEREClassifier, pretrain_encoder
from sere.audio import AudioError
from sere.baselines import AaD, LinearBaseline
from sere.encoders.base import Encoded, FrameEncoder
from sere.estimators.dynamics import _Tracks
from sere.inputs.reading import SereWarning


class Counting(FrameEncoder):
    """Frames of two numbers; counts the clips that it describes."""

    cache_key = "counting"
    frame_names = ("mean", "power")

    def __init__(self):
        self.seen = []

    def encode(self, waves, pitches=None):
        self.seen += [joblib.hash(wave) for wave in waves]
        parts = [np.array_split(wave, len(wave) // 320) for wave in waves]
        return [Encoded(np.array([[p.mean(), p.std()] for p in clip], dtype=np.float32)) for clip in parts]


@pytest.fixture
def broken(tmp_path):
    """A file whose header says already that it is no audio."""
    file = tmp_path / "broken.wav"
    file.write_bytes(b"RIFF no sound")
    return str(file)


HOLE = np.r_[np.zeros(4000, np.float32), np.float32(np.nan), np.zeros(4000, np.float32)]


@pytest.fixture
def paths(files, broken):
    """Eight target clips as files; the third cannot be read."""
    return [*files[:2], broken, *files[2:7]]


def waves(clips, *rows):
    """Waveforms with a hole, which only their samples show, put in before some rows."""
    found = list(clips["audio"])
    for row in sorted(rows, reverse=True):
        found.insert(row, HOLE)
    return found


def model(cls=SEREClassifier, **params):
    short = {"epochs": 1} if cls is SEREClassifier else {}
    return cls(random_state=0, on_error="skip", **short, **params)


@pytest.mark.parametrize("cls", [SEREClassifier, LinearBaseline])
def test_clips_that_cannot_be_used_leave_a_fit_with_their_labels(cls, shots, source, target):
    y = shots["emotion"].tolist()
    X, pool = waves(shots, 2), waves(target, 0, 3)
    with pytest.warns(SereWarning, match=r"3 clips that cannot be used were left out .*skipped_.*:\nX\[2\]: "):
        skipped = model(cls).fit(X, [*y[:2], "sadness", *y[2:]], (source,), (pool,))
    usual = clone(model(cls)).fit(waves(shots), y, (source,), (waves(target),))
    np.testing.assert_array_equal(skipped.predict_proba(waves(target)), usual.predict_proba(waves(target)))
    places = [(r["where"], r["row"], r["path"]) for r in skipped.skipped_]
    assert places == [("X", 2, None), ("X_unlabeled_tgt", 0, None), ("X_unlabeled_tgt", 4, None)]
    assert all("NaN" in record["reason"] for record in skipped.skipped_)
    assert usual.skipped_ == []


@pytest.mark.parametrize("form", ["list", "series", "object array", "table", "iterator"])
def test_files_that_cannot_be_read_are_left_out_of_any_form(form, paths, broken, shots):
    X = {
        "list": list,
        "series": lambda p: pd.Series(p, index=range(50, 50 + len(p))),
        "object array": lambda p: np.array(p, dtype=object),
        "table": lambda p: pd.DataFrame({"path": p, "speaker": "a"}, index=range(50, 50 + len(p))),
        "iterator": iter,
    }[form](paths)
    y = ["anger", "fear"] * 4
    with pytest.warns(SereWarning, match="1 clip"):
        fitted = model(LinearBaseline).fit(X, y)
    (record,) = fitted.skipped_
    assert (record["where"], record["row"], record["path"]) == ("X", 2, broken)
    good = [path for path in paths if path != broken]
    usual = model(LinearBaseline).fit(
        pd.DataFrame({"path": good, "speaker": "a"}) if form == "table" else good, y[:2] + y[3:]
    )
    np.testing.assert_array_equal(fitted.predict_proba(good), usual.predict_proba(good))


def test_both_kinds_of_trouble_are_numbered_as_given(files, broken, shots, source):
    pools = (list(files[:3]), [files[0], broken, HOLE, files[1]])
    with pytest.warns(SereWarning, match="2 clips"):
        fitted = model(LinearBaseline).fit(shots, shots["emotion"], (source,), pools)
    found = [(record["where"], record["row"], record["path"]) for record in fitted.skipped_]
    assert found == [("X_unlabeled_tgt[1]", 1, broken), ("X_unlabeled_tgt[1]", 2, None)]


def test_one_waveform_that_cannot_be_used_is_left_out_wherever_it_stands(shots, target):
    with pytest.warns(SereWarning, match="2 clips"):
        fitted = model(LinearBaseline).fit(shots, shots["emotion"], None, ([*target["audio"], HOLE, HOLE.copy()],))
    assert [record["row"] for record in fitted.skipped_] == [len(target), len(target) + 1]


@pytest.mark.parametrize("cache", [False, True])
def test_nothing_is_described_twice_for_clips_that_are_left_out(cache, shots, target, tmp_path, monkeypatch):
    tracked = []
    compute = _Tracks.__call__
    monkeypatch.setattr(_Tracks, "__call__", lambda self, w, c: tracked.extend(w) or compute(self, w, c))
    encoder = Counting()
    X, y = waves(shots, 1), ["anger", *shots["emotion"]]
    with pytest.warns(SereWarning, match="3 clips"):
        fitted = model(encoder=encoder, cache=tmp_path if cache else False).fit(X, y, None, (waves(target, 0, 5),))
    assert len(fitted.skipped_) == 3
    assert len(tracked) == len(encoder.seen) == len(set(encoder.seen)) == len(shots) + len(target)


def test_without_being_asked_every_such_clip_is_named(shots, target, broken):
    with pytest.raises(AudioError) as error:
        LinearBaseline().fit(waves(shots, 1, 3), ["anger", "fear"] * 4)
    assert [row for row, _ in error.value.problems] == [1, 4]
    with pytest.raises(AudioError, match=r"X_unlabeled_tgt\[2\]"):
        LinearBaseline().fit(shots, shots["emotion"], None, (waves(target, 2),))


def test_an_emotion_that_loses_all_its_clips_is_named(shots, broken):
    y = [*shots["emotion"], "disgust"]
    with pytest.raises(ValueError, match=r"(?s)no labeled clip of disgust can be used.*X\[6\]: .*NaN"):
        model().fit([*shots["audio"], HOLE], y)
    with pytest.raises(ValueError, match=r"(?s)no labeled clip of disgust can be used.*X\[6\]: .*broken\.wav"):
        model().fit([*shots["audio"], broken], y)


def test_an_input_of_which_nothing_can_be_used_is_an_error(shots, broken):
    for pool in ([HOLE, HOLE], [broken]):
        with pytest.raises(AudioError, match=r"X_unlabeled_tgt\[0\]"):
            model(LinearBaseline).fit(shots, shots["emotion"], None, (pool,))


def test_predictions_have_a_row_a_clip_and_name_what_cannot_be_used(shots, target, paths):
    fitted = model(LinearBaseline).fit(shots, shots["emotion"])
    for method in (fitted.predict, fitted.predict_proba, fitted.transform):
        with pytest.raises(AudioError, match=r"X\[2\]"):
            method(paths)
        with pytest.raises(AudioError, match=r"X\[1\]"):
            method(waves(target, 1))


def test_adapting_skips_as_fit_does(shots, source, target):
    fitted = model(AaD, epochs=1, hidden_dim=8).fit(shots, shots["emotion"], (source,))
    with pytest.warns(SereWarning, match="1 clip"):
        fitted.adapt((waves(target, 2),))
    assert [(r["where"], r["row"]) for r in fitted.skipped_] == [("X_unlabeled_tgt", 2)]


def test_a_saved_model_names_no_file_that_was_left_out(paths, broken, tmp_path):
    with pytest.warns(SereWarning, match="1 clip"):
        fitted = model(LinearBaseline).fit(paths, ["anger", "fear"] * 4)
    sere.save(fitted, tmp_path / "model")
    for file in (tmp_path / "model").iterdir():
        assert b"broken.wav" not in file.read_bytes()
    np.testing.assert_array_equal(sere.load(tmp_path / "model").predict(paths[:2]), fitted.predict(paths[:2]))


@pytest.mark.parametrize("step", [DynamicFeatureTransformer, HeterogeneousEncoder])
def test_a_transformer_leaves_clips_out_and_says_which(step, target, broken):
    X = [broken, HOLE, *target["audio"][:3], HOLE]
    skipping = step(on_error="skip")
    with pytest.warns(SereWarning, match="3 clips"):
        found = skipping.fit_transform(X)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(step().fit_transform(list(target["audio"][:3]))))
    assert [(r["row"], r["path"]) for r in skipping.skipped_] == [(0, broken), (1, None), (5, None)]
    with pytest.warns(SereWarning, match="1 clip"):
        assert len(skipping.transform(X[1:3])) == 1
    assert [r["row"] for r in skipping.skipped_] == [0]
    assert len(skipping.transform(X[2:5])) == 3
    assert skipping.skipped_ == []
    with pytest.raises(AudioError, match=r"X\[0\]"):
        step().fit(X)


def test_encoders_of_several_languages_leave_out_alike(target):
    clips = pd.DataFrame({"audio": waves(target[:4], 1, 3), "language": ["lumo", "tarsk"] * 3})
    encoder = HeterogeneousEncoder({"lumo": Counting(), "tarsk": "acoustic"}, on_error="skip")
    with pytest.warns(SereWarning, match="2 clips"):
        found = encoder.fit_transform(clips)
    assert [r["row"] for r in encoder.skipped_] == [1, 4]
    assert found.languages.tolist() == ["lumo", "lumo", "tarsk", "tarsk"]
    np.testing.assert_array_equal(found.frames[0], encoder.fit_transform(clips[:1]).frames[0])


def test_pretraining_skips_too_and_its_card_counts_what_was_heard(source, target, broken):
    whole = [source[:6], target[:6]]
    one = pd.concat([source[:6], source[:1].assign(audio=[HOLE])], ignore_index=True)
    with pytest.warns(SereWarning, match=r"1 clip.*\n.*\[6\]: .*NaN"):
        learned = pretrain_encoder({"a": one, "b": whole[1]}, on_error="skip", random_state=0)
    usual = pretrain_encoder({"a": whole[0], "b": whole[1]}, random_state=0)
    np.testing.assert_array_equal(learned.experience.evidence_weights, usual.experience.evidence_weights)
    assert learned.card.corpora == usual.card.corpora
    assert [(r["where"], r["row"]) for r in learned.skipped_] == [("a", 6)]
    with pytest.raises(AudioError, match=r"a\[6\]"):
        pretrain_encoder({"a": one, "b": whole[1]}, random_state=0)
