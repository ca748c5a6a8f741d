"""Few-shot cross-lingual tasks made from two corpora.

The protocol of the field: `k` clips of each emotion of the source language are labeled (the
shots), the rest of the source is unlabeled, all of the target language is unlabeled, and the
target is scored. The label set is what both corpora have in common; clips of other emotions are
left out of the pools as well, as in the published tables. A label that both corpora use is common
to them; others are when they name the same emotion (:func:`shared_labels`).

Two protocols differ in what is scored, and their figures must not be mixed:

*transductive*
    the scored clips are the unlabeled target pool (their labels are used for scoring only). The
    paper's tables.
*inductive*
    the scored clips come from speakers of whom the pool holds nothing.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sere.datasets.emotions import merged_names, shared_names
from sere.datasets.few_shot import FewShotTask
from sere.inputs.params import FLAG, NONE, RANDOM_STATE, check_arguments, choice, number, whole

# What an estimator may see of a clip. The emotion is the answer, and the sentence and corpus are
# ways to cheat.
_VISIBLE = ("path", "audio", "speaker", "language", "sampling_rate", "start", "end")
_SPEAKER_SPLITS_TRIED = 200
_RULES = {
    "shots": whole(1) | choice("all"),
    "random_state": RANDOM_STATE,
    "transductive": FLAG,
    "test_speakers": number(above=0, below=1),
    "max_pool": NONE | whole(1),
    "share": number(above=0, below=1),
}


def make_task(
    source: pd.DataFrame,
    target: pd.DataFrame,
    shots: int | str = 5,
    random_state: int | np.random.RandomState | None = 0,
    *,
    labels: Sequence[str] | None = None,
    transductive: bool = True,
    test_speakers: float = 0.3,
    max_pool: int | None = None,
) -> FewShotTask:
    """Make a few-shot task from a labeled language to an unlabeled one.

    Parameters
    ----------
    source, target : DataFrame
        As :func:`load_corpus` and :func:`make_voices` return them: a column `path` or `audio`, a
        column `emotion`, and if known `speaker`, `language`, `sampling_rate`, `start`, `end`.
    shots : int or "all", default=5
        Labeled clips of each emotion. They are drawn at random, spread evenly over the speakers.
        "all" labels the whole source, as the classical cross-corpus protocol does.
    random_state : int, RandomState instance or None, default=0
        Draws the shots, the test speakers and the pools that `max_pool` cuts.
    labels : sequence of str, optional
        The emotions of the task; by default all that both corpora have. Labels that only one
        corpus uses take the canonical name of their emotion where that makes them common: ``Wut``
        and ``angry`` meet as ``anger``.
    transductive : bool, default=True
        True: the test clips are the unlabeled target pool. False (inductive): the target's
        speakers are divided, and those of the test clips have no clip in the pool.
    test_speakers : float, default=0.3
        Share of the target's speakers to test on, at least one, when `transductive` is False.
    max_pool : int, optional
        Largest size of each unlabeled pool. Larger ones are cut by a random draw that looks at
        no label; in a transductive task the test clips are cut with their pool.

    Returns
    -------
    FewShotTask, a Bunch
        X_labeled : DataFrame of shape (n_labels * shots, n_columns)
            The shots, without their emotions and without columns in which nothing is known.
        y : ndarray of shape (n_labels * shots,), str
            Their emotions.
        X_unlabeled_src : DataFrame or None
            The rest of the source; None when every clip of it is labeled.
        X_unlabeled_tgt : DataFrame
            The target pool.
        X_test : DataFrame
            What to score; equal to X_unlabeled_tgt in a transductive task.
        y_test : ndarray of str
            Its emotions.
        test_rows : int ndarray
            Its rows in `target`.
        labels : list of str
            The emotions of the task, sorted: the fixed label list for
            :func:`sere.metrics.uar_score`.
        protocol : {"transductive", "inductive"}
            Whether the test clips are in the target pool.

    Raises
    ------
    TypeError
        If a corpus is not a DataFrame.
    ValueError
        If columns are missing, the corpora share clips or fewer than two emotions, an emotion
        has too few clips, or the target's speakers cannot be divided.

    Warns
    -----
    UserWarning
        If several labels of one corpus become one.

    Examples
    --------
    >>> from sere.datasets import make_task, make_voices
    >>> voices = make_voices(n_per_emotion=4, random_state=0)
    >>> known, unknown = [clips for _, clips in voices.groupby("language")]
    >>> task = make_task(known, unknown, shots=2)
    >>> len(task.y), len(task.X_unlabeled_src), len(task.X_test), task.protocol
    (12, 12, 24, 'transductive')
    """
    check_arguments(_RULES, shots=shots, random_state=random_state, transductive=transductive)
    check_arguments(_RULES, test_speakers=test_speakers, max_pool=max_pool)
    rng = check_random_state(random_state)
    source, target = shared_labels(_checked(source, "source"), _checked(target, "target"))
    _check_apart(source, target)
    names = _task_labels(source, target, labels)
    source = source[source["emotion"].isin(names)].reset_index(drop=True)
    rows = np.flatnonzero(target["emotion"].isin(names))
    target = target.iloc[rows].reset_index(drop=True)
    chosen = source.index.to_numpy() if shots == "all" else _draw_shots(source, names, int(shots), rng)
    rest = _cut(source.drop(index=list(chosen)), max_pool, rng)
    if transductive:
        pool = _cut(target, max_pool, rng)
        test = pool
    else:
        tested = _draw_test_speakers(target, names, test_speakers, rng)
        test = target[tested]
        pool = _cut(target[~tested], max_pool, rng)
    return FewShotTask(
        X_labeled=_visible(source.loc[chosen]),
        y=np.asarray(source.loc[chosen, "emotion"].tolist()),
        X_unlabeled_src=_visible(rest) if len(rest) else None,
        X_unlabeled_tgt=_visible(pool),
        X_test=_visible(test),
        y_test=np.asarray(test["emotion"].tolist()),
        test_rows=rows[test.index],
        labels=names,
        protocol="transductive" if transductive else "inductive",
    )


def shared_labels(source: pd.DataFrame, target: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two corpora with their labels brought together: what both call an emotion, or its canonical name.

    Parameters
    ----------
    source, target : DataFrame
        With a column `emotion`.

    Returns
    -------
    source, target : DataFrame
        With the labels changed that only one of them uses and that name the same emotion as one that only the other
        uses; see :func:`sere.datasets.emotions.shared_names`.

    Warns
    -----
    UserWarning
        If several labels of one corpus become one.
    """
    names = shared_names(source["emotion"], target["emotion"])
    for role, own in zip(("source", "target"), names):
        for name, labels in merged_names(own).items():
            warnings.warn(
                f"{role}: {' and '.join(map(str, labels))} become one label, {name}.", UserWarning, stacklevel=3
            )
    one, other = (
        corpus.assign(emotion=[own[label] for label in corpus["emotion"]])
        if any(label != name for label, name in own.items())
        else corpus
        for corpus, own in zip((source, target), names)
    )
    return one, other


