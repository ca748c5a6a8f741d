"""SEREClassifier: what happens in which order.

The maths is in :mod:`sere.method`, the paper's chain in :mod:`sere.chain`, the training in :mod:`sere.training`.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from sere.audio import Clip
from sere.estimators.audio_classifier import CHUNK, SHARED, AudioClassifier
from sere.estimators.beside import BesidePredictions
from sere.estimators.callbacks import CallbackSupportMixin, EpochTasks, with_callbacks
from sere.estimators.dynamics import DynamicFeatureTransformer
from sere.estimators.encoder import HeterogeneousEncoder
from sere.inputs.caller import user_level
from sere.inputs.params import (
    CALLBACKS,
    FLAG,
    NONE,
    ON_INTERRUPT,
    ParameterError,
    Rule,
    choice,
    instance,
    number,
    whole,
)
from sere.inputs.reading import SereWarning
from sere.inputs.skipping import Skipping
from sere.inputs.utterances import Utterances, concatenate
from sere.training.stopping import WATCHED

#: Clips embedded at a time in predict before layers that were trained, where a frame can be as wide as all layers of a
#: checkpoint together.
OPEN_CHUNK = 64
#: Parameters that are rooms of the chain, by the name of their class.
ROOMS = {
    "embedding": "Embedding",
    "field": "ResonanceField",
    "assignment": "Assignment",
    "prototypes": "Prototypes",
    "losses": "TripleResonance",
    "self_training": "SelfTrainingHead",
}


def _room(name: str) -> Any:
    """Return the class of a room; importing it brings torch, which nobody needs before fit."""
    import sere.chain

    return getattr(sere.chain, name)


def _room_rule(name: str) -> Rule:
    return NONE | Rule(f"a sere.{name}", lambda value: isinstance(value, _room(name)))


@dataclass(eq=False, repr=False)
class SEREClassifier(CallbackSupportMixin, BesidePredictions, AudioClassifier):
    """Emotion recognition in a language without labels, from a few labeled clips of another.

    Implements Semantic-Emotional Resonance Embedding. Labeled clips define a prototype for each emotion; unlabeled
    clips of the source and of the target language join the prototype they resonate with, moment by moment, and three
    losses tighten what has formed. A clip gets the emotion of the nearest prototype; where the encoder has experience
    of other languages, what it says of the clip counts beside the distance.

    Parameters
    ----------
    encoder : str, FrameEncoder or HeterogeneousEncoder, default="speech-emotion"
        Frame embeddings. A name is short for ``HeterogeneousEncoder(encoders=name)``.
    dynamics : DynamicFeatureTransformer, default=None
        Tracks and their changes (Eq. 1); None for the defaults, as for each of the following six.
    source_language, target_language : str, default=None
        Language of clips that do not say theirs: of X and the source pool, and of the target pool and clips to predict.
    embedding : Embedding, default=None
        Eq. 2: width, and what counts how much beside what.
    field : ResonanceField, default=None
        Eq. 3-6: when two moments resonate.
    assignment : Assignment, default=None
        Eq. 7: how unlabeled clips find their emotion.
    prototypes : Prototypes, default=None
        Eq. 7: what an emotion sounds like.
    losses : TripleResonance, default=None
        Eq. 8-10: what training pulls together.
    self_training : SelfTrainingHead, default=None
        What the model's own answers on the target pool teach.
    epochs : int, default=10
        Passes over the larger pool. The paper takes 80, which scored like 20 (docs/benchmarks.md), and 20 like 10.
    learning_rate : float, default=1e-3
        Of Adam.
    encoder_learning_rate : float, default=1e-5
        Of the last layers of checkpoints, where the encoder's `trainable_layers` fine-tunes them; they start as the
        checkpoint has them and learn without dropout. Layer weights (``layer="weighted"``) take `learning_rate`.
    batch_size : int, default=128
        Unlabeled clips of each pool in a step, beside all shots.
    speaker_shrinkage : float, default=4.0
        Clips at which a speaker's own mean and SD count half in standardisation. Where speakers are not known and the
        encoder has experience, a group of voices, high or low ones, stands in for a speaker. ``inf`` ignores both.
    early_stopping : bool or {"information", "density"}, default=False
        Watch a label-free score of the target pool (of the source pool where there is no target), stop when it has not
        risen for `patience` epochs, and keep the network of its best epoch. True is "information"; see
        :mod:`sere.selection` for what the scores are. Saves time more than it changes scores.
    patience : int, default=10
        Epochs without a higher score before training stops. With the default `epochs` it never stops before the end.
    callbacks : sequence of callable, default=()
        Each is called with every epoch's record (see `history_`); a true return value stops training.
    warm_start : bool, default=False
        Go on from the previous fit's network.
    cache : bool, path or FrameStore, default=True
        Where extracted features are kept: the user's own store, another folder, or nowhere.
    n_jobs : int, default=None
        joblib workers of the extraction.
    device : str, default="auto"
        Torch device; "auto" is CUDA where there is one.
    random_state : int, RandomState or None, default=None
        Order of minibatches, which is all that is random: where no pool is larger than `batch_size`, every seed gives
        the same model.
    on_error : {"raise", "skip", "nan"}, default="raise"
        Clips that cannot be used are an error that names each; or `fit` leaves them out, labeled ones with their label,
        says so in a warning and lists them in `skipped_`. Predictions have a row a clip: there such a clip is an error
        with "skip", too, and with "nan" a row of NaN (`predict`: None), with the same warning and list.
    on_interrupt : {"raise", "keep"}, default="raise"
        What Ctrl-C does while `fit` trains: it stops the run like any other, or the model of the last whole epoch is
        kept, with a warning.
    verbose : int, default=0
        Anything but 0 shows progress: a bar on a terminal or in a notebook, elsewhere a line every half minute.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted.
    prototypes_ : ndarray of shape (n_classes, p)
        Enhanced prototypes (Eq. 7).
    tau_ : float
        Learned temperature of the synchrony (Eq. 4).
    temperature_ : float
        By what scores are divided before they become probabilities: found without a label, by how clearly the encoder's
        experience hears the target pool; without experience 1, or 1.6 where the pool has clips without a speaker.
    encoder_, dynamics_, field_ : HeterogeneousEncoder, DynamicFeatureTransformer, ResonanceField
        As fit used them.
    history_ : list of dict
        A record an epoch: ``epoch``; ``loss`` and its terms ``shots``, ``prototype``, ``dual``, ``field``, ``drift``;
        ``source_assigned`` and ``target_assigned``, the share of each class; ``source_quality`` and
        ``target_quality``, a label-free score in 0..1, and where `early_stopping` watches it ``target_density``;
        ``tau``.
    stopped_ : {"epochs", "early_stopping", "callback", "interrupt"}
        Why training ended: all epochs were trained, or what ended it before.
    fit_seconds_ : float
        How long fit took, reading and extraction included; `sere.save` leaves it out.
    given_ : list of dict
        What fit was given, a record an input: ``where`` ("X", "X_unlabeled_src", "X_unlabeled_tgt[1]"), ``clips``, how
        many ``speakers`` were told, ``languages``, ``corpora`` (of a column ``corpus``) and, of X, the ``labels``.
    skipped_ : list of dict
        What ``on_error="skip"``, and ``"nan"`` in predictions, too, left out: ``where`` ("X", "X_unlabeled_src",
        "X_unlabeled_tgt[1]"), ``row``, ``path`` (None for a waveform), ``reason``.
    n_features_in_ : int
        Only after a fit on feature vectors.

    Notes
    -----
    X is a list, Series or object array of paths; a list of 1-D waveforms at 16 kHz; a DataFrame with a column ``path``
    or ``audio`` and optional ``speaker``, ``language``, ``sampling_rate``, ``start``, ``end``; Utterances; or a 2-D
    array of feature vectors. Clips shorter than a frame (20 ms) count as one frame.

    The same inputs, parameters and seed give the same bits on the same machine with the same releases. What the order
    of clips, the other clips of a call and the division of pools change is in the user guide, "What a result depends
    on".

    Examples
    --------
    >>> import numpy as np
    >>> from sere import SEREClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(10, 6)) + np.repeat([[0], [3]], 5, 0), ["sad"] * 5 + ["happy"] * 5
    >>> target = rng.normal(size=(40, 6)) + np.repeat([[1], [4]], 20, 0)
    >>> classifier = SEREClassifier(epochs=5, random_state=0).fit(X, y, X_unlabeled_tgt=(target,))
    >>> classifier.predict(target[[0, -1]])
    array(['sad', 'happy'], dtype='<U5')
    """

    encoder: Any = "speech-emotion"
    dynamics: Any = None
    source_language: str | None = None
    target_language: str | None = None
    embedding: Any = None
    field: Any = None
    assignment: Any = None
    prototypes: Any = None
    losses: Any = None
    self_training: Any = None
    epochs: int = 10
    learning_rate: float = 1e-3
    encoder_learning_rate: float = 1e-5
    batch_size: int = 128
    speaker_shrinkage: float = 4.0
    early_stopping: bool | str = False
    patience: int = 10
    callbacks: Sequence[Callable[[dict[str, Any]], Any]] = ()
    warm_start: bool = False
    cache: Any = True
    n_jobs: int | None = None
    device: str = "auto"
    random_state: Any = None
    on_error: str = "raise"
    on_interrupt: str = "raise"
    verbose: int = 0

    _rules: ClassVar[dict[str, Rule]] = {
        "dynamics": NONE | instance("a DynamicFeatureTransformer", DynamicFeatureTransformer),
        **{parameter: _room_rule(name) for parameter, name in ROOMS.items()},
        "epochs": whole(0),
        "learning_rate": number(above=0),
        "encoder_learning_rate": number(above=0),
        "batch_size": whole(1),
        "early_stopping": FLAG | choice(*WATCHED),
        "patience": whole(1),
        "callbacks": CALLBACKS,
        "warm_start": FLAG,
        "on_interrupt": ON_INTERRUPT,
    }

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, X_unlabeled_src: Any = None, X_unlabeled_tgt: Any = None) -> Self:
        """Learn from labeled clips and unlabeled pools.

        Parameters
        ----------
        X : n labeled clips of the source language, in any form of the class's notes
        y : array-like of shape (n,)
            Emotions, str or int.
        X_unlabeled_src, X_unlabeled_tgt : clips, tuple of clips, or None
            Unlabeled pools of the source and of the target language. A tuple holds one or several pools and is
            never sliced by scikit-learn's cross-validation. Without a pool the losses that need it rest.

        Returns
        -------
        self

        Raises
        ------
        AudioError
            Unusable clips: names each row and what to do. With ``on_error="skip"`` only where an input has no other.
        ValueError
            Fewer than two classes, lengths of X and y that differ, an emotion without a clip that can be used; before
            anything is read, parameters that cannot be used.
        KeyboardInterrupt
            Stopped; what was extracted is kept in the cache. Not while training with ``on_interrupt="keep"``.
        """
        began = time.perf_counter()
        self._check_params()
        tasks = EpochTasks(self, self.epochs, X, y)
        skipping = Skipping(self.on_error)
        labeled, classes, codes, sources, targets = self._read_fit(X, y, X_unlabeled_src, X_unlabeled_tgt, skipping)
        if self.early_stopping and not sources and not targets:
            raise ParameterError("early_stopping watches an unlabeled pool, and none is given; pass one, or set epochs")
        if self.verbose:
            _say_what_rests(bool(sources), bool(targets))
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

        self._build_steps()
        labeled, codes, sources, targets = self._embed_fit(labeled, classes, codes, sources, targets, skipping)
        self._listen(labeled, classes, codes, sources, targets)
        from sere.training.fit import Given, fit_model

        given = Given(labeled, codes, classes, concatenate(sources) if sources else None, targets)
        previous = getattr(self, "_model", None) if self.warm_start else None
        history = list(getattr(self, "history_", ())) if previous is not None else []
        self._model, records, self.stopped_ = fit_model(self, given, seed, tasks, previous, first_epoch=len(history))
        self.classes_ = classes
        self.history_ = (history[: records[0]["epoch"]] if records else history) + records
        if self.stopped_ == "interrupt":
            warnings.warn(
                f"interrupted after {len(records)} of {self.epochs} epochs; the model of the last whole epoch is kept",
                SereWarning,
                stacklevel=user_level(),
            )
        self._look_at_answers(targets)
        tasks.finish()
        self.fit_seconds_ = time.perf_counter() - began
        return self

    def _chunk_logits(self, chunk: Utterances) -> np.ndarray:
        return self._model.logits(chunk)

    def _chunk_size(self) -> int:
        return OPEN_CHUNK if self._model.fronts else CHUNK

    def _build_steps(self) -> None:
        """Make the sub-estimators that turn audio into frames, and the field, which says how many are kept."""
        self.field_ = _room("ResonanceField")() if self.field is None else clone(self.field)
        shared = {name: getattr(self, name) for name in SHARED}
        self.dynamics_ = DynamicFeatureTransformer(**shared) if self.dynamics is None else clone(self.dynamics)
        if isinstance(self.encoder, HeterogeneousEncoder):
            self.encoder_ = clone(self.encoder)
        else:
            self.encoder_ = HeterogeneousEncoder(self.encoder, pitch_model=self.dynamics_.pitch_model, **shared)

    def _steps(self) -> dict[str, Callable[[Any, dict[str, Any]], Any]]:
        rooms = {parameter: lambda _, __, name=name: _room(name)() for parameter, name in ROOMS.items()}
        return {"dynamics": lambda _, shared: DynamicFeatureTransformer(**shared), **rooms, **super()._steps()}

    def _embed_audio(
        self, utterances: Utterances, role: str, where: str, unusable: dict[Clip, str] | None = None
    ) -> Utterances:
        """Add what is missing: dynamics, then frames."""
        if utterances.frames is not None and utterances.context is not None:
            return self.encoder_.reopen(utterances, where, unusable)
        if utterances.dynamics is None:
            utterances = self.dynamics_.extract(utterances, where, not self.encoder_.single, unusable)
        return self.encoder_.encode(utterances, role, where, unusable, float(self.field_.frame_rate))


def _say_what_rests(source: bool, target: bool) -> None:
    if not source and not target:
        print("no unlabeled pool: the prototype, dual and field losses rest; prototypes are the shots' means")
    elif not source:
        print("no source pool: dual resonance (Eq. 9) rests; the target pool joins the shots directly")
    elif not target:
        print("no target pool: cross-lingual resonance rests; the source pool alone enhances the prototypes")
