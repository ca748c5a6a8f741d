"""From Utterances to what the network takes: aligned, thinned, standardised, packed.

Frames are thinned to one every 100 ms by default: of each run of five the one with the strongest burst stays, so that
the moments that resonance looks for survive while its cost falls by 25. Embeddings change slowly at that scale
(descriptors are statistics of 0.46 s windows, transformers see the whole clip).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from sere.audio import FRAME_RATE
from sere.encoders.experience import Experience
from sere.inputs.utterances import Utterances
from sere.training.content import content_covariances, content_metric
from sere.training.fronts import OpenSpace, as_hidden
from sere.training.network import Pool, Space, principal_projection
from sere.training.normalise import Moments, Standardiser

#: By encoder, a metric of the context (d, d) and one of frames (w, w).
Metrics = dict[str, tuple[np.ndarray, np.ndarray]]

#: Frames that principal directions are taken from, at most.
SAMPLE = 20_000
#: Clips that tell how much words vary, at most about.
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
            if name not in self.names:
                self.names.append(name)
                self.context[name] = Standardiser(self.shrinkage)
                self.frames[name] = Standardiser(self.shrinkage)
                if name in utterances.experience:
                    self.experience[name] = utterances.experience[name].experience
            part = utterances[rows]
            assert part.context is not None
            assert part.frames is not None
            self._check_width(name, part)
            context = np.array(part.context, dtype=np.float64)
            self.context[name].learn(domain, Moments.of_vectors(context), part.speakers)
            self.frames[name].learn(domain, Moments.of_frames(part.frames), part.speakers)

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
        contexts, frames, changes = [], [], []
        for row, (domain, speaker) in enumerate(zip(domains, part.speakers, strict=True)):
            contexts.append(self.context[name].apply(np.asarray(part.context[row], np.float64), domain, speaker))
            kept, moved = thin(part.frames[row], part.dynamics[row] if part.dynamics else None, self.frame_rate)
            frames.append(self.frames[name].apply(kept.astype(np.float64), domain, speaker))
            changes.append(moved)
        offsets = np.cumsum([0, *map(len, frames)])
        context = np.array(contexts).reshape(len(part), -1)
        return Space(
            self.names.index(name),
            _tensor(context),
            _tensor(np.concatenate(frames)),
            _tensor(np.concatenate(changes)),
            torch.from_numpy(offsets),
            _tensor(self._evidence(name, context)),
        )

    def _evidence(self, name: str, context: np.ndarray) -> np.ndarray:
        """What experience says of clips, (n, n_classes); no columns where no encoder has experience."""
        if name in self.heads:
            return self.experience[name].evidence(context, self.heads[name])
        return np.zeros((len(context), max(map(len, self.heads.values()), default=0)))

    def _open_space(self, name: str, part: Utterances, domains: list[str]) -> OpenSpace:
        assert part.frames is not None
        shift, scale, kept, changes = [], [], [], []
        for row, (domain, speaker) in enumerate(zip(domains, part.speakers, strict=True)):
            context, frames = self.context[name].scales(domain, speaker), self.frames[name].scales(domain, speaker)
            shift.append(np.concatenate([context[0], frames[0]]))
            scale.append(np.concatenate([context[1], frames[1]]))
            moved, keep = strongest(
                len(part.frames[row]), part.dynamics[row] if part.dynamics else None, self.frame_rate
            )
            kept.append(torch.from_numpy(keep))
            changes.append(moved[keep])
        return OpenSpace(
            self.names.index(name),
            [as_hidden(frames) for frames in part.frames],
            kept,
            _tensor(np.array(shift)),
            _tensor(np.array(scale)),
            _tensor(np.concatenate(changes)),
            torch.from_numpy(np.cumsum([0, *map(len, kept)])),
            _tensor(self._evidence(name, np.zeros((len(part), 0)))),
        )

    def _known(self, name: str, domain: str) -> str:
        """The domain, or the first one whose clips this encoder embedded in fit."""
        return domain if domain in self.context[name].domains else next(iter(self.context[name].domains))

    def _check_width(self, name: str, part: Utterances) -> None:
        assert part.context is not None
        assert part.frames is not None
        widths = {(len(c), f.shape[1]) for c, f in zip(part.context, part.frames, strict=True)}
        known = self.context[name].domains
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


def thin(frames: np.ndarray, changes: np.ndarray | None, frame_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Keep, of each run of frames, the one with the strongest burst.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, width)
    changes : ndarray of shape (n_changes, 4) or None
        Normalised changes; the longer of the two loses its end. None counts as no change.
    frame_rate : float
        Frames a second to keep, at most 50.

    Returns
    -------
    frames : ndarray of shape (n_kept, width)
    changes : ndarray of shape (n_kept, 4)
    """
    moved, keep = strongest(len(frames), changes, frame_rate)
    return frames[keep], moved[keep]


