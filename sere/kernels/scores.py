"""Resonance scores of lists of clips in numpy: the face of the kernels that needs no tensors."""

from collections.abc import Sequence

import numpy as np
import torch

from sere.kernels.field import resonance_field
from sere.kernels.packed import Packed


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
    """
    if not tau > 0:
        raise ValueError(f"tau must be > 0, got {tau}")
    with torch.no_grad():
        q = Packed.from_list(_floats(queries), _floats(query_intensity))
        k = Packed.from_list(_floats(keys), _floats(key_intensity))
        return resonance_field(q, k, tau)[0].numpy()


def _floats(arrays: Sequence[np.ndarray]) -> list[torch.Tensor]:
    return [torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)) for x in arrays]
