"""Parameters: whatever cannot be used is an error that names it, before anything is read or described."""

import inspect
from decimal import Decimal
from typing import get_args

import numpy as np
import pytest
import torch

import sere
from sere import (
    DynamicFeatureTransformer,
    Embedding,
    HeterogeneousEncoder,
    ResonanceField,
    SEREClassifier,
    pretrain_encoder,
)
from sere.baselines import METHODS
from sere.datasets import make_task, make_voices, skew_target
from sere.encoders.pretrained import CheckpointUnavailableError
from sere.estimators.classifier import ROOMS
from sere.evaluation import run_benchmark
from sere.inputs.params import ParameterError, Rule, number, rules_of, whole
from sere.metrics import uar_interval
from sere.selection import soft_neighbourhood_density

ESTIMATORS = [SEREClassifier, DynamicFeatureTransformer, HeterogeneousEncoder, *METHODS.values()]
#: The rooms of the chain, by the classifier's parameter.
IN_ROOMS = {parameter: getattr(sere, name) for parameter, name in ROOMS.items()}

# What no parameter of a type may be, whatever its range.
NUMBERS = [
    "3",
    "",
    True,
    np.True_,
    np.nan,
    -np.inf,
    -1,
    -(10**9),
    [1],
    (),
    {},
    object(),
    1j,
    b"1",
    np.array([1, 2]),
    Decimal(1),
]
WRONG = {
    int: [*NUMBERS, None, 1.5, 2.0, np.inf, np.float64(3), 10**400],
    float: [*NUMBERS, None, 10**400],
    float | None: [*NUMBERS, 10**400],
    bool: ["no", "yes", "", "True", 0, 1, 2.0, None, [], object()],
    str: ["no such thing", "", " ", None, 0, 1.5, True, b"abs", ["abs"], object()],
    str | None: ["", " ", 0, 1.5, True, b"de", ["de"], object()],
    int | None: ["1", "", 0, True, 1.5, np.nan, [1], object()],
    bool | str: ["no", "", 0, 1, None, [], object(), 0.5],
}
# Of parameters whose type says too little.
OF_ITS_OWN = {
    "encoder": [None, "", 3, True, {}, [], ["acoustic"], {1: "acoustic"}, {"de": None}, HeterogeneousEncoder, object()],
    "encoders": [None, "", 3, True, {}, [], ["acoustic"], {1: "acoustic"}, {"de": None}, {"de": 1}, object()],
    "labeled": ["", 3, True, {}, {"de": "acoustic"}, object()],
    "layer": [None, "last", "", 1.5, True, (), (1, "2"), [1, 2], (True,), np.nan, {}],
    "dynamics": ["tiny", 3, True, {}, DynamicFeatureTransformer, HeterogeneousEncoder(), object()],
    "corpora": ["emodb", b"", 3, True, object()],
    "cache": ["", " ", 3, 1.5, [], {}, b"/tmp", __file__, object()],
    "random_state": ["x", -1, 1.5, True, 2**32, np.nan, [0], np.random.default_rng(0), object()],
    "callbacks": [None, print, "print", ["print"], [None], {print: 1}, 3],
    "verbose": [-1, "yes", None, 1.5, []],
    "f0_scale": WRONG[str],
    "pitch_model": WRONG[str],
    "device": [*WRONG[str], "meta", "cpu:x", *([] if torch.cuda.is_available() else ["cuda", "cuda:1"])],
    "speaker_shrinkage": WRONG[float],
}
# A room is neither its name, nor its class, nor its options, nor another room.
for parameter, room in IN_ROOMS.items():
    others = [other() for other in IN_ROOMS.values() if other is not room]
    OF_ITS_OWN[parameter] = [room.__name__, "", 3, True, {}, room().get_params(), room, *others, object()]
# Beyond the range of one, or of one class's.
BEYOND = {
    **dict.fromkeys(
        ("context_share", "field_share", "own_share", "pool_weight", "balance"),
        (1.01, np.inf, np.float32(np.inf)),
    ),
    **dict.fromkeys(("momentum", "threshold", "masked_share"), (1.01, np.inf)),
    **dict.fromkeys(
        ("learning_rate", "encoder_learning_rate", "tau", "sharpness", "frame_rate"), (0, np.float32(np.inf), np.inf)
    ),
    **dict.fromkeys(("soft_argmax", "eps", "C", "temperature", "penalty", "ridge", "shots_weight"), (0, 0.0, np.inf)),
    **dict.fromkeys(
        ("batch_size", "patience", "n_neighbors", "n_expanded", "n_components", "SelfTrainingHead.rounds"), (0,)
    ),
    "highlight_share": (0, 0.0, 1.01),
    "dim": (0, 1),
    "hidden_dim": (0, 2, 6),
}


