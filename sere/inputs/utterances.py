"""The one container that flows through the library: n clips and what is known of each.

Clips differ in length, so their tracks and embeddings are *ragged*: one array of shape (n_frames, width) a clip. An
:class:`Utterances` carries them from :class:`~sere.DynamicFeatureTransformer` through
:class:`~sere.HeterogeneousEncoder` to :class:`~sere.SEREClassifier`; to any other scikit-learn estimator it is the 2-D
array of pooled statistics that ``numpy.asarray`` gives.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from sere.audio import Clip


@dataclass(frozen=True)
class Summary:
    """A named 2-D block of pooled statistics, one row a clip."""

    values: np.ndarray
    names: tuple[str, ...]


class WholeClip(NamedTuple):
    """What all frames of a clip were like, before it was thinned.

    Attributes
    ----------
    mean, square : ndarray of shape (width,)
        Means of the frames and of their squares.
    n_frames : int
        How many there were.
    """

    mean: np.ndarray
    square: np.ndarray
    n_frames: int


@dataclass(frozen=True, eq=False)
class Utterances:
    """n clips with their metadata, static tracks and frame embeddings.

    It is a sequence: ``len``, iteration, integer, slice, index-array and mask indexing return :class:`Utterances`.
    ``numpy.asarray(utterances)`` is the 2-D array of all summaries side by side, float64.

    Attributes
    ----------
    clips : list of Clip or None
        The audio; None for plain feature vectors.
    speakers, languages : ndarray of shape (n,), object
        None where unknown.
    dynamics : list of ndarray of shape (n_frames, 4), or None
        Normalised changes of f0, RMS, second MFCC and spectral centroid (Eq. 1).
    frames : list of ndarray of shape (n_frames, width), or None
        Frame embeddings at 50 Hz.
    context : list of ndarray of shape (context_width,), or None
        What holds for a whole clip; see :class:`sere.encoders.base.Encoded`.
    kept : list of int64 ndarray of shape (n_kept,), or None
        Numbers of the frames that thinning (:mod:`sere.training.thinning`) left; None before, and then so is `whole`.
    whole : list of WholeClip or None
        What all frames were like; None for a clip whose `frames` have not gone through their encoder's front.
    facts : list of dict of str to ndarray, or None
        What the checks know of each clip; see ``sere.checks.facts.looked_at``.
    encoders : ndarray of shape (n,), object
        Name of the encoder that embedded each clip; None before.
    pitches : list of sere.tracks.Pitch or None
    pitch_model : str or None
        CREPE network behind `pitches`; None where they are missing or were not all found alike.
    pitch_range : (float, float) or None
        Floor and ceiling (Hz) between which they were looked for; None together with `pitch_model`.
    summaries : dict of str to Summary
        Pooled statistics by the step that made them.
    fronts : dict of str to FrameEncoder
        By name, encoders whose learnable part `frames` have not gone through yet; their clips' `context` is empty.
    finished : dict of str to FrameEncoder
        By name, encoders whose learnable part, untrained, made `frames`.
    experience : dict of str to EmotionEncoder
        By name, encoders that know something of emotions; see :mod:`sere.encoders.experience`.
    averaged : dict of str to ndarray of shape (context_width,)
        By encoder, the column of frames whose mean each entry of the context is, -1 where it is none; see
        :mod:`sere.chain.content`.

    Examples
    --------
    >>> import numpy as np, sere
    >>> from sere.datasets import make_voices
    >>> voices = make_voices(n_per_emotion=1, emotions=["anger", "sadness"], duration=0.4)
    >>> utterances = sere.DynamicFeatureTransformer(cache=False).fit_transform(voices)
    >>> len(utterances), utterances[:2].speakers.tolist(), utterances.dynamics[0].shape[1]
    (4, ['lumo-f1', 'lumo-f1'], 4)
    >>> np.asarray(utterances).shape == (4, len(utterances.feature_names))
    True
    """

    clips: list[Clip] | None
    speakers: np.ndarray
    languages: np.ndarray
    dynamics: list[np.ndarray] | None = None
    frames: list[np.ndarray] | None = None
    context: list[np.ndarray] | None = None
    kept: list[np.ndarray] | None = None
    whole: list[WholeClip | None] | None = None
    facts: list[dict[str, np.ndarray]] | None = None
    encoders: np.ndarray | None = None
    pitches: list[Any] | None = None
    pitch_model: str | None = None
    pitch_range: tuple[float, float] | None = None
    summaries: dict[str, Summary] = field(default_factory=dict)
    fronts: dict[str, Any] = field(default_factory=dict)
    finished: dict[str, Any] = field(default_factory=dict)
    experience: dict[str, Any] = field(default_factory=dict)
    averaged: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.speakers)

    def __iter__(self) -> Iterator["Utterances"]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> "Utterances":
        if isinstance(key, tuple):  # scikit-learn indexes arrays as X[rows, ...]
            key = key[0]
        rows = np.arange(len(self))[key]
        rows = np.atleast_1d(rows)
        ragged: dict[str, Any] = {name: _pick(getattr(self, name), rows) for name in _RAGGED}
        return replace(
            self,
            speakers=self.speakers[rows],
            languages=self.languages[rows],
            encoders=None if self.encoders is None else self.encoders[rows],
            summaries={name: Summary(s.values[rows], s.names) for name, s in self.summaries.items()},
            **ragged,
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if not self.summaries:
            raise TypeError(
                "these Utterances hold audio only; pass them through DynamicFeatureTransformer or "
                "HeterogeneousEncoder before an estimator that wants numbers"
            )
        values = np.hstack([s.values for s in self.summaries.values()])
        return values.astype(dtype or np.float64, copy=False)

    def __repr__(self) -> str:
        held = [name for name in ("dynamics", "frames", "context") if getattr(self, name) is not None]
        return f"Utterances({len(self)} clips, {', '.join(held) or 'audio only'})"

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, number of summary columns), or (n,) before anything was computed."""
        width = len(self.feature_names)
        return (len(self), width) if width else (len(self),)

    @property
    def ndim(self) -> int:
        """Number of dimensions of `shape`."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """Type of the summary."""
        return np.dtype(np.float64)

    @property
    def feature_names(self) -> list[str]:
        """Names of the summary's columns; one that an earlier step has taken gets its own step's name before it."""
        names: list[str] = []
        for step, summary in self.summaries.items():
            taken = set(names)
            names += [f"{step}_{name}" if name in taken else name for name in summary.names]
        return names

    def rows_but(self, unusable: Container[Clip], rows: np.ndarray) -> np.ndarray:
        """Return those of some rows whose clips are not among the unusable ones."""
        if self.clips is None or not unusable:
            return rows
        return np.array([row for row in rows if self.clips[row] not in unusable], dtype=int)

    def with_(self, **changes: Any) -> "Utterances":
        """Return a copy with some attributes replaced."""
        return replace(self, **changes)


def with_gaps(utterances: Utterances, fill: Callable[[np.ndarray], np.ndarray]) -> Utterances:
    """Return the pooled statistics of clips, and rows for clips of which there are none.

    No audio and no frames stand beside them, so that nothing learns from a clip that is not there.

    Parameters
    ----------
    fill : callable
        From values of the clips to values of all rows.
    """
    filled = {name: Summary(fill(s.values), s.names) for name, s in utterances.summaries.items()}
    unknown = np.full(len(next(iter(filled.values())).values), None, dtype=object)
    return Utterances(None, unknown, unknown, summaries=filled)


_RAGGED = ("clips", "dynamics", "frames", "context", "kept", "whole", "facts", "pitches")


def concatenate(parts: Sequence[Utterances]) -> Utterances:
    """Return the clips of all parts, in order.

    An attribute is kept when every part has it, a summary when its columns are the same.
    """
    if len(parts) == 1:
        return parts[0]
    shared = [
        name
        for name, first in parts[0].summaries.items()
        if all(name in p.summaries and p.summaries[name].names == first.names for p in parts)
    ]
    summaries = {
        name: Summary(np.vstack([p.summaries[name].values for p in parts]), parts[0].summaries[name].names)
        for name in shared
    }
    encoders = [p.encoders for p in parts if p.encoders is not None]
    found = {(p.pitch_model, p.pitch_range) for p in parts}
    pitch_model, pitch_range = found.pop() if len(found) == 1 else (None, None)
    return Utterances(
        speakers=np.concatenate([p.speakers for p in parts]),
        languages=np.concatenate([p.languages for p in parts]),
        encoders=np.concatenate(encoders) if len(encoders) == len(parts) else None,
        pitch_model=pitch_model,
        pitch_range=pitch_range,
        summaries=summaries,
        fronts={name: encoder for p in parts for name, encoder in p.fronts.items()},
        finished={name: encoder for p in parts for name, encoder in p.finished.items()},
        experience={name: encoder for p in parts for name, encoder in p.experience.items()},
        averaged={name: columns for p in parts for name, columns in p.averaged.items()},
        **{name: _chain([getattr(p, name) for p in parts]) for name in _RAGGED},
    )


def _pick(values: list[Any] | None, rows: np.ndarray) -> list[Any] | None:
    return None if values is None else [values[i] for i in rows]


def _chain(lists: list[list[Any] | None]) -> Any:
    if any(values is None for values in lists):
        return None
    return [value for values in lists for value in values or ()]
