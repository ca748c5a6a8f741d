"""What a reading of Eq. 4 refuses, at every door, and its slopes."""

import pytest
import torch

from sere.kernels import Packed, Reading, resonance_field
from sere.kernels.field import field_scores
from sere.kernels.pairs import mutual_aware, paired_aware, paired_scores
from sere.method.resonance import FORMS, GAPS

CLIPS = Packed(torch.eye(3), torch.arange(3.0), torch.tensor([0, 1, 3]))
PAIRS = torch.tensor([[0, 1], [1, 0]])
DOORS = {
    "resonance_field": lambda q, k, reading: resonance_field(q, k, reading),
    "field_scores": lambda q, k, reading: field_scores(q, k, reading),
    "paired_aware": lambda q, k, reading: paired_aware(q, k, PAIRS, reading),
    "mutual_aware": lambda q, k, reading: mutual_aware(q, k, PAIRS, reading),
    "softly": lambda q, k, reading: paired_aware(q, k, PAIRS, reading, soft=0.5),
    "paired_scores": lambda q, k, reading: paired_scores(q, k, PAIRS, reading),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading(0), "tau must be > 0, got 0"),
        (Reading(float("nan")), "tau must be > 0, got nan"),
        (Reading(1.0, form="cosine"), "form must be one of .*, got 'cosine'"),
        (Reading(1.0, gap="linear"), "gap must be one of .*, got 'linear'"),
    ],
)
def test_mistakes_are_named(door, reading, message):
    with pytest.raises(ValueError, match=message):
        DOORS[door](CLIPS, CLIPS, reading)


@pytest.mark.parametrize("door", DOORS)
def test_queries_and_keys_have_the_same_columns(door):
    narrow = CLIPS._replace(frames=CLIPS.frames[:, :2])
    with pytest.raises(ValueError, match="queries have 3 columns and keys 2"):
        DOORS[door](CLIPS, narrow, Reading(1.0))


def test_a_temperature_becomes_a_tensor_of_the_frames_type_and_keeps_its_gradient():
    frames = torch.zeros(1, 2, dtype=torch.float64)
    beside = Reading(0.5, "raw", "gaussian").beside(frames)
    assert beside.tau.dtype == torch.float64
    assert beside == (0.5, "raw", "gaussian")
    tau = torch.tensor(0.5, requires_grad=True)
    Reading(tau).beside(frames).tau.backward()
    assert tau.grad == 1


@pytest.mark.parametrize("door", [door for door in DOORS if door != "resonance_field"])
def test_a_temperature_that_is_learned_is_read_without_its_gradient(door):
    tau = torch.tensor(0.5, requires_grad=True)
    learned, fixed = (DOORS[door](CLIPS, CLIPS, Reading(value)) for value in (tau, 0.5))
    for ours, expected in zip(*(x if isinstance(x, tuple) else (x,) for x in (learned, fixed)), strict=True):
        assert torch.equal(ours, expected)
        assert not ours.requires_grad


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gap", GAPS)
def test_slopes_are_those_of_the_resonance(form, gap):
    generator = torch.Generator().manual_seed(0)
    cosine, delta = (2 * torch.rand(20, dtype=torch.float64, generator=generator) - 1 for _ in range(2))
    leaves = [x.clone().requires_grad_() for x in (cosine, delta, torch.tensor(0.7, dtype=torch.float64))]
    parts = [leaf.clone() for leaf in leaves]  # what is overwritten must not be a leaf
    R = Reading(parts[2].expand(20), form, gap).resonance(*parts[:2])
    by_cosine, by_delta, by_tau = torch.autograd.grad(R.sum(), leaves)
    ours = Reading(torch.tensor(0.7, dtype=torch.float64), form, gap).slopes(cosine.clone(), delta)
    torch.testing.assert_close(ours[:3], (R, by_cosine, by_delta))
    torch.testing.assert_close(ours[3].sum(), by_tau)