def parameters_of(cls):
    return {name: p for name, p in inspect.signature(cls.__init__).parameters.items() if name != "self"}


def wrong_values(cls):
    """Every parameter of an estimator with values that it must not take."""
    for name, parameter in parameters_of(cls).items():
        values = OF_ITS_OWN[name] if name in OF_ITS_OWN else WRONG[parameter.annotation]
        for value in [*values, *BEYOND.get(name, BEYOND.get(f"{cls.__name__}.{name}", ()))]:
            yield name, value


@pytest.fixture
def nothing_is_read(monkeypatch):
    def read(*args, **kwargs):
        raise AssertionError("something was read")

    monkeypatch.setattr("sere.inputs.skipping.Skipping.read", read)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_every_wrong_value_is_named_before_anything_is_read(cls, nothing_is_read):
    for name, value in wrong_values(cls):
        estimator = cls(**{name: value})
        with pytest.raises((ValueError, TypeError), match=rf"(?s)\b{name} is .*; it must be"):
            estimator.fit([np.zeros(800)] * 2, ["happy", "sad"])


@pytest.mark.parametrize("parameter", IN_ROOMS)
def test_every_wrong_option_of_a_room_is_named_before_anything_is_read(parameter, nothing_is_read):
    cls = IN_ROOMS[parameter]
    for name, value in wrong_values(cls):
        classifier = SEREClassifier(**{parameter: cls(**{name: value})})
        with pytest.raises(ParameterError, match=rf"(?s)^SEREClassifier: {parameter}__{name} is .*; it must be"):
            classifier.fit([np.zeros(800)] * 2, ["happy", "sad"])


def test_the_values_above_are_many():
    assert sum(1 for cls in IN_ROOMS.values() for _ in wrong_values(cls)) > 500
    assert sum(1 for cls in ESTIMATORS for _ in wrong_values(cls)) > 2_000


@pytest.mark.parametrize("cls", [*ESTIMATORS, *IN_ROOMS.values()])
def test_every_parameter_has_a_rule_and_its_default_follows_it(cls):
    assert set(rules_of(cls)) == set(parameters_of(cls))
    for name, parameter in parameters_of(cls).items():
        assert rules_of(cls)[name].fits(parameter.default)


@pytest.mark.parametrize(
    ("inside", "named"),
    [
        ({"dynamics": DynamicFeatureTransformer(pitch_model="large")}, "dynamics__pitch_model"),
        ({"dynamics": DynamicFeatureTransformer(n_jobs=0)}, "dynamics__n_jobs"),
        ({"encoder": HeterogeneousEncoder(layer="last")}, "encoder__layer"),
        ({"encoder": HeterogeneousEncoder(device="warp")}, "encoder__device"),
        ({"encoder": HeterogeneousEncoder(layer=3)}, "encoder__layer"),
        (
            {"encoder": HeterogeneousEncoder("some/checkpoint", layer=3, trainable_layers=1)},
            "encoder__trainable_layers",
        ),
    ],
)
@pytest.mark.parametrize("cls", [SEREClassifier, METHODS["lr"], METHODS["dan"]])
def test_a_parameter_of_an_estimator_inside_is_named_by_its_full_name(cls, inside, named, nothing_is_read):
    if set(inside) <= set(parameters_of(cls)):
        with pytest.raises(ParameterError, match=rf"^{cls.__name__}: {named} is|{named}="):
            cls(**inside).fit([np.zeros(800)] * 2, ["happy", "sad"])


def test_a_refused_parameter_is_shown_with_what_is_allowed():
    with pytest.raises(ParameterError) as error:
        SEREClassifier(embedding=Embedding(gate="word")).fit(np.eye(4), [0, 1, 0, 1])
    assert str(error.value) == "SEREClassifier: embedding__gate is 'word'; it must be 'feature' or 'frame'"
    with pytest.raises(ParameterError, match=r"C is 0; it must be a number above 0$"):
        METHODS["lr"](C=0).fit(np.eye(4), [0, 1, 0, 1])


def test_construction_and_set_params_refuse_nothing_known():
    unlikely = SEREClassifier(field=ResonanceField(tau="warm"), losses="few").set_params(embedding__gate="word")
    assert (unlikely.field.tau, unlikely.losses, unlikely.embedding.gate) == ("warm", "few", "word")


