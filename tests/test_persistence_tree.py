"""Values as a JSON tree and a table of arrays, and back."""

import json
import math
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sere.persistence.tree import DEEPEST, DTYPES, Packer, Unpacker


def there_and_back(value):
    packer = Packer()
    tree = json.loads(json.dumps(packer.pack(value), allow_nan=False))
    arrays = {name: array.copy() for name, array in packer.arrays.items()}
    again = Unpacker(arrays).unpack(tree)
    assert arrays == {}
    return again


def same(a, b):
    """Whether two values are of the same kinds and bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        if a.dtype == object:
            return all(map(same, a.ravel().tolist(), b.ravel().tolist()))
        orders = [(x.flags.c_contiguous, x.flags.f_contiguous) for x in (a, b)]
        return a.tobytes() == b.tobytes() and (orders[0] == orders[1] or orders[0] == (False, False))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, (float, np.floating)):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    return bool(a == b)


numbers = hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
texts = hnp.arrays(st.sampled_from(["<U1", "<U7"]), hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.builds(np.str_, st.text())
    | st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, ()).map(lambda one: one[()]))
    | numbers | texts | numbers.map(np.transpose)
)  # fmt: skip
keys = st.text() | st.integers() | st.tuples(st.text(), st.integers()) | st.none()
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
        | st.sets(st.integers() | st.text(), max_size=3)
        | st.frozensets(st.integers() | st.text(), max_size=3)
    ),
    max_leaves=8,
)


@given(value=trees)
@example(np.str_("a\0"))
def test_values_come_back_as_they_were(value):
    assert same(there_and_back(value), value)


def test_arrays_of_anything_come_back():
    value = np.empty((2, 2), object)
    value[:] = [[None, "a"], [[1, 2], np.arange(3)]]
    assert same(there_and_back(value), value)
    assert same(there_and_back(np.array(["anger", "joy"])[:1]), np.array(["anger", "joy"])[:1])


def test_foreign_byte_order_becomes_the_machines():
    swapped = np.arange(4, dtype=np.dtype("int32").newbyteorder())
    assert same(there_and_back(swapped), np.arange(4, dtype="int32"))


def test_a_random_state_goes_on_where_it_was():
    random = np.random.RandomState(3)
    random.normal(size=5)
    again = there_and_back(random)
    np.testing.assert_array_equal(again.normal(size=9), random.normal(size=9))


@pytest.mark.parametrize(("place", "n"), [(-1, 624), (625, 624), (700, 800)])
def test_a_random_state_stands_among_its_numbers(place, n):
    state = {"is": "tuple", "items": ["MT19937", [1] * n, place, 0, 0.0]}
    with pytest.raises(ValueError, match=f"stands at {place} of {n}"):
        Unpacker({}).unpack({"is": "random_state", "state": state})


def test_a_path_is_a_path():
    assert there_and_back({"a": Path("b") / "c"}) == {"a": Path("b") / "c"}


def test_sets_are_written_alike_in_every_process():
    words = ["joy", "anger", "fear"]
    assert Packer().pack(set(words)) == Packer().pack(set(words[::-1]))
    assert [json.dumps(item) for item in Packer().pack(set(words))["items"]] == ['"anger"', '"fear"', '"joy"']


def test_two_places_of_one_name_keep_both_arrays():
    value = {"a/b": np.zeros(1), "a": {"b": np.ones(1)}}
    assert same(there_and_back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, print]},
        {"a": [1, np.zeros(2, complex)]},
        {"a": [1, np.longdouble(1)]},
        {"a": [1, OrderedDict()]},
        {"a": [1, np.ma.zeros(2)]},
        {"a": [1, object()]},
    ],
)
def test_what_a_file_cannot_hold_is_named_by_its_place(value):
    with pytest.raises(TypeError, match=r"^a/1 is .*cannot hold"):
        Packer().pack(value)


def test_what_holds_itself_is_refused():
    value = []
    value.append(value)
    with pytest.raises(TypeError, match="holds itself"):
        Packer().pack(value)


def test_what_is_as_deep_as_may_be_written_can_be_read():
    value = np.float32(1)
    for _ in range(DEEPEST):
        value = [value]
    assert same(there_and_back(value), value)