def skew_target(
    target: pd.DataFrame,
    emotion: str = "neutral",
    share: float = 0.65,
    random_state: int | np.random.RandomState | None = 0,
    *,
    labels: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the largest subset of a corpus in which one emotion has a given share.

    Acted corpora are balanced and real speech is mostly neutral; methods that count on equal
    shares fail there.

    Parameters
    ----------
    target : DataFrame
        With a column `emotion`.
    emotion : str, default="neutral"
        The frequent emotion.
    share : float, default=0.65
        Its share of the subset, between 0 and 1. The other emotions keep their proportions.
    random_state : int, RandomState instance or None, default=0
        Draws the clips.
    labels : sequence of str, optional
        Keep these emotions only. Give the labels of the task, because clips that a task leaves
        out afterwards change the share.

    Returns
    -------
    DataFrame
        Rows of `target` in their order.

    Raises
    ------
    ValueError
        If the corpus lacks the emotion or has no other, or an emotion would keep no clip.

    Examples
    --------
    >>> from sere.datasets import make_voices, skew_target
    >>> voices = make_voices(n_per_emotion=4, emotions=["neutral", "sadness"], duration=0.4)
    >>> skew_target(voices, "neutral", share=0.8)["emotion"].value_counts().to_dict()
    {'neutral': 8, 'sadness': 2}
    """
    check_arguments(_RULES, share=share, random_state=random_state)
    rng = check_random_state(random_state)
    target = _checked(target, "target")
    kept = target if labels is None else target[target["emotion"].isin([*labels, emotion])]
    counts = kept["emotion"].value_counts()
    if emotion not in counts or len(counts) < 2:
        raise ValueError(f"the target needs {emotion!r} and at least one other emotion; it has {_listed(counts)}.")
    others = counts.drop(emotion)
    # The largest subset uses up either the frequent emotion or all the others.
    frequent = min(counts[emotion], round(others.sum() * share / (1 - share)))
    scale = min(1.0, counts[emotion] * (1 - share) / share / others.sum())
    wanted = {
        emotion: frequent,
        **{str(name): round(count * scale) for name, count in others.items()},
    }
    empty = sorted(name for name, count in wanted.items() if count < 1)
    if empty:
        raise ValueError(
            f"with {share:.0%} {emotion}, {', '.join(empty)} would keep no clip; the target has "
            f"{_listed(counts)}. Lower share, or pass labels= without these."
        )
    rows = np.arange(len(kept))
    drawn = [
        rng.choice(rows[(kept["emotion"] == name).to_numpy()], count, replace=False)
        for name, count in sorted(wanted.items())
    ]
    return kept.iloc[np.sort(np.concatenate(drawn))]


def _checked(corpus: pd.DataFrame, role: str) -> pd.DataFrame:
    if not isinstance(corpus, pd.DataFrame):
        raise TypeError(
            f"{role} must be a DataFrame, and is a {type(corpus).__name__}; "
            "read a folder with sere.datasets.load_corpus."
        )
    if "emotion" not in corpus or not {"path", "audio"} & set(corpus):
        raise ValueError(
            f"{role} needs a column 'emotion' and a column 'path' or 'audio'; it has "
            f"{', '.join(map(str, corpus.columns))}."
        )
    if corpus["emotion"].isna().any():
        row = int(np.flatnonzero(corpus["emotion"].isna())[0])
        raise ValueError(f"{role}, row {row}: the emotion is missing.")
    return corpus


def _check_apart(source: pd.DataFrame, target: pd.DataFrame) -> None:
    """Raise if a clip is in both corpora: shots would be scored."""
    if "path" not in source or "path" not in target:
        return
    parts = [name for name in ("path", "start", "end") if name in source and name in target]
    both = source[parts].merge(target[parts].drop_duplicates(), on=parts)
    if len(both):
        raise ValueError(
            f"source and target share {len(both)} clips, such as {both['path'].iloc[0]}; "
            "labeled clips would be scored. Divide the corpus by speaker first."
        )


def _task_labels(source: pd.DataFrame, target: pd.DataFrame, labels: Sequence[str] | None) -> list[str]:
    shared = set(source["emotion"]) & set(target["emotion"])
    if isinstance(labels, str):
        raise ValueError(f"labels is the text {labels!r}; pass a list of emotions.")
    names = sorted(shared if labels is None else set(labels))
    missing = [name for name in names if name not in shared]
    if missing or len(names) < 2:
        problem = (
            f"not both corpora have {', '.join(missing)}"
            if missing
            else f"a task needs two emotions, and this one has {', '.join(names) or 'none'}"
        )
        raise ValueError(
            f"{problem}. Source: {_listed(source['emotion'].value_counts())}. "
            f"Target: {_listed(target['emotion'].value_counts())}."
        )
    return names


def _draw_shots(source: pd.DataFrame, labels: Sequence[str], shots: int, rng: np.random.RandomState) -> np.ndarray:
    """Return the row labels of the shots, emotion by emotion, taking the speakers in turn."""
    chosen = []
    for name in labels:
        clips = source[source["emotion"] == name]
        if len(clips) < shots:
            raise ValueError(
                f"the source has {len(clips)} clips of {name}, fewer than shots={shots}; "
                "lower shots or leave this emotion out with labels=."
            )
        shuffled = clips.iloc[rng.permutation(len(clips))]
        if "speaker" in shuffled:
            turn = shuffled.groupby("speaker", dropna=False, sort=False).cumcount()
            shuffled = shuffled.loc[turn.sort_values(kind="stable").index]
        chosen.append(shuffled.index[:shots].to_numpy())
    return np.concatenate(chosen)


def _draw_test_speakers(
    target: pd.DataFrame, labels: Sequence[str], share: float, rng: np.random.RandomState
) -> np.ndarray:
    """Return a mask of the clips of randomly drawn speakers who together show every emotion."""
    if "speaker" not in target or target["speaker"].isna().any():
        raise ValueError(
            "an inductive task divides the target by speaker, and its speakers are not all known; "
            "add a column 'speaker', or use transductive=True."
        )
    speakers = np.unique(target["speaker"].to_numpy(dtype=str))
    if len(speakers) < 2:
        raise ValueError(f"cannot divide {len(speakers)} target speakers; an inductive task needs two or more.")
    count = min(max(1, round(share * len(speakers))), len(speakers) - 1)
    for _ in range(_SPEAKER_SPLITS_TRIED):
        tested = target["speaker"].isin(rng.permutation(speakers)[:count]).to_numpy()
        if set(target["emotion"][tested]) == set(labels):
            return tested
    raise ValueError(
        f"no draw of {count} of the target's {len(speakers)} speakers shows every emotion "
        f"({', '.join(labels)}); raise test_speakers, or use transductive=True."
    )


def _cut(pool: pd.DataFrame, size: int | None, rng: np.random.RandomState) -> pd.DataFrame:
    if size is None or len(pool) <= size:
        return pool
    return pool.iloc[np.sort(rng.choice(len(pool), size, replace=False))]


def _visible(clips: pd.DataFrame) -> pd.DataFrame:
    columns = [name for name in _VISIBLE if name in clips and clips[name].notna().any()]
    return clips[columns].reset_index(drop=True)


def _listed(counts: pd.Series) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
