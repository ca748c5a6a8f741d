"""Whatever happened to a file: it is read as what it was or refused by a documented error, and nothing else happens.

A few hundred changed files are read in the suite; ``nox -s fuzz`` sets SERE_FUZZ, the number for each kind of file.
"""

import io
import json
import os
import sys
import warnings
import zipfile
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import edited, edits, watched
from numpy.lib import format as npy

import sere
from sere.baselines import LinearBaseline
from sere.datasets.tables import read_table
from sere.encoders import EmotionEncoder, _speech_weights
from sere.encoders._arrays import LARGEST, read_arrays, write_arrays
from sere.encoders.emotion import SHIPPED
from sere.evaluation.journal import Journal
from sere.persistence.folder import CARD, CONFIG, MODEL
from sere.persistence.models import _checksum
from sere.report import write_report
from sere.store import FrameStore, content_key, database
from sere.store.frames import _decode, _encode

EXAMPLES = int(os.environ.get("SERE_FUZZ", "40"))
MEGABYTE = 1 << 20
# A file that hangs its reader fails the deadline of an example, which leaves room for a busy computer.
fuzz = settings(
    max_examples=EXAMPLES,
    report_multiple_bugs=False,
    deadline=timedelta(seconds=60),
    derandomize=EXAMPLES <= 100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def refusing(read, path, most_bytes, *documented):
    """Return what a file is read as, None where it is refused by a documented error; nothing else may happen."""
    found, said = None, "no error"
    with warnings.catch_warnings(), watched(str(path.parent), most_bytes):
        warnings.simplefilter("ignore")
        try:
            found = read(path)
        except documented as error:
            said = str(error)
    assert said.strip(), "an error without a word"
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, 5))
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    fitted = LinearBaseline().fit(X, ["anger", "sadness"] * 4)
    sere.save(fitted, path)
    return path.read_bytes(), X, sere.load(path).decision_function(X)


@fuzz
@given(changes=edits)
def test_a_changed_model_says_the_same_or_is_refused(model, tmp_path, changes):
    whole, X, said = model
    path = tmp_path / "model.safetensors"
    path.write_bytes(edited(whole, changes))
    again = refusing(sere.load, path, 4 * MEGABYTE, ValueError)
    if again is not None:
        np.testing.assert_array_equal(again.decision_function(X), said)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved SEREClassifier: the bytes of each file of its folder, what it was fitted on, what it says of that."""
    X = np.random.default_rng(0).normal(size=(8, 5))
    fitted = sere.SEREClassifier(epochs=1, random_state=0).fit(X, ["anger", "sadness"] * 4, None, (X + 1,))
    place = tmp_path_factory.mktemp("folder") / "model"
    sere.save(fitted, place)
    said = sere.load(place).decision_function(X)
    return SimpleNamespace(
        files={file.name: file.read_bytes() for file in place.iterdir()}, X=X, said=said, model=fitted
    )


def written(place, files):
    place.mkdir(exist_ok=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


@fuzz
@given(changes=edits, name=st.sampled_from([CARD, CONFIG, MODEL]))
def test_a_changed_folder_of_a_model_says_the_same_or_is_refused(folder, tmp_path, changes, name):
    changed = {**folder.files, name: edited(folder.files[name], changes)}
    again = refusing(sere.load, written(tmp_path / "model", changed), 4 * MEGABYTE, ValueError)
    assert again is not None or name == MODEL, "only the model is ever read"
    if again is not None:
        np.testing.assert_array_equal(again.decision_function(folder.X), folder.said)


@fuzz
@given(changes=edits)
def test_a_model_whose_header_was_changed_is_read_or_refused(folder, tmp_path, changes):
    whole = folder.files[MODEL]
    end = 8 + int.from_bytes(whole[:8], "little")
    header = edited(whole[8:end], changes)
    files = {MODEL: len(header).to_bytes(8, "little") + header + whole[end:]}
    again = refusing(sere.load, written(tmp_path / "model", files), 4 * MEGABYTE, ValueError)
    if again is not None:
        np.testing.assert_array_equal(again.decision_function(folder.X), folder.said)


@fuzz
@given(changes=edits)
def test_a_model_whose_tree_was_changed_and_sealed_again_is_made_or_refused(folder, tmp_path, changes):
    whole = folder.files[MODEL]
    content = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])["__metadata__"]
    arrays = safetensors.numpy.load(whole)
    content["model"] = edited(content["model"].encode(), changes).decode(errors="replace").replace("\0", "0")
    content["checksum"] = _checksum({name: text for name, text in content.items() if name != "checksum"}, arrays)
    files = {MODEL: safetensors.numpy.save(arrays, content)}
    again = refusing(sere.load, written(tmp_path / "model", files), 8 * MEGABYTE, ValueError)
    assert again is None or type(again).__module__.startswith(("sere.", "sklearn."))


@fuzz
@given(changes=edits, name=st.sampled_from([CARD, CONFIG, MODEL]))
@pytest.mark.filterwarnings("ignore:.*is not as sere.save wrote it:sere.SereWarning")
def test_a_changed_folder_is_written_anew_or_left_alone(folder, tmp_path, changes, name):
    changed = {**folder.files, name: edited(folder.files[name], changes)}
    place = written(tmp_path / "model", changed)
    try:
        sere.save(folder.model, place)
    except FileExistsError:
        assert name != CARD
        assert {file.name: file.read_bytes() for file in place.iterdir()} == changed
    else:
        kept = {CARD} if name == CARD else set()
        held = {file.name: file.read_bytes() for file in place.iterdir()}
        assert {own for own in held if held[own] != folder.files[own]} <= kept


@pytest.fixture(scope="module")
def encoder():
    """The bytes of an encoder's file, its arrays, and what tells the encoder from others."""
    file = SHIPPED["acoustic-emotion"]
    arrays, loaded = read_arrays(file), EmotionEncoder.load("acoustic-emotion")
    return SimpleNamespace(content=file.read_bytes(), arrays=arrays, identity=loaded.identity)


