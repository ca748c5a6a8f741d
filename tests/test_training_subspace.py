import numpy as np
import pytest
import torch

from sere import Embedding, ResonanceField
from sere.training.network import Pool, ResonanceNetwork, Space
from sere.training.prepare import Preparation
from sere.training.spaces import StandardisedPool
from sere.training.starts import survey
from sere.training.subspace import into, starts_into, state_into, training_bases

D, W = 20, 30  # columns of the context and of frames


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    offsets = torch.arange(0, 61, 5)
    context, frames, changes = (torch.from_numpy(rng.normal(size=size)) for size in ((12, D), (60, W), (60, 4)))
    return Pool((Space(0, context, frames, changes, offsets, torch.zeros(12, 0)),))


@pytest.fixture(scope="module")
def starts():
    rng = np.random.default_rng(1)
    return [(rng.normal(size=(D, 3)), rng.normal(size=(W, 4)))]


def survey_of(preparation, clips, width):
    return survey(preparation, [StandardisedPool(tuple(space.arrays() for space in clips.spaces))], {}, width)


def bases_of(clips, starts, width, before=None):
    preparation = Preparation(4.0, 50.0, names=["e"])
    return training_bases(preparation, survey_of(preparation, clips, width), starts, before or {}, width=width)


def network(starts):
    return ResonanceNetwork(starts, Embedding(), ResonanceField())


def test_bases_are_orthonormal_and_hold_the_start(clips, starts):
    for basis, start in zip(bases_of(clips, starts, 8)[0], starts[0], strict=True):
        np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
        np.testing.assert_allclose(basis @ (basis.T @ start), start, atol=1e-12)
        assert basis.shape[1] == 8


def test_encoders_with_few_columns_keep_them_all(clips, starts):
    assert bases_of(clips, starts, 30)[0] == (None, None)
    bases = bases_of(clips, starts, 25)
    assert bases[0][0] is None
    assert bases[0][1].shape == (W, 25)
    assert into(clips, bases).spaces[0].context is clips.spaces[0].context


def test_a_network_on_coordinates_embeds_as_the_one_on_all_columns(clips, starts):
    bases = bases_of(clips, starts, 8)
    ready = Pool(tuple(space.to(torch.float32) for space in clips.spaces))
    whole, turned = network(starts)(ready), network(starts_into(starts, bases))(into(ready, bases))
    np.testing.assert_allclose(turned.clips.detach(), whole.clips.detach(), atol=1e-4)
    assert network(starts_into(starts, bases)).drift() == 0


def test_what_was_learned_on_coordinates_goes_back_into_all_columns(clips, starts):
    bases = bases_of(clips, starts, 8)
    ready = Pool(tuple(space.to(torch.float32) for space in clips.spaces))
    trained = network(starts_into(starts, bases))
    with torch.no_grad():
        for value in trained.parameters():
            value.add_(0.1)
    back = network(starts)
    back.load_state_dict(state_into(trained.own_state(), bases, back=True))
    np.testing.assert_allclose(back(ready).clips.detach(), trained(into(ready, bases)).clips.detach(), atol=1e-4)


def test_a_network_to_go_on_from_is_held_whole(clips, starts):
    before = {name: value + 0.3 for name, value in network(starts).state_dict().items()}
    bases = bases_of(clips, starts, 8, before)
    there_and_back = state_into(state_into(before, bases), bases, back=True)
    for name, value in before.items():
        np.testing.assert_allclose(there_and_back[name], value, atol=1e-5)


def test_a_state_of_another_width_is_left_for_the_network_to_refuse(clips, starts):
    other = network([(np.ones((5, 3)), np.ones((6, 4)))]).state_dict()
    turned = state_into(other, bases_of(clips, starts, 8, other))
    assert turned["context_maps.0"].shape == (5, 3)


def test_directions_along_which_nothing_varies_are_not_kept(starts):
    rng = np.random.default_rng(3)
    context, frames = torch.from_numpy(rng.normal(size=(5, D))), torch.from_numpy(rng.normal(size=(10, W)))
    nothing, offsets = torch.zeros(10, 4, dtype=torch.float64), torch.arange(0, 11, 2)
    few = Pool((Space(0, context - context.mean(0), frames, nothing, offsets, torch.zeros(5, 0)),))
    of_context, of_frames = bases_of(few, starts, 18)[0]
    assert of_context.shape == (D, 3 + 4)  # the start, and what five clips vary in
    assert of_frames.shape == (W, 4 + 9)


def test_an_encoder_whose_front_moves_keeps_its_columns(clips, starts):
    preparation = Preparation(4.0, 50.0, names=["e"])
    found = training_bases(preparation, survey_of(preparation, clips, 8), starts, {}, fixed=["e"], width=8)
    assert found == {}
