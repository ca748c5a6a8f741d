"""make_sere_pipeline: pools go through the steps, and nobody's configuration changes."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone

from sere import DynamicFeatureTransformer, HeterogeneousEncoder, SEREClassifier, make_sere_pipeline
from sere.estimators.pipeline import SEREPipeline


@pytest.fixture(scope="module")
def small():
    return make_sere_pipeline(classifier=SEREClassifier(epochs=2, random_state=0))


@pytest.fixture(scope="module")
def expected(shots, source, target):
    classifier = SEREClassifier(epochs=2, random_state=0).fit(shots, shots["emotion"], (source,), (target,))
    return classifier.decision_function(target)


def test_it_holds_the_three_estimators_given_or_by_default():
    assert [type(step) for _, step in make_sere_pipeline().steps] == [
        DynamicFeatureTransformer,
        HeterogeneousEncoder,
        SEREClassifier,
    ]
    dynamics, encoder, classifier = DynamicFeatureTransformer(f0_scale="hz"), HeterogeneousEncoder(), SEREClassifier()
    made = make_sere_pipeline(dynamics, encoder, classifier)
    assert [step for _, step in made.steps] == [dynamics, encoder, classifier]


def test_pools_pass_through_the_steps(small, shots, source, target, expected):
    pipe = clone(small).fit(shots, shots["emotion"], X_unlabeled_src=(source,), X_unlabeled_tgt=(target,))
    np.testing.assert_allclose(pipe.decision_function(target), expected, rtol=1e-12)


def test_a_pool_of_none_is_no_pool(small, shots, target):
    pipe = clone(small).fit(shots, shots["emotion"], X_unlabeled_src=None, X_unlabeled_tgt=(target,))
    classifier = SEREClassifier(epochs=2, random_state=0).fit(shots, shots["emotion"], None, (target,))
    np.testing.assert_array_equal(pipe.predict(target), classifier.predict(target))


def test_several_pools_pass_one_by_one(small, shots, target, expected):
    pipe = clone(small).fit(shots, shots["emotion"], X_unlabeled_tgt=(target[:9], target[9:]))
    alone = SEREClassifier(epochs=2, random_state=0).fit(shots, shots["emotion"], None, (target[:9], target[9:]))
    np.testing.assert_allclose(pipe.decision_function(target), alone.decision_function(target), rtol=1e-12)


def test_fit_transform_sends_pools_too(small, shots, target):
    pipe = clone(small)
    embedded = pipe.fit_transform(shots, shots["emotion"], X_unlabeled_tgt=(target,))
    np.testing.assert_array_equal(embedded, pipe.transform(shots))


def test_the_users_configuration_is_left_alone(small, shots, target):
    before = sklearn.get_config()
    pipe = clone(small).fit(shots, shots["emotion"], X_unlabeled_tgt=(target,))
    pipe.predict(target)
    assert sklearn.get_config() == before
    with pytest.raises(ValueError, match="X is empty"):
        clone(small).fit([], [], X_unlabeled_tgt=(target,))
    assert sklearn.get_config() == before


def test_an_unknown_parameter_of_fit_is_an_error(small, shots):
    with pytest.raises(TypeError, match="X_unlabelled"):
        clone(small).fit(shots, shots["emotion"], X_unlabelled=(shots,))


def test_it_clones_and_reaches_its_steps(small):
    again = clone(small).set_params(sere__field__tau=0.5, dynamics__f0_scale="hz")
    assert isinstance(again, SEREPipeline)
    assert again.named_steps["sere"].field.tau == 0.5
    assert small.named_steps["sere"].field is None
    assert again.transform_input == ["X_unlabeled_src", "X_unlabeled_tgt"]
