"""What fit of a classifier was given: read, checked, embedded."""

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_consistent_length

from sere.audio import Clip
from sere.checks.data import listed, out_of_order, speak_up
from sere.estimators.encoder import HeterogeneousEncoder
from sere.estimators.given import corpora_of, described, groups_of, numbered, speaking
from sere.inputs.labels import as_labels, check_named
from sere.inputs.reading import as_pools, read_rows
from sere.inputs.skipping import Skipping
from sere.inputs.utterances import Utterances


class FitInputs:
    """Reading and embedding labeled clips and pools, a part of :class:`~sere.estimators.audio_classifier`."""

    encoder_: HeterogeneousEncoder
    given_: list[dict[str, Any]]
    skipped_: list[dict[str, Any]]
    source_language: str | None
    target_language: str | None

    @abstractmethod
    def _embed_audio(
        self, utterances: Utterances, role: str, where: str, unusable: dict[Clip, str] | None = None
    ) -> Utterances:
        """Return the clips with what is missing of their embedding, without those that end in `unusable`."""

    def _read_fit(
        self, X: Any, y: Any, source: Any, target: Any, skipping: Skipping
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
        labeled, rows = skipping.read(lambda some: read_rows(self, some, reset=True, rows="features"), X, "X")
        classes, codes = self._read_labels(y, len(labeled) + len(skipping.records))
        codes = codes[rows]
        skipping.check_classes(classes, codes)
        speak_up(out_of_order(X, y))
        pools = as_pools(source, len(labeled), "X_unlabeled_src"), as_pools(target, len(labeled), "X_unlabeled_tgt")
        tables = [X, *pools[0], *pools[1]]
        labeled = speaking(labeled, self.source_language)
        sources = self._read_pools(pools[0], "X_unlabeled_src", self.source_language, skipping)
        targets = self._read_pools(pools[1], "X_unlabeled_tgt", self.target_language, skipping)
        self._check_steps(labeled, [*sources, *targets])
        self.given_ = [{"corpora": corpora_of(table)} for table in tables]
        sides = self.source_language, self.target_language
        speak_up(listed(groups_of(labeled, sources, targets, skipping.records), classes, codes, sides))
        return labeled, classes, codes, sources, targets

    def _read_labels(self, y: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return sorted classes and each label's number."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        y = as_labels(y)
        check_named(y, "y")
        check_consistent_length(np.empty(n), y)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs labels of at least 2 classes; y has one class, {classes.tolist()[0]!r}"
            )
        return classes, codes

    def _read_pools(self, pools: list[Any], where: str, language: str | None, skipping: Skipping) -> list[Utterances]:
        """Return each pool, in the same kind of input as X, each clip with its language."""

        def read(pool: Any, name: str) -> Utterances:
            as_given, _ = skipping.read(
                lambda some: read_rows(self, some, reset=False, rows="features", where=name), pool, name
            )
            return speaking(as_given, language)

        return [read(pool, numbered(where, k, pools)) for k, pool in enumerate(pools)]

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
        self,
        labeled: Utterances,
        classes: np.ndarray,
        codes: np.ndarray,
        sources: list[Utterances],
        targets: list[Utterances],
        skipping: Skipping,
    ) -> tuple[Utterances, np.ndarray, list[Utterances], list[Utterances]]:
        """Embed all that fit was given, once every encoder was found usable; say what was left out.

        Returns
        -------
        labeled : Utterances
        codes : int ndarray
            Of the labeled clips that are left.
        sources, targets : list of Utterances
        """
        for role, pools in (("labeled", [labeled]), ("source", sources), ("target", targets)):
            for pool in pools:
                if pool.frames is None:
                    self.encoder_.check(pool, role)
        labeled, rows = skipping.embed(lambda u, bad: self._embed_audio(u, "labeled", "X", bad), labeled, "X")
        skipping.check_classes(classes, codes[rows])
        sources = self._embed_pools(sources, "source", "X_unlabeled_src", skipping)
        targets = self._embed_pools(targets, "target", "X_unlabeled_tgt", skipping)
        self.skipped_ = skipping.records
        labels = {"X": classes[codes[rows]]}
        self.given_ = [
            described(group.name, group.clips, known["corpora"], labels.get(group.name))
            for group, known in zip(groups_of(labeled, sources, targets), self.given_, strict=True)
        ]
        skipping.warn()
        return labeled, codes[rows], sources, targets

    def _embed_pools(self, pools: list[Utterances], role: str, where: str, skipping: Skipping) -> list[Utterances]:
        def embed(pool: Utterances, name: str) -> Utterances:
            return skipping.embed(lambda u, bad: self._embed_audio(u, role, name, bad), pool, name)[0]

        return [embed(pool, numbered(where, k, pools)) for k, pool in enumerate(pools)]
