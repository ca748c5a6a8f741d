"""Resonance-aware representations of given pairs of clips (paper Eq. 4-5).

The field between two pools holds every pair; the losses of Eq. 9 need one partner a clip. Here only those pairs are
compared: their frames are laid out as a padded batch and matched by one batched product. So are the pairs of a
shortlist, where a clip is scored with a few of many others.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sere.kernels import tiles
from sere.kernels.field import frame_shares
from sere.kernels.packed import Packed

#: Resonances that `paired_scores` holds at a time.
ELEMENTS = 1 << 21


def paired_aware(
    queries: Packed,
    keys: Packed,
    pairs: Tensor,
    tau: float | Tensor,
    *,
    form: str = "product",
    gap: str = "exponential",
    query_weight: Tensor | None = None,
    soft: float | None = None,
) -> Tensor:
    """Return the mean of the key frames that answer each pair's query clip (Eq. 5).

    Equal to :func:`~sere.kernels.resonance_field` followed by :func:`~sere.kernels.resonance_aware`, at the cost of the
    pairs alone.

    Parameters
    ----------
    queries, keys : Packed
    pairs : int64 tensor of shape (m, 2)
        Query clip and key clip.
    tau, form, gap, query_weight : as in :func:`~sere.kernels.resonance_field`.
    soft : float, or None
        Temperature of a soft argmax, whose weights carry no gradient; None answers with the best frame alone.

    Returns
    -------
    tensor of shape (m, d)
        Differentiable in ``keys.frames`` and `query_weight`.
    """
    with torch.no_grad():
        found = _resonances(queries, keys, pairs, tau, form, gap)
    return _answers(found.R, found.query, found.key, queries, keys, query_weight, soft)


def mutual_aware(
    first: Packed,
    second: Packed,
    pairs: Tensor,
    tau: float | Tensor,
    *,
    form: str = "product",
    gap: str = "exponential",
    first_weight: Tensor | None = None,
    second_weight: Tensor | None = None,
    soft: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return what of the second clips answers the first, and what of the first answers the second (Eq. 5).

    Equal to :func:`paired_aware` both ways at little more than the cost of one: resonance is symmetric.

    Parameters
    ----------
    first, second : Packed
    pairs : int64 tensor of shape (m, 2)
        A clip of each.
    tau, form, gap : as in :func:`~sere.kernels.resonance_field`.
    first_weight, second_weight : tensor, or None
        Weights of the frames that look for an answer.
    soft : float, or None
        As in :func:`paired_aware`.

    Returns
    -------
    two tensors of shape (m, d)
        Differentiable in ``second.frames`` and ``first.frames``, and the weights.
    """
    with torch.no_grad():
        found = _resonances(first, second, pairs, tau, form, gap)
    return (
        _answers(found.R, found.query, found.key, first, second, first_weight, soft),
        _answers(found.R.transpose(1, 2), found.key, found.query, second, first, second_weight, soft),
    )


@torch.no_grad()
def paired_scores(
    queries: Packed,
    keys: Packed,
    pairs: Tensor,
    tau: float | Tensor,
    *,
    form: str = "product",
    gap: str = "exponential",
    query_weight: Tensor | None = None,
) -> Tensor:
    """Return the IRF of each pair (Eq. 6): the entries of :func:`~sere.kernels.resonance_field` at `pairs`.

    Parameters
    ----------
    queries, keys, pairs, tau, form, gap, query_weight : as in :func:`paired_aware`.

    Returns
    -------
    tensor of shape (m,)
        Not differentiable. Memory is bounded by :data:`ELEMENTS` resonances.
    """
    share = frame_shares(queries.offsets, query_weight, len(queries.frames), queries.frames)
    area = int(queries.offsets.diff()[pairs[:, 0]].max()) * int(keys.offsets.diff()[pairs[:, 1]].max())
    scores = []
    for part in pairs.split(max(ELEMENTS // area, 1)):
        found = _resonances(queries, keys, part, tau, form, gap)
        rows, inside = found.query
        scores.append((found.R.amax(2) * share[rows] * inside).sum(1))
    return torch.cat(scores)


class _Found(NamedTuple):
    """Resonances of pairs (m, longest query, longest key), and `_padded_rows` of their queries and keys."""

    R: Tensor
    query: tuple[Tensor, Tensor]
    key: tuple[Tensor, Tensor]


def _resonances(queries: Packed, keys: Packed, pairs: Tensor, tau: float | Tensor, form: str, gap: str) -> _Found:
    """R of Eq. 4 for each pair; padding repeats the last frame, which changes no maximum."""
    query, key = _padded_rows(queries.offsets, pairs[:, 0]), _padded_rows(keys.offsets, pairs[:, 1])
    u, v = (
        # An embedding copies rows several times faster than indexing does.
        F.embedding(rows, clips.frames / tiles.lengths_of(clips.frames)[:, None])
        for clips, (rows, _) in ((queries, query), (keys, key))
    )
    delta = queries.intensity[query[0]][:, :, None] - keys.intensity[key[0]][:, None, :]
    tau = torch.as_tensor(tau, dtype=u.dtype, device=u.device)
    return _Found(tiles.combine(torch.bmm(u, v.transpose(1, 2)), tiles.synchrony(delta, tau, gap), form), query, key)


def _answers(
    R: Tensor,
    query: tuple[Tensor, Tensor],
    key: tuple[Tensor, Tensor],
    queries: Packed,
    keys: Packed,
    query_weight: Tensor | None,
    soft: float | None,
) -> Tensor:
    """Mean of the key frames that answer each pair's query clip, (m, d)."""
    share = frame_shares(queries.offsets, query_weight, len(queries.frames), keys.frames)[query[0]] * query[1]
    if soft is not None:
        likely = (R / soft).masked_fill(~key[1][:, None, :], -torch.inf).softmax(2)
        return torch.bmm(torch.bmm(share[:, None, :], likely), F.embedding(key[0], keys.frames))[:, 0]
    rows = key[0].gather(1, R.max(2).indices)
    m, width = rows.shape
    starts = torch.arange(0, m * width, width, device=rows.device)
    return F.embedding_bag(rows.reshape(-1), keys.frames, starts, mode="sum", per_sample_weights=share.reshape(-1))


def _padded_rows(offsets: Tensor, clips: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of each clip's frames, padded by its last one, and which of them are its own; both (m, longest)."""
    lengths = offsets.diff()[clips]
    steps = torch.arange(int(lengths.max()), device=offsets.device)
    inside = steps < lengths[:, None]
    return offsets[clips][:, None] + torch.minimum(steps, lengths[:, None] - 1), inside
