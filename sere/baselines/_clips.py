"""Clips as every method gets them: standardised without labels, one vector a clip, and the frames of those that ask.

A clip's vector is its encoder's context (for the embedded descriptors their statistics over the clip, for a checkpoint
mean and SD of its frames), standardised by domain and speaker as in :class:`sere.SEREClassifier`
(:mod:`sere.training.normalise`). Beside it stands what an encoder's experience says (:mod:`sere.encoders.experience`),
a column for each emotion that it knows: methods learn from the clips what to make of them. Plain feature vectors are
standardised the same way. Clips of several encoders meet in one space through the projections that the classifier
starts from.
"""

from dataclasses import dataclass

import numpy as np

from sere import audio
from sere.chain.embedding import Embedding
from sere.inputs.utterances import Utterances, WholeClip, concatenate
from sere.training.domains import (
    SOURCE,
    domain_of,
    domain_pools,
    domain_starts,
    learn_domains,
    learn_targets,
    target_domains,
)
from sere.training.prepare import Preparation
from sere.training.spaces import Standardised

#: Frames a second that methods over frames see: those of the embedded encoder describe half a second each.
FRAME_RATE = 5.0
#: Columns in which clips of several encoders meet.
MEETING_DIM = 96


@dataclass(frozen=True)
class Rows:
    """n standardised clips.

    Attributes
    ----------
    vectors : ndarray of shape (n, p)
    frames : list of ndarray of shape (n_frames, d)
        For methods over frames; else one row a clip.
    """

    vectors: np.ndarray
    frames: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True)
class Lesson:
    """All that a method learns from. A pool that was not given has no rows.

    Attributes
    ----------
    shots : Rows of length n
    y : int ndarray of shape (n,)
        0..n_classes-1.
    n_classes : int
    source, target : Rows
        Unlabeled pools.
    seed : int
    """

    shots: Rows
    y: np.ndarray
    n_classes: int
    source: Rows
    target: Rows
    seed: int


@dataclass
class ClipSpace:
    """The way from an embedded clip to its rows; numpy only.

    Attributes
    ----------
    preparation : Preparation
    languages : dict of str to set of str
        Languages of each domain.
    maps : list of (ndarray, ndarray), or None
        Projections of the context and of the frames of each encoder, where there are several.
    over_frames : bool
        Whether frames are kept.
    """

    preparation: Preparation
    languages: dict[str, set[str]]
    maps: list[tuple[np.ndarray, np.ndarray]] | None
    over_frames: bool

    @classmethod
    def learn(
        cls,
        labeled: Utterances,
        source: Utterances | None,
        targets: list[Utterances],
        shrinkage: float,
        over_frames: bool,
    ) -> "ClipSpace":
        """Learn every domain's standardisation, from the clips of that domain alone."""
        space = cls(Preparation(shrinkage, FRAME_RATE), {}, None, over_frames)
        parts = (
            space._light(labeled),
            None if source is None else space._light(source),
            [space._light(pool) for pool in targets],
        )
        space.languages = learn_domains(space.preparation, *parts)
        if len(space.preparation.names) > 1:
            pools = domain_pools(space.preparation, *parts)
            space.maps = domain_starts(space.preparation, pools, *parts, Embedding(MEETING_DIM), {})
        return space

    @classmethod
    def of_target(
        cls, target: Utterances, shrinkage: float, prior: tuple[np.ndarray, np.ndarray, float] | None = None
    ) -> "ClipSpace":
        """Learn the standardisation of one target pool, with all of its frames, where there is no source.

        `prior` as in :meth:`Preparation.learn`.
        """
        space = cls(Preparation(shrinkage, audio.FRAME_RATE), {SOURCE: set()}, None, over_frames=True)
        space.languages |= learn_targets(space.preparation, [target], prior)
        return space

    def learn_targets(self, targets: list[Utterances]) -> None:
        """Learn the target's standardisation later, from the target pools alone."""
        languages = learn_targets(self.preparation, [self._light(pool) for pool in targets])
        self.languages = {SOURCE: self.languages[SOURCE], **languages}

    def is_source(self, language: str | None) -> bool:
        """Whether a clip of this language is prepared as a source clip."""
        return domain_of(language, self.languages) == SOURCE

    def source_rows(self, utterances: Utterances | None) -> Rows:
        """Return labeled clips or the source pool."""
        return self._rows(utterances, [SOURCE] * (0 if utterances is None else len(utterances)))

    def target_rows(self, targets: list[Utterances]) -> Rows:
        """Return the clips of all target pools."""
        return self._rows(concatenate(targets) if targets else None, target_domains(targets))

    def rows(self, utterances: Utterances) -> Rows:
        """Return clips to predict, each in the domain its language leads to."""
        return self._rows(utterances, [domain_of(language, self.languages) for language in utterances.languages])

    def _rows(self, utterances: Utterances | None, domains: list[str]) -> Rows:
        if utterances is None:
            return Rows(np.empty((0, self.width)), [])
        pool, order = self.preparation.pool(self._light(utterances), domains)
        vectors, frames = [], []
        for space in pool.spaces:
            assert isinstance(space, Standardised)
            context, rows = self._with_evidence(space), space.frames
            if self.maps is not None:
                # Projections share out a power of 1 to all columns; here each column has about 1.
                context, rows = (
                    side @ m * MEETING_DIM**0.5 for side, m in zip((context, rows), self.maps[space.index])
                )
            own = np.split(rows, space.offsets[1:-1])
            frames += own
            vectors.append(context if context.shape[1] else np.array([clip.mean(0) for clip in own]))
        back = np.argsort(order)
        return Rows(np.concatenate(vectors)[back], [frames[i] for i in back])

    def _with_evidence(self, space: Standardised) -> np.ndarray:
        """Contexts, and beside them what experience says of every emotion it knows, rows centred."""
        context = space.context
        known = self.preparation.experience.get(self.preparation.names[space.index])
        if known is None or self.maps is not None:
            return context
        return np.hstack([context, known.evidence(context, np.arange(len(known.emotions)))])

    @property
    def width(self) -> int:
        """Columns of a clip's vector."""
        return self._widths()[0] or self.frame_width

    @property
    def frame_width(self) -> int:
        """Columns of a frame."""
        return self._widths()[1]

    def _widths(self) -> list[int]:
        if self.maps is not None:
            return [m.shape[1] for m in self.maps[0]]
        name = self.preparation.names[0]
        sides = self.preparation.context[name], self.preparation.frames[name]
        context, frames = (len(next(iter(side.domains.values()))[0]) for side in sides)
        known = self.preparation.experience.get(name)
        return [context if known is None else context + len(known.emotions), frames]

    def _light(self, utterances: Utterances) -> Utterances:
        """Clips with the frames that are needed: all, or one where the context says everything."""
        assert utterances.context is not None
        assert utterances.frames is not None
        if self.over_frames:
            return utterances
        if utterances.kept is not None or not all(map(len, utterances.context)):
            frames = [f[:1] if len(c) else f for f, c in zip(utterances.frames, utterances.context, strict=True)]
            return utterances.with_(frames=frames)
        # As thinning would leave clips of one frame (:mod:`sere.training.thinning`).
        frames, first = [f[:1] for f in utterances.frames], np.zeros(1, dtype=np.int64)
        whole = [WholeClip(row, row**2, 1) for row in (f[0].astype(np.float64) for f in frames)]
        return utterances.with_(frames=frames, kept=[first] * len(frames), whole=whole)
