"""What all comparison methods share: the contract of :class:`sere.SEREClassifier`, from any form of clips to rows.

A method says how it learns from a :class:`~sere.baselines._clips.Lesson` (labeled rows, both pools, a seed) and returns
a *head*, which knows the embedding and the scores of any further rows. Everything before that, reading, encoding,
standardisation, is the same for all and the same as the classifier's.

Parameters are fields of a dataclass, so that a method names its own beside the common ones and nothing else.
"""

import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from sere.audio import Clip
from sere.baselines._clips import ClipSpace, Lesson, Rows
from sere.checks.facts import looked_at
from sere.estimators.audio_classifier import SHARED, AudioClassifier
from sere.estimators.dynamics import DynamicFeatureTransformer
from sere.estimators.encoder import HeterogeneousEncoder
from sere.inputs.reading import as_utterances
from sere.inputs.skipping import Skipping
from sere.inputs.utterances import Utterances, concatenate


class Head(Protocol):
    """What was learned; numpy only."""

    def embed(self, rows: Rows) -> np.ndarray:
        """Return the method's embedding of clips, (n, p)."""

    def logits(self, rows: Rows) -> np.ndarray:
        """Return scores whose softmax are the class probabilities, (n, n_classes)."""


@dataclass
class Fitted:
    """A fitted method.

    Attributes
    ----------
    space : ClipSpace
    head : Head
    seed : int
        For what may be learned later.
    """

    space: ClipSpace
    head: Any
    seed: int

    def is_source(self, language: str | None) -> bool:
        """Whether a clip of this language is prepared as a source clip."""
        return self.space.is_source(language)


