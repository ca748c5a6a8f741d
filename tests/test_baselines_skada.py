"""Adapters of skada under the contract of all methods."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression

from sere.evaluation.methods import read_method

if find_spec("skada") is None:
    pytest.skip("skada is not installed", allow_module_level=True)
# Imported plainly it would turn scikit-learn's metadata routing on for all tests.
with sklearn.config_context():
    import skada

from sere.baselines import METHODS, LinearBaseline, SkadaBaseline

ADAPTERS = ("coral", "linear-ot", "tca", "subspace")


def domains(turn=0.0):
    """Shots of three classes, and a target whose second axis is stretched and turned into the first."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 20)
    X = rng.normal(size=(60, 6)) * 0.3 + np.eye(6)[y] * 4
    mix = np.eye(6)
    mix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return X, y, X @ mix * [1, 3, 1, 1, 1, 1] + 7


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_every_adapter_finds_a_moved_target_again(adapter):
    X, y, target = domains()
    model = SkadaBaseline(adapter=adapter, random_state=0).fit(X, y, X_unlabeled_tgt=(target,))
    assert model.score(target, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(target).sum(axis=1), 1)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_it_scores_as_skada_does(adapter):
    """The linear map that is kept says of new clips what skada's own pipeline says."""
    X, y, target = domains(0.4)
    model = SkadaBaseline(adapter=adapter, n_components=4, random_state=0).fit(X, y, X_unlabeled_tgt=(target,))
    space = model._model.space
    shots, far = ((side - side.mean(0)) / side.std(0) for side in (X, target))
    np.testing.assert_allclose(model.transform(target), np.clip(far, -4, 4), atol=1e-9)
    makes = {
        "coral": skada.CORALAdapter(),
        "linear-ot": skada.LinearOTMappingAdapter(reg=1.0),
        "tca": skada.TransferComponentAnalysisAdapter(kernel="linear", n_components=4),
        "subspace": skada.SubspaceAlignmentAdapter(n_components=4, random_state=0),
    }
    assert space.width == 6
    with sklearn.config_context(enable_metadata_routing=True):
        own = skada.make_da_pipeline(makes[adapter], LogisticRegression(C=0.01, class_weight="balanced"))
        domain = np.repeat([1, -2], 60)
        own.fit(
            np.vstack([np.clip(shots, -4, 4), np.clip(far, -4, 4)]), np.append(y, np.full(60, -1)), sample_domain=domain
        )
        expected = own.decision_function(np.clip(far, -4, 4))
    np.testing.assert_allclose(model.decision_function(target), expected, atol=1e-6)


def test_two_classes_are_scored_as_two():
    X, y, target = domains()
    kept = y < 2
    model = SkadaBaseline(random_state=0).fit(X[kept], y[kept], X_unlabeled_tgt=(target[kept],))
    assert model.decision_function(target[kept]).shape == (40,)
    assert model.score(target[kept], y[kept]) > 0.9


def test_without_a_pool_the_shots_regression_is_left():
    X, y, _ = domains()
    plain = LinearBaseline(random_state=0).fit(X, y)
    np.testing.assert_allclose(SkadaBaseline(random_state=0).fit(X, y).decision_function(X), plain.decision_function(X))


def test_fewer_shots_than_columns_give_numbers():
    rng = np.random.default_rng(0)
    X, target = rng.normal(size=(6, 40)), rng.normal(size=(50, 40))
    for adapter in ADAPTERS:
        model = SkadaBaseline(adapter=adapter, random_state=0).fit(X, [0, 1, 2] * 2, X_unlabeled_tgt=(target,))
        assert np.isfinite(model.decision_function(target)).all()


def test_scikit_learns_configuration_is_as_it_was():
    code = (
        "import numpy as np, sklearn; before = sklearn.get_config()\n"
        "from sere.baselines import SkadaBaseline\n"
        "X = np.random.default_rng(0).normal(size=(20, 4))\n"
        "SkadaBaseline().fit(X, [0, 1] * 10, X_unlabeled_tgt=(X,)).predict(X)\n"
        "import sys; assert 'skada' in sys.modules; assert sklearn.get_config() == before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_is_a_method_of_the_benchmark_by_its_adapter():
    assert METHODS["skada"] is SkadaBaseline
    assert read_method("skada@acoustic:adapter=tca").estimator.adapter == "tca"
    with pytest.raises(ValueError, match="adapter"):
        SkadaBaseline(adapter="dan").fit(np.zeros((4, 2)), [0, 1, 0, 1])


def test_without_skada_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skada", None)
    with pytest.raises(ImportError, match=r'pip install "sere\[skada\]"'):
        SkadaBaseline().fit(np.zeros((4, 2)), [0, 1, 0, 1])
    monkeypatch.delitem(METHODS, "skada")
    with pytest.raises(ValueError, match=r'needs skada: pip install "sere\[skada\]"'):
        read_method("skada:adapter=tca")
