"""Models that earlier releases stored load, and say what they said; ``tests/models/make.py`` made them."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import sere

HERE = Path(__file__).parent / "models"
STORED = sorted(file.parent for file in HERE.glob("*/*/model.safetensors"))


def clips_of(folder, encoder):
    """The clips that a stored model was asked about, as its encoder's frames, and what it said."""
    held = safetensors.numpy.load_file(folder / "expected.safetensors")
    with safetensors.safe_open(folder / "expected.safetensors", "np") as file:
        said = {name: np.array(json.loads(words), dtype=object) for name, words in file.metadata().items()}
    n = len(said["speakers"])
    ragged = {what: [held[f"{what}{k}"] for k in range(n)] for what in ("frames", "dynamics", "context")}
    clips = sere.Utterances(clips=None, **said, **ragged, encoders=np.full(n, encoder, dtype=object))
    return clips, held["probabilities"], held["resonance"]


@pytest.mark.parametrize("folder", STORED, ids=lambda folder: "/".join(folder.parts[-2:]))
@pytest.mark.filterwarnings("ignore:.* was saved by sere:sere.SereWarning")
def test_a_stored_model_says_what_it_said(folder):
    model = sere.load(folder)
    clips, probabilities, resonance = clips_of(folder, model.encoder)
    assert len(set(probabilities.argmax(1))) > 1
    np.testing.assert_allclose(model.predict_proba(clips), probabilities, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(model.resonance(clips), resonance, rtol=1e-4, atol=1e-6)
    unknown = clips.with_(speakers=np.full(len(clips), None, dtype=object))
    assert np.abs(model.predict_proba(unknown) - probabilities).max() > 1e-3  # the speakers were known again


def test_this_release_has_stored_models():
    assert {folder.parent.name for folder in STORED} >= {sere.__version__}, "run python tests/models/make.py"


def test_a_release_stores_no_more_than_two_hundred_kilobytes():
    for release in {folder.parent for folder in STORED}:
        assert sum(file.stat().st_size for file in release.rglob("*") if file.is_file()) < 200_000
