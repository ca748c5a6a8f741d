"""The closed list of classes that a model's file may hold, how their objects are taken apart and put together.

A file names a class by a word of this list, never by a module to import: what is not here is not made, whatever a file
says. An object is the arguments of its constructor, which for every class here are kept under their own names, and for
an estimator all that fit left beside them. Putting one together calls the constructor with values of plain kinds;
nothing of it opens a file or a connection.

Estimators of scikit-learn are here where what fit leaves is numpy's arrays and numbers, and prediction is numpy's or
checks its arrays itself.
"""

import inspect
import re
from importlib import import_module
from typing import Any

_MODULES: dict[str, tuple[str, ...]] = {
    "sere.estimators.classifier": ("SEREClassifier",),
    "sere.estimators.dynamics": ("DynamicFeatureTransformer",),
    "sere.estimators.encoder": ("HeterogeneousEncoder",),
    "sere.estimators.pipeline": ("SEREPipeline",),
    "sere.chain.assignment": ("Assignment",),
    "sere.chain.embedding": ("Embedding",),
    "sere.chain.field": ("ResonanceField",),
    "sere.chain.losses": ("TripleResonance",),
    "sere.chain.prototypes": ("Prototypes",),
    "sere.training.model": ("FittedModel", "FrozenFront"),
    "sere.training.normalise": ("Standardiser",),
    "sere.training.prepare": ("Preparation",),
    "sere.chain.self_training": ("SelfTrained", "SelfTrainingHead"),
    "sere.encoders.acoustic": ("AcousticEncoder",),
    "sere.encoders.egemaps": ("EgemapsEncoder",),
    "sere.encoders.emotion": ("Card", "EmotionEncoder"),
    "sere.encoders.experience": ("Experience",),
    "sere.encoders.pretrained": ("PretrainedEncoder",),
    "sere.encoders.side_by_side": ("SideBySideEncoder",),
    "sere.encoders.speech": ("SpeechEncoder",),
    "sere.encoders._checkpoints": ("Facts",),
    "sere.baselines._base": ("Fitted",),
    "sere.baselines._clips": ("ClipSpace",),
    "sere.baselines._heads": ("LinearHead", "NeighbourHead", "PrototypeHead"),
    "sere.baselines._network": ("NetworkHead",),
    "sere.baselines._regression": ("RegressionHead",),
    "sere.baselines.zero_shot": ("ZeroShotHead",),
    "sklearn.decomposition": ("PCA", "TruncatedSVD"),
    "sklearn.discriminant_analysis": ("LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"),
    "sklearn.dummy": ("DummyClassifier",),
    "sklearn.feature_selection": ("VarianceThreshold",),
    "sklearn.linear_model": ("LogisticRegression", "RidgeClassifier", "RidgeClassifierCV"),
    "sklearn.multiclass": ("OneVsOneClassifier", "OneVsRestClassifier"),
    "sklearn.naive_bayes": ("GaussianNB",),
    "sklearn.pipeline": ("FeatureUnion", "Pipeline"),
    "sklearn.preprocessing": (
        *("LabelBinarizer", "MaxAbsScaler", "MinMaxScaler", "Normalizer", "PowerTransformer", "QuantileTransformer"),
        *("RobustScaler", "StandardScaler"),
    ),
    "sklearn.svm": ("LinearSVC", "SVC"),
}
#: Module and word of each class, by its name in a file.
LISTED = {f"{module.partition('.')[0]}.{name}": (module, name) for module, names in _MODULES.items() for name in names}
#: What an encoder keeps beside the arguments of its constructor.
_BESIDE = {"sere.PretrainedEncoder": ("_facts",)}
#: Parameters that say where one machine keeps things, or are clips, and what stands for them in a file.
_PLACES = {"cache": True, "memory": None, "corpora": None}
#: What fit leaves beside a model and a file does not hold.
_LEFT = ("skipped_", "fit_seconds_", "_skl_callbacks")


