"""The resonance field on a GPU: one Triton kernel from frames to the best of every clip.

A program takes some query frames against some key clips, one after the other, over whose frames it runs in steps:
cosines by the tensor cores, resonances and their running maximum in registers, one a query frame and place in the step,
which are compared with each other at the end of the clip alone. Where query frames are short enough (256 columns in
half precision) they stay in shared memory for all of these clips, so that only key frames are read again and again.
Nothing of the field is written but each query frame's best resonance with each clip and its position, one entry a clip
instead of one a frame; a segmented sum gives the scores. Frames lie end to end, so clips of any length need no padding
in memory; a step that passes the end of a clip is masked.

Products are as exact as torch's own: TF32 only after ``torch.set_float32_matmul_precision("high")``, and bfloat16 or
half precision where the frames are, summed up in float32 either way. Gradients are those of :mod:`sere.kernels.tiles`.

Imported only where Triton is installed (torch's CUDA builds bring it). The kernel is tested by Triton's interpreter,
without a GPU.

Variables as in :mod:`sere.kernels.tiles`.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from sere.kernels import tiles
from sere.kernels.packed import Packed
from sere.kernels.reading import Reading
from sere.method.resonance import FORMS, GAPS


class Shape(NamedTuple):
    """How a program divides its work.

    Attributes
    ----------
    rows, clips : int
        Query frames and key clips of a program.
    keys, columns : int
        Key frames of a step, and columns multiplied at once.
    warps, stages : int
        Warps of a program, and steps whose frames are under way.
    """

    rows: int
    clips: int
    keys: int
    columns: int
    warps: int
    stages: int


#: Half precision, at most 256 columns: two programs fit a multiprocessor's shared memory (96 kB each), so that one can
#: multiply while the other looks for maxima.
SHORT_HALF = Shape(rows=128, clips=16, keys=32, columns=256, warps=8, stages=2)
LONG_HALF = Shape(rows=128, clips=1, keys=64, columns=64, warps=8, stages=3)
SINGLE = Shape(rows=64, clips=1, keys=32, columns=32, warps=4, stages=3)


def shape_for(dtype: torch.dtype, d: int) -> Shape:
    """Return the division for frames of a type and number of columns."""
    if dtype.itemsize != 2:
        return SINGLE
    if d > SHORT_HALF.columns:
        return LONG_HALF
    return SHORT_HALF._replace(columns=max(16, triton.next_power_of_2(d)))


winner_gradients = tiles.winner_gradients


def field(queries: Packed, keys: Packed, reading: Reading, want_best: bool = True) -> tuple[Tensor, Tensor]:
    """Scores of Eq. 6 and the winners of Eq. 5.

    Parameters
    ----------
    queries, keys, reading, want_best : as in :func:`sere.kernels.tiles.field`
        In single, half or bfloat16 precision, all on one device.

    Returns
    -------
    tensor of shape (n_q, n_k), int64 tensor of shape (N_q, n_k)
    """
    u, v = ((clips.frames / tiles.lengths_of(clips.frames)[:, None]).contiguous() for clips in (queries, keys))
    a, b, starts = (x.contiguous() for x in (queries.intensity, keys.intensity, keys.offsets))
    n_q, n_k = len(u), keys.n_clips
    peak = torch.empty((n_q, n_k), dtype=torch.float32, device=u.device)
    best = torch.empty((n_q if want_best else 0, n_k), dtype=torch.int64, device=u.device)
    exact = torch.get_float32_matmul_precision() == "highest"
    shape = shape_for(u.dtype, u.shape[1])
    # The grid's first axis alone may have more than 65,535 programs.
    _best_of_clips[(triton.cdiv(n_q, shape.rows) * triton.cdiv(n_k, shape.clips),)](
        u, v, a, b, starts, reading.tau, peak, best, n_q, n_k, u.shape[1],
        FORM=FORMS.index(reading.form), GAP=GAPS.index(reading.gap), PRECISION="ieee" if exact else "tf32",
        WANT_BEST=want_best,
        ROWS=shape.rows, CLIPS=shape.clips, KEYS=shape.keys, COLUMNS=shape.columns,
        WHOLE=shape.columns >= u.shape[1], num_warps=shape.warps, num_stages=shape.stages,
    )  # fmt: skip
    peak.mul_(queries.shares()[:, None])
    return torch.segment_reduce(peak, "sum", offsets=queries.offsets, axis=0).to(u.dtype), best


@triton.jit
def _best_of_clips(
    u, v, a, b, starts, tau, peak, best, n_q, n_k, d,
    FORM: tl.constexpr, GAP: tl.constexpr, PRECISION: tl.constexpr, WANT_BEST: tl.constexpr,
    ROWS: tl.constexpr, CLIPS: tl.constexpr, KEYS: tl.constexpr, COLUMNS: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    """Best resonance of ROWS query frames with the frames of each of CLIPS key clips, and the first frame that has it.

    WHOLE says that frames have no more than COLUMNS columns.
    """
    program = tl.program_id(0).to(tl.int64)
    n_groups = tl.cdiv(n_k, CLIPS)
    group = program % n_groups
    rows = (program // n_groups) * ROWS + tl.arange(0, ROWS)
    own = rows < n_q
    lanes = tl.arange(0, KEYS)
    temperature = tl.load(tau).to(tl.float32)
    burst = tl.load(a + rows, mask=own, other=0.0).to(tl.float32)
    if WHOLE:
        whole_q = _frames(u, rows, own, 0, d, COLUMNS)
    for clip in range(group * CLIPS, tl.minimum(group * CLIPS + CLIPS, n_k)):
        start, stop = tl.load(starts + clip), tl.load(starts + clip + 1)
        high = tl.full((ROWS, KEYS), float("-inf"), tl.float32)
        step = tl.zeros((ROWS, KEYS), tl.int32)
        for first in range(0, (stop - start).to(tl.int32), KEYS):
            keys = start + first + lanes
            inside = keys < stop
            if WHOLE:
                cosine = tl.dot(whole_q, tl.trans(_frames(v, keys, inside, 0, d, COLUMNS)), input_precision=PRECISION)
            else:
                cosine = tl.zeros((ROWS, KEYS), tl.float32)
                for left in range(0, d, COLUMNS):
                    q = _frames(u, rows, own, left, d, COLUMNS)
                    k = _frames(v, keys, inside, left, d, COLUMNS)
                    cosine = tl.dot(q, tl.trans(k), cosine, input_precision=PRECISION)
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
            better = inside[None, :] & (resonance > high)
            high = tl.where(better, resonance, high)
            if WANT_BEST:
                step = tl.where(better, first, step)
        top = tl.max(high, axis=1)
        tl.store(peak + rows * n_k + clip, top, mask=own)
        if WANT_BEST:
            # Earlier steps kept their place against equals; of equals at different places the first is the smallest.
            position = tl.min(tl.where(high == top[:, None], step + lanes[None, :], 2147483647), axis=1)
            tl.store(best + rows * n_k + clip, start + position, mask=own)


@triton.jit
def _frames(z, rows, own, left, d, COLUMNS: tl.constexpr):
    """Some columns of some frames; 0 where there are none."""
    columns = left + tl.arange(0, COLUMNS)
    return tl.load(z + rows[:, None] * d + columns[None, :], mask=own[:, None] & (columns < d)[None, :], other=0.0)