@pytest.fixture
def nothing_is_described(monkeypatch):
    def extract(*args, **kwargs):
        raise AssertionError("something was described")

    monkeypatch.setattr("sere.estimators.dynamics.extract", extract)
    monkeypatch.setattr("sere.estimators.encoder.extract", extract)


@pytest.mark.parametrize(
    ("encoder", "error", "said"),
    [
        ("acustic", CheckpointUnavailableError, r"'acustic', which cannot be used \(did you mean 'acoustic'\?\)"),
        ("./nowhere", CheckpointUnavailableError, "'./nowhere'.*There is no folder"),
        ("nowhere.npz", FileNotFoundError, r"'nowhere\.npz'"),
        ({"lumo": "acoustic", "tarsk": "./nowhere"}, CheckpointUnavailableError, "'./nowhere'"),
    ],
)
@pytest.mark.parametrize("cls", [SEREClassifier, METHODS["lr"]])
def test_an_encoder_that_is_not_there_is_found_first(
    cls, encoder, error, said, shots, target, nothing_is_described, monkeypatch
):
    def offline(checkpoint, revision):
        raise CheckpointUnavailableError(f"{checkpoint} is not on this machine")

    if encoder == "acustic":  # it may be a checkpoint's name
        pytest.importorskip("transformers")
    monkeypatch.setattr("sere.encoders._checkpoints._download", offline)
    with pytest.raises(error, match=f"encoders names {said}"):
        cls(encoder=encoder).fit(shots, shots["emotion"], None, (target,))


def test_early_stopping_without_a_pool_is_found_first(shots, nothing_is_described):
    with pytest.raises(ParameterError, match="early_stopping watches an unlabeled pool"):
        SEREClassifier(early_stopping=True).fit(shots, shots["emotion"])


@pytest.mark.parametrize(
    "wrong",
    [
        *({"penalty": value} for value in (0, -1.0, "x", np.nan, True, None)),
        *({"encoder": value} for value in (None, "", 3, {"de": "acoustic"}, "acoustic-emotion")),
        *({"corpora": value} for value in (None, "corpora", 3, [])),
        {"licences": "free"},
        {"name": ""},
        {"n_jobs": 0},
        {"cache": 3},
        {"device": "warp"},
        {"random_state": "x"},
        {"on_error": "ignore"},
        {"verbose": "yes"},
    ],
    ids=str,
)
def test_an_argument_of_pretraining_is_named_before_anything_is_read(wrong, source, nothing_is_read):
    (name,) = wrong
    with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
        pretrain_encoder(**{"corpora": [source], **wrong})


VOICES = make_voices(n_per_emotion=2, emotions=["anger", "sadness"], duration=0.3)
CLIPS = {name: part.reset_index(drop=True) for name, part in VOICES.groupby("language")}
TASK = {"source": CLIPS["lumo"], "target": CLIPS["tarsk"], "shots": 1}
ANSWERS = {"y_true": ["a", "b"] * 3, "y_pred": ["a", "b"] * 3}


@pytest.mark.parametrize(
    ("function", "usual", "wrong"),
    [
        (make_task, TASK, {"shots": [0, 1.5, True, "some", None, [1]]}),
        (make_task, TASK, {"transductive": ["no", 0, 1, None]}),
        (make_task, TASK, {"test_speakers": [0, 1, "0.3", None, np.nan, True]}),
        (make_task, TASK, {"max_pool": [0, -1, 1.5, "all", True]}),
        (make_task, TASK, {"random_state": ["x", -1, 1.5, True]}),
        (skew_target, {"target": CLIPS["tarsk"], "emotion": "anger"}, {"share": [0, 1, "half", None, np.nan, True]}),
        (make_voices, {}, {"n_per_emotion": [0, 1.5, "2", True, None]}),
        (make_voices, {}, {"n_speakers": [0, 1.5, "2", True, None]}),
        (make_voices, {}, {"duration": [0.2, 21, "1", True, None, np.nan]}),
        (make_voices, {}, {"languages": ["lumo", [], ["lumo", "lumo"], ["klingon"], 3, None]}),
        (make_voices, {}, {"emotions": ["anger", [], ["anger", "anger"], ["glee"], 3, None]}),
        (make_voices, {}, {"random_state": ["x", -1, 1.5, True]}),
        (uar_interval, ANSWERS, {"level": [0, 1, "0.9", None, np.nan, True]}),
        (uar_interval, ANSWERS, {"n_resamples": [0, -1, 1.5, "many", None, True]}),
        (
            soft_neighbourhood_density,
            {"probabilities": np.full((3, 2), 0.5)},
            {"temperature": [0, -1, "x", None, np.nan]},
        ),
        (run_benchmark, {"corpora": CLIPS}, {"draws": [0, 1.5, "3", None, True]}),
        (run_benchmark, {"corpora": CLIPS}, {"shots": [0, 1.5, "few", None, True, [], [2, "few"]]}),
        (run_benchmark, {"corpora": CLIPS}, {"max_pool": [0, 1.5, "all", True]}),
        (run_benchmark, {"corpora": CLIPS}, {"n_jobs": [0, 1.5, "all", True]}),
        (run_benchmark, {"corpora": CLIPS}, {"verbose": [-1, "yes", None]}),
        (run_benchmark, {"corpora": CLIPS}, {"say": ["yes", 1]}),
        (run_benchmark, {"corpora": CLIPS}, {"methods": ["lr:C=0", "dan:epochs=few", "sere:field__symmetric=no"]}),
    ],
)
def test_an_argument_of_a_function_is_named(function, usual, wrong, nothing_is_described):
    ((name, values),) = wrong.items()
    for value in values:
        with pytest.raises((ValueError, TypeError), match=name.removesuffix("s")):
            function(**usual | {name: value})


