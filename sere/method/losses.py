"""The Triple-Resonance Interaction Chain loss (paper section II-D, Eq. 8-10).

Three pulls train the embedding: the shots towards their class, every unlabeled clip's
resonance-aware representation towards the prototype it was assigned to (global prototype
resonance), and clips that resonate towards each other (dual instance resonance: unlabeled source
with labeled source, unlabeled target with unlabeled source).

Stated in the paper: Euclidean distances between samples and enhanced prototypes "of different
categories" (Eq. 8); the mean over all unlabeled samples of a distance between a sample and its
reference (Eq. 9); a sum (Eq. 10). Not stated: the form of Eq. 8, the distance of Eq. 9, the
weights of Eq. 10.

Our reading: Eq. 8 is the negative log-softmax of negative squared distances, as in prototypical
networks, because distance to *different* categories must enter: attraction alone collapses. Eq. 9
is one minus the cosine, its reference detached, for the same reason. Options: plain pull or
margin for Eq. 8; squared Euclidean distance or InfoNCE, weights and gradients into both sides for
Eq. 9.

Variables: r ``r`` (n, p) resonance-aware representations; ``r_ref`` (n, p) their references; P
``prototypes`` (C, p); ``assigned`` (n,) class numbers or (n, C) soft assignments; ``weights``
(n,) >= 0.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def prototype_logits(r: Tensor, prototypes: Tensor, scale: float | Tensor = 1.0) -> Tensor:
    """Negative squared Euclidean distance of every sample to every prototype, times `scale`.

    Its softmax is `predict_proba` of the paper's nearest-prototype rule.

    Parameters
    ----------
    r : tensor of shape (n, p)
    prototypes : tensor of shape (C, p)
    scale : float or 0-dim tensor, > 0

    Returns
    -------
    tensor of shape (n, C)

    Examples
    --------
    >>> import torch
    >>> from sere.method import prototype_logits
    >>> prototype_logits(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]])).tolist()
    [[-0.0, -1.0]]
    """
    return -scale * (r[:, None, :] - prototypes[None, :, :]).square().sum(dim=2)


def prototype_loss(
    r: Tensor,
    prototypes: Tensor,
    assigned: Tensor,
    scale: float | Tensor = 1.0,
    form: str = "softmax",
    *,
    weights: Tensor | None = None,
    margin: float = 1.0,
) -> Tensor:
    """Global prototype resonance: samples gather around their enhanced prototype (Eq. 8).

    ``mean_j -log softmax_c(-scale |r_j - P_c|^2)`` at the assigned class.

    Parameters
    ----------
    r : tensor of shape (n, p)
    prototypes : tensor of shape (C, p)
    assigned : int tensor of shape (n,), or tensor of shape (n, C)
        Class of each sample, or soft assignments.
    scale : float or 0-dim tensor
        Factor of every squared distance.
    form : {"softmax", "pull", "margin"}
        "pull" is the squared distance to the assigned prototype alone; "margin" asks that the
        nearest other prototype be farther by `margin` (in scaled squared distance).
    weights : tensor of shape (n,), or None
        Weight of each sample in the mean.
    margin : float

    Returns
    -------
    0-dim tensor
        0 for no samples.

    Examples
    --------
    >>> import torch
    >>> from sere.method import prototype_loss
    >>> prototypes, clips = torch.eye(2), torch.tensor([[1.0, 0.0]])
    >>> near, far = (prototype_loss(clips, prototypes, torch.tensor([k])) for k in (0, 1))
    >>> bool(near < far)
    True
    """
    logits = prototype_logits(r, prototypes, scale)
    n_classes = len(prototypes)
    target = assigned if assigned.ndim == 2 else F.one_hot(assigned.long(), n_classes)
    target = target.to(logits.dtype)
    if form == "softmax":
        each = -logits.log_softmax(dim=1)
    elif form == "pull":
        each = -logits
    elif form == "margin":
        itself = torch.eye(n_classes, dtype=torch.bool, device=r.device)
        others = logits[:, None, :].masked_fill(itself, -torch.inf).amax(dim=2)
        each = (margin + others - logits).clamp_min(0)
    else:
        raise ValueError(f"form must be 'softmax', 'pull' or 'margin', got {form!r}")
    return _mean((target * each).sum(dim=1), weights)


def dual_resonance_loss(
    r: Tensor,
    r_ref: Tensor,
    weights: Tensor | None = None,
    distance: str = "cosine",
    detach: bool = True,
    *,
    temperature: float = 0.1,
) -> Tensor:
    """Dual instance resonance: each unlabeled sample moves towards its reference (Eq. 9).

    ``mean_u (1 - cos(r_u, r_ref(u)))``, the reference detached.

    Parameters
    ----------
    r, r_ref : tensor of shape (n, p)
        Row u of `r_ref` is the reference of row u of `r`.
    weights : tensor of shape (n,), or None
        Weight of each pair in the mean, such as its IRF.
    distance : {"cosine", "euclidean", "infonce"}
        "euclidean" is the squared distance; "infonce" must pick its own reference among all of
        the batch.
    detach : bool
        Keep gradients out of the references; with gradients into both sides pure attraction
        collapses.
    temperature : float
        Of "infonce".

    Returns
    -------
    0-dim tensor
        0 for no samples.

    Examples
    --------
    >>> import torch
    >>> from sere.method import dual_resonance_loss
    >>> r = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> float(dual_resonance_loss(r, r)), float(dual_resonance_loss(r, r.flip(0)))
    (0.0, 1.0)
    """
    if detach:
        r_ref = r_ref.detach()
    if distance == "cosine":
        each = 1 - F.cosine_similarity(r, r_ref, dim=1)
    elif distance == "euclidean":
        each = (r - r_ref).square().sum(dim=1)
    elif distance == "infonce":
        logits = F.normalize(r, dim=1) @ F.normalize(r_ref, dim=1).T / temperature
        each = -logits.log_softmax(dim=1).diagonal()
    else:
        raise ValueError(f"distance must be 'cosine', 'euclidean' or 'infonce', got {distance!r}")
    return _mean(each, weights)


def shot_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Class-balanced cross-entropy of the labeled shots (L_ce of Eq. 10).

    The mean over classes of the mean over a class's shots, so that uneven shots weigh no class
    more.

    Parameters
    ----------
    logits : tensor of shape (n_shots, C)
    y : int tensor of shape (n_shots,)

    Returns
    -------
    0-dim tensor

    Examples
    --------
    >>> import torch
    >>> from sere.method import shot_loss
    >>> round(float(shot_loss(torch.zeros(3, 2), torch.tensor([0, 0, 1]))), 4)  # nothing learned: log 2
    0.6931
    """
    each = F.cross_entropy(logits, y.long(), reduction="none")
    count = torch.bincount(y.long(), minlength=logits.shape[1])
    return _mean(each, 1 / count[y.long()].to(each.dtype))


