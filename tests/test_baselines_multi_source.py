"""Labeled corpora of other languages with the shots among them, as a comparison method."""

import numpy as np
import pandas as pd
import pytest

import sere
from sere.baselines import Evidence, LinearBaseline, MultiSource, ZeroShot
from sere.datasets import make_voices
from sere.evaluation import run_benchmark
from sere.evaluation.leave_out import with_corpora
from sere.evaluation.methods import described, read_methods
from sere.metrics import uar_score


@pytest.fixture(scope="module")
def third():
    """A labeled corpus that is neither source nor target; its speakers are others."""
    return make_voices(n_per_emotion=16, languages=["lumo"], n_speakers=2, random_state=5, duration=0.5)


def fitted(shots, target, **params):
    method = MultiSource(encoder="acoustic", random_state=0, **params)
    return method.fit(shots, shots["emotion"], None, (target,))


def test_other_corpora_know_better_than_shots_that_are_wrong(shots, target, third):
    few = shots.groupby("emotion").head(1)
    few = few.assign(emotion=np.roll(few["emotion"].to_numpy(), 1))
    alone = LinearBaseline(encoder="acoustic").fit(few, few["emotion"], None, (target,))
    assert uar_score(target["emotion"], alone.predict(target)) < 0.4
    taught = fitted(few, target, corpora={"third": third}, shots_weight=0.1)
    assert uar_score(target["emotion"], taught.predict(target)) > 0.6


def test_shots_that_weigh_enough_have_the_last_word(shots, target, third):
    turned = shots.assign(emotion=np.roll(shots["emotion"].to_numpy(), 1))
    for weight, agree in ((1e-3, False), (1e4, True)):
        method = MultiSource(encoder="acoustic", corpora={"third": third}, shots_weight=weight, random_state=0)
        method.fit(turned, turned["emotion"], None, (target,))
        assert (uar_score(turned["emotion"], method.predict(turned)) > 0.9) == agree


def test_a_corpus_counts_whatever_its_order_and_without_what_the_task_has_not(shots, target, third):
    known = set(shots["emotion"])
    fewer = third[third["emotion"].isin(known)]
    assert len(fewer) < len(third)
    forward = fitted(shots, target, corpora=[third.sample(frac=1, random_state=0)]).decision_function(target)
    # The clips of other emotions standardise, and teach nothing.
    same = fitted(shots, target, corpora={"x": third}).decision_function(target)
    np.testing.assert_allclose(forward, same, atol=1e-3)
    assert same.shape[1] == len(known)


def test_without_corpora_it_is_logistic_regression_and_without_emotions_in_common_it_says_so(shots, target, third):
    plain = LinearBaseline(encoder="acoustic", random_state=0).fit(shots, shots["emotion"], None, (target,))
    expected = plain.decision_function(target)
    np.testing.assert_allclose(fitted(shots, target).decision_function(target), expected)
    strange = third[third["emotion"].isin(["fear", "disgust"])]
    with pytest.warns(sere.SereWarning, match="multi-source learns from the shots alone"):
        model = fitted(shots, target, corpora={"third": strange})
    np.testing.assert_allclose(model.decision_function(target), expected)


def test_words_are_paid_for_on_speech_frames(shots, target, third):
    params = {"corpora": {"third": third}, "random_state": 0}
    model = MultiSource(encoder="acoustic+speech", **params).fit(shots, shots["emotion"], None, (target,))
    assert uar_score(target["emotion"], model.predict(target)) > 0.5


def test_several_encoders_are_refused(shots, target, third):
    pools = {"X_unlabeled_tgt": (target,)}
    encoders = {"lumo": "acoustic", "tarsk": "speech"}
    with pytest.raises(ValueError, match="the columns of one encoder"):
        MultiSource(encoder=encoders, corpora={"third": third}).fit(shots, shots["emotion"], **pools)
    with pytest.raises(ValueError, match="corpora"):
        MultiSource(corpora="emodb").fit(shots, shots["emotion"], **pools)


def test_a_saved_model_answers_alike_and_holds_no_clips(shots, target, third, tmp_path):
    model = fitted(shots, target, corpora={"third": third})
    sere.save(model, tmp_path / "model")
    loaded = sere.load(tmp_path / "model")
    assert loaded.corpora is None
    np.testing.assert_array_equal(loaded.predict_proba(target), model.predict_proba(target))


def test_evidence_is_zero_shot_without_its_own_answers(shots, target):
    def scores(method):
        return method.fit(shots, shots["emotion"], None, (target,)).decision_function(target)

    own = {"encoder": "acoustic-emotion", "random_state": 0}
    np.testing.assert_array_equal(scores(Evidence(**own)), scores(ZeroShot(self_training_weight=0, **own)))


def test_a_benchmark_hands_it_the_corpora_that_are_no_part_of_the_task(tmp_path):
    voices = make_voices(n_per_emotion=4, emotions=["anger", "sadness"], duration=0.4)
    corpora = dict(iter(voices.groupby("language")))
    corpora["third"] = make_voices(4, ["lumo"], emotions=["anger", "sadness"], duration=0.4, random_state=3)
    (method,) = with_corpora(read_methods("multi-source"), corpora)
    assert set(method.prepared("lumo", "tarsk", 0).corpora) == {"third"}
    first = method.signature("lumo", "tarsk")
    corpora["third"] = corpora["third"][1:]
    assert with_corpora(read_methods("multi-source"), corpora)[0].signature("lumo", "tarsk") != first
    assert with_corpora(read_methods("lr"), corpora)[0].corpora == {}
    options = {"draws": 1, "shots": 2, "protocol": "transductive", "speakers": "known", "baseline": "lr"}
    result = run_benchmark(corpora, tasks=["lumo-tarsk"], methods="multi-source", **options)
    assert set(result.scores["method"]) == {"multi-source", "lr"}
    assert not result.failed
    assert set(result.reproduce["data"]) == {"lumo", "tarsk", "third"}


def test_a_table_is_described_by_its_clips():
    table = pd.DataFrame({"audio": [np.zeros(3), np.ones(3)], "emotion": ["a", "b"]})
    assert described(table) == described(table.copy())
    assert described(table) != described(table.assign(emotion=["b", "a"]))
