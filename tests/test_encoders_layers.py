"""The parts that learn: last layers, layer mix; and the windows over long clips."""

import pickle
from inspect import signature

import checkpoints
import numpy as np
import pytest
import torch
from checkpoints import noise, padded, plain_states
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.encoders import _families
from sere.encoders.layers import LayerMix, TopLayers
from sere.encoders.pretrained import PretrainedEncoder
from sere.encoders.windows import windows

transformers = pytest.importorskip("transformers")

SHORT, LONG = 5_000, 23_456


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    return {name: checkpoints.save_checkpoint(name, root / name) for name in checkpoints.ALL}


@pytest.fixture
def two_second_windows(monkeypatch):
    """Cut clips into windows of 2 s, so that a short clip is a long one."""
    monkeypatch.setattr(_families, "WINDOW_SECONDS", 2)


@given(n_frames=st.integers(1, 5_000), size=st.sampled_from([30, 100, 200, 1500]))
@settings(max_examples=200, deadline=None)
def test_windows_answer_for_every_frame_once_with_context(n_frames, size):
    plan = windows(n_frames, size)
    kept = [frame for _, _, first, last in plan for frame in range(first, last)]
    assert kept == list(range(n_frames))
    for start, stop, first, last in plan:
        assert 0 <= start <= first < last <= stop <= n_frames
        assert stop - start == min(size, n_frames)
        assert start == 0 or first - start >= size // 15
        assert stop == n_frames or stop - last >= size // 15


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
                # Whisper's layers took one more mask, and gave a tuple, before transformers 5.
                masks = [None] * ("layer_head_mask" in signature(layer.forward).parameters)
                hidden = layer(hidden, None, *masks)
                hidden = hidden[0] if isinstance(hidden, tuple) else hidden
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
