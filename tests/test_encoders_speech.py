"""The embedded speech encoder: against transformers, alone and among others, and its weights file."""

import importlib.util
import json
import os
from itertools import pairwise
from pathlib import Path

import checkpoints
import numpy as np
import pytest
import torch
from checkpoints import noise
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from sere.encoders import _speech_weights, speech
from sere.encoders.pretrained import PretrainedEncoder
from sere.encoders.speech import SpeechEncoder

ROOT = Path(__file__).parent.parent
_spec = importlib.util.spec_from_file_location("make_speech", ROOT / "benchmarks" / "make_speech.py")
make_speech = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_speech)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny random Whisper as transformers saves it, with the positions that every Whisper has."""
    folder = checkpoints.save_checkpoint("whisper", tmp_path_factory.mktemp("whisper"))
    import transformers
    from transformers.models.whisper.modeling_whisper import sinusoids

    model = transformers.WhisperForConditionalGeneration.from_pretrained(folder)
    positions = model.model.encoder.embed_positions.weight
    with torch.no_grad():
        positions.copy_(sinusoids(*positions.shape))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny(folder, tmp_path_factory):
    """Its first two layers as the library's file, float32."""
    file = tmp_path_factory.mktemp("speech") / "tiny.safetensors"
    make_speech.make(folder, file, n_layers=2, exact=True)
    return file


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class TestFrames:
    @pytest.mark.parametrize("n_samples", [1, 160, 319, 321, 5_000, 23_456, 60_001])
    def test_they_are_the_states_that_transformers_has_of_the_clip_alone(self, folder, tiny, n_samples):
        wave = noise(n_samples)
        theirs = PretrainedEncoder(folder, layer=(1, 2), combine="concatenate", whisper_slice_positions=True)
        np.testing.assert_allclose(
            SpeechEncoder(tiny).encode([wave])[0].frames, theirs.encode([wave])[0].frames, atol=2e-5
        )

    def test_a_clip_that_fills_the_window_has_the_states_of_the_model_as_it_comes(self, folder, tiny):
        wave = noise(checkpoints.WHISPER_SECONDS * 16_000)
        states = checkpoints.plain_states("whisper", folder, wave)
        ours = SpeechEncoder(tiny).encode([wave])[0].frames
        # Behind its end transformers hears the clip's last samples mirrored, and here there is silence.
        np.testing.assert_allclose(ours[:150], np.hstack(states[1:3])[:150], atol=0.2)
        np.testing.assert_array_equal(ours[-1], ours[-2])
        assert len(ours) == 201

    @pytest.mark.parametrize("n_samples", [0, 1, 160, 320, 16_000, 16_001])
    def test_a_clip_has_a_frame_every_20_ms_however_short(self, n_samples):
        [clip] = SpeechEncoder().encode([noise(n_samples)])
        assert clip.frames.shape == (1 + n_samples // 320, 1152)
        assert clip.frames.dtype == clip.context.dtype == np.float32
        assert np.isfinite(clip.frames).all()

    def test_any_array_is_read_and_none_is_changed(self):
        wave = noise(5_000)
        backwards = wave[::-1].copy()[::-1]
        backwards.flags.writeable = False
        expected, same, wide = SpeechEncoder().encode([wave, backwards, wave.astype(np.float64)])
        np.testing.assert_array_equal(same.frames, expected.frames)
        np.testing.assert_array_equal(wide.frames, expected.frames)
        assert SpeechEncoder().encode([]) == []

    def test_digital_silence_is_finite(self):
        [clip] = SpeechEncoder().encode([np.zeros(16_000, np.float32)])
        assert np.isfinite(clip.frames).all()
        assert np.isfinite(clip.context).all()

    def test_the_spectrum_under_a_frame_is_centred_where_the_library_centres_it(self):
        wave = np.zeros(32_000, np.float32)
        wave[320 * 50] = 1.0
        _, network = speech._load(str(speech.SHIPPED))
        spectrum = network.log_mel(wave, 100)
        assert len(spectrum) == 200
        assert int(spectrum.sum(1).argmax()) == 2 * 50


class TestContext:
    def test_it_is_the_mean_over_frames_by_loudness(self):
        rng = np.random.default_rng(0)
        wave = (rng.standard_normal(16_000) * np.repeat([0.001, 0.1, 0.01, 0.3], 4000)).astype(np.float32)
        [clip] = SpeechEncoder().encode([wave])
        padded = np.pad(wave.astype(float), (200, 400))
        weight = [np.square(padded[320 * t : 320 * t + 400]).mean() ** 0.3 for t in range(51)]
        np.testing.assert_allclose(clip.context, np.average(clip.frames, axis=0, weights=weight), atol=1e-4)

    def test_a_pause_moves_it_much_less_than_it_moves_the_mean(self):
        wave = make_speech.probe(1.0)
        alone, paused = SpeechEncoder().encode([wave, np.concatenate([wave, np.zeros(16_000, np.float32)])])
        moved = np.abs(paused.context - alone.context).mean()
        assert moved < 0.5 * np.abs(paused.frames.mean(0) - alone.frames.mean(0)).mean()

    def test_silence_has_the_mean_of_its_frames(self):
        [clip] = SpeechEncoder().encode([np.zeros(3200, np.float32)])
        np.testing.assert_allclose(clip.context, clip.frames.mean(0), atol=1e-5)


class TestClipsBesideEachOther:
    def test_a_clip_gets_the_same_frames_to_the_bit_alone_and_among_others(self, two_threads):
        waves = [noise(n, seed) for seed, n in enumerate((160, 9_000, 9_000, 4_321, 12_345))]
        together = SpeechEncoder().encode(waves)
        for wave, among in zip(waves, together, strict=True):
            [alone] = SpeechEncoder().encode([wave])
            np.testing.assert_array_equal(alone.frames, among.frames)
            np.testing.assert_array_equal(alone.context, among.context)

    @pytest.mark.parametrize("n_samples", [160, 8_000, 16_160, 60_001])
    def test_threads_that_share_out_a_clip_do_not_change_it(self, n_samples):
        network, own = speech._load(str(speech.SHIPPED))[1], -(-n_samples // 320)
        found = []
        for parts in (1, 2, 3):
            states = np.empty((3, own, network.width), np.float32)
            network.states(noise(n_samples), own, dict(zip((1, 2, 3), states)), parts=parts)
            found.append(states)
        np.testing.assert_array_equal(found[1], found[0])
        np.testing.assert_array_equal(found[2], found[0])


class TestLongClips:
    def test_no_more_than_30_s_go_through_together(self, tiny, monkeypatch):
        counts = []
        states = speech.Network.states

        def counted(network, wave, own, out, **options):
            counts.append(own)
            return states(network, wave, own, out, **options)

        monkeypatch.setattr(speech.Network, "states", counted)
        [clip] = SpeechEncoder(tiny).encode([noise(16_000 * 95 + 7)])
        assert len(clip.frames) == 95 * 50 + 1
        assert np.isfinite(clip.frames).all()
        assert set(counts) == {1500}

    def test_each_frame_is_what_its_window_gives(self, tiny, monkeypatch):
        monkeypatch.setattr(speech, "WINDOW", 100)
        wave = noise(320 * 250 - 3)
        [clip] = SpeechEncoder(tiny).encode([wave])
        spans = speech.windows(250, 100)
        assert len(spans) > 2
        for start, stop, first, last in spans:
            [window] = SpeechEncoder(tiny).encode([wave[320 * start : 320 * stop]])
            np.testing.assert_array_equal(clip.frames[first:last], window.frames[first - start : last - start])
        assert all(a[3] == b[2] for a, b in pairwise(spans))


class TestShippedWeights:
    def test_states_are_those_that_transformers_had_of_the_checkpoint(self):
        stored = json.loads((ROOT / "tests" / "speech_states.json").read_text())
        [clip] = SpeechEncoder().encode([make_speech.probe()])
        expected, found = np.array(stored["states"]), clip.frames[stored["frames"], :: stored["every"]]
        # Eight bits a weight cost a few percent of what states differ by; a wrong tensor costs more than all of it.
        assert np.sqrt(np.square(found - expected).mean()) < 0.08 * expected.std()
        assert np.abs(found - expected).max() < 0.4 * expected.std()

    @pytest.mark.skipif(
        "SERE_WHISPER" not in os.environ, reason="SERE_WHISPER names no folder of openai/whisper-tiny.en"
    )
    def test_states_are_those_of_the_checkpoint_at_hand(self, tmp_path):
        folder = Path(os.environ["SERE_WHISPER"])
        wave = make_speech.probe(4.7)
        expected = make_speech.states(folder, wave, 3)
        exact = tmp_path / "exact.safetensors"
        make_speech.make(folder, exact, exact=True)
        np.testing.assert_allclose(SpeechEncoder(exact).encode([wave])[0].frames, expected, atol=1e-3)
        [shipped] = SpeechEncoder().encode([wave])
        assert np.sqrt(np.square(shipped.frames - expected).mean()) < 0.08 * expected.std()
        made = tmp_path / "made.safetensors"
        make_speech.make(folder, made)
        np.testing.assert_array_equal(SpeechEncoder(made).encode([wave])[0].frames, shipped.frames)

    def test_the_file_and_its_licence_are_small_and_there(self):
        assert speech.SHIPPED.stat().st_size < 8e6
        assert "Copyright (c) 2022 OpenAI" in (speech.SHIPPED.parent / "speech-LICENSE").read_text()
        assert (speech.SHIPPED.parent / "speech.md").is_file()

    def test_columns_are_named_layer_by_layer(self):
        encoder = SpeechEncoder()
        assert len(encoder.frame_names) == len(set(encoder.frame_names)) == 1152
        assert encoder.frame_names[384] == "layer2_0"
        assert encoder.context_names[0] == "layer1_0_mean"


class TestWeightsFile:
    @pytest.mark.parametrize("shape", [(5, 3), (4, 6, 3)])
    def test_levels_are_within_half_a_step_of_the_weights(self, shape):
        weights = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        weights[2] = 0
        levels, scale = _speech_weights.quantised(weights)
        assert levels.dtype == np.int8
        step = scale.reshape(-1, *[1] * (len(shape) - 1))
        assert (np.abs(levels * step - weights) <= 0.5001 * step).all()

    def test_other_weights_have_another_cache_key(self, tiny):
        assert SpeechEncoder(tiny).cache_key != SpeechEncoder().cache_key

    def test_a_missing_file_says_where_it_comes_from(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no speech encoder's weights at .*make_speech\.py"):
            _ = SpeechEncoder(tmp_path / "nothing.safetensors").cache_key

    @pytest.mark.parametrize("keep", [0, 5, 100, 0.5, 0.999])
    def test_a_file_that_was_cut_short_is_refused(self, tiny, tmp_path, keep):
        whole = tiny.read_bytes()
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(whole[: int(keep if keep >= 1 or keep == 0 else keep * len(whole))])
        with pytest.raises(ValueError, match=r"cut\.safetensors' holds no weights of a speech encoder: .*damaged"):
            SpeechEncoder(cut).encode([noise(1000)])

    def test_another_safetensors_file_is_refused(self, tmp_path):
        save_file({"a": np.zeros(3, np.float32)}, tmp_path / "other.safetensors")
        with pytest.raises(ValueError, match="its format is None"):
            _ = SpeechEncoder(tmp_path / "other.safetensors").cache_key

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t: t.pop("layers.1.fc1.bias"), r"it has no 'layers\.1\.fc1\.bias'"),
            (lambda t: t.update({"conv2.bias": np.zeros(3, np.float32)}), r"'conv2\.bias' has shape \(3,\)"),
            (lambda t: t["mel_filters"].fill(np.nan), r"'mel_filters' holds numbers that are not finite"),
        ],
    )
    def test_a_file_with_wrong_tensors_says_which(self, tiny, tmp_path, change, message):
        tensors = load_file(tiny)
        change(tensors)
        with safe_open(tiny, framework="numpy") as file:
            save_file(tensors, tmp_path / "wrong.safetensors", metadata=file.metadata())
        with pytest.raises(ValueError, match=message):
            _ = SpeechEncoder(tmp_path / "wrong.safetensors").cache_key
