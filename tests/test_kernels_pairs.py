"""Resonance-aware representations of given pairs, against the whole field."""

import pytest
import torch

from sere import method
from sere.kernels import Packed, Reading, resonance_aware, resonance_field
from sere.kernels.pairs import mutual_aware, paired_aware, paired_scores
from sere.method.resonance import FORMS, GAPS


def pool(lengths, seed, weighted=False):
    generator = torch.Generator().manual_seed(seed)
    frames = [torch.randn(t, 5, dtype=torch.float64, generator=generator) for t in lengths]
    bursts = [3 * torch.rand(t, dtype=torch.float64, generator=generator) for t in lengths]
    weight = torch.rand(sum(lengths), dtype=torch.float64, generator=generator) if weighted else None
    return Packed.from_list(frames, bursts)._replace(weight=weight)


PAIRS = torch.tensor([[2, 0], [0, 1], [1, 2], [0, 1], [1, 0]])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("weighted", [False, True])
def test_pairs_equal_the_field_followed_by_resonance_aware(form, gap, weighted):
    q, k, reading = pool([3, 8, 1], 0, weighted), pool([4, 6, 1], 1), Reading(0.7, form, gap)
    expected = resonance_aware(q, k, resonance_field(q, k, reading)[1], PAIRS)
    torch.testing.assert_close(paired_aware(q, k, PAIRS, reading), expected)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_of_pairs_are_entries_of_the_field(form, gap, weighted, monkeypatch):
    monkeypatch.setattr("sere.kernels.pairs.ELEMENTS", 100)
    q, k, reading = pool([3, 8, 1], 0, weighted), pool([4, 6, 1], 1), Reading(0.7, form, gap)
    field = resonance_field(q, k, reading)[0]
    torch.testing.assert_close(paired_scores(q, k, PAIRS, reading), field[PAIRS[:, 0], PAIRS[:, 1]])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("weighted", [False, True])
def test_both_ways_at_once_equal_each_way_alone(form, gap, weighted):
    first, second, reading = pool([3, 8, 1], 0, weighted), pool([4, 6, 1], 1, weighted), Reading(0.7, form, gap)
    there, back = mutual_aware(first, second, PAIRS, reading)
    torch.testing.assert_close(there, paired_aware(first, second, PAIRS, reading))
    torch.testing.assert_close(back, paired_aware(second, first, PAIRS.flip(1), reading))


def test_gradients_are_those_of_finite_differences():
    q, k = pool([3, 8, 1], 0), pool([4, 6, 1], 1)
    weight = torch.rand(12, dtype=torch.float64) + 0.1

    def aware(frames, weight):
        return paired_aware(q._replace(weight=weight), k._replace(frames=frames), PAIRS, Reading(0.7))

    leaves = [k.frames.requires_grad_(), weight.requires_grad_()]
    assert torch.autograd.gradcheck(aware, leaves)


@pytest.mark.parametrize("soft", [0.05, 1.0])
def test_a_soft_argmax_is_the_equations_weighted_mean(soft):
    q, k = pool([3, 8, 1], 0), pool([4, 6, 1], 1)
    ours = paired_aware(q, k, PAIRS, Reading(0.7), soft)
    there, back = mutual_aware(q, k, PAIRS, Reading(0.7), soft)

    def clip(packed, i):
        rows = slice(int(packed.offsets[i]), int(packed.offsets[i + 1]))
        return packed.frames[rows], packed.intensity[rows]

    for pair, (i, j) in enumerate(PAIRS.tolist()):
        (z_i, I_i), (z_j, I_j) = clip(q, i), clip(k, j)
        R = method.resonance_matrix(z_i, z_j, I_i, I_j, 0.7)
        torch.testing.assert_close(ours[pair], method.resonance_aware(z_j, R, soft))
        torch.testing.assert_close(there[pair], ours[pair])
        torch.testing.assert_close(back[pair], method.resonance_aware(z_i, R.T, soft))
