"""The Triton kernel against the readable equations; run by test_kernels_triton.py under Triton's interpreter."""

import pytest
import torch
from test_kernels_field import READINGS, pool, scores_by_loop

pytest.importorskip("triton")

from sere.kernels import Packed, Reading, field, resonance_field, tiles, triton_field
from sere.kernels.field import field_scores


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    """The Triton kernel for CPU tensors too, with steps so small that a few clips need several."""
    monkeypatch.setattr(field, "compiled", lambda frames: triton_field)
    long = triton_field.Shape(rows=16, clips=1, keys=16, columns=16, warps=4, stages=1)
    monkeypatch.setattr(triton_field, "SINGLE", long)
    monkeypatch.setattr(triton_field, "LONG_HALF", long)
    monkeypatch.setattr(triton_field, "SHORT_HALF", long._replace(clips=3, columns=32))


def clips(lengths, d=21, seed=0):
    return pool(lengths, d, seed, torch.float32)


@pytest.mark.parametrize(("form", "gap"), READINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_and_winners_equal_the_readable_equations(form, gap, weighted):
    queries, keys = clips([1, 4, 19, 2]), clips([3, 1, 35, 16, 17], seed=1)
    queries[0][1][2] = 0
    weights = torch.rand(26) if weighted else None
    expected, winners = scores_by_loop(queries, keys, 0.7, form, gap, weights)
    q, k = Packed.from_list(*queries)._replace(weight=weights), Packed.from_list(*keys)
    scores, best = resonance_field(q, k, Reading(0.7, form, gap))
    torch.testing.assert_close(scores.double(), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(best, winners)
    assert torch.equal(field_scores(q, k, Reading(0.7, form, gap)), scores)


def test_the_first_of_equal_frames_wins_within_and_across_steps():
    q, k = clips([5]), clips([40], seed=1)
    for frames, bursts in zip(*k):
        frames[7:], bursts[7:] = frames[7].clone(), bursts[7].clone()
    _, best = resonance_field(Packed.from_list(*q), Packed.from_list(*k), Reading(0.7))
    assert best.max() <= 7
    alike = Packed(torch.ones(33, 4), torch.zeros(33), torch.tensor([0, 33]))
    assert resonance_field(alike, alike, Reading(0.7))[1].tolist() == [[0]] * 33


def test_no_frame_of_another_clip_wins():
    q = Packed(torch.ones(3, 4), torch.zeros(3), torch.tensor([0, 3]))
    k = Packed(torch.cat([-torch.ones(5, 4), torch.ones(20, 4)]), torch.zeros(25), torch.tensor([0, 5, 25]))
    scores, best = resonance_field(q, k, Reading(1.0, "raw"))
    torch.testing.assert_close(scores, torch.tensor([[-1.0, 1.0]]))
    assert best.tolist() == [[0, 5]] * 3


@pytest.mark.parametrize(("form", "gap"), READINGS)
def test_gradients_are_those_of_the_plain_engine(form, gap, monkeypatch):
    q, k = Packed.from_list(*clips([9, 21])), Packed.from_list(*clips([8, 3, 17], seed=1))
    tau = torch.tensor(0.7, requires_grad=True)
    leaves = [*(x.requires_grad_() for x in (*q[:2], *k[:2])), tau]
    weight = torch.randn(2, 3)

    def gradients():
        scores, _ = resonance_field(q, k, Reading(tau, form, gap))
        return torch.autograd.grad((scores * weight).sum(), leaves)

    ours = gradients()
    monkeypatch.setattr(field, "compiled", lambda frames: tiles)
    for x, y in zip(ours, gradients(), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("columns", [21, 40])
def test_half_precision_is_summed_in_single(columns):
    lengths = [8, 3, 17, 1, 33, 16, 2]
    q, k = Packed.from_list(*clips([9, 21], columns)), Packed.from_list(*clips(lengths, columns, seed=1))
    exact, _ = resonance_field(q, k, Reading(0.7))
    q, k = (x._replace(frames=x.frames.half()) for x in (q, k))
    rough, best = resonance_field(q, k, Reading(0.7))
    assert rough.dtype == torch.float16
    torch.testing.assert_close(rough.float(), exact, rtol=1e-2, atol=1e-3)
    starts = k.offsets[:-1]
    assert ((best >= starts) & (best < k.offsets[1:])).all()


def test_frames_that_stay_at_hand_have_the_winners_of_those_that_do_not(monkeypatch):
    # Numbers that half precision holds exactly, so that both ways round alike.
    frames = [torch.randint(-2, 3, (n, 16)).half() for n in (40, 5, 31, 1, 18)]
    together = Packed.from_list(frames, [torch.rand(len(x)) for x in frames])
    short = resonance_field(together, together, Reading(0.7))
    monkeypatch.setattr(triton_field, "SHORT_HALF", triton_field.SHORT_HALF._replace(columns=0))
    long = resonance_field(together, together, Reading(0.7))
    torch.testing.assert_close(short[0], long[0], rtol=1e-3, atol=1e-3)
    assert torch.equal(short[1], long[1])