@dataclass(kw_only=True, eq=False, repr=False)
class Baseline(AudioClassifier):
    """Base of the comparison methods, with the parameters that all of them have.

    Parameters
    ----------
    encoder : str, FrameEncoder or HeterogeneousEncoder, default="speech-emotion"
        As in :class:`sere.SEREClassifier`; last layers of a checkpoint are used as they are, nothing of it is trained.
    source_language, target_language, speaker_shrinkage, cache, n_jobs, on_error
        As in :class:`sere.SEREClassifier`.
    device : str, default="auto"
        Torch device of the extraction; networks of this size train on the CPU.
    random_state : int, RandomState or None, default=None
        Everything random in fit.
    verbose : int, default=0
        Anything but 0 shows progress, and says what a missing pool leaves out.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted.
    given_ : list of dict
        What fit was given; as in :class:`sere.SEREClassifier`.
    fit_seconds_ : float
        As in :class:`sere.SEREClassifier`.
    skipped_ : list of dict
        What ``on_error="skip"`` left out of `fit` or `adapt`.

    Examples
    --------
    Every method is one:

    >>> from sere.baselines import METHODS, Baseline
    >>> all(issubclass(method, Baseline) for method in METHODS.values())
    True
    """

    encoder: Any = "speech-emotion"
    source_language: str | None = None
    target_language: str | None = None
    speaker_shrinkage: float = 4.0
    cache: Any = True
    n_jobs: int | None = None
    device: str = "auto"
    random_state: Any = None
    on_error: str = "raise"
    verbose: int = 0

    #: Whether the method looks at frames, or at a clip's vector only.
    _over_frames: ClassVar[bool] = False
    #: Pools that the method looks at.
    _pools: ClassVar[tuple[str, ...]] = ("target",)

    def fit(self, X: Any, y: Any, X_unlabeled_src: Any = None, X_unlabeled_tgt: Any = None) -> Self:
        """Learn from labeled clips and unlabeled pools.

        Parameters
        ----------
        X : n labeled clips of the source language, in any form that :class:`sere.SEREClassifier` takes
        y : array-like of shape (n,)
            Emotions, str or int.
        X_unlabeled_src, X_unlabeled_tgt : clips, tuple of clips, or None
            Unlabeled pools of the source and of the target language. A tuple holds one or several pools and is never
            sliced by scikit-learn's cross-validation. Both standardise their domain; what else is done with them, and
            what rests without one, the method says.

        Returns
        -------
        self

        Raises
        ------
        AudioError, ValueError
            As in :meth:`sere.SEREClassifier.fit`.
        """
        began = time.perf_counter()
        self._check_params()
        skipping = Skipping(self.on_error)
        labeled, classes, codes, sources, targets = self._read_fit(X, y, X_unlabeled_src, X_unlabeled_tgt, skipping)
        self._say_what_rests(source=bool(sources), target=bool(targets))
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        self._build_encoder()
        labeled, codes, sources, targets = self._embed_fit(labeled, classes, codes, sources, targets, skipping)
        labeled, sources, targets = self._bridged(labeled, sources, targets)
        self._listen(labeled, classes, codes, sources, targets)
        source = concatenate(sources) if sources else None
        self.classes_ = classes
        self._model = self._fit_clips(labeled, codes, source, targets, seed)
        self._look_at_answers(targets)
        self.fit_seconds_ = time.perf_counter() - began
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embedding of each clip: what the method's classifier looks at.

        Parameters
        ----------
        X : clips, in any form that fit takes

        Returns
        -------
        ndarray of shape (n, p)
        """
        model = self._fitted()
        return self._of_clips(X, lambda chunk: model.head.embed(model.space.rows(chunk)))

    @property
    def _n_features_out(self) -> int:
        model = self._fitted()
        return model.head.embed(Rows(np.zeros((1, model.space.width)), [np.zeros((1, model.space.frame_width))])).shape[
            1
        ]

    @abstractmethod
    def _learn(self, lesson: Lesson) -> Head:
        """Return what the method learns."""

    def _fit_clips(
        self, labeled: Utterances, codes: np.ndarray, source: Utterances | None, targets: list[Utterances], seed: int
    ) -> Fitted:
        """Standardise, learn."""
        space = ClipSpace.learn(labeled, source, targets, self.speaker_shrinkage, self._over_frames)
        rows = space.source_rows(labeled), space.source_rows(source), space.target_rows(targets)
        shots, near, far = rows
        return Fitted(space, self._learn(Lesson(shots, codes, len(self.classes_), near, far, seed)), seed)

    def _chunk_logits(self, chunk: Utterances) -> np.ndarray:
        return self._model.head.logits(self._model.space.rows(chunk))

    def _build_encoder(self) -> None:
        """Make the sub-estimators that turn audio into frames, and into dynamics where encoders have to meet."""
        self.encoder_ = self._new_encoder()

    def _new_encoder(self) -> HeterogeneousEncoder:
        if isinstance(self.encoder, HeterogeneousEncoder):
            return clone(self.encoder)
        return HeterogeneousEncoder(self.encoder, **{name: getattr(self, name) for name in SHARED})

    def ready(self, X: Any) -> Utterances | None:
        """Return clips embedded and looked at, for several methods of one encoder, which then read nothing again.

        Parameters
        ----------
        X : clips, in any form that fit takes but feature vectors

        Returns
        -------
        Utterances or None
            For `fit` and for what is asked of the model in the place of X; None where the clips' role in fit decides
            how they are embedded.

        Raises
        ------
        AudioError, ValueError
            As in fit.
        """
        encoder = self._new_encoder()
        if not encoder.single:
            return None
        embedded = encoder.encode_untrained(as_utterances(X), "target")
        assert embedded.clips is not None
        options = {"cache": encoder.cache, "n_jobs": encoder.n_jobs, "verbose": encoder.verbose}
        return embedded.with_(facts=looked_at(embedded.clips, **options))

    def _embed_audio(
        self, utterances: Utterances, role: str, where: str, unusable: dict[Clip, str] | None = None
    ) -> Utterances:
        if utterances.frames is not None and utterances.context is not None:
            return utterances
        return self.encoder_.encode_untrained(utterances, role, where, unusable)

    def _bridged(
        self, labeled: Utterances, sources: list[Utterances], targets: list[Utterances]
    ) -> tuple[Utterances, list[Utterances], list[Utterances]]:
        """Add dynamics, over which clips of several encoders meet; one encoder needs none."""
        everyone = [labeled, *sources, *targets]
        if len({name for part in everyone if part.encoders is not None for name in part.encoders}) < 2:
            return labeled, sources, targets
        options: dict[str, Any] = {name: getattr(self, name) for name in SHARED}
        options["pitch_model"] = self.encoder_.pitch_model
        dynamics = DynamicFeatureTransformer(**options)
        done = [part if "dynamics" in part.summaries else dynamics.extract(part) for part in everyone]
        return done[0], done[1 : 1 + len(sources)], done[1 + len(sources) :]

    def _say_what_rests(self, **given: bool) -> None:
        missing = [name for name in self._pools if not given[name]]
        if self.verbose and missing:
            print(
                f"no {' and no '.join(missing)} pool: {type(self).__name__} learns from the "
                f"{'shots' if len(missing) == len(self._pools) else 'shots and the other pool'} alone"
            )
