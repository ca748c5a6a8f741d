"""What the neural methods share: packed frames, the network over them, its descent."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sere.baselines._clips import Rows
from sere.baselines._descent import MOMENTUM, Descent
from sere.baselines._network import ALIKE, Clips, Network, NetworkHead, TransformerLayer, join, within
from sere.baselines._neural import shot_loss
from sere.baselines.uerms import masked

LENGTHS = [3, 1, ALIKE, ALIKE + 1, 5, 3 * ALIKE, 2]


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    return Rows(random.normal(size=(len(LENGTHS), 6)), [random.normal(size=(n, 5)) for n in LENGTHS])


def test_clips_are_taken_with_their_frames_and_joined_in_order(rows):
    clips = Clips.of(rows, True, torch.float64)
    for chosen in ([4, 0, 0], [5]):
        some = clips.take(torch.tensor(chosen))
        np.testing.assert_array_equal(some.x, rows.vectors[chosen])
        np.testing.assert_array_equal(some.frames, np.concatenate([rows.frames[i] for i in chosen]))
    nobody = clips.take(torch.tensor([], dtype=torch.int64))
    assert len(nobody) == len(nobody.frames) == 0
    both = join(clips.take(torch.tensor([1, 2])), nobody, clips.take(torch.tensor([0])))
    assert both.lengths.tolist() == [LENGTHS[i] for i in (1, 2, 0)]
    np.testing.assert_array_equal(both.frames, np.concatenate([rows.frames[i] for i in (1, 2, 0)]))
    assert join(nobody, nobody).frames.shape == (0, 5)
    plain = Clips.of(rows, False)
    assert join(plain, plain.take(torch.tensor([1]))).frames is None


def test_places_count_the_frames_of_each_clip():
    assert within(torch.tensor([2, 0, 3])).tolist() == [0, 1, 0, 1, 2]


def literally(layer, frames):
    """One clip through the transformer layer, head by head."""
    h = layer.enter(frames)
    normed = layer.first(h)
    heads = [own(normed).chunk(layer.HEADS, dim=1) for own in (layer.query, layer.key, layer.value)]
    mixed = [(q @ k.T / q.shape[1] ** 0.5).softmax(1) @ v for q, k, v in zip(*heads, strict=True)]
    h = h + layer.out(torch.cat(mixed, dim=1))
    return (h + layer.narrow(F.gelu(layer.wide(layer.second(h))))).mean(0)


def test_frames_attend_to_those_of_their_own_clip(rows):
    layer = TransformerLayer(5, 8).double()
    clips = Clips.of(rows, True, torch.float64)
    expected = torch.stack([literally(layer, torch.from_numpy(frames)) for frames in rows.frames])
    torch.testing.assert_close(layer(clips), expected, rtol=1e-10, atol=1e-12)
    weights = torch.arange(8.0, dtype=torch.float64)
    gradients = [
        torch.autograd.grad((out @ weights).sum(), list(layer.parameters())) for out in (layer(clips), expected)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)


def test_a_clip_is_embedded_alike_whatever_stands_beside_it(rows):
    shape = (6, 5, 8, 3, 10.0)
    network = Network(*shape)
    nn.init.normal_(network.outer.weight)
    nn.init.normal_(network.classes)
    head = NetworkHead.of(network, shape)
    together = head.logits(rows)
    alone = [head.logits(Rows(rows.vectors[[i]], [rows.frames[i]]))[0] for i in range(len(rows))]
    np.testing.assert_allclose(together, alone, rtol=1e-11)


def test_parts_that_go_through_the_network_together_come_out_apart(rows):
    network = Network(6, 5, 8, 3, 10.0).double()
    nn.init.normal_(network.outer.weight)
    clips = Clips.of(rows, True, torch.float64)
    parts = [clips.take(torch.tensor(some, dtype=torch.int64)) for some in ([0, 3], [], [1, 6, 4])]
    for z, part in zip(network.embed_each(*parts), parts, strict=True):
        assert len(z) == len(part)
        if len(part):
            torch.testing.assert_close(z, network.embed(part))


def test_masks_are_drawn_for_frames_as_if_all_clips_were_as_long_as_the_longest(rows):
    clips = Clips.of(rows, True)
    torch.manual_seed(3)
    found = masked(clips, 0.4)
    torch.manual_seed(3)
    draw, own = torch.rand(len(LENGTHS), max(LENGTHS)), torch.rand(clips.x.shape)
    kept = torch.cat([row[:n] for row, n in zip(draw, LENGTHS, strict=True)]) >= 0.4
    assert 0 < kept.sum() < len(kept)
    torch.testing.assert_close(found.frames, clips.frames * kept[:, None])
    torch.testing.assert_close(found.x, clips.x * (own >= 0.4))


def test_the_loss_of_shots_weighs_classes_alike():
    logits, y = torch.randn(7, 4, dtype=torch.float64), torch.tensor([0, 0, 0, 0, 2, 2, 3])
    losses = F.cross_entropy(logits, y, reduction="none")
    expected = (losses[:4].mean() + losses[4:6].mean() + losses[6]) / 3
    assert float(shot_loss(logits, y)) == pytest.approx(float(expected))


def test_steps_are_those_of_torch():
    start, n_steps = [torch.randn(5, 3), torch.randn(4), torch.randn(2, 2)], 20
    ours, theirs = ([p.clone().requires_grad_() for p in start] for _ in range(2))
    descent = Descent(ours, 1e-3)
    optimiser = torch.optim.SGD(theirs, 0.05, momentum=MOMENTUM, weight_decay=1e-3, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
    for step in range(n_steps):
        optimiser.zero_grad()
        for parameters in (ours, theirs):
            # The third takes part only later.
            used = parameters if step > 5 else parameters[:2]
            sum((p.sin() * (i + 1 + step)).sum() for i, p in enumerate(used)).backward()
        descent.step(0.05 * (1 + math.cos(math.pi * step / n_steps)) / 2)
        optimiser.step()
        schedule.step()
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert all(p.grad is None for p in ours)


def test_training_does_not_load_torchs_compiler():
    code = (
        "import sys, numpy as np; from sere.baselines import DAN; X = np.arange(12.0).reshape(6, 2); "
        "DAN(epochs=1, hidden_dim=4, random_state=0).fit(X, [0, 1] * 3, None, (X + 1,)); "
        "print('torch._dynamo' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert said.stdout == "False\n"
