"""What every room keeps to as a scikit-learn object, alone and inside a classifier."""

import inspect
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import sere
from sere import SEREClassifier, chain
from sere.chain.room import Room
from sere.estimators.classifier import ROOMS
from sere.inputs.params import ParameterError, rules_of
from sere.training.fit import Steps

#: Another value of every option, by the classifier's parameter.
OTHER = {
    "embedding": {"dim": 12, "context_share": 0.2, "dynamics_scale": 0.3, "gate": "frame"},
    "field": {
        **{"intensity": "square", "form": "sum", "gap": "gaussian", "tau": 0.5, "highlight_share": 0.4},
        **{"symmetric": True, "soft_argmax": 0.1, "frame_rate": 25.0},
    },
    "assignment": {"by": "anchor", "field_share": 0.2, "sharpness": 2.0, "balance": 0.5, "experience_weight": 1.0},
    "prototypes": {"own_share": 0.5, "pool": "target", "pool_weight": 0.5, "experience_shots": 3.0},
    "losses": {
        **{"shot_weight": 0.5, "prototype_weight": 0.5, "prototype_form": "pull", "dual_weight": 0.5},
        **{"dual_distance": "infonce", "dual_detach": False, "dual_by_field": True, "field_weight": 0.5},
        "drift_weight": 2.0,
    },
    "self_training": {"weight": 0.2, "rounds": 2, "sharpness": 1.0, "penalty": 0.5},
}
OPTIONS = [(parameter, name, value) for parameter, options in OTHER.items() for name, value in options.items()]


def default(parameter):
    """The room of a classifier's parameter as it is where nothing is said."""
    return getattr(sere, ROOMS[parameter])()


def test_every_room_is_a_parameter_and_handed_out():
    assert sorted(chain.__all__) == sorted(ROOMS.values()) == sorted(cls.__name__ for cls in Room.__subclasses__())
    assert list(ROOMS) == list(Steps._fields) == list(OTHER)
    for parameter in ROOMS:
        assert getattr(SEREClassifier(), parameter) is None
        assert Steps.__annotations__[parameter] is type(default(parameter))


@pytest.mark.parametrize("parameter", ROOMS)
def test_a_room_gives_back_its_parameters_clones_prints_and_travels(parameter):
    room, options = default(parameter), OTHER[parameter]
    defaults = room.get_params()
    assert list(defaults) == sorted(inspect.signature(type(room)).parameters) == sorted(options)
    assert all(defaults[name] != value for name, value in options.items())
    assert repr(room) == f"{type(room).__name__}()"
    changed = type(room)(**options)
    assert changed.get_params() == options
    assert room.set_params(**options) is room
    for same in (room, clone(changed), pickle.loads(pickle.dumps(changed))):
        assert type(same) is type(changed)
        assert same.get_params() == options
        assert repr(same) == repr(changed)
    name, value = next(iter(options.items()))
    assert repr(type(room)(**{name: value})) == f"{type(room).__name__}({name}={value!r})"
    with pytest.raises(ValueError, match="Invalid parameter 'warmth'"):
        room.set_params(warmth=1)


@pytest.mark.parametrize("parameter", ROOMS)
def test_the_docstring_of_a_room_says_every_default(parameter):
    room = default(parameter)
    said = dict(re.findall(r"^    (\w+) : .*default=(.+)$", inspect.getdoc(type(room)).replace("\n", "\n    "), re.M))
    assert said == {name: repr(value).replace("'", '"') for name, value in room.get_params().items()}


@pytest.mark.parametrize(("parameter", "name", "value"), OPTIONS)
def test_an_option_is_set_through_a_classifier_and_leaks_into_no_other_one(parameter, name, value):
    one, other, before = SEREClassifier(), SEREClassifier(), default(parameter).get_params()
    assert one.set_params(**{f"{parameter}__{name}": value}) is one
    assert getattr(one, parameter).get_params() == before | {name: value}
    assert one.get_params()[f"{parameter}__{name}"] == value
    for untouched in (other, SEREClassifier()):
        assert getattr(untouched, parameter) is None
        assert untouched.get_params() == SEREClassifier().get_params()
    assert default(parameter).get_params() == before
    theirs = clone(one).set_params(**{f"{parameter}__{name}": before[name]})
    assert getattr(one, parameter).get_params()[name] == value
    assert getattr(theirs, parameter).get_params() == before


def test_options_are_set_beside_the_room_that_takes_them():
    classifier = SEREClassifier(field=sere.ResonanceField(gap="gaussian"))
    assert (
        classifier.set_params(field__tau=0.5).field.get_params()
        == sere.ResonanceField(gap="gaussian", tau=0.5).get_params()
    )
    classifier.set_params(field=sere.ResonanceField(form="raw"), field__tau=0.3)
    assert repr(classifier) == "SEREClassifier(field=ResonanceField(form='raw', tau=0.3))"
    classifier.set_params(field=None, field__tau=0.2, losses__dual_weight=0)
    assert repr(classifier) == (
        "SEREClassifier(field=ResonanceField(tau=0.2),\n               losses=TripleResonance(dual_weight=0))"
    )
    with pytest.raises(ValueError, match="Invalid parameter 'warmth' for estimator ResonanceField"):
        classifier.set_params(field__warmth=1)


