"""Stochastic gradient descent with Nesterov's momentum, as torch computes it, to the bit.

Torch's own optimiser loads torch's compiler when the first one is made, and each of its steps takes longer than the
gradients of a small network; see :mod:`sere.training.adam`, where the same holds.

Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013, in
the order of operations of :class:`torch.optim.SGD`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

#: Of the gradients.
MOMENTUM = 0.9


class Descent:
    """Steps of gradient descent.

    Parameters
    ----------
    parameters : sequence of Tensor
    weight_decay : float
        Decay of all parameters towards 0.
    """

    def __init__(self, parameters: Sequence[Tensor], weight_decay: float):
        self.parameters, self.weight_decay = parameters, weight_decay
        self.momenta: dict[Tensor, Tensor] = {}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every parameter that has a gradient at a learning rate, and forget the gradients."""
        for parameter in self.parameters:
            if parameter.grad is None:
                continue
            gradient = parameter.grad.add(parameter, alpha=self.weight_decay)
            if parameter in self.momenta:
                self.momenta[parameter].mul_(MOMENTUM).add_(gradient)
            else:
                self.momenta[parameter] = gradient.clone()
            parameter.add_(gradient.add_(self.momenta[parameter], alpha=MOMENTUM), alpha=-rate)
            parameter.grad = None
