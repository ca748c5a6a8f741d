"""One task, one fit, one score.

The score is the unweighted average recall over the task's fixed list of emotions, in percent where it is printed and
between 0 and 1 where it is a number. Its interval resamples speakers, because clips of one speaker succeed and fail
together; see :mod:`sere.metrics`.
"""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from sere.audio import Clip
from sere.calibration import expected_calibration_error
from sere.checks.data import Group, speak_up
from sere.checks.facts import Facts, facts_of
from sere.checks.sound import Identities, identities
from sere.datasets import FewShotTask
from sere.estimators.audio_classifier import AudioClassifier
from sere.estimators.encoder import HeterogeneousEncoder
from sere.inputs.reading import SereWarning, as_utterances
from sere.inputs.skipping import Skipping
from sere.inputs.utterances import Utterances
from sere.metrics import per_emotion_report, uar_interval, uar_score
from sere.provenance import list_of, parameters_of, reproduce

#: The lists of clips of a task, and what labels them.
LISTS = {"X_labeled": "y", "X_unlabeled_src": None, "X_unlabeled_tgt": None, "X_test": "y_test"}


@dataclass(frozen=True, repr=False)
class TaskResult:
    """What came out of a task.

    Attributes
    ----------
    y_true, y_pred : ndarray of shape (n_clips,)
        The scored clips' emotions and the predictions.
    labels : list of str
        The task's emotions; one that a prediction may take.
    speakers : ndarray of shape (n_clips,) or None
        Who speaks, where every clip's speaker is known and there are at least two.
    model : estimator or None
        The fitted estimator.
    fit_seconds, predict_seconds : float
        Wall time, reading and extraction included.
    probabilities : ndarray of shape (n_clips, n_classes) or None
        Of each emotion of the model's ``classes_``; None where it gives none.
    reproduce : dict
        How to make it again: ``versions``, the ``seed`` and ``parameters`` of the estimator, and ``data``, the number
        of clips and the digest of each list of the task.

    Examples
    --------
    >>> import sere
    >>> from sere.baselines import LinearBaseline
    >>> from sere.datasets import make_task, make_voices
    >>> from sere.evaluation import run_task
    >>> voices = make_voices(n_per_emotion=4, emotions=["anger", "sadness"], duration=0.4)
    >>> known, unknown = (clips for _, clips in voices.groupby("language"))
    >>> task = make_task(known, unknown, shots=2, random_state=0)
    >>> result = run_task(LinearBaseline(encoder="acoustic", cache=False), task)
    >>> result.labels, result.chance, 0 <= result.interval[0] <= result.uar <= result.interval[1] <= 1
    (['anger', 'sadness'], 0.5, True)
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    labels: list[str]
    speakers: np.ndarray | None = None
    model: Any = None
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0
    probabilities: np.ndarray | None = None
    reproduce: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def uar(self) -> float:
        """Unweighted average recall, between 0 and 1."""
        return uar_score(self.y_true, self.y_pred, labels=self.labels)

    @property
    def chance(self) -> float:
        """Expected UAR of guessing, one over the number of emotions."""
        return 1 / len(self.labels)

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of `uar`, over speakers where they are known, else over clips."""
        return uar_interval(self.y_true, self.y_pred, speakers=self.speakers, labels=self.labels)

    @cached_property
    def calibration_error(self) -> float | None:
        """Expected calibration error, 0..1; see :func:`sere.calibration.expected_calibration_error`.

        Over the clips that could be used; None where there are no probabilities.
        """
        if self.probabilities is None:
            return None
        known = np.isfinite(self.probabilities).all(axis=1)
        return expected_calibration_error(self.y_true[known], self.probabilities[known], self.model.classes_)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an emotion, as :func:`sere.metrics.per_emotion_report` returns it."""
        return per_emotion_report(self.y_true, self.y_pred, labels=self.labels)

    def __repr__(self) -> str:
        return f"TaskResult({self._score()})"

    def _repr_html_(self) -> str:
        model = "" if self.model is None else f"{type(self.model).__name__}, "
        took = f"{model}fitted in {self.fit_seconds:.1f} s, predicted in {self.predict_seconds:.1f} s"
        shown = self.table.to_html(index=False, float_format="{:.3f}".format, na_rep="-", border=0)
        return f"<p>{escape(self._score())}<br>{escape(took)}</p>{shown}"

    def _score(self) -> str:
        low, high = self.interval
        over = "clips" if self.speakers is None else f"{len(set(self.speakers))} speakers"
        return (
            f"UAR {100 * self.uar:.1f} % on {len(self.y_true)} clips "
            f"(95 % interval over {over}: {100 * low:.1f} to {100 * high:.1f}; "
            f"chance {100 * self.chance:.1f})"
        )

    def summary(self) -> str:
        """Return the score against chance and the table of emotions as lines of text."""
        lines = [
            self._score(),
            "",
            f"{'emotion':<12} {'clips':>6} {'recall':>8} {'precision':>10}  most confused with",
        ]
        for row in self.table.to_dict("records"):
            confused = row["confused_with"] if isinstance(row["confused_with"], str) else "-"
            shares = f"{_percent(row['recall']):>8} {_percent(row['precision']):>10}"
            lines.append(f"{row['emotion']!s:<12} {row['clips']:>6} {shares}  {confused}")
        return "\n".join(lines)


def run_task(estimator: Any, task: FewShotTask) -> TaskResult:
    """Fit a clone of an estimator on a task and score it on the task's test clips.

    Parameters
    ----------
    estimator : SEREClassifier, or any classifier whose ``fit`` takes the same arguments
    task : FewShotTask, or another Bunch of the same keys
        As :func:`sere.datasets.make_task` returns it.

    Returns
    -------
    TaskResult

    Warns
    -----
    SereWarning
        Scored clips are among the labeled ones, as they are, re-coded or trimmed (``sere.checks.copies``); or the
        task is said to be inductive, and scored clips or their speakers are in the target pool.

    Examples
    --------
    >>> import sere
    >>> from sere.baselines import LinearBaseline
    >>> from sere.datasets import make_task, make_voices
    >>> from sere.evaluation import run_task
    >>> voices = make_voices(n_per_emotion=4, emotions=["anger", "sadness"], duration=0.4)
    >>> known, unknown = (clips for _, clips in voices.groupby("language"))
    >>> task = make_task(known, unknown, shots=2, random_state=0)
    >>> result = run_task(LinearBaseline(encoder="acoustic", cache=False), task)
    >>> len(result.y_pred) == len(task.X_test), result.uar > result.chance
    (True, True)
    """
    described = reproduce(
        seed=getattr(estimator, "random_state", None),
        parameters=parameters_of(estimator),
        data={
            name: list_of(task[name], task[labels] if labels else None)
            for name, labels in LISTS.items()
            if task[name] is not None
        },
    )
    return replace(score_task(estimator, task), reproduce=described)


def score_task(estimator: Any, task: FewShotTask, clips: Mapping[str, Any] | None = None) -> TaskResult:
    """Return what :func:`run_task` returns, without `reproduce`.

    Parameters
    ----------
    estimator, task
        As in :func:`run_task`.
    clips : mapping of str to clips, optional
        What the estimator gets in the place of the task's lists of the same names: the same clips, embedded already.
    """
    given = task if clips is None else {**task, **clips}
    speak_up(_known_before(task, given, estimator))
    model = clone(estimator)
    start = time.perf_counter()
    model.fit(
        given["X_labeled"],
        task.y,
        # A tuple is never mistaken for something to slice along with X.
        X_unlabeled_src=(given["X_unlabeled_src"],),
        X_unlabeled_tgt=(given["X_unlabeled_tgt"],),
    )
    fitted = time.perf_counter()
    y_pred, probabilities = _answers(model, given["X_test"])
    done = time.perf_counter()
    return TaskResult(
        y_true=np.asarray(task.y_test),
        y_pred=np.asarray(y_pred),
        labels=list(task.labels),
        speakers=speakers_of(task.X_test),
        model=model,
        fit_seconds=fitted - start,
        predict_seconds=done - fitted,
        probabilities=probabilities,
    )


def _answers(model: Any, clips: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the answer to each clip, and the probability of each class where the model gives it."""
    if not hasattr(model, "predict_proba"):
        return model.predict(clips), None
    probabilities = np.asarray(model.predict_proba(clips))
    if isinstance(model, AudioClassifier) and np.isfinite(probabilities).all():
        # What `predict` would say, without embedding the clips twice.
        return model.classes_[probabilities.argmax(axis=1)], probabilities
    return model.predict(clips), probabilities


