"""How an enhanced representation's columns are shared out."""

import pytest

from sere import Embedding


@pytest.mark.parametrize(
    ("dim", "with_context", "expected"),
    [(48, True, (24, 24)), (7, True, (3, 4)), (2, True, (1, 1)), (48, False, (0, 48)), (7, False, (0, 7))],
)
def test_half_the_columns_are_the_clips_where_an_encoder_says_anything_of_it(dim, with_context, expected):
    assert Embedding(dim).widths(with_context) == expected