def total_loss(
    shots: Tensor,
    prototype: Tensor | None = None,
    dual: Tensor | None = None,
    *,
    prototype_weight: float | Tensor = 1.0,
    dual_weight: float | Tensor = 1.0,
) -> Tensor:
    """The overall objective ``L = L_ce + l1 L_proto + l2 L_dual`` (Eq. 10).

    Parameters
    ----------
    shots : 0-dim tensor
    prototype, dual : 0-dim tensor, or None
        None where the pool that would feed a loss is missing.
    prototype_weight, dual_weight : float or 0-dim tensor
        l1 and l2.

    Returns
    -------
    0-dim tensor

    Examples
    --------
    >>> import torch
    >>> from sere.method import total_loss
    >>> float(total_loss(torch.tensor(1.0), torch.tensor(0.5), None, prototype_weight=2.0))
    2.0
    """
    loss = shots
    if prototype is not None:
        loss = loss + prototype_weight * prototype
    if dual is not None:
        loss = loss + dual_weight * dual
    return loss


def _mean(each: Tensor, weights: Tensor | None) -> Tensor:
    """Weighted mean; 0, with a gradient, for no samples or weights that are all 0."""
    if weights is None:
        return each.sum() / max(len(each), 1)
    weights = weights.to(each.dtype)
    total = weights.sum()
    return (weights * each).sum() / torch.where(total > 0, total, torch.ones_like(total))
