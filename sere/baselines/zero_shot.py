"""No shot at all: what experience says of a clip, and what its own answers teach about the pool.

The reference for everything that labeled clips are to add: an encoder with experience (:mod:`sere.encoders.experience`)
scores the emotions by their names, and the answers on the target pool teach a linear head (:mod:`sere.training.
self_training`). The shots say which emotions there are and nothing else. :func:`sere.label` is the same without them.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sere.baselines._base import Baseline, Fitted, Head
from sere.baselines._clips import ClipSpace, Lesson, Rows
from sere.baselines._heads import LinearHead
from sere.baselines.references import LinearBaseline
from sere.chain.content import Scatter, in_context_units, with_words
from sere.chain.self_training import SelfTrained, SelfTrainingHead
from sere.checks.data import speak_up
from sere.encoders.experience import Experience
from sere.inputs.params import Rule, number
from sere.inputs.utterances import Utterances, concatenate
from sere.training.starts import CLIPS


@dataclass
class ZeroShotHead:
    """Scores by experience, and by a linear head that learned from them.

    Attributes
    ----------
    heads : int ndarray of shape (n_classes,)
        Number of each class's emotion in the experience, -1 where unknown.
    width : int
        Columns of a context; in a clip's vector what experience says of every emotion stands behind them.
    own : LinearHead or None
        Scores in the place of experience's, where there is none.
    self_trained : SelfTrained or None
        What the answers on the target pool taught.
    """

    heads: np.ndarray
    width: int
    own: LinearHead | None = None
    self_trained: SelfTrained | None = None

    def teach(self, rows: Rows, averaged: np.ndarray, weight: float) -> None:
        """Let the answers on a pool teach; on average they stay as sure as they were.

        Parameters
        ----------
        rows : Rows
        averaged : int ndarray of shape (width,)
            The column of frames that each entry of the context is the mean of, -1 for none.
        weight : float
            SD of what is learned, in units of the answers' own.
        """
        context = rows.vectors[:, : self.width]
        words = words_in(rows, averaged)
        self.self_trained = SelfTrainingHead(weight).learn(self._decision(rows), [""], [context], [words])

    def embed(self, rows: Rows) -> np.ndarray:
        """Standardised vectors."""
        return rows.vectors

    def logits(self, rows: Rows) -> np.ndarray:
        """What experience says of the classes, and what it taught."""
        decision = self._decision(rows)
        if self.self_trained is None:
            return decision
        return self.self_trained.decide("", decision, rows.vectors[:, : self.width])

    def _decision(self, rows: Rows) -> np.ndarray:
        if self.own is not None:
            return self.own.logits(rows)
        known = self.heads >= 0
        said = rows.vectors[:, self.width :][:, self.heads[known]]
        decision = np.zeros((len(rows), len(self.heads)))
        decision[:, known] = said - said.mean(1, keepdims=True)
        return decision


@dataclass(kw_only=True, eq=False, repr=False)
class ZeroShot(Baseline):
    """What experience says, without a look at the shots, and what its answers on the target pool teach.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    self_training_weight : float, default=1.0
        As `weight` in :class:`sere.SelfTrainingHead`; 0 is experience alone.

    Notes
    -----
    Where nothing has experience of the classes (feature vectors, an encoder without, several encoders, labels that are
    no emotions), logistic regression on the shots stands in for it; with audio a warning says so.

    Examples
    --------
    >>> from sere.baselines import ZeroShot
    >>> from sere.datasets import make_task, make_voices
    >>> voices = make_voices(n_per_emotion=6, emotions=["anger", "sadness"], duration=0.4)
    >>> known, unknown = (clips for _, clips in voices.groupby("language"))
    >>> task = make_task(known, unknown, shots=1, random_state=0)
    >>> model = ZeroShot(encoder="acoustic-emotion", cache=False)
    >>> model.fit(task.X_labeled, task.y, X_unlabeled_tgt=(task.X_unlabeled_tgt,)).classes_.tolist()
    ['anger', 'sadness']
    """

    self_training_weight: float = 1.0

    _rules: ClassVar[dict[str, Rule]] = {"self_training_weight": number(0)}
    _over_frames: ClassVar[bool] = True

    def _learn(self, lesson: Lesson) -> Head:
        return LinearBaseline(random_state=lesson.seed)._learn(lesson)

    def _fit_clips(
        self, labeled: Utterances, codes: np.ndarray, source: Utterances | None, targets: list[Utterances], seed: int
    ) -> Fitted:
        fitted = super()._fit_clips(labeled, codes, source, targets, seed)
        space = fitted.space
        experience = experience_of(space)
        heads = np.full(len(self.classes_), -1)
        if experience is not None:
            heads = experience.recognise(self.classes_.tolist(), np.empty((0, 0)), np.empty(0, np.int64))
        width = space.width
        if (heads >= 0).any():
            assert experience is not None
            head = ZeroShotHead(heads, width - len(experience.emotions))
        else:
            head = ZeroShotHead(heads, width, own=fitted.head)
            if labeled.clips is not None:
                speak_up(
                    [
                        f"the encoder has no experience of {', '.join(map(str, self.classes_))}, so zero-shot learns "
                        "from the shots; pass one that has, such as encoder='speech-emotion'"
                    ]
                )
        if targets and self.self_training_weight:
            together = concatenate(targets)
            averaged = averaged_in(space, together, head.width)
            head.teach(space.target_rows(targets), averaged, self.self_training_weight)
        fitted.head = head
        return fitted


@dataclass(kw_only=True, eq=False, repr=False)
class Evidence(ZeroShot):
    """What experience says, alone: neither the shots nor the pool teach, which standardises and nothing else.

    Takes the parameters of :class:`ZeroShot`, whose `self_training_weight` is 0 here.

    Parameters
    ----------
    self_training_weight : float, default=0.0
        As in :class:`ZeroShot`.

    Examples
    --------
    >>> from sere.baselines import Evidence
    >>> Evidence().self_training_weight
    0.0
    """

    self_training_weight: float = 0.0


def experience_of(space: ClipSpace) -> Experience | None:
    """Return what the one encoder of a space knows; None where it knows nothing, or where there are several."""
    names = space.preparation.names
    return space.preparation.experience.get(names[0]) if len(names) == 1 else None


def words_in(rows: Rows, averaged: np.ndarray) -> np.ndarray | None:
    """Return how a pool's contexts vary by what is said, (width, width); None where no entry is a mean of frames."""
    if not (averaged >= 0).any():
        return None
    some = slice(None, None, -(-len(rows) // CLIPS))
    context = rows.vectors[some, : len(averaged)]
    return with_words(in_context_units(context, Scatter.of(rows.frames[some]), averaged))


def averaged_in(space: ClipSpace, utterances: Utterances, width: int) -> np.ndarray:
    """Return the column of frames that each of a clip's first columns is the mean of, -1 where it is none."""
    result = np.full(width, -1, dtype=np.int64)
    if len(space.preparation.names) == 1:
        columns = utterances.averaged.get(space.preparation.names[0], result)
        result[: len(columns)] = columns
    return result
