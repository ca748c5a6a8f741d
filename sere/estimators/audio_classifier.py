"""What the classifiers of audio share: reading labels, pools and languages in, and handing probabilities out.

:class:`~sere.SEREClassifier` and the comparison methods (:mod:`sere.baselines`) have one contract: the same clips in
any form, the same two unlabeled pools, the same predictions. It is kept here, once.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError

from sere.audio import AudioError, Clip
from sere.calibration import UNKNOWN, check_rejection, rejected
from sere.checks.data import Group, foreign, speak_up, unheard_labels
from sere.checks.facts import Facts, facts_of, is_silent
from sere.checks.sound import answered, asked, heard
from sere.encoders.spec import ENCODERS
from sere.estimators.encoder import HeterogeneousEncoder
from sere.estimators.facts import FitFacts
from sere.estimators.fit_inputs import FitInputs
from sere.estimators.given import groups_of, speaking
from sere.estimators.long_audio import TimelineMixin
from sere.files.paths import travelling
from sere.inputs.labels import as_labels
from sere.inputs.params import COMMON, NONE, RANDOM_STATE, TEXT, Rule, check_params, instance, number
from sere.inputs.reading import as_utterances, read_rows
from sere.inputs.skipping import Skipping, with_none
from sere.inputs.utterances import Utterances, concatenate

#: Clips embedded at a time in predict, so that memory does not grow with the list.
CHUNK = 256
#: Clips of each target pool whose answers are looked at after fit.
ASKED = 256
#: Parameters that a classifier hands on to the estimators inside it that it makes itself.
SHARED = ("cache", "n_jobs", "device", "verbose")


class AudioClassifier(
    FitInputs,
    FitFacts,
    TimelineMixin,
    ClassNamePrefixFeaturesOutMixin,
    ClassifierMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Base of the classifiers.

    A subclass has the parameters of ``_rules``. Its fit begins with :meth:`_check_params` and :meth:`_read_fit`, makes
    ``encoder_``, goes on with :meth:`_embed_fit`, and leaves ``classes_``, ``given_``, ``skipped_``, ``fit_seconds_``
    and ``_model``, which says by ``is_source(language)`` whether a clip is prepared as a source clip.
    """

    _rules: ClassVar[dict[str, Rule]] = {
        "encoder": ENCODERS | instance("a HeterogeneousEncoder", HeterogeneousEncoder),
        "source_language": NONE | TEXT,
        "target_language": NONE | TEXT,
        "speaker_shrinkage": number(0, infinite=True),
        "random_state": RANDOM_STATE,
        **COMMON,
    }

    # Pools travel with fit by themselves: nobody needs set_fit_request.
    __metadata_request__fit: ClassVar = {"X_unlabeled_src": True, "X_unlabeled_tgt": True}

    classes_: np.ndarray
    encoder: Any
    fit_seconds_: float
    on_error: str

    @abstractmethod
    def _chunk_logits(self, chunk: Utterances) -> np.ndarray:
        """Return scores of some embedded clips, (n, n_classes)."""

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of estimators among them as ``encoder__layer``.

        Where such an estimator was left to its default, or is a name, an estimator of the same meaning takes its place
        first, with this one's `cache`, `n_jobs`, `device` and `verbose` as they then are.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self
        """
        for name, make in self._steps().items():
            nested = any(key.startswith(f"{name}__") for key in params)
            if nested and not hasattr(params.get(name, getattr(self, name)), "set_params"):
                given = {key: value for key, value in params.items() if "__" not in key}
                shared = {key: given.get(key, getattr(self, key)) for key in SHARED}
                params[name] = make(given.get(name, getattr(self, name)), shared)
        super().set_params(**params)
        return self

    def _steps(self) -> dict[str, Callable[[Any, dict[str, Any]], Any]]:
        """By parameter, what makes the estimator that a default or a name stands for, given it and what is shared."""
        return {"encoder": lambda named, shared: HeterogeneousEncoder(encoders=named, **shared)}

    def _check_params(self, prefix: str = "") -> None:
        """Raise for parameters that cannot be used, before any work."""
        check_params(self, prefix)

    def decision_function(self, X: Any) -> np.ndarray:
        """Score of each emotion.

        For :class:`~sere.SEREClassifier` the scaled negative squared distance to its prototype, plus what the encoder's
        experience says where it has some. All are 0 for digital silence, of which nothing can be said.

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
        """Probability of each emotion: softmax of `decision_function`, divided by ``temperature_`` where there is one.

        Digital silence has each emotion as probable as any other.

        Parameters
        ----------
        X : clips, in any form that fit takes

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        return self._shares(self._logits(X))

    def predict(self, X: Any, reject_below: float | None = None, unknown: Any = UNKNOWN) -> np.ndarray:
        """Most probable emotion of each clip.

        Digital silence has none: its answer, with a warning, is the first class, or `unknown` with any `reject_below`
        above one over the number of classes.

        Parameters
        ----------
        X : clips, in any form that fit takes
        reject_below : float, default=None
            Probability, 0..1, below which a clip's answer is `unknown`; None answers for every clip.
        unknown : label, default="unknown"
            Takes the place of answers that are rejected; where classes are numbers it must be one, such as -1.

        Returns
        -------
        ndarray of shape (n,)
            Where ``on_error="nan"`` left clips out, of objects, with None for these.
        """
        if reject_below is not None:
            self._fitted()
            check_rejection(self.classes_, reject_below, unknown)
        logits = self._logits(X)
        usable = ~np.isnan(logits).any(axis=1)
        labels: np.ndarray = self.classes_[logits[usable].argmax(axis=1)]
        if reject_below is not None:
            labels = rejected(labels, self._shares(logits[usable]), reject_below, unknown)
        return labels if usable.all() else with_none(labels, usable)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of clips whose answer is their label (accuracy); see :mod:`sere.metrics` for others.

        Parameters
        ----------
        X : clips, in any form that fit takes
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        float

        Warns
        -----
        SereWarning
            Labels in `y` that fit was not given, which count as wrong.
        """
        score = super().score(X, y, sample_weight)
        speak_up(unheard_labels(as_labels(y), self.classes_))
        return float(score)

    def _answer_waves(self, waves: Sequence[np.ndarray], beside: dict[str, str]) -> np.ndarray:
        """Return the probability of each emotion in waveforms at 16 kHz, nothing said of how they sound."""
        clips = as_utterances(pd.DataFrame({"audio": list(waves), **beside}))
        clips = speaking(clips, self.target_language)
        role = "source" if self._model.is_source(clips.languages[0]) else "target"
        logits = self._chunk_logits(self._embed_audio(clips, role, "X"))
        return self._shares(np.where(np.array([[is_silent(wave)] for wave in waves]), 0.0, logits))

    def _logits(self, X: Any) -> np.ndarray:
        """Return scores of each clip, all 0 for digital silence."""

        def answer(chunk: Utterances, facts: Facts | None) -> np.ndarray:
            logits = self._chunk_logits(chunk)
            return logits if facts is None else np.where(facts.silent[:, None], 0.0, logits)

        return self._of_chunks(X, answer)

    def _shares(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities that scores (n, n_classes) stand for."""
        return np.asarray(softmax(logits / getattr(self._model, "temperature", 1.0), axis=1))

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

    def _listen(
        self,
        labeled: Utterances,
        classes: np.ndarray,
        codes: np.ndarray,
        sources: list[Utterances],
        targets: list[Utterances],
    ) -> None:
        """Warn of what the clips of fit themselves tell, where they are audio."""
        groups = groups_of(labeled, sources, targets, self.skipped_)
        groups = [replace(group, facts=self._facts(group.clips)) for group in groups]
        if all(group.facts is not None for group in groups):
            speak_up(heard(groups, classes, codes))

    def _look_at_answers(self, targets: list[Utterances]) -> None:
        """Warn where a fitted model answers the same to some clips, evenly spaced, of a whole target pool.

        Where layers of a checkpoint were trained, an answer costs as much as training on the clip: none is asked for.
        """
        for group in groups_of(targets=targets):
            if group.clips.fronts:
                continue
            some = group.clips[:: -(-len(group) // ASKED)]
            speak_up(answered(group, self.classes_[self._chunk_logits(some).argmax(axis=1)]))

    def _facts(self, utterances: Utterances) -> Facts | None:
        """Return the facts of clips, or None where they hold no audio that can be read."""
        if utterances.clips is None:
            return None
        if utterances.facts is not None:
            return Facts.of(utterances.facts)
        encoder = self.encoder_
        return facts_of(utterances.clips, cache=encoder.cache, n_jobs=encoder.n_jobs, verbose=encoder.verbose)

    def _of_clips(self, X: Any, answer: Callable[[Utterances], np.ndarray]) -> np.ndarray:
        """Return what `answer` says of each clip, a row a clip."""
        return self._of_chunks(X, lambda chunk, facts: answer(chunk))

    def _of_chunks(self, X: Any, answer: Callable[[Utterances, Facts | None], np.ndarray]) -> np.ndarray:
        """Return what `answer` says of embedded clips and their facts, a row a clip.

        With ``on_error="nan"`` clips that cannot be used are rows of NaN, and `skipped_` lists them.
        """
        model, skipping = self._fitted(), Skipping("nan" if self.on_error == "nan" else "raise")

        def answers(*clips: Any) -> Iterator[np.ndarray]:
            return (answer(*heard) for heard in self._embedded(model, *clips))

        found = skipping.row_by_row(self._read_asked, answers, X, "X")
        if skipping.wanted:
            self.skipped_ = skipping.records
            skipping.warn()
        return found

    def _chunk_size(self) -> int:
        """Clips embedded at a time in predict."""
        return CHUNK

    def _read_asked(self, X: Any) -> Utterances:
        """Return clips to predict, each with its language."""
        return speaking(read_rows(self, X, reset=False, rows="features"), self.target_language)

    def _chunks(self, X: Any) -> Iterator[Utterances]:
        """Yield X embedded, a bounded number of clips at a time."""
        model = self._fitted()
        return (chunk for chunk, _ in self._embedded(model, self._read_asked(X)))

    def _embedded(
        self,
        model: Any,
        utterances: Utterances,
        unusable: dict[Clip, str] | None = None,
        given: np.ndarray | None = None,
    ) -> Iterator[tuple[Utterances, Facts | None]]:
        """Yield clips embedded, and their facts, a bounded number at a time, without those that end in `unusable`.

        `given` are their rows in X, where others of it are not among them.
        """
        size = self._chunk_size()
        facts: list[Facts | None] = []
        kept: list[np.ndarray] = []
        for first in range(0, len(utterances), size):
            rows = np.arange(first, min(first + size, len(utterances)))
            source = np.array([model.is_source(language) for language in utterances.languages[rows]])
            parts, order = [], []
            for role, own in (("source", rows[source]), ("target", rows[~source])):
                if len(own):
                    try:
                        parts.append(self._embed_audio(utterances[own], role, "X", unusable))
                    except AudioError as error:
                        if not (met := utterances[own].clips) or not all(clip in (unusable or {}) for clip in met):
                            raise error.of_rows(own) from None
                        continue  # there is none to be had
                    order.append(utterances.rows_but(unusable or {}, own))
            if parts:
                kept.append(np.sort(np.concatenate(order)))
                facts.append(self._facts(utterances[kept[-1]]))
                yield concatenate(parts)[np.argsort(np.concatenate(order))], facts[-1]
        if kept:
            known = [part for part in facts if part is not None]
            left = np.concatenate(kept)
            here = left if given is None else given[left]
            skipped = tuple(np.setdiff1d(np.arange(here[-1]), here))
            heard = Facts.chain(known) if len(known) == len(facts) else None
            group = Group("X", "asked", utterances[left], heard, skipped)
            speak_up(foreign(group, getattr(self, "given_", ())))
            if heard is not None:
                speak_up(asked(group))
