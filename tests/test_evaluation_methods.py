"""Methods as they are written: names, encoders, parameters, and what makes two of them the same."""

import numpy as np
import pytest

from sere import HeterogeneousEncoder, SEREClassifier, TripleResonance
from sere.baselines import APART, METHODS
from sere.encoders import EmotionEncoder
from sere.encoders.acoustic import AcousticEncoder
from sere.evaluation import Method
from sere.evaluation.methods import default_baseline, described, encoder_keys, method_names, read_method, read_methods


def test_every_baseline_has_a_name_beside_sere():
    assert method_names() == ["sere", *METHODS]


def test_a_method_has_its_own_encoder_and_parameters():
    method = read_method("sere@egemaps:losses__dual_weight=0:assignment__by=anchor:assignment__balance=None")
    assert isinstance(method.estimator, SEREClassifier)
    assert method.name == "sere@egemaps:losses__dual_weight=0:assignment__by=anchor:assignment__balance=None"
    params = method.estimator.get_params()
    names = ("encoder", "losses__dual_weight", "assignment__by", "assignment__balance")
    assert [params[name] for name in names] == ["egemaps", 0, "anchor", None]
    assert read_method("lr", encoder="egemaps").estimator.encoder == "egemaps"


def test_the_corpora_of_the_task_fill_in_an_encoders_name():
    method = read_method("sere@models/{source}-to-{target}/{pair}.npz")
    assert method.prepared("emovo", "casia", 0).encoder == "models/emovo-to-casia/casia-emovo.npz"
    mixed = Method("mixed", SEREClassifier(encoder={"source": "a-{pair}", "target": "b"}))
    assert mixed.prepared("x", "w", 0).encoder == {"source": "a-w-x", "target": "b"}


def test_a_draw_seeds_the_method_and_leaves_the_original_alone():
    method = read_method("sere")
    assert method.prepared("a", "b", 7).random_state == 7
    assert method.estimator.random_state is None


def test_all_stands_for_every_method_and_commas_separate():
    every = [name for name in method_names() if name not in APART]
    assert [method.name for method in read_methods("all,lr@egemaps")] == [*every, "lr@egemaps"]
    assert set(every) == {"sere", *METHODS} - set(APART)
    assert [method.name for method in read_methods(["lr", Method("mine", SEREClassifier())])] == ["lr", "mine"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("foo", r"no method 'foo'; the methods are sere, lr"),
        ("sere:epoch=3", r"'epoch=3' is not PARAMETER=VALUE of sere; it has .*epochs"),
        ("sere:epochs", r"'epochs' is not PARAMETER=VALUE"),
        ("sere:losses__dual=3", r"'losses__dual=3' is not PARAMETER=VALUE of sere; losses has .*dual_weight"),
        ("sere:loss__dual_weight=3", r"'loss__dual_weight=3' is not PARAMETER=VALUE of sere; it has .*losses"),
        ("lr:losses__dual_weight=3", r"is not PARAMETER=VALUE of lr; it has "),
        ("lr,lr", r"lr is there twice"),
        ("", r"no methods were given; the methods are sere"),
    ],
)
def test_what_is_no_method_is_explained(text, said):
    with pytest.raises(ValueError, match=said):
        read_methods(text)


def test_the_baseline_needs_opensmile_only_where_it_is(monkeypatch):
    monkeypatch.setattr("sere.evaluation.methods.find_spec", lambda name: None)
    assert default_baseline() == "lr"
    monkeypatch.setattr("sere.evaluation.methods.find_spec", lambda name: object())
    assert default_baseline() == "lr@egemaps"


def signature(**params):
    return Method("m", SEREClassifier(**params)).signature("a", "b")


def test_what_changes_an_answer_changes_the_signature_and_circumstances_do_not():
    plain = signature()
    assert signature(n_jobs=2, verbose=1, device="cpu", random_state=5, cache=False) == plain
    assert signature(losses=TripleResonance(dual_weight=0.0)) != plain
    assert signature(encoder={"source": "acoustic", "target": "acoustic"}) != plain
    assert signature(dynamics=None) == plain


def test_an_encoder_is_known_by_what_it_is_not_by_where_it_lies():
    own = AcousticEncoder()
    assert encoder_keys(SEREClassifier(encoder="acoustic")) == [own.cache_key]
    assert encoder_keys(SEREClassifier()) == [EmotionEncoder.load().identity] != [own.cache_key]
    assert encoder_keys(SEREClassifier(encoder=own)) == [own.cache_key]
    assert encoder_keys(SEREClassifier(encoder=HeterogeneousEncoder(encoders="acoustic"))) == [own.cache_key]
    assert described(own) == own.cache_key


def test_nested_parameters_are_described_by_value():
    first, second = ({"b": [1, np.float64(2)], "a": (None, np.arange(3))} for _ in range(2))
    assert described(first) == described(second)
    assert described(np.arange(3)) != described(np.arange(4))
    assert described(np.mean) == "numpy.mean"
