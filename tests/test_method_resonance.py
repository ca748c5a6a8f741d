"""Eq. 3-6 against loops written from the equations."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.method import (
    burst_intensity,
    highlight_frames,
    resonance_aware,
    resonance_matrix,
    resonance_score,
    resonant_frames,
    unit_frames,
)
from sere.method.resonance import FORMS, GAPS


def pair(seed: int = 0, d: int = 5):
    random = np.random.default_rng(seed)
    zi, zj = random.normal(size=(7, d)), random.normal(size=(4, d))
    return zi, zj, random.random(7) * 3, random.random(4) * 3


def field_by_loop(zi, zj, a, b, tau, form, gap):
    R = np.empty((len(zi), len(zj)))
    for i in range(len(zi)):
        for j in range(len(zj)):
            lengths = math.sqrt(sum(zi[i] ** 2)) * math.sqrt(sum(zj[j] ** 2))
            cosine = sum(zi[i] * zj[j]) / lengths if lengths > 0 else 0.0
            if gap == "exponential":
                S = math.exp(-abs(a[i] - b[j]) / tau)
            else:
                S = math.exp(-((a[i] - b[j]) ** 2) / (2 * tau**2))
            C = (1 + cosine) / 2
            R[i, j] = {"product": C * S, "raw": cosine * S, "sum": (C + S) / 2}[form]
    return R


@pytest.mark.parametrize("form", ["abs", "signed", "square"])
def test_burst_intensity_follows_equation_3(form):
    D = np.random.default_rng(0).normal(size=(9, 4))
    a = np.array([0.5, 0.0, 2.0, 1.0])
    of = {"abs": abs, "signed": float, "square": lambda x: x * x}[form]
    for t, intensity in enumerate(burst_intensity(D, a, form)):
        assert intensity.item() == pytest.approx(sum(a[k] * of(D[t, k]) for k in range(4)))


def test_an_abrupt_drop_is_a_burst_by_default():
    assert burst_intensity(torch.tensor([[0, -3.0, 0, 0]]), torch.ones(4)).item() == 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gap", GAPS)
def test_resonance_matrix_follows_equation_4(form, gap):
    zi, zj, a, b = pair()
    zi[2] = 0
    expected = field_by_loop(zi, zj, a, b, 0.7, form, gap)
    np.testing.assert_allclose(resonance_matrix(zi, zj, a, b, 0.7, form, gap), expected, rtol=1e-12)


def test_raw_form_lets_the_least_synchronous_of_opposite_frames_win_and_product_does_not():
    zi, zj = np.array([[1.0, 0]]), np.array([[-1.0, 0.1], [-1.0, 0.1]])
    a, b = np.array([0.0]), np.array([0.0, 5.0])
    assert resonant_frames(resonance_matrix(zi, zj, a, b, 1.0, "raw")).item() == 1
    assert resonant_frames(resonance_matrix(zi, zj, a, b, 1.0)).item() == 0


@given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(-5, 5))
@settings(max_examples=30, deadline=None)
def test_resonance_ignores_frame_lengths_and_a_common_shift_of_intensity(seed, scale, shift):
    zi, zj, a, b = pair(seed)
    plain = resonance_matrix(zi, zj, a, b, 0.7)
    np.testing.assert_allclose(resonance_matrix(scale * zi, zj / scale, a + shift, b + shift, 0.7), plain, atol=1e-12)
    np.testing.assert_allclose(resonance_matrix(zj, zi, b, a, 0.7), plain.T, atol=1e-15)
    assert ((plain >= 0) & (plain <= 1)).all()


def test_resonant_frame_is_the_first_of_equals():
    R = torch.tensor([[0.2, 0.9, 0.9], [0.5, 0.5, 0.5], [0.1, 0.2, 0.3]])
    assert resonant_frames(R).tolist() == [1, 0, 2]


@pytest.mark.parametrize("weighted", [False, True])
def test_resonance_aware_follows_equation_5(weighted):
    zi, zj, a, b = pair(1)
    R = field_by_loop(zi, zj, a, b, 0.7, "product", "exponential")
    w = np.random.default_rng(2).random(len(zi)) if weighted else np.ones(len(zi))
    expected = np.zeros(zj.shape[1])
    for i in range(len(zi)):
        j_star = max(range(len(zj)), key=lambda j: R[i, j])
        expected += w[i] * zj[j_star] / sum(w)
    ours = resonance_aware(zj, R, highlights=w if weighted else None)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_soft_argmax_is_a_softmax_and_tends_to_the_hard_one():
    zi, zj, a, b = pair(3)
    R = resonance_matrix(zi, zj, a, b, 0.7)
    weights = [[math.exp(r / 0.5) for r in row] for row in R.tolist()]
    expected = np.mean([np.dot(row, zj) / sum(row) for row in weights], axis=0)
    np.testing.assert_allclose(resonance_aware(zj, R, soft=0.5), expected, rtol=1e-12)
    np.testing.assert_allclose(resonance_aware(zj, R, soft=1e-5), resonance_aware(zj, R))


def test_soft_argmax_lets_the_gradient_reach_the_querying_clip_and_hard_does_not():
    zi, zj, a, b = map(torch.as_tensor, pair(4))
    zi.requires_grad_()
    zj.requires_grad_()
    R = resonance_matrix(zi, zj, a, b, 0.7)
    (soft,) = torch.autograd.grad(resonance_aware(zj, R, soft=0.1).sum(), zi, retain_graph=True)
    assert soft.abs().sum() > 0
    (hard,) = torch.autograd.grad(resonance_aware(zj, R).sum(), zi, allow_unused=True)
    assert hard is None


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 1.0])
def test_highlights_are_the_top_share(share):
    intensity = np.random.default_rng(0).random(10)
    mask = highlight_frames(intensity, share)
    kept = max(1, round(share * 10))
    assert mask.sum() == kept
    assert set(mask.nonzero().flatten().tolist()) == set(np.argsort(-intensity)[:kept].tolist())


def test_highlights_of_a_flat_clip_are_its_first_frames():
    assert highlight_frames(torch.ones(1000), 0.4).nonzero().flatten().tolist() == list(range(400))


def test_a_share_that_rounds_up_in_floating_point_keeps_no_frame_too_many():
    assert 0.07 * 100 > 7
    assert highlight_frames(torch.rand(100), 0.07).sum() == 7


@pytest.mark.parametrize("share", [0, 1.5, math.nan])
def test_impossible_share_is_named(share):
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        highlight_frames(torch.ones(5), share)


def test_score_follows_equation_6():
    R = np.random.default_rng(0).random((6, 4))
    w, wj = np.array([1, 0, 0, 1, 1, 0]), np.array([0.2, 0, 0, 3])
    best_i, best_j = [max(row) for row in R], [max(column) for column in R.T]
    forward = sum(best_i[i] for i in range(6) if w[i]) / 3
    backward = (0.2 * best_j[0] + 3 * best_j[3]) / 3.2
    assert resonance_score(R).item() == pytest.approx(sum(best_i) / 6)
    assert resonance_score(R, w).item() == pytest.approx(forward)
    assert resonance_score(R, w, True, wj).item() == pytest.approx((forward + backward) / 2)
    assert resonance_score(R, symmetric=True).item() == pytest.approx(resonance_score(R.T, symmetric=True).item())


def test_no_highlight_at_all_scores_0():
    assert resonance_score(torch.rand(3, 2), torch.zeros(3)).item() == 0


def test_a_clip_resonates_fully_with_itself_only_where_frames_have_a_direction():
    zi, _, a, _ = pair()
    assert resonance_score(resonance_matrix(zi, zi, a, a, 0.7)).item() == pytest.approx(1)
    zero = np.zeros((1, 5))
    assert resonance_matrix(zero, zero, [0.0], [0.0], 0.7).item() == 0.5


def test_frames_of_zeros_get_no_gradient():
    z = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    unit = unit_frames(z)
    torch.testing.assert_close(unit, torch.tensor([[0.0, 0.0], [0.6, 0.8]]))
    unit[:, 0].sum().backward()
    assert z.grad is not None
    assert z.grad[0].tolist() == [0, 0]
    assert z.grad.isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: burst_intensity(torch.ones(2, 4), torch.ones(4), "max"), "form must be"),
        (lambda: resonance_matrix(*pair(), 1.0, form="cosine"), "form must be one of"),
        (lambda: resonance_matrix(*pair(), 1.0, gap="linear"), "gap must be one of"),
    ],
)
def test_unknown_options_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_weights_that_sum_to_less_than_1_still_make_a_mean():
    R = np.array([[0.5, 0.1], [0.2, 0.9]])
    assert float(resonance_score(R, np.array([0.25, 0.0]))) == pytest.approx(0.5)
    assert float(resonance_score(R, np.array([0.25, 0.25]))) == pytest.approx(0.7)


def test_highlights_are_a_mask():
    assert highlight_frames(np.arange(4.0), 0.5).dtype == torch.bool
