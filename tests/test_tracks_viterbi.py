import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sere.tracks import viterbi


def textbook_path(activations, low):
    """The most probable path of pitch bins by the textbook recursion over all bins."""
    masked = np.full((len(activations), viterbi.N_BINS), -np.inf, dtype=np.float32)
    masked[:, low : low + activations.shape[1]] = activations
    evidence = viterbi.log_evidence(masked)
    step = viterbi.log_transitions()
    value = evidence[0] + np.log(1 / viterbi.N_BINS + np.finfo(np.float32).tiny)
    origins = np.zeros(masked.shape, dtype=np.int64)
    for t in range(1, len(evidence)):
        for j in range(viterbi.N_BINS):
            origins[t, j] = np.argmax(value + step[:, j])
        value = evidence[t] + (value[origins[t]] + step[origins[t], np.arange(viterbi.N_BINS)])
    path = np.empty(len(evidence), dtype=np.int64)
    path[-1] = np.argmax(value)
    for t in range(len(evidence) - 1, 0, -1):
        path[t - 1] = origins[t, path[t]]
    return path


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 12), st.integers(0, 300), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_banded_path_is_the_textbook_path(n_frames, low, n_bins, seed):
    activations = np.random.default_rng(seed).random((n_frames, n_bins), dtype=np.float32)
    np.testing.assert_array_equal(viterbi.best_path(activations, low), textbook_path(activations, low))


@settings(max_examples=15, deadline=None)
@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 8), st.just(40)), elements=st.sampled_from([0.0, 0.5, 1.0])))
def test_ties_fall_as_in_the_textbook_path(activations):
    np.testing.assert_array_equal(viterbi.best_path(activations, 100), textbook_path(activations, 100))


def test_path_is_the_one_torchcrepe_decodes():
    import torchcrepe

    activations = np.random.default_rng(0).random((80, 209), dtype=np.float32) ** 8
    masked = torch.full((1, 360, 80), -torch.inf)
    masked[0, 39:248] = torch.from_numpy(activations.T)
    bins, _ = torchcrepe.decode.viterbi(masked)
    np.testing.assert_array_equal(viterbi.best_path(activations, 39), bins[0].numpy())


def test_a_long_clip_may_pay_for_a_forbidden_leap():
    activations = np.zeros((500, 360), dtype=np.float32)
    activations[:250, 4] = 1
    activations[250:, 355] = 1
    path = viterbi.best_path(activations, 0)
    assert np.abs(np.diff(path)).max() > viterbi.REACH
    np.testing.assert_array_equal(path, textbook_path(activations, 0))


@pytest.mark.parametrize("block", [1, 7])
def test_path_does_not_depend_on_how_frames_are_blocked(monkeypatch, block):
    activations = np.random.default_rng(1).random((50, 209), dtype=np.float32)
    whole = viterbi.best_path(activations, 39)
    monkeypatch.setattr(viterbi, "_BLOCK", block)
    np.testing.assert_array_equal(viterbi.best_path(activations, 39), whole)


def test_transition_rows_are_probabilities():
    np.testing.assert_allclose(np.exp(viterbi.log_transitions()).sum(axis=1), 1)
