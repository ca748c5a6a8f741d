"""The decision of a classifier as ONNX: what onnxruntime says of features is what predict_proba says."""

import json
import sys

import numpy as np
import pytest
from sklearn.base import clone

import sere
from sere.training import voices

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module", params=["acoustic", "acoustic-emotion"])
def fitted(request, shots, source, target):
    """A classifier with self-training, and with experience or without; its encoder."""
    model = sere.SEREClassifier(request.param, epochs=2, random_state=0)
    return model.fit(shots, shots["emotion"], (source,), (target,)), request.param


def said(path, clips):
    """What the file says of clips that come as frames."""
    session = runtime.InferenceSession(path)
    answers = [
        session.run(None, {"frames": frames, "changes": changes, "context": context})[0]
        for frames, changes, context in zip(
            *([np.asarray(clip, dtype=float) for clip in own] for own in (clips.frames, clips.dynamics, clips.context)),
            strict=True,
        )
    ]
    return np.array(answers)


@pytest.mark.parametrize("language", [None, "lumo", "tarsk"])
def test_a_clip_gets_the_probabilities_that_python_gives_it(fitted, target, tmp_path, language):
    model, encoder = fitted
    asked = target.drop(columns=["speaker", "language"])
    asked = asked if language is None else asked.assign(language=language)
    sere.export_onnx(model, tmp_path / "m.onnx", language=language)
    clips = sere.HeterogeneousEncoder(encoder).fit_transform(sere.DynamicFeatureTransformer().fit_transform(asked))
    expected = model.predict_proba(asked)
    assert np.ptp(expected, axis=0).max() > 0.1
    np.testing.assert_allclose(said(tmp_path / "m.onnx", clips), expected, atol=1e-6)


def test_a_clip_is_standardised_by_its_voice_as_in_python(tmp_path, monkeypatch, shots, source, target):
    monkeypatch.setattr(voices, "APART", 0.0)
    monkeypatch.setattr(voices, "FEW", 10)
    nobody = target.drop(columns=["speaker", "language"])
    model = sere.SEREClassifier("acoustic-emotion", epochs=2, random_state=0)
    model.fit(shots, shots["emotion"], (source,), (nobody,))
    assert "target" in model._fitted().preparation.voices["acoustic-emotion"]
    sere.export_onnx(model, tmp_path / "m.onnx")
    embedder = sere.HeterogeneousEncoder("acoustic-emotion")
    clips = embedder.fit_transform(sere.DynamicFeatureTransformer().fit_transform(nobody))
    np.testing.assert_allclose(said(tmp_path / "m.onnx", clips), model.predict_proba(nobody), atol=1e-6)
    # And so it does after a journey.
    again = sere.load(_saved(model, tmp_path))
    np.testing.assert_allclose(again.predict_proba(nobody), model.predict_proba(nobody), atol=1e-12)
    model.set_params(speaker_shrinkage=np.inf).fit(shots, shots["emotion"], (source,), (nobody,))
    assert np.abs(model.predict_proba(nobody) - again.predict_proba(nobody)).max() > 0.05


def random_clips(n_frames, n_changes, seed=0):
    """Clips of an encoder that nobody knows, as it would hand them on."""
    rng = np.random.default_rng(seed)
    shift = np.linspace(0, 3, len(n_frames))
    nobody = np.full(len(n_frames), None, dtype=object)
    return sere.Utterances(
        clips=None,
        speakers=nobody,
        languages=nobody,
        frames=[rng.normal(size=(n, 6)) + own for n, own in zip(n_frames, shift)],
        dynamics=[rng.normal(size=(n, 4)) for n in n_changes],
        context=[rng.normal(size=3) + own for own in shift],
        encoders=np.full(len(n_frames), "theirs", dtype=object),
    )


@pytest.mark.parametrize("frame_rate", [50, 10, 7])
def test_clips_of_any_length_are_thinned_alike(tmp_path, frame_rate):
    shots, pool = random_clips([20] * 8, [20] * 8), random_clips([30] * 12, [30] * 12, 1)
    model = sere.SEREClassifier(epochs=1).set_params(field__frame_rate=frame_rate)
    model.fit(shots, ["anger"] * 4 + ["joy"] * 4, None, (pool,))
    sere.export_onnx(model, tmp_path / "m.onnx")
    asked = random_clips([1, 5, 23, 31, 40], [1, 5, 24, 26, 40], 2)
    expected = model.predict_proba(asked)
    assert np.ptp(expected, axis=0).max() > 0.1
    np.testing.assert_allclose(said(tmp_path / "m.onnx", asked), expected, atol=1e-9)


def test_vectors_get_the_probabilities_that_python_gives_them(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 5)) + np.repeat([[0], [1], [2]], 4, 0)
    model = sere.SEREClassifier(epochs=2, random_state=0).fit(X, np.repeat(["a", "b", "ç"], 4), None, (X + 1,))
    sere.export_onnx(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    asked = rng.normal(size=(40, 5)) * 3
    np.testing.assert_allclose(session.run(None, {"features": asked})[0], model.predict_proba(asked), atol=1e-10)
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == ["a", "b", "ç"]


def test_what_cannot_be_exported_says_why(model, tmp_path, monkeypatch):
    with pytest.raises(TypeError, match="this is a LinearBaseline"):
        sere.export_onnx(sere.baselines.LinearBaseline(), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="not fitted yet"):
        sere.export_onnx(clone(model), tmp_path / "m.onnx")
    two = sere.load(_saved(model, tmp_path))
    two._model.preparation.names.append("another")
    with pytest.raises(ValueError, match="hears by several encoders"):
        sere.export_onnx(two, tmp_path / "m.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "sere\[onnx\]"'):
        sere.export_onnx(model, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def _saved(model, tmp_path):
    sere.save(model, tmp_path / "m")
    return tmp_path / "m"
