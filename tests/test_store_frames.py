"""The frame store: what goes in comes out, whatever happens to processes and disk around it."""

import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sere.store import FrameStore, content_key, default_folder, seals
from sere.store.frames import _decode, _encode
from sere.store.seals import content_digest, look_at, stamp_of

needs_posix = pytest.mark.skipif(os.name != "posix", reason="signals and forks are POSIX")
NUMERIC = hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.floating_dtypes() | hnp.complex_number_dtypes()


def key(number: int) -> bytes:
    return content_key(b"%d" % number)


def clip(number: int, n_frames: int = 50) -> dict[str, np.ndarray]:
    return {"frames": np.full((n_frames, 4), number, "f4"), "context": np.arange(3.0) + number}


def assert_clip(found, number: int) -> None:
    assert found is not None
    expected = clip(number, len(found["frames"]))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


def run_python(code: str, *args: object, wait: bool = True) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if wait:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    return process


def finite(array: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(array), array, array.dtype.type(1))


@given(
    st.dictionaries(
        st.text(max_size=8),
        NUMERIC.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, min_side=0))).map(finite),
        max_size=4,
    )
)
@settings(deadline=None)
def test_a_record_reads_back_as_it_was_written(arrays):
    found = _decode(_encode(arrays, key(0)), key(0))
    assert list(found) == list(arrays)
    for name, value in arrays.items():
        assert found[name].dtype == value.dtype
        assert found[name].shape == value.shape
        assert found[name].tobytes() == value.tobytes()
        assert found[name].flags.writeable


@given(st.integers(0, 200), st.integers(1, 255))
@settings(deadline=None)
def test_a_record_with_one_wrong_byte_is_rejected(position, change):
    record = bytearray(_encode({"f": np.arange(20.0)}, key(0)))
    record[position % len(record)] ^= change
    with pytest.raises(ValueError, match="checksum"):
        _decode(bytes(record), key(0))


