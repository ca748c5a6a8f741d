"""The resonance field on a GPU: one Triton kernel from frames to the best of every clip.

A program takes some query frames against one key clip, over whose frames it runs in steps: cosines by the tensor cores,
resonances and their running maximum in registers. Nothing of the field is written but each query frame's best
resonance with each clip and its position, one entry a clip instead of one a frame; a segmented sum gives the scores.
Frames lie end to end, so clips of any length need no padding in memory; a step that passes the end of a clip is masked.

Products are as exact as torch's own: TF32 only after ``torch.set_float32_matmul_precision("high")``, and bfloat16 or
half precision where the frames are, summed up in float32 either way. Gradients are those of :mod:`sere.kernels.tiles`.

Imported only where Triton is installed (torch's CUDA builds bring it). The kernel is tested by Triton's interpreter,
without a GPU.

Variables as in :mod:`sere.kernels.tiles`.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from sere.kernels import tiles
from sere.method.resonance import FORMS, GAPS

#: Query frames, key frames and columns of a step.
BLOCK_ROWS, BLOCK_KEYS, BLOCK_COLUMNS = 64, 32, 32
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

winner_gradients = tiles.winner_gradients


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
    want_best: bool = True,
) -> tuple[Tensor, Tensor]:
    """Scores of Eq. 6 and the winners of Eq. 5.

    Parameters
    ----------
    zq, zk, a, b, offsets_q, offsets_k, tau, share, form, gap : as in :func:`sere.kernels.tiles.field`
        Of one of :data:`DTYPES`, all on one device.
    want_best : bool
        Whether to return the winners; without them the second tensor is empty.

    Returns
    -------
    tensor of shape (n_q, n_k), int64 tensor of shape (N_q, n_k)
    """
    u, v = ((z / tiles.lengths_of(z)[:, None]).contiguous() for z in (zq, zk))
    n_q, n_k = len(u), len(offsets_k) - 1
    peak = torch.empty((n_q, n_k), dtype=torch.float32, device=u.device)
    best = torch.empty((n_q if want_best else 0, n_k), dtype=torch.int64, device=u.device)
    exact = torch.get_float32_matmul_precision() == "highest"
    # The grid's first axis alone may have more than 65,535 programs.
    _best_of_clip[(triton.cdiv(n_q, BLOCK_ROWS) * n_k,)](
        u, v, a.contiguous(), b.contiguous(), offsets_k.contiguous(), tau, peak, best, n_q, n_k, u.shape[1],
        FORM=FORMS.index(form), GAP=GAPS.index(gap), PRECISION="ieee" if exact else "tf32", WANT_BEST=want_best,
        ROWS=BLOCK_ROWS, KEYS=BLOCK_KEYS, COLUMNS=BLOCK_COLUMNS,
    )  # fmt: skip
    peak.mul_(share[:, None])
    return torch.segment_reduce(peak, "sum", offsets=offsets_q, axis=0).to(zq.dtype), best


@triton.jit
def _best_of_clip(
    u, v, a, b, starts, tau, peak, best, n_q, n_k, d,
    FORM: tl.constexpr, GAP: tl.constexpr, PRECISION: tl.constexpr, WANT_BEST: tl.constexpr,
    ROWS: tl.constexpr, KEYS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Best resonance of ROWS query frames with the frames of one key clip, and the first frame that has it."""
    program = tl.program_id(0).to(tl.int64)
    clip = program % n_k
    rows = (program // n_k) * ROWS + tl.arange(0, ROWS)
    own = rows < n_q
    start, stop = tl.load(starts + clip), tl.load(starts + clip + 1)
    temperature = tl.load(tau).to(tl.float32)
    burst = tl.load(a + rows, mask=own, other=0.0).to(tl.float32)
    high = tl.full((ROWS,), float("-inf"), tl.float32)
    position = tl.zeros((ROWS,), tl.int64)
    for first in range(start, stop, KEYS):
        keys = first + tl.arange(0, KEYS)
        inside = keys < stop
        cosine = tl.zeros((ROWS, KEYS), tl.float32)
        for left in range(0, d, COLUMNS):
            columns = left + tl.arange(0, COLUMNS)
            real = columns < d
            q = tl.load(u + rows[:, None] * d + columns[None, :], mask=own[:, None] & real[None, :], other=0.0)
            k = tl.load(v + keys[None, :] * d + columns[:, None], mask=inside[None, :] & real[:, None], other=0.0)
            cosine = tl.dot(q, k, cosine, input_precision=PRECISION)
        delta = burst[:, None] - tl.load(b + keys, mask=inside, other=0.0).to(tl.float32)[None, :]
        if GAP == 0:
            sync = tl.exp(-tl.abs(delta) / temperature)
        else:
            sync = tl.exp(-delta * delta / (2 * temperature * temperature))
        if FORM == 0:
            resonance = (1 + cosine) * 0.5 * sync
        elif FORM == 1:
            resonance = cosine * sync
        else:
            resonance = ((1 + cosine) * 0.5 + sync) * 0.5
        resonance = tl.where(inside[None, :], resonance, float("-inf"))
        top, place = tl.max(resonance, axis=1, return_indices=True, return_indices_tie_break_left=True)
        better = top > high
        high = tl.where(better, top, high)
        position = tl.where(better, first + place, position)
    tl.store(peak + rows * n_k + clip, high, mask=own)
    if WANT_BEST:
        tl.store(best + rows * n_k + clip, position, mask=own)
