"""Thinning: the strongest burst of each run stays, and what all frames were like is remembered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sere import Utterances
from sere.training.thinning import changes_at, thin_clip, thinned, whole_clip

EXACT = {"elements": st.integers(-9, 9).map(float)}


@given(st.integers(1, 40).flatmap(lambda n: arrays(float, (n, 4), **EXACT)), st.sampled_from([50.0, 25.0, 10.0, 5.0]))
def test_of_each_run_the_strongest_burst_stays(changes, rate):
    frames = np.arange(len(changes), dtype=float)[:, None]
    step = round(50 / rate)
    expected = []
    for start in range(0, len(changes), step):
        run = range(start, min(start + step, len(changes)))
        expected.append(max(run, key=lambda t: (sum(abs(changes[t])), -t)))
    found = thin_clip(frames, changes, rate)
    assert found.kept.tolist() == expected
    np.testing.assert_array_equal(found.frames, frames[expected])
    np.testing.assert_array_equal(changes_at(changes, found.kept), changes[expected])


@pytest.mark.parametrize(("n_frames", "n_changes"), [(7, 5), (5, 7)])
def test_the_longer_of_frames_and_changes_loses_its_end(n_frames, n_changes):
    found = thin_clip(np.zeros((n_frames, 2)), np.ones((n_changes, 4)), 50.0)
    assert found.kept.tolist() == [0, 1, 2, 3, 4]
    assert found.whole.n_frames == n_frames


def test_without_changes_the_first_frame_of_each_run_stays():
    found = thin_clip(np.arange(12)[:, None], None, 10.0)
    assert found.kept.tolist() == [0, 5, 10]
    assert not changes_at(None, found.kept).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_moments_are_those_of_all_frames(dtype, order):
    frames = np.asarray(np.random.default_rng(0).normal(3, 2, (7, 5)), dtype, order)
    whole, exact = whole_clip(frames), frames.astype(np.float64)
    np.testing.assert_allclose(whole.mean, exact.mean(0), rtol=1e-13)
    np.testing.assert_allclose(whole.square, np.square(exact).mean(0), rtol=1e-13)
    assert whole.n_frames == 7


def clips(fronts=()):
    rng = np.random.default_rng(0)
    return Utterances(
        clips=None,
        speakers=np.full(3, None, object),
        languages=np.full(3, None, object),
        dynamics=[rng.normal(size=(n, 4)) for n in (12, 5, 9)],
        frames=[rng.normal(size=(n, 2)) for n in (12, 6, 9)],
        context=[rng.normal(size=3) for _ in range(3)],
        encoders=np.array(["a", "b", "a"], object),
        fronts=dict.fromkeys(fronts),
    )


def test_a_pool_is_thinned_clip_by_clip_and_only_once():
    given = clips()
    pool = thinned(given, 10.0)
    for row in range(3):
        found = thin_clip(given.frames[row], given.dynamics[row], 10.0)
        np.testing.assert_array_equal(pool.frames[row], found.frames)
        np.testing.assert_array_equal(pool.kept[row], found.kept)
        np.testing.assert_array_equal(pool.whole[row].mean, found.whole.mean)
    assert thinned(pool, 10.0) is pool
    assert [len(kept) for kept in pool[[2, 0]].kept] == [2, 3]


def test_frames_that_go_through_a_front_first_all_stay():
    pool = thinned(clips(fronts=["a"]), 10.0)
    assert [len(frames) for frames in pool.frames] == [12, 1, 9]
    assert [len(kept) for kept in pool.kept] == [3, 1, 2]
    assert [whole is None for whole in pool.whole] == [True, False, True]
