"""Plain arrays in a zip file, read with a bound on their size and without pickles."""

import io
import zipfile

import numpy as np
import pytest

from sere.encoders import _arrays
from sere.encoders._arrays import LARGEST, MOST, read_arrays, write_arrays

ARRAYS = {
    "numbers": np.arange(6.0).reshape(2, 3).T,
    "text": np.array("some words"),
    "nothing": np.zeros((0, 4), np.uint64),
    "one": np.array(3, np.int8),
}


def test_objects_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(tmp_path / "a.npz", {"a": np.array([{}])})


def test_arrays_come_back_and_numpy_reads_them_too(tmp_path):
    write_arrays(tmp_path / "a.npz", ARRAYS)
    found = read_arrays(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as stored:
        for name, array in ARRAYS.items():
            for again in (found[name], stored[name]):
                assert (again.dtype, again.shape) == (array.dtype, array.shape)
                np.testing.assert_array_equal(again, array)


def test_what_would_unfold_beyond_the_bound_is_refused_before_it_is_unfolded(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "large.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(LARGEST // 2))
        archive.writestr("b.npy", bytes(LARGEST // 2 + 1))
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *args: pytest.fail("unfolded"))
    with pytest.raises(ValueError, match="unfolds to more than 64 MB"):
        read_arrays(tmp_path / "large.npz")


def test_many_small_arrays_are_refused_too(tmp_path):
    np.savez(tmp_path / "many.npz", **{f"a{i}": np.zeros(1) for i in range(MOST + 1)})
    with pytest.raises(ValueError, match="64 arrays"):
        read_arrays(tmp_path / "many.npz")


def header(shape, dtype="<f8"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize("content", [header((10**12,)), header((3,)) + bytes(16), header((1,), "|O") + b"\x80\x04N."])
def test_an_array_is_as_large_as_its_bytes_and_holds_no_objects(tmp_path, content):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(ValueError, match="whose size is not what it says, or that holds objects"):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_than_numpys_are_refused(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("a.npy", header((0,)))
    with pytest.raises(ValueError, match="compressed in another way"):
        read_arrays(tmp_path / "a.npz")


def test_the_checksum_stands_for_names_dtypes_shapes_and_values():
    first = _arrays.checksum({"a": np.zeros(4)})
    others = [{"b": np.zeros(4)}, {"a": np.zeros(4, "i8")}, {"a": np.zeros((2, 2))}, {"a": np.ones(4)}]
    assert len({first, *map(_arrays.checksum, others)}) == 5
