"""Instantaneous dynamic features: Eq. 1 on tracked clips, finite whatever is heard, each clip by itself."""

import inspect

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sere import DynamicFeatureTransformer, audio
from sere.estimators.dynamics import PITCH_RANGE, SUMMARY_NAMES, VOICED, as_pitch, static_tracks
from sere.inputs.params import resolve_device
from sere.inputs.reading import as_utterances

ODD = {
    "digital silence": np.zeros(8000),
    "one sample": np.ones(1),
    "10 ms": np.random.default_rng(0).normal(0, 0.1, 160),
    "a constant": np.full(8000, 0.5),
    "one click": np.eye(1, 8000, 4000)[0],
    "noise": np.random.default_rng(0).normal(0, 0.1, 8000),
    "clipped": np.sign(np.sin(np.arange(8000) / 10)),
    "almost nothing": np.random.default_rng(0).normal(0, 1e-9, 8000),
    "far too loud": np.random.default_rng(0).normal(0, 3.0, 8000),
}


@pytest.mark.parametrize("sound", ODD)
def test_dynamics_are_finite_whatever_is_heard(sound):
    found = DynamicFeatureTransformer().fit_transform([ODD[sound]])
    assert found.dynamics[0].shape == (audio.n_frames(len(ODD[sound])), 4)
    assert np.isfinite(found.dynamics[0]).all()
    assert np.isfinite(np.asarray(found)).all()


def test_silence_does_not_change():
    assert not DynamicFeatureTransformer().fit_transform([np.zeros(8000)]).dynamics[0].any()


def equation_1(tracks, voiced, scale, eps):
    """The words of the paper, frame by frame; f0 changes only between voiced frames."""
    changes = np.zeros((len(tracks), 4))
    for k in range(4):
        steps = []
        for t in range(1, len(tracks)):
            before, now = float(tracks[t - 1, k]), float(tracks[t, k])
            if k == 0 and not (voiced[t] and voiced[t - 1]):
                continue
            if k == 0 and scale == "semitones":
                before, now = 12 * np.log2(before), 12 * np.log2(now)
            steps.append((t, now - before))
        mean = np.mean([abs(step) for _, step in steps]) if steps else 0
        for t, step in steps:
            changes[t, k] = step / (mean + eps)
    return changes


@pytest.mark.parametrize("scale", ["semitones", "hz"])
def test_dynamics_are_equation_1(source, scale):
    utterances = as_utterances(source[:2])
    found = DynamicFeatureTransformer(f0_scale=scale, eps=1e-6).fit_transform(utterances)
    for row, arrays in enumerate(static_tracks(utterances.clips, "tiny")):
        voiced = as_pitch(arrays).periodicity >= VOICED
        assert voiced.any()
        expected = equation_1(arrays["tracks"], voiced, scale, 1e-6)
        np.testing.assert_allclose(found.dynamics[row], expected, rtol=1e-4, atol=1e-4)


def test_the_scale_of_f0_changes_pitch_alone(source):
    semitones, hertz = (DynamicFeatureTransformer(f0_scale=s).fit_transform(source[:1]) for s in ("semitones", "hz"))
    assert not np.allclose(semitones.dynamics[0][:, 0], hertz.dynamics[0][:, 0])
    np.testing.assert_array_equal(semitones.dynamics[0][:, 1:], hertz.dynamics[0][:, 1:])


def test_a_larger_eps_makes_smaller_changes(source):
    small, large = (DynamicFeatureTransformer(eps=eps).fit_transform(source[:1]).dynamics[0] for eps in (1e-6, 1.0))
    assert np.abs(large).sum() < np.abs(small).sum()


def test_the_pitch_model_decides_the_pitch(source):
    tiny, full = (DynamicFeatureTransformer(pitch_model=m).fit_transform(source[:1]) for m in ("tiny", "full"))
    assert (tiny.pitch_model, full.pitch_model) == ("tiny", "full")
    assert not np.array_equal(tiny.pitches[0].f0, full.pitches[0].f0)


