"""Experience without shots as a comparison method."""

import numpy as np
import pytest

import sere
from sere.baselines import LinearBaseline, ZeroShot
from sere.metrics import uar_score

# The shots of these tests are clips that the encoder knows.
pytestmark = pytest.mark.filterwarnings("ignore:.*learned from:sere.SereWarning")


@pytest.fixture(scope="module")
def encoder(source):
    return sere.pretrain_encoder([source], "acoustic", random_state=0)


def test_the_shots_say_which_emotions_there_are_and_nothing_else(shots, source, target, encoder):
    pools = {"X_unlabeled_src": (source,), "X_unlabeled_tgt": (target,)}
    first = ZeroShot(encoder=encoder).fit(shots, shots["emotion"], **pools)
    wrong = shots["emotion"].to_numpy()[::-1]
    again = ZeroShot(encoder=encoder).fit(shots, wrong, **pools)
    assert (wrong != shots["emotion"]).any()
    np.testing.assert_array_equal(first.predict_proba(target), again.predict_proba(target))
    assert uar_score(target["emotion"], first.predict(target)) > 0.6


def test_without_self_training_it_is_experience_alone(shots, target, encoder):
    method = ZeroShot(encoder=encoder, self_training_weight=0).fit(shots, shots["emotion"], None, (target,))
    vectors = method.transform(target)
    said = encoder.experience.logits(vectors[:, :-3])
    np.testing.assert_allclose(method.decision_function(target), said - said.mean(1, keepdims=True), atol=1e-9)
    taught = ZeroShot(encoder=encoder).fit(shots, shots["emotion"], None, (target,))
    assert np.abs(taught.decision_function(target) - method.decision_function(target)).max() > 0.01
    # Nobody is surer for having listened to himself.
    sureness = [own.predict_proba(target).max(1).mean() for own in (method, taught)]
    assert sureness[0] == pytest.approx(sureness[1], abs=1e-6)


def test_self_training_sees_the_metric_in_which_words_are_small(shots, target, encoder, monkeypatch):
    seen = []
    real = sere.SelfTrainingHead.learn
    monkeypatch.setattr(sere.SelfTrainingHead, "learn", lambda *given: seen.append(given[4][0]) or real(*given))
    wide = sere.pretrain_encoder([target], "acoustic+speech", random_state=0)
    for own in (encoder, wide):
        ZeroShot(encoder=own).fit(shots, shots["emotion"], None, (target,))
    assert seen[0] is None
    assert seen[1].shape == (len(wide.experience.centre),) * 2


def test_an_emotion_that_experience_lacks_scores_as_the_mean_of_the_others(shots, target, source):
    learned = sere.pretrain_encoder([source[source["emotion"] != "neutral"]], "acoustic", random_state=0)
    method = ZeroShot(encoder=learned, self_training_weight=0).fit(shots, shots["emotion"], None, (target,))
    decision = method.decision_function(target)
    np.testing.assert_allclose(decision[:, 1], 0)
    np.testing.assert_allclose(decision[:, 0], -decision[:, 2])


@pytest.mark.parametrize("lacks", ["encoder", "names"])
def test_without_experience_the_shots_stand_in_and_it_is_said(lacks, shots, target, encoder):
    y = shots["emotion"].to_numpy()
    y = y if lacks == "encoder" else np.array([f"mood {len(word)}" for word in y])
    own = "acoustic" if lacks == "encoder" else encoder
    with pytest.warns(sere.SereWarning, match="has no experience of .*, so zero-shot learns from the shots"):
        method = ZeroShot(encoder=own, self_training_weight=0).fit(shots, y, None, (target,))
    plain = LinearBaseline(encoder=own).fit(shots, y, None, (target,))
    np.testing.assert_allclose(method.predict_proba(target), plain.predict_proba(target))
