"""The Instantaneous Resonance Field (paper section II-C, Eq. 3-6): where two clips erupt alike.

For every pair of frames of two clips the field asks two things: do they mean the same (cosine of
their enhanced representations), and do they burst equally hard (gap of their intensities)? Each
frame of clip i then looks for its most resonant frame in clip j; the mean of those frames is clip
i's resonance-aware representation, the mean of their resonance is how much the two clips
resonate.

Stated in the paper: intensity as a weighted sum of the dynamic features with learnable parameters
(Eq. 3); a semantic part and a synchrony part with a temperature (Eq. 4); the maximum of each row,
the average of the partner's frames found there (Eq. 5); the average resonance over highlight
frames (Eq. 6).

Our reading: intensity sums *absolute* dynamics with weights >= 0, because the paper counts abrupt
drops as bursts; the two parts multiply, the cosine moved to 0..1 first (a raw negative cosine
times a small synchrony beats one times a large synchrony, so the *least* synchronous frame would
win); the gap decays exponentially; every frame of clip i is a highlight. Options: ``form`` and
``gap`` of the field, ``form`` of the intensity, soft argmax, top-share highlights, a symmetric
score.

Variables: D ``dynamics`` (T, 4); a ``weights`` (4,); I ``intensity`` (T,); z ``frames`` (T, d);
tau > 0; R (T_i, T_j).
"""

import math

import numpy as np
import torch
from torch import Tensor

FORMS = ("product", "raw", "sum")
GAPS = ("exponential", "gaussian")

# A frame shorter than this has no direction: its cosine with anything is 0, and no gradient
# reaches it.
TINY = 1e-12


def burst_intensity(dynamics: Tensor | np.ndarray, weights: Tensor | np.ndarray, form: str = "abs") -> Tensor:
    """Emotional burst intensity of each frame, ``I_t = sum_k a_k |D_k(t)|`` (Eq. 3).

    Parameters
    ----------
    dynamics : tensor of shape (T, 4)
    weights : tensor of shape (4,)
        Learnable; keep them >= 0 for intensities that are.
    form : {"abs", "signed", "square"}
        "signed" is the literal weighted sum, in which a rise and a fall cancel; "square" stresses
        large changes.

    Returns
    -------
    tensor of shape (T,)

    Examples
    --------
    >>> from sere.method import burst_intensity
    >>> burst_intensity([[1.0, -2.0, 0.0, 0.0]], [1.0, 0.5, 1.0, 1.0]).tolist()
    [2.0]
    """
    D = torch.as_tensor(dynamics)
    if form == "abs":
        D = D.abs()
    elif form == "square":
        D = D.square()
    elif form != "signed":
        raise ValueError(f"form must be 'abs', 'signed' or 'square', got {form!r}")
    return D @ torch.as_tensor(weights)


