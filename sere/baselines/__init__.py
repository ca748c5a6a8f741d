"""Comparison methods under one contract: the same clips, the same pools, the same standardisation, another idea.

Each is an estimator with the methods of :class:`sere.SEREClassifier` and may take its place anywhere. They see what it
sees through the same code: the same encoder, the same labeled clips, the same unlabeled pools, each domain and speaker
standardised without labels. A table of them compares ideas and nothing else.

:data:`METHODS` maps a short name, as the command line takes it, to each class.
"""

from sere.baselines._base import Baseline
from sere.baselines.label_spreading import LabelSpreading
from sere.baselines.references import LinearBaseline, NearestPrototype, SVMBaseline
from sere.baselines.self_training import SelfTraining
from sere.baselines.sinkhorn import SinkhornPrototypes

#: Short names and classes, simple ones first.
METHODS: dict[str, type[Baseline]] = {
    "lr": LinearBaseline,
    "svm": SVMBaseline,
    "prototype": NearestPrototype,
    "sinkhorn": SinkhornPrototypes,
    "self-training": SelfTraining,
    "label-spreading": LabelSpreading,
}

__all__ = ["METHODS", "Baseline", *sorted(method.__name__ for method in METHODS.values())]
