"""The network of all neural methods without any adaptation: what their objectives are to be measured against.

Objective: the shots' cross-entropy, each class of the same weight::

    mean_c mean_{i in c} -log p(c | x_i)
"""

from dataclasses import dataclass
from typing import ClassVar

from sere.baselines._neural import NeuralBaseline


@dataclass(kw_only=True, eq=False, repr=False)
class SourceOnly(NeuralBaseline):
    """The shared network trained on the labeled clips alone; takes the parameters of all neural methods.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import SourceOnly
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = SourceOnly(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    _pools: ClassVar[tuple[str, ...]] = ()
    _needs: ClassVar[tuple[str, ...]] = ()
