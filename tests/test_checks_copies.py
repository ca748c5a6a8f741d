"""A recording is known again by its fingerprint, and another of the same words is not taken for it."""

import io

import numpy as np
import pytest
import soundfile

from sere.audio import Clip
from sere.checks import copies
from sere.checks.copies import BANDS, PARTS, fingerprint, recordings
from sere.datasets import make_voices

RATE = 16_000


@pytest.fixture(scope="module")
def waves():
    """Clips of two speakers in a quiet room, with a tenth of a second before and behind."""
    rng = np.random.default_rng(0)
    clips = make_voices(n_per_emotion=4, languages=["lumo"], n_speakers=2, emotions=["anger", "sadness"])["audio"]
    padded = [np.pad(wave, 1600) for wave in clips]
    return [(wave + rng.normal(0, 1e-4, len(wave))).astype("f4") for wave in padded]


def coded(wave, form, subtype):
    stream = io.BytesIO()
    soundfile.write(stream, wave, RATE, format=form, subtype=subtype)
    return Clip(stream.getvalue()).load()


COPIES = {
    "quieter": lambda wave: 0.05 * wave,
    "on an offset": lambda wave: wave + np.float32(0.2),
    "trimmed": lambda wave: wave[700:-900],
    "with more silence": lambda wave: np.pad(wave, (5000, 100)),
    "through Vorbis": lambda wave: coded(wave, "OGG", "VORBIS"),
    "through MP3": lambda wave: coded(wave, "MP3", "MPEG_LAYER_III"),
    "in eight bits, mu-law": lambda wave: coded(wave, "WAV", "ULAW"),
}


def numbers(waves, n_first=0):
    prints, seconds = zip(*map(fingerprint, waves), strict=True)
    digests = np.array([hash(wave.tobytes()) for wave in waves])
    return recordings(digests, np.array(prints), np.array(seconds), n_first)


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_is_the_recording_that_it_is_of(change, waves):
    found = numbers([*waves, *map(COPIES[change], waves)])
    assert found[: len(waves)].tolist() == found[len(waves) :].tolist()
    assert len(set(found)) == len(waves)


def test_other_recordings_are_others(waves):
    backwards = [wave[::-1] for wave in waves]
    assert len(set(numbers([*waves, *backwards]))) == 2 * len(waves)


ODD = {
    "silence": np.zeros(RATE),
    "one sample": np.ones(1),
    "too short": np.random.default_rng(0).normal(size=RATE // 4),
    "too long": np.ones(61 * RATE),
}


@pytest.mark.parametrize("sound", ODD)
def test_what_cannot_be_told_from_others_has_no_fingerprint(sound):
    seen, seconds = fingerprint(ODD[sound].astype("f4"))
    assert seen.shape == (BANDS * PARTS,)
    assert (seconds, np.abs(seen).max()) == (0.0, 0)


@pytest.mark.parametrize("loud", [1e-30, 1.0, 1e30])
def test_a_fingerprint_is_of_any_level(loud, waves):
    seen, seconds = fingerprint((np.float64(loud) * waves[0]).astype("f4"))
    assert 0.5 < seconds < len(waves[0]) / RATE
    assert np.abs(seen.astype(int) - fingerprint(waves[0])[0]).max() <= 1


def test_clips_without_a_fingerprint_are_the_same_where_their_samples_are():
    prints, none = np.zeros((4, BANDS * PARTS), np.int8), np.zeros(4)
    found = recordings(np.array([7, 8, 7, 9]), prints, none, 0)
    assert found[0] == found[2]
    assert len(set(found)) == 3


def test_copies_of_copies_are_one_recording():
    rng = np.random.default_rng(0)
    first = rng.integers(-60, 60, BANDS * PARTS)
    step = rng.integers(-60, 60, BANDS * PARTS) / 6
    prints = np.round([first + k * step for k in range(3)]).astype(np.int8)
    unit = prints / np.linalg.norm(prints, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > copies.SAME > unit[0] @ unit[2]
    assert len(set(recordings(np.arange(3), prints, np.ones(3), 0))) == 1
    longer = recordings(np.arange(3), prints, np.array([1.0, 1.1, 1.0]), 0)
    assert len(set(longer)) == 3, "clips that sound longer are others"


def test_of_very_many_clips_the_first_are_compared_with_all(waves, monkeypatch):
    monkeypatch.setattr(copies, "MANY", 5)
    again = [*waves, waves[0] / 2, waves[3] / 2]
    found = numbers(again, n_first=2)
    assert found[-2] == found[0]
    assert found[-1] != found[3], "neither is among the first"


def test_blocks_change_nothing(waves, monkeypatch):
    again = [*waves, *(wave / 2 for wave in waves)]
    whole = numbers(again)
    monkeypatch.setattr(copies, "_BLOCK", 3)
    assert numbers(again).tolist() == whole.tolist()
