"""How distances and experience become scores: the scales, by clips and prototypes of known distances."""

import numpy as np
import pytest
import torch

from sere.chain.decision import LEAST, MOST, UNKNOWN_SPEAKERS, Decision, temperature_for
from sere.method import prototype_logits


@pytest.fixture
def sample():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, p, generator=generator) for n, p in ((31, 4), (31, 3), (3, 4))]


def squared(clips, prototypes):
    return np.array([[sum((x - p) ** 2) for p in prototypes.numpy()] for x in clips.numpy()])


def test_at_first_sight_the_median_distance_is_as_long_as_sharpness_and_evidence_as_its_weight(sample):
    clips, evidence, prototypes = sample
    found = Decision.at_first_sight(clips, evidence, prototypes, 3.0, 2.0)
    assert found.scale * np.median(squared(clips, prototypes)) == pytest.approx(3.0, rel=1e-5)
    assert found.evidence_scale * np.sqrt(np.mean(evidence.numpy() ** 2)) == pytest.approx(2.0, rel=1e-5)
    assert found.sharpening == 1


@pytest.mark.parametrize("evidence", [torch.zeros(31, 0), torch.zeros(31, 3)], ids=["none", "of nothing"])
def test_without_experience_it_has_no_weight(sample, evidence):
    clips, _, prototypes = sample
    assert Decision.at_first_sight(clips, evidence, prototypes, 3.0, 2.0).evidence_scale == 0


def test_clips_that_are_their_prototypes_leave_the_scale_finite():
    assert np.isfinite(Decision.at_first_sight(torch.ones(4, 2), torch.zeros(4, 0), torch.ones(3, 2), 3.0, 2.0).scale)


def test_scores_are_sharpened_negative_distances_and_evidence(sample):
    clips, evidence, prototypes = sample
    decision = Decision(0.5, 0.7, 1.5)
    distances = squared(clips, prototypes)
    np.testing.assert_allclose(decision.logits(clips, prototypes), -0.5 * distances, rtol=1e-4)
    expected = -0.5 * 1.5 * distances + 0.7 * evidence.numpy()
    np.testing.assert_allclose(decision.scores(clips, prototypes, evidence), expected, rtol=1e-4, atol=1e-5)
    alone = decision.scores(clips, prototypes, evidence[:, :0])
    np.testing.assert_allclose(alone, -0.5 * 1.5 * distances, rtol=1e-4)


def test_sharpened_scores_spread_within_clips_by_the_sharpness(sample):
    clips, evidence, prototypes = sample
    decision = Decision(0.01, 0.0)
    decision.sharpen(clips, prototypes, 3.0)
    scores = decision.scores(clips, prototypes, evidence[:, :0]).numpy()
    assert np.std(scores - scores.mean(1, keepdims=True)) == pytest.approx(3.0, rel=1e-4)
    decision.sharpen(clips, torch.ones(3, 4), 3.0)  # all prototypes alike tell nothing to sharpen
    assert decision.sharpening == 1


def clear(share, n=60, n_classes=4):
    """Evidence that is clear about a share of clips, and says nothing of the others."""
    return 9.0 * np.eye(n_classes)[np.arange(n) % n_classes] * (np.arange(n) < share * n)[:, None] + 1e-6


def test_the_clearer_experience_hears_a_pool_the_surer_are_probabilities():
    found = [temperature_for(clear(share), True) for share in (0.0, 0.3, 0.5, 1.0)]
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (pytest.approx(MOST), pytest.approx(LEAST))


def test_the_temperature_without_experience_is_whether_speakers_are_known():
    for nothing in (np.empty((5, 0)), np.zeros((5, 3))):
        assert temperature_for(nothing, True) == 1
        assert temperature_for(nothing, False) == UNKNOWN_SPEAKERS > 1


def test_the_temperature_is_as_without_clips_that_experience_says_nothing_of():
    expected = temperature_for(clear(0.5), True)
    assert temperature_for(np.vstack([clear(0.5), np.zeros((40, 4))]), True) == expected
    assert temperature_for(clear(0.5), False) == expected


def test_many_clips_are_judged_a_part_at_a_time_with_the_same_scores(sample, monkeypatch):
    clips, evidence, prototypes = sample
    whole = Decision.at_first_sight(clips, evidence, prototypes, 3.0, 2.0)
    seen = []
    monkeypatch.setattr("sere.chain.decision.AT_ONCE", 8)
    monkeypatch.setattr(
        "sere.chain.decision.prototype_logits",
        lambda part, *rest: seen.append(len(part)) or prototype_logits(part, *rest),
    )
    assert Decision.at_first_sight(clips, evidence, prototypes, 3.0, 2.0) == whole
    assert seen == [8, 8, 8, 7]
    assert whole.logits(clips, prototypes).equal(prototype_logits(clips, prototypes, whole.scale))
