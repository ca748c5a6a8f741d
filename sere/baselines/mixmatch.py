"""MixMatch: sharpened guesses for the pools, and everything mixed with everything.

Berthelot, Carlini, Goodfellow, Papernot, Oliver and Raffel, "MixMatch: A Holistic Approach to Semi-Supervised Learning"
(NeurIPS 2019). A pool's clip u gets the guess ``q = sharpen(mean_k p(view_k(u)), T)``, sharpen raising to 1/T and
normalising. Shots with their labels and pools with their guesses, W, are mixed: with w a random partner from W,
``l ~ Beta(alpha, alpha)`` and ``l' = max(l, 1 - l)``, each input and target becomes ``l' own + (1 - l') partner``::

    mean CE(mixed shots) + weight(t) mean |p - q|^2  over the mixed pools,      weight rises from 0 over the training

Two views, T = 0.5 and alpha = 0.75 as in the paper, whose weight is 75 or 100 with ten classes; here 75. Ours: views of
standardised descriptors; the clips' vectors are mixed, as the paper mixes images.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sere.baselines._network import Clips, Network, join
from sere.baselines._neural import Batch, Data, NeuralBaseline, Objective
from sere.baselines._parts import weak_view
from sere.inputs.params import Rule, number

#: Views behind a guess.
VIEWS = 2


@dataclass(kw_only=True, eq=False, repr=False)
class MixMatch(NeuralBaseline):
    """MixMatch over both pools.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    consistency_weight : float, default=75.0
        Weight of the pools at the end.
    temperature : float, default=0.5
        T of the sharpening.
    alpha : float, default=0.75
        Of the Beta distribution of the mixing.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import MixMatch
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = MixMatch(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    consistency_weight: float = 75.0
    temperature: float = 0.5
    alpha: float = 0.75

    _rules: ClassVar[dict[str, Rule]] = {
        "consistency_weight": number(0),
        "temperature": number(above=0),
        "alpha": number(above=0),
    }
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")
    _needs: ClassVar[tuple[str, ...]] = ()

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        mixing = torch.distributions.Beta(float(self.alpha), float(self.alpha))

        def loss(batch: Batch) -> Tensor:
            views = [weak_view(batch.unlabeled) for _ in range(VIEWS)]
            with torch.no_grad():
                told = network(join(*views)).softmax(1).chunk(VIEWS)
                guess = sharpen(torch.stack(told).mean(0), self.temperature)
            shots, n_shots = weak_view(batch.shots), len(batch.y)
            x = torch.cat([shots.x, *(view.x for view in views)])
            q = torch.cat([F.one_hot(batch.y, data.n_classes).to(guess.dtype), *([guess] * VIEWS)])
            partner = torch.randperm(len(x))
            share = mixing.sample((len(x), 1))
            share = torch.maximum(share, 1 - share)
            x, q = share * x + (1 - share) * x[partner], share * q + (1 - share) * q[partner]
            logits = network(Clips(x))
            known = F.cross_entropy(logits[:n_shots], q[:n_shots])
            unknown = (logits[n_shots:].softmax(1) - q[n_shots:]).square().mean()
            return known + batch.progress * self.consistency_weight * unknown

        return loss


def sharpen(p: Tensor, temperature: float) -> Tensor:
    """Return probabilities raised to 1 / temperature and normalised, (n, n_classes)."""
    raised = p ** (1 / temperature)
    return raised / raised.sum(1, keepdim=True)