def strongest(n_frames: int, changes: np.ndarray | None, frame_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the changes that thinning looks at, (n, 4), and the frames it keeps, int64 (n_kept,); see :func:`thin`."""
    n = n_frames if changes is None else min(n_frames, len(changes))
    moved = np.zeros((n, 4)) if changes is None else changes[:n]
    step = max(round(FRAME_RATE / frame_rate), 1)
    strength = np.abs(moved).sum(1)
    keep = [start + int(strength[start : start + step].argmax()) for start in range(0, n, step)]
    return moved, np.array(keep, dtype=np.int64)


def starting_projections(
    preparation: Preparation,
    pools: list[Pool],
    summaries: list[np.ndarray] | None,
    widths: tuple[int, int],
    share: float,
    metrics: Metrics,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return where each space's context and frame projections start.

    With one encoder: its leading principal directions, in a metric in which words are small
    (:mod:`sere.training.content`), and beside them, with half of the power, the directions that its experience knows.
    Axes of unlike encoders mean nothing to each other, so with several each projection starts as the ridge regression
    onto the leading directions of what all clips share, the statistics of their dynamics.

    Parameters
    ----------
    preparation : Preparation
    pools : list of Pool
        All clips of fit, gone through their fronts where there are any.
    summaries : list of ndarray of shape (n, m), or None
        Standardised shared statistics of each pool's clips, in the pool's order; needed with several encoders.
    widths : (int, int)
        Columns of the context and of the frame projection.
    share : float
        Part of z's power that belongs to the context, 0..1; columns that do not exist give theirs to the other.
    metrics : dict of str to (ndarray, ndarray)
        As :func:`word_metrics` returns them.
    """
    n = len(preparation.names)
    gathered: list[list[tuple[Space, np.ndarray | None]]] = [[] for _ in range(n)]
    for k, pool in enumerate(pools):
        first = 0
        for space in pool.spaces:
            assert isinstance(space, Space)
            rows = None if summaries is None else summaries[k][first : first + len(space)]
            gathered[space.index].append((space, rows))
            first += len(space)
    result = []
    common = None
    if n > 1 and summaries is not None:
        everything = np.concatenate(summaries)
        common = principal_projection(everything, min(widths), 1.0)
    for name, parts in zip(preparation.names, gathered, strict=True):
        context = np.concatenate([s.context.numpy() for s, _ in parts]).astype(np.float64)
        frames = np.concatenate([s.frames.numpy() for s, _ in parts]).astype(np.float64)
        power = (share if context.shape[1] else 0.0, 1 - share if context.shape[1] else 1.0)
        if common is None:
            sample = frames[:: max(len(frames) // SAMPLE, 1)]
            known = preparation.experience.get(name)
            of_context, of_frames = metrics.get(name, (None, None))
            starts = (
                _leading(context, widths[0], power[0], None if known is None else known.directions, of_context),
                _leading(sample, widths[1], power[1], None if known is None else known.frame_directions, of_frames),
            )
        else:
            shared = np.concatenate([rows for _, rows in parts if rows is not None]) @ common
            means = np.concatenate([_clip_means(s) for s, _ in parts])
            starts = (_bridge(context, shared, widths[0], power[0]), _bridge(means, shared, widths[1], power[1]))
        result.append(starts)
    return result


def word_metrics(preparation: Preparation, pools: Sequence[Pool], averaged: Mapping[str, np.ndarray]) -> Metrics:
    """Return by encoder the metrics of context and frames in which words are small; see `sere.training.content`.

    Encoders whose context averages no columns have none.

    Parameters
    ----------
    preparation : Preparation
    pools : sequence of Pool
        All clips of fit, gone through their fronts where there are any.
    averaged : mapping of str to ndarray
        As in :class:`~sere.Utterances`.
    """
    found: Metrics = {}
    for index, name in enumerate(preparation.names):
        columns = averaged.get(name, np.empty(0))
        spaces = [s for pool in pools for s in pool.spaces if isinstance(s, Space) and s.index == index]
        if spaces and (columns >= 0).any():
            every = -(-sum(map(len, spaces)) // CLIPS)
            some = [space.take(torch.arange(0, len(space), every)) for space in spaces]
            context = np.concatenate([s.context.numpy() for s in some])
            frames = [clip.numpy() for s in some for clip in s.frames.split(s.offsets.diff().tolist())]
            of_context, of_frames = content_covariances(context, frames, columns)
            found[name] = content_metric(of_context), content_metric(of_frames)
    return found


def _leading(
    rows: np.ndarray, width: int, power: float, directions: np.ndarray | None, metric: np.ndarray | None
) -> np.ndarray:
    """Principal directions, and the directions of experience where there are any, scaled to a mean squared output."""
    m = 0 if directions is None else min(directions.shape[1], width // 2)
    own = principal_projection(rows, width - m, power / 2 if m else power, metric)
    if directions is None or not m:
        return own
    spread = np.square(rows @ directions[:, :m]).sum(1).mean()
    return np.hstack([own, directions[:, :m] * np.sqrt(power / 2 / spread) if spread > 0 else directions[:, :m]])


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


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
