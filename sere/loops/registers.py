"""Vector registers, for inner loops that a compiler does not find by itself.

A matrix product is fast where the sums of a whole block of results stay in registers while rows of both sides stream
by. Compilers keep such sums in memory; :class:`Writer` spells them out in LLVM's vector types, which become
instructions of any processor. How large a block may be follows the widest registers that numba compiles for. A
library's products are as fast where it knows the processor; on some, MKL uses half the registers' width.

Used by :mod:`sere.kernels.fused` and :mod:`sere.loops.products`, in numba's intrinsics.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.core.registry import cpu_target


class Registers(NamedTuple):
    """How many sums a processor holds at once: one a query lane and key frame.

    Attributes
    ----------
    width : int
        Bytes of a vector register.
    vectors : int
        Registers of query frames that a key frame is multiplied with.
    keys : int
        Key frames taken together, each of which uses what was loaded of the query frames.
    """

    width: int
    vectors: int
    keys: int


def registers_of(features: str) -> Registers:
    """Return the shape that measured best for a processor of these LLVM features, such as ``"+avx2,-avx512f"``."""
    known = features.split(",")
    if "+avx512f" in known:  # 32 registers
        return Registers(64, 4, 4)
    if "+avx2" in known:  # 16 registers
        return Registers(32, 2, 6)
    return Registers(16, 2, 4)


REGISTERS = registers_of(cpu_target.target_context.codegen().magic_tuple()[2])


def lanes(dtype: np.dtype) -> int:
    """Query frames of a tile."""
    return REGISTERS.vectors * REGISTERS.width // dtype.itemsize


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """numba.njit that releases the GIL and is kept on disk where some folder can be written."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            made = numba.njit(nogil=True, error_model="numpy", cache=True, **options)(function)
        except RuntimeError:
            return cast("Callable[..., Any]", numba.njit(nogil=True, error_model="numpy", **options)(function))
        kept = made._cache
        kept.load_overload, kept.save_overload = _if_possible(kept.load_overload), _if_possible(kept.save_overload)
        return cast("Callable[..., Any]", made)

    return decorate


def _if_possible(step: Callable[..., Any]) -> Callable[..., Any]:
    """Reading or writing of compiled code that gives None where it fails: numba lets a full disk end the call."""

    def tried(*arguments: Any) -> Any:
        try:
            return step(*arguments)
        except Exception:  # a damaged file may raise anything, being a pickle
            return None

    return tried


class Writer:
    """Writes instructions on registers of one number type; positions are int32 in as many lanes."""

    def __init__(self, builder: ir.IRBuilder, real: ir.Type):
        self.builder = builder
        self.lanes = REGISTERS.width // (8 if isinstance(real, ir.DoubleType) else 4)
        self.reals = ir.VectorType(real, self.lanes)
        self.positions = ir.VectorType(ir.IntType(32), self.lanes)

    def place(self, array: ir.Value, part: int, kind: ir.Type) -> ir.Value:
        """Where the part-th register of an array lies."""
        start = self.builder.gep(array, [ir.IntType(64)(self.lanes * part)])
        return self.builder.bitcast(start, kind.as_pointer())

    def load(self, array: ir.Value, kind: ir.Type) -> list[ir.Value]:
        """All registers of a tile's array, which need not be aligned."""
        return [self.builder.load(self.place(array, n, kind), align=4) for n in range(REGISTERS.vectors)]

    def store(self, values: list[ir.Value], array: ir.Value, kind: ir.Type) -> None:
        """Write all registers back."""
        for n, value in enumerate(values):
            self.builder.store(value, self.place(array, n, kind), align=4)

    def spread(self, value: ir.Value) -> ir.Value:
        """One number in every lane."""
        kind = ir.VectorType(value.type, self.lanes)
        nothing = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(nothing, value, ir.IntType(32)(0))
        return self.builder.shuffle_vector(one, nothing, ir.Constant(self.positions, [0] * self.lanes))

    def multiply_add(self, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """``x y + z``, by one instruction where there is one."""
        return self.builder.fadd(self.builder.fmul(x, y, flags=("contract",)), z, flags=("contract",))

    def smaller(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """The minimum of each lane."""
        return self.builder.select(self.builder.fcmp_ordered("<", x, y), x, y)

    def products(
        self, tile: ir.Value, rows: list[ir.Value], d: ir.Value, starts: list[list[ir.Value]]
    ) -> list[list[ir.Value]]:
        """Products of each key row (d,) with a tile (d, lanes), added to `starts`: registers by key."""
        sums = [[cgutils.alloca_once(self.builder, self.reals) for _ in own] for own in starts]
        for own, each in ((x, y) for row, places in zip(starts, sums, strict=True) for x, y in zip(row, places)):
            self.builder.store(own, each)
        with cgutils.for_range(self.builder, d) as loop:
            column = self.builder.mul(loop.index, ir.IntType(64)(self.lanes * REGISTERS.vectors))
            frames = self.load(self.builder.gep(tile, [column]), self.reals)
            for row, own in zip(rows, sums, strict=True):
                value = self.spread(self.builder.load(self.builder.gep(row, [loop.index])))
                for frame, each in zip(frames, own, strict=True):
                    self.builder.store(self.multiply_add(frame, value, self.builder.load(each)), each)
        return [[self.builder.load(each) for each in row] for row in sums]
