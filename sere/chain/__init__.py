"""The paper's chain, a room for each of its parts: each holds its options, checks them and does its step.

=============================  ======================================  ========
room                           what it does                            equation
=============================  ======================================  ========
:class:`Embedding`             a clip's frames, dynamics beside them   2
:class:`ResonanceField`        where two clips erupt alike             3-6
:class:`Assignment`            which emotion an unlabeled clip joins   7
:class:`Prototypes`            what an emotion sounds like             7
:class:`TripleResonance`       what training pulls together            8-10
:class:`SelfTrainingHead`      what answers on the target pool teach   (ours)
=============================  ======================================  ========

Rooms are small scikit-learn objects: ``SEREClassifier(field=ResonanceField(tau=0.5))``, and in a grid ``field__tau``.

Importing this package loads no torch; each room is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sere.chain.assignment import Assignment
    from sere.chain.embedding import Embedding
    from sere.chain.field import ResonanceField
    from sere.chain.losses import TripleResonance
    from sere.chain.prototypes import Prototypes
    from sere.chain.self_training import SelfTrainingHead

_HOMES = {
    "Assignment": "assignment",
    "Embedding": "embedding",
    "Prototypes": "prototypes",
    "ResonanceField": "field",
    "SelfTrainingHead": "self_training",
    "TripleResonance": "losses",
}

__all__ = ["Assignment", "Embedding", "Prototypes", "ResonanceField", "SelfTrainingHead", "TripleResonance"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
