"""What a trained network makes of clips without torch is what it makes of them with it."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from test_training_network import network, space

import sere
from sere import Embedding, ResonanceField
from sere.training.forward import enhanced
from sere.training.network import Pool, Space
from sere.training.spaces import Standardised

PROGRAM = """
import json, sys
import sere
probabilities = sere.load("model").predict_proba(["0.wav", "1.wav"])
print(json.dumps([probabilities.tolist(), sorted({"torch", "transformers", "librosa"} & set(sys.modules))]))
"""


@pytest.mark.parametrize("gate", ["feature", "frame"])
@pytest.mark.parametrize("intensity", ["abs", "signed", "square"])
@pytest.mark.parametrize(("index", "widths"), [(0, (3, 4)), (1, (5, 6)), (2, (0, 4))])
def test_it_is_the_networks(gate, intensity, index, widths):
    shapes = [(3, 4), (5, 6), (0, 4)]
    model, clips = network(*shapes, gate=gate, intensity=intensity), space(6, widths, index)
    state = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    embedding, field = Embedding(gate=gate, dynamics_scale=0.3), ResonanceField(intensity)
    found, expected = enhanced(clips.arrays(), state, embedding, field), model(Pool((clips,)))
    assert [len(clip) for clip in found.frames] == clips.offsets.diff().tolist()
    for own, whole in ((found.frames, expected.packed.frames), (found.intensity, expected.packed.intensity)):
        np.testing.assert_allclose(np.concatenate(own), whole.detach(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.clips, expected.clips.detach(), rtol=1e-12, atol=1e-14)


def test_tensors_share_what_arrays_hold_and_give_it_back():
    clips = replace(space(3), evidence=torch.ones(3, 2)).arrays()
    there = Space.of(clips)
    for name in ("context", "frames", "changes", "offsets", "evidence"):
        assert np.shares_memory(getattr(there, name).numpy(), getattr(clips, name))
        np.testing.assert_array_equal(getattr(there.arrays(), name), getattr(clips, name))
    assert there.index == clips.index


def test_a_clip_without_context_is_described_by_the_mean_of_its_frames():
    clips = space(4, (0, 3)).arrays()
    expected = torch.segment_reduce(torch.from_numpy(clips.frames), "mean", offsets=torch.from_numpy(clips.offsets))
    np.testing.assert_allclose(clips.rows(), expected)
    with_context = space(4, (2, 3)).arrays()
    assert with_context.rows() is with_context.context


def test_means_of_single_frames_are_summed_in_double():
    # Half a million ones behind a large number are lost where the sum is single.
    frames = np.ones((500_001, 1), np.float32)
    frames[0] = 2**24
    clips = Standardised(0, np.empty((1, 0)), frames, np.empty((0, 4)), np.array([0, len(frames)]), np.empty((1, 0)))
    assert clips.means()[0, 0] == (2**24 + 500_000) / 500_001


def test_a_saved_model_predicts_audio_without_torch(tmp_path):
    clips = sere.datasets.make_voices(n_per_emotion=3, languages=["lumo"], duration=0.8, random_state=0)
    model = sere.SEREClassifier(epochs=1, random_state=0).fit(clips, clips["emotion"])
    sere.save(model, tmp_path / "model")
    for number, wave in enumerate(clips["audio"][:2]):
        soundfile.write(tmp_path / f"{number}.wav", wave, 16_000, subtype="FLOAT")
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=True)
    probabilities, imported = json.loads(done.stdout)
    assert imported == []
    files = [str(tmp_path / f"{number}.wav") for number in (0, 1)]
    np.testing.assert_allclose(probabilities, model.predict_proba(files), rtol=1e-9)
