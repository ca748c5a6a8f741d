"""The resonance field on a CPU: blocks of a matrix product, and a compiled maximum over each.

A block takes some whole query clips against a run of key frames. In the default reading the
synchrony needs no exponential inside the block, because

    ``exp(-|a - b| / tau) = min(e^(a/tau) e^(-b/tau), e^(-a/tau) e^(b/tau))``,

whose four factors are computed once a frame, around the middle of all intensities; product and
maximum are then one pass through registers (:mod:`sere.kernels.fused`). Where the factors would
leave the range of float32, and for the other readings, the block's resonances are computed by
torch and only the maximum is compiled. Such a block lies with the query frames along the rows of
memory, so that the running maximum over key frames is a comparison of whole rows: no horizontal
reduction, and the compiler vectorises value and position alike.

Going back, the resonances that won are computed again; a query frame's gradient is a weighted sum
of its winners, and it is added in turn to the gradients of these, where every key clip belongs to
one worker. Frames keep their lengths there: scales stand beside them, so that no array of unit
frames is made. No two workers write to the same place and all sums run in a fixed order: the
result does not depend on the number of threads.

Workers are Python threads with one BLAS thread each, as many as :mod:`sere.kernels.workers` says,
started anew in each call, so that nothing outlives it (a forked process finds no dead pool).
Threads of numba are not used: its layers end the process when it forks or calls from two threads.

Variables as in :mod:`sere.kernels.tiles`.
"""

import itertools
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sere.kernels import fused, tiles
from sere.kernels.packed import Packed
from sere.kernels.reading import Reading
from sere.kernels.workers import n_workers
from sere.loops.registers import REGISTERS, compiled, lanes
from sere.method.resonance import TINY

QUERY_ROWS = 1024
KEY_ROWS = 512

# Key frames that stay in a core's cache while all tiles of query frames meet them.
KEY_BYTES = 1 << 20

# Beyond this, e^x and e^-x come too close to the ends of float32.
_SAFE_EXPONENT = 80.0

# Below this many multiplications starting threads costs more than it saves: a millisecond's worth.
_WORTH_THREADS = 1e8

_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def field(queries: Packed, keys: Packed, reading: Reading, want_best: bool = True) -> tuple[Tensor, Tensor]:
    """Scores of Eq. 6 and the winners of Eq. 5.

    Parameters
    ----------
    queries, keys, reading, want_best : as in :func:`sere.kernels.tiles.field`
        On the CPU.

    Returns
    -------
    tensor of shape (n_q, n_k), int64 tensor of shape (N_q, n_k)
    """
    (zq, a, offsets_q, _), (zk, b, offsets_k, _) = queries, keys
    starts_q, starts_k, weight = offsets_q.numpy(), offsets_k.numpy(), queries.shares().numpy()
    n_k = len(starts_k) - 1
    scores = torch.empty((len(starts_q) - 1, n_k), dtype=zq.dtype)
    best = torch.empty((len(zq) if want_best else 0, n_k), dtype=torch.int64)
    factors = _factors(a, b, reading)
    shared = 0
    if factors is not None:
        shared = min(fused.shared_columns(z.numpy(), starts) for z, starts in ((zk, starts_k), (zq, starts_q)))
    common = zk[offsets_k[:-1], :shared] @ zq[offsets_q[:-1], :shared].T
    v, scale = _unit(zk, shared)

    def block(clips: slice) -> None:
        rows = slice(int(starts_q[clips.start]), int(starts_q[clips.stop]))
        clip_starts = starts_q[clips.start : clips.stop + 1] - rows.start
        if factors is None:
            peak, where = _blocks_by_product(zq[rows], v, a[rows], b, starts_k, reading)
        else:
            keys = (v.numpy(), scale.numpy(), factors.up, factors.down)
            pairs = common[:, clips].contiguous().numpy()
            peak, where = _blocks_in_registers(zq[rows], clip_starts, factors.of_queries(rows), keys, starts_k, pairs)
        _clip_means(peak, weight[rows], clip_starts, scores[clips].numpy())
        if want_best:
            best[rows] = torch.from_numpy(where).T[: rows.stop - rows.start]

    _share_out(block, _even_runs(starts_q, QUERY_ROWS, n_workers()), len(zq) * zk.numel())
    return scores, best


