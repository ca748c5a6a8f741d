"""Self-training: the ridge regression of a pool's own answers, row by row, and what it promises of them."""

import numpy as np
import pytest
from scipy.special import softmax

from sere import SelfTrainingHead
from sere.chain.self_training import EVEN, UNEVEN, evenness


def literal(room, decision, rows, metric):
    """The module's docstring, row by row."""
    centred = decision - decision.mean(1, keepdims=True)
    spread = centred.std()
    felt = (rows - rows.mean(0)) @ metric
    penalty = room.penalty * np.mean([row @ row for row in felt])
    together = centred
    weight = room.weight * faded(softmax(room.sharpness * centred / spread, axis=1))
    for _ in range(room.rounds):
        answers = softmax(room.sharpness * together / spread, axis=1)
        answers = answers - answers.mean(0)
        weights = np.linalg.solve(felt.T @ felt + penalty * np.eye(felt.shape[1]), felt.T @ answers)
        scores = felt @ weights
        together = centred + weight * spread * scores / scores.std()
    return decision + weight * spread * scores / scores.std()


def faded(answers):
    """The share of its weight that a head has on a pool with these answers, term by term."""
    entropy = bias = 0.0
    for column in answers.T:
        share = column.mean()
        entropy -= share * np.log(share)
        bias += np.mean((column - share) ** 2) / share / (2 * len(column))
    even = (entropy + bias) / np.log(answers.shape[1])
    return min(max((even - UNEVEN) / (EVEN - UNEVEN), 0), 1)


def problem(n, d, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    rows = rng.normal(size=(n, d))
    rows[:, :3] += 2 * np.eye(3)[truth]
    decision = rng.normal(size=(n, 3)) + 0.7 * np.eye(3)[truth]
    return truth, rows, decision


@pytest.mark.parametrize(("n", "d"), [(40, 6), (12, 30)], ids=["more clips", "more columns"])
@pytest.mark.parametrize("with_words", [False, True])
@pytest.mark.parametrize("options", [{}, {"weight": 1.5}, {"rounds": 1}, {"sharpness": 0.5, "penalty": 3.0}], ids=str)
def test_the_head_is_the_ridge_regression_of_the_docstring(n, d, with_words, options):
    room = SelfTrainingHead(**options)
    _, rows, decision = problem(n, d)
    spread = np.random.default_rng(1).normal(size=(d, d))
    words = np.eye(d) + spread @ spread.T / d if with_words else np.eye(d)
    metric = np.linalg.inv(np.linalg.cholesky(words)).T
    trained = room.learn(decision, ["e"], [rows], [words if with_words else None])
    expected = trained.scale * literal(room, decision, rows, metric)
    np.testing.assert_allclose(trained.decide("e", decision, rows), expected, rtol=1e-8)


def test_answers_on_a_pool_get_better_where_its_clips_fall_into_groups():
    truth, rows, decision = problem(200, 8)
    trained = SelfTrainingHead(1.0).learn(decision, ["e"], [rows], [None])
    after = trained.decide("e", decision, rows)
    assert (after.argmax(1) == truth).mean() > (decision.argmax(1) == truth).mean() + 0.1


def test_answers_stay_as_sure_as_they_were_on_average():
    _, rows, decision = problem(200, 8)
    after = SelfTrainingHead(1.0).learn(decision, ["e"], [rows], [None]).decide("e", decision, rows)
    assert softmax(after, axis=1).max(1).mean() == pytest.approx(softmax(decision, axis=1).max(1).mean(), abs=1e-6)


def test_what_the_head_says_of_a_clip_does_not_depend_on_the_clips_beside_it():
    _, rows, decision = problem(50, 20)
    trained = SelfTrainingHead(1.0).learn(decision, ["e"], [rows], [None])
    alone = [trained.decide("e", decision[[i]], rows[[i]])[0] for i in range(50)]
    assert np.array_equal(np.array(alone), trained.decide("e", decision, rows))


def test_each_encoder_has_a_head_and_a_decision_without_spread_has_none():
    _, rows, decision = problem(30, 5)
    two = SelfTrainingHead(1.0).learn(decision, ["a", "b"], [rows[:18], rows[18:, :3]], [None, None])
    assert [w.shape for w in two.weights.values()] == [(3, 5), (3, 3)]
    flat = np.ones((30, 3))
    assert np.array_equal(SelfTrainingHead(1.0).learn(flat, ["a"], [rows], [None]).decide("a", flat, rows), flat)


@pytest.mark.parametrize("n_classes", [2, 6])
def test_evenness_is_that_of_the_shares_and_a_small_pool_does_not_look_uneven(n_classes):
    rng = np.random.default_rng(0)
    small = [evenness(np.eye(n_classes)[rng.integers(0, n_classes, 40)]) for _ in range(400)]
    assert np.mean(small) == pytest.approx(1, abs=0.005)
    assert evenness(np.full((7, n_classes), 1 / n_classes)) == pytest.approx(1)
    assert evenness(np.eye(n_classes)[np.zeros(1000, int)]) < 1e-3


def test_a_pool_that_is_mostly_one_class_teaches_nothing():
    truth, rows, _ = problem(400, 8)
    rare = np.flatnonzero((truth == 0) | (np.arange(400) % 8 == 0))
    assert (truth[rare] == 0).mean() > 0.6
    sure = 3.0 * np.eye(3)[truth]
    uneven = SelfTrainingHead().learn(sure[rare], ["e"], [rows[rare]], [None])
    np.testing.assert_allclose(uneven.decide("e", sure[rare], rows[rare]), uneven.scale * sure[rare])
    even = SelfTrainingHead().learn(sure, ["e"], [rows], [None])
    assert np.ptp(even.decide("e", sure, rows) / even.scale - sure) > 0.1