def _known_before(task: FewShotTask, given: Mapping[str, Any], estimator: Any) -> Iterator[str]:
    """Yield what of the scored clips fit would know; `given` holds the task's lists, embedded or not."""
    inductive = task.get("protocol") == "inductive"
    compared = ("X_test", "X_labeled", "X_unlabeled_tgt")[: 2 + inductive]
    groups = [group for name in compared if (group := _heard(name, given[name], estimator)) is not None]
    known = {group.name: own for group, own in zip(groups, identities(groups) if groups else [], strict=True)}
    taught, pooled = (_again(known.get("X_test", []), known.get(name, [])) for name in ("X_labeled", "X_unlabeled_tgt"))
    if len(taught):
        yield (
            f"{len(taught)} of the {len(task.X_test)} scored clips are labeled ones, as they are, re-coded or trimmed "
            f"({groups[0].rows(taught)}): the score counts answers that were given. Leave them out of one"
        )
    if not inductive:
        return
    people = {*_speakers(task.X_test)} & {*_speakers(task.X_unlabeled_tgt)}
    if len(pooled) or people:
        yield (
            f"the task is called inductive, but the target pool has {len(pooled)} of its {len(task.X_test)} scored "
            f"clips, as they are, re-coded or trimmed, and {len(people)} of their speakers: call its protocol "
            "transductive, or leave them out of the pool"
        )


