"""Resonance-aware representations of given pairs, against the whole field."""

import pytest
import torch

from sere import method
from sere.kernels import Packed, resonance_aware, resonance_field
from sere.kernels.pairs import mutual_aware, paired_aware, paired_scores
from sere.method.resonance import FORMS, GAPS


def pool(lengths, seed):
    generator = torch.Generator().manual_seed(seed)
    frames = [torch.randn(t, 5, dtype=torch.float64, generator=generator) for t in lengths]
    bursts = [3 * torch.rand(t, dtype=torch.float64, generator=generator) for t in lengths]
    return Packed.from_list(frames, bursts)


PAIRS = torch.tensor([[2, 0], [0, 1], [1, 2], [0, 1], [1, 0]])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("weighted", [False, True])
def test_pairs_equal_the_field_followed_by_resonance_aware(form, gap, weighted):
    q, k = pool([3, 8, 1], 0), pool([4, 6, 1], 1)
    weight = torch.rand(12, dtype=torch.float64) if weighted else None
    best = resonance_field(q, k, 0.7, form=form, gap=gap, query_weight=weight)[1]
    expected = resonance_aware(k.frames, best, q.offsets, PAIRS, weight)
    ours = paired_aware(q, k, PAIRS, 0.7, form=form, gap=gap, query_weight=weight)
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_of_pairs_are_entries_of_the_field(form, gap, weighted, monkeypatch):
    monkeypatch.setattr("sere.kernels.pairs.ELEMENTS", 100)
    q, k = pool([3, 8, 1], 0), pool([4, 6, 1], 1)
    weight = torch.rand(12, dtype=torch.float64) if weighted else None
    field = resonance_field(q, k, 0.7, form=form, gap=gap, query_weight=weight)[0]
    ours = paired_scores(q, k, PAIRS, 0.7, form=form, gap=gap, query_weight=weight)
    torch.testing.assert_close(ours, field[PAIRS[:, 0], PAIRS[:, 1]])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("weighted", [False, True])
def test_both_ways_at_once_equal_each_way_alone(form, gap, weighted):
    first, second = pool([3, 8, 1], 0), pool([4, 6, 1], 1)
    weights = [torch.rand(n, dtype=torch.float64) if weighted else None for n in (12, 11)]
    reading = {"form": form, "gap": gap}
    there, back = mutual_aware(first, second, PAIRS, 0.7, **reading, first_weight=weights[0], second_weight=weights[1])
    torch.testing.assert_close(there, paired_aware(first, second, PAIRS, 0.7, **reading, query_weight=weights[0]))
    alone = paired_aware(second, first, PAIRS.flip(1), 0.7, **reading, query_weight=weights[1])
    torch.testing.assert_close(back, alone)


def test_gradients_are_those_of_finite_differences():
    q, k = pool([3, 8, 1], 0), pool([4, 6, 1], 1)
    weight = torch.rand(12, dtype=torch.float64) + 0.1

    def aware(frames, weight):
        return paired_aware(q, k._replace(frames=frames), PAIRS, 0.7, query_weight=weight)

    leaves = [k.frames.requires_grad_(), weight.requires_grad_()]
    assert torch.autograd.gradcheck(aware, leaves)


@pytest.mark.parametrize("soft", [0.05, 1.0])
def test_a_soft_argmax_is_the_equations_weighted_mean(soft):
    q, k = pool([3, 8, 1], 0), pool([4, 6, 1], 1)
    ours = paired_aware(q, k, PAIRS, 0.7, soft=soft)
    there, back = mutual_aware(q, k, PAIRS, 0.7, soft=soft)

    def clip(packed, i):
        rows = slice(int(packed.offsets[i]), int(packed.offsets[i + 1]))
        return packed.frames[rows], packed.intensity[rows]

    for pair, (i, j) in enumerate(PAIRS.tolist()):
        (z_i, I_i), (z_j, I_j) = clip(q, i), clip(k, j)
        R = method.resonance_matrix(z_i, z_j, I_i, I_j, 0.7)
        torch.testing.assert_close(ours[pair], method.resonance_aware(z_j, R, soft))
        torch.testing.assert_close(there[pair], ours[pair])
        torch.testing.assert_close(back[pair], method.resonance_aware(z_i, R.T, soft))
