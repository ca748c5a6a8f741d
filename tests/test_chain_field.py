"""The resonance field in every reading: Eq. 4-6 of packed clips, pair by pair by the equations."""

import pytest
import torch
from chains import Literal, Y, clips_of, embedded, members

from sere import ResonanceField, method
from sere.kernels import Reading

READINGS = [
    {},
    {"form": "raw"},
    {"form": "sum", "gap": "gaussian"},
    {"highlight_share": 0.4},
    {"symmetric": True},
    {"symmetric": True, "highlight_share": 0.5, "gap": "gaussian"},
    {"soft_argmax": 0.2},
    {"soft_argmax": 0.2, "highlight_share": 0.4, "form": "sum"},
]
TAU = torch.tensor(0.8)
PAIRS = torch.tensor([[0, 1], [3, 0], [3, 5], [2, 2], [0, 1]])


@pytest.fixture
def sides():
    """Five clips and six."""
    return embedded(5, 0), embedded(6, 1)


@pytest.fixture(params=READINGS, ids=str)
def field(request):
    return ResonanceField(**request.param)


@pytest.mark.parametrize("learning", [True, False])
def test_scores_are_equation_6_of_every_pair(field, sides, learning):
    queries, keys = (side.packed for side in sides)
    with torch.set_grad_enabled(learning):
        found = field.scores(queries, keys, TAU)
    expected = Literal(field, TAU).scores(clips_of(queries), clips_of(keys))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_scores_of_chosen_pairs_are_theirs_in_the_whole_field(field, sides):
    queries, keys = (side.packed for side in sides)
    with torch.no_grad():
        found = field.scores_of(queries, keys, PAIRS, TAU)
        torch.testing.assert_close(found, field.scores(queries, keys, TAU)[PAIRS[:, 0], PAIRS[:, 1]])


def test_answers_are_equation_5_of_each_pair(field, sides):
    queries, keys = (side.packed for side in sides)
    ours, theirs, say = clips_of(queries), clips_of(keys), Literal(field, TAU)
    expected = [torch.stack([say.aware(ours[q], theirs[k]) for q, k in PAIRS])]
    expected.append(torch.stack([say.aware(theirs[k], ours[q]) for q, k in PAIRS]))
    torch.testing.assert_close(field.answers(queries, keys, PAIRS, TAU), expected[0])
    there, back = field.mutual_answers(queries, keys, PAIRS, TAU)
    torch.testing.assert_close(there, expected[0])
    torch.testing.assert_close(back, expected[1])


def test_a_symmetric_field_is_the_same_from_both_sides_and_another_one_is_not(sides):
    queries, keys = (side.packed for side in sides)
    for symmetric in (True, False):
        field = ResonanceField(symmetric=symmetric)
        there, back = field.scores(queries, keys, TAU), field.scores(keys, queries, TAU).T
        assert torch.allclose(there, back, atol=1e-6) == symmetric


def test_highlights_are_marked_clip_by_clip(sides):
    packed = sides[0].packed
    marked = ResonanceField(highlight_share=0.5).highlighted(packed)
    for own, (_, intensity) in zip(marked.weight.split(packed.lengths.tolist()), clips_of(packed), strict=True):
        assert own.bool().equal(method.highlight_frames(intensity, 0.5))
        assert set(own.tolist()) <= {0.0, 1.0}
    assert ResonanceField().highlighted(packed) is packed


def test_a_reading_takes_the_temperature_that_it_is_given():
    assert ResonanceField(tau=0.3, form="sum", gap="gaussian").reading(0.7) == Reading(0.7, "sum", "gaussian")


def test_the_temperature_is_learned_from_scores_and_not_from_answers(sides):
    queries, keys = (side.packed for side in sides)
    tau = TAU.clone().requires_grad_()
    for soft in (None, 0.2):
        assert not ResonanceField(soft_argmax=soft).answers(queries, keys, PAIRS, tau).requires_grad
    (slope,) = torch.autograd.grad(ResonanceField().scores(queries, keys, tau).sum(), tau)
    step = 1e-2
    ahead, behind = (float(ResonanceField().scores(queries, keys, TAU + sign * step).sum()) for sign in (1, -1))
    assert float(slope) == pytest.approx((ahead - behind) / (2 * step), rel=1e-2)


def test_candidates_of_few_shots_are_all_of_them(field, sides):
    shots, clips = sides
    with torch.no_grad():
        found = field.candidates(shots, clips, Y, 3, TAU)
    assert found.shots is None
    assert found.classes.equal(Y)
    expected = Literal(field, TAU).scores(clips_of(shots.packed), clips_of(clips.packed)).T
    torch.testing.assert_close(found.scores, expected, rtol=1e-4, atol=1e-6)


def test_candidates_of_many_shots_are_a_shortlist_with_the_exact_scores(field, sides, monkeypatch):
    monkeypatch.setattr("sere.chain.candidates.EXACT", 4)
    monkeypatch.setattr("sere.chain.candidates.SHORTLIST", 3)
    shots, clips = sides
    with torch.no_grad():
        found = field.candidates(shots, clips, Y, 3, TAU)
        whole = field.scores(shots.packed, clips.packed, TAU).T
    assert found.classes.tolist() == [0, 1, 2]
    distances = torch.cdist(clips.clips, shots.clips)
    for clip, chosen in enumerate(found.shots.tolist()):
        assert chosen == [min(members(c), key=lambda shot: distances[clip, shot]) for c in range(3)]
    torch.testing.assert_close(found.scores, whole.gather(1, found.shots))
