"""Speech emotion recognition for a language that nobody labeled.

``sere`` implements *Semantic-Emotional Resonance Embedding* behind scikit-learn estimators. Importing it
loads neither torch nor transformers; each public name is imported when it is first used (PEP 562).
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0.dev0"

_HOMES = {
    "SEREClassifier": "sere.estimators.classifier",
    "DynamicFeatureTransformer": "sere.estimators.dynamics",
    "HeterogeneousEncoder": "sere.estimators.encoder",
    "Embedding": "sere.chain",
    "ResonanceField": "sere.chain",
    "Assignment": "sere.chain",
    "Prototypes": "sere.chain",
    "TripleResonance": "sere.chain",
    "SelfTrainingHead": "sere.chain",
    "SereWarning": "sere.inputs.reading",
    "Utterances": "sere.inputs.utterances",
    "make_sere_pipeline": "sere.estimators.pipeline",
    "label": "sere.labeling",
    "timeline": "sere.timelines",
    "pretrain_encoder": "sere.estimators.pretrain",
    "save": "sere.persistence",
    "load": "sere.persistence",
    "export_onnx": "sere.persistence.exchange",
}
_MODULES = (
    "audio",
    "baselines",
    "calibration",
    "chain",
    "datasets",
    "encoders",
    "evaluation",
    "kernels",
    "method",
    "metrics",
    "plotting",
    "recordings",
    "report",
    "selection",
    "store",
    "tracks",
)

__all__ = ["__version__", *_HOMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"sere.{name}")
    raise AttributeError(f"module 'sere' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
