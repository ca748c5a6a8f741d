"""Pretrained encoders on tiny random checkpoints of every family, against plain transformers."""

import json
import pickle
import shutil
import subprocess
import sys
from copy import deepcopy

import checkpoints
import huggingface_hub
import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from sere.encoders import _families
from sere.encoders.layers import LayerMix, TopLayers, windows
from sere.encoders.pretrained import CheckpointUnavailableError, PretrainedEncoder

HOP = 320
SHORT, MEDIUM, LONG = 5_000, 16_000, 23_456


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    return {name: checkpoints.save_checkpoint(name, root / name) for name in checkpoints.ALL}


@pytest.fixture
def two_second_windows(monkeypatch):
    """Cut clips into windows of 2 s, so that a short clip is a long one."""
    monkeypatch.setattr(_families, "WINDOW_SECONDS", 2)


def noise(n_samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


def plain_states(name, folder, wave):
    """Hidden states [state][frame] by transformers' own classes, for one clip."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    inputs = extractor(wave, sampling_rate=16_000, return_tensors="pt")
    if name == "whisper":
        model = transformers.WhisperModel.from_pretrained(folder).get_encoder().eval()
        n_frames = -(-len(wave) // HOP)
    else:
        model = transformers.AutoModel.from_pretrained(folder).eval()
        n_frames = None
    if name == "bert":
        n_frames = int(inputs["attention_mask"].sum())
    elif name != "whisper":
        inputs.pop("attention_mask", None)
    with torch.no_grad():
        out = model(**inputs, output_hidden_states=True)
    states = [*out.hidden_states[:-1], out.last_hidden_state]
    return [state[0, :n_frames].numpy() for state in states]


def edge_repeated(frames, n_frames):
    return np.concatenate([frames, np.repeat(frames[-1:], n_frames - len(frames), axis=0)])


def padded(clips):
    """Hidden states (n_clips, n_frames, width) and lengths of encoded clips."""
    frames = [torch.from_numpy(clip.frames) for clip in clips]
    lengths = torch.tensor([len(of_clip) for of_clip in frames])
    return torch.nn.utils.rnn.pad_sequence(frames, batch_first=True), lengths


class TestFrames:
    @pytest.mark.parametrize("name", checkpoints.ALL)
    @pytest.mark.parametrize("n_samples", [SHORT, MEDIUM])
    def test_every_layer_is_the_one_that_transformers_gives(self, folders, name, n_samples):
        wave = noise(n_samples)
        expected = plain_states(name, folders[name], wave)
        assert len(expected) == 4
        for layer, states in enumerate(expected):
            (clip,) = PretrainedEncoder(folders[name], layer=layer).encode([wave])
            repeated = edge_repeated(states, 1 + n_samples // HOP)
            np.testing.assert_allclose(clip.frames, repeated, atol=1e-4)
            assert clip.context is None

    @pytest.mark.parametrize("name", checkpoints.ALL)
    def test_negative_layers_count_from_the_end(self, folders, name):
        wave = noise(SHORT)
        for layer in range(4):
            (a,) = PretrainedEncoder(folders[name], layer=layer).encode([wave])
            (b,) = PretrainedEncoder(folders[name], layer=layer - 4).encode([wave])
            np.testing.assert_array_equal(a.frames, b.frames)

    @pytest.mark.parametrize("name", ["wavlm-layer", "whisper", "bert"])
    def test_a_tuple_of_layers_is_averaged(self, folders, name):
        wave = noise(SHORT)
        one, three = (PretrainedEncoder(folders[name], layer=layer).encode([wave])[0].frames for layer in (1, 3))
        (both,) = PretrainedEncoder(folders[name], layer=(1, -1)).encode([wave])
        np.testing.assert_allclose(both.frames, (one + three) / 2, atol=1e-6)

    @pytest.mark.parametrize("name", ["hubert-group", "whisper", "bert"])
    def test_weighted_puts_all_layers_side_by_side(self, folders, name):
        wave = noise(SHORT)
        encoder = PretrainedEncoder(folders[name], layer="weighted")
        (clip,) = encoder.encode([wave])
        assert (encoder.n_layers, encoder.width) == (4, 16)
        assert clip.frames.shape[1] == len(encoder.frame_names) == 64
        for layer in range(4):
            (alone,) = PretrainedEncoder(folders[name], layer=layer).encode([wave])
            np.testing.assert_array_equal(clip.frames[:, 16 * layer : 16 * layer + 16], alone.frames)

    @given(name=st.sampled_from(checkpoints.ALL), n_samples=st.integers(0, 50 * 16 + 400))
    @settings(max_examples=120, deadline=None)
    def test_clips_of_up_to_75_ms_have_a_frame_every_20_ms(self, folders, name, n_samples):
        (clip,) = PretrainedEncoder(folders[name]).encode([noise(n_samples)])
        assert clip.frames.shape == (1 + n_samples // HOP, 16)
        assert clip.frames.dtype == np.float32
        assert np.isfinite(clip.frames).all()

    @given(name=st.sampled_from(checkpoints.ALL), n_samples=st.integers(1_200, 80_000))
    @settings(max_examples=40, deadline=None)
    def test_longer_clips_have_a_frame_every_20_ms(self, folders, name, n_samples):
        (clip,) = PretrainedEncoder(folders[name]).encode([noise(n_samples)])
        assert clip.frames.shape == (1 + n_samples // HOP, 16)
        assert np.isfinite(clip.frames).all()

    @pytest.mark.parametrize("name", checkpoints.ALL)
    def test_digital_silence_is_finite(self, folders, name):
        (clip,) = PretrainedEncoder(folders[name]).encode([np.zeros(MEDIUM, np.float32)])
        assert np.isfinite(clip.frames).all()

    @pytest.mark.parametrize("name", checkpoints.WAVE_MODELS)
    def test_clips_below_the_receptive_field_are_zero_padded(self, folders, name):
        encoder = PretrainedEncoder(folders[name])
        extractor = transformers.AutoFeatureExtractor.from_pretrained(folders[name])
        values = extractor(noise(100), sampling_rate=16_000)["input_values"][0]
        model = transformers.AutoModel.from_pretrained(folders[name]).eval()
        with torch.no_grad():
            values = torch.from_numpy(np.pad(values, (0, 300)))[None]
            expected = model(values).last_hidden_state[0].numpy()
        np.testing.assert_allclose(encoder.encode([noise(100)])[0].frames, expected, atol=1e-5)


class TestQuirks:
    @pytest.mark.parametrize("name", checkpoints.ALL)
    def test_a_clip_gets_the_same_frames_alone_and_among_others(self, folders, name):
        waves = [noise(n, seed) for seed, n in enumerate((LONG, SHORT, MEDIUM, 100, MEDIUM))]
        encoder = PretrainedEncoder(folders[name])
        together = encoder.encode(waves)
        for wave, clip in zip(waves, together):
            np.testing.assert_array_equal(encoder.encode([wave])[0].frames, clip.frames)

    @pytest.mark.parametrize("name", checkpoints.ALL)
    @pytest.mark.parametrize("sliced", [False, True])
    def test_clips_that_share_a_batch_do_not_touch_each_other(self, folders, name, sliced):
        waves = [noise(n, seed) for seed, n in enumerate((LONG, SHORT, MEDIUM, 100, MEDIUM))]
        one, three = (
            PretrainedEncoder(folders[name], batch_size=size, whisper_slice_positions=sliced).encode(waves)
            for size in (1, 3)
        )
        for alone, beside in zip(one, three):
            np.testing.assert_allclose(beside.frames, alone.frames, atol=2e-5)

    @pytest.mark.parametrize("name", [n for n in checkpoints.WAVE_MODELS if "group" in n])
    def test_group_norm_front_ends_would_hear_the_padding(self, folders, name):
        wave = noise(SHORT)
        model = transformers.AutoModel.from_pretrained(folders[name]).eval()
        with torch.no_grad():
            alone = model(torch.from_numpy(wave)[None]).last_hidden_state
            beside_a_longer_one = model(torch.from_numpy(np.pad(wave, (0, 5_000)))[None])
        n_frames = alone.shape[1]
        gap = (beside_a_longer_one.last_hidden_state[:, :n_frames] - alone).abs().max()
        assert gap > 0.01

    def test_whisper_is_loaded_without_its_decoder(self, folders):
        encoder = PretrainedEncoder(folders["whisper"])
        names = {name.split(".")[0] for name, _ in encoder._load().model.named_parameters()}
        assert names == {"conv1", "conv2", "embed_positions", "layers", "layer_norm"}

    def test_sliced_whisper_is_a_whisper_of_fewer_positions(self, folders):
        wave = noise(MEDIUM)
        model = transformers.WhisperModel.from_pretrained(folders["whisper"]).get_encoder()
        table = model.embed_positions.weight[:50].detach().clone()
        model.embed_positions = torch.nn.Embedding.from_pretrained(table)
        model.config.max_source_positions = 50
        extractor = transformers.AutoFeatureExtractor.from_pretrained(folders["whisper"])
        mel = extractor(wave, sampling_rate=16_000, return_tensors="pt")["input_features"]
        with torch.no_grad():
            expected = model.eval()(mel[:, :, :100]).last_hidden_state[0].numpy()
        encoder = PretrainedEncoder(folders["whisper"], whisper_slice_positions=True)
        (clip,) = encoder.encode([wave])
        np.testing.assert_allclose(clip.frames, edge_repeated(expected, 51), atol=1e-5)

    def test_slicing_positions_changes_short_clips_and_no_full_window(self, folders):
        short, full = noise(MEDIUM), noise(checkpoints.WHISPER_SECONDS * 16_000)
        whole = PretrainedEncoder(folders["whisper"]).encode([short, full])
        sliced = PretrainedEncoder(folders["whisper"], whisper_slice_positions=True)
        sliced_short, sliced_full = sliced.encode([short, full])
        assert np.abs(sliced_short.frames - whole[0].frames).max() > 1e-3
        np.testing.assert_allclose(sliced_full.frames, whole[1].frames, atol=1e-5)

    def test_do_normalize_is_taken_from_the_preprocessor(self, folders, tmp_path):
        folder = shutil.copytree(folders["hubert-layer"], tmp_path / "raw")
        settings_file = folder / "preprocessor_config.json"
        changed = json.loads(settings_file.read_text()) | {"do_normalize": False}
        settings_file.write_text(json.dumps(changed))
        wave = noise(SHORT)
        (raw,) = PretrainedEncoder(folder).encode([wave])
        expected = plain_states("hubert-layer", folder, wave)[-1]
        np.testing.assert_allclose(raw.frames[: len(expected)], expected, atol=1e-5)
        (standardised,) = PretrainedEncoder(folders["hubert-layer"]).encode([wave])
        assert np.abs(raw.frames - standardised.frames).max() > 0.01

    @pytest.mark.parametrize("name", ["hubert-group", "bert"])
    def test_without_a_preprocessor_the_family_default_serves(self, folders, tmp_path, name):
        folder = shutil.copytree(folders[name], tmp_path / name)
        (folder / "preprocessor_config.json").unlink()
        wave = noise(SHORT)
        (given_,), (default,) = (PretrainedEncoder(where).encode([wave]) for where in (folders[name], folder))
        np.testing.assert_array_equal(default.frames, given_.frames)

    def test_half_precision_gives_float32_frames_nearby(self, folders):
        wave = noise(SHORT)
        (exact,) = PretrainedEncoder(folders["hubert-layer"]).encode([wave])
        (short,) = PretrainedEncoder(folders["hubert-layer"], dtype="bfloat16").encode([wave])
        assert short.frames.dtype == np.float32
        gap = np.abs(short.frames - exact.frames).max()
        assert 0 < gap < 0.3


class TestLongClips:
    @given(n_frames=st.integers(1, 5_000), size=st.sampled_from([30, 100, 200, 1500]))
    @settings(max_examples=200, deadline=None)
    def test_windows_answer_for_every_frame_once_with_context(self, n_frames, size):
        plan = windows(n_frames, size)
        kept = [frame for _, _, first, last in plan for frame in range(first, last)]
        assert kept == list(range(n_frames))
        for start, stop, first, last in plan:
            assert 0 <= start <= first < last <= stop <= n_frames
            assert stop - start == min(size, n_frames)
            assert start == 0 or first - start >= size // 15
            assert stop == n_frames or stop - last >= size // 15

    @pytest.mark.parametrize("name", ["wav2vec2-group", "wavlm-layer", "bert"])
    @pytest.mark.usefixtures("two_second_windows")
    def test_windows_are_run_one_by_one_and_cut_together(self, folders, name):
        wave = noise(int(5.3 * 16_000))
        n_frames = 1 + len(wave) // HOP
        model = transformers.AutoModel.from_pretrained(folders[name]).eval()
        extractor = transformers.AutoFeatureExtractor.from_pretrained(folders[name])
        whole = extractor(wave, sampling_rate=16_000, return_tensors="pt")
        if name == "bert":
            n_valid = int(whole["attention_mask"].sum())
            whole, step = whole["input_features"][:, :n_valid], 1
        else:
            whole, step = whole["input_values"], HOP
        expected = []
        for start, stop, first, last in windows(-(-len(wave) // HOP), 100):
            with torch.no_grad():
                frames = model(whole[:, start * step : stop * step]).last_hidden_state[0].numpy()
            expected.append(frames[first - start : last - start])
        expected = edge_repeated(np.concatenate(expected), n_frames)
        (clip,) = PretrainedEncoder(folders[name]).encode([wave])
        np.testing.assert_allclose(clip.frames, expected, atol=3e-5)

    def test_whisper_windows_are_full_and_need_no_silence(self, folders):
        size = 50 * checkpoints.WHISPER_SECONDS
        wave = noise(int(2.6 * size) * HOP)
        encoder = PretrainedEncoder(folders["whisper"])
        (clip,) = encoder.encode([wave])
        for start, stop, first, last in windows(len(wave) // HOP, size):
            (alone,) = encoder.encode([wave[start * HOP : stop * HOP]])
            np.testing.assert_array_equal(clip.frames[first:last], alone.frames[first - start : last - start])

    @pytest.mark.parametrize("name", ["wav2vec2-group", "hubert-layer", "wavlm-group"])
    def test_a_steady_tone_has_no_step_where_windows_meet(self, folders, name, monkeypatch):
        # Neighbours overlap by more than the positional convolution's reach, as real ones do.
        monkeypatch.setattr(_families, "WINDOW_SECONDS", 4)
        # 100 Hz: two periods a frame, so that all frames hear the same.
        tone = np.sin(2 * np.pi * 100 * np.arange(15 * 16_000) / 16_000).astype(np.float32)
        (clip,) = PretrainedEncoder(folders[name]).encode([tone])
        inner = clip.frames[20:-20]
        assert np.abs(inner - inner[0]).max() < 2e-3
        assert np.abs(clip.frames).max() > 0.1

    @pytest.mark.parametrize("name", ["wav2vec2-layer", "bert"])
    def test_a_clip_of_30_s_is_not_cut(self, folders, name):
        wave = noise(30 * 16_000)
        (clip,) = PretrainedEncoder(folders[name]).encode([wave])
        expected = plain_states(name, folders[name], wave)[-1]
        np.testing.assert_allclose(clip.frames, edge_repeated(expected, 1501), atol=5e-5)

    def test_filter_banks_of_long_clips_are_made_block_by_block(self, folders):
        # 130 s: two whole blocks of a minute and a rest.
        wave = noise(130 * 16_000 + 77)
        family = PretrainedEncoder(folders["bert"])._load()
        (window,) = family.inputs(wave, [(0, 10_000)])
        extractor = transformers.AutoFeatureExtractor.from_pretrained(folders["bert"])
        plain = extractor(wave, sampling_rate=16_000, return_tensors="np")
        expected = plain["input_features"][0][: int(plain["attention_mask"].sum())]
        np.testing.assert_allclose(window.values, expected, atol=1e-3)


class TestTop:
    @pytest.mark.parametrize("name", checkpoints.ALL)
    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_bottom_then_top_is_the_full_model(self, folders, name, n):
        waves = [noise(k, seed) for seed, k in enumerate((SHORT, LONG, 100, 16_079, 16_080))]
        options = {"whisper_slice_positions": True}
        full = PretrainedEncoder(folders[name], **options).encode(waves)
        encoder = PretrainedEncoder(folders[name], trainable_layers=n, **options)
        hidden, lengths = padded(encoder.encode(waves))
        top = encoder.top()
        assert len(top.layers) == n
        with torch.no_grad():
            out = top(hidden, lengths)
        assert out.shape == hidden.shape
        for row, clip in zip(out, full):
            np.testing.assert_allclose(row[: len(clip.frames)], clip.frames, atol=1e-4)
            assert not row[len(clip.frames) :].any()

    @pytest.mark.parametrize("n", [1, 3])
    def test_whole_whisper_equals_its_top_where_the_clip_fills_the_window(self, folders, n):
        wave = noise(checkpoints.WHISPER_SECONDS * 16_000)
        (full,) = PretrainedEncoder(folders["whisper"]).encode([wave])
        encoder = PretrainedEncoder(folders["whisper"], trainable_layers=n)
        with torch.no_grad():
            out = encoder.top()(*padded(encoder.encode([wave])))
        np.testing.assert_allclose(out[0], full.frames, atol=1e-4)

    def test_whisper_top_attends_to_the_clip_alone(self, folders):
        wave = noise(SHORT)
        encoder = PretrainedEncoder(folders["whisper"], trainable_layers=2)
        states = plain_states("whisper", folders["whisper"], wave)[1]
        model = transformers.WhisperModel.from_pretrained(folders["whisper"]).get_encoder().eval()
        with torch.no_grad():
            hidden = torch.from_numpy(states)[None]
            for layer in model.layers[1:]:
                hidden = layer(hidden, None)
            expected = model.layer_norm(hidden)[0]
            out = encoder.top()(*padded(encoder.encode([wave])))
        np.testing.assert_allclose(out[0, : len(expected)], expected, atol=1e-5)

    @pytest.mark.parametrize("name", ["hubert-layer", "wavlm-group", "bert"])
    @pytest.mark.usefixtures("two_second_windows")
    def test_long_clips_go_through_the_top_in_windows(self, folders, name):
        encoder = PretrainedEncoder(folders[name], trainable_layers=2)
        clips = encoder.encode([noise(int(4.7 * 16_000)), noise(SHORT)])
        top = encoder.top()
        with torch.no_grad():
            out = top(*padded(clips))
            long, short = (torch.from_numpy(clip.frames) for clip in clips)
            n_own = len(long) - int((long == long[-1]).all(1).sum()) + 1
            for start, stop, first, last in windows(n_own, 100):
                alone = top(long[None, start:stop], torch.tensor([stop - start]))[0]
                np.testing.assert_allclose(out[0, first:last], alone[first - start : last - start], atol=1e-5)
            alone = top(short[None], torch.tensor([len(short)]))[0]
        np.testing.assert_allclose(out[1, : len(short)], alone, atol=1e-5)

    @pytest.mark.parametrize("name", checkpoints.ALL)
    def test_gradients_reach_every_parameter_and_the_input(self, folders, name):
        encoder = PretrainedEncoder(folders[name], trainable_layers=2)
        hidden, lengths = padded(encoder.encode([noise(SHORT), noise(LONG)]))
        hidden.requires_grad_(True)
        top = encoder.top().train()
        (top(hidden, lengths) * torch.randn(hidden.shape)).sum().backward()
        without = [name for name, p in top.named_parameters() if p.grad is None]
        assert not without
        # A key's bias moves all scores of a query alike, which softmax does not see.
        still = [n for n, p in top.named_parameters() if not p.grad.any() and "k_proj.bias" not in n]
        assert not still
        assert hidden.grad.abs().sum() > 0

    def test_training_the_top_leaves_the_encoder_as_it_was(self, folders):
        encoder = PretrainedEncoder(folders["wavlm-layer"], trainable_layers=1)
        full = PretrainedEncoder(folders["wavlm-layer"])
        (before,) = full.encode([noise(SHORT)])
        top = encoder.top()
        with torch.no_grad():
            for parameter in top.parameters():
                parameter.add_(1.0)
        np.testing.assert_array_equal(full.encode([noise(SHORT)])[0].frames, before.frames)

    @pytest.mark.parametrize("name", ["wavlm-layer", "whisper", "bert"])
    def test_state_travels_as_numpy(self, folders, name):
        encoder = PretrainedEncoder(folders[name], trainable_layers=2)
        top = encoder.top()
        with torch.no_grad():
            for parameter in top.parameters():
                parameter.mul_(1.5)
        state = pickle.loads(pickle.dumps(encoder.top_state(top)))
        assert {type(array) for array in state.values()} == {np.ndarray}
        assert set(state) == {name for name, _ in top.named_parameters()}
        hidden, lengths = padded(encoder.encode([noise(SHORT)]))
        with torch.no_grad():
            again = encoder.load_top(state)(hidden, lengths)
            np.testing.assert_array_equal(again, top(hidden, lengths))
            assert (again - encoder.top()(hidden, lengths)).abs().max() > 1e-3

    def test_the_top_is_handed_out_for_trainable_layers_only(self, folders):
        with pytest.raises(ValueError, match="trainable_layers of at least 1"):
            PretrainedEncoder(folders["bert"]).top()

    def test_repeated_frames_inside_a_clip_are_not_taken_for_its_end(self):
        layer = torch.nn.Identity()
        layer.forward = lambda hidden, mask: hidden.cumsum(1)
        top = TopLayers("hubert", torch.nn.ModuleList([layer]), None, None, None, 100)
        hidden = torch.tensor([[1.0], [2.0], [2.0], [3.0], [3.0], [3.0]])[None]
        out = top(hidden, torch.tensor([6]))
        assert out[0, :, 0].tolist() == [1, 3, 5, 8, 8, 8]


class TestLayerMix:
    def test_it_starts_as_the_mean_of_the_layers(self):
        frames = torch.randn(2, 5, 3 * 4)
        expected = (frames[..., :4] + frames[..., 4:8] + frames[..., 8:]) / 3
        torch.testing.assert_close(LayerMix(3, 4)(frames), expected)

    def test_it_weighs_layers_by_the_softmax_of_what_it_learned(self):
        mix = LayerMix(2, 4)
        with torch.no_grad():
            mix.weights.copy_(torch.tensor([np.log(3.0), 0.0]))
        frames = torch.randn(5, 8)
        torch.testing.assert_close(mix(frames), 0.75 * frames[:, :4] + 0.25 * frames[:, 4:])

    def test_gradients_reach_the_weights(self, folders):
        encoder = PretrainedEncoder(folders["hubert-layer"], layer="weighted")
        (clip,) = encoder.encode([noise(SHORT)])
        mix = LayerMix(encoder.n_layers, encoder.width)
        mix(torch.from_numpy(clip.frames)).square().sum().backward()
        assert (mix.weights.grad != 0).all()


class TestPersistence:
    def test_a_fresh_process_gets_the_same_frames_from_a_pickle(self, folders, tmp_path):
        encoder = PretrainedEncoder(folders["wavlm-layer"], layer=(1, 2))
        (clip,) = encoder.encode([noise(SHORT)])
        content = pickle.dumps(encoder)
        assert len(content) < 1500
        assert b"torch" not in content
        (tmp_path / "encoder.pkl").write_bytes(content)
        np.save(tmp_path / "wave.npy", noise(SHORT))
        script = (
            "import pickle, sys, numpy as np\n"
            "encoder = pickle.load(open('encoder.pkl', 'rb'))\n"
            "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
            "encoder.cache_key, encoder.frame_names\n"
            "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
            "np.save('frames.npy', encoder.encode([np.load('wave.npy')])[0].frames)\n"
        )
        root = str(_families.__file__).rsplit("sere", 1)[0]
        subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{script}"],
            cwd=tmp_path,
            check=True,
        )
        np.testing.assert_array_equal(np.load(tmp_path / "frames.npy"), clip.frames)

    def test_changed_weights_are_refused(self, folders, tmp_path):
        folder = shutil.copytree(folders["hubert-group"], tmp_path / "tiny")
        encoder = PretrainedEncoder(folder)
        encoder.encode([noise(SHORT)])
        kept = pickle.dumps(encoder)
        weights = load_file(folder / "model.safetensors")
        weights["encoder.layer_norm.bias"] += 1
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ValueError, match="has changed since"):
            pickle.loads(kept).encode([noise(SHORT)])

    def test_the_cache_key_tells_apart_what_changes_the_frames(self, folders, tmp_path):
        folder = folders["whisper"]
        other = shutil.copytree(folder, tmp_path / "whisper")
        weights = load_file(other / "model.safetensors")
        weights["model.encoder.layer_norm.bias"] += 1
        save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
        keys = [
            encoder.cache_key
            for encoder in (
                PretrainedEncoder(folder),
                PretrainedEncoder(folder, layer=1),
                PretrainedEncoder(folder, layer=(0, 1)),
                PretrainedEncoder(folder, layer="weighted"),
                PretrainedEncoder(folder, trainable_layers=1),
                PretrainedEncoder(folder, dtype="bfloat16"),
                PretrainedEncoder(folder, whisper_slice_positions=True),
                PretrainedEncoder(other),
            )
        ]
        assert len(set(keys)) == len(keys)

    def test_the_cache_key_overlooks_what_does_not_change_the_frames(self, folders, tmp_path):
        moved = shutil.copytree(folders["bert"], tmp_path / "bert")
        assert (
            PretrainedEncoder(folders["bert"]).cache_key
            == PretrainedEncoder(moved, device="cpu", batch_size=8).cache_key
        )

    def test_the_cache_key_is_known_after_the_files_are_gone(self, folders, tmp_path):
        folder = shutil.copytree(folders["bert"], tmp_path / "bert")
        encoder = PretrainedEncoder(folder)
        key, names = encoder.cache_key, encoder.frame_names
        kept = pickle.dumps(encoder)
        shutil.rmtree(folder)
        again = pickle.loads(kept)
        assert (again.cache_key, again.frame_names) == (key, names)
        with pytest.raises(CheckpointUnavailableError, match="There is no folder"):
            again.encode([noise(SHORT)])

    def test_encoders_of_one_checkpoint_share_its_weights(self, folders):
        first = PretrainedEncoder(folders["bert"])
        second = deepcopy(first)
        third = PretrainedEncoder(folders["bert"], layer=1)
        assert first._load() is second._load() is third._load()

    def test_repr_names_what_was_chosen(self):
        assert repr(PretrainedEncoder("microsoft/wavlm-large")) == ("PretrainedEncoder('microsoft/wavlm-large')")
        assert repr(PretrainedEncoder("a/b", layer=(1, 2), dtype="float16")) == (
            "PretrainedEncoder('a/b', layer=(1, 2), dtype='float16')"
        )


class TestFindingCheckpoints:
    NAME = "someone/tiny-model"

    @pytest.fixture(autouse=True)
    def no_network(self, monkeypatch, tmp_path):
        def unreachable(*args, **kwargs):
            raise ConnectionError("Name or service not known")

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def put_in_cache(self, folder, hub, revision="main", without=()):
        snapshot = hub / "models--someone--tiny-model" / "snapshots" / ("0" * 40)
        shutil.copytree(folder, snapshot, ignore=shutil.ignore_patterns(*without))
        refs = hub / "models--someone--tiny-model" / "refs"
        refs.mkdir()
        (refs / revision).write_text("0" * 40)

    @pytest.mark.parametrize("local_files_only", [None, True, False])
    def test_a_name_that_cannot_be_had_says_how_to_get_it(self, local_files_only):
        encoder = PretrainedEncoder(self.NAME, local_files_only=local_files_only)
        with pytest.raises(CheckpointUnavailableError) as caught:
            encoder.encode([noise(SHORT)])
        assert isinstance(caught.value, OSError)
        for part in (
            self.NAME,
            'pip install "sere[pretrained]"',
            f"hf download {self.NAME} --local-dir tiny-model",
            f"huggingface-cli download {self.NAME} --local-dir tiny-model",
            "pass its path instead",
            'encoder="acoustic"',
        ):
            assert part in str(caught.value)

    def test_a_name_that_the_hub_does_not_know_says_so(self, monkeypatch):
        def unknown(*args, **kwargs):
            error = huggingface_hub.errors.RepositoryNotFoundError
            raise error.__new__(error)

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unknown)
        with pytest.raises(CheckpointUnavailableError, match="check the spelling"):
            PretrainedEncoder(self.NAME).facts  # noqa: B018

    @pytest.mark.parametrize("local_files_only", [None, True])
    def test_the_local_cache_is_asked_before_the_network(self, folders, tmp_path, local_files_only):
        self.put_in_cache(folders["bert"], tmp_path / "hub")
        encoder = PretrainedEncoder(self.NAME, local_files_only=local_files_only)
        (cached,) = encoder.encode([noise(SHORT)])
        (plain,) = PretrainedEncoder(folders["bert"]).encode([noise(SHORT)])
        np.testing.assert_array_equal(cached.frames, plain.frames)

    def test_another_revision_is_not_taken_from_the_cache(self, folders, tmp_path):
        self.put_in_cache(folders["bert"], tmp_path / "hub")
        with pytest.raises(CheckpointUnavailableError):
            PretrainedEncoder(self.NAME, revision="v2").facts  # noqa: B018

    def test_a_broken_off_download_is_not_taken_for_a_checkpoint(self, folders, tmp_path):
        self.put_in_cache(folders["bert"], tmp_path / "hub", without=["*.safetensors"])
        with pytest.raises(CheckpointUnavailableError, match="not on this machine"):
            PretrainedEncoder(self.NAME).facts  # noqa: B018

    def test_a_download_takes_one_set_of_weights_and_the_settings(self, monkeypatch, folders):
        offered = [
            "README.md",
            "config.json",
            "flax_model.msgpack",
            "model.fp32-00001-of-00002.safetensors",
            "model.safetensors",
            "preprocessor_config.json",
            "pytorch_model.bin",
        ]
        files = [huggingface_hub.hf_api.RepoSibling(rfilename=name) for name in offered]
        info = huggingface_hub.hf_api.ModelInfo(id=self.NAME)
        info.siblings = files
        asked = {}

        def download(name, **options):
            asked.update(options, name=name)
            return str(folders["bert"])

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *a, **k: info)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
        assert PretrainedEncoder(self.NAME, revision="v2").width == 16
        assert asked == {
            "name": self.NAME,
            "revision": "v2",
            "allow_patterns": ["config.json", "preprocessor_config.json", "model.safetensors"],
        }

    def test_a_folder_without_settings_or_weights_is_named(self, folders, tmp_path):
        with pytest.raises(CheckpointUnavailableError, match=r"holds no config\.json"):
            PretrainedEncoder(tmp_path).facts  # noqa: B018
        shutil.copy(folders["bert"] / "config.json", tmp_path)
        with pytest.raises(CheckpointUnavailableError, match="holds no weights"):
            PretrainedEncoder(tmp_path).facts  # noqa: B018

    def test_another_kind_of_model_is_named_beside_those_that_can_be_read(self, tmp_path):
        (tmp_path / "config.json").write_text('{"model_type": "bert"}')
        (tmp_path / "model.safetensors").write_bytes(b"")
        with pytest.raises(ValueError, match=r"type 'bert'.*WavLM"):
            PretrainedEncoder(tmp_path).facts  # noqa: B018

    def test_missing_weights_are_not_drawn_at_random(self, folders, tmp_path):
        folder = shutil.copytree(folders["wav2vec2-layer"], tmp_path / "tiny")
        weights = load_file(folder / "model.safetensors")
        del weights["encoder.layers.1.attention.k_proj.weight"]
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ValueError, match=r"lack 1 parts.*k_proj"):
            PretrainedEncoder(folder).encode([noise(SHORT)])

    def test_pickled_weights_serve_as_well(self, folders, tmp_path):
        folder = shutil.copytree(folders["hubert-group"], tmp_path / "tiny")
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
        (old,), (new,) = (
            PretrainedEncoder(where).encode([noise(SHORT)]) for where in (folder, folders["hubert-group"])
        )
        np.testing.assert_array_equal(old.frames, new.frames)


class TestGoodManners:
    def test_importing_the_module_loads_neither_torch_nor_transformers(self):
        script = (
            "import sys, sere.encoders.pretrained, sere.encoders.languages\n"
            "assert not {'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)\n"
        )
        root = str(_families.__file__).rsplit("sere", 1)[0]
        subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{script}"],
            check=True,
        )

    @pytest.mark.parametrize("bars", [True, False])
    def test_loading_is_silent_and_leaves_global_settings_alone(self, folders, capfd, bars):
        logging = transformers.utils.logging
        (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
        before = logging.get_verbosity(), logging.is_progress_bar_enabled()
        random_state = torch.get_rng_state()
        capfd.readouterr()
        for name in ("whisper", "wavlm-group"):
            PretrainedEncoder(folders[name]).encode([noise(SHORT)])
        assert capfd.readouterr() == ("", "")
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
        assert torch.equal(torch.get_rng_state(), random_state)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"layer": "last"}, "must be an int, a tuple of ints"),
            ({"layer": ()}, "must be an int, a tuple of ints"),
            ({"layer": True}, "must be an int, a tuple of ints"),
            ({"layer": 2, "trainable_layers": 1}, "cannot be chosen beside it"),
            ({"trainable_layers": -1}, "must not be negative"),
            ({"dtype": "int8"}, "is none of float32"),
            ({"batch_size": 0}, "must be at least 1"),
        ],
    )
    def test_impossible_parameters_are_refused_at_once(self, options, message):
        with pytest.raises(ValueError, match=message):
            PretrainedEncoder("microsoft/wavlm-large", **options)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"layer": 4}, "has 3 layers: from 0"),
            ({"layer": (0, -5)}, "has 3 layers: from 0"),
            ({"trainable_layers": 4}, "has 3 layers"),
        ],
    )
    def test_layers_that_the_checkpoint_lacks_are_refused(self, folders, options, message):
        with pytest.raises(ValueError, match=message):
            PretrainedEncoder(folders["bert"], **options).cache_key  # noqa: B018