def _heard(name: str, clips: Any, estimator: Any) -> Group | None:
    """Return the clips of a task's list that can be used, with their facts; None where it has none."""
    if isinstance(clips, Utterances) and clips.facts is not None:
        return Group(name, "asked", clips, Facts.of(clips.facts), ())
    if not isinstance(clips, pd.DataFrame) or not {"path", "audio"} & set(clips):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SereWarning)
            read, rows = Skipping("skip").read(as_utterances, clips, name)
    except (ValueError, TypeError):  # fit says so, and what it warns of
        return None
    assert read.clips is not None
    encoder = getattr(estimator, "encoder", None)
    keeps = encoder if isinstance(encoder, HeterogeneousEncoder) else estimator
    unusable: dict[Clip, str] = {}
    options: dict[str, Any] = {
        "cache": getattr(keeps, "cache", False),
        "n_jobs": getattr(keeps, "n_jobs", None),
        "verbose": 0,
    }
    facts = facts_of(read.clips, unusable=unusable, **options)
    left = read.rows_but(unusable, np.arange(len(read)))
    skipped = np.setdiff1d(np.arange(len(clips)), rows[left])
    return None if facts is None else Group(name, "asked", read[left], facts, tuple(skipped.tolist()))


def _again(own: Identities, others: Identities) -> np.ndarray:
    """Return the rows of `own` whose recordings are among those of `others`."""
    known = {recording for _, recording in others}
    return np.array([row for row, recording in own if recording in known], dtype=int)


def _speakers(clips: Any) -> list[Any]:
    known = isinstance(clips, pd.DataFrame) and "speaker" in clips
    return list(clips["speaker"].dropna()) if known else []


def speakers_of(clips: pd.DataFrame | Sequence[Any]) -> np.ndarray | None:
    """Return each clip's speaker, or None unless all are known and there are at least two.

    Examples
    --------
    >>> from sere.datasets import make_voices
    >>> from sere.evaluation import speakers_of
    >>> speakers_of(make_voices(n_per_emotion=2, languages=["lumo"], emotions=["anger"], duration=0.4)).tolist()
    ['lumo-f1', 'lumo-m1']
    """
    if not isinstance(clips, pd.DataFrame) or "speaker" not in clips:
        return None
    speakers = clips["speaker"]
    if speakers.isna().any() or speakers.nunique() < 2:
        return None
    return speakers.to_numpy(dtype=object)


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f} %"
