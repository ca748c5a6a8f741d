"""SEREClassifier: what it learns and what it promises of its predictions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from sere import (
    DynamicFeatureTransformer,
    Embedding,
    HeterogeneousEncoder,
    ResonanceField,
    SelfTrainingHead,
    SEREClassifier,
    TripleResonance,
    method,
)
from sere.encoders.base import Encoded, FrameEncoder
from sere.inputs.reading import SereWarning

TURN = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])


def blobs(n_classes=3, n=90, d=6, seed=0, spread=1.0):
    """Clusters as feature vectors, and the same clusters seen through another channel."""
    X, y = make_blobs(n, d, centers=n_classes, cluster_std=spread, center_box=(-4, 4), random_state=seed)
    other, y_other = make_blobs(n, d, centers=n_classes, cluster_std=spread, center_box=(-4, 4), random_state=seed)
    other = other.copy()
    other[:, :2] = other[:, :2] @ TURN
    return X, y, 1.7 * other + 5, y_other


def few(y, shots):
    """Rows of the first shots of each class."""
    return np.sort(np.concatenate([np.flatnonzero(y == c)[:shots] for c in np.unique(y)]))


def fitted(epochs=2, shots=3, pools=(True, True), data=None, **params):
    X, y, target, _ = blobs() if data is None else data
    rows = few(y, shots)
    source, far = (pool if wanted else None for pool, wanted in zip(((X,), (target,)), pools, strict=True))
    return SEREClassifier(epochs=epochs, random_state=0, **params).fit(X[rows], y[rows], source, far)


def test_a_target_pool_bridges_a_shift_that_shots_alone_do_not():
    data = blobs(5, n=60, d=12)
    _, _, target, y_target = data
    without = fitted(10, pools=(False, False), data=data).score(target, y_target)
    bridged = fitted(10, data=data).score(target, y_target)
    assert bridged > 0.9
    assert bridged > without + 0.2


@pytest.mark.parametrize("n_classes", [2, 5, 20])
def test_two_to_twenty_classes(n_classes):
    data = blobs(n_classes, n=8 * n_classes, d=12)
    classifier = fitted(data=data, shots=2)
    _, _, target, y_target = data
    n = len(target)
    assert classifier.classes_.tolist() == list(range(n_classes))
    assert classifier.prototypes_.shape[0] == n_classes
    assert classifier.predict_proba(target).shape == (n, n_classes)
    np.testing.assert_allclose(classifier.predict_proba(target).sum(1), 1)
    scores = classifier.decision_function(target)
    assert scores.shape == ((n,) if n_classes == 2 else (n, n_classes))
    by_score = (scores > 0).astype(int) if n_classes == 2 else scores.argmax(1)
    np.testing.assert_array_equal(classifier.predict(target), by_score)
    np.testing.assert_array_equal(classifier.predict_proba(target).argmax(1), by_score)
    assert classifier.score(target, y_target) > 0.8


@pytest.mark.parametrize("shots", [1, 2, 100])
def test_one_shot_to_hundreds(shots):
    data = blobs(n=330)
    assert fitted(shots=shots, data=data).score(data[2], data[3]) > 0.8


@pytest.mark.filterwarnings("ignore:0 has 1 labeled clip and 1 has 60")
def test_uneven_shots_weigh_no_class_more():
    X, y, target, y_target = blobs(n=300)
    rows = np.concatenate([np.flatnonzero(y == 0)[:1], np.flatnonzero(y == 1)[:60], np.flatnonzero(y == 2)[:5]])
    classifier = SEREClassifier(epochs=3, random_state=0).fit(X[rows], y[rows], None, (target,))
    recall = [(classifier.predict(target[y_target == c]) == c).mean() for c in range(3)]
    assert min(recall) > 0.8


@pytest.mark.parametrize(
    "labels", [[7, -3, 100], ["z", "a", "m"], ["ärger", "悲伤", "joy"], [True, False, True]], ids=str
)
def test_classes_are_sorted_and_predicted_as_given(labels):
    X, codes, target, codes_target = blobs(len(set(labels)))
    y = np.array(labels)[codes]
    classifier = SEREClassifier(epochs=1, random_state=0).fit(X, y, None, (target,))
    assert classifier.classes_.tolist() == sorted(set(labels))
    assert classifier.predict(X).dtype == y.dtype
    assert (classifier.predict(target) == np.array(labels)[codes_target]).mean() > 0.8


@pytest.mark.parametrize("make", [list, tuple, pd.Series, lambda y: pd.Series(y, dtype="category"), np.array])
def test_labels_may_be_any_sequence(make):
    X, codes, *_ = blobs()
    y = np.array(["a", "b", "c"])[codes]
    assert SEREClassifier(epochs=0).fit(X, make(y)).score(X, y) > 0.8


@pytest.mark.parametrize("pools", [(False, False), (True, False), (False, True), (True, True)], ids=str)
def test_either_pool_may_be_missing(pools):
    (record,) = fitted(1, pools=pools).history_
    expected = {"epoch", "loss", "shots", "drift", "field", "tau"}
    expected |= {"prototype"} if any(pools) else set()
    expected |= {"dual"} if pools[0] else set()
    for name, there in zip(("source", "target"), pools, strict=True):
        expected |= {f"{name}_assigned", f"{name}_quality"} if there else set()
    assert set(record) == expected
    for name in expected:
        assert np.isfinite(record[name]).all()
    for name, there in zip(("source", "target"), pools, strict=True):
        if there:
            assert record[f"{name}_assigned"].shape == (3,)
            assert record[f"{name}_assigned"].sum() == pytest.approx(1, abs=1e-5)
            assert 0 <= record[f"{name}_quality"] <= 1


def test_verbose_says_which_losses_rest(capsys):
    for pools, words in (
        ((False, False), "no unlabeled pool"),
        ((False, True), "no source"),
        ((True, False), "no target"),
    ):
        fitted(0, pools=pools, verbose=1)
        assert words in capsys.readouterr().out
    fitted(0, verbose=1)
    assert capsys.readouterr().out == ""


def test_several_pools_are_as_good_as_their_union_to_the_source():
    X, y, target, _ = blobs()
    rows = few(y, 3)
    one = SEREClassifier(epochs=2, random_state=0).fit(X[rows], y[rows], (X,), (target,))
    several = SEREClassifier(epochs=2, random_state=0).fit(X[rows], y[rows], (X[:30], None, X[30:]), (target,))
    np.testing.assert_array_equal(one.decision_function(target), several.decision_function(target))


def spoken(clips, language):
    return clips.assign(language=language)


def test_each_of_several_target_languages_is_standardised_by_its_own_pool(shots, source, target, embed):
    loud, quiet = spoken(target, "it"), spoken(target, "fr").assign(audio=[0.05 * w for w in target["audio"]])
    classifier = SEREClassifier(epochs=1, random_state=0)
    classifier.fit(spoken(shots, "de"), shots["emotion"], (spoken(source, "de"),), (loud, quiet))
    ours = classifier.decision_function(loud)
    theirs = classifier.decision_function(quiet)
    mixed_up = classifier.decision_function(quiet.assign(language="it"))
    assert np.abs(ours - theirs).mean() < 0.3 * np.abs(ours - mixed_up).mean()


def test_languages_may_be_told_by_parameters(shots, source, target):
    def drop(clips):
        return clips.drop(columns="language")

    told = SEREClassifier(epochs=1, random_state=0, source_language="de", target_language="it")
    told.fit(drop(shots), shots["emotion"], (drop(source),), (drop(target),))
    columns = SEREClassifier(epochs=1, random_state=0)
    columns.fit(spoken(shots, "de"), shots["emotion"], (spoken(source, "de"),), (spoken(target, "it"),))
    np.testing.assert_array_equal(told.decision_function(drop(target)), columns.decision_function(spoken(target, "it")))
    for_source = told.decision_function(spoken(source, "de"))
    assert not np.allclose(for_source, told.decision_function(spoken(source, "it")))


def test_a_clips_language_goes_before_the_parameter(shots, source, target):
    classifier = SEREClassifier(epochs=0, source_language="de", target_language="it")
    classifier.fit(shots.drop(columns="language"), shots["emotion"], None, (target.drop(columns="language"),))
    plain = classifier.decision_function(list(source["audio"]))
    np.testing.assert_array_equal(plain, classifier.decision_function(spoken(source, "it")))
    assert not np.array_equal(plain, classifier.decision_function(spoken(source, "de")))


def test_a_language_goes_by_any_of_its_names(shots, source, target):
    classifier = SEREClassifier(epochs=0)
    classifier.fit(spoken(shots, "de"), shots["emotion"], (spoken(source, "deu"),), (spoken(target, "it"),))
    as_source, as_target = (classifier.decision_function(spoken(source, name)) for name in ("de", "it"))
    assert not np.array_equal(as_source, as_target)
    np.testing.assert_array_equal(as_source, classifier.decision_function(spoken(source, "German")))
    np.testing.assert_array_equal(as_target, classifier.decision_function(spoken(source, "it-IT")))


def test_speakers_change_the_standardisation_and_may_be_unknown(shots, source, target):
    def fit(shrinkage, source=source, target=target):
        classifier = SEREClassifier(epochs=0, speaker_shrinkage=shrinkage)
        return classifier.fit(shots, shots["emotion"], (source,), (target,))

    with_speakers, without = fit(4.0), fit(np.inf)
    assert not np.allclose(with_speakers.prototypes_, without.prototypes_)
    blank = target.assign(speaker=None)
    np.testing.assert_array_equal(without.decision_function(target), without.decision_function(blank))
    assert not np.allclose(with_speakers.decision_function(target), with_speakers.decision_function(blank))
    stranger = target.assign(speaker="nobody")
    np.testing.assert_array_equal(with_speakers.decision_function(stranger), with_speakers.decision_function(blank))


@given(st.permutations(range(18)), st.integers(1, 17))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_prediction_does_not_depend_on_the_other_clips_or_their_order(model, target, order, cut):
    whole = model.decision_function(target)
    shuffled = target.iloc[order]
    np.testing.assert_allclose(model.decision_function(shuffled), whole[order], rtol=1e-10, atol=1e-10)
    parts = np.concatenate([model.decision_function(shuffled[:cut]), model.decision_function(shuffled[cut:])])
    np.testing.assert_allclose(parts, whole[order], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(model.resonance(shuffled), model.resonance(target)[order], rtol=1e-5)


def test_long_lists_are_predicted_in_pieces_with_rows_of_the_whole(model, target, files, tmp_path, monkeypatch):
    import soundfile

    whole = model.decision_function(files)
    monkeypatch.setattr("sere.estimators.classifier.CHUNK", 4)
    np.testing.assert_allclose(model.decision_function(files), whole, rtol=1e-10)
    wave = target["audio"][0].copy()
    wave[9] = np.inf
    bad = str(tmp_path / "bad.wav")
    soundfile.write(bad, wave, 16_000, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"X\[6\]: .*bad\.wav"):
        model.predict([*files[:6], bad])


def in_pools(model_of, pools, **params):
    """Probabilities of the target clips after a fit with given shots and pools."""
    return SEREClassifier(**{"epochs": 3, "random_state": 0, **params}).fit(*model_of, *pools)


def test_the_order_of_clips_moves_a_fit_by_rounding_where_pools_fit_a_batch(embedded):
    shots, y, source, target = embedded
    random = np.random.default_rng(0)
    few, near, far = (random.permutation(len(part)) for part in (shots, source, target))
    usual = in_pools((shots, y), ((source,), (target,))).predict_proba(target)
    for other in (
        in_pools((shots[few], y.iloc[few]), ((source,), (target,))),
        in_pools((shots, y), ((source[near],), (target,))),
        in_pools((shots, y), ((source,), (target[far],))),
        in_pools((shots, y), ((source[::2], source[1::2]), (target,))),
    ):
        np.testing.assert_allclose(other.predict_proba(target), usual, atol=2e-3)


def test_every_seed_gives_one_model_where_pools_fit_a_batch_and_not_beyond(embedded):
    shots, y, source, target = embedded
    for batch_size, same in ((18, True), (17, False)):
        one, other = (
            in_pools((shots, y), ((source,), (target,)), batch_size=batch_size, random_state=seed) for seed in (0, 1)
        )
        assert np.array_equal(one.prototypes_, other.prototypes_) == same


def test_the_same_seed_gives_the_same_bits_in_any_batch_size():
    one, again = fitted(3, batch_size=16), fitted(3, batch_size=16)
    np.testing.assert_array_equal(one.prototypes_, again.prototypes_)
    assert [r["loss"] for r in one.history_] == [r["loss"] for r in again.history_]


@pytest.mark.filterwarnings("ignore:2 of the 2 clips of X are 'tarsk'")  # of whom there is no pool
@pytest.mark.parametrize("params", [{"n_jobs": 2}, {"cache": False}], ids=str)
def test_workers_and_the_cache_change_no_bit(shots, target, params):
    usual, other = (SEREClassifier(epochs=1, random_state=0, **p).fit(shots, shots["emotion"]) for p in ({}, params))
    np.testing.assert_array_equal(other.decision_function(target[:2]), usual.decision_function(target[:2]))


@pytest.mark.filterwarnings("ignore:each of 45 clips")  # which no language leads to their own pool
def test_several_target_pools_are_several_domains():
    X, y, target, _ = blobs()
    rows, half = few(y, 3), len(target) // 2
    far = np.concatenate([target[:half], target[half:] + 40])  # the second half through yet another channel
    whole, halves = (
        SEREClassifier(epochs=3, random_state=0).fit(X[rows], y[rows], None, pools)
        for pools in ((far,), (far[:half], far[half:]))
    )
    assert halves.history_[-1]["target_quality"] > whole.history_[-1]["target_quality"]


@pytest.mark.filterwarnings("ignore:0 has 1 labeled clip and 1 has 5")
def test_a_random_state_object_is_used_up_and_a_number_is_not():
    state = np.random.RandomState(0)
    X, y, target, _ = blobs()
    models = [
        SEREClassifier(epochs=1, batch_size=8, random_state=state).fit(X[:9], y[:9], None, (target,)) for _ in range(2)
    ]
    assert not np.array_equal(models[0].prototypes_, models[1].prototypes_)


def test_fitting_leaves_the_random_state_of_torch_and_numpy_alone():
    import torch

    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    fitted(1)
    assert torch.random.get_rng_state().equal(before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_fit_does_not_change_its_inputs():
    X, y, target, _ = blobs()
    copies = X.copy(), y.copy(), target.copy()
    SEREClassifier(epochs=1).fit(X, y, None, (target,))
    for before, after in zip(copies, (X, y, target), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_warm_start_goes_on_and_numbers_its_epochs_on():
    X, y, target, _ = blobs()
    rows = few(y, 3)
    classifier = SEREClassifier(epochs=3, warm_start=True, random_state=0)
    classifier.fit(X[rows], y[rows], (X,), (target,))
    first = list(classifier.history_)
    classifier.fit(X[rows], y[rows], (X,), (target,))
    assert [r["epoch"] for r in classifier.history_] == list(range(6))
    assert classifier.history_[:3] == first
    assert classifier.history_[3]["drift"] > first[0]["drift"]
    assert [r["epoch"] for r in fitted(3).fit(X[rows], y[rows]).history_] == [0, 1, 2]


def test_a_warm_start_with_another_network_starts_anew():
    X, y, target, _ = blobs()
    classifier = SEREClassifier(epochs=2, warm_start=True, random_state=0, embedding=Embedding(dim=6))
    classifier.fit(X, y, None, (target,)).set_params(embedding__gate="frame")
    with pytest.warns(SereWarning, match="starts anew"):
        classifier.fit(X, y, None, (target,))
    assert [r["epoch"] for r in classifier.history_] == [0, 1]


def test_callbacks_get_every_record_and_any_of_them_stops():
    seen, also = [], []
    classifier = fitted(9, callbacks=[lambda r: seen.append(r) or len(seen) == 3, lambda r: also.append(r)])
    assert seen == also == classifier.history_
    assert len(seen) == 3


def stopped_after_two(record):
    if record["epoch"] == 1:
        raise KeyboardInterrupt


def test_an_interruption_stops_the_fit():
    with pytest.raises(KeyboardInterrupt):
        fitted(9, callbacks=[stopped_after_two])


def test_an_interrupted_fit_does_not_count_as_a_fold():
    X, y, target, _ = blobs()
    counted = []
    classifier = SEREClassifier(epochs=3, callbacks=[stopped_after_two], random_state=0)
    with pytest.raises(KeyboardInterrupt):
        cross_val_score(
            classifier, X, y, cv=2, params={"X_unlabeled_tgt": (target,)}, scoring=lambda *_: counted.append(1)
        )
    assert counted == []


def test_an_interruption_leaves_the_last_fit_as_it_was():
    X, y, target, _ = blobs()
    classifier = SEREClassifier(epochs=2, random_state=0).fit(X, y, None, (target,))
    before, names = classifier.decision_function(target), classifier.classes_
    with pytest.raises(KeyboardInterrupt):
        classifier.set_params(epochs=9, callbacks=[stopped_after_two]).fit(
            X, np.array(["c", "b", "a"])[y], None, (target,)
        )
    np.testing.assert_array_equal(classifier.decision_function(target), before)
    np.testing.assert_array_equal(classifier.classes_, names)
    assert len(classifier.history_) == 2


def test_an_interruption_keeps_the_epochs_so_far_where_asked_and_warns():
    with pytest.warns(SereWarning, match="interrupted after 2 of 9 epochs"):
        interrupted = fitted(9, callbacks=[stopped_after_two], on_interrupt="keep")
    expected = fitted(2)
    np.testing.assert_array_equal(interrupted.prototypes_, expected.prototypes_)
    assert interrupted.predict(blobs()[2]).shape == (90,)


def test_without_epochs_the_start_is_the_model():
    classifier = fitted(0)
    assert classifier.history_ == []
    assert classifier.score(blobs()[2], blobs()[3]) > 0.8


def literal_irf(model, clips, **reading):
    """Eq. 3-6 of each clip with each shot, from the frames that the model keeps and makes."""
    share, both = reading.pop("highlight_share", 1.0), reading.pop("symmetric", False)
    (chunk,) = model._chunks(clips)
    found = model._model._forward(chunk)
    frames, intensity = found.frames, found.intensity
    tau = float(np.exp(model._model.network["log_tau"]))
    scores = np.zeros((len(frames), len(model._model.shot_frames)))
    for j, (z, I) in enumerate(zip(frames, intensity, strict=True)):
        for s, (shot, burst) in enumerate(zip(model._model.shot_frames, model._model.shot_intensity, strict=True)):
            R = method.resonance_matrix(shot.astype(float), z, burst.astype(float), I, tau, **reading)
            ours, theirs = method.highlight_frames(burst, share), method.highlight_frames(I, share)
            scores[j, s] = method.resonance_score(R, ours, symmetric=both, highlights_j=theirs if both else None)
    return scores


READINGS = [
    {},
    {"form": "raw"},
    {"form": "sum"},
    {"gap": "gaussian"},
    {"highlight_share": 0.3},
    {"form": "sum", "gap": "gaussian", "highlight_share": 0.6},
    {"symmetric": True, "highlight_share": 0.5},
]


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_resonance_is_equations_3_to_6_as_they_were_trained(reading, shots, target):
    model = SEREClassifier(epochs=2, random_state=0, field=ResonanceField(**reading))
    found = model.fit(shots, shots["emotion"], None, (target,)).resonance(target)
    assert found.shape == (len(target), len(shots))
    np.testing.assert_allclose(found, literal_irf(model, target, **reading), rtol=1e-4, atol=1e-5)


def test_a_shot_resonates_with_itself_most(shots, target):
    model = SEREClassifier(epochs=0).fit(shots, shots["emotion"], None, (target,))
    own = shots.assign(language="lumo")
    np.testing.assert_allclose(np.diag(model.resonance(own)), 1, atol=1e-5)


def test_logits_are_negative_squared_distances_to_the_prototypes():
    X, y, target, _ = blobs()
    model = SEREClassifier(epochs=1, self_training=SelfTrainingHead(weight=0), random_state=0).fit(
        X, y, None, (target,)
    )
    embedded, scores = model.transform(target), model.decision_function(target)
    distances = np.square(embedded[:, None] - model.prototypes_[None]).sum(2)
    np.testing.assert_allclose(scores / -distances, np.full(scores.shape, (scores / -distances)[0, 0]), rtol=1e-9)
    np.testing.assert_array_equal(model.predict(target), model.classes_[distances.argmin(1)])
    odds = np.exp(scores)
    np.testing.assert_allclose(model.predict_proba(target), odds / odds.sum(1, keepdims=True), rtol=1e-9)


def test_the_embedding_has_a_name_for_every_column(model, target):
    names = model.get_feature_names_out()
    assert len(names) == model.transform(target).shape[1] == model.prototypes_.shape[1]
    assert names[0] == "sereclassifier0"


DIGITAL = {
    "digital silence": np.zeros(4000, "f4"),
    "one sample": np.ones(1, "f4"),
    "10 ms": np.random.default_rng(0).normal(0, 0.1, 160).astype("f4"),
    "a click": np.eye(1, 4000, 2000, dtype="f4")[0],
    "far louder than full scale": np.random.default_rng(0).normal(0, 5, 4000).astype("f4"),
}


@pytest.mark.filterwarnings("ignore::sere.SereWarning")  # which test_data_checks looks at
@pytest.mark.parametrize("sound", DIGITAL)
def test_odd_clips_are_predicted_and_learned_from_with_finite_numbers(model, shots, target, sound):
    wave = DIGITAL[sound]
    assert np.isfinite(model.decision_function([wave])).all()
    assert np.isfinite(model.resonance([wave])).all()
    pool = [*target["audio"][:6], wave]
    learned = SEREClassifier(epochs=1, random_state=0).fit([wave, *shots["audio"][1:]], shots["emotion"], None, (pool,))
    assert np.isfinite(learned.prototypes_).all()
    assert np.isfinite(learned.decision_function(pool)).all()


def test_a_pool_of_silence_alone_is_survived(shots):
    with pytest.warns(SereWarning, match="3 of the 3 clips of X_unlabeled_tgt are digital silence"):
        model = SEREClassifier(epochs=1, random_state=0).fit(shots, shots["emotion"], None, ([np.zeros(4000)] * 3,))
    assert np.isfinite(model.decision_function(shots)).all()


def test_ten_minutes_of_noise_are_one_clip(shots):
    class Loudness(FrameEncoder):
        cache_key, frame_names = "loudness", ("loudness",)

        def encode(self, waves, pitches=None):
            return [Encoded(np.abs(np.resize(w, (1 + len(w) // 320, 320))).mean(1, keepdims=True)) for w in waves]

    # Pitch takes a second a minute, so the clip comes with unmoving dynamics; reading an hour is tested in test_audio.
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000 * 600).astype("f4")
    encoder = HeterogeneousEncoder(Loudness(), cache=False)
    model = SEREClassifier(epochs=1, random_state=0).fit(encoder.fit_transform(shots), shots["emotion"])
    with pytest.warns(SereWarning, match=r"no voice is heard in 1 of the 1 clips|longer than 60 s \(X\[0\], up to 600"):
        assert np.isfinite(model.decision_function(encoder.transform([noise]))).all()


def test_before_fit_nothing_is_predicted():
    classifier = SEREClassifier()
    for method_name in ("predict", "predict_proba", "decision_function", "transform", "resonance"):
        with pytest.raises(NotFittedError, match="Call 'fit'"):
            getattr(classifier, method_name)(blobs()[0])
    with pytest.raises((NotFittedError, AttributeError)):
        _ = classifier.prototypes_


def test_vectors_may_be_float32_lists_or_a_table_of_numbers():
    X, y, target, _ = blobs()
    table = pd.DataFrame(X, columns=list("abcdef"))
    expected = SEREClassifier(epochs=1, random_state=0).fit(X, y, None, (target,)).predict(target)
    for form in (X.astype("f4"), X.tolist()):
        found = SEREClassifier(epochs=1, random_state=0).fit(form, y, None, (target.astype("f4"),)).predict(target)
        assert (found == expected).mean() > 0.98
    named = SEREClassifier(epochs=1, random_state=0).fit(table, y, None, (pd.DataFrame(target, columns=table.columns),))
    assert named.feature_names_in_.tolist() == list("abcdef")
    np.testing.assert_array_equal(named.predict(pd.DataFrame(target, columns=table.columns)), expected)


def test_it_clones_prints_and_gives_back_its_parameters():
    classifier = SEREClassifier(epochs=3, field=ResonanceField(tau=0.5), encoder="speech-emotion", callbacks=[print])
    shown = (
        "SEREClassifier(callbacks=[<built-in function print>], epochs=3,\n               field=ResonanceField(tau=0.5))"
    )
    assert repr(clone(classifier)) == repr(classifier) == shown
    again = SEREClassifier(**classifier.get_params(deep=False))
    assert again.get_params() == classifier.get_params()


def test_fit_does_not_touch_its_parameters(shots):
    encoder, dynamics, losses = HeterogeneousEncoder(), DynamicFeatureTransformer(), TripleResonance()
    classifier = SEREClassifier(encoder, dynamics, losses=losses, epochs=0, device="auto")
    before = classifier.get_params(deep=False)
    classifier.fit(shots, shots["emotion"])
    after = classifier.get_params(deep=False)
    assert all(after[name] is value for name, value in before.items())
    assert vars(encoder) == vars(HeterogeneousEncoder())
    assert vars(losses) == vars(TripleResonance())


def test_a_fit_on_audio_forgets_the_columns_of_a_fit_on_vectors(shots):
    X, y, *_ = blobs()
    classifier = SEREClassifier(epochs=0).fit(X, y)
    assert classifier.n_features_in_ == 6
    classifier.fit(shots, shots["emotion"])
    assert not hasattr(classifier, "n_features_in_")


def test_pools_that_went_around_the_steps_are_refused(embedded, target):
    shots, y, _, _ = embedded
    with pytest.raises(ValueError, match="make_sere_pipeline"):
        SEREClassifier(epochs=0).fit(shots, y, None, (list(target["audio"]),))


def test_synthetic_voices_are_recognised_across_languages(shots, source, target):
    model = SEREClassifier(epochs=10, random_state=0).fit(shots, shots["emotion"], (source,), (target,))
    assert (model.predict(target) == target["emotion"]).mean() > 0.6


def test_utterances_without_dynamics_are_embedded_as_unmoving(embedded):
    shots, y, _, target = embedded
    still = [part.with_(dynamics=None) for part in (shots, target)]
    model = SEREClassifier(epochs=1, random_state=0).fit(still[0], y, None, (still[1],))
    assert not model.transform(still[1])[:, -4:].any()


def test_nothing_is_lost_when_a_broken_file_stops_the_first_fit(shots, files, target, tmp_path, monkeypatch):
    import soundfile

    from sere.tracks import pitches as real

    wave = target["audio"][0].copy()
    wave[9] = np.nan
    bad = str(tmp_path / "bad.wav")
    soundfile.write(bad, wave, 16_000, subtype="FLOAT")
    counted = []

    def counting(waves, **options):
        counted.append(len(waves))
        return real(waves, **options)

    monkeypatch.setattr("sere.tracks.pitches", counting)
    classifier = SEREClassifier(epochs=0, cache=tmp_path / "store")
    with pytest.raises(ValueError, match=r"X_unlabeled_tgt\[2\]: .*bad\.wav"):
        classifier.fit(shots, shots["emotion"], None, ([*files[:2], bad],))
    assert sum(counted) == len(shots) + 2
    soundfile.write(bad, target["audio"][7], 16_000, subtype="FLOAT")
    classifier.fit(shots, shots["emotion"], None, ([*files[:2], bad],))
    assert sum(counted) == len(shots) + 3


def test_moments_are_the_frames_that_resonance_compares(model, target):
    (clip,) = model.moments(target[:1])
    shots = model.moments()
    assert len(shots) == 6
    assert len(clip.frames) == len(clip.intensity) == len(clip.seconds)
    # One frame of each run of five at the default ten a second.
    assert (np.round(clip.seconds * 50) // 5).tolist() == list(range(len(clip.seconds)))
    field = method.resonance_matrix(
        shots[2].frames.astype(float), clip.frames.astype(float), shots[2].intensity, clip.intensity, model.tau_
    )
    assert float(field.amax(dim=1).mean()) == pytest.approx(model.resonance(target[:1])[0, 2], abs=1e-5)
