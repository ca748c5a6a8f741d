"""Eq. 7: prototypes clip by clip, from shots, from experience and from the pools that are listened to."""

import pytest
import torch
from chains import Y, embedded, members

from sere import Assignment, Prototypes
from sere.chain.candidates import Candidates
from sere.chain.decision import Decision

WIDTH, POOLS = 5, {"source": 7, "target": 9}


@pytest.fixture
def shots():
    return embedded(5, 0, WIDTH).clips


@pytest.fixture
def clips():
    """Embeddings of each pool."""
    return {name: embedded(n, n, WIDTH).clips for name, n in POOLS.items()}


def assigned(by="class"):
    """What each pool's clips were found to be, at random."""
    generator, found = torch.Generator().manual_seed(3), {}
    for name, n in POOLS.items():
        field, logits = (torch.randn(n, m, generator=generator) for m in (5, 3))
        found[name] = Assignment(by=by).assign(Candidates(field, Y), logits, torch.zeros(n, 0), Decision(1.0, 0.0))
    return found


IMAGINED = torch.tensor([[3.0, 0, 1, 0, 0], [0, 3, 0, 0, 1], [0, 2, 0, 2, 0]]), torch.tensor([0, 1, 1])


def mean_of(joined):
    """Weighted mean of (weight, clip)."""
    return sum(weight * clip for weight, clip in joined) / sum(weight for weight, _ in joined)


def known(shots, imagined, c, worth):
    """Weighted examples of a class: each shot counts as one clip, all that is imagined of a class as `worth`."""
    labeled = [(1.0, shots[shot]) for shot in members(c)]
    if imagined is None:
        return labeled
    dreamt = [clip for clip, own in zip(*imagined, strict=True) if own == c]
    return labeled + [(worth / len(dreamt), clip) for clip in dreamt]


@pytest.mark.parametrize("imagined", [None, IMAGINED], ids=["shots", "experience"])
@pytest.mark.parametrize("worth", [5.0, 0.5])
def test_it_starts_with_the_mean_of_what_is_known(shots, imagined, worth):
    room = Prototypes(experience_shots=worth)
    found = room.start(room.examples(shots, Y, imagined, 3), 3)
    for c in range(3):
        torch.testing.assert_close(found[c], mean_of(known(shots, imagined, c, worth)))


@pytest.mark.parametrize("imagined", [None, IMAGINED], ids=["shots", "experience"])
@pytest.mark.parametrize("pool", ["both", "source", "target"])
@pytest.mark.parametrize("by", ["class", "anchor"])
@pytest.mark.parametrize("own_share", [0.0, 0.3, 1.0])
def test_enhanced_prototypes_are_equation_7_over_the_pools_that_are_listened_to(
    shots, clips, imagined, pool, by, own_share
):
    room, found_in = Prototypes(own_share=own_share, pool=pool), assigned(by)
    found = room.enhanced(room.examples(shots, Y, imagined, 3), found_in, clips, 3)
    heard = POOLS if pool == "both" else (pool,)
    for c in range(3):
        joined = known(shots, imagined, c, room.experience_shots)
        for name in heard:
            for i, clip in enumerate(clips[name]):
                anchor = shots[max(members(c), key=lambda shot: found_in[name].field[i, shot])]
                share = float(found_in[name].classes[i, c])
                joined.append((share, own_share * clip + (1 - own_share) * anchor))
        torch.testing.assert_close(found[c], mean_of(joined), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_pools_move_the_prototypes_as_far_as_their_weight(shots, clips, weight):
    room = Prototypes(pool="both")
    examples, found_in = room.examples(shots, Y, None, 3), assigned()
    start, grown = room.start(examples, 3), room.enhanced(examples, found_in, clips, 3)
    moved = Prototypes(pool="both", pool_weight=weight).enhanced(examples, found_in, clips, 3)
    assert not torch.allclose(start, grown)
    torch.testing.assert_close(moved, (1 - weight) * start + weight * grown)


@pytest.mark.parametrize(
    ("pool", "experienced", "has_target", "heard"),
    [
        (None, False, True, ["source", "target"]),
        (None, True, True, ["target"]),
        (None, True, False, ["source", "target"]),
        ("source", True, True, ["source"]),
        ("target", False, True, ["target"]),
        ("both", True, True, ["source", "target"]),
    ],
)
def test_whom_it_listens_to_is_settled_by_experience_where_nobody_said(pool, experienced, has_target, heard):
    room = Prototypes(own_share=0.2, pool=pool)
    settled = room.settled(experienced, has_target)
    assert [name for name in POOLS if settled.listens_to(name)] == heard
    assert settled.own_share == 0.2
    assert room.pool == pool
