"""The network of all neural methods without any adaptation: what their objectives are to be measured against.

Objective: the shots' cross-entropy, each class of the same weight::

    mean_c mean_{i in c} -log p(c | x_i)
"""

from dataclasses import dataclass
from typing import ClassVar

from sere.baselines._neural import NeuralBaseline


@dataclass(kw_only=True, eq=False, repr=False)
class SourceOnly(NeuralBaseline):
    """The shared network trained on the labeled clips alone; takes the parameters of all neural methods."""

    _pools: ClassVar[tuple[str, ...]] = ()
    _needs: ClassVar[tuple[str, ...]] = ()
