"""Products of many matrices against torch's."""

import pytest
import torch

from sere.loops.products import products


@pytest.mark.parametrize("shape", [(1, 1, 1, 64), (3, 5, 7, 64), (2, 4, 3, 200), (5, 9, 2, 16), (1, 130, 33, 129)])
def test_products_are_those_of_torch(shape):
    n, rows, d, columns = shape
    x, weight, start = torch.randn(n, rows, d), torch.randn(n, d, columns), torch.randn(n, rows, columns)
    expected = torch.bmm(x.double(), weight.double())
    torch.testing.assert_close(products(x, weight).double(), expected, rtol=1e-5, atol=1e-5)
    out = start.clone()
    assert products(x, weight, out) is out
    torch.testing.assert_close(out.double(), expected + start, rtol=1e-5, atol=1e-5)


def test_matrices_need_not_lie_together():
    x, weight = torch.randn(4, 6, 3).transpose(0, 1), torch.randn(6, 3, 400)[:, :, 100:300]
    torch.testing.assert_close(products(x, weight), torch.bmm(x, weight), rtol=1e-5, atol=1e-5)


def test_other_devices_are_left_to_torch():
    x, weight = torch.empty(3, 5, 7, device="meta"), torch.empty(3, 7, 200, device="meta")
    assert products(x, weight).shape == (3, 5, 200)
    assert products(x, weight, torch.empty(3, 5, 200, device="meta")).device.type == "meta"
