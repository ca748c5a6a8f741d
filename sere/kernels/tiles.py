"""The resonance field by tiles of plain torch: any device, any float type, bounded memory.

No tile ever holds more than `TILE_ROWS` x `TILE_COLUMNS` resonances (unless one row of one clip
does). Going forward, the key clips of a tile are padded to its longest by repeating their last
frame, which changes no maximum; clips are sorted by length first, so little is wasted. Going
back, a tile's cosines are computed again, and the few that won (one a query frame and key clip)
are scattered into an otherwise empty tile: two matrix products then give both gradients, without
atomics, so the same inputs give the same bits on a GPU too.

Variables as in :mod:`sere.method.resonance`; zq, zk frames of queries and keys, u, v the same of
length one, a, b their intensities, best (N_q, n_k) the winning key frame of each query frame in each key clip.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from sere.kernels.packed import Packed
from sere.kernels.reading import Reading
from sere.method.resonance import TINY

TILE_ROWS = 2048
TILE_COLUMNS = 4096
# Larger tiles keep a GPU busy.
GPU_TILE_ROWS = 8192


def lengths_of(frames: Tensor) -> Tensor:
    """Length of each frame; infinite if it is too short to have a direction: z / length is 0."""
    length = torch.linalg.vector_norm(frames, dim=1)
    return torch.where(length > TINY, length, torch.full_like(length, torch.inf))


def _rows_beside(columns: int, device: torch.device) -> int:
    """Query rows of a tile with so many key columns."""
    rows = TILE_ROWS if device.type == "cpu" else GPU_TILE_ROWS
    return max(1, rows * TILE_COLUMNS // columns)


def padded_groups(lengths: list[int], columns: int) -> Iterator[tuple[list[int], int]]:
    """Clips in groups of similar length that fill `columns` when padded: clips, padded length."""
    group: list[int] = []
    longest = 0
    for clip in sorted(range(len(lengths)), key=lambda c: -lengths[c]):
        if group and (len(group) + 1) * longest > columns:
            yield group, longest
            group = []
        longest = longest if group else lengths[clip]
        group.append(clip)
    if group:
        yield group, longest


def field(queries: Packed, keys: Packed, reading: Reading, want_best: bool = True) -> tuple[Tensor, Tensor]:
    """Scores of Eq. 6, and the key frame that answers each query frame in each key clip.

    Parameters
    ----------
    queries, keys : Packed
        Frames of any length; intensities of their type.
    reading : Reading
        Beside the frames (:meth:`Reading.beside`).
    want_best : bool
        Whether to return the winners; without them the second tensor is empty.

    Returns
    -------
    tensor of shape (n_q, n_k), int64 tensor of shape (N_q, n_k)
    """
    u, v = (clips.frames / lengths_of(clips.frames)[:, None] for clips in (queries, keys))
    a, b, offsets = queries.intensity, keys.intensity, keys.offsets
    lengths = offsets.diff().tolist()
    peak = torch.empty((len(u), len(lengths)), dtype=u.dtype, device=u.device)
    best = torch.empty((len(u) if want_best else 0, len(lengths)), dtype=torch.int64, device=u.device)
    for group, longest in padded_groups(lengths, TILE_COLUMNS):
        clips = torch.tensor(group, device=u.device)
        steps = torch.arange(longest, device=u.device)
        last = offsets[clips + 1, None] - 1
        index = torch.minimum(offsets[clips, None] + steps, last)
        frames, bursts = v[index.flatten()], b[index.flatten()]
        rows_a_tile = _rows_beside(len(bursts), u.device)
        for top in range(0, len(u), rows_a_tile):
            rows = slice(top, top + rows_a_tile)
            R = reading.resonance(u[rows] @ frames.T, a[rows, None] - bursts)
            value, where = R.view(-1, len(group), longest).max(dim=2)
            peak[rows, clips] = value
            if want_best:
                best[rows, clips] = torch.minimum(where + offsets[clips], last[:, 0])
    peak.mul_(queries.shares()[:, None])
    return torch.segment_reduce(peak, "sum", offsets=queries.offsets, axis=0), best


def winner_gradients(
    queries: Packed, keys: Packed, reading: Reading, best: Tensor, grad_peak: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of ``sum(grad_peak * peak)`` by zq, zk, a, b, tau, and `peak` itself.

    Parameters
    ----------
    queries, keys, reading
        What `field` was given.
    best, grad_peak : tensor of shape (N_q, n_k)

    Returns
    -------
    dzq, dzk, da, db, dtau, peak
    """
    (zq, a), (zk, b) = queries[:2], keys[:2]
    length_q, length_k = lengths_of(zq)[:, None], lengths_of(zk)[:, None]
    u, v = zq / length_q, zk / length_k
    du, dv = torch.zeros_like(u), torch.zeros_like(v)
    da, db, dtau = torch.zeros_like(a), torch.zeros_like(b), u.new_zeros(())
    peak = torch.empty_like(grad_peak)
    starts = keys.offsets.tolist()
    first = 0
    while first < len(starts) - 1:
        past = first + 1
        while past < len(starts) - 1 and starts[past + 1] - starts[first] <= TILE_COLUMNS:
            past += 1
        clips, own = slice(first, past), slice(starts[first], starts[past])
        rows_a_tile = _rows_beside(own.stop - own.start, u.device)
        for top in range(0, len(u), rows_a_tile):
            rows = slice(top, top + rows_a_tile)
            local = best[rows, clips] - own.start
            tile = u[rows] @ v[own].T
            cosine = tile.gather(1, local)
            delta = a[rows, None] - b[best[rows, clips]]
            peak[rows, clips], by_cosine, by_delta, by_tau = reading.slopes(cosine, delta)
            g = grad_peak[rows, clips]
            winners = tile.zero_().scatter_(1, local, g * by_cosine)
            du[rows] += winners @ v[own]
            dv[own] += winners.T @ u[rows]
            pull = g * by_delta
            da[rows] += pull.sum(dim=1)
            db[own] -= tile.zero_().scatter_(1, local, pull).sum(dim=0)
            dtau += (g * by_tau).sum()
        first = past
    dzq = (du - (du * u).sum(1, keepdim=True) * u) / length_q
    dzk = (dv - (dv * v).sum(1, keepdim=True) * v) / length_k
    return dzq, dzk, da, db, dtau, peak
