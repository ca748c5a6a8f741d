"""Labeled corpora of other languages, and the shots among them: what experience is to be compared with.

An encoder with experience learned from labeled corpora once, and knows nothing of the shots. Whoever has those corpora
at hand can do better with the same regression: learn it anew for the task, from the labels of all other corpora *and*
the shots, each counting more than a clip of another language does. A method whose experience comes from those corpora
has to beat this one, not logistic regression on the shots.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sere.baselines._base import Baseline, Fitted, Head
from sere.baselines._clips import ClipSpace, Lesson, Rows
from sere.baselines._heads import LinearHead
from sere.baselines.references import LinearBaseline
from sere.baselines.zero_shot import averaged_in, words_in
from sere.chain.content import content_metric
from sere.checks.data import speak_up
from sere.datasets.emotions import canonical_emotion
from sere.estimators.pretrain import (
    PENALTY,
    VIEWS,
    even_weights,
    labels_of,
    masked_regression,
    named,
    standard_contexts,
)
from sere.inputs.params import NONE, ParameterError, Rule, number
from sere.inputs.reading import as_utterances
from sere.inputs.utterances import Utterances


@dataclass(kw_only=True, eq=False, repr=False)
class MultiSource(Baseline):
    """Logistic regression on labeled corpora of other languages, and on the shots.

    Takes the parameters of all methods, and its own.

    Parameters
    ----------
    corpora : DataFrame, or sequence or mapping of them, default=None
        Labeled corpora as :func:`sere.pretrain_encoder` takes them. `sere benchmark` passes those that are neither
        source nor target. None leaves the shots alone, as :class:`LinearBaseline` learns from them; a model's file
        keeps None.
    shots_weight : float, default=10.0
        Weight of a shot; a clip of another corpus weighs 1 on average in each of two views, one of them without its
        speaker, so that 10 is worth five clips.
    penalty : float, default=1.5e-4
        As in :func:`sere.pretrain_encoder`.

    Notes
    -----
    Corpora are standardised, weighed and paid for as :func:`sere.pretrain_encoder` does it. An emotion that a corpus
    does not have is left out of its clips' softmax; emotions that the task does not have are left out altogether.

    Examples
    --------
    >>> from sere.baselines import MultiSource
    >>> from sere.datasets import make_task, make_voices
    >>> voices = make_voices(n_per_emotion=6, emotions=["anger", "sadness"], duration=0.4)
    >>> known, unknown = (clips for _, clips in voices.groupby("language"))
    >>> task = make_task(known, unknown, shots=1, random_state=0)
    >>> model = MultiSource(corpora={"lumo": known}, encoder="acoustic", cache=False)
    >>> model.fit(task.X_labeled, task.y, X_unlabeled_tgt=(task.X_unlabeled_tgt,)).classes_.tolist()
    ['anger', 'sadness']
    """

    corpora: Any = None
    shots_weight: float = 10.0
    penalty: float = PENALTY

    _rules: ClassVar[dict[str, Rule]] = {
        "corpora": NONE
        | Rule(
            "a DataFrame, or a list or dict of them",
            lambda value: isinstance(value, pd.DataFrame | Iterable) and not isinstance(value, str | bytes),
        ),
        "shots_weight": number(above=0),
        "penalty": number(above=0),
    }
    _over_frames: ClassVar[bool] = True

    def _learn(self, lesson: Lesson) -> Head:
        return LinearBaseline(random_state=lesson.seed)._learn(lesson)

    def _fit_clips(
        self, labeled: Utterances, codes: np.ndarray, source: Utterances | None, targets: list[Utterances], seed: int
    ) -> Fitted:
        space = ClipSpace.learn(labeled, source, targets, self.speaker_shrinkage, self._over_frames)
        shots, near, far = space.source_rows(labeled), space.source_rows(source), space.target_rows(targets)
        others = [] if self.corpora is None else self._others(space)
        if not others:
            lesson = Lesson(shots, codes, len(self.classes_), near, far, seed)
            return Fitted(space, self._learn(lesson), seed)
        width = others[0][0].shape[1]
        pool = far if len(far) else near if len(near) else shots
        pooled = next(part for part in (*targets[:1], source, labeled) if part is not None)
        words = words_in(pool, averaged_in(space, pooled, width))
        metric = np.eye(width) if words is None else content_metric(words)
        return Fitted(space, _regression(shots, codes, others, metric, self.shots_weight, self.penalty), seed)

    def _others(self, space: ClipSpace) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the standardised contexts of each corpus and their classes, once a view, as experience has them."""
        if len(space.preparation.names) > 1:
            raise ParameterError("corpora are learned from in the columns of one encoder, and the clips have several")
        heads = {canonical_emotion(str(label)) or str(label): code for code, label in enumerate(self.classes_.tolist())}
        found = []
        for title, table in named(self.corpora).items():
            codes = np.array([heads.get(label, -1) for label in labels_of(title, table)])
            if len(set(codes[codes >= 0])) < 2:
                continue
            clips = self.encoder_.encode(as_utterances(table.drop(columns="emotion"), where=title), "source", title)
            for view in VIEWS:
                found.append((standard_contexts(clips, view)[codes >= 0], codes[codes >= 0]))
        if not found:
            speak_up([f"corpora have no two of {', '.join(heads)}, so multi-source learns from the shots alone"])
        return found


def _regression(
    shots: Rows,
    codes: np.ndarray,
    others: list[tuple[np.ndarray, np.ndarray]],
    metric: np.ndarray,
    shots_weight: float,
    penalty: float,
) -> LinearHead:
    """Return the scores that all corpora and the shots teach."""
    width = len(metric)
    n_classes = int(codes.max()) + 1
    parts = [(shots.vectors[:, :width], codes), *others]
    X = np.concatenate([rows for rows, _ in parts])
    y = np.concatenate([own for _, own in parts])
    of = np.repeat(np.arange(len(parts)), [len(own) for _, own in parts])
    present = np.array([[bool((own == c).any()) for c in range(n_classes)] for _, own in parts])
    weights = even_weights(y, of)
    # Every row of another corpus counts as one on average, and a shot as so many.
    weights[of > 0] /= weights[of > 0].mean()
    weights[of == 0] = shots_weight
    felt = X @ metric
    coef, intercept = masked_regression(felt, y, present[of], weights, penalty * (felt**2).sum(1).mean())
    coef = np.hstack([coef @ metric.T, np.zeros((n_classes, shots.vectors.shape[1] - width))])
    return LinearHead(coef, intercept)
