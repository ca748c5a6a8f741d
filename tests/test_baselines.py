"""The comparison methods: one contract for all of them."""

import io
import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import sere
from sere import HeterogeneousEncoder, SEREClassifier
from sere.baselines import METHODS, AaD, SinkhornPrototypes
from sere.baselines._neural import NeuralBaseline, batches, tensors
from sere.baselines._source_free import SourceFreeBaseline
from sere.encoders.base import Encoded, FrameEncoder
from sere.inputs.reading import as_utterances


def short(name, **params):
    """A method that fits at once."""
    quick = {"epochs": 2, "hidden_dim": 8} if issubclass(METHODS[name], NeuralBaseline) else {}
    return METHODS[name](random_state=0, **quick, **params)


every_method = pytest.mark.parametrize("name", METHODS)
source_free = pytest.mark.parametrize("name", [n for n, m in METHODS.items() if issubclass(m, SourceFreeBaseline)])


@pytest.fixture(scope="module")
def vectors():
    """Shots, their classes, a source pool, a target pool."""
    X, y = make_blobs(90, 6, centers=3, random_state=0)
    rows = np.concatenate([np.flatnonzero(y == c)[:3] for c in range(3)])
    return X[rows], np.array(["anger", "fear", "joy"])[y[rows]], X, 2 * X[::-1] + 3


@parametrize_with_checks([short(name, cache=False) for name in METHODS])
def test_scikit_learn_compatibility(estimator, check):
    check(estimator)


@every_method
def test_audio_with_both_pools(name, shots, source, target):
    method = short(name).fit(shots, shots["emotion"], X_unlabeled_src=(source,), X_unlabeled_tgt=(target,))
    assert method.classes_.tolist() == ["anger", "neutral", "sadness"]
    probability = method.predict_proba(target)
    np.testing.assert_allclose(probability.sum(1), 1)
    np.testing.assert_array_equal(method.predict(target), method.classes_[probability.argmax(1)])
    embedded = method.transform(target)
    assert embedded.shape == (len(target), len(method.get_feature_names_out()))
    # One clip alone is what it is among others.
    np.testing.assert_allclose(method.predict_proba(target[3:4])[0], probability[3], rtol=1e-9)


@every_method
def test_the_same_seed_gives_the_same_bits_and_touches_no_global_one(name, vectors):
    X, y, source, target = vectors
    import torch

    state = torch.random.get_rng_state()
    first, second = (short(name).fit(X, y, (source,), (target,)).decision_function(target) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(state, torch.random.get_rng_state())


@every_method
def test_a_model_survives_pickling_and_holds_no_torch(name, vectors, tmp_path):
    X, y, source, target = vectors
    method = short(name).fit(X, y, (source,), (target,))
    stored = io.BytesIO()
    joblib.dump(method, stored)
    assert b"torch" not in pickle.dumps(method)
    np.testing.assert_array_equal(joblib.load(stored).decision_function(target), method.decision_function(target))
    sere.save(method, tmp_path / "model")
    again = sere.load(tmp_path / "model")
    assert again.get_params() == method.get_params()
    np.testing.assert_array_equal(again.decision_function(target), method.decision_function(target))


@every_method
@pytest.mark.parametrize("given", [(False, False), (True, False), (False, True)], ids=["none", "source", "target"])
def test_either_pool_may_be_missing(name, given, vectors):
    X, y, source, target = vectors
    pools = [(pool,) if wanted else None for pool, wanted in zip((source, target), given, strict=True)]
    assert np.isfinite(short(name).fit(X, y, *pools).predict_proba(target)).all()


@pytest.mark.filterwarnings("ignore:X_unlabeled_... has 1 clip, fewer")
@every_method
def test_two_classes_one_shot_and_tiny_pools(name):
    random = np.random.default_rng(0)
    X = random.normal(size=(2, 3))
    method = short(name).fit(X, [3, 7], (random.normal(size=(1, 3)),), (random.normal(size=(1, 3)),))
    assert method.decision_function(X).shape == (2,)
    assert method.predict_proba(X).shape == (2, 2)


def test_a_missing_pool_is_said(vectors, capsys):
    X, y, source, _ = vectors
    short("dan", verbose=1).fit(X, y, (source,))
    assert "no target pool: DAN learns from the shots and the other pool alone" in capsys.readouterr().out
    short("sinkhorn", verbose=1).fit(X, y)
    assert "no target pool: SinkhornPrototypes learns from the shots alone" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["paths", "waveforms", "utterances"])
def test_clips_in_any_form_are_the_same_clips(form, shots, target, files):
    method = short("lr").fit(shots, shots["emotion"], None, (target,))
    given = {
        "paths": lambda: files,
        "waveforms": lambda: list(target["audio"]),
        "utterances": lambda: HeterogeneousEncoder().fit_transform(list(target["audio"])),
    }[form]()
    plain = target[["audio"]]
    if form == "utterances":
        method = short("lr").fit(HeterogeneousEncoder().fit_transform(list(shots["audio"])), shots["emotion"])
        plain = HeterogeneousEncoder().fit_transform(plain)
    np.testing.assert_allclose(method.predict_proba(given), method.predict_proba(plain), atol=1e-6)


def test_methods_see_the_vectors_that_the_classifier_standardises(shots, source, target):
    fit = (shots, shots["emotion"], (source,), (target,))
    method = short("lr", encoder="acoustic").fit(*fit)
    classifier = SEREClassifier(epochs=0, encoder="acoustic").fit(*fit)
    preparation = classifier._model.preparation
    clips = classifier.dynamics_.extract(as_utterances(target))
    embedded = classifier.encoder_.encode(clips, "target")
    pool, _ = preparation.pool(embedded, ["target"] * len(target))
    np.testing.assert_allclose(method.transform(target), pool.spaces[0].context, atol=1e-9)


