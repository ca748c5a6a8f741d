"""Objectives that have a public reference implementation, against a literal computation of what it does."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sere.baselines._parts import Bank, mk_mmd, reverse_gradient, strong_view, weak_view
from sere.baselines.aad import attract_and_disperse
from sere.baselines.byol import bootstrap, follow
from sere.baselines.ecan import contrast
from sere.baselines.mixmatch import sharpen
from sere.baselines.nrc import reciprocity
from sere.baselines.simsiam import siamese


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def probabilities(*shape):
    return torch.randn(*shape, dtype=torch.float64).softmax(-1)


def test_mk_mmd_is_the_unbiased_estimate_over_all_pairs():
    a, b = torch.randn(5, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64) + 1
    both = torch.cat([a, b])
    scale = np.mean([float((x - y).square().sum()) for x in both for y in both])

    def kernel(x, y):
        return sum(np.exp(-float((x - y).square().sum()) / (2 * 2.0**k * scale)) for k in range(-3, 2))

    within_a = np.mean([kernel(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    within_b = np.mean([kernel(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j])
    between = np.mean([kernel(x, y) for x in a for y in b])
    assert float(mk_mmd(a, b)) == pytest.approx(within_a + within_b - 2 * between)


def test_mk_mmd_is_the_loss_of_the_transfer_learning_library():
    # There the kernels' matrix is weighed by an index matrix, 1 / n(n - 1) within a domain and -1 / n^2 across, and
    # 2 / (n - 1) is added: that is the sum with the diagonal, where each of the five kernels is 1.
    n = 6
    a, b = torch.randn(n, 3, dtype=torch.float64), torch.randn(n, 3, dtype=torch.float64) + 1
    both = torch.cat([a, b])
    squared = (both[:, None] - both[None]).square().sum(2)
    kernel = sum(torch.exp(-squared / (2 * 2.0**k * squared.mean())) for k in range(-3, 2))
    index = torch.zeros(2 * n, 2 * n, dtype=torch.float64)
    for i in range(n):
        for j in range(n):
            if i != j:
                index[i, j] = index[i + n, j + n] = 1 / (n * (n - 1))
            index[i, j + n] = index[i + n, j] = -1 / n**2
    assert float(mk_mmd(a, b)) == pytest.approx(float((kernel * index).sum()))


def test_mk_mmd_vanishes_for_one_distribution_and_not_for_two():
    a, b = torch.randn(400, 2), torch.randn(400, 2)
    assert abs(float(mk_mmd(a, b))) < 0.02
    assert float(mk_mmd(a, b + 1)) > 0.3


def test_reversed_gradients_turn_round_and_values_stay():
    x = torch.randn(4, requires_grad=True)
    y = reverse_gradient(x, 0.5)
    torch.testing.assert_close(y, x)
    (3 * y).sum().backward()
    torch.testing.assert_close(x.grad, torch.full((4,), -1.5))


def test_aad_takes_the_steps_of_the_public_code():
    p = probabilities(6, 3).requires_grad_()
    near = probabilities(6, 4, 3)
    ours = attract_and_disperse(p, near, 0.7)
    (gradient,) = torch.autograd.grad(ours, p)
    # The public code: kl_div on probabilities for the attraction, a masked product for the dispersion.
    attraction = F.kl_div(p[:, None].expand(-1, 4, -1), near, reduction="none").sum(-1).sum(1).mean()
    dispersion = ((p @ p.T) * (1 - torch.eye(6, dtype=torch.float64))).sum(-1).mean()
    public = attraction + 0.7 * dispersion
    torch.testing.assert_close(gradient, torch.autograd.grad(public, p)[0])
    constant = (near * near.log()).sum(-1).sum(1).mean()
    torch.testing.assert_close(ours, public - constant)


def test_aad_is_the_papers_sum():
    p, near = probabilities(5, 3), probabilities(5, 2, 3)
    total = 0.0
    for i in range(5):
        total -= sum(float(p[i] @ near[i, k]) for k in range(2))
        total += 0.3 * sum(float(p[i] @ p[m]) for m in range(5) if m != i)
    assert float(attract_and_disperse(p, near, 0.3)) == pytest.approx(total / 5)


def test_nrc_takes_the_steps_of_the_public_code():
    n, k, kk = 6, 4, 3
    p = probabilities(n, 3).requires_grad_()
    near, beyond = probabilities(n, k, 3), probabilities(n, k, kk, 3)
    reciprocal = torch.rand(n, k) > 0.5
    (gradient,) = torch.autograd.grad(reciprocity(p, near, beyond, reciprocal), p)
    weight = torch.where(reciprocal, 1.0, 0.1).double()
    expanded = F.kl_div(p[:, None].expand(-1, k * kk, -1), beyond.flatten(1, 2), reduction="none").sum(-1)
    public = (expanded * 0.1).sum(1).mean()
    public = public + (F.kl_div(p[:, None].expand(-1, k, -1), near, reduction="none").sum(-1) * weight).sum(1).mean()
    mean = p.mean(0)
    public = public + (mean * torch.log(mean + 1e-5)).sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(public, p)[0], rtol=1e-3, atol=1e-5)


def test_simsiam_is_the_papers_pseudocode():
    def distance(predicted, projected):
        predicted = predicted / predicted.norm(dim=1, keepdim=True)
        projected = projected / projected.norm(dim=1, keepdim=True)
        return -(predicted * projected).sum(1).mean()

    p1, p2, z1, z2 = (torch.randn(5, 4) for _ in range(4))
    torch.testing.assert_close(siamese(p1, p2, z1, z2), distance(p1, z2) / 2 + distance(p2, z1) / 2)


def test_byol_is_the_squared_distance_of_unit_vectors_both_ways():
    p1, p2, z1, z2 = (torch.randn(5, 4) for _ in range(4))

    def distance(predicted, projected):
        gaps = [a / a.norm() - b / b.norm() for a, b in zip(predicted, projected)]
        return sum(float(gap.square().sum()) for gap in gaps) / len(gaps)

    assert float(bootstrap(p1, p2, z1, z2)) == pytest.approx(distance(p1, z2) + distance(p2, z1), rel=1e-5)


def test_the_slow_network_is_a_moving_average():
    slow, fast = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    expected = 0.9 * slow.weight.detach() + 0.1 * fast.weight.detach()
    follow(slow, fast, 0.9)
    torch.testing.assert_close(slow.weight.detach(), expected)


def test_contrast_is_supervised_contrastive_learning_by_its_formula():
    scores, y = torch.randn(5, 5, dtype=torch.float64), [0, 0, 1, 1, 2]
    each = []
    for i in range(5):
        positive = [j for j in range(5) if j != i and y[j] == y[i]]
        total = sum(float(scores[i, a].exp()) for a in range(5) if a != i)
        if positive:
            each.append(np.mean([-np.log(float(scores[i, j].exp()) / total) for j in positive]))
    same = torch.tensor([[float(a == b) for a in y] for b in y], dtype=torch.float64)
    assert float(contrast(scores, same, torch.arange(5))) == pytest.approx(np.mean(each))


def test_nobody_to_contrast_with_costs_nothing():
    scores = torch.randn(3, 3, requires_grad=True)
    loss = contrast(scores, torch.eye(3), torch.arange(3))
    loss.backward()
    assert float(loss.detach()) == 0.0


def test_sharpening_lowers_entropy_and_keeps_the_order():
    p = torch.tensor([[0.5, 0.3, 0.2]])
    torch.testing.assert_close(sharpen(p, 0.5), torch.tensor([[0.25, 0.09, 0.04]]) / 0.38)


def test_neighbours_are_the_nearest_by_cosine_without_the_clip_itself():
    bank = object.__new__(Bank)
    bank.features = F.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
    bank.scores = torch.eye(4)
    assert bank.neighbours(torch.tensor([0, 3]), 1).tolist() == [[1], [2]]
    assert bank.neighbours(torch.tensor([0]), 9).shape == (1, 3)
    bank.update(torch.tensor([1]), torch.tensor([[0.0, 2.0]]), torch.full((1, 4), 0.25))
    assert set(bank.neighbours(torch.tensor([1]), 2)[0].tolist()) == {2, 3}


def test_a_strong_view_departs_farther_than_a_weak_one():
    from sere.baselines._network import Clips

    clips = Clips(torch.randn(50, 8))
    near, far = ((view(clips).x - clips.x).square().mean() for view in (weak_view, strong_view))
    assert 0 < near < far
