import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.audio import n_frames, read
from sere.tracks import spectral
from sere.tracks.spectrum import FRAME_LENGTH, mel_filters, spectral_reference

CORPORA = Path(os.environ.get("SERE_CORPORA", "/nowhere"))
FILES = [
    sorted(CORPORA.glob(f"{name}/**/*.flac"))[7] for name in ("casia", "emodb", "emovo") if (CORPORA / name).is_dir()
]


def noise(n_samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=n_samples) * rng.uniform(0.001, 0.3)).astype(np.float32)


def assert_tracks_equal(found, expected):
    for track, reference, least in zip(found, expected, [1e-6, 10.0, 1e-6], strict=True):
        assert track.dtype == np.float32
        np.testing.assert_allclose(track, reference, rtol=0, atol=1e-6 * max(np.abs(reference).max(), least))


def test_mel_filters_are_librosas():
    from librosa.filters import mel

    found, expected = mel_filters(), mel(sr=16_000, n_fft=FRAME_LENGTH, n_mels=128)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(found > 0, expected > 0)


@pytest.mark.filterwarnings("ignore:n_fft=1024 is too large")
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30000), st.integers(0, 1000))
def test_tracks_are_librosas(n_samples, seed):
    wave = noise(n_samples, seed)
    assert_tracks_equal(spectral(wave), spectral_reference(wave))


@pytest.mark.parametrize("hertz", [55.0, 440.0, 7000.0])
def test_a_pure_tone_is_measured_as_by_librosa(hertz):
    tone = np.sin(2 * np.pi * hertz * np.arange(20000) / 16000).astype(np.float32)
    assert_tracks_equal(spectral(tone), spectral_reference(tone))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_tracks_are_librosas_on_speech(path):
    wave = read(str(path))
    assert_tracks_equal(spectral(wave), spectral_reference(wave))


def test_rms_and_centroid_follow_their_definitions():
    wave = noise(2000)
    found = spectral(wave)
    padded = np.pad(wave.astype(np.float64), FRAME_LENGTH // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_LENGTH) / FRAME_LENGTH)
    for t in range(n_frames(len(wave))):
        frame = padded[320 * t :][:FRAME_LENGTH]
        magnitude = np.abs(np.fft.rfft(frame * window))
        hertz = np.arange(len(magnitude)) * 16000 / FRAME_LENGTH
        assert found.rms[t] == pytest.approx(np.sqrt((frame**2).mean()), rel=1e-5)
        assert found.centroid[t] == pytest.approx((magnitude * hertz).sum() / magnitude.sum(), rel=1e-5)


def test_silence_is_measured_as_zero():
    found = spectral(np.zeros(5000, dtype=np.float32))
    np.testing.assert_array_equal(found.rms, 0)
    np.testing.assert_array_equal(found.centroid, 0)
    np.testing.assert_allclose(found.mfcc2, 0, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5000))
def test_every_track_has_a_value_every_20_ms(n_samples):
    assert {len(track) for track in spectral(noise(n_samples))} == {n_frames(n_samples)}


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 10))
def test_loudness_scales_rms_and_leaves_centroid(gain):
    wave = noise(4000)
    quiet, loud = spectral(wave), spectral(np.float32(gain) * wave)
    np.testing.assert_allclose(loud.rms, np.float32(gain) * quiet.rms, rtol=1e-5)
    np.testing.assert_allclose(loud.centroid, quiet.centroid, rtol=1e-5)
