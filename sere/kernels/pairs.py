"""Resonance-aware representations of given pairs of clips (paper Eq. 4-5).

The field between two pools holds every pair; the losses of Eq. 9 need one partner a clip. Here only those pairs are
compared: their frames are laid out as a padded batch and matched by one batched product.
"""

import torch
from torch import Tensor

from sere.kernels import tiles
from sere.kernels.field import frame_shares
from sere.kernels.packed import Packed


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
    query_rows, query_inside = _padded_rows(queries.offsets, pairs[:, 0])
    key_rows, key_inside = _padded_rows(keys.offsets, pairs[:, 1])
    with torch.no_grad():
        u = queries.frames / tiles.lengths_of(queries.frames)[:, None]
        v = keys.frames / tiles.lengths_of(keys.frames)[:, None]
        cosine = torch.bmm(u[query_rows], v[key_rows].transpose(1, 2))
        delta = queries.intensity[query_rows][:, :, None] - keys.intensity[key_rows][:, None, :]
        tau = torch.as_tensor(tau, dtype=cosine.dtype, device=cosine.device)
        R = tiles.combine(cosine, tiles.synchrony(delta, tau, gap), form)
        best = R.masked_fill_(~key_inside[:, None, :], -torch.inf).argmax(2)
        rows = key_rows.gather(1, best)
    share = frame_shares(queries.offsets, query_weight, len(queries.frames), keys.frames)[query_rows] * query_inside
    m, width = rows.shape
    starts = torch.arange(0, m * width, width, device=rows.device)
    return torch.nn.functional.embedding_bag(
        rows.reshape(-1), keys.frames, starts, mode="sum", per_sample_weights=share.reshape(-1)
    )


def _padded_rows(offsets: Tensor, clips: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of each clip's frames, padded by its last one, and which of them are its own; both (m, longest)."""
    lengths = offsets.diff()[clips]
    steps = torch.arange(int(lengths.max()), device=offsets.device)
    inside = steps < lengths[:, None]
    return offsets[clips][:, None] + torch.minimum(steps, lengths[:, None] - 1), inside
