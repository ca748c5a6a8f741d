"""Windows: each moment of speech is answered for once, and heard by who answers for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.audio import SAMPLE_RATE, AudioError
from sere.recordings.windows import cut, plan


@st.composite
def speech(draw):
    """Spans, the length of their recording, a window and an overlap."""
    edges = draw(st.lists(st.integers(0, 40 * SAMPLE_RATE), max_size=10, unique=True).map(sorted))
    spans = np.array(edges[: len(edges) // 2 * 2], dtype=np.int64).reshape(-1, 2)
    length = max([1, *edges]) + draw(st.integers(0, SAMPLE_RATE))
    window = draw(st.floats(0.1, 8.0))
    return spans, length, window, window * draw(st.floats(0.0, 0.95))


@settings(deadline=None)
@given(speech())
def test_every_moment_of_speech_belongs_to_one_window(given):
    spans, length, window, overlap = given
    windows = plan(spans, length, window, overlap)
    for number, (begin, end) in enumerate(spans):
        own = windows.span == number
        assert windows.first[own][0] == begin
        assert windows.last[own][-1] == end
        np.testing.assert_array_equal(windows.first[own][1:], windows.last[own][:-1])
    assert (windows.last > windows.first).all()
    assert windows.answered.sum() * SAMPLE_RATE == pytest.approx(np.diff(spans).sum())


@settings(deadline=None)
@given(speech())
def test_windows_hear_what_they_answer_for_within_the_recording(given):
    spans, length, window, overlap = given
    windows = plan(spans, length, window, overlap)
    assert (windows.start <= windows.first).all()
    assert (windows.stop >= windows.last).all()
    assert (windows.start >= 0).all()
    assert (windows.stop <= length).all()
    assert (np.diff(windows.start) >= 0).all()
    size = max(1, round(window * SAMPLE_RATE))
    assert (windows.stop - windows.start <= size).all()
    assert (windows.stop - windows.start >= min(size, SAMPLE_RATE, length)).all()


@settings(deadline=None)
@given(speech())
def test_windows_of_a_span_overlap_at_least_as_asked(given):
    spans, length, window, overlap = given
    windows = plan(spans, length, window, overlap)
    neighbours = np.diff(windows.span) == 0
    size = max(1, round(window * SAMPLE_RATE))
    hop = max(1, size - round(overlap * SAMPLE_RATE))
    assert (np.diff(windows.start)[neighbours] <= hop).all()


@settings(deadline=None)
@given(speech(), st.integers(500, 5 * SAMPLE_RATE), st.randoms(use_true_random=False))
def test_cutting_from_blocks_is_slicing_the_whole(given, longest, random):
    spans, length, window, overlap = given
    windows = plan(spans, length, window, overlap)
    whole = np.arange(length, dtype=np.float32)
    edges, at = [], 0
    while at < length:
        at += random.randint(1, longest)
        edges.append(at)
    found = list(cut(np.split(whole, [edge for edge in edges if edge < length]), windows))
    assert len(found) == len(windows)
    for wave, start, stop in zip(found, windows.start, windows.stop, strict=True):
        np.testing.assert_array_equal(wave, whole[start:stop])


def test_a_span_of_one_window_is_heard_whole_and_a_short_one_with_what_is_around():
    windows = plan(np.array([[0, 3 * SAMPLE_RATE], [80_000, 80_100]]), 100_000, 4.0, 2.0)
    assert windows.heard.tolist() == [3.0, 1.0]
    assert (windows.start[1], windows.stop[1]) == (72_050, 88_050)


def test_no_speech_has_no_windows():
    assert len(plan(np.empty((0, 2), dtype=np.int64), 1000, 4.0, 2.0)) == 0


def test_a_recording_that_became_shorter_is_said():
    windows = plan(np.array([[0, 10 * SAMPLE_RATE]]), 10 * SAMPLE_RATE, 4.0, 2.0)
    with pytest.raises(AudioError, match=r"ended at 5\.0 s when it was read again"):
        list(cut([np.zeros(5 * SAMPLE_RATE)], windows))
