"""The Instantaneous Resonance Field between two pools, with gradients (paper Eq. 4-6).

Of the full field, (N_q, N_k) resonances, only its maxima matter: one a query frame and key clip.
So the field is computed in tiles that are forgotten at once; what a backward pass keeps beyond
its inputs is the position of each maximum, and the resonances there are computed again. On a CPU
the tiles run through compiled kernels (:mod:`sere.kernels.cpu`) where numba is installed, on a
CUDA device through :mod:`sere.kernels.triton_field` where Triton is, everywhere else through plain
torch (:mod:`sere.kernels.tiles`).

The default reading of :mod:`sere.method.resonance` and its options `form` and `gap` hold here too.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from sere.kernels import tiles
from sere.kernels.packed import Packed, frame_owners
from sere.method.resonance import FORMS, GAPS


def resonance_field(
    queries: Packed,
    keys: Packed,
    tau: float | Tensor,
    *,
    form: str = "product",
    gap: str = "exponential",
    query_weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """How much each query clip resonates with each key clip, and where (Eq. 4-6).

    Every query frame looks for its most resonant frame in every key clip.

    Parameters
    ----------
    queries, keys : Packed
        n_q clips of N_q frames in all, and n_k clips.
    tau : float or 0-dim tensor, > 0
        Temperature of the synchrony.
    form : {"product", "raw", "sum"}
    gap : {"exponential", "gaussian"}
        As in :func:`sere.method.resonance_matrix`.
    query_weight : tensor of shape (N_q,), or None
        Weight of each query frame in its clip's mean: highlights as 0 and 1, or soft. None: all
        alike. A clip whose weights are all 0 scores 0.

    Returns
    -------
    scores : tensor of shape (n_q, n_k)
        Differentiable in frames, intensities, `tau` and `query_weight`.
    best : int64 tensor of shape (N_q, n_k)
        Index into ``keys.frames`` of the frame that answers each query frame, ``j*(i)`` of Eq. 5.
    """
    return _Field.apply(  # type: ignore[no-untyped-call]
        *_checked(queries, keys, tau, form, gap, query_weight), query_weight is None
    )


@torch.no_grad()
def field_scores(
    queries: Packed,
    keys: Packed,
    tau: float | Tensor,
    *,
    form: str = "product",
    gap: str = "exponential",
    query_weight: Tensor | None = None,
) -> Tensor:
    """Return the scores of :func:`resonance_field` alone, without gradients.

    Parameters
    ----------
    queries, keys, tau, form, gap, query_weight : as in :func:`resonance_field`.

    Returns
    -------
    tensor of shape (n_q, n_k)
    """
    queries, keys = (Packed(*(part.detach() for part in clips)) for clips in (queries, keys))
    zq, a, offsets_q, zk, b, offsets_k, *reading = _checked(queries, keys, tau, form, gap, query_weight)
    inputs = (zq, zk, a, b, offsets_q, offsets_k, *reading)
    engine = compiled(zq)
    return tiles.field(*inputs)[0] if engine is None else engine.field(*inputs, want_best=False)[0]


def _checked(
    queries: Packed, keys: Packed, tau: float | Tensor, form: str, gap: str, query_weight: Tensor | None
) -> tuple[Any, ...]:
    """Return the arguments of `_Field`, or say what is wrong with them."""
    if not isinstance(tau, Tensor) and not tau > 0:
        raise ValueError(f"tau must be > 0, got {tau}")
    if form not in FORMS:
        raise ValueError(f"form must be one of {FORMS}, got {form!r}")
    if gap not in GAPS:
        raise ValueError(f"gap must be one of {GAPS}, got {gap!r}")
    if queries.frames.shape[1] != keys.frames.shape[1]:
        raise ValueError(f"queries have {queries.frames.shape[1]} columns and keys {keys.frames.shape[1]}")
    share = frame_shares(queries.offsets, query_weight, len(queries.frames), queries.frames)
    like = queries.frames
    return (
        queries.frames,
        queries.intensity.to(like),
        queries.offsets,
        keys.frames,
        keys.intensity.to(like),
        keys.offsets,
        torch.as_tensor(tau, dtype=like.dtype, device=like.device),
        share,
        form,
        gap,
    )


def resonance_aware(
    keys_frames: Tensor,
    best: Tensor,
    offsets: Tensor,
    pairs: Tensor,
    query_weight: Tensor | None = None,
) -> Tensor:
    """Resonance-aware representations: the mean of the key frames that answer a clip (Eq. 5).

    Parameters
    ----------
    keys_frames : tensor of shape (N_k, d)
    best : int64 tensor of shape (N_q, n_k)
        From `resonance_field`.
    offsets : int64 tensor of shape (n_q + 1,)
        Of the query clips.
    pairs : int64 tensor of shape (m, 2)
        Which (query clip, key clip) to describe.
    query_weight : tensor of shape (N_q,), or None
        As in `resonance_field`.

    Returns
    -------
    tensor of shape (m, d)
        Differentiable in `keys_frames` and `query_weight`.
    """
    query, key = pairs[:, 0], pairs[:, 1]
    counts = offsets.diff()[query]
    ends = counts.cumsum(0)
    pair = torch.arange(len(pairs), device=best.device).repeat_interleave(counts)
    row = torch.arange(len(pair), device=best.device) - (ends - counts)[pair] + offsets[query][pair]
    share = frame_shares(offsets, query_weight, len(best), keys_frames)
    return torch.nn.functional.embedding_bag(
        best[row, key[pair]],
        keys_frames,
        ends - counts,
        mode="sum",
        per_sample_weights=share[row],
    )


class _Field(torch.autograd.Function):
    """Scores and best matches; keeps its inputs and `best` for the backward pass, nothing else."""

    @staticmethod
    def forward(
        ctx: Any,
        zq: Tensor,
        a: Tensor,
        offsets_q: Tensor,
        zk: Tensor,
        b: Tensor,
        offsets_k: Tensor,
        tau: Tensor,
        share: Tensor,
        form: str,
        gap: str,
        even: bool,
    ) -> tuple[Tensor, Tensor]:
        engine = compiled(zq) or tiles
        scores, best = engine.field(zq, zk, a, b, offsets_q, offsets_k, tau, share, form, gap)
        ctx.save_for_backward(zq, a, offsets_q, zk, b, offsets_k, tau, None if even else share, best)
        ctx.form, ctx.gap = form, gap
        ctx.mark_non_differentiable(best)
        return scores, best

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        zq, a, offsets_q, zk, b, offsets_k, tau, share, best = ctx.saved_tensors
        if share is None:
            share = frame_shares(offsets_q, None, len(zq), zq)
        each = grad[frame_owners(offsets_q, len(zq))]
        dzq, dzk, da, db, dtau, peak = (compiled(zq) or tiles).winner_gradients(
            zq, zk, a, b, offsets_k, tau, best, each * share[:, None], ctx.form, ctx.gap
        )
        return dzq, da, None, dzk, db, None, dtau, (each * peak).sum(1), None, None, None


def compiled(frames: Tensor) -> ModuleType | None:
    """The engine that is compiled for such frames, if it can be had.

    On a CPU :mod:`sere.kernels.cpu`, where numba is installed; on a CUDA device :mod:`sere.kernels.triton_field`, where
    Triton is.
    """
    try:
        if frames.device.type == "cpu" and frames.dtype in (torch.float32, torch.float64):
            from sere.kernels import cpu

            return cpu
        if frames.device.type == "cuda" and frames.dtype in (torch.float32, torch.bfloat16, torch.float16):
            from sere.kernels import triton_field

            return triton_field
    except ImportError:
        pass
    return None


def frame_shares(offsets: Tensor, weight: Tensor | None, n_frames: int, like: Tensor) -> Tensor:
    """Each frame's share of its clip's mean; a clip's shares sum to 1 (0 if its weights do)."""
    owner = frame_owners(offsets, n_frames)
    if weight is None:
        return (1 / offsets.diff().to(like.dtype))[owner]
    weight = weight.to(like.dtype)
    total = torch.segment_reduce(weight, "sum", offsets=offsets)
    return weight / torch.where(total > 0, total, torch.ones_like(total))[owner]
