"""Resonance scores of lists of clips in numpy: the face of the kernels that needs no tensors."""

from collections.abc import Sequence

import numpy as np
import torch

from sere.kernels.field import field_scores
from sere.kernels.packed import Packed
from sere.kernels.reading import Reading


def resonance_scores(
    queries: Sequence[np.ndarray],
    keys: Sequence[np.ndarray],
    tau: float,
    *,
    query_intensity: Sequence[np.ndarray],
    key_intensity: Sequence[np.ndarray],
) -> np.ndarray:
    """How much each query clip resonates with each key clip (paper Eq. 4-6, default reading).

    ``score(q, k) = mean_i max_j (1 + cos(q_i, k_j)) / 2 * exp(-|I_i - I_j| / tau)``.

    Parameters
    ----------
    queries, keys : sequence of ndarray of shape (T, d)
        Enhanced representations of each clip; T may differ from clip to clip.
    tau : float, > 0
        Temperature of the synchrony, in units of intensity.
    query_intensity, key_intensity : sequence of ndarray of shape (T,)
        Burst intensity of each frame (Eq. 3).

    Returns
    -------
    ndarray of shape (n_queries, n_keys), float32

    Raises
    ------
    ValueError
        If `tau` is not positive, or frames and intensities do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.kernels import resonance_scores
    >>> rng = np.random.default_rng(0)
    >>> clips = [rng.normal(size=(length, 4)).astype("float32") for length in (6, 9)]
    >>> still = [np.zeros(len(clip), "float32") for clip in clips]
    >>> scores = resonance_scores(clips, clips, tau=1.0, query_intensity=still, key_intensity=still)
    >>> scores.shape, scores.diagonal().round(3).tolist()
    ((2, 2), [1.0, 1.0])
    """
    if not tau > 0:
        raise ValueError(f"tau must be > 0, got {tau}")
    q = _packed(queries, query_intensity, "queries", "query_intensity")
    k = _packed(keys, key_intensity, "keys", "key_intensity")
    if q.frames.shape[1] != k.frames.shape[1]:
        raise ValueError(
            f"queries have {q.frames.shape[1]} columns and keys {k.frames.shape[1]}; "
            "both must come from the same embedding"
        )
    return field_scores(q, k, Reading(tau)).numpy()


def _packed(frames: Sequence[np.ndarray], intensity: Sequence[np.ndarray], frames_name: str, name: str) -> Packed:
    if len(frames) == 0 or len(frames) != len(intensity):
        raise ValueError(
            f"{frames_name} and {name} must hold as many clips and at least one, got {len(frames)} and {len(intensity)}"
        )
    for c, (z, i) in enumerate(zip(frames, intensity)):
        if np.ndim(z) != 2 or len(z) == 0 or np.shape(z)[1] != np.shape(frames[0])[1]:
            raise ValueError(
                f"{frames_name}[{c}] must have shape (T, {np.shape(frames[0])[-1]}) with T >= 1, got {np.shape(z)}"
            )
        if np.shape(i) != (len(z),):
            raise ValueError(f"{name}[{c}] must have shape ({len(z)},), got {np.shape(i)}")
    offsets = np.cumsum([0, *map(len, frames)])
    # numpy copies on one thread: many small copies on torch's threads stall on a busy machine.
    joined, bursts = (
        torch.from_numpy(np.concatenate(x, dtype=np.float32, casting="same_kind")) for x in (frames, intensity)
    )
    return Packed(joined, bursts, torch.from_numpy(offsets))
