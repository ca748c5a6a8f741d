"""AaD: attract the predictions of neighbours, disperse all others.

Yang, Wang, Wang, Jui and van de Weijer, "Attracting and Dispersing: A Simple Approach for Source-free Domain
Adaptation" (NeurIPS 2022). After the source is let go, for target clips i of a batch with probabilities p, the stored
ones s, and N_i the K nearest clips of the whole pool by stored embedding::

    mean_i [ - sum_{j in N_i} p_i . s_j  +  lambda sum_{m in batch, m != i} p_i . p_m ]

with lambda = (1 + 10 t / T)^-beta at step t of T; K = 4 and beta = 0.75. The public code writes the attraction as
``kl_div`` on probabilities, whose value is ``sum s log s - p . s`` and whose gradient in p is that of the plain dot
product; here stands the dot product, so the values differ by a constant and the steps do not.

Ours: the network, its optimiser and its length are those of all methods here.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from sere.baselines._network import Network
from sere.baselines._neural import Batch, Data, Objective
from sere.baselines._parts import Bank
from sere.baselines._source_free import SourceFreeBaseline
from sere.inputs.params import Rule, number, whole


@dataclass(kw_only=True, eq=False, repr=False)
class AaD(SourceFreeBaseline):
    """Attracting and dispersing.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    n_neighbors : int, default=4
        K.
    beta : float, default=0.75
        How fast dispersion fades.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import AaD
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = AaD(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    n_neighbors: int = 4
    beta: float = 0.75

    _rules: ClassVar[dict[str, Rule]] = {"n_neighbors": whole(1), "beta": number(0)}

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        bank = Bank(network, data.target)

        def loss(batch: Batch) -> Tensor:
            z = network.embed(batch.target)
            p = network.classify(z).softmax(1)
            bank.update(batch.rows, z, p)
            near = bank.scores[bank.neighbours(batch.rows, self.n_neighbors)]
            return attract_and_disperse(p, near, (1 + 10 * batch.progress) ** -self.beta)

        return loss


def attract_and_disperse(p: Tensor, near: Tensor, strength: float) -> Tensor:
    """Return the loss of a batch.

    Parameters
    ----------
    p : tensor of shape (n, n_classes)
    near : tensor of shape (n, K, n_classes)
        Stored probabilities of the neighbours.
    strength : float
        lambda.
    """
    attracted = torch.einsum("ic,ikc->i", p, near)
    likeness = p @ p.T
    dispersed = likeness.sum(1) - likeness.diagonal()
    return (strength * dispersed - attracted).mean()