def class_of(name: str) -> type:
    """Return the class that a file means by a name: one of the list, or a method of :data:`sere.baselines.METHODS`.

    Raises
    ------
    ValueError
        Another name.
    """
    if name in LISTED:
        module, attribute = LISTED[name]
        found: type = getattr(import_module(module), attribute)
        return found
    if name.startswith("sere."):
        from sere.baselines import METHODS
        from sere.baselines.skada_methods import SkadaBaseline

        for method in (*METHODS.values(), SkadaBaseline):
            if name == f"sere.{method.__name__}":
                return method
    raise ValueError(f"there is no class {name!r} that a model's file may hold")


def name_of(value: Any) -> str | None:
    """Return the name of an object's class in a file, or None where a file cannot hold it."""
    name = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    try:
        return name if class_of(name) is type(value) else None
    except ValueError:
        return None


def state_of(value: Any) -> dict[str, Any]:
    """Return what an object of a listed class is made from.

    `cache` is kept as True or False and `memory` as None: folders are of the machine, not of the model. So are the
    paths in ``skipped_``, which stays behind, as does ``fit_seconds_``: two fits alike give one
    checksum. So do scikit-learn's callbacks.
    """
    state = {argument: getattr(value, argument) for argument in _arguments(type(value))}
    for place, anywhere in _PLACES.items():
        if place in state and not isinstance(state[place], (bool, type(None))):
            state[place] = anywhere
    if _is_estimator(type(value)):
        return {name: own for name, own in vars(value).items() if name not in _LEFT} | state
    return state | {beside: getattr(value, beside) for beside in _BESIDE.get(name_of(value) or "", ())}


def rebuild(name: str, state: dict[str, Any]) -> Any:
    """Return the object that :func:`state_of` took apart.

    Raises
    ------
    ValueError
        Not a state of this class.
    """
    cls = class_of(name)
    arguments = {argument: state[argument] for argument in _arguments(cls) if argument in state}
    for place in _PLACES:
        if not isinstance(arguments.get(place), (bool, type(None))):
            raise ValueError(f"{name} names a folder, {arguments[place]!r}")
    value = cls(**arguments)
    for beside, own in state.items():
        if beside in arguments:
            continue
        if beside not in _BESIDE.get(name, ()) and not (_is_estimator(cls) and re.fullmatch(r"_?[^\W_]\w*", beside)):
            raise ValueError(f"{name} has no {beside!r}")
        vars(value)[beside] = own
    if name == "sklearn.SVC":
        _check_svc(value)
    return value


def _arguments(cls: type) -> list[str]:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [name for name, one in inspect.signature(cls).parameters.items() if one.kind not in kinds]


def _is_estimator(cls: type) -> bool:
    return hasattr(cls, "get_params")


def _check_svc(value: Any) -> None:
    """Refuse arrays that do not fit each other: libsvm reads them without looking at their sizes."""
    fitted: dict[str, Any] = vars(value)
    if "support_" not in fitted:
        return
    counts = fitted["_n_support"]
    if value.kernel not in ("linear", "poly", "rbf", "sigmoid") or fitted["_sparse"] is not False:
        raise ValueError("only an SVC of vectors, dense and with a kernel of scikit-learn's, can be kept")
    n, n_classes = len(fitted["support_"]), len(counts)
    pairs = n_classes * (n_classes - 1) // 2
    shapes: dict[str, set[tuple[int, ...]]] = {
        "support_": {(n,)},
        "support_vectors_": {(n, value.n_features_in_)},
        "_dual_coef_": {(n_classes - 1, n)},
        "_intercept_": {(pairs,)},
        "_probA": {(0,), (pairs,)},
        "_probB": {(0,), (pairs,)},
    }
    if (counts < 0).any() or counts.sum() != n:
        raise ValueError("the support vectors of an SVC do not fit its classes")
    for name, allowed in shapes.items():
        if fitted[name].shape not in allowed:
            raise ValueError(f"the arrays of an SVC do not fit each other ({name})")