@fuzz
@given(changes=edits)
def test_a_changed_encoder_knows_the_same_or_is_refused(encoder, tmp_path, changes):
    path = tmp_path / "encoder.npz"
    path.write_bytes(edited(encoder.content, changes))
    again = refusing(EmotionEncoder.load, path, 3 * LARGEST, ValueError)
    assert again is None or again.identity == encoder.identity


@fuzz
@given(changes=edits)
def test_an_encoder_whose_words_were_changed_and_sealed_again_is_read_or_refused(encoder, tmp_path, changes):
    about = edited(str(encoder.arrays["about"]).encode(), changes).decode(errors="replace").replace("\0", "0")
    path = tmp_path / "encoder.npz"
    write_arrays(path, {**encoder.arrays, "about": np.array(about)})
    refusing(EmotionEncoder.load, path, 3 * LARGEST, ValueError)


@fuzz
@given(changes=edits, which=st.integers(0, 20))
def test_arrays_whose_headers_were_changed_are_as_large_as_their_bytes(encoder, tmp_path, changes, which):
    names = sorted(encoder.arrays)
    path = tmp_path / "encoder.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            member, array = io.BytesIO(), encoder.arrays[name]
            npy.write_array(member, array[..., :3] if array.ndim else array)
            content = member.getvalue()
            archive.writestr(f"{name}.npy", edited(content, changes) if number == which % len(names) else content)
    refusing(EmotionEncoder.load, path, 16 * MEGABYTE, ValueError)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The bytes of a small file of weights of the speech encoder, and what is read from it."""
    rng, width, n_mels = np.random.default_rng(0), 4, 3
    shapes = {"mel_filters": (n_mels, 201), "conv1.weight": (width, n_mels, 3), "conv2.weight": (width, width, 3)}
    tensors = {}
    for name in _speech_weights.names_of(1):
        square = ".weight" in name and ("proj" in name or ".fc" in name)
        tensors[name] = rng.normal(size=shapes.get(name, (width, width) if square else (width,)))
    path = tmp_path_factory.mktemp("weights") / "speech.safetensors"
    _speech_weights.write(path, tensors, 1, 2, "none", exact=False)
    return path.read_bytes(), _speech_weights.read(path)


@fuzz
@given(changes=edits)
def test_changed_weights_are_read_or_refused(weights, tmp_path, changes):
    path = tmp_path / "speech.safetensors"
    path.write_bytes(edited(weights[0], changes))
    found = refusing(_speech_weights.read, path, 4 * MEGABYTE, ValueError)
    assert found is None or all(np.isfinite(tensor).all() for tensor in found.tensors.values())


KEYS = [content_key(b"%d" % number) for number in range(6)]
VALUES = [{"frames": np.full((40, 5), number, "f4"), "context": np.arange(4.0) + number} for number in range(6)]


@fuzz
@given(changes=edits, number=st.integers(0, 5))
def test_a_changed_record_of_the_store_is_what_it_was_or_refused(tmp_path, changes, number):
    (tmp_path / "record").write_bytes(edited(_encode(VALUES[number], KEYS[number]), changes))
    found = refusing(lambda path: _decode(path.read_bytes(), KEYS[number]), tmp_path / "record", MEGABYTE, ValueError)
    assert found is None or all((found[name] == VALUES[number][name]).all() for name in VALUES[number])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    FrameStore(folder).put_many(zip(KEYS, VALUES, strict=True))
    return (folder / "frames.sqlite").read_bytes()


@fuzz
@given(changes=edits)
def test_a_changed_store_gives_what_it_was_given_or_nothing(store, tmp_path, changes):
    for file in tmp_path.iterdir():
        file.unlink()
    database._unreadable.clear()
    database._unwritable.clear()
    (tmp_path / "frames.sqlite").write_bytes(edited(store, changes))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The feature store in", RuntimeWarning)
        for found, value in zip(FrameStore(tmp_path).get_many(KEYS), VALUES, strict=True):
            assert found is None or all((found[name] == value[name]).all() for name in value)


RECORDS = [
    {"key": f"{number:024x}", "method": "sere", "uar": 0.5 + number / 7, "hits": [[number, 2]], "who": "ä"}
    for number in range(4)
]


@fuzz
@given(changes=edits)
def test_a_changed_journal_holds_nothing_that_was_not_written(tmp_path, changes):
    journal = Journal(tmp_path / "cells.jsonl")
    journal.path.unlink(missing_ok=True)
    for record in RECORDS:
        journal.append(record)
    journal.path.write_bytes(edited(journal.path.read_bytes(), changes))
    found = refusing(lambda path: Journal(path).read(), journal.path, MEGABYTE)
    whole = {record["key"]: record for record in RECORDS}
    assert all(whole.get(key) == record for key, record in found.items())
    journal.append(RECORDS[0])
    assert Journal(journal.path).read()[RECORDS[0]["key"]] == RECORDS[0]


ROW = {
    **{"shots": 5, "shift": "none", "protocol": "transductive", "speakers": "known", "method": "sere", "task": "all"},
    **{"tasks": 1, "draws": 2, "cells": 2, "chance": 0.5, "uar": 0.7, "sd": 0.1, "low": 0.6, "high": 0.8, "seconds": 1},
    **{"cpu_seconds": 1.0, "peak_mb": 300.0, "difference": 0.1, "difference_low": 0.0, "difference_high": 0.2},
}
RESULTS = {
    "settings": {"tasks": ["a-b"], "methods": ["sere"], "draws": 2, "shots": [5], "shifts": ["none"]},
    "environment": {"sere": "0", "python": "3", "machine": "x", "cores": 2},
    "baseline": None,
    "data": {"a": {"clips": 3, "speakers": None, "languages": ["de"], "emotions": {"anger": 3}}},
    "rows": [ROW, {**ROW, "task": "a-b"}],
    "left_out": [],
    "notes": ["a note"],
    "cells": [],
}


@fuzz
@given(changes=edits)
def test_changed_results_are_reported_or_refused(tmp_path, monkeypatch, changes):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    path = tmp_path / "results.json"
    path.write_bytes(edited(json.dumps(RESULTS).encode(), changes))
    with suppress(ValueError):
        write_report(path, tmp_path / "report.html")


LISTING = 'path,emotion,speaker,start,end\na.wav,anger,s1,0.5,1.5\nb.wav,Freude,s2,,\n"c,d.wav",sadness,s3,1,2\n'


@pytest.fixture(scope="module")
def listing(tmp_path_factory):
    """The bytes of a list that has been read before: reading the first one imports parts of pandas."""
    path = tmp_path_factory.mktemp("list") / "clips.csv"
    path.write_text(LISTING, encoding="utf-8")
    assert len(read_table(path, ["path", "emotion", "start"]).clips) == 3
    return path.read_bytes()


@fuzz
@given(changes=edits)
def test_a_changed_list_is_read_or_refused(listing, tmp_path, changes):
    path = tmp_path / "clips.csv"
    path.write_bytes(edited(listing, changes))
    refusing(lambda path: read_table(path, ["path", "emotion", "start"]), path, 4 * MEGABYTE, ValueError)
