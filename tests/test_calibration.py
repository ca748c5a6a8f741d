"""Calibration and rejection, against literal loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import softmax

from sere.calibration import expected_calibration_error, rejected, risk_coverage

EMOTIONS = ["anger", "fear", "sadness"]
SCORES = hnp.arrays(float, st.tuples(st.integers(1, 40), st.just(3)), elements=st.floats(-6, 6))


def truths(n, seed=0):
    return np.random.default_rng(seed).choice(EMOTIONS, n)


@given(SCORES, st.integers(1, 12))
def test_ece_is_the_loop_over_bins(scores, n_bins):
    likely, true = softmax(scores, axis=1), truths(len(scores))
    total = 0.0
    for b in range(n_bins):
        sure, hits = [], []
        for row, emotion in zip(likely, true):
            if min(int(max(row) * n_bins), n_bins - 1) == b:
                sure.append(max(row))
                hits.append(EMOTIONS[int(np.argmax(row))] == emotion)
        if sure:
            total += len(sure) / len(true) * abs(np.mean(sure) - np.mean(hits))
    assert expected_calibration_error(true, likely, EMOTIONS, n_bins) == pytest.approx(total)


@given(SCORES)
def test_risk_is_the_share_of_wrong_answers_from_each_threshold_on(scores):
    likely, true = softmax(scores, axis=1), truths(len(scores))
    table = risk_coverage(true, likely, EMOTIONS)
    sure = likely.max(axis=1)
    wrong = np.array(EMOTIONS)[likely.argmax(axis=1)] != true
    for row in table.itertuples():
        answered = sure >= row.threshold
        assert row.coverage == pytest.approx(answered.mean())
        assert row.risk == pytest.approx(wrong[answered].mean())
    assert table["coverage"].is_monotonic_increasing
    assert table["coverage"].iloc[-1] == 1
    assert len(table) == len(set(sure))


def test_a_model_that_means_what_it_says_has_no_error():
    likely = np.array([[0.75, 0.25, 0]] * 4)
    assert expected_calibration_error(["anger"] * 3 + ["fear"], likely, EMOTIONS) == 0


def test_answers_below_the_threshold_are_unknown_and_others_stay():
    likely = np.array([[0.5, 0.5, 0], [0.2, 0.2, 0.6], [0.4, 0.35, 0.25]])
    answers = np.array(["anger", "sadness", "anger"])
    assert rejected(answers, likely, 0.5).tolist() == ["anger", "sadness", "unknown"]
    assert rejected(answers, likely, 0).tolist() == answers.tolist()
    assert rejected([0, 2, 0], likely, 0.55, unknown=-1).tolist() == [-1, 2, -1]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: rejected([0, 1], [[1, 0], [0, 1]], 0.5), "answers are numbers, and unknown is 'unknown'.*-1"),
        (lambda: rejected(["a", "b"], [[1, 0], [0, 1]], 0.5, unknown=-1), "answers are texts"),
        (lambda: rejected(["unknown", "b"], [[1, 0], [0, 1]], 0.5), "an answer that is given"),
        (lambda: rejected(["a"], [[1, 0], [0, 1]], 0.5), "1 answers and probabilities of 2"),
        (lambda: rejected(["a"], [[1, 0]], 1.5), "reject_below"),
        (lambda: rejected(["a"], [[0.7, 0.7]], 0.5), "sum to 1"),
        (lambda: risk_coverage(["a"], [[0.5, 0.5]], ["a", "b", "c"]), r"take \(1, 3\)"),
        (lambda: expected_calibration_error([], np.empty((0, 2)), ["a", "b"]), "a row a clip"),
        (lambda: expected_calibration_error(["a"], [[0.5, 0.5]], ["a", "b"], n_bins=0), "n_bins"),
    ],
)
def test_what_cannot_be_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_a_classifier_rejects_what_it_is_not_sure_of(model, target):
    likely, answers = model.predict_proba(target), model.predict(target)
    middle = float(np.median(likely.max(axis=1)))
    told = model.predict(target, reject_below=middle)
    assert (told == np.where(likely.max(axis=1) < middle, "unknown", answers)).all()
    assert 0 < (told == "unknown").sum() < len(told)
    assert (model.predict(target, reject_below=middle, unknown="?") == "?").sum() == (told == "unknown").sum()
    with pytest.raises(ValueError, match="an answer that is given"):
        model.predict(target, reject_below=0.5, unknown="anger")
