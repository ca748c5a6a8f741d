"""Graph propagation: labels spread along the nearest neighbours of shots and pools.

Zhou, Bousquet, Lal, Weston and Schoelkopf, "Learning with local and global consistency" (NeurIPS 2003); scikit-learn's
:class:`~sklearn.semi_supervised.LabelSpreading`. With S the normalised graph, Y the shots' labels and F the clips'
distributions::

    F <- alpha S F + (1 - alpha) Y

The graph joins each clip with its nearest neighbours. A clip to predict takes the mean distribution of its nearest
clips of fit, as scikit-learn does.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.semi_supervised import LabelSpreading as SpreadingModel

from sere.baselines._base import Baseline, Head
from sere.baselines._clips import Lesson
from sere.baselines._heads import NeighbourHead
from sere.inputs.params import Rule, number, whole


@dataclass(kw_only=True, eq=False, repr=False)
class LabelSpreading(Baseline):
    """Labels that spread through both pools.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    n_neighbors : int, default=10
        Neighbours of each clip in the graph.
    alpha : float, default=0.9
        How much a clip takes from its neighbours instead of its label, above 0 and below 1. The paper takes 0.99,
        scikit-learn 0.2, with which little reaches clips that are some steps away from the shots.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import LabelSpreading
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = LabelSpreading(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    n_neighbors: int = 10
    alpha: float = 0.9

    _rules: ClassVar[dict[str, Rule]] = {"n_neighbors": whole(1), "alpha": number(above=0, below=1)}
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")

    def _learn(self, lesson: Lesson) -> Head:
        unlabeled = np.vstack([lesson.source.vectors, lesson.target.vectors])
        X = np.vstack([lesson.shots.vectors, unlabeled])
        y = np.concatenate([lesson.y, np.full(len(unlabeled), -1)])
        n_neighbors = min(self.n_neighbors, len(X))
        model = SpreadingModel(kernel="knn", n_neighbors=n_neighbors, alpha=self.alpha, max_iter=300)
        return NeighbourHead(X, model.fit(X, y).label_distributions_, n_neighbors)
