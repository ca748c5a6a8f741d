"""Smoothing: the sums over all courses, written out; labels that do not flicker; segments that cover."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from sere.recordings.smoothing import Filter, segments, smoothed, staying
from sere.recordings.windows import plan

SECOND = 16_000


def windows_of(*spans, window=4.0, overlap=2.0):
    return plan(np.array(spans, dtype=int).reshape(-1, 2) * SECOND, 1000 * SECOND, window, overlap)


def shares(n, n_emotions=3, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(n_emotions), size=n)


def test_staying_is_the_chain_that_leaves_at_its_rate():
    rate = np.full((4, 4), 1 / 3 / 12.0) - np.eye(4) * (1 / 3 / 12.0 + 1 / 12.0)
    for seconds in (0.0, 0.5, 7.0, 500.0):
        np.testing.assert_allclose(staying(seconds, 12.0, 4), expm(seconds * rate), atol=1e-12)


def test_smoothed_is_the_sum_over_all_courses():
    windows = windows_of([0, 9], [15, 17])
    found = shares(len(windows))
    weights = windows.answered / windows.heard
    steps = np.diff(windows.centre)
    expected = np.zeros_like(found)
    for course in product(range(3), repeat=len(windows)):
        likely = np.prod([found[i, k] ** weights[i] for i, k in enumerate(course)])
        for i, seconds in enumerate(steps):
            likely *= staying(seconds, 5.0, 3)[course[i], course[i + 1]]
        for i, k in enumerate(course):
            expected[i, k] += likely
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(smoothed(found, windows, 5.0), expected, rtol=1e-9)


def test_one_window_that_disagrees_is_outvoted_and_a_change_that_stays_is_kept():
    windows = windows_of([0, 40])
    found = np.tile([0.7, 0.3], (len(windows), 1))
    found[5] = [0.3, 0.7]
    found[12:] = [0.2, 0.8]
    answers = smoothed(found, windows, 20.0).argmax(1)
    assert answers.tolist() == [0] * 12 + [1] * (len(windows) - 12)
    assert smoothed(found, windows, 0.0) is found


def test_a_longer_stay_changes_labels_less_often():
    windows = windows_of([0, 300])
    found = shares(len(windows))
    changes = [(np.diff(smoothed(found, windows, stay).argmax(1)) != 0).sum() for stay in (0.0, 3.0, 30.0, 300.0)]
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 2 * changes[-1]


def test_certainty_of_the_impossible_breaks_nothing():
    windows = windows_of([0, 20])
    found = np.tile([1.0, 0.0], (len(windows), 1))
    found[4] = [0.0, 1.0]
    result = smoothed(found, windows, 1e-3)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result.sum(1), 1)


@settings(deadline=None)
@given(st.integers(1, 30), st.floats(0.0, 100.0), st.integers(0, 1000))
def test_probabilities_stay_probabilities(n, stay, seed):
    windows = windows_of([0, 1 + 2 * n])
    found = smoothed(shares(len(windows), seed=seed), windows, stay)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(1), 1)


def test_segments_are_neighbours_of_one_span_and_one_emotion_each_window_once():
    windows = windows_of([0, 20], [30, 40])
    found = np.eye(2)[[0] * 4 + [1] * (len(windows) - 4)]
    parts = segments(found, windows)
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(len(windows)))
    assert [len(part) for part in parts] == [4, (windows.span == 0).sum() - 4, (windows.span == 1).sum()]
    assert segments(np.empty((0, 2)), windows_of()) == []


def test_the_filter_knows_what_smoothing_knows_in_the_end():
    windows = windows_of([0, 30], window=2.0, overlap=0.0)
    found = shares(len(windows))
    running = Filter(6.0)
    for i, (own, seconds) in enumerate(zip(found, np.diff(windows.centre, prepend=0.0), strict=True)):
        now = running.next(own, seconds, windows.answered[i] / windows.heard[i])
    np.testing.assert_allclose(now, smoothed(found, windows, 6.0)[-1], rtol=1e-9)


def test_the_filter_forgets_while_nobody_speaks():
    running = Filter(5.0)
    sure = running.next(np.array([0.9, 0.1]), 0.0, 1.0)
    assert running.next(None, 1000.0, 1.0) is None
    np.testing.assert_allclose(running.next(np.array([0.5, 0.5]), 1.0, 1.0), 0.5, atol=1e-6)
    assert sure[0] == pytest.approx(0.9)


def test_a_filter_that_does_not_smooth_hands_on():
    own = np.array([0.9, 0.1])
    assert Filter(0.0).next(own, 1.0, 1.0) is own
