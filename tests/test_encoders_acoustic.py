"""Tests of sere.encoders.acoustic and the modules it is made of."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.encoders import _acoustic_functionals as functionals
from sere.encoders import _acoustic_spectrum as spectrum
from sere.encoders import _acoustic_voice as voice
from sere.encoders.acoustic import LOW_LEVEL_NAMES, AcousticEncoder, low_level

RATE = 16000


def track(n, f0=120.0, periodicity=0.9):
    """A flat pitch track for a clip of n samples."""
    count = 1 + n // 320
    return SimpleNamespace(f0=np.full(count, f0), periodicity=np.full(count, periodicity))


def vowel(f0=120.0, seconds=0.8, resonances=((500, 80), (1500, 120), (2500, 160)), period_jitter=0.0, noise=0.0):
    """A pulse train through a cascade of resonators, with known period lengths and formants."""
    from scipy.signal import lfilter

    rng = np.random.default_rng(0)
    n = int(seconds * RATE)
    wave = np.zeros(n)
    at = 0.0
    while at < n - 2:
        i = int(at)
        wave[i] += 1 - (at - i)
        wave[i + 1] += at - i
        at += RATE / f0 * (1 + period_jitter * rng.choice([-1, 1]))
    wave = lfilter([1.0], [1.0, -0.95], wave)
    for hertz, width in resonances:
        radius = np.exp(-np.pi * width / RATE)
        wave = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * hertz / RATE), radius**2], wave)
    wave = wave / np.abs(wave).max() * 0.5
    return (wave + noise * rng.normal(size=n)).astype(np.float32)


def median(wave, pitch, name):
    values, _ = low_level(wave, pitch)
    return float(np.nanmedian(values[5:-5, LOW_LEVEL_NAMES.index(name)]))


@pytest.mark.parametrize("hertz", [60.0, 400.0, 900.0, 1500.0])
def test_low_and_high_voices_keep_their_pitch(hertz):
    wave = vowel(hertz)
    semitones = median(wave, track(len(wave), hertz), "f0")
    assert semitones == pytest.approx(12 * np.log2(hertz / 27.5), abs=0.01)


CLIPS = {
    "one sample": np.zeros(1, np.float32),
    "one frame": np.full(200, 0.3, np.float32),
    "silence": np.zeros(RATE, np.float32),
    "constant": np.full(5000, 0.5, np.float32),
    "full scale noise": np.random.default_rng(0).uniform(-1, 1, 8000).astype(np.float32),
    "faint noise": (1e-6 * np.random.default_rng(0).normal(size=8000)).astype(np.float32),
    "vowel": vowel(),
}


@pytest.mark.parametrize("periodicity", [0.0, 1.0])
@pytest.mark.parametrize("clip", CLIPS)
def test_every_clip_gives_finite_named_columns(clip, periodicity):
    wave, encoder = CLIPS[clip], AcousticEncoder()
    [encoded] = encoder.encode([wave], [track(len(wave), periodicity=periodicity)])
    assert encoded.frames.shape == (1 + len(wave) // 320, len(encoder.frame_names))
    assert encoded.context.shape == (len(encoder.context_names),)
    assert encoded.frames.dtype == encoded.context.dtype == np.float32
    assert np.isfinite(encoded.frames).all()
    assert np.isfinite(encoded.context).all()


def test_pitch_that_is_nan_on_unvoiced_frames_is_understood():
    wave = vowel()
    pitch = track(len(wave))
    pitch.f0[::3], pitch.periodicity[::3] = np.nan, 0.0
    [encoded] = AcousticEncoder().encode([wave], [pitch])
    assert np.isfinite(encoded.frames).all()


def test_names_are_unique():
    encoder = AcousticEncoder()
    assert len(set(encoder.frame_names)) == len(encoder.frame_names)
    assert len(set(encoder.context_names)) == len(encoder.context_names)


def test_a_clip_gives_the_same_alone_and_in_company():
    waves = [vowel(), CLIPS["full scale noise"], vowel(200.0)]
    pitches = [track(len(w), f0) for w, f0 in zip(waves, (120.0, 90.0, 200.0))]
    together = AcousticEncoder().encode(waves, pitches)
    for wave, pitch, company in zip(waves, pitches, together):
        [alone] = AcousticEncoder().encode([wave], [pitch])
        np.testing.assert_array_equal(alone.frames, company.frames)
        np.testing.assert_array_equal(alone.context, company.context)


@pytest.mark.parametrize("pitches", [None, []])
def test_missing_pitch_tracks_are_named(pitches):
    with pytest.raises(ValueError, match="one pitch track a clip"):
        AcousticEncoder().encode([np.zeros(320, np.float32)], pitches)


def test_a_pitch_track_of_another_length_is_named_with_its_clip():
    with pytest.raises(ValueError, match=r"clip 1: 640 samples have 3 frames .* has 5"):
        AcousticEncoder().encode([np.zeros(640, np.float32)] * 2, [track(640), track(1280)])


def test_frames_are_centred_on_their_sample():
    wave = np.zeros(3200, np.float32)
    wave[5 * 320] = 1.0
    frames = spectrum.cut_frames(wave, spectrum.SHORT)
    assert frames.shape == (11, spectrum.SHORT)
    assert np.argmax(frames[5]) == spectrum.SHORT // 2
    assert not frames[3].any()


def test_power_spectrum_sums_to_the_power_of_a_sine():
    wave = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    power = spectrum.power_spectrum(spectrum.cut_frames(wave, spectrum.SHORT)[10:20], spectrum.SHORT)
    np.testing.assert_allclose(2 * power.sum(1) / spectrum.SHORT, 0.5, rtol=1e-3)
    assert (power.argmax(1) == 32).all()


def test_slope_weights_are_those_of_least_squares():
    levels = np.random.default_rng(0).normal(size=spectrum.SHORT // 2 + 1)
    bins = spectrum.band(spectrum.SHORT, 500, 1500)
    kilohertz = np.arange(len(levels)) * RATE / spectrum.SHORT / 1000
    expected = np.polyfit(kilohertz[bins], levels[bins], 1)[0]
    assert levels[bins] @ spectrum.slope_weights(spectrum.SHORT, 500, 1500) == pytest.approx(expected, rel=1e-4)


def spectral(wave, name):
    short = spectrum.power_spectrum(spectrum.cut_frames(wave, spectrum.SHORT), spectrum.SHORT)
    return np.median(spectrum.spectral_descriptors(short)[:, spectrum.SPECTRAL_NAMES.index(name)])


@pytest.mark.parametrize("name", [n for n in spectrum.SPECTRAL_NAMES if n != "loudness"])
def test_only_loudness_depends_on_the_recording_level(name):
    wave = vowel(noise=0.01)
    assert spectral(0.1 * wave, name) == pytest.approx(spectral(wave, name), rel=1e-2, abs=1e-2)
    assert spectral(0.1 * wave, "loudness") < 0.5 * spectral(wave, "loudness")


def test_brighter_sound_has_smaller_alpha_ratio_and_hammarberg_index_and_higher_centroid():
    dark = np.random.default_rng(0).normal(size=RATE).astype(np.float32)
    bright = np.diff(dark, prepend=0).astype(np.float32)
    assert spectral(bright, "alpha_ratio") < spectral(dark, "alpha_ratio")
    assert spectral(bright, "hammarberg") < spectral(dark, "hammarberg")
    assert spectral(bright, "centroid") > spectral(dark, "centroid")


@pytest.mark.parametrize("f0", [90.0, 130.0, 240.0])
def test_harmonicity_is_near_one_for_a_periodic_sound_and_low_for_noise(f0):
    def at_pitch(wave):
        frames = spectrum.cut_frames(wave, spectrum.LONG)[5:-5]
        return np.median(voice.harmonicity(frames, np.full(len(frames), f0)))

    assert at_pitch(vowel(f0)) > 0.98
    assert at_pitch(CLIPS["full scale noise"]) < 0.5


@pytest.mark.parametrize("error", [-0.05, 0.0, 0.05])
def test_periods_are_found_although_the_pitch_track_is_a_little_off(error):
    wave = vowel(125.0)
    count = 1 + len(wave) // 320
    frame, length, alike = voice.match_periods(wave, np.full(count, 125.0 * (1 + error)), np.ones(count, dtype=bool))
    inner = slice(5, -5)
    np.testing.assert_allclose(length[inner], RATE / 125.0, rtol=2e-3)
    assert (alike[inner] > 0.95).all()
    assert (np.diff(frame) >= 0).all()


def plain_likeness(wave, start, period):
    """Correlations of periods with the next in plain numpy."""
    phase = np.linspace(-0.5, 0.5, voice._POINTS, endpoint=False, dtype=np.float32)
    start, period = start[:, None], period[:, None]
    here = voice.read_between(wave[None], (start + period * phase).reshape(1, -1)).reshape(-1, 1, len(phase))
    offsets = (1.0 + voice._SHIFTS[:, None] + phase).reshape(-1)
    after = voice.read_between(wave[None], (start + period * offsets).reshape(1, -1))
    after = after.reshape(-1, len(voice._SHIFTS), len(phase))
    here = here - here.mean(2, keepdims=True)
    after = after - after.mean(2, keepdims=True)
    norm = np.sqrt((here**2).sum(2) * (after**2).sum(2)) + 1e-9
    return (here * after).sum(2) / norm


@pytest.mark.parametrize("n_samples", [400, 8000])
def test_compiled_matching_of_periods_is_that_of_the_readable_twin(n_samples):
    rng = np.random.default_rng(n_samples)
    wave = rng.normal(size=n_samples).astype(np.float32)
    start, period = rng.uniform(0, n_samples, 40), rng.uniform(20, 300, 40)
    found = voice.likeness(wave, start, period)
    np.testing.assert_allclose(found, plain_likeness(wave, start, period), atol=2e-5)
    assert voice.likeness(wave, start[:0], period[:0]).shape == (0, found.shape[1])


def test_jitter_grows_with_the_irregularity_of_the_periods():
    pitch = track(len(vowel()))
    even, uneven = (median(vowel(period_jitter=j), pitch, "jitter") for j in (0.0, 0.03))
    assert even < 0.002
    assert 0.01 < uneven < 0.06


def test_noise_lowers_hnr_and_the_cepstral_peak():
    pitch = track(len(vowel()))
    for name in ("hnr", "cpp", "alikeness"):
        assert median(vowel(noise=0.05), pitch, name) < median(vowel(), pitch, name)


@pytest.mark.parametrize("formant", [(350, 1900), (700, 1200)])
def test_formants_are_found_where_the_resonators_are(formant):
    wave = vowel(100.0, resonances=((formant[0], 60), (formant[1], 90), (2700, 120), (3600, 200)))
    for k, hertz in enumerate(formant, 1):
        assert median(wave, track(len(wave), 100.0), f"f{k}") == pytest.approx(hertz, rel=0.12)


def test_linear_prediction_solves_the_normal_equations():
    rng = np.random.default_rng(0)
    short = rng.uniform(0.5, 2.0, (3, spectrum.SHORT // 2 + 1))
    found = voice.linear_prediction(short)
    top = int(5500 * spectrum.SHORT / RATE)
    for row, power in zip(found, short):
        emphasis = np.abs(1 - 0.97 * np.exp(-2j * np.pi * np.arange(top + 1) / spectrum.SHORT)) ** 2
        shaped = power[: top + 1] * emphasis
        r = np.fft.irfft(shaped) * 2 * top
        r[0] = r[0] * (1 + 1e-5) + 1e-12
        matrix = np.array([[r[abs(i - j)] for j in range(11)] for i in range(11)])
        np.testing.assert_allclose(row[1:], np.linalg.solve(matrix, -r[1:12]), rtol=1e-6)


def test_voice_descriptors_are_defined_on_voiced_frames_only():
    wave = np.concatenate([vowel(), np.zeros(8000, np.float32)])
    values, voiced = low_level(wave, track(len(wave)))
    of_voice = values[:, : 1 + len(voice.VOICE_NAMES)]
    assert voiced[5:30].all()
    assert not voiced[-20:].any()
    assert np.isnan(of_voice[~voiced]).all()
    assert np.isfinite(values[:, 1 + len(voice.VOICE_NAMES) :]).all()


def test_f0_is_in_semitones_above_27_5_hz():
    assert median(vowel(110.0), track(len(vowel()), 110.0), "f0") == pytest.approx(24.0, abs=1e-5)


values_with_gaps = (
    st.integers(0, 10**6)
    .map(lambda seed: np.random.default_rng(seed))
    .map(lambda r: (np.where(r.random((40, 3)) < 0.3, np.nan, r.normal(5, 2, (40, 3))), r.uniform(0.1, 3, 40)))
)


@settings(max_examples=25, deadline=None)
@given(values_with_gaps)
def test_windows_are_the_weighted_moments_of_their_frames_and_of_the_clip(case):
    values, weight = case
    mean, deviation = functionals.windowed(values, weight, np.zeros(3))
    scaled = weight / weight.mean()
    for d in range(3):
        known = np.isfinite(values[:, d])
        clip = np.average(values[known, d], weights=weight[known])
        variance = np.average((values[known, d] - clip) ** 2, weights=weight[known])
        for t in range(40):
            inside = [j for j in range(max(0, t - 11), min(40, t + 12)) if known[j]]
            total = functionals.PRIOR + sum(scaled[j] for j in inside)
            m = (functionals.PRIOR * clip + sum(scaled[j] * values[j, d] for j in inside)) / total
            second = functionals.PRIOR * (variance + clip**2) + sum(scaled[j] * values[j, d] ** 2 for j in inside)
            assert mean[t, d] == pytest.approx(m, rel=1e-9)
            assert deviation[t, d] == pytest.approx(np.sqrt(second / total - m**2), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(values_with_gaps, st.floats(0.01, 100))
def test_only_proportions_of_the_weights_matter(case, factor):
    values, weight = case
    for function in (functionals.moments, functionals.windowed):
        for a, b in zip(function(values, weight, np.zeros(3)), function(values, factor * weight, np.zeros(3))):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_what_no_frame_defines_takes_its_default_without_spread():
    values = np.full((30, 2), np.nan)
    values[:, 1] = 4.0
    mean, deviation = functionals.windowed(values, np.ones(30), np.array([7.0, 0.0]))
    np.testing.assert_allclose(mean, [[7.0, 4.0]] * 30)
    np.testing.assert_allclose(deviation, 0.0, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.floats(-50, 50), st.floats(0, 50))
def test_variation_is_bounded_and_blind_to_scale(mean, deviation):
    one = functionals.variation(np.array([mean]), np.array([deviation]))
    assert 0 <= one[0] <= 1
    if abs(mean) + deviation > 1e-2:
        other = functionals.variation(np.array([10 * mean]), np.array([10 * deviation]))
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_contours_of_a_known_course():
    rising = np.linspace(20.0, 30.0, 101)
    points = dict(zip(functionals.F0_CONTOUR_NAMES, functionals.f0_contour(rising, 0.0)))
    assert points["p50"] == pytest.approx(25.0, abs=0.1)
    assert points["range"] == pytest.approx(6.0, abs=0.1)
    loud = dict(zip(functionals.LOUDNESS_CONTOUR_NAMES, functionals.loudness_contour(rising)))
    assert loud["rise_mean"] == pytest.approx(5.0, rel=0.02)
    assert loud["fall_mean"] == 0.0


def test_clips_without_voice_take_the_default_pitch():
    assert functionals.f0_contour(np.full(10, np.nan), 31.0) == [31.0] * 5 + [0.0]


def test_a_higher_louder_voice_shows_in_the_context():
    encoder = AcousticEncoder()
    calm, excited = 0.2 * vowel(110.0), vowel(220.0)
    a, b = (
        dict(zip(encoder.context_names, clip.context))
        for clip in encoder.encode([calm, excited], [track(len(calm), 110.0), track(len(excited), 220.0)])
    )
    assert b["f0_voiced_mean"] - a["f0_voiced_mean"] == pytest.approx(12.0, abs=1e-3)
    assert b["loudness_mean"] > a["loudness_mean"]
