"""Models on disk: whole, without torch, and the same in another process."""

import io
import os
import pickle
import stat
import subprocess
import sys

import joblib
import numpy as np
import pytest

import sere
from sere._inputs import SereWarning
from sere.persistence import FORMAT

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


def test_transformers_and_pipelines_are_saved_too(source, tmp_path):
    for step in (sere.DynamicFeatureTransformer(), sere.HeterogeneousEncoder()):
        expected = np.asarray(step.fit_transform(source[:3]))
        sere.save(step, tmp_path / "step")
        np.testing.assert_array_equal(np.asarray(sere.load(tmp_path / "step").transform(source[:3])), expected)
    pipe = sere.make_sere_pipeline(classifier=sere.SEREClassifier(epochs=0)).fit(source, source["emotion"])
    sere.save(pipe, tmp_path / "pipe")
    np.testing.assert_array_equal(sere.load(tmp_path / "pipe").predict(source), pipe.predict(source))


def test_saving_into_a_missing_folder_is_an_error(model, tmp_path):
    with pytest.raises(FileNotFoundError, match="the folder does not exist"):
        sere.save(model, tmp_path / "nowhere" / "model")


def test_an_interrupted_save_leaves_what_was_there(model, tmp_path, monkeypatch):
    path = tmp_path / "model"
    sere.save(model, path)
    before = path.read_bytes()

    def interrupted(content, draft, **options):
        with open(draft, "wb") as file:
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(joblib, "dump", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sere.save(model, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


def test_a_model_that_cannot_be_saved_leaves_no_half_file(model, tmp_path):
    stuck = sere.SEREClassifier(callbacks=[lambda record: None])
    with pytest.raises((pickle.PicklingError, AttributeError)):
        sere.save(stuck, tmp_path / "model")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_saved_model_may_be_read_by_whom_other_files_may(model, tmp_path):
    (tmp_path / "plain").write_text("x")
    sere.save(model, tmp_path / "model")
    plain, ours = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "model"))
    assert ours == plain


def test_a_missing_model_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model at .*sere\.save\(model, path\) writes one"):
        sere.load(tmp_path / "model")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x04N."])
def test_a_file_that_is_no_model_is_an_error(tmp_path, content):
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ValueError, match=r"is not a model that sere\.save wrote"):
        sere.load(tmp_path / "model")


def test_a_model_of_another_library_is_an_error(tmp_path):
    joblib.dump({"weights": np.zeros(3)}, tmp_path / "model")
    with pytest.raises(ValueError, match="read it with the library that wrote it"):
        sere.load(tmp_path / "model")


def test_a_damaged_model_is_an_error(model, tmp_path):
    path = tmp_path / "model"
    sere.save(model, path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="damaged"):
        sere.load(path)


def test_a_model_of_another_version_loads_with_a_warning(model, tmp_path):
    joblib.dump({"format": FORMAT, "sere": "0.0.1", "scikit-learn": "1.6", "model": model}, tmp_path / "model")
    with pytest.warns(SereWarning, match=rf"saved by sere 0\.0\.1, this is {sere.__version__}"):
        again = sere.load(tmp_path / "model")
    assert again.epochs == model.epochs
