"""Where projections start: the directions along which an encoder's clips vary most, and those that experience knows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sere.chain.content import Scatter, in_both_units, with_words
from sere.training.directions import Directions
from sere.training.prepare import Preparation
from sere.training.spaces import Standardised, StandardisedPool

#: Clips that tell how frames vary, at most about.
CLIPS = 500
#: Ridge penalty, per clip, of the bridge between unlike encoders.
RIDGE = 1.0


class Survey(NamedTuple):
    """What is known of an encoder's columns before anything is learned.

    Attributes
    ----------
    context, frames : Directions
        Beside words.
    words : ndarray of shape (d, d) or None
        How contexts vary by what is said (:func:`~sere.chain.content.with_words`); None where the context averages
        no columns.
    """

    context: Directions
    frames: Directions
    words: np.ndarray | None


def survey(
    preparation: Preparation, pools: Sequence[StandardisedPool], averaged: Mapping[str, np.ndarray], width: int
) -> dict[str, Survey]:
    """Look at how each encoder's columns vary, over all clips of fit.

    Parameters
    ----------
    preparation : Preparation
    pools : sequence of StandardisedPool
        Gone through their fronts where there are any.
    averaged : mapping of str to ndarray
        As in :class:`~sere.Utterances`.
    width : int
        Leading directions to find.
    """
    found = {}
    for name, spaces in _by_name(preparation, pools).items():
        every = -(-sum(map(len, spaces)) // CLIPS)
        scatter = Scatter.of([clip for space in spaces for clip in space.clips[::every]])
        columns = averaged.get(name, np.empty(0))
        of_context, of_frames = None, None
        if (columns >= 0).any():
            sampled = np.concatenate([space.context[::every] for space in spaces])
            of_context, of_frames = map(with_words, in_both_units(sampled, scatter, columns))
        found[name] = Survey(
            Directions.of_rows(np.concatenate([s.context for s in spaces]), width, of_context),
            Directions.of_covariance(scatter.mean, scatter.covariance, width, of_frames),
            of_context,
        )
    return found


def _by_name(preparation: Preparation, pools: Sequence[StandardisedPool]) -> dict[str, list[Standardised]]:
    """Each encoder's spaces, pool by pool."""
    found: dict[str, list[Standardised]] = {name: [] for name in preparation.names}
    for pool in pools:
        for space in pool.spaces:
            assert isinstance(space, Standardised)
            found[preparation.names[space.index]].append(space)
    return found


def starting_projections(
    preparation: Preparation, surveys: Mapping[str, Survey], widths: tuple[int, int], share: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return where each space's context and frame projections start.

    Its leading principal directions, in a metric in which words are small (:mod:`sere.chain.content`), and beside
    them, with half of the power, the directions that its experience knows.

    Parameters
    ----------
    preparation : Preparation
    surveys : mapping of str to Survey
        By encoder.
    widths : (int, int)
        Columns of the context and of the frame projection.
    share : float
        Part of z's power that belongs to the context, 0..1; columns that do not exist give theirs to the other.
    """
    result = []
    for name in preparation.names:
        known, own = preparation.experience.get(name), surveys[name]
        power = _powers(share, len(own.context.mean))
        directions = (None, None) if known is None else (known.directions, known.frame_directions)
        result.append(
            (
                _leading(own.context, widths[0], power[0], directions[0]),
                _leading(own.frames, widths[1], power[1], directions[1]),
            )
        )
    return result


def bridging_projections(
    preparation: Preparation,
    pools: Sequence[StandardisedPool],
    summaries: list[np.ndarray],
    widths: tuple[int, int],
    share: float,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return where the projections of several encoders start.

    Axes of unlike encoders mean nothing to each other, so each projection starts as the ridge regression onto the
    leading directions of what all clips share, the statistics of their dynamics.

    Parameters
    ----------
    preparation : Preparation
    pools : sequence of StandardisedPool
        All clips of fit, gone through their fronts where there are any.
    summaries : list of ndarray of shape (n, m)
        Standardised shared statistics of each pool's clips, in the pool's order.
    widths, share
        As in :func:`starting_projections`.
    """
    common = Directions.of_rows(np.concatenate(summaries), min(widths)).projection(min(widths), 1.0)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in preparation.names}
    for pool, own in zip(pools, summaries, strict=True):
        parts = np.split(own, np.cumsum([len(space) for space in pool.spaces])[:-1])
        for space, part in zip(pool.spaces, parts, strict=True):
            rows[preparation.names[space.index]].append(part)
    result = []
    for name, spaces in _by_name(preparation, pools).items():
        context = np.concatenate([s.context for s in spaces])
        means = np.concatenate([s.means() for s in spaces])
        power = _powers(share, context.shape[1])
        shared = np.concatenate(rows[name]) @ common
        result.append((_bridge(context, shared, widths[0], power[0]), _bridge(means, shared, widths[1], power[1])))
    return result


def _powers(share: float, width: int) -> tuple[float, float]:
    """Power of a context of so many columns and of frames."""
    return (share, 1 - share) if width else (0.0, 1.0)


def _leading(found: Directions, width: int, power: float, known: np.ndarray | None) -> np.ndarray:
    """Principal directions, and the directions of experience where there are any, scaled to a mean squared output."""
    m = 0 if known is None else min(known.shape[1], width // 2)
    own = found.projection(width - m, power / 2 if m else power)
    if known is None or not m:
        return own
    spread = found.output(known[:, :m])
    return np.hstack([own, known[:, :m] * np.sqrt(power / 2 / spread) if spread > 0 else known[:, :m]])


def _bridge(inputs: np.ndarray, shared: np.ndarray, width: int, power: float) -> np.ndarray:
    """Ridge regression from an encoder's space to the shared statistics, scaled to a mean squared output of `power`."""
    projection = np.zeros((inputs.shape[1], width))
    # n equations in d unknowns: the dual form is the small one for wide encoders.
    dual = np.linalg.solve(inputs @ inputs.T + RIDGE * inputs.shape[1] * np.eye(len(inputs)), shared)
    projection[:, : shared.shape[1]] = inputs.T @ dual
    spread = np.square(inputs @ projection).sum(1).mean()
    return projection * np.sqrt(power / spread) if spread > 0 else projection
