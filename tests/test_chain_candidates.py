"""Anchors in two stages: the full search where the shortlist holds every shot, and the nearest of each class else."""

import pytest
import torch
from chains import Y, chain

from sere.chain import candidates
from sere.chain.candidates import Candidates
from sere.training.stopping import Stopping


@pytest.fixture
def two_stages(monkeypatch):
    """A function that makes every field a shortlisted one, of so many shots."""

    def start(size):
        monkeypatch.setattr("sere.chain.candidates.EXACT", 0)
        monkeypatch.setattr(candidates, "SHORTLIST", size)

    return start


@pytest.mark.parametrize("assignment", [{}, {"assignment__balance": None}, {"assignment__by": "anchor"}], ids=str)
@pytest.mark.parametrize("field", [{}, {"field__highlight_share": 0.5, "field__symmetric": True}], ids=str)
def test_a_shortlist_of_all_shots_chooses_as_the_full_search(two_stages, assignment, field):
    full, short = (chain(prototypes__own_share=0.4, **assignment, **field) for _ in range(2))
    full.look()
    two_stages(3 * len(Y))
    short.look()
    torch.testing.assert_close(short.prototypes, full.prototypes)
    for name, expected in full.assigned.items():
        found = short.assigned[name]
        assert found.candidates.shots is not None
        assert torch.equal(found.anchors, expected.anchors)
        torch.testing.assert_close(found.classes, expected.classes)
        torch.testing.assert_close(found.shot_weights(5), expected.shot_weights(5))


def test_a_shortlist_holds_the_nearest_shots_of_every_class():
    generator = torch.Generator().manual_seed(0)
    clips, shots = (torch.randn(n, 4, generator=generator) for n in (6, 200))
    y = torch.randint(0, 3, (200,), generator=generator)
    chosen, classes = candidates.shortlist(clips, shots, y, 3)
    assert chosen.shape == (6, 3 * (candidates.SHORTLIST // 3))
    for clip, own in zip(clips, chosen, strict=True):
        for c in range(3):
            distance = torch.where(y == c, (shots - clip).norm(dim=1), torch.inf)
            nearest = distance.argsort()[: candidates.SHORTLIST // 3]
            assert own[classes == c].tolist() == nearest.tolist()


def test_scores_of_a_shortlist_are_those_of_the_full_field(two_stages):
    run = chain()
    with torch.no_grad():
        shots = run.network(run.clips.labeled)
        full = run._see(run.clips.pools["target"], shots).candidates
        two_stages(3)
        short = run._see(run.clips.pools["target"], shots).candidates
    assert short.scores.shape == (9, 3)
    assert torch.equal(Y[short.shots], short.classes.expand(9, -1))
    torch.testing.assert_close(short.scores, full.scores.gather(1, short.shots))
    torch.testing.assert_close(short.without_hubs(), full.without_hubs().gather(1, short.shots))


def test_hubs_of_a_shortlist_are_means_over_evenly_spaced_clips(two_stages, monkeypatch):
    monkeypatch.setattr("sere.training.loop.HUB_CLIPS", 4)
    run = chain()
    with torch.no_grad():
        shots, target = run.network(run.clips.labeled), run.clips.pools["target"]
        full = run._see(target, shots).candidates
        two_stages(3)
        short = run._see(target, shots).candidates
    assert full.hubs is None
    torch.testing.assert_close(short.hubs, full.scores[[0, 3, 6]].mean(0))


SCORES = torch.tensor([[1.0, 2, 3], [5, 4, 9]])
SHOTS = torch.tensor([[4, 1, 2], [0, 1, 3]])


def test_a_full_field_stands_for_shots_by_its_columns():
    full = Candidates(SCORES, torch.tensor([0, 1, 2]))
    assert full.without_hubs().tolist() == [[-2, -1, -3], [2, 1, 3]]
    assert full.shot_of(torch.tensor([2, 0])).tolist() == [2, 0]
    assert full.per_shot(SCORES, 3).tolist() == [6, 6, 12]


def test_a_shortlisted_field_stands_for_each_clips_own_shots():
    short = Candidates(SCORES, torch.tensor([0, 1, 2]), SHOTS, torch.tensor([0.5, 1, 2, 4, 8]))
    assert short.without_hubs().tolist() == [[-7, 1, 1], [4.5, 3, 5]]
    assert short.shot_of(torch.tensor([2, 0])).tolist() == [2, 0]
    assert short.shot_of(torch.tensor([0, 2])).tolist() == [4, 3]
    assert short.per_shot(SCORES, 5).tolist() == [5, 6, 3, 9, 1]


def test_candidates_of_parts_are_those_of_the_pool():
    classes, hubs = torch.tensor([0, 1, 2]), torch.ones(5)
    parts = [Candidates(SCORES, classes, SHOTS), Candidates(SCORES + 1, classes, SHOTS.flip(0))]
    joined = Candidates.joined(parts, hubs)
    assert joined.scores.equal(torch.cat([SCORES, SCORES + 1]))
    assert joined.shots.equal(torch.cat([SHOTS, SHOTS.flip(0)]))
    assert joined.hubs is hubs
    assert Candidates.joined([Candidates(SCORES, classes)], None).shots is None


def test_training_goes_on_from_shortlisted_anchors(two_stages):
    two_stages(3)
    records = []
    run = chain()
    run.run(2, records.append, Stopping())
    assert len(records) == 2
    assert all(torch.isfinite(value).all() for value in run.network.state_dict().values())
