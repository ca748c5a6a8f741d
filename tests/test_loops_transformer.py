"""A transformer's loops against torch's operations, and rows against themselves among others."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sere.loops.threads import side_by_side
from sere.loops.transformer import BLOCK, Matrix, affine, attend, keys_and_values, normalise, share


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class TestAffine:
    @pytest.mark.parametrize(
        "shape", [(1, 1, 1), (7, 5, 16), (13, 300, 24), (BLOCK + 5, 64, 130), (2 * BLOCK, 513, 64)]
    )
    @pytest.mark.parametrize("then", ["", "gelu", "add"])
    def test_it_is_torchs(self, shape, then):
        rows, d, columns = shape
        x, matrix, bias, out = drawn(rows, d), drawn(d, columns, seed=1), drawn(columns, seed=2), drawn(rows, columns)
        expected = x.astype(float) @ matrix + bias
        if then == "gelu":
            expected = F.gelu(torch.from_numpy(expected)).numpy()
        elif then == "add":
            expected += out
        affine(x, Matrix.of(matrix, bias), 0, rows, out, then=then)
        np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-5 * np.sqrt(d))

    def test_only_the_rows_asked_for_are_written(self):
        x, out = drawn(20, 6), np.zeros((20, 32), np.float32)
        affine(x, Matrix.of(drawn(6, 32), drawn(32)), 3, 17, out)
        assert (out[3:17] != 0).all()
        assert not out[:3].any()
        assert not out[17:].any()

    def test_rows_that_overlap_are_a_convolutions(self):
        x, kernel, bias = drawn(41, 8), drawn(32, 8, 3, seed=1), drawn(32, seed=2)
        expected = F.conv1d(torch.from_numpy(x.T.copy()), torch.from_numpy(kernel), torch.from_numpy(bias), stride=2)
        out = np.empty((20, 32), np.float32)
        matrix = Matrix.of(kernel.transpose(2, 1, 0).reshape(24, 32), bias)
        affine(x, matrix, 0, 20, out, step=16)
        np.testing.assert_allclose(out, expected.T.numpy(), rtol=1e-5, atol=1e-5)

    def test_gelu_is_torchs_from_end_to_end(self):
        x = np.concatenate([np.linspace(-30, 30, 60_001), [0.0, -0.0, 1e-30, 3e38, -3e38]]).astype(np.float32)
        out = np.empty((len(x), 1), np.float32)
        affine(x[:, None], Matrix.of(np.ones((1, 1), np.float32), np.zeros(1, np.float32)), 0, len(x), out, then="gelu")
        expected = F.gelu(torch.from_numpy(x).double()).numpy()
        np.testing.assert_allclose(out[:, 0], expected, rtol=1e-6, atol=1e-6)


class TestAttention:
    @staticmethod
    def among(together, n_heads, ranges):
        count, width = len(together), together.shape[1] // 3
        heard = keys_and_values(n_heads, width, count)
        for first, last in ranges:
            share(together, first, last, *heard)
        out = np.empty((count, width), np.float32)
        for first, last in ranges:
            attend(together, first, last, *heard, out[first:last])
        return out

    @staticmethod
    def plain(together, n_heads):
        parts = torch.from_numpy(together).double().view(1, len(together), 3, n_heads, -1).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(*parts, scale=1.0)[0].transpose(0, 1).flatten(1).numpy()

    @pytest.mark.parametrize("count", [1, 6, 17, 256, 257, 700])
    @pytest.mark.parametrize(("n_heads", "size"), [(1, 8), (3, 16), (2, 64), (2, 65)])
    def test_it_is_torchs(self, count, n_heads, size):
        together = drawn(count, 3 * n_heads * size)
        found = self.among(together, n_heads, [(0, count)])
        np.testing.assert_allclose(found, self.plain(together, n_heads), atol=2e-5)

    @pytest.mark.parametrize("size", [1e-3, 30.0, -1e4])
    def test_scores_may_be_far_from_zero(self, size):
        together = drawn(300, 3 * 8)
        together[:, :8] = size
        together[:, 8:16] = np.abs(together[:, 8:16])
        found = self.among(together, 1, [(0, 300)])
        np.testing.assert_allclose(found, self.plain(together, 1), atol=1e-4 * max(1.0, abs(size) ** 0.5))


def test_layer_norm_is_torchs():
    x, weight, bias, out = drawn(9, 50) * 7 + 3, drawn(50, seed=1), drawn(50, seed=2), np.zeros((12, 50), np.float32)
    normalise(x, (weight, bias), 2, 8, out, 5)
    expected = F.layer_norm(*map(torch.from_numpy, (x,)), (50,), torch.from_numpy(weight), torch.from_numpy(bias))
    np.testing.assert_allclose(out[5:11], expected[2:8].numpy(), atol=1e-5)
    assert not out[:5].any()
    assert not out[11:].any()


@pytest.mark.parametrize("cut", [1, 5, 96, 100, 190])
def test_a_row_is_the_same_to_the_bit_whichever_rows_are_computed_beside_it(cut):
    ranges = [(0, cut), (cut, 200)]
    x, matrix, whole, parts = drawn(200, 90), Matrix.of(drawn(90, 35), drawn(35)), *np.empty((2, 200, 35), np.float32)
    for then in ("", "gelu"):
        affine(x, matrix, 0, 200, whole, then=then)
        for first, last in ranges:
            affine(x, matrix, first, last, parts, then=then)
        np.testing.assert_array_equal(parts, whole)
    np.testing.assert_array_equal(TestAttention.among(x, 3, ranges), TestAttention.among(x, 3, [(0, 200)]))


class TestSideBySide:
    @pytest.mark.parametrize("parts", [1, 2, 3])
    def test_parts_meet_where_they_wait(self, parts):
        seen = []

        def work(part, wait):
            seen.append(part)
            wait()
            assert len(seen) == parts

        side_by_side(parts, work)
        assert sorted(seen) == list(range(parts))

    @pytest.mark.parametrize("guilty", [0, 1])
    def test_an_error_ends_those_who_wait_and_is_the_one_that_is_raised(self, guilty):
        def work(part, wait):
            if part == guilty:
                raise ValueError(f"part {part}")
            wait()

        with pytest.raises(ValueError, match=f"part {guilty}"):
            side_by_side(2, work)
