"""Facts of waveforms: what is seen, that it is finite, and that it costs no second look."""

import numpy as np
import pytest
import soundfile

from sere.audio import Clip
from sere.checks.facts import COLUMNS, Facts, facts, facts_of
from sere.encoders.experience import audio_digest

RATE = 16_000
RANDOM = np.random.default_rng(0)
TIME = np.arange(RATE) / RATE


def fact(wave, name):
    return float(facts(np.asarray(wave, dtype="f4"))[COLUMNS.index(name)])


def buzz(hertz=120.0, seconds=1.0):
    """A pulse train: as periodic as a voice, with a spectrum up to 8 kHz."""
    wave = np.zeros(int(seconds * RATE), dtype="f4")
    wave[:: int(RATE / hertz)] = 0.5
    return wave


ODD = {
    "silence": np.zeros(4000),
    "one sample": np.ones(1),
    "two samples": np.array([1.0, -1.0]),
    "a click": np.eye(1, 4000, 2000)[0],
    "offset": np.full(4000, 0.3),
    "noise": RANDOM.normal(0, 0.1, 4000),
    "very loud": RANDOM.normal(0, 1e30, 4000),
    "hardly there": RANDOM.normal(0, 1e-30, 4000),
}


@pytest.mark.parametrize("sound", ODD)
def test_facts_of_any_wave_are_finite(sound):
    assert np.isfinite(facts(ODD[sound].astype("f4"))).all()


def test_level_is_that_of_the_loud_parts_below_full_scale():
    sine = np.sin(2 * np.pi * 200 * TIME)
    assert fact(sine, "level") == pytest.approx(-3.0, abs=0.05)
    assert fact(1e-4 * sine, "level") == pytest.approx(-83.0, abs=0.05)
    half = np.where(TIME < 0.5, sine, 0.001 * sine)
    assert fact(half, "level") == pytest.approx(-3.0, abs=0.05)
    assert fact(half, "span") == pytest.approx(60.0, abs=0.5)
    assert fact(half, "peak") == pytest.approx(1.0, abs=0.01)


def test_an_offset_is_told_from_sound():
    sine = 0.1 * np.sin(2 * np.pi * 200 * TIME)
    assert fact(sine, "offset") < 0.01
    assert fact(sine + 0.1, "offset") == pytest.approx(np.sqrt(2 / 3), abs=0.01)
    assert fact(np.full(RATE, 0.3), "offset") == pytest.approx(1.0)
    assert fact(np.full(RATE, 0.3), "peak") < 1e-6


def test_a_voice_repeats_and_noise_does_not():
    assert fact(buzz(), "voiced") > 0.9
    assert fact(RANDOM.normal(0, 0.1, 10 * RATE), "voiced") < 0.01
    assert fact(np.zeros(RATE), "voiced") == 0


def test_a_telephone_cuts_what_is_above_four_kilohertz():
    import soxr

    wide = buzz()
    phone = soxr.resample(soxr.resample(wide, RATE, 8000), 8000, RATE)
    assert fact(wide, "beyond_phone") > -10
    assert fact(phone, "beyond_phone") < -60


def test_cut_peaks_are_counted():
    speech = np.sin(2 * np.pi * 130 * TIME) * np.sin(2 * np.pi * 3 * TIME)
    assert fact(np.clip(5 * speech, -1, 1), "at_peak") > 0.3
    assert fact(buzz() + RANDOM.normal(0, 0.02, RATE), "at_peak") < 0.001


def test_an_hour_is_looked_at_in_bounded_memory():
    import tracemalloc

    hour = np.resize(buzz(), 3600 * RATE)
    tracemalloc.start()
    assert fact(hour, "seconds") == 3600
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * hour.nbytes


def test_facts_come_from_the_store_once_they_are_there(tmp_path, monkeypatch):
    path = str(tmp_path / "a.wav")
    soundfile.write(path, buzz(), RATE)
    clips = [Clip(path), Clip(buzz(200.0)), Clip(path, start=0.25)]
    options = {"cache": tmp_path / "store", "n_jobs": None, "verbose": 0}
    first = facts_of(clips, **options)
    assert isinstance(first, Facts)
    assert first.seconds.tolist() == [1.0, 1.0, 0.75]
    assert [f"{digest:016x}" for digest in first.digest.tolist()] == [audio_digest(clip) for clip in clips]
    monkeypatch.setattr(Clip, "load", None)
    again = facts_of(clips, **options)
    np.testing.assert_array_equal(again.voiced, first.voiced)
    np.testing.assert_array_equal(again.digest, first.digest)


def test_clips_that_can_no_longer_be_read_have_no_facts(tmp_path):
    assert facts_of([Clip(buzz()), Clip(str(tmp_path / "gone.wav"))], cache=False, n_jobs=None, verbose=0) is None
