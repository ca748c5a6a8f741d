"""From Utterances to what the network takes: thinned, standardised, packed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from sere.chain.content import Scatter, in_both_units, with_words
from sere.encoders.experience import Experience
from sere.inputs.utterances import Utterances
from sere.training.directions import Directions
from sere.training.fronts import OpenSpace, as_hidden
from sere.training.network import Pool, Space
from sere.training.normalise import Moments, Standardiser, salt_of
from sere.training.thinning import changes_at, thinned, whole_clip

#: Clips that tell how frames vary, at most about.
CLIPS = 500
#: Ridge penalty, per clip, of the bridge between unlike encoders.
RIDGE = 1.0


@dataclass
class Preparation:
    """How clips of each encoder are standardised, learned from all clips of fit; numpy only.

    Parameters
    ----------
    shrinkage : float
        As in :class:`~sere.training.normalise.Standardiser`.
    frame_rate : float
        Frames a second that are kept.

    Attributes
    ----------
    names : list of str
        Encoders, in the order of the network's projections.
    context, frames : dict of str to Standardiser
        One per encoder.
    experience : dict of str to Experience
        Of the encoders that have some.
    heads : dict of str to ndarray of shape (n_classes,)
        By encoder with experience, which of its emotions each class is; see :meth:`recognise`.
    """

    shrinkage: float
    frame_rate: float
    names: list[str] = field(default_factory=list)
    context: dict[str, Standardiser] = field(default_factory=dict)
    frames: dict[str, Standardiser] = field(default_factory=dict)
    experience: dict[str, Experience] = field(default_factory=dict)
    heads: dict[str, np.ndarray] = field(default_factory=dict)

    def learn(self, domain: str, utterances: Utterances) -> None:
        """Learn the standardisation of a domain from all its clips."""
        for name, rows in self._by_encoder(utterances):
            part = utterances[rows]
            assert part.context is not None
            assert part.frames is not None
            self._check_width(name, part)
            whole = part.whole or [None] * len(part)
            frames = Moments.of_clips([clip or whole_clip(own) for clip, own in zip(whole, part.frames, strict=True)])
            if name not in self.names:
                self.names.append(name)
                salt = salt_of(frames)
                self.context[name] = Standardiser(self.shrinkage, salt=salt)
                self.frames[name] = Standardiser(self.shrinkage, salt=salt)
                if name in utterances.experience:
                    self.experience[name] = utterances.experience[name].experience
            context = np.array(part.context, dtype=np.float64)
            self.context[name].learn(domain, Moments.of_vectors(context), part.speakers)
            self.frames[name].learn(domain, frames, part.speakers)

    def recognise(self, classes: Sequence[Any], labeled: Utterances, codes: np.ndarray, domain: str) -> None:
        """Find out what each encoder's experience knows of the classes.

        Parameters
        ----------
        classes : sequence of labels
        labeled : Utterances
        codes : int ndarray of shape (n,)
            Class of each labeled clip.
        domain : str
            Theirs.
        """
        pool, order = self.pool(labeled, [domain] * len(labeled))
        first = 0
        contexts = {}
        for space in pool.spaces:
            if isinstance(space, Space):
                contexts[self.names[space.index]] = (space.context.numpy(), codes[order[first : first + len(space)]])
            first += len(space)
        nothing = np.empty((0, 0)), np.empty(0, np.int64)
        for name, experience in self.experience.items():
            self.heads[name] = experience.recognise(classes, *contexts.get(name, nothing))

    def imagined(self) -> tuple[Pool, np.ndarray] | None:
        """Return an imaginary clip of each class that experience knows, and their classes; None without experience."""
        spaces, codes = [], []
        for name in self.names:
            known = np.flatnonzero(self.heads[name] >= 0) if name in self.heads else ()
            if len(known):
                experience, heads = self.experience[name], self.heads[name][known]
                context, frames = _tensor(experience.examples[heads]), _tensor(experience.frame_examples[heads])
                still, offsets = context.new_zeros(len(known), 4), torch.arange(len(known) + 1)
                nothing = context.new_zeros(len(known), len(self.heads[name]))
                spaces.append(Space(self.names.index(name), context, frames, still, offsets, nothing))
                codes.append(known)
        return (Pool(tuple(spaces)), np.concatenate(codes)) if spaces else None

    def pool(self, utterances: Utterances, domains: list[str]) -> tuple[Pool, np.ndarray]:
        """Return the clips as a Pool, and for each of its rows the row of `utterances` it came from.

        Parameters
        ----------
        utterances : Utterances with frames and context
            Clips that still have to go through their encoder's front become an
            :class:`~sere.training.fronts.OpenSpace`, standardised once they did.
        domains : list of str
            Each clip's domain.
        """
        utterances = thinned(utterances, self.frame_rate)
        spaces: list[Space | OpenSpace] = []
        order = []
        for name, rows in self._by_encoder(utterances):
            if name not in self.names:
                raise ValueError(
                    f"clips embedded by {name!r} cannot be used: fit saw {self.names}; give them a language or role "
                    "whose encoder took part in fit"
                )
            part = utterances[rows]
            known = [self._known(name, domains[r]) for r in rows]
            order.append(rows)
            if name in part.fronts:
                spaces.append(self._open_space(name, part, known))
                continue
            self._check_width(name, part)
            spaces.append(self._space(name, part, known))
        return Pool(tuple(spaces)), np.concatenate(order)

    def _space(self, name: str, part: Utterances, domains: list[str]) -> Space:
        assert part.context is not None
        assert part.frames is not None
        context = self.context[name].apply_each(np.array(part.context, dtype=np.float64), domains, part.speakers)
        offsets = np.cumsum([0, *map(len, part.frames)])
        return Space(
            self.names.index(name),
            _tensor(context),
            torch.from_numpy(self._frames(name, part.frames, domains, part.speakers)),
            _changes(part),
            torch.from_numpy(offsets),
            _tensor(self._evidence(name, context)),
        )

    def _frames(self, name: str, clips: list[np.ndarray], domains: list[str], speakers: np.ndarray) -> np.ndarray:
        """Return the standardised frames of clips, end to end.

        They are computed in double precision, and kept as precisely as they came: a pool may be gigabytes, and only
        clips of a single frame go through all at once.
        """
        standardiser = self.frames[name]
        if {(len(own), own.dtype) for own in clips} == {(1, clips[0].dtype)}:
            rows = np.concatenate(clips)
            return standardiser.apply_each(rows.astype(np.float64), domains, speakers).astype(rows.dtype)
        by_clip = zip(clips, domains, speakers, strict=True)
        return np.concatenate(
            [standardiser.apply(own.astype(np.float64), *at).astype(own.dtype) for own, *at in by_clip]
        )

    def _evidence(self, name: str, context: np.ndarray) -> np.ndarray:
        """What experience says of clips, (n, n_classes); no columns where no encoder has experience."""
        if name in self.heads:
            return self.experience[name].evidence(context, self.heads[name])
        return np.zeros((len(context), max(map(len, self.heads.values()), default=0)))

    def _open_space(self, name: str, part: Utterances, domains: list[str]) -> OpenSpace:
        assert part.frames is not None
        assert part.kept is not None
        shift, scale = [], []
        for domain, speaker in zip(domains, part.speakers, strict=True):
            context, frames = self.context[name].scales(domain, speaker), self.frames[name].scales(domain, speaker)
            shift.append(np.concatenate([context[0], frames[0]]))
            scale.append(np.concatenate([context[1], frames[1]]))
        return OpenSpace(
            self.names.index(name),
            [as_hidden(frames) for frames in part.frames],
            [torch.from_numpy(kept) for kept in part.kept],
            _tensor(np.array(shift)),
            _tensor(np.array(scale)),
            _changes(part),
            torch.from_numpy(np.cumsum([0, *map(len, part.kept)])),
            _tensor(self._evidence(name, np.zeros((len(part), 0)))),
        )

    def units(self, name: str, domain: str, speaker: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the SDs of context and frames by which a clip of an encoder is standardised."""
        known = self._known(name, domain)
        return self.context[name].scales(known, speaker)[1], self.frames[name].scales(known, speaker)[1]

    def _known(self, name: str, domain: str) -> str:
        """The domain, or the first one whose clips this encoder embedded in fit."""
        return domain if domain in self.context[name].domains else next(iter(self.context[name].domains))

    def _check_width(self, name: str, part: Utterances) -> None:
        assert part.context is not None
        assert part.frames is not None
        widths = {(len(c), f.shape[1]) for c, f in zip(part.context, part.frames, strict=True)}
        known = self.context[name].domains if name in self.context else None
        if known:
            context, frames = next(iter(known.values())), next(iter(self.frames[name].domains.values()))
            widths.add((len(context[0]), len(frames[0])))
        if len(widths) > 1:
            counts = sorted({width for _, width in widths})
            raise ValueError(
                f"clips of one encoder ({name!r}) differ in width: {counts} columns a frame; X and the pools must come "
                "from the same features"
            )

    def _by_encoder(self, utterances: Utterances) -> list[tuple[str, np.ndarray]]:
        """Rows of each encoder, known encoders in the network's order."""
        assert utterances.encoders is not None
        present = [*self.names, *sorted(set(utterances.encoders) - set(self.names))]
        found = [(name, np.flatnonzero(utterances.encoders == name)) for name in present]
        return [(name, rows) for name, rows in found if len(rows)]


