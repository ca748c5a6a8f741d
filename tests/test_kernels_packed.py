"""Clips end to end."""

import pytest
import torch

from sere.kernels import Packed


def test_clips_come_back_by_their_offsets():
    frames = [torch.rand(t, 3) for t in (2, 1, 4)]
    packed = Packed.from_list(frames, [f[:, 0] for f in frames])
    assert packed.offsets.tolist() == [0, 2, 3, 7]
    assert packed.n_clips == 3
    assert packed.lengths.tolist() == [2, 1, 4]
    for c, frame in enumerate(frames):
        rows = slice(packed.offsets[c], packed.offsets[c + 1])
        assert torch.equal(packed.frames[rows], frame)
        assert torch.equal(packed.intensity[rows], frame[:, 0])
    assert packed.owners.tolist() == [0, 0, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (None, [1 / 2, 1 / 2, 1, 1 / 3, 1 / 3, 1 / 3]),
        ([1, 0, 1, 0, 1, 1], [1, 0, 1, 0, 1 / 2, 1 / 2]),
        ([0.5, 1.5, 0, 1, 1, 2], [1 / 4, 3 / 4, 0, 1 / 4, 1 / 4, 1 / 2]),
    ],
)
def test_a_clips_shares_are_its_weights_made_to_sum_to_one(weight, expected):
    clips = Packed(torch.rand(6, 3), torch.rand(6), torch.tensor([0, 2, 3, 6]))
    if weight is not None:
        clips = clips._replace(weight=torch.tensor(weight))
    torch.testing.assert_close(clips.shares(), torch.tensor(expected, dtype=torch.float32))


def test_detached_clips_keep_their_values_alone():
    parts = [x.requires_grad_() for x in (torch.rand(3, 2), torch.rand(3), torch.rand(3))]
    clips = Packed(*parts[:2], torch.tensor([0, 3]), parts[2])
    bare = clips.detached()
    for part, own in zip(bare, clips, strict=True):
        assert torch.equal(part, own)
        assert not part.requires_grad
    assert clips._replace(weight=None).detached().weight is None


def test_gradients_flow_through_packing():
    frames = [torch.rand(2, 3, requires_grad=True), torch.rand(1, 3, requires_grad=True)]
    packed = Packed.from_list(frames, [torch.rand(2), torch.rand(1)])
    packed.frames[2].sum().backward()
    assert frames[1].grad is not None
    assert frames[1].grad.tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(
    ("frames", "intensity", "message"),
    [
        ([], [], "at least one, got 0 and 0"),
        ([(2, 3)], [(2,), (1,)], "got 1 and 2"),
        ([(2, 3), (0, 3)], [(2,), (0,)], "clip 1: frames must have shape"),
        ([(2, 3), (2, 4)], [(2,), (2,)], r"clip 1: frames must have shape \(T, 3\)"),
        ([(2, 3)], [(3,)], r"clip 0: 2 frames need an intensity of shape \(2,\)"),
    ],
)
def test_clips_that_do_not_fit_are_named(frames, intensity, message):
    with pytest.raises(ValueError, match=message):
        Packed.from_list([torch.rand(s) for s in frames], [torch.rand(s) for s in intensity])
