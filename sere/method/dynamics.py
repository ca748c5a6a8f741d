"""Instantaneous dynamic features (paper II-B, Eq. 1-2): how a voice changes from frame to frame.

A clip is heard every 20 ms through four static tracks of the three elements of speech: pitch (the
fundamental frequency f0), loudness (the RMS envelope) and timbre (the second MFCC and the
spectral centroid). Emotion is read from their *changes*, each measured against the clip's own
average change so that the four can be compared, and let through by a gate that listens to the
semantic context.

Stated in the paper: the difference of adjacent frames, divided by its average absolute value over
the utterance plus an epsilon (Eq. 1); a sigmoid gate with learnable W and b on the context;
concatenation with the context embedding (Eq. 2).

Our reading: the first frame's change is 0; the average runs over the changes that exist; f0
changes only between two voiced frames (an onset of voicing is not a jump of pitch) and both it
and its average skip all other steps; the gate has one output a feature, so that pitch and
loudness may be trusted at different moments. Options: f0 in hertz or semitones, one gate a frame,
the scale of the dynamic part.

Variables: F ``tracks`` (T, 4), order f0, rms, mfcc2, centroid; dF its changes; n ``changes`` (T,
4); h ``context`` (T, d); w ``gate`` (T, 4) or (T, 1); D ``dynamics`` (T, 4); z (T, d + 4).
"""

import numpy as np
import torch
from torch import Tensor

#: Columns of the static tracks.
TRACKS = ("f0", "rms", "mfcc2", "centroid")

# A step smaller than this share of the values it joins is rounding of float32 tracks, not a
# change.
ROUNDING = 4 * float(np.finfo(np.float32).eps)


def normalised_changes(
    tracks: Tensor | np.ndarray,
    eps: float = 1e-8,
    voiced: Tensor | np.ndarray | None = None,
    *,
    f0_scale: str = "hz",
) -> Tensor:
    """Frame-to-frame changes of the tracks over their mean absolute change (Eq. 1).

    ``dF_k(t) = F_k(t) - F_k(t-1)``, ``n_k(t) = dF_k(t) / (mean_t |dF_k| + eps)``.

    Parameters
    ----------
    tracks : tensor or ndarray of shape (T, 4)
        f0 in Hz, RMS, second MFCC, spectral centroid in Hz.
    eps : float
        Keeps a track that never changes at 0.
    voiced : bool tensor or ndarray of shape (T,), or None
        Frames with a pitch; None takes those whose f0 is above 0. Where f0 is not a positive
        number a frame is never voiced.
    f0_scale : {"hz", "log"}
        Measure pitch in hertz (the paper's words) or in semitones, where an octave is as large
        for every voice.

    Returns
    -------
    tensor of shape (T, 4)
        Always finite: 0 at the first frame, at f0 steps that touch an unvoiced frame, at steps
        that touch a NaN, and all along a track that is constant or silent.

    Examples
    --------
    >>> from sere.method import normalised_changes
    >>> tracks = [[200.0, 0.1, 0.0, 900.0], [220.0, 0.3, 0.0, 900.0], [210.0, 0.3, 0.0, 900.0]]
    >>> normalised_changes(tracks)[:, :2]
    tensor([[ 0.0000,  0.0000],
            [ 1.3333,  2.0000],
            [-0.6667,  0.0000]])
    """
    if f0_scale not in ("hz", "log"):
        raise ValueError(f"f0_scale must be 'hz' or 'log', got {f0_scale!r}")
    F = torch.as_tensor(tracks)
    F = F if F.is_floating_point() else F.float()
    known = torch.isfinite(F)
    F = torch.where(known, F, torch.zeros_like(F))
    has_pitch = known[:, 0] & (F[:, 0] > 0)
    if voiced is not None:
        has_pitch = has_pitch & torch.as_tensor(voiced, device=F.device).bool()
    known = torch.cat([has_pitch[:, None], known[:, 1:]], dim=1)
    f0 = torch.where(has_pitch, F[:, 0], torch.ones_like(F[:, 0]))
    if f0_scale == "log":
        f0 = 12 * torch.log2(f0)
    F = torch.cat([f0[:, None], F[:, 1:]], dim=1)

    step = F[1:] - F[:-1]
    floor = ROUNDING * torch.maximum(F[1:].abs(), F[:-1].abs())
    counts = known[1:] & known[:-1]
    step = torch.where(counts & (step.abs() > floor), step, torch.zeros_like(step))
    unit = step.abs().sum(0) / counts.sum(0).clamp_min(1) + eps
    unit = torch.where(unit > 0, unit, torch.ones_like(unit))
    return torch.cat([torch.zeros_like(F[:1]), step / unit])


def context_gate(context: Tensor | np.ndarray, weight: Tensor | np.ndarray, bias: Tensor | np.ndarray) -> Tensor:
    """How much each frame's dynamics count, from its context: ``w(t) = sigmoid(W h_t + b)``.

    Parameters
    ----------
    context : tensor of shape (T, d)
    weight : tensor of shape (4, d), or (1, d) for one gate a frame
    bias : tensor of shape (4,) or (1,)

    Returns
    -------
    tensor of shape (T, 4) or (T, 1), between 0 and 1

    Examples
    --------
    >>> import numpy as np
    >>> from sere.method import context_gate
    >>> context_gate(np.zeros((2, 3)), np.ones((4, 3)), np.zeros(4)).tolist()
    [[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]]
    """
    h = torch.as_tensor(context)
    return torch.sigmoid(h @ torch.as_tensor(weight).T + torch.as_tensor(bias))


def dynamic_features(changes: Tensor | np.ndarray, gate: Tensor | np.ndarray) -> Tensor:
    """The gated changes ``D_k(t) = w_k(t) n_k(t)``.

    Parameters
    ----------
    changes : tensor of shape (T, 4)
        From `normalised_changes`.
    gate : tensor of shape (T, 4) or (T, 1)
        From `context_gate`.

    Returns
    -------
    tensor of shape (T, 4)

    Examples
    --------
    >>> from sere.method import dynamic_features
    >>> dynamic_features([[1.0, -2.0, 0.0, 4.0]], [[0.5]]).tolist()
    [[0.5, -1.0, 0.0, 2.0]]
    """
    return torch.as_tensor(gate) * torch.as_tensor(changes)


def enhanced_representation(
    context: Tensor | np.ndarray, dynamics: Tensor | np.ndarray, scale: float | Tensor = 1.0
) -> Tensor:
    """Context and dynamics side by side, ``z_t = [h_t ; scale D(t)]`` (Eq. 2).

    Parameters
    ----------
    context : tensor of shape (T, d)
    dynamics : tensor of shape (T, 4)
    scale : float or 0-dim tensor
        Weight of four dynamic numbers against d context numbers in the cosine of Eq. 4.

    Returns
    -------
    tensor of shape (T, d + 4)

    Examples
    --------
    >>> import numpy as np
    >>> from sere.method import enhanced_representation
    >>> enhanced_representation(np.zeros((10, 36)), np.ones((10, 4)), scale=0.3).shape
    torch.Size([10, 40])
    """
    return torch.cat([torch.as_tensor(context), scale * torch.as_tensor(dynamics)], dim=-1)
