"""Experience from labeled speech of several languages: :func:`pretrain_encoder`.

Corpora are standardised as they will be when the encoder is used, each by its own clips, and counted twice: once with
each speaker standardised, once as if nobody knew who speaks. Then three small things are learned from them, all linear
(see :mod:`sere.encoders.experience`; docs/design.md says why not more):

* evidence: multinomial logistic regression. A corpus says nothing about emotions that it does not have: they are left
  out of its clips' softmax. Corpora count alike, and emotions of a corpus count alike. Weights are paid for in a metric
  in which words are small (:mod:`sere.chain.content`), and by the square of a typical clip's length, so that one
  penalty suits seventy descriptors and a thousand columns.
* examples: the mean of each emotion's corpus means.
* directions: linear discriminants of clips and of frames with a shrunk covariance.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils import check_random_state

from sere.chain.content import content_covariances, content_metric, with_words
from sere.datasets.emotions import canonical_emotion, merged_names
from sere.encoders.emotion import Card, EmotionEncoder
from sere.encoders.experience import BASE, Experience, audio_digest
from sere.encoders.spec import ENCODER
from sere.estimators.dynamics import DynamicFeatureTransformer
from sere.estimators.encoder import HeterogeneousEncoder
from sere.inputs import params
from sere.inputs.labels import as_labels
from sere.inputs.reading import SereWarning, as_utterances
from sere.inputs.skipping import Skipping
from sere.inputs.utterances import Utterances
from sere.provenance import plain, versions
from sere.training.normalise import Moments, Standardiser
from sere.training.voices import voice_directions

#: Penalty on squared weights beside the mean loss, for clips of squared length 1.
PENALTY = 1.5e-4
#: Clips at which a speaker counts half; the second view knows no speakers.
VIEWS = (4.0, np.inf)
#: Discriminants that are kept, and the shrinkage of their covariance.
DIRECTIONS = 6
SHRINKAGE = 0.2
#: Frames of each corpus that directions of frames are taken from, at most.
FRAMES = 20_000
#: Clips of each corpus that tell how much words vary, at most, and every how many frames of them.
CLIPS = 500
THINNED = 5

_RULES = {
    "corpora": params.Rule(
        "a DataFrame, or a list or dict of them",
        lambda value: isinstance(value, pd.DataFrame | Iterable) and not isinstance(value, str | bytes),
    ),
    "encoder": ENCODER,
    "licences": params.NONE | params.instance("a dict from corpus to text", Mapping),
    "name": params.TEXT,
    "penalty": params.number(above=0),
    "random_state": params.RANDOM_STATE,
    **params.COMMON,
    "on_error": params.ON_ERROR,
}


def pretrain_encoder(
    corpora: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame],
    encoder: Any = BASE,
    *,
    licences: Mapping[str, str] | None = None,
    name: str = "pretrained by sere",
    penalty: float = PENALTY,
    cache: Any = True,
    n_jobs: int | None = None,
    device: str = "auto",
    random_state: Any = None,
    on_error: str = "raise",
    verbose: int = 0,
) -> EmotionEncoder:
    """Learn from labeled corpora what emotions have in common across languages.

    Parameters
    ----------
    corpora : sequence or mapping of DataFrame
        One a corpus, with ``path`` or ``audio``, ``emotion``, and where known ``speaker``, ``language`` and ``corpus``
        (its name), as :func:`sere.datasets.load_corpus` returns them. A mapping's keys are the names.
    encoder : str or FrameEncoder, default="acoustic+speech"
        What describes a clip: "acoustic", "speech", "egemaps", a checkpoint, several joined by "+", or an encoder
        without experience.
    licences : mapping of str to str, optional
        By corpus, what the card says of its licence.
    name : str
        What the encoder is called in messages.
    penalty : float, default=1.5e-4
        Weight of squared weights in the evidence's regression, in units of the clips' mean squared length.
    cache, n_jobs, device, verbose
        As in :class:`sere.SEREClassifier`.
    random_state : int, RandomState or None, default=None
        Which frames stand for a corpus that has more than 20,000.
    on_error : {"raise", "skip"}, default="raise"
        Clips that cannot be used are an error that names each; or they are left out with a warning, and the encoder's
        `skipped_` lists them as :class:`sere.SEREClassifier` does, each with its corpus for ``where``.

    Returns
    -------
    EmotionEncoder
        Goes wherever an encoder's name goes; ``.save(path)`` writes it.

    Raises
    ------
    AudioError
        Unusable clips: names each row. With ``on_error="skip"`` only where a corpus has no other.
    ValueError
        No corpora, a corpus without labels, fewer than two emotions; before anything is read, parameters that cannot be
        used.

    Examples
    --------
    >>> from sere import pretrain_encoder
    >>> from sere.datasets import make_voices
    >>> voices = make_voices(n_per_emotion=2, languages=["lumo"], emotions=["anger", "sadness"], duration=0.4)
    >>> pretrain_encoder([voices], cache=False, random_state=0).experience.emotions
    ('anger', 'sadness')
    """
    steps: dict[str, Any] = {"cache": cache, "n_jobs": n_jobs, "device": device, "verbose": verbose}
    own = {"licences": licences, "name": name, "penalty": penalty, "random_state": random_state, "on_error": on_error}
    params.check_arguments(_RULES, corpora=corpora, encoder=encoder, **own, **steps)
    dynamics = DynamicFeatureTransformer(**steps)
    embedder = HeterogeneousEncoder(encoder, pitch_model=dynamics.pitch_model, **steps)
    base = embedder.usable(encoder)
    if isinstance(base, EmotionEncoder) or base.has_front:
        raise params.ParameterError(
            f"encoder is {encoder!r}; it must be one without experience and with nothing to train"
        )
    tables = named(corpora)
    labels = {title: labels_of(title, table) for title, table in tables.items()}
    skipping = Skipping(on_error)
    given, heard = {}, {}
    for title, table in tables.items():  # all are read before the first is described, which can take long
        clips, rows = skipping.read(partial(as_utterances, where=title), table.drop(columns="emotion"), title)
        given[title], labels[title], tables[title] = clips, labels[title][rows], table.iloc[rows]

    def describe(clips: Utterances, unusable: dict[Any, str] | None, title: str) -> Utterances:
        followed = dynamics.extract(clips, title, unusable=unusable)
        return embedder.encode(followed, "source", title, unusable)

    for title, clips in given.items():
        heard[title], rows = skipping.embed(partial(describe, title=title), clips, title)
        labels[title], tables[title] = labels[title][rows], tables[title].iloc[rows]
    skipping.warn()
    experience = learn_experience(heard, labels, penalty, check_random_state(random_state))
    recipe = {"penalty": penalty, "views": [str(view) for view in VIEWS], "directions": DIRECTIONS}
    recipe |= {"random_state": plain(random_state), **versions()}
    digests = frozenset(audio_digest(clip) for utterances in heard.values() for clip in utterances.clips or ())
    about = [_about(title, tables[title], labels[title], (licences or {}).get(title)) for title in tables]
    learned = EmotionEncoder(base, experience, Card(about, digests, recipe), name)
    learned.skipped_ = skipping.records
    return learned


def learn_experience(
    heard: Mapping[str, Utterances], labels: Mapping[str, np.ndarray], penalty: float, random: np.random.RandomState
) -> Experience:
    """Return what embedded corpora teach.

    Parameters
    ----------
    heard : mapping of str to Utterances with frames and context
        By corpus.
    labels : mapping of str to ndarray of shape (n,), object
        Canonical emotions.
    penalty : float
    random : RandomState
    """
    emotions = tuple(sorted({label for own in labels.values() for label in own}))
    if len(emotions) < 2:
        raise ValueError(f"experience needs at least two emotions; the corpora have {list(emotions)}")
    contexts, codes, corpus, frames, frame_codes = [], [], [], [], []
    frame_means: list[np.ndarray] = []
    words: list[tuple[np.ndarray, np.ndarray]] = []
    for number, (title, utterances) in enumerate(heard.items()):
        own = np.array([emotions.index(label) for label in labels[title]])
        for view in VIEWS:
            contexts.append(standard_contexts(utterances, view))
            codes.append(own)
            corpus.append(np.full(len(own), number))
        of_clips = _standard_frames(utterances, VIEWS[0], random)
        words.append(_words(contexts[-len(VIEWS)], of_clips, utterances))
        frame_means.append(of_clips.means)
        frames.append(of_clips.rows)
        frame_codes.append(own[of_clips.clips])
    X, y, of = np.concatenate(contexts), np.concatenate(codes), np.concatenate(corpus)
    present = np.array([[bool(((of == c) & (y == e)).any()) for e in range(len(emotions))] for c in range(len(heard))])
    of_context, of_frames = (content_metric(with_words(np.mean(side, axis=0))) for side in zip(*words, strict=True))
    felt = X @ of_context
    length = (felt**2).sum(1).mean()
    weights, bias = masked_regression(felt, y, present[of], even_weights(y, of), penalty * length)
    known_speakers = np.concatenate([np.arange(len(c)) + at for c, at in _first_views(contexts)])
    raw = [np.asarray(u.context, dtype=np.float64) for u in heard.values()]
    mean = np.mean([r.mean(0) for r in raw], 0)
    whole = contexts[VIEWS.index(np.inf) :: len(VIEWS)]
    speakers = [utterances.speakers for utterances in heard.values()]
    variance = np.mean([(r**2).mean(0) for r in raw], 0) - mean**2
    return Experience(
        emotions=emotions,
        evidence_weights=weights @ of_context.T,
        evidence_bias=bias,
        examples=_examples(X, y, of, len(emotions)),
        frame_examples=_examples(np.concatenate(frame_means), y[known_speakers], of[known_speakers], len(emotions)),
        directions=_directions(felt[known_speakers], y[known_speakers], of_context),
        frame_directions=_directions(np.concatenate(frames) @ of_frames, np.concatenate(frame_codes), of_frames),
        centre=mean,
        scale=np.sqrt(np.where(variance > 0, variance, 1.0)),
        voices=voice_directions(list(zip(whole, speakers, strict=True))),
    )


def masked_regression(
    X: np.ndarray, y: np.ndarray, possible: np.ndarray, weights: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Multinomial logistic regression whose softmax runs over the classes that were possible for each row.

    Minimises ``sum_i w_i (-log softmax_{c in possible_i}(x_i B_c + b_c)[y_i]) + penalty * sum(B^2)`` with weights that
    sum to 1, by L-BFGS.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : int ndarray of shape (n,)
    possible : bool ndarray of shape (n, E)
    weights : ndarray of shape (n,)
    penalty : float

    Returns
    -------
    B : ndarray of shape (E, d)
    b : ndarray of shape (E,)
    """
    n, d, E = len(X), len(X.T), len(possible.T)
    w = weights / weights.sum()
    truth = np.eye(E)[y]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        B, b = flat[: E * d].reshape(E, d), flat[E * d :]
        logits = np.where(possible, X @ B.T + b, -np.inf)
        likely = log_softmax(logits, axis=1)
        loss = -(w * likely[np.arange(n), y]).sum() + penalty * (B**2).sum()
        slope = w[:, None] * (np.exp(likely) - truth)
        return loss, np.concatenate([(slope.T @ X + 2 * penalty * B).ravel(), slope.sum(0)])

    found = minimize(objective, np.zeros(E * (d + 1)), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return found[: E * d].reshape(E, d), found[E * d :]


def named(corpora: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Corpora by name, each with labels."""
    if isinstance(corpora, pd.DataFrame):
        corpora = [corpora]
    given = list(corpora.items()) if isinstance(corpora, Mapping) else [(None, table) for table in corpora]
    if not given:
        raise ValueError("corpora is empty: at least one labeled corpus is needed; sere.datasets.load_corpus reads one")
    tables: dict[str, pd.DataFrame] = {}
    for number, (title, table) in enumerate(given):
        if not isinstance(table, pd.DataFrame) or "emotion" not in table:
            raise ValueError(
                f"corpus {title or number} is not a DataFrame with a column 'emotion'; sere.datasets.load_corpus makes "
                "one"
            )
        if title is None:
            said = list(table["corpus"].dropna().unique()) if "corpus" in table else []
            title = str(said[0]) if len(said) == 1 else f"corpus {number}"
        if title in tables:
            raise ValueError(f"two corpora are called {title!r}; pass a dict with a name for each")
        tables[title] = table.reset_index(drop=True)
    return tables


def labels_of(title: str, table: pd.DataFrame) -> np.ndarray:
    """Canonical names of a corpus's emotions, said where that makes one of several labels."""
    words = [str(word) for word in as_labels(table["emotion"], f"{title}: emotion")]
    names = {word: canonical_emotion(word) or word for word in words}
    for name, merged in merged_names(names).items():
        warnings.warn(f"{title}: {' and '.join(merged)} are learned as one emotion, {name}", SereWarning, stacklevel=4)
    return np.array([names[word] for word in words], dtype=object)


def _about(title: str, table: pd.DataFrame, labels: np.ndarray, licence: str | None) -> dict[str, Any]:
    """What the card says of a corpus."""
    languages = sorted(set(table["language"].dropna().astype(str))) if "language" in table else []
    speakers = int(table["speaker"].nunique()) if "speaker" in table else None
    words, counts = np.unique(labels.astype(str), return_counts=True)
    emotions = {str(word): int(count) for word, count in zip(words, counts, strict=True)}
    about = {"name": title, "languages": languages, "clips": len(table), "speakers": speakers, "emotions": emotions}
    return {**about, "licence": licence} if licence else about


def standard_contexts(utterances: Utterances, shrinkage: float) -> np.ndarray:
    contexts = np.asarray(utterances.context, dtype=np.float64)
    standard = Standardiser(shrinkage)
    standard.learn("", Moments.of_vectors(contexts), utterances.speakers)
    return np.array([standard.apply(c, "", s) for c, s in zip(contexts, utterances.speakers, strict=True)])


@dataclass(frozen=True)
class _Frames:
    """What is needed of a corpus's standardised frames; all of them together could be gigabytes.

    Attributes
    ----------
    means : ndarray of shape (n, w)
        Of each clip.
    rows : ndarray of shape (m, w), float32
        Some frames.
    clips : int ndarray of shape (m,)
        The clip of each.
    within : list of ndarray of shape (n_frames, w), float32
        Ten frames a second of some clips.
    chosen : int ndarray
        Which clips those are.
    """

    means: np.ndarray
    rows: np.ndarray
    clips: np.ndarray
    within: list[np.ndarray]
    chosen: np.ndarray


def _standard_frames(utterances: Utterances, shrinkage: float, random: np.random.RandomState) -> _Frames:
    assert utterances.frames is not None
    standard = Standardiser(shrinkage)
    standard.learn("", Moments.of_frames(utterances.frames), utterances.speakers)
    offsets = np.cumsum([0, *map(len, utterances.frames)])
    some = np.sort(random.choice(offsets[-1], min(FRAMES, offsets[-1]), replace=False))
    clips = np.searchsorted(offsets, some, side="right") - 1
    every = -(-len(utterances) // CLIPS)
    means, rows, within = [], [], []
    for clip, (own, speaker) in enumerate(zip(utterances.frames, utterances.speakers, strict=True)):
        values = standard.apply(np.asarray(own, np.float64), "", speaker)
        means.append(values.mean(0))
        rows.append(values[some[clips == clip] - offsets[clip]].astype(np.float32))
        if clip % every == 0:
            within.append(values[::THINNED].astype(np.float32))
    return _Frames(np.array(means), np.concatenate(rows), clips, within, np.arange(0, len(utterances), every))


def _first_views(contexts: list[np.ndarray]) -> list[tuple[np.ndarray, int]]:
    """Each corpus's first view and the row at which it starts."""
    starts = np.cumsum([0, *map(len, contexts)])
    return [(contexts[k], int(starts[k])) for k in range(0, len(contexts), len(VIEWS))]


def even_weights(y: np.ndarray, corpus: np.ndarray) -> np.ndarray:
    """Weights with which every emotion of every corpus counts alike."""
    _, cell, counts = np.unique(np.stack([corpus, y]), axis=1, return_inverse=True, return_counts=True)
    return 1.0 / counts[cell.ravel()]


def _examples(rows: np.ndarray, y: np.ndarray, corpus: np.ndarray, n_emotions: int) -> np.ndarray:
    """Mean over corpora of each emotion's mean, (E, columns)."""
    result = []
    for emotion in range(n_emotions):
        of_corpora = [rows[(y == emotion) & (corpus == c)].mean(0) for c in np.unique(corpus[y == emotion])]
        result.append(np.mean(of_corpora, axis=0))
    return np.array(result)


def _words(contexts: np.ndarray, frames: _Frames, utterances: Utterances) -> tuple[np.ndarray, np.ndarray]:
    """How a corpus's contexts and frames vary within clips."""
    assert utterances.encoders is not None
    columns = utterances.averaged.get(utterances.encoders[0], np.full(contexts.shape[1], -1))
    if not (columns >= 0).any():
        return np.zeros((contexts.shape[1],) * 2), np.zeros((frames.rows.shape[1],) * 2)
    return content_covariances(contexts[frames.chosen], frames.within, columns)


def _directions(rows: np.ndarray, y: np.ndarray, metric: np.ndarray) -> np.ndarray:
    """Linear discriminants of rows that went through a metric, as columns to multiply other rows by, (columns, m).

    Strongest first, each with its largest weight positive.
    """
    found = metric @ LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE).fit(rows, y).scalings_
    found = found[:, : min(DIRECTIONS, len(np.unique(y)) - 1)]
    directions: np.ndarray = found * np.sign(found[np.abs(found).argmax(0), range(found.shape[1])])
    return directions
