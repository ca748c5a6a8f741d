"""Each comparison method on a problem that its paper's idea solves and labeled clips alone do not.

Problems are feature vectors of two domains. What a domain's mean and spread differ by is standardised away before any
method sees it, so the shifts here are of other kinds.
"""

from functools import cache

import numpy as np
import pytest

from sere.baselines import METHODS

SEEDS = range(4)


def turned(random):
    """Well-separated classes; the target's are turned by 40 degrees, so that some come nearer to a wrong prototype."""
    centre, y, turn = 1.2 * random.normal(size=(4, 8)), np.repeat(np.arange(4), 100), np.eye(8)
    block = [[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]]
    for first in range(0, 8, 2):
        turn[first : first + 2, first : first + 2] = block
    source, target = (centre[y] + 0.6 * random.normal(size=(400, 8)) for _ in range(2))
    return source, 2 * target @ turn + 5, y


def misleading(random):
    """Six descriptors tell the class in the source, and are heavy-tailed noise in the target."""
    centre, y = random.normal(size=(3, 5)), np.repeat(np.arange(3), 100)
    honest = [centre[y] + 0.6 * random.normal(size=(300, 5)) for _ in range(2)]
    cue = np.tile(3 * np.eye(3), (1, 2))[y] + 0.3 * random.normal(size=(300, 6))
    noise = random.standard_t(1.5, size=(300, 6))
    return np.hstack([honest[0], cue]), np.hstack([honest[1], noise]), y


def repeated(random):
    """Forty descriptors are noisy copies of what tells the class, eighty are noise of their own."""
    angle, y = 2 * np.pi * np.arange(3) / 3, np.repeat(np.arange(3), 100)
    centre = 1.5 * np.stack([np.cos(angle), np.sin(angle)], 1)

    def domain():
        latent = centre[y] + 0.5 * random.normal(size=(300, 2))
        copies = np.repeat(latent, 20, axis=1) + 2 * random.normal(size=(300, 40))
        return np.hstack([copies, random.normal(size=(300, 80))])

    return domain(), domain(), y


def patchy(random):
    """Of the target's descriptors three quarters are missing, each time others; the rest would tell them."""
    centre, y, mix = 1.2 * random.normal(size=(4, 3)), np.repeat(np.arange(4), 100), random.normal(size=(3, 24))
    source, target = (
        (centre[y] + 0.5 * random.normal(size=(400, 3))) @ mix + 0.3 * random.normal(size=(400, 24)) for _ in range(2)
    )
    return source, np.where(random.random(target.shape) < 0.75, source.mean(0), target), y


def mean_accuracy(problem, shots, name, params=()):
    """Mean accuracy on the target over a few draws of the problem."""
    scores = []
    for seed in SEEDS:
        source, target, y = problem(np.random.default_rng(seed))
        rows = np.concatenate([np.flatnonzero(y == c)[:shots] for c in np.unique(y)])
        method = METHODS[name](random_state=0, **dict(params))
        scores.append(method.fit(source[rows], y[rows], (source,), (target,)).score(target, y))
    return np.mean(scores)


@cache
def reference(problem, shots, params=()):
    """Mean accuracy of the shared network trained on the shots alone."""
    return mean_accuracy(problem, shots, "source-only", params)


@pytest.mark.parametrize(
    ("name", "params", "margin"),
    [
        ("sinkhorn", {}, 0.10),
        ("self-training", {}, 0.08),
        ("label-spreading", {}, 0.04),
        ("cian", {}, 0.05),
        ("aad", {}, 0.10),
        ("nrc", {}, 0.10),
        ("ecan", {}, 0.08),
        ("pseudo-label", {}, 0.04),
        ("mixmatch", {}, 0.08),
        ("fixmatch", {}, 0.08),
        ("adogt", {"critic_weight": 0.5, "epochs": 40}, 0.015),
    ],
)
def test_the_targets_clusters_correct_what_the_shots_say(name, params, margin):
    assert mean_accuracy(turned, 5, name, params.items()) > reference(turned, 5) + margin


def test_alignment_leaves_what_only_the_source_believes():
    found = mean_accuracy(misleading, 5, "dan", {"mmd_weight": 10.0}.items())
    assert found > reference(misleading, 5) + 0.06


@pytest.mark.parametrize(
    ("name", "weight", "strong", "margin"),
    [("jdar", "alignment", 1.0, 0.15), ("lrjda", "alignment", 10.0, 0.05), ("jiasl", "reconstruction", 1.0, 0.10)],
)
def test_a_regression_leaves_what_only_the_source_believes(name, weight, strong, margin):
    without = mean_accuracy(misleading, 5, name, {weight: 0.0}.items())
    assert mean_accuracy(misleading, 5, name, {weight: strong}.items()) > without + margin


@pytest.mark.parametrize(
    ("name", "params", "margin"),
    [("simsiam", {"siamese_weight": 10.0}, 0.015), ("byol", {"bootstrap_weight": 10.0, "momentum": 0.9}, 0.03)],
)
def test_views_of_a_clip_agree_on_what_many_descriptors_say(name, params, margin):
    slow = {"learning_rate": 0.1, "epochs": 60}
    found = mean_accuracy(repeated, 2, name, {**params, **slow}.items())
    assert found > reference(repeated, 2, params=tuple(slow.items())) + margin


def test_masked_reconstruction_fills_in_what_is_missing():
    assert mean_accuracy(patchy, 5, "u-erms") > reference(patchy, 5) + 0.015
