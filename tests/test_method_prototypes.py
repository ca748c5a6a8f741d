"""Eq. 7 against loops written from the equation, and what balances the classes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.method import (
    anchor_weights,
    balanced_assignment,
    enhanced_prototypes,
    estimate_shares,
    pseudo_anchors,
    remove_hubs,
)

Y = np.array([0, 0, 1, 2, 2, 2])


def pools(seed: int = 0):
    random = np.random.default_rng(seed)
    return random.normal(size=(6, 3)), random.normal(size=(9, 3)), random.random((9, 6))


def prototypes_by_loop(shots, y, unlabeled, anchors, own):
    result = []
    for c in range(max(y) + 1):
        total, count = np.zeros(shots.shape[1]), 0
        for i in range(len(shots)):
            if y[i] == c:
                total, count = total + shots[i], count + 1
        for j, anchor in enumerate(anchors):
            if y[anchor] == c:
                total = total + (1 - own) * shots[anchor] + own * unlabeled[j]
                count += 1
        result.append(total / count)
    return np.array(result)


@pytest.mark.parametrize(("source", "own"), [("anchor", 0), ("own", 1), (0.25, 0.25)])
def test_prototypes_follow_equation_7(source, own):
    shots, unlabeled, irf = pools()
    anchors = [max(range(6), key=lambda s: irf[j, s]) for j in range(9)]
    assert pseudo_anchors(irf).tolist() == anchors
    ours = enhanced_prototypes(shots, Y, np.array(anchors), unlabeled, source=source)
    np.testing.assert_allclose(ours, prototypes_by_loop(shots, Y, unlabeled, anchors, own))


def test_without_a_pool_prototypes_are_class_means():
    shots, _, _ = pools()
    ours = enhanced_prototypes(shots, Y)
    np.testing.assert_allclose(ours, [shots[c == Y].mean(0) for c in range(3)])


@pytest.mark.parametrize("source", ["anchor", "own", 0.5])
def test_soft_anchors_that_are_hard_change_nothing(source):
    shots, unlabeled, irf = pools(1)
    anchors = pseudo_anchors(irf)
    soft = torch.nn.functional.one_hot(anchors, 6).double()
    np.testing.assert_allclose(
        enhanced_prototypes(shots, Y, soft, unlabeled, source=source),
        enhanced_prototypes(shots, Y, anchors, unlabeled, source=source),
    )


def test_soft_assignments_weigh_each_clip_by_its_share_of_a_class():
    shots, unlabeled, _ = pools(2)
    A = np.random.default_rng(0).dirichlet(np.ones(3), 9)
    ours = enhanced_prototypes(shots, Y, None, unlabeled, assignments=A, source="own")
    for c in range(3):
        members = [shots[i] for i in range(6) if Y[i] == c]
        total = sum(members) + sum(A[j, c] * unlabeled[j] for j in range(9))
        np.testing.assert_allclose(ours[c], total / (len(members) + A[:, c].sum()))


def test_anchor_weights_go_to_the_best_shot_of_each_class():
    _, _, irf = pools(3)
    A = np.random.default_rng(0).dirichlet(np.ones(3), 9)
    expected = np.zeros((9, 6))
    for j in range(9):
        for c in range(3):
            best = max((s for s in range(6) if Y[s] == c), key=lambda s: irf[j, s])
            expected[j, best] = A[j, c]
    np.testing.assert_array_equal(anchor_weights(A, irf, Y), expected)


def test_anchor_by_class_takes_the_best_shot_of_the_class_with_the_highest_mean():
    irf = np.array([[0.1, 0.2, 0.9, 0.8, 0.95, 0.9], [0.9, 0.1, 0.6, 0.5, 0.5, 0.55]])
    assert pseudo_anchors(irf).tolist() == [4, 0]
    assert pseudo_anchors(irf, Y, by="class").tolist() == [2, 2]


def test_anchor_by_class_skips_class_numbers_without_shots():
    irf = -np.array([[0.5, 0.7]])
    assert pseudo_anchors(irf, np.array([0, 2]), by="class").tolist() == [0]


def test_class_without_members_has_a_finite_prototype():
    shots, _, _ = pools()
    assert enhanced_prototypes(shots, Y, n_classes=4)[3].tolist() == [0, 0, 0]


def test_gradients_reach_shots_and_pool():
    shots, unlabeled, irf = map(torch.as_tensor, pools())
    anchors = pseudo_anchors(irf)
    y = torch.as_tensor(Y)
    assert torch.autograd.gradcheck(
        lambda e, own: enhanced_prototypes(e, y, anchors, own, source=0.5),
        [shots.requires_grad_(), unlabeled.requires_grad_()],
    )


def test_removing_hubs_leaves_every_shot_the_same_mean():
    _, _, irf = pools()
    irf[:, 2] += 5
    assert set(pseudo_anchors(irf).tolist()) == {2}
    freed = remove_hubs(irf)
    np.testing.assert_allclose(freed.mean(0), 0, atol=1e-12)
    assert len(set(pseudo_anchors(freed).tolist())) > 2


def sinkhorn_by_loop(scores, shares, temperature, n_iter):
    P = np.exp(scores / temperature)
    P = P / P.sum(1, keepdims=True)
    for _ in range(n_iter):
        for c in range(P.shape[1]):
            P[:, c] *= len(P) * shares[c] / P[:, c].sum()
        for j in range(len(P)):
            P[j] /= P[j].sum()
    return P


def test_balanced_assignment_is_sinkhorns_algorithm():
    scores = np.random.default_rng(0).normal(size=(8, 3))
    shares = np.array([0.5, 0.3, 0.2])
    for n_iter in (0, 3):
        ours = balanced_assignment(scores, shares, 0.7, n_iter)
        np.testing.assert_allclose(ours, sinkhorn_by_loop(scores, shares, 0.7, n_iter))


@given(st.integers(0, 1000), st.integers(2, 6), st.integers(10, 40), st.sampled_from([0.05, 1.0]))
@settings(max_examples=30, deadline=None)
def test_balanced_assignment_meets_rows_and_shares(seed, n_classes, n, temperature):
    random = np.random.default_rng(seed)
    shares = random.dirichlet(3 * np.ones(n_classes))
    A = balanced_assignment(random.random((n, n_classes)), shares, temperature, 2000)
    np.testing.assert_allclose(A.sum(1), 1)
    np.testing.assert_allclose(A.sum(0) / n, shares, atol=2e-3)


def test_scores_that_favour_one_class_are_balanced_by_default():
    scores = np.random.default_rng(0).normal(size=(300, 3))
    scores[:, 1] += 4
    assert np.bincount(scores.argmax(1), minlength=3)[1] > 290
    np.testing.assert_allclose(balanced_assignment(scores).sum(0), 100, rtol=1e-3)


def test_a_class_with_no_share_gets_nobody():
    A = balanced_assignment(np.random.default_rng(0).normal(size=(10, 3)), [0.5, 0, 0.5])
    assert A[:, 1].tolist() == [0] * 10
    np.testing.assert_allclose(A.sum(1), 1)


def test_an_empty_pool_has_no_assignments():
    assert balanced_assignment(torch.empty(0, 3)).shape == (0, 3)


def test_shares_of_an_unbalanced_pool_are_found():
    random = np.random.default_rng(0)
    true = np.array([0.65, 0.25, 0.1])
    x = 2.0 * random.choice(3, 4000, p=true) + random.normal(size=4000)
    log_likelihood = -0.5 * (x[:, None] - 2.0 * np.arange(3)) ** 2
    np.testing.assert_allclose(estimate_shares(log_likelihood), true, atol=0.03)


def test_one_round_of_shares_is_the_mean_posterior_with_the_prior():
    scores = np.random.default_rng(0).normal(size=(5, 3))
    posterior = np.exp(scores / 2) / np.exp(scores / 2).sum(1, keepdims=True)
    expected = (posterior.sum(0) + 0.5) / (5 + 3 * 0.5)
    np.testing.assert_allclose(estimate_shares(scores, 2.0, 1, 0.5), expected)
    np.testing.assert_allclose(estimate_shares(np.empty((0, 3)), prior_strength=0), 1 / 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, u, a: enhanced_prototypes(s, Y, a, u, source="both"), "source must be"),
        (lambda s, u, a: enhanced_prototypes(s, Y, a, u, source=1.5), "source must be"),
        (lambda s, u, a: enhanced_prototypes(s, Y, a, source="own"), "own embeddings"),
        (lambda s, u, a: enhanced_prototypes(s, Y, None, u, assignments=u), "anchor_weights"),
        (lambda s, u, a: pseudo_anchors(u, by="speaker"), "by must be"),
        (lambda s, u, a: pseudo_anchors(u, by="class"), "needs y"),
        (lambda s, u, a: balanced_assignment(u, [0.5, 0.6, 0.1]), "sum to 1"),
    ],
)
def test_mistakes_are_named(call, message):
    shots, unlabeled, irf = pools()
    with pytest.raises(ValueError, match=message):
        call(shots, unlabeled, pseudo_anchors(irf))


def test_a_shot_counts_as_many_clips_as_its_weight_says():
    shots, _, _ = pools()
    weights = np.array([2, 0.5, 1, 3, 1, 0])
    found = enhanced_prototypes(shots, Y, weights=weights).numpy()
    for c in range(3):
        np.testing.assert_allclose(found[c], np.average(shots[c == Y], axis=0, weights=weights[c == Y]))
    whole = enhanced_prototypes(torch.as_tensor(shots).float(), Y, weights=[2, 1, 1, 1, 1, 1])
    assert whole.dtype == torch.float32
    twice = enhanced_prototypes(np.concatenate([shots, shots[:1]]), [*Y, 0])
    np.testing.assert_allclose(whole, twice, rtol=1e-5)
    # An anchor adds its shot once, however much the shot itself counts.
    with_clip = enhanced_prototypes(shots, Y, anchors=[0], weights=weights).numpy()
    np.testing.assert_allclose(with_clip[0], (3 * shots[0] + 0.5 * shots[1]) / 3.5)


def test_a_class_without_shots_is_where_the_clips_are_that_hardly_belong_to_it():
    shots, unlabeled, _ = pools()
    assignments = np.zeros((9, 4))
    assignments[:2, 3] = 0.25, 0.125
    found = enhanced_prototypes(shots, Y, None, unlabeled, assignments=assignments, source="own", n_classes=4)
    np.testing.assert_allclose(found[3], (0.25 * unlabeled[0] + 0.125 * unlabeled[1]) / 0.375)


def test_anchor_by_class_looks_at_each_clip_and_never_at_a_class_without_shots():
    irf = [[-0.9, -0.1], [-0.1, -0.9], [-0.9, -0.2]]
    assert pseudo_anchors(np.array(irf), y=[0, 2], by="class").tolist() == [1, 0, 1]


def test_shares_below_0_are_refused_though_they_sum_to_1():
    with pytest.raises(ValueError, match="shares must be >= 0 and sum to 1"):
        balanced_assignment(np.zeros((4, 3)), shares=[0.75, 0.5, -0.25])


def test_a_pool_of_one_clip_is_assigned():
    np.testing.assert_allclose(balanced_assignment([[1e3, 0.0]]), [[0.5, 0.5]], atol=1e-6)


def test_shares_of_a_pool_as_large_as_the_prior_are_found():
    found = estimate_shares(np.array([[5.0, 0.0]] * 4), prior_strength=4.0)
    assert 0.5 < found[0] < 1
