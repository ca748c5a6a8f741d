"""Training in the directions that matter: a thousand columns are a few dozen while the network learns.

Projections start in some directions and pay for leaving them (:meth:`ResonanceNetwork.drift`), so they hardly ever look
at most columns of a wide encoder, and multiplying by those at every step is most of the work. So wide columns are
turned once into coordinates of a basis: what the projections start from, and the leading directions beside it. Being
orthonormal it changes neither products nor lengths, and a trained projection goes back into all columns.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import torch

from sere.training.directions import Directions
from sere.training.network import Pool, Space
from sere.training.prepare import Preparation
from sere.training.starts import Survey

#: Directions that are kept; encoders with fewer columns keep them all.
WIDTH = 128

#: By the index of a space, a basis of the context (d, k) and of frames (w, k); None where all columns are kept.
Bases = dict[int, tuple[np.ndarray | None, np.ndarray | None]]


def training_bases(
    preparation: Preparation,
    surveys: Mapping[str, Survey],
    starts: list[tuple[np.ndarray, np.ndarray]],
    before: dict[str, torch.Tensor],
    fixed: Collection[str] = (),
    width: int = WIDTH,
) -> Bases:
    """Return the bases in which each encoder's columns are trained on.

    Parameters
    ----------
    preparation : Preparation
    surveys : mapping of str to Survey
        By encoder, with at least `width` directions where there are as many columns.
    starts : list of (ndarray of shape (d, p), ndarray of shape (w, q))
        Starting projections, which the bases hold.
    before : dict of str to tensor
        State of a network to go on from, whose projections the bases hold, too; empty where there is none.
    fixed : collection of str
        Encoders that keep all columns: their fronts move while the network learns.
    width : int
        Directions that are kept.
    """
    found: Bases = {}
    for index, name in enumerate(preparation.names):
        if name in fixed:
            continue
        held = [
            (start, before[name].numpy()) if name in before and len(before[name]) == len(start) else (start,)
            for start, name in zip(starts[index], _maps(index), strict=True)
        ]
        found[index] = _basis(surveys[name].context, held[0], width), _basis(surveys[name].frames, held[1], width)
    return found


def _maps(index: int) -> tuple[str, str]:
    """What a network's state calls the projections of a space."""
    return f"context_maps.{index}", f"frame_maps.{index}"


def _basis(found: Directions, held: tuple[np.ndarray, ...], width: int) -> np.ndarray | None:
    """Orthonormal columns that hold some projections and leading directions, (d, about `width`)."""
    d = len(found.mean)
    if d <= width:
        return None
    # Fewer clips than directions leave some along which nothing varies: any would do, so none may.
    leading = found.varied(max(width - held[0].shape[1], 0))
    # One after the other: any rotation of the basis would do as well, but Adam takes other steps in each.
    kept = np.zeros((d, 0))
    for column in np.hstack([*held, leading]).T:
        rest = column
        for _ in range(2):
            rest = rest - kept @ (kept.T @ rest)
        length = np.linalg.norm(rest)
        if length > 1e-6 * np.linalg.norm(column):
            kept = np.hstack([kept, (rest / length)[:, None]])
    return kept


def into(pool: Pool, bases: Bases) -> Pool:
    """Return clips with wide columns turned into coordinates."""
    return Pool(tuple(_space_into(space, bases) if isinstance(space, Space) else space for space in pool.spaces))


def _space_into(space: Space, bases: Bases) -> Space:
    context, frames = bases.get(space.index, (None, None))
    return replace(space, context=_times(space.context, context), frames=_times(space.frames, frames))


def _times(values: torch.Tensor, basis: np.ndarray | None) -> torch.Tensor:
    return values if basis is None else values @ torch.from_numpy(basis).to(values)


def starts_into(starts: list[tuple[np.ndarray, np.ndarray]], bases: Bases) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return starting projections of coordinates."""
    turned = []
    for index, (context, frames) in enumerate(starts):
        of_context, of_frames = bases.get(index, (None, None))
        turned.append((_coordinates(context, of_context), _coordinates(frames, of_frames)))
    return turned


def _coordinates(start: np.ndarray, basis: np.ndarray | None) -> np.ndarray:
    return start if basis is None else basis.T @ start


def state_into(state: dict[str, torch.Tensor], bases: Bases, back: bool = False) -> dict[str, torch.Tensor]:
    """Return a network's state whose projections take coordinates, or with `back` one whose projections take columns.

    Parameters
    ----------
    state : dict of str to tensor
        As :meth:`ResonanceNetwork.own_state` returns it.
    bases : dict
    back : bool
    """
    result = dict(state)
    for index, sides in bases.items():
        for name, basis in zip(_maps(index), sides, strict=True):
            if basis is not None and name in result:
                turn = torch.from_numpy(basis).to(result[name])
                turn = turn if back else turn.T
                if turn.shape[1] == len(result[name]):  # another one fits no network here, and is told so
                    result[name] = turn @ result[name]
    return result