class Survey(NamedTuple):
    """What is known of an encoder's columns before anything is learned.

    Attributes
    ----------
    context, frames : Directions
        Beside words.
    words : ndarray of shape (d, d) or None
        How contexts vary by what is said (:func:`~sere.chain.content.with_words`); None where the context averages
        no columns.
    """

    context: Directions
    frames: Directions
    words: np.ndarray | None


def survey(
    preparation: Preparation, pools: Sequence[Pool], averaged: Mapping[str, np.ndarray], width: int
) -> dict[str, Survey]:
    """Look at how each encoder's columns vary, over all clips of fit.

    Parameters
    ----------
    preparation : Preparation
    pools : sequence of Pool
        Gone through their fronts where there are any.
    averaged : mapping of str to ndarray
        As in :class:`~sere.Utterances`.
    width : int
        Leading directions to find.
    """
    found = {}
    for name, spaces in _by_name(preparation, pools).items():
        every = -(-sum(map(len, spaces)) // CLIPS)
        some = [space.take(torch.arange(0, len(space), every)) for space in spaces]
        frames = [clip.numpy() for s in some for clip in s.frames.split(s.offsets.diff().tolist())]
        scatter = Scatter.of(frames)
        columns = averaged.get(name, np.empty(0))
        of_context, of_frames = None, None
        if (columns >= 0).any():
            sampled = np.concatenate([s.context.numpy() for s in some])
            of_context, of_frames = map(with_words, in_both_units(sampled, scatter, columns))
        found[name] = Survey(
            Directions.of_rows(np.concatenate([s.context.numpy() for s in spaces]), width, of_context),
            Directions.of_covariance(scatter.mean, scatter.covariance, width, of_frames),
            of_context,
        )
    return found


def _by_name(preparation: Preparation, pools: Sequence[Pool]) -> dict[str, list[Space]]:
    """Each encoder's spaces, pool by pool."""
    found: dict[str, list[Space]] = {name: [] for name in preparation.names}
    for pool in pools:
        for space in pool.spaces:
            assert isinstance(space, Space)
            found[preparation.names[space.index]].append(space)
    return found


def starting_projections(
    preparation: Preparation, surveys: Mapping[str, Survey], widths: tuple[int, int], share: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return where each space's context and frame projections start.

    Its leading principal directions, in a metric in which words are small (:mod:`sere.chain.content`), and beside
    them, with half of the power, the directions that its experience knows.

    Parameters
    ----------
    preparation : Preparation
    surveys : mapping of str to Survey
        By encoder.
    widths : (int, int)
        Columns of the context and of the frame projection.
    share : float
        Part of z's power that belongs to the context, 0..1; columns that do not exist give theirs to the other.
    """
    result = []
    for name in preparation.names:
        known, own = preparation.experience.get(name), surveys[name]
        power = _powers(share, len(own.context.mean))
        directions = (None, None) if known is None else (known.directions, known.frame_directions)
        result.append(
            (
                _leading(own.context, widths[0], power[0], directions[0]),
                _leading(own.frames, widths[1], power[1], directions[1]),
            )
        )
    return result


def bridging_projections(
    preparation: Preparation, pools: Sequence[Pool], summaries: list[np.ndarray], widths: tuple[int, int], share: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return where the projections of several encoders start.

    Axes of unlike encoders mean nothing to each other, so each projection starts as the ridge regression onto the
    leading directions of what all clips share, the statistics of their dynamics.

    Parameters
    ----------
    preparation : Preparation
    pools : sequence of Pool
        All clips of fit, gone through their fronts where there are any.
    summaries : list of ndarray of shape (n, m)
        Standardised shared statistics of each pool's clips, in the pool's order.
    widths, share
        As in :func:`starting_projections`.
    """
    common = Directions.of_rows(np.concatenate(summaries), min(widths)).projection(min(widths), 1.0)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in preparation.names}
    for pool, own in zip(pools, summaries, strict=True):
        parts = np.split(own, np.cumsum([len(space) for space in pool.spaces])[:-1])
        for space, part in zip(pool.spaces, parts, strict=True):
            rows[preparation.names[space.index]].append(part)
    result = []
    for name, spaces in _by_name(preparation, pools).items():
        context = np.concatenate([s.context.numpy() for s in spaces])
        means = np.concatenate([_clip_means(s) for s in spaces])
        power = _powers(share, context.shape[1])
        shared = np.concatenate(rows[name]) @ common
        result.append((_bridge(context, shared, widths[0], power[0]), _bridge(means, shared, widths[1], power[1])))
    return result


def _powers(share: float, width: int) -> tuple[float, float]:
    """Power of a context of so many columns and of frames."""
    return (share, 1 - share) if width else (0.0, 1.0)


def _leading(found: Directions, width: int, power: float, known: np.ndarray | None) -> np.ndarray:
    """Principal directions, and the directions of experience where there are any, scaled to a mean squared output."""
    m = 0 if known is None else min(known.shape[1], width // 2)
    own = found.projection(width - m, power / 2 if m else power)
    if known is None or not m:
        return own
    spread = found.output(known[:, :m])
    return np.hstack([own, known[:, :m] * np.sqrt(power / 2 / spread) if spread > 0 else known[:, :m]])


def _bridge(inputs: np.ndarray, shared: np.ndarray, width: int, power: float) -> np.ndarray:
    """Ridge regression from an encoder's space to the shared statistics, scaled to a mean squared output of `power`."""
    projection = np.zeros((inputs.shape[1], width))
    # n equations in d unknowns: the dual form is the small one for wide encoders.
    dual = np.linalg.solve(inputs @ inputs.T + RIDGE * inputs.shape[1] * np.eye(len(inputs)), shared)
    projection[:, : shared.shape[1]] = inputs.T @ dual
    spread = np.square(inputs @ projection).sum(1).mean()
    return projection * np.sqrt(power / spread) if spread > 0 else projection


def clip_rows(space: Space) -> np.ndarray:
    """Return what describes each clip as a whole, (n, d): its context, or where there is none its frames' mean."""
    return space.context.double().cpu().numpy() if space.context.shape[1] else _clip_means(space)


def _clip_means(space: Space) -> np.ndarray:
    return torch.segment_reduce(space.frames, "mean", offsets=space.offsets, axis=0).double().cpu().numpy()


def _changes(part: Utterances) -> torch.Tensor:
    """Normalised changes at the frames that thinning kept, clip by clip."""
    assert part.kept is not None
    changes: Sequence[np.ndarray | None] = part.dynamics or (None,) * len(part)
    return _tensor(np.concatenate([changes_at(own, kept) for own, kept in zip(changes, part.kept, strict=True)]))


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
