"""No labels at all: the emotions of clips by experience and by the structure of the clips themselves.

:func:`label` is for whoever has recordings and not one label. An encoder with experience of labeled speech in other
languages scores the emotions by their names; what a language, a room and a throat add is standardised away, without
labels, by the clips themselves; and the answers on all of them teach a linear head that sees more than experience does.
Each of the last two needs a *pool*: clips of one language, recorded alike. Nothing is learned about what the user means
by an emotion, which is why there is no estimator here: with a few labels, :class:`~sere.SEREClassifier` is the one.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from sere.audio import AudioError, Clip
from sere.baselines._clips import ClipSpace, Rows
from sere.baselines.zero_shot import ZeroShotHead, averaged_in
from sere.calibration import UNKNOWN
from sere.checks.data import Group, counted, speak_up
from sere.checks.facts import facts_of
from sere.checks.sound import acquaintances, asked
from sere.datasets.emotions import canonical_emotion
from sere.datasets.formats import read_format, recognise_format
from sere.datasets.scan import find_media
from sere.encoders.emotion import EmotionEncoder
from sere.encoders.languages import same_language
from sere.encoders.spec import ENCODERS, spec_name
from sere.estimators.audio_classifier import CHUNK
from sere.estimators.encoder import HeterogeneousEncoder
from sere.inputs import params
from sere.inputs.params import ParameterError, Rule
from sere.inputs.reading import arranged, as_utterances
from sere.inputs.skipping import Skipping
from sere.inputs.utterances import Utterances, concatenate

#: Every how many frames are kept.
THINNED = 10
#: Clips below which a pool's own mean and SD say little of its language, room and voices.
FEW = 20
#: Clips that the mean and SD of the speech behind an encoder's experience are worth beside a pool's own. Without them a
#: pool of one tells nothing and pools of ten lose points; beyond forty nothing changes. Five to twenty score alike.
PRIOR = 5.0
#: Probability below which another emotion is likelier than the one named.
UNSURE = 0.5

RULES = {
    "emotions": params.NONE
    | Rule(
        "a list of two or more names",
        lambda value: (
            isinstance(value, Sequence | np.ndarray | pd.Series)
            and not isinstance(value, str | bytes)
            and len(value) > 1
            and all(map(params.TEXT.fits, value))
        ),
    ),
    "encoder": ENCODERS,
    "self_training_weight": params.number(0),
    "speaker_shrinkage": params.number(0, infinite=True),
    **params.COMMON,
    "on_error": params.ON_ERROR,
}


@dataclass(frozen=True)
class Labeled:
    """What clips were labeled with.

    Attributes
    ----------
    words : list of str
        The emotions, in the user's words.
    rows : int ndarray of shape (n,)
        Rows of X that could be used.
    paths : list of str or None
        Of each; None for a waveform.
    probabilities : ndarray of shape (n, n_emotions)
    skipped : list of dict
        The others, as in :class:`sere.SEREClassifier`.
    """

    words: list[str]
    rows: np.ndarray
    paths: list[str | None]
    probabilities: np.ndarray
    skipped: list[dict[str, Any]]

    def table(self) -> pd.DataFrame:
        """Return what :func:`label` returns."""
        best = self.probabilities.argmax(1)
        table = pd.DataFrame(index=pd.Index(self.rows))
        if any(path is not None for path in self.paths):
            table["path"] = pd.Series(self.paths, index=table.index, dtype=object)
        told = np.ptp(self.probabilities, axis=1) > 0
        table["emotion"] = np.where(told, np.array(self.words, dtype=object)[best], UNKNOWN)
        table["probability"] = self.probabilities.max(1)
        return table.assign(**{f"p_{word}": own for word, own in zip(self.words, self.probabilities.T, strict=True)})

    @property
    def sureness(self) -> str:
        """How sure the answers are, in a sentence."""
        best = self.probabilities.max(1)
        return (
            f"mean probability of the emotion named {best.mean():.2f}; {(best < UNSURE).sum()} of "
            f"{counted(len(best), 'clip')} below {UNSURE:g}"
        )


def label(
    X: Any,
    emotions: Sequence[str] | None = None,
    encoder: Any = "speech-emotion",
    *,
    self_training_weight: float = 1.0,
    speaker_shrinkage: float = 4.0,
    cache: Any = True,
    n_jobs: int | None = None,
    device: str = "auto",
    on_error: str = "raise",
    verbose: int = 0,
) -> pd.DataFrame:
    """Label clips without a single labeled one.

    Pass all clips of a recording situation together: they say what of their sound is language, room and voice. Clips of
    several languages (column ``language``) are standardised and learned from language by language.

    Parameters
    ----------
    X : clips, a folder of audio files, or another project's manifest
        Any form that :class:`sere.SEREClassifier` takes, without feature vectors: rows of a 2-D array are waveforms.
    emotions : list of str, default=None
        What to choose among, in any language and spelling of :func:`sere.datasets.emotions.canonical_emotion`; answers
        are in these words. None: the emotions that every corpus has from which the encoder learned, which for the
        encoders of the library are anger, fear, happiness, neutral and sadness.
    encoder : str, EmotionEncoder or dict, default="speech-emotion"
        One with experience: "speech-emotion", "acoustic-emotion", or what :func:`sere.pretrain_encoder` made. A dict
        goes by language.
    self_training_weight
        As `weight` in :class:`sere.SelfTrainingHead`.
    speaker_shrinkage, cache, n_jobs, device
        As in :class:`sere.SEREClassifier`.
    on_error : {"raise", "skip"}, default="raise"
        Clips that cannot be used are an error that names each; or they are left out with a warning, and their numbers
        are missing in the index.
    verbose : int, default=0
        Anything but 0 shows progress and says how sure the answers are.

    Returns
    -------
    DataFrame
        A row for each clip, in the order of X, whose index holds its number in X: ``path`` where clips are files,
        ``emotion``, its ``probability``, and ``p_<emotion>`` for each emotion. The emotion of digital silence is
        "unknown", and each as probable as any other.

    Raises
    ------
    AudioError
        Unusable clips: names each row and what to do. With ``on_error="skip"`` only where there is no other.
    ValueError
        An emotion that the encoder does not know, two words for one emotion, an encoder without experience; all before
        anything is read.

    Examples
    --------
    >>> import sere
    >>> from sere.datasets import make_voices
    >>> voices = make_voices(n_per_emotion=10, languages=["lumo"], emotions=["anger", "sadness"], duration=0.4)
    >>> words = ["Wut", "Trauer"]
    >>> table = sere.label(list(voices["audio"]), emotions=words, encoder="acoustic-emotion", cache=False)
    >>> list(table.columns), len(table) == len(voices)
    (['emotion', 'probability', 'p_Wut', 'p_Trauer'], True)
    """
    found = label_clips(
        X,
        emotions,
        encoder,
        self_training_weight=self_training_weight,
        speaker_shrinkage=speaker_shrinkage,
        cache=cache,
        n_jobs=n_jobs,
        device=device,
        on_error=on_error,
        verbose=verbose,
    )
    if verbose:
        print(found.sureness)
    return found.table()


def label_clips(
    X: Any,
    emotions: Sequence[str] | None,
    encoder: Any,
    *,
    self_training_weight: float = 1.0,
    speaker_shrinkage: float = 4.0,
    cache: Any = True,
    n_jobs: int | None = None,
    device: str = "auto",
    on_error: str = "raise",
    verbose: int = 0,
) -> Labeled:
    """Do the work of :func:`label`, whose parameters these are."""
    steps: dict[str, Any] = {"cache": cache, "n_jobs": n_jobs, "device": device, "verbose": verbose}
    params.check_arguments(
        RULES,
        emotions=emotions,
        encoder=encoder,
        self_training_weight=self_training_weight,
        speaker_shrinkage=speaker_shrinkage,
        on_error=on_error,
        **steps,
    )
    embedder = HeterogeneousEncoder(encoder, **steps)
    known = experienced(embedder, encoder)
    words = default_emotions(known) if emotions is None else [str(word) for word in emotions]
    heads = {name: heads_of(words, own) for name, own in known.items()}

    skipping = Skipping(on_error)
    if isinstance(X, str | os.PathLike) and os.path.exists(X):
        X = _at(Path(X))
    clips, rows = skipping.read(as_utterances, arranged(X), "X")
    clips, kept = skipping.embed(partial(_embed, embedder), clips, "X")
    skipping.warn()
    assert clips.encoders is not None
    skipped = tuple(record["row"] for record in skipping.records)
    facts = facts_of(clips.clips or [], cache=cache, n_jobs=n_jobs, verbose=verbose)
    if facts is not None:
        group = Group("X", "asked", clips, facts, skipped)
        speak_up(asked(group))
        speak_up(acquaintances([group]))
    # Digital silence tells of no emotion, and nothing of its neighbours.
    logits = np.zeros((len(clips), len(words)))
    told = np.ones(len(clips), dtype=bool) if facts is None else ~facts.silent
    for members in _pools(clips):
        members = members[told[members]]
        if not len(members):
            continue
        pool = clips[members]
        speak_up(_small(pool))
        logits[members] = answer_pool(pool, heads, speaker_shrinkage, self_training_weight)
    sources = [clip.source for clip in clips.clips or ()]
    paths = [os.fspath(source) if isinstance(source, str | os.PathLike) else None for source in sources]
    return Labeled(words, rows[kept], paths, softmax(logits, axis=1), skipping.records)


def _at(place: Path) -> Any:
    """Return the clips of a folder, or of what another project describes its data by."""
    found = [media.path for media in find_media(place)] if place.is_dir() else []
    form = None if found else recognise_format(place)
    if form is not None:
        clips = read_format(place, form, labeled=False, present=False)
        return clips[[name for name in ("path", "speaker", "language", "start", "end") if name in clips]]
    if place.is_dir() and not found:
        raise ValueError(f"{place} holds no audio files")
    return found if place.is_dir() else str(place)


def _embed(embedder: HeterogeneousEncoder, clips: Utterances, unusable: dict[Clip, str] | None) -> Utterances:
    """Return the clips embedded, a bounded number at a time, with the few frames that tell how words vary."""
    assert clips.clips is not None
    parts: list[Utterances] = []
    problems: list[tuple[int | None, str]] = []
    for first in range(0, len(clips), CHUNK):
        rows = np.arange(first, min(first + CHUNK, len(clips)))
        try:
            part = embedder.encode(clips[rows], "target", "X", unusable)
        except AudioError as error:
            if unusable is None:
                raise error.of_rows(rows) from None
            problems += error.of_rows(rows).problems
            unusable.update({clips.clips[row]: reason for row, reason in problems if row is not None})
        else:
            assert part.frames is not None
            parts.append(part.with_(frames=[frames[::THINNED].copy() for frames in part.frames]))
    if not parts:
        raise AudioError(problems, "X")
    return concatenate(parts)


def experienced(embedder: HeterogeneousEncoder, encoder: Any) -> dict[str, EmotionEncoder]:
    """Return the encoders by the names that embedded clips have; an error unless all have experience."""
    found = {}
    for spec in encoder.values() if isinstance(encoder, Mapping) else [encoder]:
        built = None if spec == "paper" else embedder.usable(spec)
        if not isinstance(built, EmotionEncoder):
            raise ParameterError(
                f"encoder {spec!r} has no experience of emotions, and without labels nothing else knows them; pass "
                "'speech-emotion', 'acoustic-emotion', or what sere.pretrain_encoder made (with a few labels, "
                "sere.SEREClassifier takes any encoder)"
            )
        found[spec_name(spec)] = built
    return found


def default_emotions(encoders: Mapping[str, EmotionEncoder]) -> list[str]:
    """Return the emotions that all corpora behind the encoders have; where they share too few, all that are known."""
    known = set.intersection(*(set(encoder.experience.emotions) for encoder in encoders.values()))
    corpora = [set(corpus["emotions"]) for encoder in encoders.values() for corpus in encoder.card.corpora]
    common = known.intersection(*corpora)
    return sorted(common if len(common) > 1 else known)


def heads_of(words: Sequence[str], encoder: EmotionEncoder) -> np.ndarray:
    """Return the number of each word's emotion in what an encoder knows."""
    known = encoder.experience.emotions
    meant = [canonical_emotion(word) for word in words]
    foreign = [word for word, name in zip(words, meant, strict=True) if name not in known]
    if foreign:
        raise ParameterError(
            f"emotions names {', '.join(map(repr, foreign))}, of which the encoder {encoder.name!r} knows nothing; it "
            f"knows {', '.join(known)}"
        )
    for name in meant:
        same = [word for word, own in zip(words, meant, strict=True) if own == name]
        if len(same) > 1:
            raise ParameterError(f"emotions names {name} twice, as {' and '.join(map(repr, same))}; keep one")
    return np.array([known.index(str(name)) for name in meant])


