"""The closed list of classes that a model's file may hold."""

import importlib
import json
import pkgutil
import sys

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC

import sere
from sere.baselines import METHODS
from sere.encoders.base import FrameEncoder
from sere.estimators.audio_classifier import AudioClassifier
from sere.estimators.transformer import AudioTransformer
from sere.persistence.classes import LISTED, class_of, name_of, rebuild, state_of
from sere.persistence.tree import Packer, Unpacker

INSIDE = {
    "FeatureUnion": lambda cls: cls([("whole", MaxAbsScaler()), ("scaled", StandardScaler())]),
    "Pipeline": lambda cls: cls([("scaled", StandardScaler()), ("svm", LinearSVC())]),
    "OneVsOneClassifier": lambda cls: cls(LinearSVC()),
    "OneVsRestClassifier": lambda cls: cls(LogisticRegression()),
    "QuantileTransformer": lambda cls: cls(n_quantiles=5),
}
THEIRS = sorted(name for name in LISTED if name.startswith("sklearn."))


def through_a_file(estimator):
    packer = Packer()
    tree = json.loads(json.dumps(packer.pack(estimator), allow_nan=False))
    return Unpacker(dict(packer.arrays)).unpack(tree)


def blobs(n_classes):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(n_classes), 8)
    return rng.normal(size=(len(y), 3)) + y[:, None], np.array(["anger", "fear", "joy"])[y]


def answers(estimator, X):
    return [getattr(estimator, way)(X) for way in ("predict", "transform", "decision_function", "predict_proba")
            if hasattr(estimator, way)]  # fmt: skip


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", THEIRS)
def test_estimators_of_scikit_learn_answer_with_the_same_bits(name, n_classes):
    cls = class_of(name)
    estimator = INSIDE.get(cls.__name__, lambda c: c())(cls)
    X, y = blobs(n_classes)
    if cls.__name__ == "LabelBinarizer":
        X = y
    estimator.fit(*((X, y) if is_classifier(estimator) or cls in (Pipeline, FeatureUnion) else (X,)))
    again = through_a_file(estimator)
    assert type(again) is cls
    assert repr(again) == repr(estimator)
    ours, found = answers(estimator, X), answers(again, X)
    assert len(found) == len(ours) > 0
    for one, other in zip(ours, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_comparison_method_is_known():
    for method in METHODS.values():
        assert class_of(f"sere.{method.__name__}") is method
        assert name_of(method()) == f"sere.{method.__name__}"


def test_every_encoder_and_estimator_of_the_library_is_known():
    for module in pkgutil.walk_packages(sere.__path__, "sere."):
        if module.name.startswith(("sere.encoders.", "sere.baselines.", "sere.estimators.")):
            importlib.import_module(module.name)
    found = {AudioClassifier, AudioTransformer, FrameEncoder}
    while more := {child for cls in found for child in children(cls)} - found:
        found |= more
    last = [cls for cls in found if not children(cls)]
    assert len(last) > 25
    for cls in last:
        assert class_of(f"sere.{cls.__name__}") is cls


def children(cls):
    """Subclasses that the library itself defines."""
    return [
        child for child in cls.__subclasses__()
        if getattr(sys.modules.get(child.__module__), child.__name__, None) is child and child.__module__[:5] == "sere."
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(LISTED))
def test_every_name_means_a_class_of_that_name(name):
    assert class_of(name).__name__ == name.rpartition(".")[2]


def test_a_class_of_the_same_name_is_not_taken_for_one_of_the_list():
    class SEREClassifier(sere.SEREClassifier):
        pass

    SEREClassifier.__module__ = "sere.somewhere"
    assert name_of(sere.SEREClassifier()) == "sere.SEREClassifier"
    assert name_of(SEREClassifier()) is None


def test_what_was_not_fitted_comes_back_so():
    again = through_a_file(sere.SEREClassifier(epochs=3))
    assert again.get_params() == sere.SEREClassifier(epochs=3).get_params()
    with pytest.raises(NotFittedError):
        again.predict(["a.wav"])


def test_an_attribute_is_not_a_way_into_the_class():
    for name in ("__class__", "__dict__", "__init__", "a b", ""):
        with pytest.raises(ValueError, match="has no"):
            rebuild("sere.SEREClassifier", {name: {}})


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ["support_", "support_vectors_", "_n_support", "_dual_coef_", "_intercept_", "_probA"])
def test_arrays_of_an_svc_that_do_not_fit_each_other_are_refused(name, n_classes):
    X, y = blobs(n_classes)
    state = state_of(SVC().fit(X, y))
    assert rebuild("sklearn.SVC", state).predict(X).tolist() == SVC().fit(X, y).predict(X).tolist()
    wrong = np.concatenate([state[name], state[name]]) if len(state[name]) else np.zeros(9)
    with pytest.raises(ValueError, match="SVC"):
        rebuild("sklearn.SVC", state | {name: wrong})


def test_an_svc_of_anything_but_dense_vectors_is_refused():
    X, y = blobs(2)
    for other in ({"kernel": "precomputed"}, {"_sparse": True}):
        with pytest.raises(ValueError, match="only an SVC of vectors"):
            rebuild("sklearn.SVC", state_of(SVC().fit(X, y)) | other)
