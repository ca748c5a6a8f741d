"""SEREClassifier's parameters: every option does something, and what cannot be used is an error before any work."""

import numpy as np
import pytest

import sere
from sere import DynamicFeatureTransformer, HeterogeneousEncoder, SEREClassifier
from sere.estimators.classifier import ROOMS

OPTIONS = [
    ("learning_rate", 1e-2),
    ("batch_size", 5),
    ("epochs", 3),
    ("embedding__dim", 8),
    ("losses__prototype_weight", 0.0),
    ("losses__dual_weight", 0.0),
    ("losses__prototype_form", "pull"),
    ("losses__prototype_form", "margin"),
    ("losses__dual_distance", "euclidean"),
    ("losses__dual_distance", "infonce"),
    ("losses__dual_detach", False),
    ("losses__dual_by_field", True),
    ("field__symmetric", True),
    ("field__soft_argmax", 0.1),
    ("losses__shot_weight", 0.0),
    ("losses__field_weight", 0.0),
    ("losses__drift_weight", 0.0),
    ("embedding__context_share", 0.1),
    ("embedding__dynamics_scale", 0.5),
    ("embedding__gate", "frame"),
    ("field__intensity", "signed"),
    ("field__intensity", "square"),
    ("field__form", "raw"),
    ("field__form", "sum"),
    ("field__gap", "gaussian"),
    ("field__tau", 0.2),
    ("field__highlight_share", 0.3),
    ("field__frame_rate", 25.0),
    ("assignment__by", "anchor"),
    ("assignment__field_share", 0.0),
    ("assignment__sharpness", 1.0),
    ("assignment__balance", 0.0),
    ("assignment__balance", 1.0),
    ("prototypes__own_share", 0.0),
    ("prototypes__pool", "both"),
    ("prototypes__pool", "source"),
    ("assignment__experience_weight", 1.0),
    ("prototypes__experience_shots", 0.0),
    ("prototypes__pool_weight", 0.5),
    ("self_training__weight", 0.0),
    ("self_training__rounds", 1),
    ("self_training__sharpness", 1.0),
    ("self_training__penalty", 3.0),
    ("speaker_shrinkage", np.inf),
]


def numbers(embedded, **params):
    shots, y, source, target = embedded
    model = SEREClassifier().set_params(**{"epochs": 2, "random_state": 0, **params})
    with pytest.MonkeyPatch.context() as patch:
        # The answers on this pool of 18 clips are too uneven for a head to have a say.
        patch.setattr("sere.chain.self_training.UNEVEN", -1.0)
        patch.setattr("sere.chain.self_training.EVEN", 0.0)
        model.fit(shots, y, (source,), (target,))
    return model.decision_function(target)


@pytest.fixture(scope="module")
def usual(embedded):
    return numbers(embedded)


@pytest.mark.parametrize(("name", "value"), OPTIONS)
def test_every_option_changes_the_model(embedded, usual, name, value):
    rooms = {parameter: getattr(sere, room)() for parameter, room in ROOMS.items()}
    assert SEREClassifier(**rooms).get_params()[name] != value
    changed = numbers(embedded, **{name: value})
    assert np.isfinite(changed).all()
    assert np.abs(changed - usual).max() > 1e-6 * np.abs(usual).max()


def test_every_option_of_every_room_is_among_them():
    rooms = {parameter: getattr(sere, room)() for parameter, room in ROOMS.items()}
    options = {f"{parameter}__{name}" for parameter, room in rooms.items() for name in room.get_params()}
    assert options == {name for name, _ in OPTIONS if "__" in name}


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
