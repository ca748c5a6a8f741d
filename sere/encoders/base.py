"""What every frame encoder offers: a clip's waveform in, frame embeddings at 50 Hz out.

An encoder is a plain object, not an estimator: :class:`sere.HeterogeneousEncoder` chooses one per language or role and
keeps what it returns. It must not look beyond the one clip it is given, so that what else is in a
batch cannot change a prediction.

An encoder may leave its last part, its *front*, to be learned with the classifier: `encode` then stops before it and
:meth:`FrameEncoder.front` hands it out. The part that stays fixed runs once per clip, the front at every step.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import nn

    from sere.tracks import Pitch


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

    Examples
    --------
    >>> import numpy as np
    >>> from sere.encoders import Encoded
    >>> Encoded(np.zeros((51, 2), dtype="float32"), context=np.zeros(4, dtype="float32")).frames.shape
    (51, 2)
    """

    frames: np.ndarray
    context: np.ndarray | None = None


class FrameEncoder(ABC):
    """Turns a waveform (16 kHz, mono, float32) into frame embeddings.

    Examples
    --------
    >>> import numpy as np, sere
    >>> from sere.encoders import Encoded, FrameEncoder
    >>> class Level(FrameEncoder):
    ...     cache_key, frame_names, context_names = "level-1", ["level"], ["mean_level"]
    ...     def encode(self, waves, pitches=None):
    ...         padded = [np.pad(np.abs(wave), (0, 320 - len(wave) % 320)) for wave in waves]
    ...         levels = [wave.reshape(-1, 320).mean(1, keepdims=True).astype("float32") for wave in padded]
    ...         return [Encoded(level, level.mean(0)) for level in levels]
    >>> sere.HeterogeneousEncoder(Level(), cache=False).fit_transform([np.ones(16_000)]).frames[0].shape
    (51, 1)
    """

    #: Whether `encode` wants the clip's pitch track.
    needs_pitch: bool = False
    #: Precision to which frames are rounded where they are kept: "float16" halves what a thousand columns take on disk.
    kept_as: str = "float32"
    #: What labeled speech taught about its columns (:class:`~sere.encoders.experience.Experience`), where any did.
    experience: Any = None

    @property
    @abstractmethod
    def cache_key(self) -> str:
        """A string that changes whenever the output would: name, revision, weights' hash, parameters, code version."""

    @property
    def identity(self) -> str:
        """A string that changes whenever what a model makes of the output would; the name under which clips go."""
        return self.cache_key

    @property
    @abstractmethod
    def frame_names(self) -> list[str]:
        """Names of the columns of `Encoded.frames`."""

    @property
    def context_names(self) -> list[str]:
        """Names of the entries of `Encoded.context` (empty when there is none)."""
        return []

    @property
    def has_front(self) -> bool:
        """Whether the frames of `encode` still have to go through :meth:`front`; they then come without context."""
        return False

    def front(self, state: dict[str, np.ndarray] | None = None) -> "nn.Module":
        """Return a copy of the part that learns, float32, on the CPU.

        Called on padded frames (n_clips, n_frames, width) as `encode` gives them and on the clips' lengths (n_clips,),
        it returns (n_clips, n_frames, another width), each clip from its own frames alone. Its attribute `pretrained`
        says whether its weights come from a checkpoint, and so learn slowly.

        Parameters
        ----------
        state : dict of str to ndarray, optional
            The module's ``state_dict()`` as numpy arrays; the untrained weights when not given.
        """
        raise ValueError(f"{type(self).__name__} has no part that learns.")

    @property
    def parts(self) -> tuple["FrameEncoder", ...]:
        """The encoders whose output is computed and kept by itself: several where they stand side by side."""
        return (self,)

    def join(self, encoded: Sequence[Encoded]) -> Encoded:
        """Return one clip's embedding from those by each of :attr:`parts`."""
        return encoded[0]

    @abstractmethod
    def encode(self, waves: Sequence[np.ndarray], pitches: "Sequence[Pitch] | None" = None) -> list[Encoded]:
        """Embed each clip on its own.

        Parameters
        ----------
        waves : sequence of ndarray of shape (n_samples,), float32, 16 kHz
        pitches : sequence of :class:`sere.tracks.Pitch`, or None
            Given when `needs_pitch` is true.
        """


def pooled_context(frames: np.ndarray) -> np.ndarray:
    """Return mean and SD over frames, the context of a clip whose encoder gives none.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, width)

    Returns
    -------
    ndarray of shape (2 * width,), float32
    """
    return np.concatenate([frames.mean(0), frames.std(0)]).astype(np.float32)


def aligned(frames: np.ndarray, n_frames: int) -> np.ndarray:
    """Return frames cut to a count, or with the last one repeated up to it."""
    if len(frames) >= n_frames:
        return frames[:n_frames]
    return np.pad(frames, ((0, n_frames - len(frames)), (0, 0)), mode="edge")


def context_names(encoder: FrameEncoder) -> list[str]:
    """Return the names of the context that clips of an encoder end up with: its own, or those of the pooled frames."""
    return encoder.context_names or [f"{name}_{kind}" for kind in ("mean", "sd") for name in encoder.frame_names]
