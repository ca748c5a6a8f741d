"""The network: Eq. 2-3 of each clip by the equations, starting as its inputs' leading directions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sere import Embedding, ResonanceField
from sere.method import burst_intensity, context_gate, dynamic_features, enhanced_representation
from sere.training.network import Pool, ResonanceNetwork, Space


def space(n=5, widths=(3, 4), index=0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 7, (n,), generator=generator)
    total = int(lengths.sum())

    def normal(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    offsets = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    return Space(index, normal(n, widths[0]), normal(total, widths[1]), normal(total, 4), offsets, torch.zeros(n, 0))


def network(*widths, gate="feature", intensity="abs", dynamics_scale=0.3, tau=0.7, moved=True):
    rng = np.random.default_rng(0)
    starts = [(rng.normal(size=(c, 2)), rng.normal(size=(f, 2))) for c, f in widths]
    embedding = Embedding(gate=gate, dynamics_scale=dynamics_scale)
    made = ResonanceNetwork(starts, embedding, ResonanceField(intensity, tau=tau)).double()
    if moved:
        with torch.no_grad():
            for value in made.parameters():
                value.add_(torch.from_numpy(rng.normal(0, 0.3, tuple(value.shape))))
    return made


@pytest.mark.parametrize("gate", ["feature", "frame"])
@pytest.mark.parametrize("intensity", ["abs", "signed", "square"])
def test_every_clip_is_embedded_by_equations_2_and_3(gate, intensity):
    model, clips = network((3, 4), gate=gate, intensity=intensity), space()
    embedded = model(Pool((clips,)))
    for c in range(len(clips)):
        rows = slice(clips.offsets[c], clips.offsets[c + 1])
        h = torch.stack(
            [torch.cat([clips.context[c] @ model.context_maps[0], f @ model.frame_maps[0]]) for f in clips.frames[rows]]
        )
        D = dynamic_features(clips.changes[rows], context_gate(h, model.gate_weight, model.gate_bias))
        z = enhanced_representation(h, D, 0.3)
        weights = torch.nn.functional.softplus(model.raw_intensity)
        torch.testing.assert_close(embedded.packed.frames[rows], z)
        torch.testing.assert_close(embedded.packed.intensity[rows], burst_intensity(D, weights, intensity))
        torch.testing.assert_close(embedded.clips[c], z.mean(0))


def test_it_starts_with_an_open_gate_of_a_half_equal_intensities_and_the_given_temperature():
    model, clips = network((3, 4), moved=False), space()
    packed = model(Pool((clips,))).packed
    torch.testing.assert_close(packed.frames[:, 4:], 0.3 * 0.5 * clips.changes)
    expected = 0.25 * 0.5 * clips.changes.abs().sum(1)
    torch.testing.assert_close(packed.intensity, expected, rtol=1e-6, atol=1e-6)
    assert float(model.tau.detach()) == pytest.approx(0.7)


def test_clips_of_unlike_encoders_come_out_in_one_space_in_the_pools_order():
    model = network((3, 4), (6, 5))
    first, second = space(index=0), space(3, (6, 5), 1, 1)
    together = model(Pool((first, second)))
    alone = [model(Pool((part,))) for part in (first, second)]
    torch.testing.assert_close(together.clips, torch.cat([a.clips for a in alone]))
    torch.testing.assert_close(together.packed.frames, torch.cat([a.packed.frames for a in alone]))
    assert together.packed.lengths.tolist() == [*alone[0].packed.lengths, *alone[1].packed.lengths]


@given(st.lists(st.integers(0, 7), min_size=1, unique=True).map(sorted))
def test_taking_clips_of_a_pool_embeds_just_those(rows):
    model = network((3, 4), (6, 5))
    pool = Pool((space(index=0), space(3, (6, 5), 1, 1)))
    assert len(pool) == 8
    part = pool.take(torch.tensor(rows))
    assert len(part) == len(rows)
    torch.testing.assert_close(model(part).clips, model(pool).clips[rows])


def test_drift_is_0_at_the_start_and_relative_after():
    model = network((3, 4), moved=False)
    assert float(model.drift().detach()) == pytest.approx(0, abs=1e-12)
    with torch.no_grad():
        model.frame_maps[0].mul_(1.5)
    assert float(model.drift().detach()) == pytest.approx(0.25, rel=1e-5)


def test_drift_is_against_the_start_and_not_against_a_loaded_state():
    model, other = network((3, 4), moved=False), network((3, 4))
    model.load_state_dict(other.state_dict())
    assert float(model.drift().detach()) > 0