def _pools(clips: Utterances) -> list[np.ndarray]:
    """Return the rows of each pool: clips of one language, as far as languages are known, and of one encoder."""
    assert clips.encoders is not None
    spoken = [None if language is None else same_language(language) for language in clips.languages]
    members: dict[Any, list[int]] = {}
    for row, key in enumerate(zip(clips.encoders, spoken, strict=True)):
        members.setdefault(key, []).append(row)
    return [np.array(rows) for rows in members.values()]


def answer_pool(
    pool: Utterances, heads: Mapping[str, np.ndarray], speaker_shrinkage: float, self_training_weight: float
) -> np.ndarray:
    """Return the scores of a pool's clips, (n, n_emotions)."""
    _, head, rows = learn_pool(pool, heads, speaker_shrinkage, self_training_weight)
    return head.logits(rows)


def learn_pool(
    pool: Utterances, heads: Mapping[str, np.ndarray], speaker_shrinkage: float, self_training_weight: float
) -> tuple[ClipSpace, ZeroShotHead, Rows]:
    """Return what a pool says of its language, rooms and voices, what its answers teach, and its standardised clips."""
    assert pool.encoders is not None
    name = pool.encoders[0]
    experience = pool.experience[name].experience
    space = ClipSpace.of_target(pool, speaker_shrinkage, (experience.centre, experience.scale, PRIOR))
    rows = space.target_rows([pool])
    head = ZeroShotHead(heads[name], len(experience.centre))
    if self_training_weight and len(pool) > 1:
        head.teach(rows, averaged_in(space, pool, head.width), self_training_weight)
    return space, head, rows


def _small(pool: Utterances) -> Iterator[str]:
    """Yield a warning of a pool that says little of itself."""
    if len(pool) < FEW:
        language = pool.languages[0]
        yield (
            f"X holds {counted(len(pool), 'clip')}{'' if language is None else f' in {language!r}'}: too few to tell "
            "how language, room and voices sound from how emotions do, so the speech that the encoder learned from "
            "stands in for the rest, and more answers are wrong than need be. Pass all recordings that were made alike "
            f"together, {FEW} or more"
        )