def unit_frames(frames: Tensor | np.ndarray) -> Tensor:
    """Frames of length one; a frame of zeros stays zeros.

    Parameters
    ----------
    frames : tensor of shape (T, d)

    Returns
    -------
    tensor of shape (T, d)

    Examples
    --------
    >>> from sere.method import unit_frames
    >>> unit_frames([[3.0, 4.0], [0.0, 0.0]])
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    z = torch.as_tensor(frames)
    length = torch.linalg.vector_norm(z, dim=-1, keepdim=True)
    heard = length > TINY
    return torch.where(heard, z / torch.where(heard, length, torch.ones_like(length)), 0 * z)


def resonance_matrix(
    frames_i: Tensor | np.ndarray,
    frames_j: Tensor | np.ndarray,
    intensity_i: Tensor | np.ndarray,
    intensity_j: Tensor | np.ndarray,
    tau: float | Tensor,
    form: str = "product",
    gap: str = "exponential",
) -> Tensor:
    """Resonance of every frame of clip i with every frame of clip j (Eq. 4).

    With semantics ``C = (1 + cos(z_i, z_j)) / 2`` and synchrony ``S = exp(-|I_i - I_j| / tau)``,
    ``R = C S``.

    Parameters
    ----------
    frames_i, frames_j : tensor of shape (T_i, d), (T_j, d)
    intensity_i, intensity_j : tensor of shape (T_i,), (T_j,)
    tau : float or 0-dim tensor, > 0
    form : {"product", "raw", "sum"}
        ``C S``, ``cos S`` or ``(C + S) / 2``.
    gap : {"exponential", "gaussian"}
        S as above, or ``exp(-(I_i - I_j)^2 / (2 tau^2))``, which forgives small gaps.

    Returns
    -------
    tensor of shape (T_i, T_j)
        In 0..1 ("raw": -1..1).

    Examples
    --------
    Two frames that point the same way resonate as far as their bursts are alike:

    >>> from sere.method import resonance_matrix
    >>> resonance_matrix([[1.0, 0.0]], [[2.0, 0.0], [0.0, 1.0]], [0.5], [0.5, 0.5], tau=1.0).tolist()
    [[1.0, 0.5]]
    """
    cosine = unit_frames(frames_i) @ unit_frames(frames_j).T
    delta = torch.as_tensor(intensity_i)[:, None] - torch.as_tensor(intensity_j)[None, :]
    if gap == "exponential":
        synchrony = torch.exp(-delta.abs() / tau)
    elif gap == "gaussian":
        synchrony = torch.exp(-delta.square() / (2 * tau**2))
    else:
        raise ValueError(f"gap must be one of {GAPS}, got {gap!r}")
    if form == "product":
        return (1 + cosine) / 2 * synchrony
    if form == "raw":
        return cosine * synchrony
    if form == "sum":
        return ((1 + cosine) / 2 + synchrony) / 2
    raise ValueError(f"form must be one of {FORMS}, got {form!r}")


def resonant_frames(R: Tensor | np.ndarray, soft: float | None = None) -> Tensor:
    """The most resonant partner of each frame, ``j*(i) = argmax_j R_ij``, or soft weights.

    Parameters
    ----------
    R : tensor of shape (T_i, T_j)
    soft : float, or None
        Temperature of a softmax over each row instead of the argmax.

    Returns
    -------
    int64 tensor of shape (T_i,); the first of equals
        With `soft`, the weights: tensor of shape (T_i, T_j), rows sum to 1.

    Examples
    --------
    >>> from sere.method import resonant_frames
    >>> resonant_frames([[0.1, 0.9], [0.8, 0.2]]).tolist()
    [1, 0]
    """
    R = torch.as_tensor(R)
    if soft is not None:
        return torch.softmax(R / soft, dim=1)
    # torch.argmax leaves open which of equals it returns.
    return (R.max(dim=1, keepdim=True).values == R).to(torch.int8).argmax(dim=1)


def resonance_aware(
    frames_j: Tensor | np.ndarray,
    R: Tensor | np.ndarray,
    soft: float | None = None,
    highlights: Tensor | np.ndarray | None = None,
) -> Tensor:
    """Clip i's resonance-aware representation: the mean of its partners in clip j (Eq. 5).

    ``r = mean_i z_{j*(i)}``; with the hard argmax the gradient reaches the frames of clip j only.

    Parameters
    ----------
    frames_j : tensor of shape (T_j, d)
    R : tensor of shape (T_i, T_j)
    soft : float, or None
        Temperature of a soft argmax.
    highlights : tensor of shape (T_i,), or None
        Weight of each frame of clip i in the mean (a mask or soft weights); None: all alike.

    Returns
    -------
    tensor of shape (d,)

    Examples
    --------
    >>> from sere.method import resonance_aware
    >>> resonance_aware([[0.0, 1.0], [1.0, 0.0]], [[0.1, 0.9], [0.8, 0.2]]).tolist()
    [0.5, 0.5]
    """
    z = torch.as_tensor(frames_j)
    found = resonant_frames(R, soft)
    partners = z[found] if soft is None else found @ z
    return _weighted_mean(partners, highlights)


def highlight_frames(intensity: Tensor | np.ndarray, share: float) -> Tensor:
    """The share of a clip's frames with the highest intensity, as a mask.

    Parameters
    ----------
    intensity : tensor of shape (T,)
    share : float, in (0, 1]
        ``ceil(share T)`` frames are kept, so at least one. Of equals the earlier frame counts
        first.

    Returns
    -------
    bool tensor of shape (T,)

    Examples
    --------
    >>> from sere.method import highlight_frames
    >>> highlight_frames([0.1, 0.9, 0.5, 0.2], share=0.5).tolist()
    [False, True, True, False]
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    intensity = torch.as_tensor(intensity)
    # 0.3 * 10 is a little more than 3 in floating point, and must not become 4.
    kept = math.ceil(share * len(intensity) - 1e-9)
    order = torch.argsort(intensity, descending=True, stable=True)
    mask = torch.zeros(len(intensity), dtype=torch.bool, device=intensity.device)
    mask[order[:kept]] = True
    return mask


def resonance_score(
    R: Tensor | np.ndarray,
    highlights: Tensor | np.ndarray | None = None,
    symmetric: bool = False,
    highlights_j: Tensor | np.ndarray | None = None,
) -> Tensor:
    """How much clip i resonates with clip j: the highlights' mean of ``max_j R_ij`` (Eq. 6).

    Parameters
    ----------
    R : tensor of shape (T_i, T_j)
    highlights : tensor of shape (T_i,), or None
        Weight of each frame of clip i (a mask or soft weights); None: every frame is a highlight.
    symmetric : bool
        Also let every frame of clip j look for its best in clip i, and average the two scores.
    highlights_j : tensor of shape (T_j,), or None
        The weights of clip j's frames for the symmetric score.

    Returns
    -------
    0-dim tensor

    Examples
    --------
    >>> from sere.method import resonance_score
    >>> R = [[0.25, 0.75], [0.5, 0.0]]
    >>> float(resonance_score(R)), float(resonance_score(R, highlights=[1.0, 0.0]))
    (0.625, 0.75)
    """
    R = torch.as_tensor(R)
    score = _weighted_mean(R.amax(dim=1), highlights)
    if symmetric:
        score = (score + _weighted_mean(R.amax(dim=0), highlights_j)) / 2
    return score


def _weighted_mean(rows: Tensor, weights: Tensor | np.ndarray | None) -> Tensor:
    """Mean over the first axis; weights that are all 0 give 0."""
    if weights is None:
        return rows.mean(dim=0)
    w = torch.as_tensor(weights, device=rows.device).to(rows.dtype)
    total = w.sum()
    return (w @ rows) / torch.where(total > 0, total, torch.ones_like(total))
