"""The pass through registers: the maxima it keeps, in every register shape."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core.registry import cpu_target

from sere.kernels import fused
from sere.loops.registers import REGISTERS, Registers, lanes, registers_of


def best_by_loop(u, v, a, b, starts):
    """Best resonance of each query frame in each key clip, tau 1, and its position."""
    peak, where = np.empty((len(starts) - 1, len(u))), np.empty((len(starts) - 1, len(u)), dtype=int)
    for i in range(len(u)):
        for k, (start, stop) in enumerate(itertools.pairwise(starts)):
            R = [(1 + u[i] @ v[j]) / 2 * np.exp(-abs(a[i] - b[j])) for j in range(start, stop)]
            peak[k, i], where[k, i] = max(R), start + int(np.argmax(R))
    return peak, where


def best_in_registers(u, v, a, b, starts):
    n_lanes = lanes(u.dtype)
    n_tiles = -(-len(u) // n_lanes)
    tiles = np.full((n_tiles, u.shape[1], n_lanes), np.nan, dtype=u.dtype)
    fused.lay_out(u, tiles)
    ea, na = (np.pad(np.exp(sign * a), (0, n_tiles * n_lanes - len(a))) for sign in (1, -1))
    peak = np.full((len(starts) - 1, n_tiles * n_lanes), -np.inf, dtype=u.dtype)
    where = np.zeros(peak.shape, dtype=np.int32)
    clip, nothing = np.zeros(n_tiles * n_lanes, dtype=np.int64), np.zeros((len(starts) - 1, 1), dtype=u.dtype)
    keys = (v, np.ones(len(v), u.dtype), np.exp(b) / 2, np.exp(-b) / 2)
    fused.keep_best((tiles, clip, ea, ea, na), keys, nothing, starts, REGISTERS.keys, peak, where)
    return peak[:, : len(u)], where[:, : len(u)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n_queries", "lengths"), [(1, [1]), (64, [4, 8]), (65, [1, 2, 3, 4, 5, 6, 7]), (200, [9, 30])]
)
def test_the_best_of_each_clip_is_kept_with_its_position(dtype, n_queries, lengths):
    random = np.random.default_rng(0)
    u, v = (random.standard_normal((n, 7)).astype(dtype) for n in (n_queries, sum(lengths)))
    u, v = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (u, v))
    a, b = (random.random(len(x)).astype(dtype) for x in (u, v))
    starts = np.cumsum([0, *lengths])
    expected, position = best_by_loop(u, v, a, b, starts)
    peak, where = best_in_registers(u, v, a, b, starts)
    np.testing.assert_allclose(peak, expected, rtol=1e-5 if dtype == "float32" else 1e-12)
    np.testing.assert_array_equal(where, position)


def test_the_first_of_equal_frames_wins():
    v = np.tile(np.eye(3, dtype=np.float32)[:1], (9, 1))
    a, b = np.zeros(5, dtype=np.float32), np.zeros(9, dtype=np.float32)
    _, where = best_in_registers(np.ones((5, 3), dtype=np.float32), v, a, b, np.array([0, 2, 9]))
    assert where.tolist() == [[0] * 5, [2] * 5]


def test_shared_columns_are_the_leading_ones_that_are_alike_within_every_clip():
    frames = np.array([[1, 2, 3.0], [1, 2, 4], [5, 2, 4], [5, 6, 4], [7, 8, 9]])
    assert fused.shared_columns(frames, np.array([0, 2, 4, 5])) == 1
    assert fused.shared_columns(frames, np.array([0, 2, 3, 4, 5])) == 2
    assert fused.shared_columns(frames, np.arange(6)) == 3
    assert fused.shared_columns(frames, np.array([0, 5])) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_frame_is_added_to_its_winners_in_the_named_clips_only(dtype):
    random = np.random.default_rng(0)
    width = lanes(np.dtype(dtype))
    u, weight = random.standard_normal((5, 2 * width)).astype(dtype), random.standard_normal((5, 4)).astype(dtype)
    best = np.stack([random.integers(3 * k, 3 * k + 3, 5) for k in range(4)], axis=1)
    expected = np.zeros((12, 2 * width))
    for i in range(5):
        for k in (1, 2):
            expected[best[i, k]] += weight[i, k] * u[i]
    gradient = np.zeros_like(expected, dtype=dtype)
    fused.add_to_winners(u, best, weight, 1, 3, width, gradient)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


def test_wider_registers_are_used_where_there_are_any():
    assert registers_of("+sse2,+avx2,+avx512f").width == 64
    assert registers_of("+sse2,+avx2,-avx512f").width == 32
    assert registers_of("+sse2,-avx2").width == registers_of("").width == 16


@pytest.mark.parametrize(("features", "shape"), [("", Registers(16, 2, 4)), ("+avx,+avx2,+fma", Registers(32, 2, 6))])
def test_processors_with_narrower_registers_agree(features, shape):
    supported = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    if not set(features.split(",")) - {""} <= set(supported):
        pytest.skip(f"this processor has no {features}")
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_kernels_fused as here
from sere.loops.registers import REGISTERS
assert REGISTERS == {tuple(shape)}, REGISTERS
here.test_the_best_of_each_clip_is_kept_with_its_position("float32", 65, [1, 2, 3, 4, 5, 6, 7])
here.test_the_best_of_each_clip_is_kept_with_its_position("float64", 65, [1, 2, 3, 4, 5, 6, 7])
here.test_a_frame_is_added_to_its_winners_in_the_named_clips_only("float32")
"""
    env = os.environ | {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": features}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
