"""Adaptation without the source: learn from it, let it go, then take the target pool alone.

`fit` does both, one after the other, and the second, :meth:`SourceFreeBaseline.adapt`, can come later and elsewhere: a
model saved after a fit without target pool holds no clip of the source, only the network and the means and SDs of
descriptors, and `adapt` gives bit for bit what `fit` with that pool would have given.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from sere.baselines._base import Fitted
from sere.baselines._clips import ClipSpace, Lesson, Rows
from sere.baselines._network import NetworkHead
from sere.baselines._neural import NeuralBaseline, tensors
from sere.estimators.given import corpora_of, described, numbered
from sere.inputs.reading import as_pools
from sere.inputs.skipping import Skipping
from sere.inputs.utterances import Utterances
from sere.kernels.workers import small_operations


@dataclass(kw_only=True, eq=False, repr=False)
class SourceFreeBaseline(NeuralBaseline):
    """Base of the source-free methods; `epochs` counts for each stage."""

    def adapt(self, X_unlabeled_tgt: Any) -> Self:
        """Adapt a fitted model to a target pool; no clip of the source is needed or kept.

        Parameters
        ----------
        X_unlabeled_tgt : clips, or tuple of clips
            As in fit.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            The pool is empty, or its clips come from an encoder that embedded no clip of the source.
        """
        model = self._fitted()
        self._check_params()
        pools = as_pools(X_unlabeled_tgt, -1, "X_unlabeled_tgt")
        skipping = Skipping(self.on_error)
        targets = self._read_pools(pools, "X_unlabeled_tgt", self.target_language, skipping)
        if not targets:
            raise ValueError("X_unlabeled_tgt is empty; adapt needs clips of the target language")
        targets = self._embed_pools(targets, "target", "X_unlabeled_tgt", skipping)
        self.skipped_ = skipping.records
        skipping.warn()
        self._model = self._adapted(model, targets)
        before = [record for record in getattr(self, "given_", []) if not record["where"].startswith("X_unlabeled_tgt")]
        self.given_ = before + [
            described(numbered("X_unlabeled_tgt", k, pools), pool, corpora_of(table))
            for k, (pool, table) in enumerate(zip(targets, pools, strict=True))
        ]
        return self

    def _fit_clips(
        self, labeled: Utterances, codes: np.ndarray, source: Utterances | None, targets: list[Utterances], seed: int
    ) -> Fitted:
        space = ClipSpace.learn(labeled, source, [], self.speaker_shrinkage, self._over_frames)
        nobody = space.target_rows([])
        lesson = Lesson(space.source_rows(labeled), codes, len(self.classes_), space.source_rows(source), nobody, seed)
        model = Fitted(space, self._learn(lesson), seed)
        return self._adapted(model, targets) if targets else model

    def _adapted(self, model: Fitted, targets: list[Utterances]) -> Fitted:
        """Return a model further trained on the target pools: it is all there is, beside them."""
        space, head = deepcopy(model.space), model.head
        new = {name for pool in targets if pool.encoders is not None for name in pool.encoders}
        if not new <= set(space.preparation.names):
            raise ValueError(
                f"the target was embedded by {sorted(new)} and the source by {sorted(space.preparation.names)}; a "
                "source-free method cannot learn how two encoders meet: use one encoder"
            )
        space.learn_targets(targets)
        rows = space.target_rows(targets)
        nothing = Rows(rows.vectors[:0], [])
        lesson = Lesson(nothing, np.empty(0, dtype=np.int64), len(head.state["classes"]), nothing, rows, model.seed)
        with torch.random.fork_rng(devices=[]), small_operations():
            torch.manual_seed(lesson.seed)
            network = head.thaw()
            self._train(network, tensors(lesson, self._over_frames), self._objective, lesson.seed)
        return Fitted(space, NetworkHead.of(network, head.shape), model.seed)
