"""What the classifiers share: parameters of the estimators inside them, there or at their defaults."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sere import DynamicFeatureTransformer, HeterogeneousEncoder, SEREClassifier, make_sere_pipeline
from sere.baselines import LinearBaseline
from sere.chain.decision import UNKNOWN_SPEAKERS


def test_a_default_takes_a_parameter_of_the_estimator_that_it_stands_for():
    classifier = SEREClassifier().set_params(dynamics__pitch_model="full", encoder__on_error="skip")
    assert isinstance(classifier.dynamics, DynamicFeatureTransformer)
    assert classifier.dynamics.pitch_model == "full"
    assert classifier.encoder.encoders == "speech-emotion"
    assert classifier.encoder.on_error == "skip"
    assert classifier.get_params()["encoder__on_error"] == "skip"


def test_a_named_encoder_stays_the_encoder():
    method = LinearBaseline(encoder="egemaps").set_params(encoder__pitch_model="full")
    assert (method.encoder.encoders, method.encoder.pitch_model) == ("egemaps", "full")
    changed = LinearBaseline().set_params(encoder="acoustic", encoder__pitch_model="full")
    assert (changed.encoder.encoders, changed.encoder.pitch_model) == ("acoustic", "full")


def test_it_works_where_and_as_the_classifier_does(tmp_path):
    classifier = SEREClassifier(cache=tmp_path, n_jobs=2, verbose=1).set_params(
        dynamics__eps=1.0, device="cpu", encoder__layer=-1
    )
    for step in (classifier.dynamics, classifier.encoder):
        assert (step.cache, step.n_jobs, step.verbose, step.device) == (tmp_path, 2, 1, "cpu")


def test_an_estimator_that_is_there_is_the_one_that_changes():
    own = DynamicFeatureTransformer(f0_scale="hz")
    classifier = SEREClassifier(dynamics=own).set_params(dynamics__eps=1.0)
    assert classifier.dynamics is own
    assert (own.f0_scale, own.eps) == ("hz", 1.0)


def test_nothing_else_turns_a_default_into_an_estimator():
    classifier = clone(SEREClassifier()).set_params(epochs=1)
    assert (classifier.dynamics, classifier.encoder) == (None, "speech-emotion")
    assert not any("__" in name for name in classifier.get_params(deep=True))


@pytest.mark.parametrize("name", ["dynamics__pitch", "encoder__size", "steps__x"])
def test_a_name_that_is_not_there_is_an_error(name):
    with pytest.raises(ValueError, match="Invalid parameter"):
        SEREClassifier().set_params(**{name: 1})


def test_a_default_and_its_estimator_learn_the_same(shots, target):
    def scores(model):
        return model.fit(shots, shots["emotion"], None, (target,)).decision_function(target)

    usual = SEREClassifier(epochs=1, random_state=0)
    nested = clone(usual).set_params(dynamics__pitch_model="tiny", encoder__layer=-1)
    np.testing.assert_array_equal(scores(usual), scores(nested))
    assert not np.allclose(scores(usual), scores(clone(nested).set_params(dynamics__f0_scale="hz")))


@pytest.mark.parametrize("given", [{}, {"dynamics": DynamicFeatureTransformer(), "encoder": HeterogeneousEncoder()}])
def test_a_search_reaches_into_the_classifier(source, target, given):
    grid = {"dynamics__f0_scale": ["semitones", "hz"], "encoder__encoders": ["acoustic", "acoustic-emotion"]}
    search = GridSearchCV(SEREClassifier(epochs=0, random_state=0, **given), grid, cv=2)
    search.fit(source, source["emotion"], X_unlabeled_tgt=(target,))
    assert len(search.cv_results_["params"]) == 4
    assert set(search.best_params_) == set(grid)
    assert search.best_estimator_.dynamics.f0_scale == search.best_params_["dynamics__f0_scale"]


def test_a_search_reaches_through_a_pipeline_and_into_a_method(source):
    pipeline = Pipeline([("sere", SEREClassifier(epochs=0))])
    assert pipeline.set_params(sere__dynamics__eps=1.0)["sere"].dynamics.eps == 1.0
    assert make_sere_pipeline().set_params(dynamics__eps=1.0)["dynamics"].eps == 1.0
    search = GridSearchCV(LinearBaseline(), {"encoder__encoders": ["acoustic", "acoustic-emotion"]}, cv=2)
    assert search.fit(source, source["emotion"]).best_params_.keys() == {"encoder__encoders"}


def test_without_experience_a_pool_that_does_not_say_who_speaks_makes_answers_less_sure(shots, target):
    y = shots["emotion"]
    shots, target = (
        HeterogeneousEncoder("acoustic").fit_transform(DynamicFeatureTransformer().fit_transform(clips))
        for clips in (shots, target)
    )

    def temperature(*pool, X=shots):
        return SEREClassifier(epochs=0).fit(X, y, None, pool or None).temperature_

    speakers = np.array([None, *target.speakers[1:]], dtype=object)
    with pytest.warns(UserWarning, match="1 of the .* have no speaker"):
        assert temperature(target.with_(speakers=speakers)) == UNKNOWN_SPEAKERS
    assert temperature(target.with_(speakers=np.full(len(target), None))) == UNKNOWN_SPEAKERS
    assert temperature(target) == 1
    assert temperature() == 1
    vectors = np.random.default_rng(0).normal(size=(20, 3))
    assert temperature(vectors, X=vectors[: len(y)]) == 1
