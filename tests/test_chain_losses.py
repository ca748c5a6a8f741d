"""Eq. 8-10: every term of a minibatch in every form, against the equations clip by clip."""

import pytest
import torch
from chains import Y, embedded, literal_terms

from sere import ResonanceField, TripleResonance
from sere.chain.decision import Decision
from sere.chain.losses import Minibatch


def leaf(batch):
    """Clips whose frames and bursts are learned."""
    frames, intensity = (values.clone().requires_grad_() for values in batch.packed[:2])
    packed = batch.packed._replace(frames=frames, intensity=intensity)
    clips = torch.stack([clip.mean(0) for clip in frames.split(packed.lengths.tolist())])
    return batch._replace(packed=packed, clips=clips)


def minibatch(**sizes):
    """Random clips of some pools beside five shots, softly assigned, with an anchor each."""
    generator = torch.Generator().manual_seed(5)
    member = torch.nn.functional.one_hot(Y, 3).float()
    return Minibatch(
        shots=leaf(embedded(5, 0)),
        y=Y,
        member=member / member.sum(0),
        pools={name: leaf(embedded(n, n)) for name, n in sizes.items()},
        classes={name: torch.randn(n, 3, generator=generator).softmax(1) for name, n in sizes.items()},
        anchors={name: torch.randint(0, 5, (n,), generator=generator) for name, n in sizes.items()},
        prototypes=torch.randn(3, 5, generator=generator),
        decision=Decision(0.4, 0.0),
        sharpness=2.5,
        log_tau=torch.tensor(-0.2, requires_grad=True),
        drift=torch.tensor(0.25),
    )


BOTH = {"source": 4, "target": 6}
FORMS = [
    {},
    {"prototype_form": "pull"},
    {"prototype_form": "margin"},
    {"dual_distance": "euclidean"},
    {"dual_distance": "infonce"},
    {"dual_detach": False},
    {"dual_by_field": True},
    {"dual_by_field": True, "dual_detach": False, "dual_distance": "euclidean", "prototype_form": "pull"},
]
FIELDS = [
    {"form": "raw"},
    {"form": "sum", "gap": "gaussian"},
    {"symmetric": True, "highlight_share": 0.5},
    {"soft_argmax": 0.2},
]
CHOICES = [*((form, {}) for form in FORMS), *(({"dual_by_field": True}, field) for field in FIELDS)]


@pytest.mark.parametrize(("form", "field"), CHOICES, ids=str)
@pytest.mark.parametrize("sizes", [BOTH, {"source": 4}, {"target": 6}], ids=str)
def test_terms_are_those_of_the_equations_clip_by_clip(form, field, sizes):
    losses, resonance, batch = TripleResonance(**form), ResonanceField(**field), minibatch(**sizes)
    found, expected = losses.terms(batch, resonance), literal_terms(batch, resonance, losses)
    assert set(found) == {*expected, "drift"}
    assert found["drift"] is batch.drift
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=2e-4, atol=2e-5, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize(("form", "field"), CHOICES, ids=str)
def test_gradients_are_those_of_the_equations(form, field):
    losses, resonance, batch = TripleResonance(**form), ResonanceField(**field), minibatch(**BOTH)
    sides = batch.shots, *batch.pools.values()
    leaves = [batch.log_tau, *(values for side in sides for values in side.packed[:2])]
    for name in ("shots", "prototype", "dual", "field"):
        found, expected = (
            torch.autograd.grad(terms[name], leaves, allow_unused=True, retain_graph=True)
            for terms in (losses.terms(batch, resonance), literal_terms(batch, resonance, losses))
        )
        size = max(float(slope.abs().max()) for slope in expected if slope is not None)
        assert size > 0
        for a, b in zip(found, expected, strict=True):
            a, b = (torch.zeros(1) if slope is None else slope for slope in (a, b))
            torch.testing.assert_close(*torch.broadcast_tensors(a, b), rtol=2e-3, atol=2e-4 * size)


def test_with_gradients_kept_out_the_reference_of_equation_9_stays_where_it_is():
    for detach in (True, False):
        batch = minibatch(source=4)
        dual = TripleResonance(dual_detach=detach).terms(batch, ResonanceField())["dual"]
        moved = torch.autograd.grad(dual, batch.shots.packed.frames, allow_unused=True)[0]
        assert (moved is None) == detach  # what answers a clip lies in its shot


def test_without_pools_only_the_shots_and_the_drift_are_left():
    terms = TripleResonance().terms(minibatch(), ResonanceField())
    assert set(terms) == {"shots", "drift", "field"}
    assert float(terms["field"]) == 0


WEIGHTS = {"shot": 0.9, "prototype": 0.7, "dual": 0.5, "field": 0.3, "drift": 0.1}
TERMS = {name: torch.tensor(value) for name, value in zip(("shots", *list(WEIGHTS)[1:]), (1.0, 10, 100, 1e3, 1e4))}


@pytest.mark.parametrize("missing", [(), ("dual",), ("dual", "prototype")], ids=str)
def test_the_objective_is_the_weighted_sum_of_the_terms_that_there_are(missing):
    losses = TripleResonance(**{f"{name}_weight": weight for name, weight in WEIGHTS.items()})
    terms = {name: value for name, value in TERMS.items() if name not in missing}
    expected = sum(WEIGHTS[name.removesuffix("s")] * float(value) for name, value in terms.items())
    assert float(losses.total(terms)) == pytest.approx(expected, rel=1e-6)


def test_the_weight_of_drift_is_settled_by_experience_where_nobody_said():
    free, told = TripleResonance(dual_weight=0.2), TripleResonance(drift_weight=0.5)
    assert [free.settled(experienced).drift_weight for experienced in (False, True)] == [1, 10]
    assert [told.settled(experienced).drift_weight for experienced in (False, True)] == [0.5, 0.5]
    assert free.settled(True).dual_weight == 0.2
    assert free.drift_weight is None
