"""SEREClassifier's parameters: every option does something, and what cannot be used is an error before any work."""

import numpy as np
import pytest

from sere import DynamicFeatureTransformer, HeterogeneousEncoder, SEREClassifier

OPTIONS = [
    ("learning_rate", 1e-2),
    ("batch_size", 5),
    ("epochs", 3),
    ("embedding_dim", 8),
    ("prototype_weight", 0.0),
    ("dual_weight", 0.0),
    ("prototype_form", "pull"),
    ("prototype_form", "margin"),
    ("dual_distance", "euclidean"),
    ("dual_distance", "infonce"),
    ("dual_detach", False),
    ("dual_by_field", True),
    ("symmetric", True),
    ("soft_argmax", 0.1),
    ("shot_weight", 0.0),
    ("field_weight", 0.0),
    ("drift_weight", 0.0),
    ("context_share", 0.1),
    ("dynamics_scale", 0.5),
    ("gate", "frame"),
    ("intensity", "signed"),
    ("intensity", "square"),
    ("field_form", "raw"),
    ("field_form", "sum"),
    ("field_gap", "gaussian"),
    ("tau", 0.2),
    ("highlight_share", 0.3),
    ("frame_rate", 25.0),
    ("assignment", "anchor"),
    ("field_share", 0.0),
    ("sharpness", 1.0),
    ("balance", 0.0),
    ("balance", 1.0),
    ("prototype_source", 0.0),
    ("prototype_pool", "both"),
    ("prototype_pool", "source"),
    ("experience_weight", 1.0),
    ("experience_shots", 0.0),
    ("pool_weight", 0.5),
    ("speaker_shrinkage", np.inf),
]


def numbers(embedded, **params):
    shots, y, source, target = embedded
    model = SEREClassifier(**{"epochs": 2, "random_state": 0, **params}).fit(shots, y, (source,), (target,))
    return model.decision_function(target)


@pytest.fixture(scope="module")
def usual(embedded):
    return numbers(embedded)


@pytest.mark.parametrize(("name", "value"), OPTIONS)
def test_every_option_changes_the_model(embedded, usual, name, value):
    assert getattr(SEREClassifier(), name) != value
    changed = numbers(embedded, **{name: value})
    assert np.isfinite(changed).all()
    assert np.abs(changed - usual).max() > 1e-6 * np.abs(usual).max()


def test_dynamics_and_encoder_are_used(shots, target):
    def scores(**params):
        fitted = SEREClassifier(epochs=1, random_state=0, **params).fit(shots, shots["emotion"], None, (target,))
        return fitted.decision_function(target)

    usual = scores()
    np.testing.assert_array_equal(usual, scores(encoder=HeterogeneousEncoder(), dynamics=DynamicFeatureTransformer()))
    assert not np.allclose(usual, scores(dynamics=DynamicFeatureTransformer(f0_scale="hz")))


def test_the_cache_of_the_classifier_is_that_of_its_steps(shots, tmp_path):
    model = SEREClassifier(epochs=0, cache=tmp_path / "kept", n_jobs=1).fit(shots, shots["emotion"])
    assert (tmp_path / "kept").exists()
    assert model.dynamics_.cache == model.encoder_.cache == tmp_path / "kept"
    assert model.dynamics_.n_jobs == model.encoder_.n_jobs == 1
