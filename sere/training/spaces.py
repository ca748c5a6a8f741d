"""Standardised clips of one encoder, frames end to end; and which encoders' clips are open, with a front to go through.

Numpy alone: a fitted model predicts from these, and torch need not be imported for it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sere.encoders.base import FrameEncoder
from sere.inputs.utterances import Utterances

if TYPE_CHECKING:
    from sere.training.fronts import OpenSpace


@dataclass(frozen=True)
class Standardised:
    """Clips of one encoder; :class:`~sere.training.network.Space` holds the same as tensors.

    Attributes
    ----------
    index : int
        Which projection of the network they take.
    context : ndarray of shape (n, context_width)
    frames : ndarray of shape (N, width)
    changes : ndarray of shape (N, 4)
        Normalised changes (Eq. 1).
    offsets : int64 ndarray of shape (n + 1,)
    evidence : ndarray of shape (n, C) or (n, 0)
        What the encoder's experience says of each class, rows centred; without columns where no encoder has any.
    """

    index: int
    context: np.ndarray
    frames: np.ndarray
    changes: np.ndarray
    offsets: np.ndarray
    evidence: np.ndarray

    def __len__(self) -> int:
        return len(self.context)

    @property
    def clips(self) -> list[np.ndarray]:
        """The frames of each clip."""
        return np.split(self.frames, self.offsets[1:-1])

    def rows(self) -> np.ndarray:
        """Return what describes each clip as a whole, (n, d): its context, or where there is none its frames' mean."""
        return self.context if self.context.shape[1] else self.means()

    def means(self) -> np.ndarray:
        """Return the mean of each clip's frames, (n, w)."""
        total: np.ndarray = np.add.reduceat(self.frames, self.offsets[:-1], axis=0, dtype=np.float64)
        return total / np.diff(self.offsets)[:, None]


class StandardisedPool(NamedTuple):
    """Clips of one role, sorted by the space they live in.

    Attributes
    ----------
    spaces : tuple of Standardised or OpenSpace
        Open are those of encoders whose front is still to come (:mod:`sere.training.fronts`).
    """

    spaces: "tuple[Standardised | OpenSpace, ...]"


def needed(utterances: Utterances) -> dict[str, FrameEncoder]:
    """Return the encoders whose front some of these very clips still have to go through, by name."""
    if not utterances.fronts:
        return {}
    assert utterances.encoders is not None
    return {name: encoder for name, encoder in utterances.fronts.items() if (utterances.encoders == name).any()}


def check_fronts(utterances: Utterances, names: Collection[str]) -> None:
    """Refuse clips that stop before their encoder's front where others do not, or the other way round.

    Parameters
    ----------
    utterances : Utterances with frames
    names : collection of str
        Encoders whose front the network owns.

    Raises
    ------
    ValueError
    """
    assert utterances.encoders is not None
    for name in sorted(set(utterances.encoders)):
        if (name in utterances.fronts) != (name in names):
            raise ValueError(
                f"some clips were embedded by {name!r} with other trainable_layers or another layer than fit's; embed "
                "all of them with the same encoder, or pass audio"
            )