@pytest.mark.parametrize("name", ["lr", "sinkhorn", "dan", "u-erms"])
def test_clips_of_two_encoders_meet(name, shots, source, target):
    encoder = HeterogeneousEncoder(encoders={"lumo": "acoustic", "tarsk": Loudness()})
    method = short(name, encoder=encoder).fit(shots, shots["emotion"], (source,), (target,))
    assert np.isfinite(method.predict_proba(target)).all()


@source_free
def test_the_source_is_let_go_before_the_target_comes(name, vectors):
    X, y, source, target = vectors
    at_once = short(name).fit(X, y, (source,), (target,))
    stored = pickle.dumps(short(name).fit(X, y, (source,)))
    for clip in (*X, *source):  # neither a clip nor its standardised vector
        assert clip.tobytes() not in stored
    later = pickle.loads(stored).adapt((target,))
    np.testing.assert_array_equal(later.decision_function(target), at_once.decision_function(target))


@source_free
def test_a_fit_touches_the_source_no_more_while_it_adapts(name, vectors, monkeypatch):
    X, y, source, target = vectors
    seen = []

    def watched(data, *rest):
        seen.append((len(data.shots), len(data.source), len(data.target)))
        return batches(data, *rest)

    monkeypatch.setattr("sere.baselines._neural.batches", watched)
    short(name).fit(X, y, (source,), (target,))
    assert seen == [(len(X), len(source), 0), (0, 0, len(target))]


def test_adapting_needs_a_fitted_model_clips_and_one_encoder(vectors, shots, source, target):
    X, y, *_ = vectors
    with pytest.raises(ValueError, match="not fitted"):
        AaD().adapt((X,))
    with pytest.raises(ValueError, match="adapt needs clips"):
        short("aad").fit(X, y).adapt(())
    encoder = HeterogeneousEncoder(encoders={"lumo": "acoustic", "tarsk": Loudness()})
    with pytest.raises(ValueError, match="use one encoder"):
        short("nrc", encoder=encoder).fit(shots, shots["emotion"], (source,), (target,))


def test_pools_travel_through_cross_validation(vectors):
    X, y, source, target = vectors
    pools = {"X_unlabeled_src": (source,), "X_unlabeled_tgt": (target,)}
    assert len(cross_val_score(short("sinkhorn"), X, y, cv=3, params=pools)) == 3


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if issubclass(method, NeuralBaseline)])
def test_an_interruption_stops_the_fit(name, vectors, monkeypatch):
    def interrupt(*args):
        yield next(batches(*args))
        raise KeyboardInterrupt

    monkeypatch.setattr("sere.baselines._neural.batches", interrupt)
    X, y, source, target = vectors
    method = short(name)
    with pytest.raises(KeyboardInterrupt):
        method.fit(X, y, (source,), (target,))
    with pytest.raises(NotFittedError):
        method.predict(target)


def test_rows_of_light_clips_are_those_of_clips_with_all_frames(shots, source, target):
    whole, light = ([space.source_rows(near), space.target_rows([far])] for space, near, far in spaces(shots, target))
    for full, few in zip(whole, light, strict=True):
        np.testing.assert_array_equal(full.vectors, few.vectors)
        assert [len(frames) for frames in few.frames] == [1] * len(few)


def spaces(shots, target):
    from sere.baselines._clips import ClipSpace

    embedded = [HeterogeneousEncoder("acoustic").fit_transform(clips) for clips in (shots, target)]
    for over_frames in (True, False):
        yield ClipSpace.learn(embedded[0], None, [embedded[1]], 4.0, over_frames), *embedded


def test_shares_are_held_or_estimated(vectors):
    random = np.random.default_rng(0)
    X = np.array([[-1.0, 0.0], [1.0, 0.0]])
    target = np.repeat(X, (90, 10), axis=0) + 0.6 * random.normal(size=(100, 2))
    equal, estimated = (
        SinkhornPrototypes(balance=balance, speaker_shrinkage=np.inf, temperature=0.5)
        .fit(X, [0, 1], None, (target,))
        .predict(target)
        .mean()
        for balance in (1.0, 0.0)
    )
    assert abs(equal - 0.5) < 0.1
    assert estimated < 0.3


def test_a_clone_is_a_method_with_the_same_parameters():
    for name in METHODS:
        method = short(name)
        assert clone(method).get_params() == method.get_params()


def test_every_batch_holds_different_clips_and_all_of_a_small_pool(vectors):
    from sere.baselines._clips import Lesson, Rows

    shots, pool = Rows(np.zeros((5, 2)), []), Rows(np.arange(20.0).reshape(10, 2), [])
    lesson = Lesson(shots, np.array([0, 0, 1, 1, 1]), 2, Rows(np.empty((0, 2)), []), pool, 0)
    for batch in batches(tensors(lesson, False), 8, 6, 0):
        assert len(batch.shots) == 5
        assert len(batch.source) == 0
        assert len(set(batch.rows.tolist())) == 8
        assert batch.target.x.tolist() == pool.vectors[batch.rows].tolist()


class Loudness(FrameEncoder):
    """Two descriptors of loudness."""

    @property
    def cache_key(self):
        return "loudness"

    @property
    def frame_names(self):
        return ["mean", "peak"]

    def encode(self, waves, pitches=None):
        frames = [np.abs(wave[: len(wave) // 320 * 320]).reshape(-1, 320) for wave in waves]
        both = [np.stack([f.mean(1), f.max(1)], 1).astype(np.float32) for f in frames]
        return [Encoded(f, None) for f in both]
