"""What a trained network makes of clips, in numpy: Eq. 2-3 as :mod:`sere.training.network` has them.

Prediction needs no gradient, so it needs no torch. Everything is in double precision, so that what a clip gets depends
on the clips beside it by nothing that could be seen.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from sere.chain.embedding import Embedding
from sere.chain.field import ResonanceField
from sere.training.spaces import Standardised


class Enhanced(NamedTuple):
    """Clips of one encoder after the network.

    Attributes
    ----------
    frames : list of n ndarray of shape (n_frames, p)
        Enhanced representation z (Eq. 2).
    intensity : list of n ndarray of shape (n_frames,)
        Burst intensity (Eq. 3).
    clips : ndarray of shape (n, p)
        Mean of z over each clip's frames.
    """

    frames: list[np.ndarray]
    intensity: list[np.ndarray]
    clips: np.ndarray


def enhanced(
    space: Standardised, network: Mapping[str, np.ndarray], embedding: Embedding, field: ResonanceField
) -> Enhanced:
    """Embed clips.

    Parameters
    ----------
    space : Standardised
    network : mapping of str to ndarray
        A network's state.
    embedding : Embedding
    field : ResonanceField
        Its form of the intensity.
    """
    lengths = np.diff(space.offsets)
    h = np.hstack(
        [
            np.repeat(space.context @ _double(network[f"context_maps.{space.index}"]), lengths, axis=0),
            space.frames @ _double(network[f"frame_maps.{space.index}"]),
        ]
    )
    gate = expit(h @ _double(network["gate_weight"]).T + _double(network["gate_bias"]))
    dynamics = gate * space.changes
    z = np.hstack([h, embedding.dynamics_scale * dynamics])
    form = {"abs": np.abs, "square": np.square, "signed": np.positive}[field.intensity]
    intensity = form(dynamics) @ np.logaddexp(0, _double(network["raw_intensity"]))
    clips = np.add.reduceat(z, space.offsets[:-1], axis=0) / lengths[:, None]
    bounds = space.offsets[1:-1]
    return Enhanced(np.split(z, bounds), np.split(intensity, bounds), clips)


def _double(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64)