def as_numpy(value):
    """The NumPy scalar of a parameter's default, or None where it has none."""
    kinds = {bool: np.bool_, int: np.int64, float: np.float32}
    return kinds[type(value)](value) if type(value) in kinds else None


def in_numpy(cls):
    """The defaults of a class's parameters as NumPy's scalars, where they have any."""
    given = {name: as_numpy(p.default) for name, p in parameters_of(cls).items()}
    return {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize("cls", [SEREClassifier, *METHODS.values()])
def test_scalars_of_numpy_are_numbers_and_truth_values(cls):
    short = {name: value for name, value in {"epochs": np.int64(1)}.items() if name in parameters_of(cls)}
    usual = in_numpy(cls)
    if cls is SEREClassifier:
        usual |= {parameter: room(**in_numpy(room)) for parameter, room in IN_ROOMS.items()}
    random = np.random.default_rng(0)
    X, pool = random.normal(size=(6, 4)), random.normal(size=(9, 4))
    model = cls(**usual | short | {"random_state": np.int64(0)}).fit(X, [0, 1] * 3, (pool,), (pool + 1,))
    assert np.isfinite(model.predict_proba(pool)).all()


def test_scalars_of_numpy_are_numbers_for_the_transformers_too(source):
    found = DynamicFeatureTransformer(**in_numpy(DynamicFeatureTransformer))
    plain = DynamicFeatureTransformer().fit_transform(source[:2])
    np.testing.assert_allclose(np.asarray(found.fit_transform(source[:2])), np.asarray(plain), rtol=1e-6)
    off = HeterogeneousEncoder("acoustic", cache=np.False_, n_jobs=np.int64(1), layer=np.int64(-1))
    np.testing.assert_array_equal(
        np.asarray(off.fit_transform(source[:2])),
        np.asarray(HeterogeneousEncoder("acoustic").fit_transform(source[:2])),
    )


def test_a_rule_is_what_any_of_its_parts_allows():
    rule = Rule("None", lambda value: value is None) | whole(1, 3) | number(above=5, infinite=True)
    assert [rule.fits(v) for v in (None, 1, 3, 5.5, np.inf)] == [True] * 5
    assert [rule.fits(v) for v in (0, 4, 5, np.nan, "1", True)] == [False] * 6
    assert rule.words == "None, a whole number of at least 1 and at most 3 or a number above 5, inf included"


def test_every_annotation_is_one_that_the_table_above_knows():
    for cls in (*ESTIMATORS, *IN_ROOMS.values()):
        for name, parameter in parameters_of(cls).items():
            assert name in OF_ITS_OWN or parameter.annotation in WRONG or get_args(parameter.annotation), name


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", False),
        ("cuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n", True),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4'\n", True),
        ("nothing that is known", True),
        (None, True),
    ],
)
def test_what_torch_was_built_for_is_known_without_importing_it(text, may, tmp_path, monkeypatch):
    from importlib.machinery import ModuleSpec

    from sere.inputs import params

    if text is not None:
        (tmp_path / "version.py").write_text(text)
    spec = ModuleSpec("torch", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(params, "find_spec", lambda name: spec)
    assert params._may_have_gpu.__wrapped__() is may
