"""One training loop for all neural methods.

A method hands over an *objective*: called with a :class:`Batch` it returns the loss. Everything else is here: epochs,
minibatches of shots and both pools, the optimiser, the schedule, randomness that leaves no trace outside.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sere.baselines._base import Baseline, Head
from sere.baselines._clips import Lesson
from sere.baselines._descent import Descent
from sere.baselines._network import Clips, Network, NetworkHead, join
from sere.inputs.params import Rule, number, whole
from sere.kernels.workers import small_operations
from sere.progress import progress


@dataclass(frozen=True)
class Data:
    """A lesson as tensors.

    Attributes
    ----------
    shots : Clips
    y : int64 tensor of shape (n,)
    n_classes : int
    source, target : Clips
    """

    shots: Clips
    y: Tensor
    n_classes: int
    source: Clips
    target: Clips


@dataclass(frozen=True)
class Batch:
    """What one step sees.

    Attributes
    ----------
    shots : Clips
    y : int64 tensor
    source, target : Clips
        Of length 0 where there is no pool.
    rows : int64 tensor
        Where the target's clips stand in their pool, for memory banks.
    progress : float
        Part of the training that is done, 0..1.
    """

    shots: Clips
    y: Tensor
    source: Clips
    target: Clips
    rows: Tensor
    progress: float

    @cached_property
    def near(self) -> Clips:
        """All clips of the source domain."""
        return join(self.shots, self.source)

    @cached_property
    def unlabeled(self) -> Clips:
        """The clips of both pools."""
        return join(self.source, self.target)


Objective = Callable[[Batch], Tensor]


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralBaseline(Baseline):
    """Base of the neural methods.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the hidden layer, a multiple of 4.
    sharpness : float, default=10.0
        Factor between cosines and logits.
    epochs : int, default=30
        Passes over the largest of shots and pools.
    learning_rate : float, default=0.01
        Of stochastic gradient descent with Nesterov's momentum of 0.9, as DAN, AaD and NRC have it; it falls to 0 along
        a cosine.
    batch_size : int, default=64
        Shots, and clips of each pool, in a step.
    weight_decay : float, default=1e-3
        Decay of all weights towards 0, the papers' too.
    """

    hidden_dim: int = 64
    sharpness: float = 10.0
    epochs: int = 30
    learning_rate: float = 0.01
    batch_size: int = 64
    weight_decay: float = 1e-3

    _rules: ClassVar[dict[str, Rule]] = {
        "hidden_dim": Rule(
            "a whole number of at least 4 and a multiple of 4", lambda value: whole(4).fits(value) and value % 4 == 0
        ),
        "sharpness": number(above=0),
        "epochs": whole(0),
        "learning_rate": number(above=0),
        "batch_size": whole(2),
        "weight_decay": number(0),
    }
    #: Pools without which nothing but the shots' cross-entropy is left.
    _needs: ClassVar[tuple[str, ...]] = ("target",)
    #: How much faster the method's own modules learn than the network.
    _helper_pace: ClassVar[float] = 1.0

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        """Return the method's loss of a batch.

        Parameters
        ----------
        network : Network
        helpers : ModuleDict
            Takes further modules, which train with the network and are gone afterwards.
        data : Data
            All clips, for memory banks.
        """
        return lambda batch: shot_loss(network(batch.shots), batch.y)

    def _learn(self, lesson: Lesson) -> Head:
        shape = self._shape(lesson)
        with torch.random.fork_rng(devices=[]), small_operations():
            torch.manual_seed(lesson.seed)
            network, data = Network(*shape), tensors(lesson, self._over_frames)
            network.start_at_prototypes(data.shots, data.y)
            self._train(network, data, self._chosen(lesson), lesson.seed)
        return NetworkHead.of(network, shape)

    def _shape(self, lesson: Lesson) -> tuple[int, int, int, int, float]:
        frame_width = lesson.shots.frames[0].shape[1] if self._over_frames else 0
        return lesson.shots.vectors.shape[1], frame_width, self.hidden_dim, lesson.n_classes, self.sharpness

    def _chosen(self, lesson: Lesson) -> Callable[[Network, nn.ModuleDict, Data], Objective]:
        """The method's objective, or the shots' cross-entropy where a pool that it needs is missing."""
        there = {"source": len(lesson.source), "target": len(lesson.target)}
        missing = [name for name in self._needs if not there[name]] or not any(there[name] for name in self._pools)
        return NeuralBaseline._objective.__get__(self) if missing else self._objective

    def _train(
        self,
        network: Network,
        data: Data,
        make: Callable[[Network, nn.ModuleDict, Data], Objective],
        seed: int,
    ) -> None:
        """Take gradient steps on an objective."""
        helpers = nn.ModuleDict()
        objective = make(network, helpers, data)
        # Adam would take full steps along whatever gradient is left once a few shots are satisfied.
        descents = [
            (Descent(list(network.parameters()), self.weight_decay), self.learning_rate),
            (Descent(list(helpers.parameters()), self.weight_decay), self.learning_rate * self._helper_pace),
        ]
        n_steps = self.epochs * steps(data, self.batch_size)
        with progress(n_steps, type(self).__name__, "step", self.verbose) as bar:
            for batch in batches(data, self.batch_size, n_steps, seed):
                objective(batch).backward()
                for descent, rate in descents:
                    descent.step(rate * (1 + math.cos(math.pi * batch.progress)) / 2)
                bar.update()


def shot_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy of shots, each class that is there of the same weight."""
    counts = torch.bincount(y, minlength=logits.shape[1]).clamp_min(1)
    return F.cross_entropy(logits, y, weight=counts.to(logits.dtype).reciprocal())


def tensors(lesson: Lesson, over_frames: bool) -> Data:
    """Return a lesson as tensors."""
    shots, source, target = (Clips.of(rows, over_frames) for rows in (lesson.shots, lesson.source, lesson.target))
    return Data(shots, torch.from_numpy(np.asarray(lesson.y)).long(), lesson.n_classes, source, target)


def steps(data: Data, batch_size: int) -> int:
    """Return how many steps make an epoch: those that the largest of shots and pools takes."""
    return -(-max(map(len, (data.shots, data.source, data.target))) // batch_size)


def batches(data: Data, batch_size: int, n_steps: int, seed: int) -> Iterator[Batch]:
    """Yield minibatches; each of shots and pools is gone through in random order, again and again."""
    random = np.random.default_rng(seed)
    rows = {name: _endless(len(getattr(data, name)), batch_size, random) for name in ("shots", "source", "target")}
    for step in range(n_steps):
        shots, source, target = (torch.from_numpy(next(rows[name])) for name in ("shots", "source", "target"))
        yield Batch(
            data.shots.take(shots),
            data.y[shots],
            data.source.take(source),
            data.target.take(target),
            target,
            step / n_steps,
        )


def _endless(n: int, size: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield `size` different rows of n at a time (all n where there are fewer), reshuffled when too few are left."""
    size, order = min(size, n), np.empty(0, dtype=np.int64)
    while True:
        if len(order) < size:
            order = random.permutation(n)
        yield order[:size]
        order = order[size:]
