"""What a fitted SEREClassifier says of clips beside its predictions: where they lie, whom they are like, and why."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sere.audio import Clip
from sere.estimators.audio_classifier import AudioClassifier
from sere.estimators.dynamics import DynamicFeatureTransformer
from sere.estimators.explanation import Explanation
from sere.inputs.params import check_arguments, whole


class BesidePredictions(AudioClassifier):
    """Embeddings, resonance with the labeled clips, explanations; a part of :class:`~sere.SEREClassifier`."""

    dynamics_: DynamicFeatureTransformer

    @property
    def _n_features_out(self) -> int:
        return int(self._fitted().prototypes.shape[1])

    @property
    def prototypes_(self) -> np.ndarray:
        """Enhanced prototypes (Eq. 7), (n_classes, p)."""
        prototypes: np.ndarray = self._fitted().prototypes
        return prototypes

    @property
    def tau_(self) -> float:
        """Learned temperature of the synchrony (Eq. 4)."""
        return float(self._fitted().tau)

    @property
    def temperature_(self) -> float:
        """By what scores are divided before they become probabilities."""
        return float(self._fitted().temperature)

    def transform(self, X: Any) -> np.ndarray:
        """Embedding of each clip: the mean of its enhanced representation (Eq. 2).

        Parameters
        ----------
        X : clips, in any form of the class's notes

        Returns
        -------
        ndarray of shape (n, p)
        """
        return np.concatenate([self._fitted().embed(chunk) for chunk in self._chunks(X)])

    def resonance(self, X: Any) -> np.ndarray:
        """Instantaneous resonance field of each clip with each labeled shot (Eq. 3-6).

        Parameters
        ----------
        X : clips, in any form of the class's notes

        Returns
        -------
        ndarray of shape (n, n_shots)
            Columns in the order of fit's X.
        """
        return np.concatenate([self._fitted().resonance(chunk) for chunk in self._chunks(X)])

    def moments(self, X: Any = None) -> list[Any]:
        """Frames of each clip that take part in resonance, as the model sees them.

        Parameters
        ----------
        X : clips, in any form of the class's notes, optional
            The labeled clips of fit when not given.

        Returns
        -------
        list of ClipFrames
            Each a named tuple of ``frames`` (n_frames, p), Eq. 2; ``intensity`` (n_frames,), Eq. 3; ``seconds``
            (n_frames,), where they begin.
        """
        if X is None:
            return list(self._fitted().shots)
        return [clip for chunk in self._chunks(X) for clip in self._fitted().moments(chunk)]

    def explain(self, X: Any, n_shots: int = 3) -> list[Explanation]:
        """Say why each clip gets its emotion: what counts, which labeled clips it is like, and at which moments.

        Parameters
        ----------
        X : clips, in any form of the class's notes
        n_shots : int, default=3
            Labeled clips of the emotion to compare each clip with, at most.

        Returns
        -------
        list of Explanation
            ``print`` says it in words; see :class:`~sere.estimators.explanation.Explanation`.
        """
        from sere.training.reasons import reasons

        check_arguments({"n_shots": whole(1)}, n_shots=n_shots)
        model, found = self._fitted(), []
        for chunk in self._chunks(X):
            nothing = (None,) * len(chunk)
            tracks = nothing if chunk.clips is None else self.dynamics_.tracks(chunk.clips)
            clips: Sequence[Clip | None] = chunk.clips or nothing
            parts = zip(reasons(model, chunk, n_shots), clips, tracks, strict=True)
            found += [Explanation.of(why, self.classes_, clip, own, model.temperature) for why, clip, own in parts]
        return found
