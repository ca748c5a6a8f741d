"""What every frame encoder offers: a clip's waveform in, frame embeddings at 50 Hz out.

An encoder is a plain object, not an estimator: :class:`sere.HeterogeneousEncoder` chooses one per language or role and
keeps what it returns. It must not look beyond the one clip it is given, so that a prediction never depends on what else
is in the batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Encoded:
    """One clip's embedding.

    Attributes
    ----------
    frames : ndarray of shape (n_frames, width), float32
        One row every 20 ms, all finite.
    context : ndarray of shape (context_width,), float32, or None
        What holds for the whole clip (statistics over its frames), for encoders whose frames do not already know
        the clip they stand in.
    """

    frames: np.ndarray
    context: np.ndarray | None = None


class FrameEncoder(ABC):
    """Turns a waveform (16 kHz, mono, float32) into frame embeddings."""

    #: Whether `encode` wants the clip's pitch track.
    needs_pitch: bool = False

    @property
    @abstractmethod
    def cache_key(self) -> str:
        """A string that changes whenever the output would: name, revision, weights' hash, parameters, code version."""

    @property
    @abstractmethod
    def frame_names(self) -> list[str]:
        """Names of the columns of `Encoded.frames`."""

    @property
    def context_names(self) -> list[str]:
        """Names of the entries of `Encoded.context` (empty when there is none)."""
        return []

    @abstractmethod
    def encode(self, waves: Sequence[np.ndarray], pitches: Sequence | None = None) -> list[Encoded]:
        """Embed each clip on its own.

        Parameters
        ----------
        waves : sequence of ndarray of shape (n_samples,), float32, 16 kHz
        pitches : sequence of :class:`sere.tracks.Pitch`, or None
            Given when `needs_pitch` is true.
        """
