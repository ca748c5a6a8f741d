"""Sound while it comes: windows at even distances, each at once, each sample heard."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.datasets import make_voices
from sere.recordings import silero
from sere.recordings.live import live_windows

SECOND = 16_000


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 5 * SECOND), min_size=1, max_size=12), st.sampled_from([(4.0, 2.0), (1.0, 0.0), (3.0, 2.5)])
)
def test_every_sample_is_heard_and_new_ones_are_counted_once(lengths, shape):
    whole = np.arange(sum(lengths), dtype=np.float32)
    windows = list(live_windows(np.split(whole, np.cumsum(lengths)[:-1]), *shape, None))
    assert sum(window.new for window in windows) == len(whole)
    at = 0
    for window in windows:
        np.testing.assert_array_equal(window.wave, whole[window.start : window.stop])
        assert window.start <= at
        assert window.stop == at + window.new
        at = window.stop
    assert all(len(window.wave) == shape[0] * SECOND for window in windows[:-1])


def test_a_window_is_there_as_soon_as_its_last_sample_is():
    fed = []

    def blocks():
        for i in range(100):
            fed.append(i)
            yield np.zeros(SECOND // 10, np.float32)

    windows = live_windows(blocks(), 4.0, 2.0, None)
    next(windows)
    assert len(fed) == 40
    next(windows)
    assert len(fed) == 60


@pytest.mark.parametrize(
    "name", ["energy", pytest.param("silero", marks=pytest.mark.skipif(silero.weights_file() is None, reason="none"))]
)
def test_windows_without_speech_are_told(name):
    voice = np.concatenate(
        list(make_voices(n_per_emotion=2, languages=["lumo"], emotions=["anger"], duration=4.0)["audio"][:2])
    )
    quiet = np.zeros(8 * SECOND, np.float32)
    blocks = np.array_split(np.concatenate([quiet, voice, quiet]), 300)
    for window in live_windows(blocks, 2.0, 0.0, name):
        overlap = min(window.stop, len(quiet) + len(voice)) - max(window.start, len(quiet))
        if overlap > 1.5 * SECOND:
            assert window.spoken
        elif overlap < -SECOND / 2:
            assert not window.spoken


def test_long_streams_are_forgotten():
    def blocks():
        for _ in range(3600):
            yield np.zeros(SECOND, np.float32)

    import tracemalloc

    tracemalloc.start()
    try:
        assert sum(1 for _ in live_windows(blocks(), 4.0, 2.0, None)) == 1800 - 1
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
