"""Comparison methods under one contract: the same clips, the same pools, the same standardisation, another idea.

Each is an estimator with the methods of :class:`sere.SEREClassifier` and may take its place anywhere. They see what it
sees through the same code: the same encoder, the same labeled clips, the same unlabeled pools, each domain and speaker
standardised without labels. A table of them compares ideas and nothing else.

:data:`METHODS` maps a short name, as the command line takes it, to each class. :class:`SkadaBaseline` is among them
where skada is installed.

Importing this package loads no torch, which many of them need; they are imported when one is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sere.baselines.registry import (
        APART,
        BYOL,
        CIAN,
        DAN,
        ECAN,
        JDAR,
        JIASL,
        LRJDA,
        METHODS,
        NRC,
        UERMS,
        AaD,
        ADoGT,
        Baseline,
        Evidence,
        FixMatch,
        LabelSpreading,
        LinearBaseline,
        MixMatch,
        MultiSource,
        NearestPrototype,
        PseudoLabel,
        SelfTraining,
        SimSiam,
        SinkhornPrototypes,
        SkadaBaseline,
        SourceOnly,
        SVMBaseline,
        ZeroShot,
    )

__all__ = [
    "APART",
    "BYOL",
    "CIAN",
    "DAN",
    "ECAN",
    "JDAR",
    "JIASL",
    "LRJDA",
    "METHODS",
    "NRC",
    "UERMS",
    "ADoGT",
    "AaD",
    "Baseline",
    "Evidence",
    "FixMatch",
    "LabelSpreading",
    "LinearBaseline",
    "MixMatch",
    "MultiSource",
    "NearestPrototype",
    "PseudoLabel",
    "SVMBaseline",
    "SelfTraining",
    "SimSiam",
    "SinkhornPrototypes",
    "SkadaBaseline",
    "SourceOnly",
    "ZeroShot",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.registry"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
