"""Models on disk: whole, without torch, and the same in another process."""

import io
import json
import os
import pickle
import re
import stat
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import safetensors.numpy
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import sere
from sere.cli import main
from sere.encoders import EmotionEncoder
from sere.encoders.pretrained import PretrainedEncoder
from sere.inputs.reading import SereWarning
from sere.persistence.classes import LISTED
from sere.persistence.models import FORMAT, _checksum, _releases
from sere.persistence.tree import Packer, Unpacker
from sere.store import FrameStore

LOAD = """
import sys
import numpy as np
import joblib, sere
read = joblib.load if sys.argv[1] == "joblib" else sere.load
model = read(sys.argv[2])
with open(sys.argv[3]) as listed:
    files = listed.read().split("\\n")
said = model.predict(files).astype(str)
np.savez(sys.argv[4], scores=model.decision_function(files), resonance=model.resonance(files), said=said)
"""


@pytest.mark.parametrize("way", ["joblib", "sere"])
def test_a_model_predicts_the_same_bits_in_another_process(model, files, tmp_path, way):
    path, listed, answers = tmp_path / "model", tmp_path / "files", tmp_path / "answers.npz"
    joblib.dump(model, path) if way == "joblib" else sere.save(model, path)
    listed.write_text("\n".join(files))
    done = subprocess.run([sys.executable, "-c", LOAD, way, path, listed, answers], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(answers) as found:
        np.testing.assert_array_equal(found["scores"], model.decision_function(files))
        np.testing.assert_array_equal(found["resonance"], model.resonance(files))
        np.testing.assert_array_equal(found["said"], model.predict(files).astype(str))


class Recording(pickle.Unpickler):
    """Notes the modules that a pickle imports."""

    def find_class(self, module, name):
        self.found.add(module.split(".")[0])
        return super().find_class(module, name)


def modules_of(pickled):
    reader = Recording(io.BytesIO(pickled))
    reader.found = set()
    reader.load()
    return reader.found


def test_a_fitted_model_holds_numpy_and_no_torch(model):
    names = modules_of(pickle.dumps(model))
    assert "sere" in names
    assert names <= {"sere", "numpy", "builtins", "pandas", "copyreg", "_codecs"}


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_every_pickle_protocol_works(model, files, protocol):
    again = pickle.loads(pickle.dumps(model, protocol=protocol))
    np.testing.assert_array_equal(again.decision_function(files), model.decision_function(files))


def test_a_loaded_model_can_be_trained_on(model, shots, target, tmp_path):
    sere.save(model, tmp_path / "model")
    again = sere.load(tmp_path / "model").set_params(warm_start=True)
    again.fit(shots, shots["emotion"], None, (target,))
    assert [r["epoch"] for r in again.history_] == list(range(6))


def test_a_model_is_the_same_bytes_whatever_process_writes_it(tmp_path):
    """safetensors has its texts in another order in each process."""
    sere.save(sere.SEREClassifier(epochs=3), tmp_path / "m.safetensors")
    content = (tmp_path / "m.safetensors").read_bytes()
    texts = list(parts_of(content)[0])
    assert texts == sorted(texts)
    assert int.from_bytes(content[:8], "little") % 8 == 0
    sere.save(sere.load(tmp_path / "m.safetensors"), tmp_path / "n.safetensors")
    assert (tmp_path / "n.safetensors").read_bytes() == content


def test_transformers_and_pipelines_are_saved_too(source, tmp_path):
    for step in (sere.DynamicFeatureTransformer(), sere.HeterogeneousEncoder()):
        expected = np.asarray(step.fit_transform(source[:3]))
        sere.save(step, tmp_path / "step")
        np.testing.assert_array_equal(np.asarray(sere.load(tmp_path / "step").transform(source[:3])), expected)
    pipe = sere.make_sere_pipeline(classifier=sere.SEREClassifier(epochs=0)).fit(source, source["emotion"])
    sere.save(pipe, tmp_path / "pipe")
    np.testing.assert_array_equal(sere.load(tmp_path / "pipe").predict(source), pipe.predict(source))
    theirs = make_pipeline(sere.HeterogeneousEncoder(), StandardScaler(), SVC()).fit(source, source["emotion"])
    sere.save(theirs, tmp_path / "pipe")
    again = sere.load(tmp_path / "pipe")
    np.testing.assert_array_equal(again.decision_function(source), theirs.decision_function(source))


def test_saving_into_a_missing_folder_is_an_error(model, tmp_path):
    with pytest.raises(FileNotFoundError, match="the folder does not exist"):
        sere.save(model, tmp_path / "nowhere" / "model")


def test_an_interrupted_save_leaves_what_was_there(model, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    sere.save(model, path)
    before = path.read_bytes()

    def interrupted(draft, content):
        draft.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sere.save(model, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_a_model_that_cannot_be_saved_is_named_and_leaves_no_half_file(tmp_path):
    stuck = sere.SEREClassifier(callbacks=[lambda record: None])
    with pytest.raises(TypeError, match=r"callbacks/0 is a function.*set_params\(callbacks=\(\)\)"):
        sere.save(stuck, tmp_path / "model")
    with pytest.raises(TypeError, match=r"steps/1/1/estimator is a sklearn\.tree.*skops"):
        sere.save(forest_pipeline(), tmp_path / "model")
    assert os.listdir(tmp_path) == []


def forest_pipeline():
    X, y = np.arange(12.0).reshape(6, 2), [0, 1] * 3
    return make_pipeline(StandardScaler(), OneVsRestClassifier(DecisionTreeClassifier())).fit(X, y)


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_saved_model_may_be_read_by_whom_other_files_may(model, tmp_path):
    (tmp_path / "plain").write_text("x")
    sere.save(model, tmp_path / "model.safetensors")
    plain, ours = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "model.safetensors"))
    assert ours == plain


def test_a_missing_model_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model at .*sere\.save\(model, path\) writes one"):
        sere.load(tmp_path / "model")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x02\0\0\0\0\0\0\0{}", b"\xff" * 8 + b"{" * 99])
def test_a_file_that_is_no_model_is_an_error(tmp_path, content):
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ValueError, match=r"model' is not a model that sere\.save wrote"):
        sere.load(tmp_path / "model")


def test_a_model_of_another_library_is_an_error(tmp_path):
    safetensors.numpy.save_file({"weights": np.zeros(3)}, tmp_path / "model")
    with pytest.raises(ValueError, match="read it with the library that wrote it"):
        sere.load(tmp_path / "model")


def test_an_encoders_file_in_a_models_place_is_named(tmp_path):
    EmotionEncoder.load().save(tmp_path / "mine.npz")
    with pytest.raises(ValueError, match=r"encoder's file.*EmotionEncoder\.load"):
        sere.load(tmp_path / "mine.npz")


class Touch:
    """What a hostile pickle would do, harmlessly: it makes a file when it is read."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


PICKLES = {
    **{f"pickle {protocol}": (lambda p: lambda value: pickle.dumps(value, p))(protocol) for protocol in (2, 3, 4, 5)},
    **{f"joblib {way}": (lambda w: lambda value: dumped(value, w))(way) for way in (0, 3, "gzip", "bz2", "xz", "lzma")},
}


def dumped(value, compress):
    stored = io.BytesIO()
    joblib.dump(value, stored, compress=(compress, 3) if isinstance(compress, str) else compress)
    return stored.getvalue()


@pytest.mark.parametrize("way", PICKLES)
def test_a_pickle_runs_no_code_and_the_error_says_how_to_convert_it(tmp_path, way, capsys):
    marker, path = tmp_path / "marker", tmp_path / "model"
    path.write_bytes(PICKLES[way]({"format": "sere-model-1", "model": Touch(marker)}))
    with pytest.raises(ValueError, match=r"model' is a pickle.*sere\.save\(joblib\.load\(.*\)\['model'\], path\)"):
        sere.load(path)
    assert main(["predict", str(path), str(tmp_path)]) != 0
    assert "is a pickle" in capsys.readouterr().err
    assert not marker.exists()
    joblib.load(path) if "joblib" in way else pickle.loads(path.read_bytes())
    assert marker.exists()  # it would have


def test_what_an_earlier_version_wrote_is_converted_as_the_error_says(model, files, tmp_path):
    stored = joblib.load(io.BytesIO(dumped({"format": "sere-model-1", "model": model}, 3)))
    sere.save(stored["model"], tmp_path / "model")
    again = sere.load(tmp_path / "model")
    np.testing.assert_array_equal(again.decision_function(files), model.decision_function(files))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A classifier of plain vectors, its file, and what it says."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, 5)) + np.repeat([[0], [3]], 4, 0)
    fitted = sere.SEREClassifier(epochs=1, random_state=0).fit(X, [0] * 4 + [1] * 4, None, (X + 1,))
    path = tmp_path_factory.mktemp("small") / "model.safetensors"
    sere.save(fitted, path)
    return path.read_bytes(), X, fitted.decision_function(X)


def loaded(path):
    """The model of a file, or None where it is refused by its name."""
    refused = []
    try:
        return sere.load(path)
    except ValueError as error:
        refused.append(str(error))
    assert str(path) in refused[0]


def says_the_same_or_is_refused(content, small, path):
    path.write_bytes(content)
    again = loaded(path)
    if again is not None:
        np.testing.assert_array_equal(again.decision_function(small[1]), small[2])


here = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@here
@given(where=st.integers(0), bit=st.integers(0, 7))
def test_a_flipped_bit_never_predicts_otherwise(small, tmp_path, where, bit):
    content = bytearray(small[0])
    content[where % len(content)] ^= 1 << bit
    says_the_same_or_is_refused(bytes(content), small, tmp_path / "model")


@here
@given(cut=st.integers(0), tail=st.binary(max_size=20))
def test_a_file_cut_short_or_overgrown_is_refused(small, tmp_path, cut, tail):
    whole = small[0]
    says_the_same_or_is_refused(whole[: cut % len(whole)] + tail, small, tmp_path / "model")
    says_the_same_or_is_refused(whole + tail, small, tmp_path / "model")


@here
@given(content=st.binary(max_size=200))
def test_random_bytes_are_refused(small, tmp_path, content):
    says_the_same_or_is_refused(content, small, tmp_path / "model")


def parts_of(content):
    """Metadata and arrays of a file."""
    header = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + header])["__metadata__"], safetensors.numpy.load(content)


def sealed(path, tree, arrays=(), **releases):
    """Write a file that is whole and right in all but its tree."""
    content = {
        "format": FORMAT,
        **_releases(),
        **releases,
        "model": tree if isinstance(tree, str) else json.dumps(tree),
    }
    arrays = dict(arrays)
    safetensors.numpy.save_file(arrays, path, content | {"checksum": _checksum(content, arrays)})
    return path


@pytest.mark.parametrize(
    "header",
    [
        '{"__metadata__":null}',
        '{"__metadata__":{}}',
        '{"__metadata__":{"format":"sere-model-2"}}',
        '{"__metadata__":{"format":"sere-model-2"},"__metadata__":5}',
        '{"__metadata__":{"format":5}}',
        '{"a":{"dtype":"F64","shape":[1000000000000],"data_offsets":[0,0]}}',
    ],
)
def test_a_header_that_lacks_what_ours_has_is_refused(tmp_path, header):
    path = tmp_path / "model"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode())
    assert loaded(path) is None


def test_a_sealed_file_without_releases_is_read_with_a_warning(tmp_path):
    content = {"format": FORMAT, "model": "[1]"}
    safetensors.numpy.save_file({}, tmp_path / "model", content | {"checksum": _checksum(content, {})})
    with pytest.warns(SereWarning, match="saved by sere None"):
        assert sere.load(tmp_path / "model") == [1]


def test_a_repacked_file_with_another_number_is_refused(small, tmp_path):
    content, arrays = parts_of(small[0])
    for name in arrays:
        if arrays[name].size:
            changed = {**arrays, name: np.asarray(arrays[name] + 1)}
            safetensors.numpy.save_file(changed, tmp_path / "model", content)
            with pytest.raises(ValueError, match="checksum"):
                sere.load(tmp_path / "model")
    for name, text in content.items():
        safetensors.numpy.save_file(arrays, tmp_path / "model", content | {name: text + " "})
        with pytest.raises(ValueError, match=r"checksum|another version|with the library"):
            sere.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"is": "object", "class": "subprocess.Popen", "state": {"args": ["true"]}}, "no class 'subprocess.Popen'"),
        ({"is": "object", "class": "sere.Touch", "state": {}}, "no class 'sere.Touch'"),
        ({"is": "object", "class": "sere.Card", "state": {"__class__": 1}}, "has no '__class__'"),
        ({"is": "object", "class": "sere.SEREClassifier", "state": {"__dict__": []}}, "has no '__dict__'"),
        ({"is": "object", "class": "sere.SEREClassifier", "state": {"cache": "/somewhere"}}, "names a folder"),
        ({"is": "function", "name": "os.remove"}, "'function'"),
        ({"is": "array", "name": "nothing"}, "'nothing'"),
        ({"is": "texts", "shape": [1], "width": 10**9, "values": ["x"]}, "larger than any model's"),
        ([[[]] * 3] * 2, None),
        ("[" * 100 + "]" * 100, "nested deeper"),
        ("[" * 100_000, "damaged"),
        ("{", "damaged"),
    ],
)
def test_a_sealed_file_makes_nothing_that_is_not_listed(tmp_path, tree, says):
    path = sealed(tmp_path / "model", tree)
    if says is None:
        assert sere.load(path) == tree
        return
    with pytest.raises(ValueError, match=says) as caught:
        sere.load(path)
    assert str(path) in str(caught.value)


def test_an_array_is_used_once_and_none_is_left_over(tmp_path):
    one = {"is": "array", "name": "one"}
    assert sere.load(sealed(tmp_path / "model", one, {"one": np.arange(3)})).tolist() == [0, 1, 2]
    for tree in ([one, one], []):
        with pytest.raises(ValueError, match="'one'"):
            sere.load(sealed(tmp_path / "model", tree, {"one": np.arange(3)}))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
kinds = st.sampled_from(sorted(Unpacker({})._kinds))
# openSMILE, which one encoder needs, need not be here.
classes = st.sampled_from(sorted(set(LISTED) - {"sere.EgemapsEncoder"}))
nodes = st.recursive(
    values,
    lambda inner: st.fixed_dictionaries(
        {"is": kinds},
        optional={"items": inner, "value": inner, "values": inner, "state": inner, "class": classes, "name": inner}
        | {"shape": inner, "width": inner, "dtype": st.sampled_from(["float64", "int8", "object"])},
    ),
    max_leaves=6,
)


@here
@given(tree=nodes)
def test_any_sealed_tree_is_read_or_refused_in_one_sentence(tmp_path, tree):
    loaded(sealed(tmp_path / "model", tree))


@here
@given(name=classes, state=st.dictionaries(st.sampled_from(["steps", "cache", "classes_", "support_"]), values))
def test_no_class_does_anything_else_with_a_state_that_is_not_its_own(tmp_path, name, state):
    tree = {"is": "object", "class": name, "state": {key: Packer().pack(value) for key, value in state.items()}}
    loaded(sealed(tmp_path / "model", tree))


def test_a_model_of_another_version_loads_with_a_warning(small, tmp_path):
    content, arrays = parts_of(small[0])
    sealed(tmp_path / "model", content["model"], arrays, sere="0.0.1")
    with pytest.warns(SereWarning, match=rf"saved by sere 0\.0\.1, this is {sere.__version__}"):
        again = sere.load(tmp_path / "model")
    assert again.epochs == 1


def test_another_scikit_learn_matters_to_its_own_estimators_alone(small, tmp_path):
    content, arrays = parts_of(small[0])
    sere.load(sealed(tmp_path / "model", content["model"], arrays, **{"scikit-learn": "1.0"}))
    scaler = Packer().pack(StandardScaler())
    with pytest.warns(SereWarning, match=r"saved by scikit-learn 1\.0"):
        sere.load(sealed(tmp_path / "model", scaler, **{"scikit-learn": "1.0"}))


NAMES = {
    "someone/checkpoint": dict(encoder="someone/checkpoint"),
    "paper": dict(encoder=sere.HeterogeneousEncoder("paper")),
    "mine.npz": dict(encoder={"de": "acoustic", "it": "mine.npz"}),
    "a/labeled": dict(encoder=sere.HeterogeneousEncoder("acoustic", labeled="a/labeled")),
    "a/folder": dict(encoder=PretrainedEncoder(Path("a/folder"))),
    "acoustic+a/name": dict(encoder={"de": ("acoustic", ["acoustic+a/name"])}),
}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_model_stands_on_outside_its_file_is_asked_for(tmp_path, monkeypatch, name):
    def opened(*args, **kwargs):
        raise AssertionError("reading a model opens nothing else")

    monkeypatch.setattr("sere.encoders.pretrained.locate", opened)
    path = tmp_path / "model"
    sere.save(sere.SEREClassifier(**NAMES[name]), path)
    for allow in ((), ("another",), "a", name + "s"):
        with pytest.raises(ValueError, match=rf"model' stands on .*'{re.escape(name)}'.*allow=\['{re.escape(name)}'\]"):
            sere.load(path, allow=allow)
    again = sere.load(path, allow=[name])
    assert repr(again) == repr(sere.SEREClassifier(**NAMES[name]))


def test_the_command_asks_too_and_takes_the_answer(tmp_path, capsys):
    path = str(tmp_path / "model")
    sere.save(sere.SEREClassifier(encoder="someone/checkpoint"), path)
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 16_000)
    assert main(["predict", path, str(tmp_path / "a.wav")]) != 0
    assert "stands on what is not in it" in capsys.readouterr().err
    assert main(["predict", path, str(tmp_path / "a.wav"), "--allow", "someone/checkpoint"]) != 0
    assert "stands on" not in capsys.readouterr().err  # what it says now is that the model was never fitted


def test_what_comes_with_the_library_is_not_asked_for(tmp_path):
    for encoder in ("acoustic", "egemaps", "acoustic-emotion", EmotionEncoder.load()):
        sere.save(sere.SEREClassifier(encoder=encoder), tmp_path / "model")
        assert type(sere.load(tmp_path / "model").encoder) is type(encoder)


def test_folders_of_a_machine_stay_out_of_a_model_and_are_given_where_it_is_read(source, tmp_path):
    for cache, kept in ((True, True), (False, False), (tmp_path / "store", True), (FrameStore(tmp_path / "s"), True)):
        transformer = sere.DynamicFeatureTransformer(cache=cache).fit(source[:1])
        pipe = make_pipeline(transformer, memory=str(tmp_path))
        sere.save(pipe, tmp_path / "model")
        again = sere.load(tmp_path / "model")
        assert (again[0].cache, again.memory) == (kept, None)
        assert str(tmp_path).encode() not in (tmp_path / "model" / "model.safetensors").read_bytes()
        assert sere.load(tmp_path / "model", cache=tmp_path / "here")[0].cache == tmp_path / "here"


def test_speakers_are_known_by_a_hash_of_their_names(source, tmp_path):
    named = source.assign(speaker=source["speaker"].map(lambda name: f"Erika Mustermann {name}"))
    fitted = sere.SEREClassifier(epochs=0).fit(named, named["emotion"])
    sere.save(fitted, tmp_path / "model")
    assert b"Mustermann" not in (tmp_path / "model" / "model.safetensors").read_bytes()
    again = sere.load(tmp_path / "model")
    np.testing.assert_array_equal(again.decision_function(named), fitted.decision_function(named))
    unknown = named.drop(columns="speaker")
    assert not np.array_equal(again.decision_function(unknown), fitted.decision_function(named))


def test_a_file_of_before_hashes_were_salted_knows_its_speakers(source, tmp_path, monkeypatch):
    monkeypatch.setattr("sere.training.prepare.salt_of", lambda moments: "")
    fitted = sere.SEREClassifier("acoustic", epochs=0).fit(source, source["emotion"])
    sere.save(fitted, tmp_path / "m.safetensors")
    content, arrays = parts_of((tmp_path / "m.safetensors").read_bytes())
    tree = json.loads(content["model"])
    del tree["state"]["given_"]
    preparation = tree["state"]["_model"]["state"]["preparation"]["state"]
    for side in ("context", "frames"):
        assert preparation[side]["items"]["acoustic"]["state"].pop("salt") == ""
    again = sere.load(sealed(tmp_path / "model", tree, arrays))
    np.testing.assert_array_equal(again.decision_function(source), fitted.decision_function(source))
    unknown = source.drop(columns="speaker")
    assert not np.array_equal(again.decision_function(unknown), fitted.decision_function(source))
    sere.save(again, tmp_path / "folder")
    assert "Not recorded." in (tmp_path / "folder" / "README.md").read_text()


def test_no_dict_of_a_fitted_model_has_other_keys_than_texts(model):
    assert '"is": "pairs"' not in json.dumps(Packer().pack(model))


def test_the_file_can_be_looked_into_with_safetensors_alone(model, tmp_path):
    sere.save(model, tmp_path / "model")
    with safetensors.safe_open(tmp_path / "model" / "model.safetensors", "np") as file:
        np.testing.assert_array_equal(file.get_tensor("_model/prototypes"), model.prototypes_)
        assert json.loads(file.metadata()["model"])["class"] == "sere.SEREClassifier"
