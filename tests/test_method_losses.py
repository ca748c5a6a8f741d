"""Eq. 8-10 against loops written from the equations."""

import math

import pytest
import torch

from sere.method import (
    dual_resonance_loss,
    prototype_logits,
    prototype_loss,
    shot_loss,
    total_loss,
)

SOFTENED = torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.5, 0.5], [1.0, 0, 0], [0.2, 0.2, 0.6]]).double()


@pytest.fixture
def sample():
    generator = torch.Generator().manual_seed(0)
    r = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    return r, torch.randn(3, 3, dtype=torch.float64, generator=generator)


def squared(x, y):
    return sum((p - q) ** 2 for p, q in zip(x.tolist(), y.tolist()))


def loss_of_class(r, P, c, scale, form, margin):
    d = [scale * squared(r, p) for p in P]
    if form == "softmax":
        return -math.log(math.exp(-d[c]) / sum(math.exp(-x) for x in d))
    if form == "pull":
        return d[c]
    return max(0.0, margin + d[c] - min(x for k, x in enumerate(d) if k != c))


@pytest.mark.parametrize("form", ["softmax", "pull", "margin"])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_prototype_loss_follows_equation_8(sample, form, soft, weighted):
    r, P = sample
    assigned = torch.tensor([0, 2, 1, 1])
    A = SOFTENED if soft else torch.nn.functional.one_hot(assigned, 3)
    w = [0.5, 0.0, 2.0, 1.0] if weighted else [1.0] * 4
    expected = sum(
        w[j] * A[j, c].item() * loss_of_class(r[j], P, c, 0.3, form, 0.8) for j in range(4) for c in range(3) if A[j, c]
    )
    ours = prototype_loss(
        r,
        P,
        SOFTENED if soft else assigned,
        0.3,
        form,
        weights=torch.tensor(w) if weighted else None,
        margin=0.8,
    )
    assert ours.item() == pytest.approx(expected / sum(w), rel=1e-6)


def test_prototype_logits_are_negative_squared_distances(sample):
    r, P = sample
    logits = prototype_logits(r, P, 2.0)
    assert logits[1, 2].item() == pytest.approx(-2 * squared(r[1], P[2]))
    assert logits.argmax(1).tolist() == torch.cdist(r, P).argmin(1).tolist()


def test_margin_of_a_single_class_is_no_loss():
    r = torch.randn(3, 2)
    assert prototype_loss(r, torch.zeros(1, 2), torch.zeros(3), form="margin").item() == 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("distance", ["cosine", "euclidean", "infonce"])
def test_dual_loss_follows_equation_9(sample, distance, weighted):
    r, ref = sample[0], sample[0].flip(0) + 1

    def cosine(x, y):
        return sum((x * y).tolist()) / math.sqrt(squared(x, 0 * x) * squared(y, 0 * y))

    each = {
        "cosine": lambda u: 1 - cosine(r[u], ref[u]),
        "euclidean": lambda u: squared(r[u], ref[u]),
        "infonce": lambda u: (
            -math.log(
                math.exp(cosine(r[u], ref[u]) / 0.2) / sum(math.exp(cosine(r[u], ref[o]) / 0.2) for o in range(4))
            )
        ),
    }[distance]
    w = [0.5, 0.0, 2.0, 1.0] if weighted else [1.0] * 4
    ours = dual_resonance_loss(r, ref, torch.tensor(w) if weighted else None, distance, temperature=0.2)
    expected = sum(w[u] * each(u) for u in range(4)) / sum(w)
    assert ours.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("detach", [True, False])
def test_reference_is_detached_unless_asked(sample, detach):
    r, ref = sample[0].requires_grad_(), (sample[0].detach() + 1).requires_grad_()
    dual_resonance_loss(r, ref, detach=detach).backward()
    assert r.grad is not None
    assert (ref.grad is None) == detach


def test_shot_loss_weighs_classes_alike_however_uneven_the_shots():
    logits = torch.tensor([[2.0, 0, 1], [0, 1, 0], [1, 1, 1], [3, 0, 0]])
    y = [0, 1, 0, 0]
    each = [math.log(sum(map(math.exp, row))) - row[c] for row, c in zip(logits.tolist(), y)]
    expected = ((each[0] + each[2] + each[3]) / 3 + each[1]) / 2
    assert shot_loss(logits, torch.tensor(y)).item() == pytest.approx(expected, rel=1e-6)


def test_total_is_the_weighted_sum_and_misses_what_is_missing():
    ce, proto, dual = torch.tensor(1.0), torch.tensor(10.0), torch.tensor(100.0)
    total = total_loss(ce, proto, dual, prototype_weight=0.5, dual_weight=0.1)
    assert total.item() == pytest.approx(1 + 5 + 10)
    assert total_loss(ce, dual=dual).item() == 101
    assert total_loss(ce).item() == 1


def test_an_empty_pool_costs_nothing_and_can_be_differentiated():
    r = torch.empty(0, 3, requires_grad=True)
    none = torch.empty(0, dtype=torch.int64)
    (prototype_loss(r, torch.ones(2, 3), none) + dual_resonance_loss(r, r)).backward()
    assert prototype_loss(r, torch.ones(2, 3), none).item() == 0
    assert r.grad is not None


def test_weights_that_are_all_0_cost_nothing(sample):
    r, P = sample
    assert prototype_loss(r, P, torch.zeros(4), weights=torch.zeros(4)).item() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r, P: prototype_loss(r, P, torch.zeros(4), form="hinge"), "form must be"),
        (lambda r, P: dual_resonance_loss(r, r, distance="l1"), "distance must be"),
    ],
)
def test_unknown_options_are_named(sample, call, message):
    with pytest.raises(ValueError, match=message):
        call(*sample)


def test_the_mean_is_that_of_the_samples_however_few_and_however_little_they_weigh():
    r, references = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert float(dual_resonance_loss(r[:1], references[:1])) == pytest.approx(1.0)
    assert float(dual_resonance_loss(r, references, torch.tensor([0.25, 0.25]))) == pytest.approx(0.5)
    assert float(dual_resonance_loss(r, references, torch.tensor([0.25, 0.0]))) == pytest.approx(1.0)
