"""What a transformer does with a clip's frames, row by row: products, attention, layer norm, GELU.

A row's result is the same to the bit whichever rows are computed beside it, by whichever thread: its sums run in one
order. So threads may share out a clip's rows. Weights are laid out once for the loops of :mod:`sere.loops.registers`,
and rows go through in blocks that stay in a processor's cache.

Arrays are float32 and contiguous; `first` and `last` say which rows a call is about.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sere.loops.products import add_block
from sere.loops.registers import REGISTERS, compiled, lanes

LANES = lanes(np.dtype(np.float32))
#: Rows that go through a chain of operations together.
BLOCK = 96
#: Frames that rows attend to at a time.
_HEARD = 256
#: Numbers of a row that are multiplied before the next rows are: their tile of the matrix stays in the first cache.
_DEPTH = 256
#: Numbers in a line of the cache.
_LINE = 16
_EPSILON = np.float32(1e-5)
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_LOWEST = np.float32(-1e30)


@dataclass(frozen=True)
class Matrix:
    """A matrix and its bias.

    Attributes
    ----------
    tiles : ndarray of shape (n_tiles, d, LANES)
        Its columns side by side, zeros behind the last.
    bias : ndarray of shape (columns,)
    """

    tiles: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, matrix: np.ndarray, bias: np.ndarray) -> "Matrix":
        """Lay out a matrix (d, columns)."""
        d, columns = matrix.shape
        tiles = np.zeros((-(-columns // LANES), d, LANES), np.float32)
        for tile, left in zip(tiles, range(0, columns, LANES), strict=True):
            part = matrix[:, left : left + LANES]
            tile[:, : part.shape[1]] = part
        return cls(tiles, np.ascontiguousarray(bias, dtype=np.float32))


def affine(
    x: np.ndarray, matrix: Matrix, first: int, last: int, out: np.ndarray, *, then: str = "", step: int | None = None
) -> None:
    """Write ``x @ matrix + bias`` for rows `first` to `last` of x into the same rows of `out`.

    Parameters
    ----------
    x : ndarray of shape (rows, d)
    matrix : Matrix
    first, last : int
    out : ndarray of shape (rows, columns)
    then : {"", "gelu", "add"}
        Bend the result, or add it to what `out` holds.
    step : int, optional
        Numbers of x from where one row begins to where the next does, if not d: a convolution's rows overlap.
    """
    step = x.shape[1] if step is None else step
    _affine(x, step, matrix.tiles, matrix.bias, first, last, REGISTERS.keys, then == "add", then == "gelu", out)


def normalise(
    x: np.ndarray, norm: tuple[np.ndarray, np.ndarray], first: int, last: int, out: np.ndarray, at: int = 0
) -> None:
    """Write rows `first` to `last` of x, layer normalised by a weight and a bias, into `out` from row `at` on."""
    _normalise(x, *norm, first, last, out, at)


def keys_and_values(n_heads: int, width: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return empty arrays for :func:`share` to fill: keys and values of `count` frames, as tiles."""
    size = width // n_heads
    keys = np.zeros((n_heads, -(-count // LANES), size, LANES), np.float32)
    return keys, np.zeros((n_heads, -(-size // LANES), count, LANES), np.float32)


def share(together: np.ndarray, first: int, last: int, keys: np.ndarray, values: np.ndarray) -> None:
    """Lay out keys and values of some rows of `together` (rows, 3 * width): queries, keys, values."""
    _share(together, first, last, keys, values)


def attend(together: np.ndarray, first: int, last: int, keys: np.ndarray, values: np.ndarray, out: np.ndarray) -> None:
    """Write what rows `first` to `last` gather of all frames' values into `out` (last - first, width), from row 0 on.

    Queries must have been divided by the root of their length.
    """
    _attend(together, first, last, keys, values, REGISTERS.keys, out)


@intrinsic
def _as_real(typing_context: Any, bits: Any) -> tuple[Any, Any]:
    """The float32 of these bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def _fetch(typing_context: Any, array: Any, position: Any) -> tuple[Any, Any]:
    """Ask for the memory behind a position of an array, to be in the cache when it is read."""
    signature = types.void(array, position)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        whole = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, whole, whole, whole])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(prefetch, [place, whole(0), whole(3), whole(1)])
        return context.get_dummy_value()

    return signature, generate


@compiled(fastmath={"contract"})
def _affine(
    x: np.ndarray,
    step: int,
    tiles: np.ndarray,
    bias: np.ndarray,
    first: int,
    last: int,
    together: int,
    added: bool,
    bent: bool,
    out: np.ndarray,
) -> None:
    n_tiles, d, width = tiles.shape
    columns = out.shape[1]
    depth = -(-d // -(-d // _DEPTH))
    rest = np.empty((BLOCK, width), np.float32)
    for top in range(first, last, BLOCK):
        count = min(BLOCK, last - top)
        result = out[top : top + count]
        for i in range(count):
            row = result[i]
            if added:
                for c in range(columns):
                    row[c] += bias[c]
            else:
                for c in range(columns):
                    row[c] = bias[c]
        for begin in range(0, d, depth):
            for t in range(n_tiles):
                tile, left = tiles[t, begin : begin + depth], t * width
                full = left + width <= columns
                target, column = (result, left) if full else (rest, 0)
                if not full:
                    for i in range(count):
                        for c in range(columns - left):
                            rest[i, c] = result[i, left + c]
                # The next tile comes from far away, a piece of it while each set of rows is multiplied.
                following = tiles[t + 1, begin : begin + depth] if t + 1 < n_tiles else tiles[0, begin + depth :]
                ahead = min(depth, len(following)) * width
                piece = -(-ahead // -(-count // together))
                for row in range(0, count, together):
                    start = row // together * piece
                    for place in range(start, min(start + piece, ahead), _LINE):
                        _fetch(following, place)
                    add_block(x, step, top * step + begin, tile, row, min(together, count - row), target, column)
                if not full:
                    for i in range(count):
                        for c in range(columns - left):
                            result[i, left + c] = rest[i, c]
        if bent:
            _gelu(result.ravel())


# erf as a ratio of polynomials on [-4, 4], beyond which float32 has nothing but 1 (the coefficients of Eigen and XLA).
_OVER = tuple(
    np.float32(c)
    for c in (
        -2.72614225801306e-10,
        2.77068142495902e-08,
        -2.10102402082508e-06,
        -5.69250639462346e-05,
        -7.34990630326855e-04,
        -2.95459980854025e-03,
        -1.60960333262415e-02,
    )
)
_UNDER = tuple(
    np.float32(c)
    for c in (
        -1.45660718464996e-05,
        -2.13374055278905e-04,
        -1.68282697438203e-03,
        -7.37332916720468e-03,
        -1.42647390514189e-02,
    )
)
_ROOT_HALF, _FOUR = np.float32(np.sqrt(0.5)), np.float32(4)


@compiled(fastmath={"contract"})
def _gelu(values: np.ndarray) -> None:
    """Multiply each number with the normal distribution's share below it."""
    for i in range(len(values)):
        x = values[i]
        z = x * _ROOT_HALF
        z = -_FOUR if z < -_FOUR else z
        z = _FOUR if z > _FOUR else z
        s = z * z
        over = _OVER[0] * s + _OVER[1]
        over = over * s + _OVER[2]
        over = over * s + _OVER[3]
        over = over * s + _OVER[4]
        over = over * s + _OVER[5]
        over = over * s + _OVER[6]
        under = _UNDER[0] * s + _UNDER[1]
        under = under * s + _UNDER[2]
        under = under * s + _UNDER[3]
        under = under * s + _UNDER[4]
        values[i] = _HALF * x * (_ONE + z * over / under)


@compiled(fastmath={"contract", "reassoc", "nsz"})
def _normalise(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, first: int, last: int, out: np.ndarray, at: int
) -> None:
    width = x.shape[1]
    share = _ONE / np.float32(width)
    for r in range(first, last):
        row, result = x[r], out[at + r - first]
        total = _ZERO
        for c in range(width):
            total += row[c]
        mean, squares = total * share, _ZERO
        for c in range(width):
            squares += (row[c] - mean) * (row[c] - mean)
        scale = _ONE / np.sqrt(squares * share + _EPSILON)
        for c in range(width):
            result[c] = (row[c] - mean) * scale * weight[c] + bias[c]


@compiled()
def _share(together: np.ndarray, first: int, last: int, keys: np.ndarray, values: np.ndarray) -> None:
    heads, _, size, width = keys.shape
    for r in range(first, last):
        tile, lane = r // width, r % width
        row = together[r]
        for h in range(heads):
            key, value = (1 * heads + h) * size, (2 * heads + h) * size
            for k in range(size):
                keys[h, tile, k, lane] = row[key + k]
            for left in range(0, size, width):
                target = values[h, left // width, r]
                for c in range(min(width, size - left)):
                    target[c] = row[value + left + c]


@compiled(fastmath={"contract", "reassoc", "nsz", "nnan"})
def _largest(row: np.ndarray) -> Any:
    most = row[0]
    for i in range(len(row)):
        most = row[i] if row[i] > most else most
    return most


@compiled(fastmath={"contract", "reassoc", "nsz"})
def _total(row: np.ndarray) -> Any:
    total = _ZERO
    for i in range(len(row)):
        total += row[i]
    return total


# exp by a power of two and a polynomial for the rest, as in Cephes.
_LOG2_E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
_EXP = tuple(
    np.float32(c) for c in (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5)
)
_DEEPEST = np.float32(-87)


@compiled(fastmath={"contract"})
def _exponentials(row: np.ndarray, most: Any) -> None:
    """Replace each number x by exp(x - most), which is at most 1."""
    for i in range(len(row)):
        x = row[i] - most
        x = _DEEPEST if x < _DEEPEST else x
        whole = np.floor(x * _LOG2_E + _HALF)
        x = x - whole * _LN2_HIGH
        x = x - whole * _LN2_LOW
        y = _EXP[0] * x + _EXP[1]
        y = y * x + _EXP[2]
        y = y * x + _EXP[3]
        y = y * x + _EXP[4]
        y = y * x + _EXP[5]
        y = y * (x * x) + x + _ONE
        row[i] = y * _as_real((np.int32(whole) + np.int32(127)) << np.int32(23))


@compiled(fastmath={"contract"})
def _attend(
    together: np.ndarray,
    first: int,
    last: int,
    keys: np.ndarray,
    values: np.ndarray,
    at_once: int,
    out: np.ndarray,
) -> None:
    """Softmax over blocks of frames, each block's sums added to those before by the largest score so far."""
    heads, _, size, width = keys.shape
    n_parts, n = values.shape[1], values.shape[2]
    step, wide = together.shape[1], -(-_HEARD // width) * width
    scores, parts = np.empty((BLOCK, wide), np.float32), np.empty((n_parts, BLOCK, width), np.float32)
    most, sums, fade = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for top in range(first, last, BLOCK):
        count = min(BLOCK, last - top)
        for h in range(heads):
            parts[:], sums[:], most[:] = 0, 0, _LOWEST
            for begin in range(0, n, wide):
                heard = min(wide, n - begin)
                scores[:] = 0
                for t in range(-(-heard // width)):
                    tile = keys[h, begin // width + t]
                    for row in range(0, count, at_once):
                        some = min(at_once, count - row)
                        add_block(together, step, top * step + h * size, tile, row, some, scores, t * width)
                for i in range(count):
                    own = scores[i, :heard]
                    larger = max(most[i], _largest(own))
                    fade[i], most[i] = most[i] - larger, larger
                    _exponentials(own, larger)
                _exponentials(fade[:count], _ZERO)
                for i in range(count):
                    sums[i] = sums[i] * fade[i] + _total(scores[i, :heard])
                for p in range(n_parts):
                    part, tile = parts[p], values[h, p, begin : begin + heard]
                    if begin:
                        for i in range(count):
                            for c in range(width):
                                part[i, c] *= fade[i]
                    for row in range(0, count, at_once):
                        add_block(scores, wide, 0, tile, row, min(at_once, count - row), part, 0)
            for i in range(count):
                target, share = out[top + i - first], _ONE / sums[i]
                for p in range(n_parts):
                    for c in range(min(width, size - p * width)):
                        target[h * size + p * width + c] = parts[p, i, c] * share