@given(st.permutations(range(6)))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_clip_depends_on_nothing_but_itself(source, order):
    transformer = DynamicFeatureTransformer().fit(source)
    np.testing.assert_array_equal(
        np.asarray(transformer.transform(source.iloc[order])), np.asarray(transformer.transform(source[:6]))[order]
    )


def test_louder_is_no_other_dynamics(source):
    wave = source["audio"][0].astype(float)
    quiet, loud = DynamicFeatureTransformer().fit_transform([0.25 * wave, wave]).dynamics
    np.testing.assert_allclose(quiet[:, 1], loud[:, 1], atol=0.02)


def test_summary_columns_have_names(source):
    transformer = DynamicFeatureTransformer()
    found = transformer.fit_transform(source[:3])
    assert transformer.get_feature_names_out().tolist() == list(SUMMARY_NAMES) == found.feature_names
    assert np.asarray(found).shape == (3, len(SUMMARY_NAMES))
    assert len(set(SUMMARY_NAMES)) == len(SUMMARY_NAMES)


def test_the_summary_tells_length_level_and_pitch():
    t = np.arange(16000) / 16000
    tone = sum(np.sin(2 * np.pi * 220 * k * t) / k for k in range(1, 8)) * 0.1
    transformer = DynamicFeatureTransformer()
    names = list(SUMMARY_NAMES)
    low, short, quiet = np.asarray(transformer.fit_transform([tone, tone[:8000], tone * 0.1]))
    assert low[names.index("f0_p50")] == pytest.approx(36, abs=0.5)  # 220 Hz, three octaves above 27.5 Hz
    assert low[names.index("voiced_share")] > 0.9
    assert low[names.index("seconds")] == pytest.approx(1.02)
    assert short[names.index("seconds")] == pytest.approx(0.52)
    assert low[names.index("rms_p50")] - quiet[names.index("rms_p50")] == pytest.approx(20, abs=0.1)


def test_the_floor_and_the_ceiling_bound_the_pitch_and_are_remembered(source):
    low, high = (
        DynamicFeatureTransformer(pitch_floor=floor, pitch_ceiling=ceiling).fit_transform(source[:1])
        for floor, ceiling in ((40, 120), (300.0, 900.0))
    )
    assert low.pitches[0].f0.max() < 122
    assert high.pitches[0].f0.min() > 295
    assert (low.pitch_range, high.pitch_range) == ((40.0, 120.0), (300.0, 900.0))


def test_the_range_of_pitch_is_that_of_the_tracks():
    from sere.tracks import pitch

    names = inspect.signature(pitch).parameters
    assert (names["fmin"].default, names["fmax"].default) == PITCH_RANGE


@pytest.mark.parametrize(("floor", "ceiling"), [(300, 200), (100, 100)])
def test_a_floor_that_is_not_below_the_ceiling_is_refused(source, floor, ceiling):
    with pytest.raises(ValueError, match=r"pitch_floor=.*must lie below pitch_ceiling="):
        DynamicFeatureTransformer(pitch_floor=floor, pitch_ceiling=ceiling).fit_transform(source[:1])


@pytest.mark.parametrize("name", ["pitch_floor", "pitch_ceiling"])
@pytest.mark.parametrize("value", [20, 3000, np.nan])
def test_a_frequency_that_crepe_cannot_hear_is_refused(source, name, value):
    with pytest.raises(ValueError, match=f"{name} .*32.*2006"):
        DynamicFeatureTransformer(**{name: value}).fit_transform(source[:1])


@pytest.mark.parametrize(("name", "value"), [("pitch_model", "huge"), ("f0_scale", "mel"), ("eps", 0), ("eps", -1.0)])
def test_parameters_out_of_range_are_an_error_that_names_them(name, value):
    with pytest.raises(ValueError, match=name):
        DynamicFeatureTransformer(**{name: value}).fit([np.zeros(1000)])


def test_auto_stands_for_a_device_and_a_device_for_itself():
    import torch

    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device("cpu") == "cpu"


def test_feature_vectors_have_no_dynamics():
    from sere.inputs.reading import as_vectors

    with pytest.raises(TypeError, match="dynamics need audio"):
        DynamicFeatureTransformer().extract(as_vectors(np.zeros((2, 3))))
