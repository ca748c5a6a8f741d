"""Resonance-aware representations of given pairs of clips (paper Eq. 4-5).

The field between two pools holds every pair; the losses of Eq. 9 need one partner a clip, and a shortlist some of many.
Here only those pairs are compared: one after the other by the compiled kernel where it can (the default reading on a
CPU), otherwise laid out as a padded batch and matched by one batched product.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sere.kernels import tiles
from sere.kernels.field import compiled, entering_bare
from sere.kernels.packed import Packed
from sere.kernels.reading import Reading

#: Resonances that `paired_scores` holds at a time.
ELEMENTS = 1 << 21


def paired_aware(queries: Packed, keys: Packed, pairs: Tensor, reading: Reading, soft: float | None = None) -> Tensor:
    """Return the mean of the key frames that answer each pair's query clip (Eq. 5).

    Equal to :func:`~sere.kernels.resonance_field` followed by :func:`~sere.kernels.resonance_aware`, at the cost of the
    pairs alone.

    Parameters
    ----------
    queries, keys : Packed
        The queries' weights count.
    pairs : int64 tensor of shape (m, 2)
        Query clip and key clip.
    reading : Reading
    soft : float, or None
        Temperature of a soft argmax, whose weights carry no gradient; None answers with the best frame alone.

    Returns
    -------
    tensor of shape (m, d)
        Differentiable in ``keys.frames`` and ``queries.weight``.
    """
    bare = entering_bare(queries, keys, reading)
    if soft is not None:
        return _soft_answers(_resonances(*bare, pairs), queries, keys, soft)
    return _answers(_matches(*bare, pairs), queries, keys)


def mutual_aware(
    first: Packed, second: Packed, pairs: Tensor, reading: Reading, soft: float | None = None
) -> tuple[Tensor, Tensor]:
    """Return what of the second clips answers the first, and what of the first answers the second (Eq. 5).

    Equal to :func:`paired_aware` both ways; resonance is symmetric, so a padded batch is computed once.

    Parameters
    ----------
    first, second : Packed
        The weights of both count, where their frames look for an answer.
    pairs : int64 tensor of shape (m, 2)
        A clip of each.
    reading : Reading
    soft : float, or None
        As in :func:`paired_aware`.

    Returns
    -------
    two tensors of shape (m, d)
        Differentiable in ``second.frames`` and ``first.frames``, and the weights.
    """
    bare = entering_bare(first, second, reading)
    if soft is not None:
        found = _resonances(*bare, pairs)
        return _soft_answers(found, first, second, soft), _soft_answers(found.back(), second, first, soft)
    there, back = _mutual_matches(*bare, pairs)
    return _answers(there, first, second), _answers(back, second, first)


@torch.no_grad()
def paired_scores(queries: Packed, keys: Packed, pairs: Tensor, reading: Reading) -> Tensor:
    """Return the IRF of each pair (Eq. 6): the entries of :func:`~sere.kernels.resonance_field` at `pairs`.

    Parameters
    ----------
    queries, keys, pairs, reading : as in :func:`paired_aware`.

    Returns
    -------
    tensor of shape (m,)
        Not differentiable. Memory is bounded by :data:`ELEMENTS` resonances.
    """
    queries, keys, reading = entering_bare(queries, keys, reading)
    share = queries.shares()
    area = int(queries.lengths[pairs[:, 0]].max()) * int(keys.lengths[pairs[:, 1]].max())
    scores = []
    for part in pairs.split(max(ELEMENTS // area, 1)):
        found = _matches(queries, keys, reading, part)
        weighted = found.peak * share[found.rows]
        scores.append(torch.segment_reduce(weighted, "sum", offsets=F.pad(found.starts, (0, 1), value=len(weighted))))
    return torch.cat(scores)


class _Matches(NamedTuple):
    """What answers the query frames of each pair in turn, M in all.

    Attributes
    ----------
    rows : int64 tensor of shape (M,)
        Which query frame it is.
    starts : int64 tensor of shape (m,)
        Where each pair begins.
    peak : tensor of shape (M,)
        The best resonance.
    best : integer tensor of shape (M,)
        The key frame that it is with.
    """

    rows: Tensor
    starts: Tensor
    peak: Tensor
    best: Tensor


class _Found(NamedTuple):
    """Resonances of pairs (m, longest query, longest key), and `_padded_rows` of their queries and keys."""

    R: Tensor
    query: tuple[Tensor, Tensor]
    key: tuple[Tensor, Tensor]

    def back(self) -> "_Found":
        """The other way round."""
        return _Found(self.R.transpose(1, 2), self.key, self.query)

    def matches(self, starts: Tensor) -> _Matches:
        """The best of each query frame; `starts` counts them by pair."""
        peak, place = self.R.max(2)
        rows, own = self.query
        return _Matches(rows[own], starts, peak[own], self.key[0].gather(1, place)[own])


def _matches(queries: Packed, keys: Packed, reading: Reading, pairs: Tensor) -> _Matches:
    """Each pair's best key frames."""
    fast = _compiled_matches(queries, keys, reading, pairs)
    return fast or _resonances(queries, keys, reading, pairs).matches(_starts(queries, pairs[:, 0])[0])


