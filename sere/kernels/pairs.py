"""Resonance-aware representations of given pairs of clips (paper Eq. 4-5).

The field between two pools holds every pair; the losses of Eq. 9 need one partner a clip. Here only those pairs are
compared: their frames are laid out as a padded batch and matched by one batched product. So are the pairs of a
shortlist, where a clip is scored with a few of many others.
"""

import torch
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

    Returns
    -------
    tensor of shape (m, d)
        Differentiable in ``keys.frames`` and `query_weight`.
    """
    with torch.no_grad():
        tau = torch.as_tensor(tau, dtype=queries.frames.dtype, device=queries.frames.device)
        _, rows, query_rows, query_inside = _matches(_directions(queries), _directions(keys), pairs, tau, form, gap)
    share = frame_shares(queries.offsets, query_weight, len(queries.frames), keys.frames)[query_rows] * query_inside
    m, width = rows.shape
    starts = torch.arange(0, m * width, width, device=rows.device)
    return torch.nn.functional.embedding_bag(
        rows.reshape(-1), keys.frames, starts, mode="sum", per_sample_weights=share.reshape(-1)
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
    tau = torch.as_tensor(tau, dtype=queries.frames.dtype, device=queries.frames.device)
    share = frame_shares(queries.offsets, query_weight, len(queries.frames), queries.frames)
    area = int(queries.offsets.diff()[pairs[:, 0]].max()) * int(keys.offsets.diff()[pairs[:, 1]].max())
    u, v = _directions(queries), _directions(keys)
    scores = []
    for part in pairs.split(max(ELEMENTS // area, 1)):
        peak, _, rows, inside = _matches(u, v, part, tau, form, gap)
        scores.append((peak * share[rows] * inside).sum(1))
    return torch.cat(scores)


def _directions(clips: Packed) -> Packed:
    return clips._replace(frames=clips.frames / tiles.lengths_of(clips.frames)[:, None])


def _matches(
    u: Packed, v: Packed, pairs: Tensor, tau: Tensor, form: str, gap: str
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Each query frame's best resonance, where it is, the frame's own row and whether it is one; all (m, longest)."""
    query_rows, query_inside = _padded_rows(u.offsets, pairs[:, 0])
    key_rows, key_inside = _padded_rows(v.offsets, pairs[:, 1])
    cosine = torch.bmm(u.frames[query_rows], v.frames[key_rows].transpose(1, 2))
    delta = u.intensity[query_rows][:, :, None] - v.intensity[key_rows][:, None, :]
    R = tiles.combine(cosine, tiles.synchrony(delta, tau, gap), form)
    peak, best = R.masked_fill_(~key_inside[:, None, :], -torch.inf).max(2)
    return peak, key_rows.gather(1, best), query_rows, query_inside


def _padded_rows(offsets: Tensor, clips: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of each clip's frames, padded by its last one, and which of them are its own; both (m, longest)."""
    lengths = offsets.diff()[clips]
    steps = torch.arange(int(lengths.max()), device=offsets.device)
    inside = steps < lengths[:, None]
    return offsets[clips][:, None] + torch.minimum(steps, lengths[:, None] - 1), inside
