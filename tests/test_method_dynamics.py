"""Eq. 1-2 against loops written from the equations; silence and unvoiced speech."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sere.method import (
    context_gate,
    dynamic_features,
    enhanced_representation,
    normalised_changes,
)


def speech(n_frames: int, seed: int = 0) -> np.ndarray:
    """Tracks of a voice with unvoiced stretches (f0 = 0)."""
    random = np.random.default_rng(seed)
    tracks = random.normal([150, 0.1, -20, 1500], [20, 0.03, 8, 300], (n_frames, 4))
    tracks[random.random(n_frames) < 0.3, 0] = 0
    return tracks


def changes_by_loop(tracks, eps, f0_of=lambda f: f):
    n_frames = len(tracks)
    result = [[0.0] * 4 for _ in range(n_frames)]
    for k in range(4):
        steps = {}
        for t in range(1, n_frames):
            now, before = tracks[t][k], tracks[t - 1][k]
            if k == 0:
                if now > 0 and before > 0:
                    steps[t] = f0_of(now) - f0_of(before)
            else:
                steps[t] = now - before
        if steps:
            mean = sum(abs(step) for step in steps.values()) / len(steps)
            for t, step in steps.items():
                result[t][k] = step / (mean + eps)
    return np.array(result)


@pytest.mark.parametrize(("f0_scale", "f0_of"), [("hz", lambda f: f), ("log", lambda f: 12 * math.log2(f))])
def test_changes_follow_equation_1(f0_scale, f0_of):
    tracks = speech(60)
    expected = changes_by_loop(tracks, 1e-3, f0_of)
    assert (tracks[:, 0] == 0).any()
    np.testing.assert_allclose(normalised_changes(tracks, 1e-3, f0_scale=f0_scale), expected, rtol=1e-10)


def test_voiced_mask_silences_pitch_steps_that_touch_an_unvoiced_frame():
    tracks = np.abs(speech(6)) + 1
    voiced = np.array([True, True, False, True, True, False])
    pitch = normalised_changes(tracks, voiced=voiced)[:, 0]
    assert (pitch != 0).tolist() == [False, True, False, False, True, False]
    masked = tracks.copy()
    masked[~voiced, 0] = 0
    np.testing.assert_array_equal(pitch, normalised_changes(masked)[:, 0])


@pytest.mark.parametrize("n_frames", [1, 2, 50])
@pytest.mark.parametrize("values", [[0, 0, 0, 0], [220, 0.1, -30, 1200]])
def test_silent_and_constant_clips_have_no_changes(n_frames, values):
    tracks = np.tile(np.array(values, dtype=np.float32), (n_frames, 1))
    np.testing.assert_array_equal(normalised_changes(tracks), np.zeros((n_frames, 4)))


def test_rounding_noise_on_a_constant_track_is_no_change():
    tracks = speech(20).astype(np.float32)
    tracks[:, 3] = np.where(np.arange(20) % 2, np.float32(1500), np.nextafter(np.float32(1500), 0))
    assert (normalised_changes(tracks)[:, 3] == 0).all()


def test_a_step_that_touches_a_missing_value_is_0_and_leaves_the_others():
    tracks = speech(10)
    tracks[:, 0] = 100 + np.arange(10) ** 2
    tracks[4, 1] = np.nan
    tracks[4, 0] = np.inf
    changes = normalised_changes(tracks)
    assert changes.isfinite().all()
    for k in (0, 1):
        assert (changes[:, k] == 0).nonzero().flatten().tolist() == [0, 4, 5]
    assert (changes[1:, 2:] != 0).all()


@given(arrays(np.int16, (12, 4)), st.integers(-20, 20))
@settings(max_examples=50, deadline=None)
def test_changes_do_not_depend_on_the_unit_of_a_track(tracks, power):
    ours = normalised_changes(tracks.astype(float), eps=0)
    scaled = normalised_changes(2.0**power * tracks, eps=0)
    np.testing.assert_array_equal(scaled, ours)
    assert ours.isfinite().all()


def test_mean_absolute_change_is_1():
    changes = normalised_changes(speech(200), eps=0)
    np.testing.assert_allclose(changes[1:, 1:].abs().mean(0), 1)


def test_unknown_pitch_scale_is_named():
    with pytest.raises(ValueError, match="'hz' or 'log', got 'mel'"):
        normalised_changes(speech(5), f0_scale="mel")


@pytest.mark.parametrize("n_gates", [1, 4])
def test_gate_and_dynamics_follow_the_equation(n_gates):
    random = np.random.default_rng(1)
    h, W, b = random.normal(size=(5, 3)), random.normal(size=(n_gates, 3)), random.normal(size=4)
    b = b[:n_gates]
    n = random.normal(size=(5, 4))
    D = dynamic_features(n, context_gate(h, W, b))
    for t in range(5):
        for k in range(4):
            gate = k if n_gates == 4 else 0
            w = 1 / (1 + math.exp(-(sum(W[gate, x] * h[t, x] for x in range(3)) + b[gate])))
            assert D[t, k].item() == pytest.approx(w * n[t, k])


def test_enhanced_representation_puts_scaled_dynamics_beside_the_context():
    h, D = torch.rand(6, 3), torch.rand(6, 4)
    z = enhanced_representation(h, D, 0.5)
    assert torch.equal(z[:, :3], h)
    assert torch.equal(z[:, 3:], D / 2)


def test_two_frames_have_one_change():
    found = normalised_changes(np.array([[100.0, 0.5, 3.0, 900.0], [110.0, 0.25, 4.0, 800.0]]))
    np.testing.assert_allclose(found[1], [1, -1, 1, -1], rtol=1e-6)


def test_a_missing_loudness_leaves_the_pitch():
    tracks = np.array([[100.0, 0.5, 0.0, 0.0], [110.0, np.nan, 0.0, 0.0], [105.0, 0.25, 0.0, 0.0]])
    np.testing.assert_allclose(normalised_changes(tracks)[1:, 0], [10 / 7.5, -5 / 7.5], rtol=1e-6)


def test_rounding_is_judged_by_the_values_of_a_step_alone():
    tracks = np.zeros((4, 4))
    tracks[:, 3] = 1e7, 100.0, 101.0, 100.0
    assert normalised_changes(tracks)[2:, 3].abs().min() > 0
