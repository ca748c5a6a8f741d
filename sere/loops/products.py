"""Matrix products of many small matrices, as CREPE's Fourier domain has them: one a frequency.

:func:`products` is NumPy's ``matmul`` by blocks that stay in vector registers (:mod:`sere.loops.registers`). It wakes
no thread, and a row of the result is the same to the bit whatever rows are beside it. Narrow results are left to NumPy.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from sere.loops.registers import REGISTERS, Writer, compiled, lanes


def products(x: np.ndarray, weight: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return ``x[r] @ weight[r]`` for every r, added to `out` in place if it is given.

    Parameters
    ----------
    x : ndarray of shape (n, rows, d), float32
    weight : ndarray of shape (n, d, columns)
    out : ndarray of shape (n, rows, columns), contiguous

    Returns
    -------
    ndarray of shape (n, rows, columns)
    """
    n, rows, _ = x.shape
    columns = weight.shape[2]
    if columns < lanes(np.dtype(np.float32)):
        found: np.ndarray = np.matmul(x, weight)
        return found if out is None else np.add(out, found, out=out)
    if out is None:
        out = np.zeros((n, rows, columns), np.float32)
    _add_products(np.ascontiguousarray(x), weight, REGISTERS.keys, lanes(np.dtype(np.float32)), out)
    return out


@intrinsic
def add_block(
    typing_context: Any, x: Any, step: Any, start: Any, tile: Any, first: Any, count: Any, out: Any, column: Any
) -> tuple[Any, Any]:
    """Add `count` rows from `first` on of x, times a tile (d, lanes), to the same rows of `out` from a column on.

    Row r of x are the d numbers from ``r * step + start`` on of its memory, so rows may overlap, as a convolution's do.
    A row that is missing to a full set is the last one again, written twice.
    """
    signature = types.void(x, step, start, tile, first, count, out, column)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def array(position: int) -> Any:
            return context.make_array(signature.args[position])(context, builder, arguments[position])

        write = Writer(builder, context.get_value_type(x.dtype))
        step, start, first, count, column = (arguments[i] for i in (1, 2, 4, 5, 7))
        d, width = builder.extract_value(array(3).shape, 0), builder.extract_value(array(6).shape, 1)
        last = builder.sub(count, ir.IntType(64)(1))
        steps = [ir.IntType(64)(m) for m in range(REGISTERS.keys)]
        chosen = [builder.add(first, builder.select(builder.icmp_signed("<", m, count), m, last)) for m in steps]
        places = [builder.gep(array(6).data, [builder.add(builder.mul(row, width), column)]) for row in chosen]
        rows = [builder.gep(array(0).data, [builder.add(builder.mul(row, step), start)]) for row in chosen]
        starts = [write.load(place, write.reals) for place in places]
        for place, sums in zip(places, write.products(array(3).data, rows, d, starts), strict=True):
            write.store(sums, place, write.reals)
        return context.get_dummy_value()

    return signature, generate


@compiled()
def _add_products(x: np.ndarray, weight: np.ndarray, together: int, width: int, out: np.ndarray) -> None:
    """Tile by tile of the weights' columns; the last tile of a matrix goes through `rest` where it is not full."""
    n, rows, d = x.shape
    columns = weight.shape[2]
    tile, rest = np.zeros((d, width), x.dtype), np.zeros((rows, width), x.dtype)
    for r in range(n):
        own, result = x[r], out[r]
        for left in range(0, columns, width):
            count = min(width, columns - left)
            for k in range(d):
                row, part = tile[k], weight[r, k, left : left + count]
                for c in range(count):
                    row[c] = part[c]
            target, column = (result, left) if count == width else (rest, 0)
            # Loops, because numba takes seconds to compile an assignment of slices.
            if count < width:
                for i in range(rows):
                    for c in range(count):
                        rest[i, c] = result[i, left + c]
            for first in range(0, rows, together):
                add_block(own, d, 0, tile, first, min(together, rows - first), target, column)
            if count < width:
                for i in range(rows):
                    for c in range(count):
                        result[i, left + c] = rest[i, c]
