"""The innermost loops of the field, in vector registers.

A matrix product that is only looked at for its maxima need not be written to memory. Here a few key frames meet a
*tile* of query frames, one a lane: their products are summed up in registers, turned into resonances and compared with
the best of each query frame so far, all before the next key frames come. Beside a library's matrix product, followed
by a pass over its result, that saves the result's way to the cache and back; and where the library does not know the
processor (MKL uses half the registers' width on some) it is faster by more than that.

Going back, :func:`add_to_winners` adds a query frame, held in registers, to the gradients of all key frames that
answered it.

A tile has as many lanes as the sums that :mod:`sere.loops.registers` holds at once.

Variables as in :mod:`sere.kernels.tiles`; ``tiles`` (n_tiles, d, lanes) unit query frames, frame number along the last
axis, ``ea`` ... ``nb`` the factors of :mod:`sere.kernels.cpu`.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sere.loops.registers import REGISTERS, Writer, compiled


@intrinsic
def _meet(
    typing_context: Any, tile: Any, base: Any, ea: Any, na: Any, keys: Any, scale: Any, eb: Any, nb: Any,
    first: Any, count: Any, peak: Any, where: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Let `count` key frames from `first` on meet one tile, (d, lanes), whose best so far are in `peak`, `where`.

    A cosine is the product of tile and key frame and ``base`` (lanes,) times the key frame's ``scale``. A frame that is
    missing to a full set is the last one again, which changes no maximum and, as only a larger resonance wins, no
    position.
    """
    signature = types.void(tile, base, ea, na, keys, scale, eb, nb, first, count, peak, where)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def array(position: int) -> Any:
            return context.make_array(signature.args[position])(context, builder, arguments[position])

        write = Writer(builder, context.get_value_type(keys.dtype))
        tile, base, ea, na, keys_, scale, eb, nb = (array(i).data for i in range(8))
        first, count = arguments[8:10]
        peak, where = (array(i).data for i in (10, 11))
        d = builder.extract_value(array(4).shape, 1)
        last = builder.sub(count, ir.IntType(64)(1))
        steps = [ir.IntType(64)(m) for m in range(REGISTERS.keys)]
        chosen = [builder.add(first, builder.select(builder.icmp_signed("<", m, count), m, last)) for m in steps]
        scales = [write.spread(builder.load(builder.gep(scale, [key]))) for key in chosen]
        starts = [[builder.fmul(x, factor) for x in write.load(base, write.reals)] for factor in scales]
        cosines = write.products(tile, [builder.gep(keys_, [builder.mul(key, d)]) for key in chosen], d, starts)
        rise, fall, best = (write.load(x, write.reals) for x in (ea, na, peak))
        found = write.load(where, write.positions)
        for key, own in zip(chosen, cosines, strict=True):
            up, down = (write.spread(builder.load(builder.gep(x, [key]))) for x in (eb, nb))
            name = write.spread(builder.trunc(key, ir.IntType(32)))
            for n, cosine in enumerate(own):
                sync = write.smaller(builder.fmul(rise[n], down), builder.fmul(fall[n], up))
                resonance = write.multiply_add(cosine, sync, sync)
                better = builder.fcmp_ordered(">", resonance, best[n])
                best[n] = builder.select(better, resonance, best[n])
                found[n] = builder.select(better, name, found[n])
        write.store(best, peak, write.reals)
        write.store(found, where, write.positions)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _add_scaled(typing_context: Any, frame: Any, column: Any, rows: Any, winners: Any, weights: Any) -> tuple[Any, Any]:
    """Add some columns of ``frame`` (d,), as many as a tile has lanes, to the ``rows`` (n, d) that won, weighted."""
    signature = types.void(frame, column, rows, winners, weights)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def array(position: int) -> Any:
            return context.make_array(signature.args[position])(context, builder, arguments[position])

        write = Writer(builder, context.get_value_type(rows.dtype))
        d = builder.extract_value(array(2).shape, 1)
        own = write.load(builder.gep(array(0).data, [arguments[1]]), write.reals)
        with cgutils.for_range(builder, builder.extract_value(array(3).shape, 0)) as loop:
            winner, weight = (builder.load(builder.gep(array(i).data, [loop.index])) for i in (3, 4))
            row = builder.gep(array(2).data, [builder.add(builder.mul(winner, d), arguments[1])])
            scale = write.spread(weight)
            sums = [write.multiply_add(x, scale, y) for x, y in zip(own, write.load(row, write.reals), strict=True)]
            write.store(sums, row, write.reals)
        return context.get_dummy_value()

    return signature, generate


@compiled()
def shared_columns(frames: np.ndarray, starts: np.ndarray) -> int:
    """How many leading columns are the same in all frames of a clip, whichever the clip."""
    shared = frames.shape[1]
    for k in range(len(starts) - 1):
        model = frames[starts[k]]
        for i in range(starts[k] + 1, starts[k + 1]):
            frame, alike = frames[i], True
            for x in range(shared):
                alike &= frame[x] == model[x]
            if not alike:
                shared = 0
                while frame[shared] == model[shared]:
                    shared += 1
    return shared


@compiled(fastmath={"reassoc", "contract", "nsz"})
def unit(frames: np.ndarray, first: int, shortest: float, result: np.ndarray, scale: np.ndarray) -> None:
    """Columns from `first` on of frames brought to length one, and what they were multiplied with.

    A frame no longer than `shortest` has no direction; its scale is 0.
    """
    for i in range(frames.shape[0]):
        total = frames.dtype.type(0)
        for x in range(frames.shape[1]):
            total += frames[i, x] * frames[i, x]
        length = np.sqrt(total)
        scale[i] = 1 / length if length > shortest else 0
        for x in range(first, frames.shape[1]):
            result[i, x - first] = frames[i, x] * scale[i]


