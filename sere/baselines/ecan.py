"""ECAN: neighbours contrast with the rest, and so do emotions as they are predicted.

After Zhao, Wang, Lu, Li, Schuller, Zong and Zheng, "Emotion-Aware Contrastive Adaptation Network for Source-Free
Cross-Corpus Speech Emotion Recognition" (ICASSP 2024): ``L_div + lambda L_ncl + beta L_scl``, with a memory bank of
embeddings and a bank of scores. With f the unit embeddings of a batch of target clips, stored ones v, N_i the K nearest
stored clips, y the class that the score bank predicts for a clip, and temperature T::

    L_div = sum_c q_c log q_c                                              q the batch's mean prediction
    L_ncl = mean_i mean_{j in N_i} -log [ exp(f_i . v_j / T) / sum_{a != i} exp(f_i . v_a / T) ]
    L_scl = mean_i mean_{j: y_j = y_i} -log [ exp(f_i . f_j / T) / sum_{a != i} exp(f_i . f_a / T) ]    (in the batch)

L_scl is supervised contrastive learning (Khosla et al., NeurIPS 2020) on pseudo-labels.

Assumed, since the paper gives them per task or not at all: K = 4, T = 0.1, lambda = beta = 0.5; that all stored clips
stand in L_ncl's denominator; and that a clip's pseudo-label is the class of its neighbours' and its own mean score. The
contrastive terms reach the classifier through the embedding alone.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sere.baselines._network import Network
from sere.baselines._neural import Batch, Data, Objective
from sere.baselines._parts import Bank, diversity
from sere.baselines._source_free import SourceFreeBaseline
from sere.inputs.params import Rule, number, whole


@dataclass(kw_only=True, eq=False, repr=False)
class ECAN(SourceFreeBaseline):
    """Emotion-aware contrastive adaptation.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    n_neighbors : int, default=4
        K.
    neighbor_weight, class_contrast_weight : float, default=0.5
        lambda and beta, of the contrast of neighbours and of classes.
    temperature : float, default=0.1
        Of both contrasts.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import ECAN
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = ECAN(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    n_neighbors: int = 4
    neighbor_weight: float = 0.5
    class_contrast_weight: float = 0.5
    temperature: float = 0.1

    _rules: ClassVar[dict[str, Rule]] = {
        "n_neighbors": whole(1),
        "neighbor_weight": number(0),
        "class_contrast_weight": number(0),
        "temperature": number(above=0),
    }

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        bank = Bank(network, data.target)

        def loss(batch: Batch) -> Tensor:
            z = network.embed(batch.target)
            p, f = network.classify(z).softmax(1), F.normalize(z, dim=1)
            bank.update(batch.rows, z, p)
            near = bank.neighbours(batch.rows, self.n_neighbors)
            stored = f @ bank.features.T / self.temperature
            closeness = torch.zeros_like(stored).scatter(1, near, 1.0)
            y = (bank.scores[near].sum(1) + bank.scores[batch.rows]).argmax(1)
            others = f @ f.T / self.temperature
            here = torch.arange(len(f))
            return (
                diversity(p)
                + self.neighbor_weight * contrast(stored, closeness, batch.rows)
                + self.class_contrast_weight * contrast(others, (y[:, None] == y[None]).float(), here)
            )

        return loss


def contrast(scores: Tensor, positive: Tensor, own: Tensor) -> Tensor:
    """Return the mean over clips of their positives' mean negative log-share; clips without positives do not count.

    Parameters
    ----------
    scores : tensor of shape (n, m)
        Likeness over temperature.
    positive : tensor of shape (n, m)
        1 for positives.
    own : int64 tensor of shape (n,)
        Column of the clip itself, which takes no part.
    """
    itself = F.one_hot(own, scores.shape[1]).bool()
    log_share = scores.masked_fill(itself, -torch.inf).log_softmax(1).masked_fill(itself, 0.0)
    positive = positive.masked_fill(itself, 0.0)
    counts = positive.sum(1)
    if not bool(counts.any()):
        return scores.sum() * 0.0
    return -((positive * log_share).sum(1)[counts > 0] / counts[counts > 0]).mean()
