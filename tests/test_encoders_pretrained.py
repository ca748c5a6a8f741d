"""Pretrained encoders on tiny random checkpoints of every family, against plain transformers."""

import json
import pickle
import shutil
import subprocess
import sys
from copy import deepcopy

import checkpoints
import numpy as np
import pytest
import torch
from checkpoints import noise, plain_states
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from sere.encoders import _families, _whisper_families, pretrained
from sere.encoders.pretrained import CheckpointUnavailableError, PretrainedEncoder
from sere.encoders.windows import windows

transformers = pytest.importorskip("transformers")

HOP = 320
SHORT, MEDIUM, LONG = 5_000, 16_000, 23_456


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    return {name: checkpoints.save_checkpoint(name, root / name) for name in checkpoints.ALL}


@pytest.fixture
def two_second_windows(monkeypatch):
    """Cut clips into windows of 2 s, so that a short clip is a long one."""
    monkeypatch.setattr(_families, "WINDOW_SECONDS", 2)


def edge_repeated(frames, n_frames):
    return np.concatenate([frames, np.repeat(frames[-1:], n_frames - len(frames), axis=0)])


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

    @pytest.mark.parametrize("name", ["wavlm-layer", "whisper", "bert"])
    def test_a_tuple_of_layers_stands_side_by_side_where_asked(self, folders, name):
        wave = noise(SHORT)
        encoder = PretrainedEncoder(folders[name], layer=(3, 1), combine="concatenate")
        (clip,) = encoder.encode([wave])
        assert (encoder.n_layers, encoder.width, encoder.has_front) == (2, 16, False)
        for place, layer in enumerate((3, 1)):
            (alone,) = PretrainedEncoder(folders[name], layer=layer).encode([wave])
            np.testing.assert_array_equal(clip.frames[:, 16 * place : 16 * place + 16], alone.frames)
        names = [name.rsplit("_", 2)[1] for name in encoder.frame_names]
        assert names == ["layer3"] * 16 + ["layer1"] * 16
        assert encoder.cache_key != PretrainedEncoder(folders[name], layer=(3, 1)).cache_key

    @given(name=st.sampled_from(checkpoints.ALL), n_samples=st.integers(0, 50 * 16 + 400))
    @settings(max_examples=60, deadline=None)
    def test_clips_of_up_to_75_ms_have_a_frame_every_20_ms(self, folders, name, n_samples):
        (clip,) = PretrainedEncoder(folders[name]).encode([noise(n_samples)])
        assert clip.frames.shape == (1 + n_samples // HOP, 16)
        assert clip.frames.dtype == np.float32
        assert np.isfinite(clip.frames).all()

    @given(name=st.sampled_from(checkpoints.ALL), n_samples=st.integers(1_200, 80_000))
    @settings(max_examples=24, deadline=None)
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
        model = _whisper_families.load_whisper(folders["whisper"])
        names = {name.split(".")[0] for name, _ in model.named_parameters()}
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


class TestWhisperByHand:
    """On a CPU Whisper runs without transformers' modules."""

    @pytest.mark.parametrize("sliced", [False, True])
    @pytest.mark.parametrize("n_samples", [0, 1, 320, SHORT, 60_000, 62_900, 63_990, 64_000, 100_000])
    def test_frames_are_those_of_transformers_modules(self, folders, monkeypatch, sliced, n_samples):
        options = {"layer": (0, 1, 3), "combine": "concatenate", "whisper_slice_positions": sliced}
        (ours,) = PretrainedEncoder(folders["whisper"], **options).encode([noise(n_samples)])
        monkeypatch.setattr(_whisper_families.WhisperByHand, "fits", lambda folder, extractor: False)
        monkeypatch.setattr(pretrained, "_loaded", {})
        modules = PretrainedEncoder(folders["whisper"], **options)
        assert type(modules._load()) is _whisper_families.WhisperFamily
        np.testing.assert_allclose(ours.frames, modules.encode([noise(n_samples)])[0].frames, atol=5e-5)

    @pytest.mark.parametrize("sliced", [False, True])
    def test_threads_do_not_change_them(self, folders, sliced):
        waves = [noise(n, seed) for seed, n in enumerate((LONG, 60_000, MEDIUM))]
        encoder = PretrainedEncoder(folders["whisper"], layer=(1, 3), whisper_slice_positions=sliced)
        expected = [encoder.encode([wave])[0].frames for wave in waves]
        before = torch.get_num_threads()
        torch.set_num_threads(3)
        try:
            found = [*(encoder.encode([wave])[0] for wave in waves), *encoder.encode(waves)]
            assert torch.get_num_threads() == 3
        finally:
            torch.set_num_threads(before)
        for frames, clip in zip(expected * 2, found, strict=True):
            np.testing.assert_array_equal(clip.frames, frames)

    @pytest.mark.parametrize(
        ("file", "changed"),
        [("config.json", {"activation_function": "relu"}), ("preprocessor_config.json", {"do_normalize": True})],
    )
    def test_what_no_released_one_does_is_left_to_transformers(self, folders, tmp_path, file, changed):
        folder = shutil.copytree(folders["whisper"], tmp_path / "whisper")
        (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | changed))
        encoder = PretrainedEncoder(folder)
        assert type(encoder._load()) is _whisper_families.WhisperFamily
        assert len(encoder.encode([noise(SHORT)])[0].frames) == 16

    def test_the_modules_do_not_keep_what_was_laid_out(self, folders):
        weights = _whisper_families._Released(_whisper_families.load_whisper(folders["whisper"]))
        assert "layers.0.fc1.weight" in weights
        assert weights["layers.0.fc1.weight"].shape == (24, 16)
        assert "layers.0.fc1.weight" not in weights


class TestLongClips:
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

    # Not WavLM: its position bias lets frames tell how far the window's ends are.
    @pytest.mark.parametrize("name", ["wav2vec2-group", "hubert-layer"])
    def test_a_steady_tone_has_no_step_where_windows_meet(self, folders, name, monkeypatch):
        # Neighbours overlap by more than the positional convolution's reach, as real ones do.
        monkeypatch.setattr(_families, "WINDOW_SECONDS", 4)
        # 100 Hz: two periods a frame, so that all frames hear the same.
        tone = np.sin(2 * np.pi * 100 * np.arange(15 * 16_000) / 16_000).astype(np.float32)
        (clip,) = PretrainedEncoder(folders[name]).encode([tone])
        inner = clip.frames[20:-20]
        assert np.abs(inner - inner[0]).max() < 1e-5
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


class TestPersistence:
    def test_a_folder_named_relatively_is_the_one_it_was(self, folders, tmp_path, monkeypatch):
        folder = next(iter(folders.values()))
        monkeypatch.chdir(folder.parent)
        encoder = PretrainedEncoder(folder.name)
        monkeypatch.chdir(tmp_path)
        key = PretrainedEncoder(folder).cache_key
        assert pickle.loads(pickle.dumps(encoder)).cache_key == encoder.cache_key == key

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
            ({"layer": (1, 2), "combine": "sum"}, 'must be "mean" or "concatenate"'),
            ({"layer": 2, "combine": "concatenate"}, r"puts a tuple of layers side by side.*got layer=2"),
            ({"layer": (2,), "combine": "concatenate"}, r"puts a tuple of layers side by side"),
            ({"layer": "weighted", "combine": "concatenate"}, r"puts a tuple of layers side by side"),
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
