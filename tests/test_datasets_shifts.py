"""Shifted targets: what a change of audio does to the samples, and that nothing but the target changes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sere.datasets import SHIFTS, make_shifted_task, make_task, make_voices, shifted_clips
from sere.datasets.shifts import band_passed, changes_audio, middle, shifted_wave, with_gain, with_noise

RATE = 16_000


def tone(hertz, seconds=1.0, level=0.3):
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def power(wave):
    return float(np.mean(np.square(wave, dtype=float)))


@pytest.mark.parametrize("snr", [20.0, 10.0])
def test_noise_lies_as_far_below_the_clip_as_asked(snr):
    wave = tone(440)
    noise = with_noise(wave, snr) - wave
    assert 10 * np.log10(power(wave) / power(noise)) == pytest.approx(snr, abs=0.2)
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    assert spectrum[:4000].sum() == pytest.approx(spectrum[4000:8000].sum(), rel=0.1)


def test_the_same_clip_gets_the_same_noise_and_another_clip_other_noise():
    wave, other = tone(440), tone(441)
    np.testing.assert_array_equal(with_noise(wave, 10), with_noise(wave.copy(), 10))
    assert np.abs(np.corrcoef(with_noise(wave, 10) - wave, with_noise(other, 10) - other)[0, 1]) < 0.1


def test_quiet_scales_and_loud_cuts_at_full_scale():
    wave = tone(440)
    np.testing.assert_allclose(with_gain(wave, -20), wave / 10, atol=1e-7)
    loud = with_gain(wave, 20)
    assert np.abs(loud).max() == 1
    assert np.mean(np.abs(loud) == 1) > 0.5


def test_the_band_passes_what_a_telephone_passes():
    assert power(band_passed(tone(1000))) == pytest.approx(power(tone(1000)), rel=0.02)
    for hertz in (60, 7000):
        assert power(band_passed(tone(hertz))) < 0.01 * power(tone(hertz))


def test_the_middle_is_cut_out_evenly_and_short_clips_stay():
    wave = np.arange(3 * RATE, dtype=np.float32)
    kept = middle(wave, 1.0)
    np.testing.assert_array_equal(kept, wave[RATE : 2 * RATE])
    np.testing.assert_array_equal(middle(wave[:500], 1.0), wave[:500])


@given(n=st.integers(1, 80), shift=st.sampled_from([shift for shift in SHIFTS if changes_audio(shift)]))
def test_clips_of_a_few_samples_stay_finite(n, shift):
    wave = np.random.default_rng(n).normal(0, 0.1, n).astype(np.float32)
    changed = shifted_wave(wave, shift)
    assert changed.shape == (n,)
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()


@pytest.fixture(scope="module")
def corpora():
    emotions = ("anger", "neutral", "sadness")
    voices = make_voices(n_per_emotion=6, n_speakers=3, emotions=emotions, duration=0.5, random_state=0)
    return [part.reset_index(drop=True) for _, part in voices.groupby("language")]


def test_shifted_clips_keep_their_rows_and_what_is_known_of_them(corpora):
    clips = corpora[1].iloc[3:8]
    changed = shifted_clips(clips, "quiet")
    assert changed.index.tolist() == clips.index.tolist()
    assert changed["speaker"].tolist() == clips["speaker"].tolist()
    for before, after in zip(clips["audio"], changed["audio"]):
        np.testing.assert_allclose(after, np.asarray(before) / 10, atol=1e-6)


def test_a_segment_of_a_file_is_changed_as_a_segment(corpora, tmp_path):
    import soundfile

    wave = np.asarray(corpora[0]["audio"][0], dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    listed = pd.DataFrame({"path": [str(tmp_path / "a.wav")], "start": [0.1], "end": [0.3], "speaker": ["x"]})
    changed = shifted_clips(listed, "quiet")
    assert sorted(changed) == ["audio", "speaker"]
    np.testing.assert_allclose(changed["audio"][0], wave[1600:4800] / 10, atol=1e-6)


@pytest.mark.parametrize("transductive", [True, False])
def test_only_the_target_is_shifted(corpora, transductive):
    options = {"shots": 2, "random_state": 3, "transductive": transductive}
    plain, shifted = make_task(*corpora, **options), make_shifted_task(*corpora, "quiet", **options)
    for name in ("X_labeled", "X_unlabeled_src"):
        pd.testing.assert_frame_equal(plain[name], shifted[name])
    assert plain.y_test.tolist() == shifted.y_test.tolist()
    for name in ("X_unlabeled_tgt", "X_test"):
        for before, after in zip(plain[name]["audio"], shifted[name]["audio"]):
            np.testing.assert_allclose(after, np.asarray(before) / 10, atol=1e-6)


def test_a_skewed_target_is_mostly_neutral_and_its_labels_stay(corpora):
    task = make_shifted_task(*corpora, "skew", shots=2)
    assert task.labels == ["anger", "neutral", "sadness"]
    assert np.mean(task.y_test == "neutral") == pytest.approx(0.65, abs=0.1)


def test_a_skew_needs_neutral_in_both_corpora(corpora):
    source = corpora[0][corpora[0]["emotion"] != "neutral"]
    with pytest.raises(ValueError, match="mostly neutral, which the two corpora do not share"):
        make_shifted_task(source, corpora[1], "skew", shots=2)


def test_no_shift_changes_nothing_and_an_unknown_one_lists_those_there_are(corpora):
    assert shifted_clips(corpora[0], "none") is corpora[0]
    with pytest.raises(ValueError, match=r"no shift 'louder'.*noise20"):
        make_shifted_task(*corpora, "louder")
