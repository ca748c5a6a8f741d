from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sere.tracks import voice_path
from sere.tracks.voice_path import LEAP, log_odds, price_of_moves


def textbook_path(activations, low, hop=0.02):
    """The best path of pitch bins by the plain recursion."""
    evidence = log_odds(activations).astype(np.float64)
    free, price = price_of_moves(hop)
    bins = np.arange(evidence.shape[1])
    moves = np.abs(bins[:, None] - bins[None, :])
    prices = np.minimum(price * np.maximum(moves - free, 0), LEAP)
    value = evidence[0]
    origins = np.zeros(evidence.shape, dtype=np.int64)
    for t in range(1, len(evidence)):
        arriving = value[:, None] - prices
        origins[t] = arriving.argmax(axis=0)
        value = arriving.max(axis=0) + evidence[t]
    path = np.empty(len(evidence), dtype=np.int64)
    path[-1] = value.argmax()
    for t in range(len(evidence) - 1, 0, -1):
        path[t - 1] = origins[t, path[t]]
    return path + low


def worth(activations, path, low, hop=0.02):
    """Evidence less price of a path, straight from the definition."""
    free, price = price_of_moves(hop)
    evidence = [float(log_odds(row)[bin - low]) for row, bin in zip(activations, path, strict=True)]
    moves = [min(max(abs(int(b) - int(a)) - free, 0) * price, LEAP) for a, b in pairwise(path)]
    return sum(evidence) - sum(moves)


def heard(cents, width=25.0, peak=0.8, rest=0.01):
    """Activations as CREPE gives them for a pitch in bins times 20 cents: a bump at each frame."""
    bins = 20.0 * np.arange(260)
    bump = np.exp(-0.5 * ((bins - np.asarray(cents)[:, None]) / width) ** 2)
    return (rest + (peak - rest) * bump).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 25), st.integers(1, 90), st.integers(0, 270), st.sampled_from([0.02, 0.01, 0.002]), st.integers())
def test_the_path_is_that_of_the_plain_recursion(n_frames, n_bins, low, hop, seed):
    rng = np.random.default_rng(abs(seed))
    activations = rng.uniform(0.002, 0.99, (n_frames, n_bins)).astype(np.float32) ** rng.integers(1, 4)
    found = voice_path.voice_path(activations, low, hop)
    np.testing.assert_array_equal(found, textbook_path(activations, low, hop))
    assert low <= found.min() <= found.max() < low + n_bins


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 8), st.just(60)), elements=st.sampled_from([0.0, 0.5, 1.0])))
def test_among_ties_the_path_is_as_good_as_that_of_the_plain_recursion(activations):
    found = voice_path.voice_path(activations, 7)
    plain = textbook_path(activations, 7)
    assert worth(activations, found, 7) == pytest.approx(worth(activations, plain, 7), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_no_small_change_makes_a_path_better(seed):
    rng = np.random.default_rng(seed)
    activations = rng.uniform(0, 1, (6, 40)).astype(np.float32) ** 4
    path = voice_path.voice_path(activations, 0)
    best = worth(activations, path, 0)
    for t in range(6):
        for bin in range(40):
            other = path.copy()
            other[t] = bin
            assert worth(activations, other, 0) <= best + 1e-9


@pytest.mark.parametrize("block", [1, 7])
def test_the_path_does_not_depend_on_how_frames_are_blocked(monkeypatch, block):
    activations = np.random.default_rng(1).random((50, 209), dtype=np.float32)
    whole = voice_path.voice_path(activations, 39)
    monkeypatch.setattr(voice_path, "_BLOCK", block)
    np.testing.assert_array_equal(voice_path.voice_path(activations, 39), whole)


@pytest.mark.parametrize("hop", [0.005, 0.01, 0.02])
def test_a_fast_glide_is_followed_whatever_the_hop(hop):
    time = np.arange(0, 2, hop)
    cents = 2500 + 950 * np.sin(2 * np.pi * 1.5 * time)
    path = voice_path.voice_path(heard(cents), 0, hop)
    assert np.abs(20 * path - cents).max() < 20


def test_a_short_slip_of_the_network_to_the_octave_is_not_followed():
    cents = np.full(60, 2000.0)
    cents[20:22] = 3200
    activations = np.maximum(heard(cents, peak=0.6), heard(np.full(60, 2000.0), peak=0.2))
    np.testing.assert_array_equal(voice_path.voice_path(activations, 0), 100)


def test_another_speaker_after_a_pause_is_followed_at_once():
    silent = np.full((20, 260), 0.01, np.float32)
    activations = np.concatenate([heard(np.full(30, 1000.0)), silent, heard(np.full(30, 4800.0))])
    path = voice_path.voice_path(activations, 0)
    np.testing.assert_array_equal(path[:30], 50)
    np.testing.assert_array_equal(path[50:], 240)


def test_a_move_costs_nothing_within_a_voices_speed_and_never_more_than_a_leap():
    free, price = price_of_moves(0.02)
    assert (free * 20, price) == (160, pytest.approx(20 / 80))
    activations = np.full((2, 260), 0.001, np.float32)
    activations[0, 0] = activations[1, 250] = 0.999
    path = voice_path.voice_path(activations, 0)
    assert worth(activations, path, 0) == pytest.approx(2 * np.log(999) - LEAP, abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_certainties_beyond_rounding_are_finite_evidence(value):
    assert np.isfinite(log_odds(np.full((3, 5), value, np.float32))).all()
