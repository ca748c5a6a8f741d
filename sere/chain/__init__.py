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
"""

from sere.chain.assignment import Assignment
from sere.chain.embedding import Embedding
from sere.chain.field import ResonanceField
from sere.chain.losses import TripleResonance
from sere.chain.prototypes import Prototypes
from sere.chain.self_training import SelfTrainingHead

__all__ = ["Assignment", "Embedding", "Prototypes", "ResonanceField", "SelfTrainingHead", "TripleResonance"]