@compiled()
def lay_out(frames: np.ndarray, tiles: np.ndarray) -> None:
    """Unit frames into tiles, zeros into the lanes beyond the last frame."""
    n_lanes = tiles.shape[2]
    for t in range(tiles.shape[0]):
        first = t * n_lanes
        count = min(n_lanes, len(frames) - first)
        for x in range(frames.shape[1]):
            row, column = tiles[t, x], frames[first : first + count, x]
            for lane in range(count):
                row[lane] = column[lane]
            row[count:] = 0


@compiled()
def keep_best(
    queries: tuple[np.ndarray, ...],
    keys: tuple[np.ndarray, ...],
    common: np.ndarray,
    starts: np.ndarray,
    together: int,
    peak: np.ndarray,
    where: np.ndarray,
) -> None:
    """Running maximum of (1 + C) / 2 * S over the frames of key clips, and its position.

    Columns that all frames of a clip share are multiplied once a pair of clips: their products stand in `common`,
    and tiles and key frames hold the others.

    Parameters
    ----------
    queries : tuple
        Tiles, and for every lane of all tiles its clip, its frame's scale (:func:`unit`) and the factors ea and na.
    keys : tuple
        Unit frames (N_k, d), their scale, and half of the factors eb and nb.
    common : ndarray of shape (n_clips, n_q)
        Products of what the frames of a key clip share with what the frames of a query clip do.
    starts : ndarray of shape (n_clips + 1,)
        Of the key clips.
    together : int
        Key frames that :class:`Registers` takes at a time.
    peak, where : ndarray of shape (n_clips, n_tiles * lanes)
        Best so far.
    """
    tiles, clip, scale, ea, na = queries
    frames, key_scale, eb, nb = keys
    n_lanes = tiles.shape[2]
    base = np.zeros(n_lanes, tiles.dtype)
    for t in range(tiles.shape[0]):
        own = slice(t * n_lanes, (t + 1) * n_lanes)
        tile, rise, fall = tiles[t], ea[own], na[own]
        for k in range(len(starts) - 1):
            high, position = peak[k, own], where[k, own]
            for lane in range(n_lanes):
                base[lane] = common[k, clip[own.start + lane]] * scale[own.start + lane]
            for j in range(starts[k], starts[k + 1], together):
                count = min(together, starts[k + 1] - j)
                _meet(tile, base, rise, fall, frames, key_scale, eb, nb, j, count, high, position)


@compiled()
def keep_best_of_pairs(
    queries: tuple[np.ndarray, ...],
    starts_q: np.ndarray,
    keys: tuple[np.ndarray, ...],
    starts_k: np.ndarray,
    pairs: np.ndarray,
    together: int,
    tile: np.ndarray,
    peak: np.ndarray,
    where: np.ndarray,
) -> None:
    """As :func:`keep_best` for listed pairs of clips.

    ``queries`` and ``keys`` unit frames, their scale and factors, ``pairs`` (m, 2) query and key clip, ``tile``
    (d, lanes) to work in, ``peak`` and ``where`` (M,) the query frames of each pair's clip in turn.
    """
    frames, _, ea, na = queries
    key_frames, scale, eb, nb = keys
    n_lanes = tile.shape[1]
    rise, fall, high = np.zeros(n_lanes, frames.dtype), np.zeros(n_lanes, frames.dtype), np.zeros(n_lanes, frames.dtype)
    base, position = np.zeros(n_lanes, frames.dtype), np.zeros(n_lanes, np.int32)
    done = 0
    for p in range(len(pairs)):
        q, k = pairs[p]
        for first in range(starts_q[q], starts_q[q + 1], n_lanes):
            count = min(n_lanes, starts_q[q + 1] - first)
            # Loops, because numba takes seconds to compile an assignment of slices.
            for x in range(frames.shape[1]):
                for lane in range(count):
                    tile[x, lane] = frames[first + lane, x]
            for lane in range(n_lanes):
                high[lane], position[lane] = -np.inf, starts_k[k]
            for lane in range(count):
                rise[lane], fall[lane] = ea[first + lane], na[first + lane]
            for j in range(starts_k[k], starts_k[k + 1], together):
                number = min(together, starts_k[k + 1] - j)
                _meet(tile, base, rise, fall, key_frames, scale, eb, nb, j, number, high, position)
            for lane in range(count):
                peak[done + lane], where[done + lane] = high[lane], position[lane]
            done += count


@compiled()
def add_to_winners(
    frames: np.ndarray, best: np.ndarray, weight: np.ndarray, first: int, past: int, width: int, gradient: np.ndarray
) -> None:
    """Add each query frame, times its weight for a key clip, to the row that answers it there.

    Key clips `first` to `past` only. ``frames`` (N_q, d), ``best`` and ``weight`` (N_q, n_k), ``gradient`` (N_k, d);
    `width` is the number of :func:`lanes`; columns that fill no tile are left out.
    """
    for i in range(len(frames)):
        winners, scales = best[i, first:past], weight[i, first:past]
        for column in range(0, frames.shape[1] - width + 1, width):
            _add_scaled(frames[i], column, gradient, winners, scales)
