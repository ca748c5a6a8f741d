"""NRC: predict as the neighbours do, most of all as those whose neighbour one is.

Yang, Wang, van de Weijer, Herranz and Jui, "Exploiting the Intrinsic Neighborhood Structure for Source-free Domain
Adaptation" (NeurIPS 2021). After the source is let go, for target clips i of a batch with probabilities p, the stored
ones s, N_i the K nearest clips by stored embedding and M_j the KK nearest of a neighbour j::

    mean_i [ - sum_{j in N_i} A_ij p_i . s_j  -  0.1 sum_{j in N_i} sum_{k in M_j} p_i . s_k ]  +  sum_c q_c log q_c

with A_ij = 1 where i is in M_j (reciprocal) and 0.1 elsewhere, and q the mean of p over the batch, whose negative
entropy keeps the classes apart. K = 4 and KK = 3.

Like the public code, expanded neighbours may include the clip itself, which stands for the paper's self-regularisation.
That code writes the attractions as ``kl_div`` on probabilities, whose gradient in p is that of the dot product that
stands here; values differ by a constant, steps do not.

Ours: the network, its optimiser and its length are those of all methods here.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from sere.baselines._network import Network
from sere.baselines._neural import Batch, Data, Objective
from sere.baselines._parts import Bank, diversity
from sere.baselines._source_free import SourceFreeBaseline
from sere.inputs.params import Rule, whole

#: Weight of a neighbour that is not reciprocal, and of neighbours of neighbours.
FAINT = 0.1


@dataclass(kw_only=True, eq=False, repr=False)
class NRC(SourceFreeBaseline):
    """Neighbourhood reciprocity clustering.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    n_neighbors : int, default=4
        K.
    n_expanded : int, default=3
        KK, neighbours of each neighbour.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import NRC
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = NRC(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    n_neighbors: int = 4
    n_expanded: int = 3

    _rules: ClassVar[dict[str, Rule]] = {"n_neighbors": whole(1), "n_expanded": whole(1)}

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        bank = Bank(network, data.target)

        def loss(batch: Batch) -> Tensor:
            z = network.embed(batch.target)
            p = network.classify(z).softmax(1)
            bank.update(batch.rows, z, p)
            near = bank.neighbours(batch.rows, self.n_neighbors)
            beyond = bank.neighbours(near.flatten(), self.n_expanded).unflatten(0, near.shape)
            reciprocal = (beyond == batch.rows[:, None, None]).any(2)
            return reciprocity(p, bank.scores[near], bank.scores[beyond], reciprocal)

        return loss


def reciprocity(p: Tensor, near: Tensor, beyond: Tensor, reciprocal: Tensor) -> Tensor:
    """Return the loss of a batch.

    Parameters
    ----------
    p : tensor of shape (n, n_classes)
    near : tensor of shape (n, K, n_classes)
        Stored probabilities of the neighbours.
    beyond : tensor of shape (n, K, KK, n_classes)
        Stored probabilities of their neighbours.
    reciprocal : bool tensor of shape (n, K)
    """
    affinity = torch.where(reciprocal, 1.0, FAINT)
    closely = (affinity * torch.einsum("ic,ikc->ik", p, near)).sum(1)
    faintly = FAINT * torch.einsum("ic,ikmc->i", p, beyond)
    return -(closely + faintly).mean() + diversity(p)
