"""Eq. 1 in one pass is the paper's Eq. 1."""

import numpy as np
import pytest

from sere.method import normalised_changes
from sere.tracks.changes import clip_changes


@pytest.mark.parametrize("n_frames", [1, 2, 3, 150])
@pytest.mark.parametrize("scale", ["hz", "log"])
@pytest.mark.parametrize("eps", [0.0, 1e-6])
def test_the_changes_of_a_clip_are_those_of_the_equation(n_frames, scale, eps):
    rng = np.random.default_rng(n_frames)
    tracks = np.abs(rng.normal(size=(n_frames, 4))).astype(np.float32) * [200, 1, 1, 900]
    tracks[:, 2] = 0.3  # never changes but for rounding
    tracks[::3, 2] = np.nextafter(np.float32(0.3), np.float32(1))
    tracks[rng.random(n_frames) < 0.2, 0] = 0
    tracks[rng.random(n_frames) < 0.1, 1] = np.nan
    voiced = rng.random(n_frames) < 0.8
    found = clip_changes(tracks, voiced, eps, scale)
    expected = normalised_changes(tracks.astype(np.float64), eps, voiced, f0_scale=scale)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)
    assert n_frames < 150 or (found.any(axis=0) == [True, True, False, True]).all()
