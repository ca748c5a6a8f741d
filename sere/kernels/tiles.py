"""The resonance field by tiles of plain torch: any device, any float type, bounded memory.

No tile ever holds more than `TILE_ROWS` x `TILE_COLUMNS` resonances (unless one row of one clip
does). Going forward, the key clips of a tile are padded to its longest by repeating their last
frame, which changes no maximum; clips are sorted by length first, so little is wasted. Going
back, a tile's cosines are computed again, and the few that won (one a query frame and key clip)
are scattered into an otherwise empty tile: two matrix products then give both gradients, without
atomics, so the same inputs give the same bits on a GPU too.

Variables as in :mod:`sere.method.resonance`; u, v unit frames of queries and keys, a, b their
intensities, best (N_q, n_k) the winning key frame of each query frame in each key clip.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from sere.method.resonance import TINY

TILE_ROWS = 2048
TILE_COLUMNS = 4096
# Larger tiles keep a GPU busy.
GPU_TILE_ROWS = 8192


def lengths_of(frames: Tensor) -> Tensor:
    """Length of each frame; infinite if it is too short to have a direction: z / length is 0."""
    length = torch.linalg.vector_norm(frames, dim=1)
    return torch.where(length > TINY, length, torch.full_like(length, torch.inf))


def synchrony(delta: Tensor, tau: Tensor, gap: str) -> Tensor:
    """S of Eq. 4 for intensity gaps `delta`; may overwrite them."""
    if gap == "exponential":
        return delta.abs_().div_(-tau).exp_()
    return delta.square_().div_(-2 * tau**2).exp_()


def combine(cosine: Tensor, sync: Tensor, form: str) -> Tensor:
    """R of Eq. 4; may overwrite the cosines."""
    if form == "raw":
        return cosine.mul_(sync)
    semantics = cosine.add_(1).mul_(0.5)
    return semantics.mul_(sync) if form == "product" else semantics.add_(sync).mul_(0.5)


def slopes(cosine: Tensor, sync: Tensor, form: str) -> tuple[Tensor, Tensor]:
    """Derivatives of R by the cosine and by the synchrony."""
    if form == "product":
        return sync / 2, (1 + cosine) / 2
    if form == "raw":
        return sync, cosine
    return torch.full_like(cosine, 0.25), torch.full_like(sync, 0.5)


def sync_slopes(delta: Tensor, sync: Tensor, tau: Tensor, gap: str) -> tuple[Tensor, Tensor]:
    """Derivatives of the synchrony by the intensity gap and by tau."""
    if gap == "exponential":
        return -torch.sign(delta) * sync / tau, delta.abs() * sync / tau**2
    return -delta * sync / tau**2, delta.square() * sync / tau**3


def winner_slopes(
    cosine: Tensor, delta: Tensor, tau: Tensor, form: str, gap: str
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """R of Eq. 4 and its derivatives by the cosine, the intensity gap and tau; may overwrite the cosines."""
    sync = synchrony(delta.clone(), tau, gap)
    by_cosine, by_sync = slopes(cosine, sync, form)
    by_delta, by_tau = (by_sync * slope for slope in sync_slopes(delta, sync, tau, gap))
    return combine(cosine, sync, form), by_cosine, by_delta, by_tau


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


def field(
    zq: Tensor,
    zk: Tensor,
    a: Tensor,
    b: Tensor,
    offsets_q: Tensor,
    offsets_k: Tensor,
    tau: Tensor,
    share: Tensor,
    form: str,
    gap: str,
) -> tuple[Tensor, Tensor]:
    """Scores of Eq. 6, and the key frame that answers each query frame in each key clip.

    Parameters
    ----------
    zq, zk : tensor of shape (N_q, d), (N_k, d)
        Frames of any length.
    a, b : tensor of shape (N_q,), (N_k,)
    offsets_q, offsets_k : int64 tensor of shape (n_q + 1,), (n_k + 1,)
    tau : 0-dim tensor
    share : tensor of shape (N_q,)
        Share of each query frame in its clip's mean.
    form, gap : str

    Returns
    -------
    tensor of shape (n_q, n_k), int64 tensor of shape (N_q, n_k)
    """
    u, v = zq / lengths_of(zq)[:, None], zk / lengths_of(zk)[:, None]
    lengths = offsets_k.diff().tolist()
    peak = torch.empty((len(u), len(lengths)), dtype=u.dtype, device=u.device)
    best = torch.empty(peak.shape, dtype=torch.int64, device=u.device)
    for group, longest in padded_groups(lengths, TILE_COLUMNS):
        clips = torch.tensor(group, device=u.device)
        steps = torch.arange(longest, device=u.device)
        last = offsets_k[clips + 1, None] - 1
        index = torch.minimum(offsets_k[clips, None] + steps, last)
        keys, bursts = v[index.flatten()], b[index.flatten()]
        rows_a_tile = _rows_beside(len(bursts), u.device)
        for top in range(0, len(u), rows_a_tile):
            rows = slice(top, top + rows_a_tile)
            sync = synchrony(a[rows, None] - bursts, tau, gap)
            R = combine(u[rows] @ keys.T, sync, form)
            value, where = R.view(-1, len(group), longest).max(dim=2)
            peak[rows, clips] = value
            best[rows, clips] = torch.minimum(where + offsets_k[clips], last[:, 0])
    peak.mul_(share[:, None])
    return torch.segment_reduce(peak, "sum", offsets=offsets_q, axis=0), best


def winner_gradients(
    zq: Tensor,
    zk: Tensor,
    a: Tensor,
    b: Tensor,
    offsets: Tensor,
    tau: Tensor,
    best: Tensor,
    grad_peak: Tensor,
    form: str,
    gap: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of ``sum(grad_peak * peak)`` by zq, zk, a, b, tau, and `peak` itself.

    Parameters
    ----------
    zq, zk, a, b, offsets, tau, form, gap
        What `field` was given, `offsets` of the keys.
    best, grad_peak : tensor of shape (N_q, n_k)

    Returns
    -------
    dzq, dzk, da, db, dtau, peak
    """
    length_q, length_k = lengths_of(zq)[:, None], lengths_of(zk)[:, None]
    u, v = zq / length_q, zk / length_k
    du, dv = torch.zeros_like(u), torch.zeros_like(v)
    da, db, dtau = torch.zeros_like(a), torch.zeros_like(b), torch.zeros_like(tau)
    peak = torch.empty_like(grad_peak)
    starts = offsets.tolist()
    first = 0
    while first < len(starts) - 1:
        past = first + 1
        while past < len(starts) - 1 and starts[past + 1] - starts[first] <= TILE_COLUMNS:
            past += 1
        clips, keys = slice(first, past), slice(starts[first], starts[past])
        rows_a_tile = _rows_beside(keys.stop - keys.start, u.device)
        for top in range(0, len(u), rows_a_tile):
            rows = slice(top, top + rows_a_tile)
            local = best[rows, clips] - keys.start
            tile = u[rows] @ v[keys].T
            cosine = tile.gather(1, local)
            delta = a[rows, None] - b[best[rows, clips]]
            peak[rows, clips], by_cosine, by_delta, by_tau = winner_slopes(cosine, delta, tau, form, gap)
            g = grad_peak[rows, clips]
            winners = tile.zero_().scatter_(1, local, g * by_cosine)
            du[rows] += winners @ v[keys]
            dv[keys] += winners.T @ u[rows]
            pull = g * by_delta
            da[rows] += pull.sum(dim=1)
            db[keys] -= tile.zero_().scatter_(1, local, pull).sum(dim=0)
            dtau += (g * by_tau).sum()
        first = past
    dzq = (du - (du * u).sum(1, keepdim=True) * u) / length_q
    dzk = (dv - (dv * v).sum(1, keepdim=True) * v) / length_k
    return dzq, dzk, da, db, dtau, peak
