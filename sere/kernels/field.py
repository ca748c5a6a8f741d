"""The Instantaneous Resonance Field between two pools, with gradients (paper Eq. 4-6).

Of the full field, (N_q, N_k) resonances, only its maxima matter: one a query frame and key clip.
So the field is computed in tiles that are forgotten at once; what a backward pass keeps beyond
its inputs is the position of each maximum, and the resonances there are computed again. On a CPU
the tiles run through compiled kernels (:mod:`sere.kernels.cpu`) where numba is installed, on a
CUDA device through :mod:`sere.kernels.triton_field` where Triton is, everywhere else through plain
torch (:mod:`sere.kernels.tiles`).

The readings of Eq. 4 are those of :mod:`sere.method.resonance`, said by :class:`~sere.kernels.Reading`.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from sere.kernels import tiles
from sere.kernels.packed import Packed
from sere.kernels.reading import Reading


def resonance_field(queries: Packed, keys: Packed, reading: Reading) -> tuple[Tensor, Tensor]:
    """How much each query clip resonates with each key clip, and where (Eq. 4-6).

    Every query frame looks for its most resonant frame in every key clip.

    Parameters
    ----------
    queries, keys : Packed
        n_q clips of N_q frames in all, and n_k clips. The queries' weights count; a clip whose weights are all 0
        scores 0.
    reading : Reading

    Returns
    -------
    scores : tensor of shape (n_q, n_k)
        Differentiable in frames, intensities, the queries' weights and the reading's `tau`.
    best : int64 tensor of shape (N_q, n_k)
        Index into ``keys.frames`` of the frame that answers each query frame, ``j*(i)`` of Eq. 5.

    Raises
    ------
    ValueError
        If queries and keys differ in columns, or the reading is none of Eq. 4.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.kernels import Packed, Reading, resonance_field
    >>> rng = np.random.default_rng(0)
    >>> clips = [rng.normal(size=(length, 4)) for length in (6, 9)]
    >>> packed = Packed.from_list(clips, [np.zeros(len(clip)) for clip in clips])
    >>> scores, best = resonance_field(packed, packed, Reading(tau=1.0))
    >>> scores.diagonal().numpy().round(3).tolist()  # a clip resonates fully with itself
    [1.0, 1.0]
    >>> best.shape
    torch.Size([15, 2])
    """
    queries, keys, reading = entering(queries, keys, reading)
    return _Field.apply(*queries, *keys._replace(weight=None), *reading)  # type: ignore[no-untyped-call]


@torch.no_grad()
def field_scores(queries: Packed, keys: Packed, reading: Reading) -> Tensor:
    """Return the scores of :func:`resonance_field` alone, without gradients.

    Parameters
    ----------
    queries, keys, reading : as in :func:`resonance_field`.

    Returns
    -------
    tensor of shape (n_q, n_k)
    """
    queries, keys, reading = entering_bare(queries, keys, reading)
    return (compiled(queries.frames) or tiles).field(queries, keys, reading, want_best=False)[0]


def entering(queries: Packed, keys: Packed, reading: Reading) -> tuple[Packed, Packed, Reading]:
    """All that enters an engine in the type of the queries' frames, or what is wrong with it."""
    reading = reading.beside(queries.frames)
    if queries.frames.shape[1] != keys.frames.shape[1]:
        raise ValueError(f"queries have {queries.frames.shape[1]} columns and keys {keys.frames.shape[1]}")
    queries, keys = (clips._replace(intensity=clips.intensity.to(queries.frames)) for clips in (queries, keys))
    return queries, keys, reading


def entering_bare(queries: Packed, keys: Packed, reading: Reading) -> tuple[Packed, Packed, Reading]:
    """The same without gradients."""
    return entering(queries.detached(), keys.detached(), reading.detached())


def resonance_aware(queries: Packed, keys: Packed, best: Tensor, pairs: Tensor) -> Tensor:
    """Resonance-aware representations: the mean of the key frames that answer a clip (Eq. 5).

    Parameters
    ----------
    queries, keys : Packed
        The queries' weights count.
    best : int64 tensor of shape (N_q, n_k)
        From `resonance_field`.
    pairs : int64 tensor of shape (m, 2)
        Which (query clip, key clip) to describe.

    Returns
    -------
    tensor of shape (m, d)
        Differentiable in ``keys.frames`` and ``queries.weight``.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.kernels import Packed, Reading, resonance_aware, resonance_field
    >>> rng = np.random.default_rng(0)
    >>> clips = [rng.normal(size=(length, 4)) for length in (6, 9)]
    >>> packed = Packed.from_list(clips, [np.zeros(len(clip)) for clip in clips])
    >>> scores, best = resonance_field(packed, packed, Reading(tau=1.0))
    >>> resonance_aware(packed, packed, best, pairs=scores.new_tensor([[0, 1]]).long()).shape
    torch.Size([1, 4])
    """
    query, key = pairs[:, 0], pairs[:, 1]
    counts = queries.lengths[query]
    ends = counts.cumsum(0)
    pair = torch.arange(len(pairs), device=best.device).repeat_interleave(counts)
    row = torch.arange(len(pair), device=best.device) - (ends - counts)[pair] + queries.offsets[query][pair]
    return torch.nn.functional.embedding_bag(
        best[row, key[pair]],
        keys.frames,
        ends - counts,
        mode="sum",
        per_sample_weights=queries.shares()[row],
    )


class _Field(torch.autograd.Function):
    """Scores and best matches; keeps its inputs and `best` for the backward pass, nothing else.

    Takes the parts of queries, keys and reading one by one, since only a tensor that is passed on its own gets a
    gradient.
    """

    @staticmethod
    def forward(ctx: Any, *parts: Any) -> tuple[Tensor, Tensor]:
        queries, keys, reading = _Field.joined(parts)
        scores, best = (compiled(queries.frames) or tiles).field(queries, keys, reading)
        ctx.save_for_backward(*queries, *keys, reading.tau, best)
        ctx.words = reading[1:]
        ctx.mark_non_differentiable(best)
        return scores, best

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        *parts, best = ctx.saved_tensors
        queries, keys, reading = _Field.joined((*parts, *ctx.words))
        engine, wanted = compiled(queries.frames) or tiles, ctx.needs_input_grad[3]
        weight: Any = queries.weight
        if wanted:
            weight = weight.detach().requires_grad_()
        with torch.enable_grad():  # the weights' gradient goes through their shares, made again like the resonances
            share = queries._replace(weight=weight).shares()
        each = grad[queries.owners]
        grad_peak = each * share.detach()[:, None]
        dzq, dzk, da, db, dtau, peak = engine.winner_gradients(queries, keys, reading, best, grad_peak)
        dweight = torch.autograd.grad(share, weight, (each * peak).sum(1))[0] if wanted else None
        return dzq, da, None, dweight, dzk, db, None, None, dtau, None, None

    @staticmethod
    def joined(parts: tuple[Any, ...]) -> tuple[Packed, Packed, Reading]:
        """Queries, keys and reading of their parts."""
        return Packed(*parts[:4]), Packed(*parts[4:8]), Reading(*parts[8:])


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
