"""Anchors in two stages: the full search where the shortlist holds every shot, and the nearest of each class else."""

import pytest
import torch
from test_training_loop import Y, chain

from sere.training import anchors


@pytest.fixture
def two_stages(monkeypatch):
    """A function that makes every field a shortlisted one, of so many shots."""

    def start(size):
        monkeypatch.setattr(anchors, "EXACT", 0)
        monkeypatch.setattr(anchors, "SHORTLIST", size)

    return start


@pytest.mark.parametrize("assignment", ["class", "balanced", "anchor"])
@pytest.mark.parametrize("highlight_share", [1.0, 0.5])
def test_a_shortlist_of_all_shots_chooses_as_the_full_search(two_stages, assignment, highlight_share):
    changes = {"assignment": assignment, "prototype_source": 0.4, "highlight_share": highlight_share}
    full, short = chain(**changes), chain(**changes)
    full.look()
    two_stages(3 * len(Y))
    short.look()
    torch.testing.assert_close(short.prototypes, full.prototypes)
    for name, expected in full.assigned.items():
        assert torch.equal(short.assigned[name].anchors, expected.anchors)
        torch.testing.assert_close(short.assigned[name].classes, expected.classes)
        torch.testing.assert_close(short.assigned[name].weights, expected.weights)


def test_a_shortlist_holds_the_nearest_shots_of_every_class():
    generator = torch.Generator().manual_seed(0)
    clips, shots = (torch.randn(n, 4, generator=generator) for n in (6, 200))
    y = torch.randint(0, 3, (200,), generator=generator)
    chosen, classes = anchors.shortlist(clips, shots, y, 3)
    assert chosen.shape == (6, 3 * (anchors.SHORTLIST // 3))
    for clip, own in zip(clips, chosen, strict=True):
        for c in range(3):
            distance = torch.where(y == c, (shots - clip).norm(dim=1), torch.inf)
            nearest = distance.argsort()[: anchors.SHORTLIST // 3]
            assert own[classes == c].tolist() == nearest.tolist()


def test_scores_of_a_shortlist_are_those_of_the_full_field(two_stages):
    run = chain()
    with torch.no_grad():
        shots = run.network(run.labeled)
        full = run._field_of(run.pools["target"], shots)[2]
        two_stages(3)
        short = run._field_of(run.pools["target"], shots)[2]
    assert short.scores.shape == (9, 3)
    assert torch.equal(Y[short.shots], short.classes.expand(9, -1))
    torch.testing.assert_close(short.scores, full.scores.gather(1, short.shots))
    torch.testing.assert_close(short.without_hubs(), full.without_hubs().gather(1, short.shots))


def test_training_goes_on_from_shortlisted_anchors(two_stages):
    two_stages(3)
    records = []
    run = chain()
    run.run(2, records.append)
    assert len(records) == 2
    assert all(torch.isfinite(value).all() for value in run.network.state_dict().values())