def test_a_record_under_another_key_is_rejected():
    with pytest.raises(ValueError, match="checksum"):
        _decode(_encode({"f": np.arange(20.0)}, key(0)), key(1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_neither_kept_nor_read_back(tmp_path, monkeypatch, value):
    store, broken = FrameStore(tmp_path), {"frames": np.array([1.0, value], "f4")}
    with pytest.raises(ValueError, match="'frames' has NaN or infinite"):
        store.put_many([(key(0), broken)])
    with monkeypatch.context() as patched:
        patched.setattr("sere.store.frames.np.isfinite", lambda array: np.array(True))
        store.put_many([(key(0), broken)])
    assert store.get_many([key(0)]) == [None]
    assert store.info().entries == 0


def test_objects_and_strings_are_refused(tmp_path):
    for value in (np.array([{}], dtype=object), np.array(["a"])):
        with pytest.raises(TypeError, match="numeric"):
            FrameStore(tmp_path).put_many([(key(0), {"bad": value})])


def test_found_and_missing_keys_keep_their_order(tmp_path):
    store = FrameStore(tmp_path)
    store.put_many([(key(i), clip(i)) for i in (0, 2)])
    found = FrameStore(tmp_path).get_many([key(2), key(1), key(0)])
    assert_clip(found[0], 2)
    assert found[1] is None
    assert_clip(found[2], 0)


def test_a_key_that_is_there_is_left_as_it_is(tmp_path):
    store = FrameStore(tmp_path)
    store.put_many([(key(0), clip(0))])
    before = store.info()
    store.put_many([(key(0), clip(9))])
    assert_clip(store.get_many([key(0)])[0], 0)
    assert store.info() == before


def test_keys_tell_contents_and_parameters_apart():
    ones = np.ones(4, "f4")
    keys = [
        content_key(b"a"),
        content_key(b"b"),
        content_key(b"a", 1),
        content_key(b"a", 1.0),
        content_key(b"a", True),
        content_key(b"a", "1"),
        content_key(b"a", None),
        content_key(b"a", [1, 2]),
        content_key(b"a", 1, 2),
        content_key(b"a", {"x": 1}),
        content_key(ones),
        content_key(ones.reshape(2, 2)),
        content_key(ones.view("i4")),
        content_key(ones.tobytes()),
    ]
    assert len(set(keys)) == len(keys)
    assert content_key(ones[::2]) == content_key(np.ones(2, "f4"))
    assert content_key(b"a", {"x": 1, "y": 2}) == content_key(b"a", {"y": 2, "x": 1})
    assert content_key(b"a", np.int64(3)) == content_key(b"a", 3)
    with pytest.raises(TypeError, match="plain numbers"):
        content_key(b"a", object())


def test_the_oldest_entries_leave_at_the_cap(tmp_path):
    store = FrameStore(tmp_path, max_bytes=100_000)
    for i in range(100):
        store.put_many([(key(i), clip(i, n_frames=500))])
        assert store.info().n_bytes <= 100_000
    found = [arrays is not None for arrays in store.get_many([key(i) for i in range(100)])]
    kept = sum(found)
    assert 5 <= kept < 100
    assert found == [False] * (100 - kept) + [True] * kept
    assert store.info().entries == kept


def test_a_value_larger_than_the_cap_pushes_nothing_out(tmp_path):
    store = FrameStore(tmp_path, max_bytes=50_000)
    store.put_many([(key(0), clip(0)), (key(1), clip(1, n_frames=100_000))])
    found = store.get_many([key(0), key(1)])
    assert_clip(found[0], 0)
    assert found[1] is None


def test_long_use_at_the_cap_keeps_to_it_on_disk(tmp_path):
    rng = np.random.default_rng(0)
    store = FrameStore(tmp_path, max_bytes=3_000_000)
    for i in range(300):
        store.put_many([(key(i), clip(i, n_frames=int(rng.integers(1, 20_000))))])
    assert_clip(store.get_many([key(299)])[0], 299)
    assert store.info().n_bytes <= 3_000_000
    assert (tmp_path / "frames.sqlite").stat().st_size <= 3_500_000


def test_clear_gives_the_disk_back_and_the_store_goes_on(tmp_path):
    store = FrameStore(tmp_path)
    store.put_many([(key(0), clip(0, n_frames=50_000))])
    store.clear()
    assert list(tmp_path.iterdir()) == []
    assert store.get_many([key(0)]) == [None]
    store.put_many([(key(1), clip(1))])
    assert_clip(store.get_many([key(1)])[0], 1)


def test_a_store_that_another_process_cleared_begins_anew(tmp_path):
    store = FrameStore(tmp_path)
    store.put_many([(key(0), clip(0))])
    run_python("import sys; from sere.store import FrameStore; FrameStore(sys.argv[1]).clear()", tmp_path)
    assert store.get_many([key(0)]) == [None]
    store.put_many([(key(1), clip(1))])
    assert_clip(FrameStore(tmp_path / "." / "").get_many([key(1)])[0], 1)


def test_the_store_travels_to_worker_processes(tmp_path):
    store = pickle.loads(pickle.dumps(FrameStore(tmp_path, max_bytes=10_000_000)))
    assert store.max_bytes == 10_000_000
    joblib.Parallel(n_jobs=2)(joblib.delayed(store.put_many)([(key(i), clip(i))]) for i in range(20))
    for i, found in enumerate(store.get_many([key(i) for i in range(20)])):
        assert_clip(found, i)


def _write_in_child(store: FrameStore) -> None:
    assert_clip(store.get_many([key(0)])[0], 0)
    store.put_many([(key(1), clip(1))])


@needs_posix
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_and_its_parent_both_go_on(tmp_path):
    store = FrameStore(tmp_path)
    store.put_many([(key(0), clip(0))])
    child = multiprocessing.get_context("fork").Process(target=_write_in_child, args=(store,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    store.put_many([(key(2), clip(2))])
    for i, found in enumerate(store.get_many([key(0), key(1), key(2)])):
        assert_clip(found, i)


WRITER = """
import sys, numpy as np
from sere.store import FrameStore, content_key
store, start, stop = FrameStore(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for i in range(start, stop):
    arrays = {"frames": np.full((2000, 4), i, "f4"), "context": np.arange(3.0) + i}
    store.put_many([(content_key(b"%d" % i), arrays)])
    print(i, flush=True)
"""


@needs_posix
@pytest.mark.parametrize("moment", [1, 7, 20])
def test_a_writer_killed_in_the_middle_loses_nothing_it_had_finished(tmp_path, moment):
    writer = run_python(WRITER, tmp_path, 0, 100_000, wait=False)
    done = [int(writer.stdout.readline()) for _ in range(moment)]
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate(timeout=60)
    store = FrameStore(tmp_path)
    for i, found in zip(done, store.get_many([key(i) for i in done])):
        assert_clip(found, i)
    store.put_many([(key(-1), clip(-1))])
    assert_clip(store.get_many([key(-1)])[0], -1)
    total = sum(arrays is not None for arrays in store.get_many([key(i) for i in range(-1, 2000)]))
    assert store.info().entries == total


def test_two_writers_at_once_keep_everything(tmp_path):
    writers = [run_python(WRITER, tmp_path, a, a + 60, wait=False) for a in (0, 30)]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    store = FrameStore(tmp_path)
    for i, found in enumerate(store.get_many([key(i) for i in range(90)])):
        assert_clip(found, i)
    assert store.info().entries == 90


def damage_noise(database: Path) -> None:
    database.write_bytes(bytes(range(256)) * 400)


def damage_cut(database: Path) -> None:
    os.truncate(database, 20_000)


def damage_other_program(database: Path) -> None:
    database.unlink()
    other = sqlite3.connect(database)
    other.execute("CREATE TABLE songs (name TEXT)")
    other.close()


def damage_other_format(database: Path) -> None:
    other = sqlite3.connect(database)
    other.execute("PRAGMA user_version = 99")
    other.close()


@pytest.mark.parametrize("damage", [damage_noise, damage_cut, damage_other_program, damage_other_format])
def test_a_damaged_or_foreign_database_is_moved_aside(tmp_path, damage):
    store = FrameStore(tmp_path)
    store.put_many([(key(0), clip(0, 9999))])
    damage(tmp_path / "frames.sqlite")
    with pytest.warns(RuntimeWarning, match="moved to"):
        assert store.get_many([key(0)]) == [None]
    store.put_many([(key(1), clip(1))])
    assert_clip(store.get_many([key(1)])[0], 1)
    assert len([p for p in tmp_path.iterdir() if "damaged" in p.name]) == 1
    store.clear()
    assert list(tmp_path.iterdir()) == []


DAMAGES = """
import os, sys, warnings
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[2])
from sere.store import FrameStore, database as tables, seals
from test_store_frames import clip, key
seals._SETTLED_NS = 0
folder, database = Path(sys.argv[1]), Path(sys.argv[1]) / "frames.sqlite"
expected = {key(i): clip(i, n_frames=20 + 300 * (i % 3)) for i in range(20)}
FrameStore(folder).put_many(expected.items())
file = folder / "a.wav"
file.write_bytes(b"sound")
digest = FrameStore(folder).file_digests([file])[0]
whole, rng = database.read_bytes(), np.random.default_rng(0)
pages = len(whole) // 4096
lost = 0
for round in range(int(sys.argv[3])):
    harmed = bytearray(whole)
    kind = round % 6
    if kind == 0:
        for place in rng.integers(0, len(harmed), rng.integers(1, 40)):
            harmed[place] = rng.integers(0, 256)
    elif kind == 1:
        harmed = harmed[: rng.integers(0, len(harmed))]
    elif kind == 2:
        page = 4096 * int(rng.integers(0, pages))
        harmed[page : page + 4096] = bytes(4096)
    elif kind == 3:
        one, two = (4096 * int(p) for p in rng.integers(0, pages, 2))
        harmed[one : one + 4096], harmed[two : two + 4096] = harmed[two : two + 4096], harmed[one : one + 4096]
    elif kind == 4:
        for place in rng.integers(0, 4096 * 5, 8):
            harmed[place] ^= 1 << int(rng.integers(0, 8))
    else:
        (folder / "frames.sqlite-journal").write_bytes(rng.bytes(int(rng.integers(1, 20_000))))
    database.write_bytes(harmed)
    store = FrameStore(folder)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for found, right in zip(store.get_many(list(expected)), expected.values()):
            assert found is None or all((found[name] == right[name]).all() for name in right), round
            lost += found is None
        assert store.file_digests([file]) == [digest], round
        store.put_many([(key(30), clip(30))])
        (again,) = store.get_many([key(30)])
        store.info()
    assert again is not None or said, round
    assert len(said) <= 2, [str(w.message) for w in said]
    assert all("feature store" in str(w.message) for w in said), [str(w.message) for w in said]
    for name in folder.glob("frames*"):
        name.unlink()
    tables._unreadable.clear()
    tables._unwritable.clear()
assert lost
"""


def test_a_store_damaged_in_hundreds_of_ways_loses_only_itself(tmp_path):
    run_python(DAMAGES, tmp_path, Path(__file__).parent, 300)


def test_a_damaged_record_counts_as_missing_and_is_replaced(tmp_path, monkeypatch):
    store = FrameStore(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("sere.store.frames.zlib.crc32", lambda body, start=0: 0)
        store.put_many([(key(0), clip(0))])
    assert store.get_many([key(0)]) == [None]
    assert store.info().entries == 0
    store.put_many([(key(0), clip(0))])
    assert_clip(store.get_many([key(0)])[0], 0)


def test_a_folder_that_cannot_be_made_costs_one_warning(tmp_path, recwarn):
    (tmp_path / "file").write_text("in the way")
    store = FrameStore(tmp_path / "file" / "cache")
    for _ in range(3):
        store.put_many([(key(0), clip(0))])
        assert store.get_many([key(0)]) == [None]
    assert not store.info().usable
    assert len(recwarn) == 1
    assert "SERE_CACHE" in str(recwarn[0].message)


FULL_DISK = """
import resource, signal, sys, warnings, numpy as np
from sere.store import FrameStore, content_key
store = FrameStore(sys.argv[1])
store.put_many([(content_key(b"0"), {"f": np.zeros(10)})])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    for i in range(1, 5):
        store.put_many([(content_key(b"%d" % i), {"f": np.zeros(100_000)})])
assert len(seen) == 1 and "written to" in str(seen[0].message), seen
found = store.get_many([content_key(b"0"), content_key(b"1")])
assert found[0] is not None and found[1] is None, found
"""


FULL_FROM_THE_START = """
import resource, sys, warnings, numpy as np
from sere.store import FrameStore, content_key
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
store = FrameStore(sys.argv[1])
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    for i in range(3):
        store.put_many([(content_key(b"%d" % i), {"f": np.zeros(10)})])
        assert store.get_many([content_key(b"%d" % i)]) == [None]
    assert not store.info().usable
assert len(seen) == 1 and "features are computed anew" in str(seen[0].message), seen
"""


@needs_posix
def test_a_disk_without_a_free_byte_costs_one_warning(tmp_path):
    run_python(FULL_FROM_THE_START, tmp_path)


@needs_posix
def test_a_full_disk_costs_one_warning_and_reading_goes_on(tmp_path):
    run_python(FULL_DISK, tmp_path)


def test_a_file_is_read_again_only_when_it_changed(tmp_path, monkeypatch):
    store, file = FrameStore(tmp_path / "cache"), tmp_path / "a.wav"
    file.write_bytes(b"first")
    monkeypatch.setattr("sere.store.seals._SETTLED_NS", 0)
    time.sleep(0.01)
    (first,) = store.file_digests([file])
    reads = []
    original = seals._hash_file
    monkeypatch.setattr("sere.store.seals._hash_file", lambda name: reads.append(name) or original(name))
    assert store.file_digests([file, str(file)]) == [first, first]
    assert reads == []
    file.write_bytes(b"other")
    os.utime(file, ns=(1, 1))
    time.sleep(0.01)
    (second,) = store.file_digests([file])
    assert second != first
    copy = tmp_path / "copy.wav"
    copy.write_bytes(b"first")
    assert store.file_digests([copy]) == [first]


def test_a_file_touched_a_moment_ago_is_not_trusted(tmp_path):
    store, file = FrameStore(tmp_path / "cache"), tmp_path / "a.wav"
    file.write_bytes(b"first")
    (first,) = store.file_digests([file])
    status = file.stat()
    file.write_bytes(b"other")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.file_digests([file]) != [first]


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        FrameStore(tmp_path / "cache").file_digests([tmp_path / "none.wav"])


def test_files_that_cannot_be_read_leave_the_others_their_seals(tmp_path):
    good = tmp_path / "a.wav"
    good.write_bytes(b"sound")
    seals = FrameStore(tmp_path / "cache").seals([tmp_path / "none.wav", good, "a\0.wav", "\ud800.wav", tmp_path])
    assert seals[1].digest == content_digest(b"sound")
    assert [isinstance(seal, OSError) for seal in seals] == [True, False, True, True, True]


def test_a_file_that_changes_while_it_is_hashed_is_hashed_again(tmp_path, monkeypatch):
    file, hashings = tmp_path / "a.wav", []
    file.write_bytes(b"first")

    def hash_late(name):
        hashings.append(name)
        if len(hashings) <= changes:
            file.write_bytes(b"x" * len(hashings))
        return content_digest(file.read_bytes())

    monkeypatch.setattr("sere.store.seals._hash_file", hash_late)
    changes = 2
    (seal,) = FrameStore(tmp_path / "cache").seals([file])
    assert seal.digest == content_digest(b"xx")
    changes = 99
    (seal,) = FrameStore(tmp_path / "cache").seals([file])
    assert isinstance(seal, OSError)
    assert "changes while it is read" in str(seal)


@pytest.mark.parametrize("sealed", [lambda file: FrameStore(file.parent / "c").seals([file])[0], look_at])
def test_a_seal_holds_while_the_content_does_whatever_inode_another_machine_sees(tmp_path, sealed):
    file = tmp_path / "a.wav"
    file.write_bytes(b"first")
    os.utime(file, ns=(10**18, 10**18))
    seal = sealed(str(file) if sealed is look_at else file)
    (tmp_path / "b.wav").write_bytes(b"first")
    os.utime(tmp_path / "b.wav", ns=(10**18, 10**18))
    os.replace(tmp_path / "b.wav", file)
    assert stamp_of(file) != seal.stamp
    assert seal.holds(str(file), stamp_of(file))
    before = stamp_of(file)
    file.write_bytes(b"more than that")
    assert not seal.holds(str(file), before)
    assert not seal.holds(str(file), stamp_of(file))
    file.unlink()
    assert not seal.holds(str(file), stamp_of(file))


def test_a_damaged_note_is_not_believed(tmp_path, monkeypatch):
    store, file = FrameStore(tmp_path / "cache"), tmp_path / "a.wav"
    file.write_bytes(b"first")
    monkeypatch.setattr("sere.store.seals._SETTLED_NS", 0)
    time.sleep(0.02)
    (first,) = store.file_digests([file])
    database = sqlite3.connect(tmp_path / "cache" / "frames.sqlite")
    (note,) = database.execute("SELECT note FROM notes").fetchone()
    harmed = note[:40] + bytes([note[40] ^ 1]) + note[41:]
    database.execute("UPDATE notes SET note = ?", (harmed,))
    database.commit()
    database.close()
    assert store.file_digests([file]) == [first]


def test_a_writer_that_was_stopped_costs_one_warning(tmp_path, monkeypatch):
    monkeypatch.setattr("sere.store.database.PATIENCE", 0.05)
    store = FrameStore(tmp_path)
    store.put_many([(key(0), clip(0))])
    stopped = sqlite3.connect(tmp_path / "frames.sqlite", isolation_level=None)
    stopped.execute("BEGIN IMMEDIATE")
    with pytest.warns(RuntimeWarning, match=r"cannot be written to \(database is locked\)"):
        store.put_many([(key(1), clip(1))])
    assert_clip(store.get_many([key(0)])[0], 0)
    stopped.close()


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root writes everywhere")
def test_a_folder_that_can_only_be_read_is_read(tmp_path):
    FrameStore(tmp_path).put_many([(key(0), clip(0))])
    tmp_path.chmod(0o555)
    (tmp_path / "frames.sqlite").chmod(0o444)
    assert_clip(FrameStore(tmp_path).get_many([key(0)])[0], 0)
    tmp_path.chmod(0o755)


def test_off_means_no_store(monkeypatch, tmp_path):
    monkeypatch.setenv("SERE_CACHE", "off")
    store, file = FrameStore(), tmp_path / "a.wav"
    store.put_many([(key(0), clip(0))])
    store.clear()
    assert store.get_many([key(0)]) == [None]
    assert store.info().folder is None
    file.write_bytes(b"x")
    assert len(store.file_digests([file])) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_the_default_folder_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.setenv("SERE_CACHE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("SERE_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "sere"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == Path.home() / ".cache" / "sere"
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_folder() == Path.home() / "Library" / "Caches" / "sere"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert default_folder() == tmp_path / "sere" / "Cache"


def test_without_a_home_there_is_no_default_folder_and_a_word_about_it(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SERE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("sere.store.frames.Path.home", homeless)
    with pytest.warns(RuntimeWarning, match=r"no home folder.*SERE_CACHE"):
        assert default_folder() is None
    monkeypatch.setenv("SERE_CACHE", "~/features")
    monkeypatch.setattr("sere.store.frames.Path.expanduser", lambda path: homeless())
    with pytest.warns(RuntimeWarning, match="no home folder"):
        assert default_folder() is None


def test_the_cap_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SERE_CACHE_GB", "0.5")
    assert FrameStore(tmp_path).max_bytes == 500_000_000
    monkeypatch.setenv("SERE_CACHE_GB", "plenty")
    with pytest.raises(ValueError, match="SERE_CACHE_GB"):
        FrameStore(tmp_path)
    with pytest.raises(ValueError, match="positive"):
        FrameStore(tmp_path, max_bytes=0)
