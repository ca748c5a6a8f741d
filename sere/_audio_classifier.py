"""What the classifiers of audio share: reading labels, pools and languages in, and handing probabilities out.

:class:`~sere.SEREClassifier` and the comparison methods (:mod:`sere.baselines`) have one contract: the same clips in
any form, the same two unlabeled pools, the same predictions. It is kept here, once.
"""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_consistent_length

from sere._encoder import HeterogeneousEncoder
from sere._inputs import as_pools, read_rows
from sere._labels import as_labels
from sere._paths import travelling
from sere._utterances import Utterances, concatenate
from sere.audio import AudioError

#: Clips embedded at a time in predict, so that memory does not grow with the list.
CHUNK = 1024


class AudioClassifier(ClassNamePrefixFeaturesOutMixin, ClassifierMixin, TransformerMixin, BaseEstimator):
    """Base of the classifiers.

    A subclass has the parameters `source_language` and `target_language`. Its fit begins with :meth:`_read_fit`, makes
    ``encoder_``, goes on with :meth:`_embed_fit`, and leaves ``classes_`` and ``_model``, which says by
    ``is_source(language)`` whether a clip is prepared as a source clip.
    """

    # Pools travel with fit by themselves: nobody needs set_fit_request.
    __metadata_request__fit: ClassVar = {"X_unlabeled_src": True, "X_unlabeled_tgt": True}

    classes_: np.ndarray
    encoder_: HeterogeneousEncoder
    source_language: str | None
    target_language: str | None

    @abstractmethod
    def _embed_audio(self, utterances: Utterances, role: str, where: str) -> Utterances:
        """Return the clips with what is missing of their embedding."""

    @abstractmethod
    def _chunk_logits(self, chunk: Utterances) -> np.ndarray:
        """Return scores of some embedded clips, (n, n_classes)."""

    def decision_function(self, X: Any) -> np.ndarray:
        """Score of each emotion.

        For :class:`~sere.SEREClassifier` the scaled negative squared distance to its prototype, plus what the encoder's
        experience says where it has some.

        Parameters
        ----------
        X : clips, in any form that fit takes

        Returns
        -------
        ndarray of shape (n, n_classes)
            With two classes of shape (n,), positive for ``classes_[1]``.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each emotion: softmax of `decision_function`.

        Parameters
        ----------
        X : clips, in any form that fit takes

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        logits = self._logits(X)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Most probable emotion of each clip.

        Parameters
        ----------
        X : clips, in any form that fit takes

        Returns
        -------
        ndarray of shape (n,)
        """
        codes = self._logits(X).argmax(axis=1)
        return self.classes_[codes]

    def __getstate__(self) -> dict[str, Any]:
        return travelling(super().__getstate__())

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    def _fitted(self) -> Any:
        if not hasattr(self, "_model"):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments before "
                "using this estimator."
            )
        return self._model

    def _logits(self, X: Any) -> np.ndarray:
        return np.concatenate([self._chunk_logits(chunk) for chunk in self._chunks(X)])

    def _chunk_size(self) -> int:
        """Clips embedded at a time in predict."""
        return CHUNK

    def _chunks(self, X: Any) -> Iterator[Utterances]:
        """Yield X embedded, a bounded number of clips at a time."""
        model = self._fitted()
        utterances = _speak(read_rows(self, X, reset=False, rows="features"), self.target_language)
        size = self._chunk_size()
        for first in range(0, len(utterances), size):
            rows = np.arange(first, min(first + size, len(utterances)))
            source = np.array([model.is_source(language) for language in utterances.languages[rows]])
            parts, order = [], []
            for role, own in (("source", rows[source]), ("target", rows[~source])):
                if len(own):
                    try:
                        parts.append(self._embed_audio(utterances[own], role, "X"))
                    except AudioError as error:
                        raise error.of_rows(own) from None
                    order.append(own)
            yield concatenate(parts)[np.argsort(np.concatenate(order))]

    def _read_fit(
        self, X: Any, y: Any, source: Any, target: Any
    ) -> tuple[Utterances, np.ndarray, np.ndarray, list[Utterances], list[Utterances]]:
        """Return what fit was given, checked, each clip with its language.

        Returns
        -------
        labeled : Utterances
        classes : ndarray of shape (n_classes,)
            Sorted.
        codes : int ndarray of shape (n,)
            Each label's number.
        sources, targets : list of Utterances
        """
        labeled = read_rows(self, X, reset=True, rows="features")
        classes, codes = self._read_labels(y, len(labeled))
        pools = as_pools(source, len(labeled), "X_unlabeled_src"), as_pools(target, len(labeled), "X_unlabeled_tgt")
        labeled = _speak(labeled, self.source_language)
        sources = self._read_pools(pools[0], "X_unlabeled_src", self.source_language)
        targets = self._read_pools(pools[1], "X_unlabeled_tgt", self.target_language)
        self._check_steps(labeled, [*sources, *targets])
        return labeled, classes, codes, sources, targets

    def _read_labels(self, y: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return sorted classes and each label's number."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        y = as_labels(y)
        check_consistent_length(np.empty(n), y)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs labels of at least 2 classes; y has one class, {classes.tolist()[0]!r}"
            )
        return classes, codes

    def _read_pools(self, pools: list[Any], where: str, language: str | None) -> list[Utterances]:
        """Return each pool, in the same kind of input as X, each clip with its language."""
        names = [_numbered(where, k, pools) for k in range(len(pools))]
        return [
            _speak(read_rows(self, pool, reset=False, rows="features", where=name), language)
            for pool, name in zip(pools, names, strict=True)
        ]

    def _check_steps(self, labeled: Utterances, pools: list[Utterances]) -> None:
        """Refuse pools that went around the transformers X came through."""
        for pool in pools:
            if (pool.frames is None) != (labeled.frames is None):
                raise ValueError(
                    "X comes embedded and a pool does not (or the other way round), so they would not be comparable. "
                    "In a Pipeline use sere.make_sere_pipeline(), or set transform_input=['X_unlabeled_src', "
                    f"'X_unlabeled_tgt'] and enable metadata routing; or use {type(self).__name__} alone on audio"
                )

    def _embed_fit(
        self, labeled: Utterances, sources: list[Utterances], targets: list[Utterances]
    ) -> tuple[Utterances, list[Utterances], list[Utterances]]:
        """Embed all that fit was given, once every encoder was found usable."""
        for role, pools in (("labeled", [labeled]), ("source", sources), ("target", targets)):
            for pool in pools:
                if pool.frames is None:
                    self.encoder_.check(pool, role)
        return (
            self._embed_audio(labeled, "labeled", "X"),
            self._embed_pools(sources, "source", "X_unlabeled_src"),
            self._embed_pools(targets, "target", "X_unlabeled_tgt"),
        )

    def _embed_pools(self, pools: list[Utterances], role: str, where: str) -> list[Utterances]:
        return [self._embed_audio(pool, role, _numbered(where, k, pools)) for k, pool in enumerate(pools)]


def _speak(utterances: Utterances, language: str | None) -> Utterances:
    """Fill in the language of clips that do not say theirs."""
    if language is None:
        return utterances
    known = [language if own is None else own for own in utterances.languages]
    return utterances.with_(languages=np.array(known, dtype=object))


def _numbered(where: str, k: int, pools: list[Any]) -> str:
    """What errors call pool k of several."""
    return where if len(pools) == 1 else f"{where}[{k}]"
