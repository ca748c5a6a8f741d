"""DAN: align what the network makes of both languages, under many kernels at once.

Long, Cao, Wang and Jordan, "Learning Transferable Features with Deep Adaptation Networks" (ICML 2015). Objective, with
z the embeddings of a batch of the source (shots and source pool) and of the target::

    CE(shots) + mmd_weight * MK-MMD^2(z_s, z_t)

Kernels: Gaussians of bandwidth 2^k times the mean squared distance, k = -3..1, all of the same weight, as in the public
implementation (Transfer-Learning-Library), which this loss equals up to its constant and the estimate: with batches of
unlike sizes it is the unbiased one over all pairs (:func:`sere.baselines._parts.mk_mmd`).

Ours: one adapted layer, the embedding, because the shared network has one; the paper learns the kernels' weights and
adapts three layers of AlexNet. ``mmd_weight`` 1, the library's choice.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from sere.baselines._network import Network
from sere.baselines._neural import Batch, Data, NeuralBaseline, Objective, shot_loss
from sere.baselines._parts import mk_mmd
from sere.inputs.params import Rule, number


@dataclass(kw_only=True, eq=False, repr=False)
class DAN(NeuralBaseline):
    """Deep adaptation network.

    Takes the parameters of all neural methods, and its own.

    Parameters
    ----------
    mmd_weight : float, default=1.0
        Weight of the discrepancy.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sere.baselines import DAN
    >>> X, y = make_blobs(60, centers=3, random_state=1)
    >>> target = X[15:] + 5.0  # as another language sounds
    >>> model = DAN(random_state=0).fit(X[:15], y[:15], X_unlabeled_tgt=(target,))
    >>> model.score(target, y[15:]) > 0.9
    True
    """

    mmd_weight: float = 1.0

    _rules: ClassVar[dict[str, Rule]] = {"mmd_weight": number(0)}
    _pools: ClassVar[tuple[str, ...]] = ("source", "target")

    def _objective(self, network: Network, helpers: nn.ModuleDict, data: Data) -> Objective:
        def loss(batch: Batch) -> Tensor:
            near, far = network.embed_each(batch.near, batch.target)
            shots = shot_loss(network.classify(near[: len(batch.y)]), batch.y)
            return shots + self.mmd_weight * mk_mmd(near, far) if len(far) > 1 else shots

        return loss
