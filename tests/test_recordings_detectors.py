"""Detectors of speech: what they hear, whatever blocks it comes in, and how probabilities become spans."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.datasets import make_voices
from sere.inputs.params import ParameterError
from sere.recordings import silero
from sere.recordings.detectors import (
    AROUND,
    PAUSE,
    SHORTEST,
    find_speech,
    open_detector,
    spans_of,
    usable_detector,
)

needs_silero = pytest.mark.skipif(silero.weights_file() is None, reason="silero-vad is not installed")
BOTH = [pytest.param("silero", marks=needs_silero), "energy"]


@pytest.fixture(scope="module")
def talk():
    """Two seconds of silence, six of voices, four of faint noise, six of voices; and where they are, in samples."""
    voices = make_voices(n_per_emotion=4, languages=["lumo"], emotions=["anger"], duration=3.0, random_state=0)
    waves = list(voices["audio"])[:4]
    noise = 1e-4 * np.random.default_rng(0).normal(size=64_000).astype(np.float32)
    first, second = np.concatenate(waves[:2]), np.concatenate(waves[2:])
    begin = 32_000 + len(first) + 64_000
    whole = np.concatenate([np.zeros(32_000, np.float32), first, noise, second])
    return whole, [(32_000, 32_000 + len(first)), (begin, begin + len(second))]


@pytest.mark.parametrize("name", BOTH)
def test_voices_are_found_and_silence_and_faint_noise_are_not(talk, name):
    whole, truth = talk
    spans, length = find_speech([whole], name)
    assert length == len(whole)
    found, spoken = np.zeros(length, bool), np.zeros(length, bool)
    for first, last in spans:
        found[first:last] = True
    for first, last in truth:
        spoken[first:last] = True
    assert found[spoken].mean() > 0.9
    assert found[~spoken].mean() < 0.15


@pytest.mark.parametrize("name", BOTH)
def test_blocks_do_not_matter(talk, name):
    whole, _ = talk
    edges = np.sort(np.random.default_rng(1).integers(0, len(whole), size=50))
    np.testing.assert_array_equal(find_speech(np.split(whole, edges), name)[0], find_speech([whole], name)[0])


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("length", [1, 100, 511, 512, 513, 16_319, 16_320, 16_321])
def test_every_step_has_one_probability(name, length):
    detector = open_detector(name)
    found = np.concatenate([detector.feed(np.full(length, 0.1, np.float32)), detector.finish()])
    assert len(found) == -(-length // detector.step)
    assert ((found >= 0) & (found <= 1)).all()
    assert len(detector.finish()) == 0


@pytest.mark.parametrize("name", BOTH)
def test_noise_and_digital_silence_are_no_speech(name):
    noise = 0.1 * np.random.default_rng(0).normal(size=160_000).astype(np.float32)
    assert len(find_speech([noise], name)[0]) == 0
    assert len(find_speech([np.zeros(160_000, np.float32)], name)[0]) == 0


def test_without_a_detector_all_is_speech():
    spans, length = find_speech([np.zeros(100), np.zeros(50)], None)
    assert (spans.tolist(), length) == ([[0, 150]], 150)


@needs_silero
def test_silero_hears_what_the_package_hears(talk):
    import torch

    whole = talk[0][: 10 * 16_000]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        package = torch.jit.load(silero.weights_file())
    package.eval()
    with torch.no_grad():
        expected = [
            package(torch.from_numpy(np.pad(step, (0, 512 - len(step))))[None], 16_000).item()
            for step in np.split(whole, range(512, len(whole), 512))
        ]
    hearing = open_detector("silero")
    found = np.concatenate([hearing.feed(whole[:7000]), hearing.feed(whole[7000:]), hearing.finish()])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_auto_is_what_is_there(monkeypatch):
    there = silero.weights_file() is not None
    assert usable_detector("auto") == ("silero" if there else "energy")
    monkeypatch.setattr(silero, "find_spec", lambda name: None)
    assert usable_detector("auto") == "energy"
    assert usable_detector("energy") == "energy"
    assert usable_detector(None) is None
    with pytest.raises(ParameterError, match=r"sere\[vad\]"):
        usable_detector("silero")


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=300), st.integers(0, 500))
def test_spans_are_sorted_apart_and_within(probabilities, more):
    length = 512 * len(probabilities) + more
    spans = spans_of(np.array(probabilities), 512, length)
    assert (spans[:, 0] < spans[:, 1]).all()
    assert (spans[1:, 0] > spans[:-1, 1]).all()
    assert (spans >= 0).all()
    assert (spans <= length).all()


def test_pauses_are_bridged_clicks_dropped_and_a_little_is_taken_along():
    step, second = 160, 16_000
    probabilities = np.zeros(1000)
    probabilities[100:200] = 0.9
    probabilities[200 + round(PAUSE * 100) - 1 : 300] = 0.9  # a pause just too short
    probabilities[500 : 500 + round(SHORTEST * 100) - 1] = 0.9  # a click
    probabilities[700:720], probabilities[720:760] = 0.6, 0.4  # fades, above the second threshold
    spans = spans_of(probabilities, step, 1000 * step)
    around = AROUND * second
    assert spans.tolist() == [
        [second - around, 3 * second + around],
        [7 * second - around, 7.6 * second + around],
    ]
