"""What the equations take where nothing is said is what their docstrings and the paper's table say."""

import numpy as np
import pytest
import torch

from sere.method import (
    balanced_assignment,
    dual_resonance_loss,
    enhanced_representation,
    estimate_shares,
    normalised_changes,
    prototype_logits,
    prototype_loss,
    total_loss,
)

RANDOM = np.random.default_rng(0)
R, REFERENCES, PROTOTYPES = (torch.as_tensor(RANDOM.normal(size=(4, 3))).requires_grad_() for _ in range(3))
ASSIGNED = torch.tensor([0, 1, 2, 3])
SCORES = 3 * RANDOM.normal(size=(7, 3))
TRACKS = 100 + RANDOM.random((6, 4))
ONE = torch.tensor(1.0)

#: Each function with what it is given, and its defaults.
DEFAULTS = {
    "scale of the dynamics": (enhanced_representation, (TRACKS, TRACKS), {"scale": 1.0}),
    "eps": (normalised_changes, (TRACKS,), {"eps": 1e-8, "f0_scale": "hz"}),
    "scale of distances": (prototype_logits, (R, PROTOTYPES), {"scale": 1.0}),
    "prototypes": (prototype_loss, (R, PROTOTYPES, ASSIGNED), {"scale": 1.0, "form": "softmax"}),
    "margin": (lambda *a, **k: prototype_loss(*a, form="margin", **k), (R, PROTOTYPES, ASSIGNED), {"margin": 1.0}),
    "distance": (dual_resonance_loss, (R, REFERENCES), {"distance": "cosine"}),
    "temperature": (
        lambda *a, **k: dual_resonance_loss(*a, distance="infonce", **k),
        (R, REFERENCES),
        {"temperature": 0.1},
    ),
    "weights of losses": (total_loss, (ONE, 2 * ONE, 3 * ONE), {"prototype_weight": 1.0, "dual_weight": 1.0}),
    "balance": (balanced_assignment, (SCORES, [0.7, 0.2, 0.1]), {"temperature": 1.0}),
    "shares": (estimate_shares, (SCORES,), {"temperature": 1.0, "prior_strength": 1.0}),
}


@pytest.mark.parametrize("what", DEFAULTS)
def test_nothing_said_is_the_default_said(what):
    function, given, defaults = DEFAULTS[what]
    usual = function(*given)
    torch.testing.assert_close(usual, function(*given, **defaults), rtol=0, atol=0)
    for name, value in defaults.items():
        other = {"hz": "log", "softmax": "pull", "cosine": "euclidean"}.get(value) or 2 * value + 1
        assert not torch.equal(usual, function(*given, **{name: other})), name


def shares_without_a_prior(scores, **options):
    return estimate_shares(scores, prior_strength=0.0, **options)


@pytest.mark.parametrize(
    ("function", "scores"),
    [
        (balanced_assignment, [[30.0, 0.0], [29.0, 0.0], [0.0, 0.001], [0.0, 0.0]]),
        (shares_without_a_prior, [[0.1, 0.0], [0.0, 0.0]]),
    ],
)
def test_a_hundred_rounds_are_made(function, scores):
    # Scores of which rounds go on to matter.
    usual, fewer, said = (function(np.array(scores), **rounds) for rounds in ({}, {"n_iter": 99}, {"n_iter": 100}))
    assert torch.equal(usual, said)
    assert not torch.equal(usual, fewer)


def test_references_are_detached_where_nothing_is_said():
    r, references = (torch.ones(1, 2, requires_grad=True) for _ in range(2))
    dual_resonance_loss(r, references * torch.tensor([1.0, 2.0])).backward()
    assert references.grad is None
    assert r.grad is not None
