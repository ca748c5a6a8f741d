"""How unlabeled clips find their emotion: class by class and clip by clip, as the options say."""

import numpy as np
import pytest
import torch
from chains import Y, members
from scipy.special import softmax

from sere import Assignment
from sere.chain.candidates import Candidates
from sere.chain.decision import Decision
from sere.method import balanced_assignment, estimate_shares


def problem(n=40, n_evidence=3, seed=0):
    """Candidates, logits and evidence of a pool, and scales."""
    generator = torch.Generator().manual_seed(seed)
    field, logits, evidence = (torch.randn(n, m, generator=generator) for m in (len(Y), 3, n_evidence))
    return Candidates(field + torch.arange(5.0), Y), 2 * logits, evidence, Decision(1.0, 0.6)


def standard(scores):
    """Rows centred, the whole scaled."""
    centred = np.array([row - row.mean() for row in scores])
    return centred / centred.std(ddof=1)


def literal_scores(room, candidates, logits, evidence, decision):
    """What the clips' classes are chosen by, clip by clip."""
    field = candidates.scores.double().numpy()
    unhubbed = field - field.mean(0)
    resonance = np.array([[row[members(c)].mean() for c in range(3)] for row in unhubbed])
    share = room.field_share
    scores = room.sharpness * (share * standard(resonance) + (1 - share) * standard(logits.double().numpy()))
    if evidence.shape[1]:
        scores = scores + decision.evidence_scale * evidence.double().numpy()
    return scores, unhubbed


@pytest.mark.parametrize("n_evidence", [0, 3])
@pytest.mark.parametrize("field_share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sharpness", [3.0, 0.5])
def test_by_class_resonance_distance_and_experience_decide_together(n_evidence, field_share, sharpness):
    given = problem(n_evidence=n_evidence)
    room = Assignment(field_share=field_share, sharpness=sharpness)
    found = room.assign(*given)
    scores, field = literal_scores(room, *given)
    np.testing.assert_allclose(found.classes, softmax(scores, axis=1), atol=1e-5)
    for clip, row in enumerate(scores):
        assert found.anchors[clip] == max(members(row.argmax()), key=lambda shot: field[clip, shot])


def test_by_anchor_the_most_resonant_shot_decides_alone_hub_or_not():
    candidates, logits, evidence, decision = problem()
    found = Assignment(by="anchor").assign(candidates, logits, evidence, decision)
    best = [int(row.argmax()) for row in candidates.scores]
    assert found.anchors.tolist() == best
    assert found.classes.tolist() == [[float(Y[shot] == c) for c in range(3)] for shot in best]


def test_a_shot_that_resonates_with_everybody_attracts_nobody_by_class():
    candidates, logits, _, decision = problem(n_evidence=0)
    hub = Candidates(candidates.scores + torch.tensor([9.0, 0, 0, 0, 0]), Y)
    plain, with_hub = (Assignment().assign(each, logits, torch.zeros(40, 0), decision) for each in (candidates, hub))
    torch.testing.assert_close(with_hub.classes, plain.classes, rtol=1e-4, atol=1e-5)
    assert with_hub.anchors.equal(plain.anchors)
    assert Assignment(by="anchor").assign(hub, logits, torch.zeros(40, 0), decision).anchors.unique().tolist() == [0]


@pytest.mark.parametrize("balance", [0.0, 0.4, 1.0])
def test_balance_holds_shares_between_the_estimated_and_equal_ones(balance):
    given = problem()
    room = Assignment(balance=balance)
    scores = torch.tensor(literal_scores(room, *given)[0])
    shares = balance / 3 + (1 - balance) * estimate_shares(scores)
    expected = balanced_assignment(scores, shares)
    found = room.assign(*given)
    torch.testing.assert_close(found.classes.double(), expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.classes.mean(0), shares, atol=0.01)


def test_shares_are_free_without_balance():
    candidates, logits, evidence, decision = problem()
    leaning = logits + torch.randn(40, 1, generator=torch.Generator().manual_seed(1)).abs() * torch.tensor([6.0, 0, 0])
    free, held = (
        Assignment(balance=balance).assign(candidates, leaning, evidence, decision).classes.mean(0)
        for balance in (None, 1.0)
    )
    assert free[0] > held[0] + 0.1
    np.testing.assert_allclose(held, 1 / 3, atol=0.01)


@pytest.mark.parametrize("by", ["class", "anchor"])
def test_a_pools_weight_is_shared_out_to_the_best_shot_of_each_class(by):
    found = Assignment(by=by).assign(*problem())
    expected = np.zeros(5)
    for classes, row in zip(found.classes.tolist(), found.field, strict=True):
        for c, share in enumerate(classes):
            expected[max(members(c), key=lambda shot: row[shot])] += share
    np.testing.assert_allclose(found.shot_weights(5), expected, rtol=1e-5, atol=1e-6)
    assert float(found.shot_weights(5).sum()) == pytest.approx(40, rel=1e-5)


def test_one_clip_is_a_pool():
    found = Assignment().assign(*problem(n=1))
    assert torch.isfinite(found.classes).all()
    assert float(found.classes.sum()) == pytest.approx(1, rel=1e-5)
