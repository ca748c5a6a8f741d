"""Adam, as torch computes it, to the bit.

The optimiser of torch is wrapped for its compiler, which it loads when the first one is made: a second of imports for
a network of a few small matrices, and half a millisecond a step. The update itself is short.

Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1, in the order of operations of
:class:`torch.optim.Adam`.
"""

import math
from typing import Any

import torch
from torch import Tensor

#: Decay of the running means of gradients and of their squares.
DECAY = (0.9, 0.999)
EPSILON = 1e-8


class Adam:
    """Steps of Adam for groups of parameters.

    Parameters
    ----------
    groups : list of dict
        Each with ``params`` and their learning rate ``lr``.
    """

    def __init__(self, groups: list[dict[str, Any]]):
        self.parameters = [(p, float(group["lr"])) for group in groups for p in group["params"]]
        self.moments: dict[Tensor, tuple[Tensor, Tensor]] = {}
        self.steps: dict[Tensor, int] = {}

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient, and forget the gradients."""
        for parameter, rate in self.parameters:
            gradient = parameter.grad
            if gradient is None:
                continue
            if parameter not in self.moments:
                self.moments[parameter] = torch.zeros_like(parameter), torch.zeros_like(parameter)
            mean, square = self.moments[parameter]
            step = self.steps[parameter] = self.steps.get(parameter, 0) + 1
            mean.lerp_(gradient, 1 - DECAY[0])
            square.mul_(DECAY[1]).addcmul_(gradient, gradient, value=1 - DECAY[1])
            spread = (square.sqrt() / math.sqrt(1 - DECAY[1] ** step)).add_(EPSILON)
            parameter.addcdiv_(mean, spread, value=-rate / (1 - DECAY[0] ** step))
            parameter.grad = None
