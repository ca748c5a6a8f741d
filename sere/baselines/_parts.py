"""Parts that several objectives are built from: kernels, gradient reversal, views, memory banks."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sere.baselines._network import Clips, Network

#: Keeps logarithms and divisions finite.
EPS = 1e-8
#: Kernels of :func:`mk_mmd`.
WIDTHS = 5


def mlp(*widths: int, norm: bool = False) -> nn.Sequential:
    """Return linear layers with GELU between them, and batch normalisation before it where wanted."""
    layers: list[nn.Module] = []
    for first, second in pairwise(widths):
        layers += [nn.Linear(first, second), nn.BatchNorm1d(second) if norm else nn.Identity(), nn.GELU()]
    return nn.Sequential(*layers[:-2])


def mk_mmd(a: Tensor, b: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy under a sum of Gaussian kernels.

    Unbiased estimate over all pairs (Gretton et al., JMLR 2012, Eq. 3). Kernel k is
    ``exp(-|x - y|^2 / (2 * 2^k * m))``, k = -3..1, m the mean squared distance of all pairs.

    Parameters
    ----------
    a, b : tensor of shape (n, p) and (m, p), n and m at least 2
    """
    both = torch.cat([a, b])
    power = both.square().sum(1)
    squared = (power[:, None] + power - 2 * both @ both.T).clamp_min(0)
    # The widest kernel; the square of each is the next, of half its bandwidth.
    kernels = [torch.exp(squared / (-4 * squared.detach().mean().clamp_min(EPS)))]
    for _ in range(WIDTHS - 1):
        kernels.append(kernels[-1].square())
    n, m, kernel = len(a), len(b), torch.stack(kernels).sum(0)
    # On the diagonal each kernel is 1.
    within_a = (kernel[:n, :n].sum() - WIDTHS * n) / (n * (n - 1))
    within_b = (kernel[n:, n:].sum() - WIDTHS * m) / (m * (m - 1))
    return within_a + within_b - 2 * kernel[:n, n:].mean()


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(values: Tensor, strength: float) -> Tensor:
    """Return values as they are, their gradient turned round (Ganin and Lempitsky, ICML 2015)."""
    return _Reversal.apply(values, strength)  # type: ignore[no-untyped-call]


def ramp(progress: float) -> float:
    """Return Ganin's schedule ``2 / (1 + exp(-10 t)) - 1``, from 0 to 1."""
    return 2 / (1 + math.exp(-10 * progress)) - 1


def weak_view(clips: Clips) -> Clips:
    """Return clips with a little noise (SD 0.1) on their standardised vectors."""
    return replace(clips, x=clips.x + 0.1 * torch.randn_like(clips.x))


def strong_view(clips: Clips) -> Clips:
    """Return clips with noise (SD 0.3), and three of ten descriptors unknown: at their mean, 0."""
    kept = torch.rand_like(clips.x) > 0.3
    return replace(clips, x=kept * (clips.x + 0.3 * torch.randn_like(clips.x)))


def diversity(p: Tensor) -> Tensor:
    """Return the negative entropy of the mean prediction: small where all classes are predicted equally often."""
    mean = p.mean(0)
    return (mean * torch.log(mean + EPS)).sum()


class Bank:
    """Unit embeddings and class probabilities of the whole target pool, as they last were.

    Attributes
    ----------
    features : tensor of shape (n, p)
    scores : tensor of shape (n, n_classes)
    """

    @torch.no_grad()
    def __init__(self, network: Network, clips: Clips):
        z = network.embed(clips)
        self.features, self.scores = F.normalize(z, dim=1), network.classify(z).softmax(1)

    @torch.no_grad()
    def update(self, rows: Tensor, z: Tensor, p: Tensor) -> None:
        """Put in what some clips have become."""
        self.features[rows], self.scores[rows] = F.normalize(z, dim=1), p

    @torch.no_grad()
    def neighbours(self, rows: Tensor, k: int) -> Tensor:
        """Return the k clips nearest to some, by cosine and without themselves, (n, k), or fewer in a small pool."""
        likeness = self.features[rows] @ self.features.T
        likeness.scatter_(1, rows[:, None], -torch.inf)
        return likeness.topk(min(k, len(self.features) - 1), dim=1).indices
