"""Tests of sere.encoders.egemaps."""

import pickle
import sys

import numpy as np
import pytest

from sere.encoders import egemaps


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, n).astype(np.float32)


def test_without_opensmile_the_error_says_what_to_install_and_under_which_licence(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(ImportError, match=r'pip install "sere\[egemaps\]".*research'):
        egemaps.EgemapsEncoder()


def test_rows_of_the_20_ms_grid_are_those_whose_windows_are_centred_there():
    values = np.arange(10.0).repeat(2).reshape(10, 2)
    taken = egemaps.every_20_ms(values, 6, np.array([1, 3]))
    np.testing.assert_array_equal(taken.T, [[0, 1, 3, 5, 7, 9], [0, 0, 1, 3, 5, 7]])


@pytest.mark.parametrize("n", [1, 320, 959, 8000])
def test_every_clip_gives_finite_named_columns(n):
    pytest.importorskip("opensmile")
    encoder = egemaps.EgemapsEncoder()
    [clip] = encoder.encode([noise(n)])
    assert clip.frames.shape == (1 + n // 320, len(encoder.frame_names))
    assert clip.context.shape == (88,)
    assert len(encoder.context_names) == 88
    assert np.isfinite(clip.frames).all()
    assert np.isfinite(clip.context).all()
    assert clip.frames.dtype == clip.context.dtype == np.float32


def test_context_is_what_opensmile_gives():
    opensmile = pytest.importorskip("opensmile")
    wave = noise(16000)
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals
    )
    [clip] = egemaps.EgemapsEncoder().encode([wave])
    np.testing.assert_allclose(clip.context, smile.process_signal(wave, 16000).to_numpy()[0], rtol=1e-6)


def test_encoder_pickles_and_gives_the_same_afterwards():
    pytest.importorskip("opensmile")
    encoder = egemaps.EgemapsEncoder()
    twin = pickle.loads(pickle.dumps(encoder))
    [a], [b] = encoder.encode([noise(4000)]), twin.encode([noise(4000)])
    np.testing.assert_array_equal(a.frames, b.frames)
    assert encoder.cache_key == twin.cache_key


def test_a_peak_at_full_scale_is_no_click():
    pytest.importorskip("opensmile")
    rate = 16_000
    time = np.arange(rate) / rate
    voice = (0.7 * np.sin(2 * np.pi * 150 * time) + 0.3 * np.sin(2 * np.pi * 450 * time)).astype(np.float32)
    quiet, loud = voice / np.abs(voice).max() * np.float32(0.999), voice / np.abs(voice).max()
    below, at = egemaps.EgemapsEncoder().encode([quiet, loud])
    assert np.isclose(at.context, below.context, rtol=0.02, atol=0.05).mean() > 0.95