def paired(queries: Packed, keys: Packed, pairs: Tensor, reading: Reading) -> tuple[Tensor, Tensor] | None:
    """Best resonance of each pair's query frames with its key frames, and where.

    Parameters
    ----------
    queries, keys, reading : as in :func:`field`.
    pairs : int64 tensor of shape (m, 2)
        Query clip and key clip.

    Returns
    -------
    two tensors of shape (M,), the second int32, or None
        The query frames of each pair's clip in turn; None for a reading other than the default, or where its factors
        would leave the range of float32.
    """
    factors = _factors(queries.intensity, keys.intensity, reading)
    if factors is None:
        return None
    units_q, units_k = ((x.numpy() for x in _unit(clips.frames)) for clips in (queries, keys))
    of_queries, of_keys = (*units_q, factors.rise, factors.fall), (*units_k, factors.up, factors.down)
    starts_q, starts_k, which = queries.offsets.numpy(), keys.offsets.numpy(), pairs.contiguous().numpy()
    ends = np.cumsum(np.diff(starts_q)[which[:, 0]])
    peak = np.empty(ends[-1], dtype=factors.rise.dtype)
    where = np.empty(len(peak), dtype=np.int32)

    def compare(some: slice) -> None:
        own = slice(ends[some.start - 1] if some.start else 0, ends[some.stop - 1])
        tile = torch.zeros((keys.frames.shape[1], lanes(peak.dtype)), dtype=keys.frames.dtype).numpy()
        clips = (of_queries, starts_q, of_keys, starts_k, which[some])
        fused.keep_best_of_pairs(*clips, REGISTERS.keys, tile, peak[own], where[own])

    work = len(peak) * keys.frames.numel() / keys.n_clips
    _share_out(compare, _steps(len(which), -(-len(which) // n_workers())), work)
    return torch.from_numpy(peak), torch.from_numpy(where)


class _Factors(NamedTuple):
    """``e^(a/tau), e^(-a/tau)`` of query frames and half of ``e^(b/tau), e^(-b/tau)`` of key frames."""

    rise: np.ndarray
    fall: np.ndarray
    up: np.ndarray
    down: np.ndarray

    def of_queries(self, rows: slice) -> "_Factors":
        """Those of some query frames."""
        return self._replace(rise=self.rise[rows], fall=self.fall[rows])


def _factors(a: Tensor, b: Tensor, reading: Reading) -> _Factors | None:
    """The factors around the middle of all intensities; None where too large, or for another reading."""
    if (reading.form, reading.gap) != ("product", "exponential"):
        return None
    A, B, t = a.numpy().astype(np.float64), b.numpy().astype(np.float64), float(reading.tau)
    low, high = min(A.min(), B.min()), max(A.max(), B.max())
    if not (high - low) / (2 * t) < _SAFE_EXPONENT:
        return None
    middle = (low + high) / 2
    factors = [np.exp((x - middle) / t) for x in (A, -A + 2 * middle, B, -B + 2 * middle)]
    factors[2:] = [x / 2 for x in factors[2:]]
    return _Factors(*(f.astype(a.numpy().dtype) for f in factors))


def _unit(frames: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
    """Columns from `first` on of frames brought to length one, and their scale; frames of no direction become zeros."""
    result = torch.empty((len(frames), frames.shape[1] - first), dtype=frames.dtype)
    scale = torch.empty(len(frames), dtype=frames.dtype)
    fused.unit(frames.numpy(), first, TINY, result.numpy(), scale.numpy())
    return result, scale


def _blocks_in_registers(
    zq: Tensor,
    starts_q: np.ndarray,
    factors: _Factors,
    keys: tuple[np.ndarray, ...],
    starts_k: np.ndarray,
    common: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Best resonance and its position of each query frame in each key clip, default reading; (n_k, N_q or more).

    `keys` and `common` as in :func:`sere.kernels.fused.keep_best`.
    """
    d = keys[0].shape[1]
    u, scale = _unit(zq, zq.shape[1] - d)
    width = lanes(common.dtype)
    n_tiles = -(-len(u) // width)
    laid_out = torch.empty((n_tiles, d, width), dtype=zq.dtype).numpy()
    fused.lay_out(u.numpy(), laid_out)
    each = np.zeros((3, n_tiles * width), dtype=common.dtype)
    each[:, : len(u)] = scale.numpy(), factors.rise, factors.fall
    clip = np.zeros(n_tiles * width, dtype=np.int64)
    clip[: len(u)] = np.repeat(np.arange(len(starts_q) - 1), np.diff(starts_q))
    peak = np.full((len(starts_k) - 1, n_tiles * width), -np.inf, dtype=common.dtype)
    where = np.zeros(peak.shape, dtype=np.int32)
    for run in _runs(starts_k, KEY_BYTES // max(d * common.itemsize, 1)):
        bounds, out = starts_k[run.start : run.stop + 1], (peak[run], where[run])
        fused.keep_best((laid_out, clip, *each), keys, common[run], bounds, REGISTERS.keys, *out)
    return peak, where


def _blocks_by_product(
    zq: Tensor, v: Tensor, a: Tensor, b: Tensor, starts_k: np.ndarray, reading: Reading
) -> tuple[np.ndarray, np.ndarray]:
    """Best resonance and its position of each query frame in each key clip, any reading; (n_k, N_q)."""
    n_k = len(starts_k) - 1
    owner = np.repeat(np.arange(n_k), np.diff(starts_k))
    peak = np.full((n_k, len(zq)), -np.inf, dtype=v.numpy().dtype)
    where = np.zeros(peak.shape, dtype=np.int32)
    buffer = torch.empty((KEY_ROWS, min(QUERY_ROWS, len(zq))), dtype=v.dtype)
    for rows in _steps(len(zq), QUERY_ROWS):
        u, _ = _unit(zq[rows])
        for keys in _steps(len(v), KEY_ROWS):
            C = buffer[: keys.stop - keys.start, : rows.stop - rows.start]
            torch.mm(v[keys], u.T, out=C)
            R = reading.resonance(C, b[keys, None] - a[rows])
            _keep_best(R.numpy(), owner[keys], keys.start, peak[:, rows], where[:, rows])
    return peak, where


def winner_gradients(
    queries: Packed, keys: Packed, reading: Reading, best: Tensor, grad_peak: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of ``sum(grad_peak * peak)``: see :func:`sere.kernels.tiles.winner_gradients`."""
    (n_q, n_k), starts, a, b = best.shape, keys.offsets.tolist(), queries.intensity, keys.intensity
    zq, zk = queries.frames.contiguous(), keys.frames.contiguous()
    scale_q, scale_k = (tiles.lengths_of(z).reciprocal_() for z in (zq, zk))
    scale_of_winner = scale_k.index_select(0, best.reshape(-1)).view(n_q, n_k)
    cosine = scale_of_winner * scale_q[:, None]

    def compare(rows: slice) -> None:
        _winner_cosines(zq[rows].numpy(), zk.numpy(), best[rows].numpy(), cosine[rows].numpy())

    work = n_q * n_k * zq.shape[1]
    _share_out(compare, _steps(n_q, -(-n_q // n_workers())), work)
    delta = a[:, None] - b.index_select(0, best.reshape(-1)).view(n_q, n_k)
    peak, by_cosine, by_delta, by_tau = reading.slopes(cosine, delta)
    pull, push = grad_peak * by_cosine, grad_peak * by_delta
    dzq = F.embedding_bag(best, zk, per_sample_weights=pull * scale_of_winner, mode="sum")
    pull *= scale_q[:, None]
    # Columns beyond the last whole tile are filled up with zeros, apart from the others.
    width = lanes(zq.numpy().dtype)
    whole = zq.shape[1] - zq.shape[1] % width
    rest = F.pad(zq[:, whole:], (0, -zq.shape[1] % width))
    dzk, by_rest, db = torch.zeros_like(zk), torch.zeros((len(zk), rest.shape[1]), dtype=zk.dtype), torch.zeros_like(b)

    def reach_keys(clips: slice) -> None:
        for frames, gradient in ((zq, dzk), (rest, by_rest)):
            which = (best.numpy(), pull.numpy(), clips.start, clips.stop)
            fused.add_to_winners(frames.numpy(), *which, width, gradient.numpy())
        _take_from_winners(best.numpy(), push.numpy(), clips.start, clips.stop, db.numpy())
        own = slice(starts[clips.start], starts[clips.stop])
        dzk[own, whole:] = by_rest[own, : zq.shape[1] - whole]
        _turn(zk[own].numpy(), scale_k[own].numpy(), dzk[own].numpy())

    def turn_queries(rows: slice) -> None:
        _turn(zq[rows].numpy(), scale_q[rows].numpy(), dzq[rows].numpy())

    _share_out(reach_keys, _steps(n_k, -(-n_k // n_workers())), work)
    _share_out(turn_queries, _steps(n_q, -(-n_q // n_workers())), work)
    return dzq, dzk, push.sum(1), db, (grad_peak * by_tau).sum(), peak


def _steps(total: int, step: int) -> list[slice]:
    return [slice(i, min(i + step, total)) for i in range(0, total, step)]


def _runs(starts: np.ndarray, rows: int) -> list[slice]:
    """Runs of whole clips of up to `rows` frames; a longer clip is a run of its own."""
    runs, first = [], 0
    for clip in range(1, len(starts)):
        if starts[clip] - starts[first] > rows and clip - 1 > first:
            runs.append(slice(first, clip - 1))
            first = clip - 1
    return [*runs, slice(first, len(starts) - 1)]


def _even_runs(starts: np.ndarray, rows: int, workers: int) -> list[slice]:
    """Runs of whole clips with about as many frames each, about `rows` or fewer, and as many for each worker."""
    number = workers * -(-int(starts[-1]) // (rows * workers))
    ends = np.linspace(0, starts[-1], number + 1)
    middles = (starts[:-1] + starts[1:]) / 2
    cuts = np.unique(np.searchsorted(middles, ends))
    return [slice(int(first), int(past)) for first, past in itertools.pairwise(cuts)]


def _share_out(task: Callable[[slice], None], parts: Iterable[slice], work: float) -> None:
    """Run `task` over `parts` on as many threads as torch may use."""
    parts = list(parts)
    threads = min(n_workers(), len(parts))
    if threads == 1 or work < _WORTH_THREADS:
        for part in parts:
            task(part)
        return
    inference = torch.is_inference_mode_enabled()

    def without_grad(part: slice) -> None:
        # A new thread starts in grad mode, and may not write to the caller's inference tensors.
        with torch.inference_mode(inference), torch.no_grad():
            task(part)

    with _lock:
        allowed = torch.get_num_threads()
        # Threads started from here on run their matrix products alone.
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(without_grad, parts))
        finally:
            torch.set_num_threads(allowed)


@compiled()
def _keep_best(R: np.ndarray, owner: np.ndarray, first: int, peak: np.ndarray, where: np.ndarray) -> None:
    """Running maximum of R over the key frames of a block."""
    for j in range(R.shape[0]):
        row, high, position = R[j], peak[owner[j]], where[owner[j]]
        frame = np.int32(first + j)
        for i in range(R.shape[1]):
            better = row[i] > high[i]
            high[i] = row[i] if better else high[i]
            position[i] = frame if better else position[i]


@compiled()
def _clip_means(peak: np.ndarray, weight: np.ndarray, starts: np.ndarray, scores: np.ndarray) -> None:
    """Weighted sums of the peaks over the frames of each query clip, in double precision."""
    for k in range(peak.shape[0]):
        for c in range(len(starts) - 1):
            total = 0.0
            for i in range(starts[c], starts[c + 1]):
                total += weight[i] * peak[k, i]
            scores[c, k] = total


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _turn(frames: np.ndarray, scales: np.ndarray, gradients: np.ndarray) -> None:
    """Make gradients by frames of those by unit frames, in place: the part along a frame goes, then its length."""
    for i in range(len(frames)):
        along = frames.dtype.type(0)
        for x in range(frames.shape[1]):
            along += gradients[i, x] * frames[i, x]
        along *= scales[i] * scales[i]
        for x in range(frames.shape[1]):
            gradients[i, x] = scales[i] * (gradients[i, x] - along * frames[i, x])


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _winner_cosines(frames: np.ndarray, keys: np.ndarray, best: np.ndarray, cosine: np.ndarray) -> None:
    """Multiply the cosines' scales in `cosine` with the product of each query frame and its winner in each key clip."""
    for i in range(best.shape[0]):
        for k in range(best.shape[1]):
            j = best[i, k]
            total = frames.dtype.type(0)
            for x in range(frames.shape[1]):
                total += frames[i, x] * keys[j, x]
            cosine[i, k] *= total


@compiled()
def _take_from_winners(best: np.ndarray, push: np.ndarray, first: int, past: int, db: np.ndarray) -> None:
    """Subtract what pushes each winner's intensity, key clips `first` to `past`."""
    for i in range(best.shape[0]):
        for k in range(first, past):
            db[best[i, k]] -= push[i, k]
