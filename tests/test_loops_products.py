"""Products of many matrices against NumPy's."""

import numpy as np
import pytest

from sere.loops.products import products

RNG = np.random.default_rng(0)


def some(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1, 1, 64), (3, 5, 7, 64), (2, 4, 3, 200), (5, 9, 2, 16), (1, 130, 33, 129)])
def test_products_are_those_of_numpy(shape):
    n, rows, d, columns = shape
    x, weight, start = some(n, rows, d), some(n, d, columns), some(n, rows, columns)
    expected = x.astype(float) @ weight.astype(float)
    np.testing.assert_allclose(products(x, weight), expected, rtol=1e-5, atol=1e-5)
    out = start.copy()
    assert products(x, weight, out) is out
    np.testing.assert_allclose(out, expected + start, rtol=1e-5, atol=1e-5)


def test_matrices_need_not_lie_together():
    x, weight = some(4, 6, 3).transpose(1, 0, 2), some(6, 3, 400)[:, :, 100:300]
    np.testing.assert_allclose(products(x, weight), x @ weight, rtol=1e-5, atol=1e-5)


def test_narrow_products_are_added_too():
    x, weight, start = some(2, 5, 7), some(2, 7, 3), some(2, 5, 3)
    out = start.copy()
    assert products(x, weight, out) is out
    np.testing.assert_allclose(out, start + x @ weight, rtol=1e-5, atol=1e-5)


def test_a_row_is_the_same_whatever_rows_are_beside_it():
    x, weight = some(1, 13, 40), some(1, 40, 100)
    together = products(x, weight)
    for row in range(13):
        np.testing.assert_array_equal(products(x[:, row : row + 1], weight), together[:, row : row + 1])