def _mutual_matches(first: Packed, second: Packed, reading: Reading, pairs: Tensor) -> tuple[_Matches, _Matches]:
    """Each pair's best frames both ways."""
    there = _compiled_matches(first, second, reading, pairs)
    back = there and _compiled_matches(second, first, reading, pairs.flip(1))
    if there and back:
        return there, back
    found = _resonances(first, second, reading, pairs)
    starts = (_starts(clips, pairs[:, i])[0] for i, clips in enumerate((first, second)))
    return found.matches(next(starts)), found.back().matches(next(starts))


def _compiled_matches(queries: Packed, keys: Packed, reading: Reading, pairs: Tensor) -> _Matches | None:
    """The same from the compiled kernel, if it can."""
    engine = compiled(queries.frames)
    found = engine.paired(queries, keys, pairs, reading) if engine and hasattr(engine, "paired") else None
    if found is None:
        return None
    starts, counts = _starts(queries, pairs[:, 0])
    shift = (queries.offsets[pairs[:, 0]] - starts).repeat_interleave(counts, output_size=len(found[0]))
    return _Matches(torch.arange(len(shift)) + shift, starts, *found)


def _starts(clips: Packed, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Where each chosen clip begins when their frames lie end to end, and its number of frames."""
    counts = clips.lengths[chosen]
    return counts.cumsum(0) - counts, counts


@torch.no_grad()
def _resonances(queries: Packed, keys: Packed, reading: Reading, pairs: Tensor) -> _Found:
    """R of Eq. 4 for each pair; padding repeats the last frame, which changes no maximum."""
    query, key = _padded_rows(queries.offsets, pairs[:, 0]), _padded_rows(keys.offsets, pairs[:, 1])
    u, v = (
        # An embedding copies rows several times faster than indexing does.
        F.embedding(rows, clips.frames / tiles.lengths_of(clips.frames)[:, None])
        for clips, (rows, _) in ((queries, query), (keys, key))
    )
    delta = queries.intensity[query[0]][:, :, None] - keys.intensity[key[0]][:, None, :]
    return _Found(reading.resonance(torch.bmm(u, v.transpose(1, 2)), delta), query, key)


def _answers(found: _Matches, queries: Packed, keys: Packed) -> Tensor:
    """Mean of the key frames that answer each pair's query clip, (m, d)."""
    starts, share = found.starts.to(found.best), queries.shares()[found.rows]
    return F.embedding_bag(found.best, keys.frames, starts, mode="sum", per_sample_weights=share)


def _soft_answers(found: _Found, queries: Packed, keys: Packed, soft: float) -> Tensor:
    """The same with the weights of a soft argmax, (m, d)."""
    rows, own = found.query
    share = queries.shares()[rows] * own
    likely = (found.R / soft).masked_fill(~found.key[1][:, None, :], -torch.inf).softmax(2)
    return torch.bmm(torch.bmm(share[:, None, :], likely), F.embedding(found.key[0], keys.frames))[:, 0]


def _padded_rows(offsets: Tensor, clips: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of each clip's frames, padded by its last one, and which of them are its own; both (m, longest)."""
    lengths = offsets.diff()[clips]
    steps = torch.arange(int(lengths.max()), device=offsets.device)
    inside = steps < lengths[:, None]
    return offsets[clips][:, None] + torch.minimum(steps, lengths[:, None] - 1), inside
