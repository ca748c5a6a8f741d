"""Where projections start: their shares of power, and where clips of unlike encoders meet."""

import numpy as np
import pytest
from test_training_prepare import made, mixed

from sere.training.prepare import Preparation
from sere.training.starts import bridging_projections, starting_projections, survey


def start(utterances, widths=(2, 2), share=0.5, summaries=None):
    preparation = Preparation(4.0, 50.0)
    preparation.learn("d", utterances)
    pool, _ = preparation.pool(utterances, ["d"] * len(utterances))
    if summaries is not None:
        return pool, bridging_projections(preparation, [pool], summaries, widths, share)
    return pool, starting_projections(preparation, survey(preparation, [pool], {}, max(widths)), widths, share)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_context_and_frames_start_with_their_shares_of_power(share):
    pool, [(context, frames)] = start(made(30), share=share)
    (space,) = pool.spaces
    assert np.square(space.context @ context).sum(1).mean() == pytest.approx(share)
    assert np.square(space.frames @ frames).sum(1).mean() == pytest.approx(1 - share)


def test_without_context_the_frames_have_all_the_power():
    pool, [(context, frames)] = start(made(30, (0, 2)), widths=(0, 2))
    assert context.shape == (0, 0)
    assert np.square(pool.spaces[0].frames @ frames).sum(1).mean() == pytest.approx(1)


def test_unlike_encoders_start_where_alike_clips_meet():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(60, 2))
    mix_a, mix_b = rng.normal(size=(2, 5)), rng.normal(size=(2, 7))
    parts = []
    for name, mix, rows in (("a", mix_a, slice(0, 30)), ("b", mix_b, slice(30, 60))):
        vectors = shared[rows] @ mix
        parts.append(
            made(30, (mix.shape[1], mix.shape[1]), name).with_(
                context=list(vectors), frames=[v[None] for v in vectors], dynamics=[np.zeros((1, 4))] * 30
            )
        )
    pool, starts = start(mixed(*parts), summaries=[shared])
    embedded = np.concatenate(
        [space.context @ context for space, (context, _) in zip(pool.spaces, starts, strict=True)]
    )
    fit = np.linalg.lstsq(np.c_[shared, np.ones(60)], embedded, rcond=None)[0]
    unexplained = (embedded - np.c_[shared, np.ones(60)] @ fit).var() / embedded.var()
    assert unexplained < 0.1