@pytest.mark.parametrize(("parameter", "name", "value"), OPTIONS)
def test_a_wrong_option_is_named_with_what_is_allowed_alone_and_inside_a_classifier(parameter, name, value):
    room = default(parameter)
    rule = rules_of(type(room))[name]
    room._check_params()
    room.set_params(**{name: value})._check_params()
    room.set_params(**{name: ("wrong",)})
    said = f"{name} is ('wrong',); it must be {rule.words}"
    with pytest.raises(ParameterError, match=rf"^{type(room).__name__}: {re.escape(said)}$"):
        room._check_params()
    with pytest.raises(ParameterError, match=rf"^SEREClassifier: {parameter}__{re.escape(said)}$"):
        SEREClassifier(**{parameter: room}).fit(np.eye(4), [0, 1, 0, 1])


@pytest.mark.parametrize("parameter", ROOMS)
def test_a_fit_takes_the_rooms_that_it_was_given_and_leaves_them_alone(parameter):
    classifier = SEREClassifier(**{parameter: default(parameter).set_params(**OTHER[parameter])})
    steps = Steps.of(classifier)
    for name, step in steps._asdict().items():
        assert step.get_params() == (OTHER[name] if name == parameter else default(name).get_params())
    assert getattr(steps, parameter) is not getattr(classifier, parameter)


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    shift = np.repeat([[0.0], [3.0]], 6, axis=0)
    return rng.normal(size=(12, 5)) + shift, np.repeat(["a", "b"], 6), rng.normal(size=(12, 5)) + shift


def test_none_stands_for_the_defaults_of_every_room(vectors):
    X, y, target = vectors
    said, unsaid = (
        SEREClassifier(epochs=1, random_state=0, **rooms).fit(X, y, None, (target,))
        for rooms in ({parameter: default(parameter) for parameter in ROOMS}, {})
    )
    np.testing.assert_array_equal(said.decision_function(target), unsaid.decision_function(target))


def test_a_grid_goes_over_the_options_of_rooms(vectors):
    X, y, target = vectors
    grid = {"field__tau": [0.5, 1.0], "losses__dual_weight": [0.0, 0.3], "embedding__dim": [4]}
    base = SEREClassifier(epochs=1, random_state=0)
    search = GridSearchCV(base, grid, cv=2, error_score="raise").fit(X, y, X_unlabeled_tgt=(target,))
    assert len(search.cv_results_["params"]) == 4
    assert base.get_params() == SEREClassifier(epochs=1, random_state=0).get_params()
    best, chosen = search.best_estimator_, search.best_params_
    assert (best.field.tau, best.losses.dual_weight) == (chosen["field__tau"], chosen["losses__dual_weight"])
    assert best.prototypes_.shape[1] == 8  # four columns beside four dynamics
    by_hand = SEREClassifier(
        epochs=1,
        random_state=0,
        embedding=sere.Embedding(dim=4),
        field=sere.ResonanceField(tau=chosen["field__tau"]),
        losses=sere.TripleResonance(dual_weight=chosen["losses__dual_weight"]),
    ).fit(X, y, None, (target,))
    np.testing.assert_array_equal(search.decision_function(target), by_hand.decision_function(target))


def test_a_saved_classifier_keeps_its_rooms_fitted_or_not(vectors, tmp_path):
    X, y, target = vectors
    rooms = {parameter: default(parameter).set_params(**options) for parameter, options in OTHER.items()}
    classifier = SEREClassifier(epochs=1, random_state=0, **rooms)
    for kept in (classifier, clone(classifier).fit(X, y, None, (target,))):
        sere.save(kept, tmp_path / "model")
        again = sere.load(tmp_path / "model")
        for parameter, options in OTHER.items():
            assert type(getattr(again, parameter)) is type(rooms[parameter])
            assert getattr(again, parameter).get_params() == options
    assert again.field_.get_params() == OTHER["field"]
    np.testing.assert_array_equal(again.decision_function(target), kept.decision_function(target))
    np.testing.assert_array_equal(again.resonance(target), kept.resonance(target))
    refitted = again.fit(X, y, None, (target,))
    np.testing.assert_array_equal(refitted.decision_function(target), kept.decision_function(target))


def test_a_classifier_can_be_made_and_shown_without_torch_or_numba():
    code = (
        "import sys; from sere import SEREClassifier; clf = SEREClassifier(epochs=3).set_params(batch_size=9);"
        "clf.get_params(); repr(clf); print(sorted({'torch', 'numba', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
