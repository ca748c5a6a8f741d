"""Enhanced prototypes (paper II-D, Eq. 7): each emotion, once the unlabeled have joined.

A class starts as the mean of its few labeled shots. Every unlabeled clip then takes the shot it
resonates with most as its pseudo-anchor, borrows that shot's embedding and class, and the class
mean is taken again over both.

Stated in the paper: the argmax over shots of the IRF; the *anchor's* embedding stands for the
unlabeled clip; the average over ``N_c + M_c`` members. Our reading: none is needed, but three
weaknesses have options. An anchor-only prototype never leaves the convex hull
of the shots (``source="own"`` or a mix); a few "hub" shots attract everyone (`remove_hubs`); one
class may swallow the pool (`balanced_assignment`, which asks for class shares, and
`estimate_shares`, for pools that are not balanced: M. Saerens, P. Latinne and C. Decaestecker,
"Adjusting the outputs of a classifier to new a priori probabilities", Neural Computation 14,
2002).

Variables: e ``shots`` (n_shots, p); y (n_shots,) class numbers 0..C-1; IRF ``irf`` (n_unlabeled,
n_shots); a ``anchors`` (n_unlabeled,); A ``assignments`` (n_unlabeled, C), rows sum to 1; P (C,
p).
"""

import numpy as np
import torch
from torch import Tensor


def pseudo_anchors(irf: Tensor | np.ndarray, y: Tensor | np.ndarray | None = None, by: str = "shot") -> Tensor:
    """The labeled shot that stands for each unlabeled clip, ``a(j) = argmax_s IRF(j, s)``.

    Parameters
    ----------
    irf : tensor of shape (n_unlabeled, n_shots)
    y : int tensor of shape (n_shots,), or None
        Class of each shot, needed by "class".
    by : {"shot", "class"}
        "shot" takes the single best shot. "class" first takes the class that resonates most on
        average, then its best shot: one chance likeness weighs less.

    Returns
    -------
    int64 tensor of shape (n_unlabeled,)
        Indices of shots.

    Examples
    --------
    >>> from sere.method import pseudo_anchors
    >>> irf = [[0.9, 0.1, 0.6, 0.6]]
    >>> pseudo_anchors(irf).tolist(), pseudo_anchors(irf, y=[0, 0, 1, 1], by="class").tolist()
    ([0], [2])
    """
    irf = torch.as_tensor(irf)
    if by == "shot":
        return irf.argmax(dim=1)
    if by != "class":
        raise ValueError(f"by must be 'shot' or 'class', got {by!r}")
    if y is None:
        raise ValueError("by='class' needs y, the class of each shot")
    member = _one_hot(torch.as_tensor(y, device=irf.device), None).to(irf.dtype)
    best = (irf @ (member / member.sum(0).clamp_min(1))).masked_fill(member.sum(0) == 0, -torch.inf)
    outside = member.T[best.argmax(dim=1)] == 0
    return irf.masked_fill(outside, -torch.inf).argmax(dim=1)


def anchor_weights(assignments: Tensor | np.ndarray, irf: Tensor | np.ndarray, y: Tensor | np.ndarray) -> Tensor:
    """Soft pseudo-anchors: each class's weight goes to the shot of that class that resonates most.

    Parameters
    ----------
    assignments : tensor of shape (n_unlabeled, C)
        Soft class assignments, such as those of `balanced_assignment`. A class without shots must
        have weight 0.
    irf : tensor of shape (n_unlabeled, n_shots)
    y : int tensor of shape (n_shots,)

    Returns
    -------
    tensor of shape (n_unlabeled, n_shots)
        Rows sum to those of `assignments`.

    Examples
    --------
    >>> from sere.method import anchor_weights
    >>> anchor_weights([[0.25, 0.75]], [[0.9, 0.1, 0.6, 0.7]], [0, 0, 1, 1]).tolist()
    [[0.25, 0.0, 0.0, 0.75]]
    """
    A = torch.as_tensor(assignments)
    irf = torch.as_tensor(irf)
    member = _one_hot(torch.as_tensor(y, device=irf.device), A.shape[1]).bool()
    inside = irf[:, :, None].masked_fill(~member[None], -torch.inf)
    weights = torch.zeros(irf.shape, dtype=A.dtype, device=A.device)
    return weights.scatter_add(1, inside.argmax(dim=1), A)


def enhanced_prototypes(
    shots: Tensor | np.ndarray,
    y: Tensor | np.ndarray,
    anchors: Tensor | np.ndarray | None = None,
    unlabeled: Tensor | np.ndarray | None = None,
    *,
    assignments: Tensor | np.ndarray | None = None,
    source: str | float = "anchor",
    n_classes: int | None = None,
    weights: Tensor | np.ndarray | None = None,
) -> Tensor:
    """Class prototypes of the shots and of the unlabeled clips assigned to them (Eq. 7).

    ``P_c = (sum_{i in c} e_i + sum_{j -> c} e_a(j)) / (N_c + M_c)``.

    Parameters
    ----------
    shots : tensor of shape (n_shots, p)
    y : int tensor of shape (n_shots,)
        Class numbers 0..C-1.
    anchors : tensor of shape (n_unlabeled,) or (n_unlabeled, n_shots), or None
        The pseudo-anchor of each unlabeled clip (int), or soft weights on all shots
        (`anchor_weights`). None: prototypes of the shots alone, unless `assignments` are given.
    unlabeled : tensor of shape (n_unlabeled, p), or None
        Their own embeddings, needed unless `source` is "anchor".
    assignments : tensor of shape (n_unlabeled, C), or None
        Soft class assignments in place of anchors, for ``source="own"``.
    source : {"anchor", "own"} or float
        What an unlabeled clip adds: its anchor's embedding (the paper), its own, or a mix (0:
        anchor, 1: own).
    n_classes : int, or None
        C, where the largest class number of `y` does not tell it.
    weights : tensor of shape (n_shots,), or None
        As how many clips each shot counts; None: one each.

    Returns
    -------
    tensor of shape (C, p)
        A class without any member is NaN-free: its prototype is 0.

    Examples
    --------
    >>> from sere.method import enhanced_prototypes
    >>> shots, y = [[0.0], [2.0], [10.0]], [0, 0, 1]
    >>> enhanced_prototypes(shots, y).tolist()
    [[1.0], [10.0]]
    >>> enhanced_prototypes(shots, y, anchors=[1])  # one unlabeled clip, whose anchor is the second shot
    tensor([[ 1.3333],
            [10.0000]])
    """
    e = torch.as_tensor(shots)
    y = torch.as_tensor(y, device=e.device)
    own = {"anchor": 0.0, "own": 1.0}.get(source, source) if isinstance(source, str) else source
    if isinstance(own, str) or not 0 <= own <= 1:
        raise ValueError(f"source must be 'anchor', 'own' or a number in 0..1, got {source!r}")
    member = _one_hot(y, n_classes).to(e.dtype)
    weighed = member if weights is None else member * torch.as_tensor(weights, device=e.device).to(e.dtype)[:, None]
    total, count = weighed.T @ e, weighed.sum(0)

    if anchors is not None or assignments is not None:
        if own > 0 and unlabeled is None:
            raise ValueError(f"source={source!r} needs the unlabeled clips' own embeddings")
        if assignments is not None and own < 1:
            raise ValueError(
                "assignments alone name no shot: pass anchors=anchor_weights(assignments, ...), or source='own'"
            )
        if assignments is not None:
            A = torch.as_tensor(assignments, device=e.device).to(e.dtype)
        else:
            to_shot = torch.as_tensor(anchors, device=e.device)
            to_shot = to_shot.to(e.dtype) if to_shot.ndim == 2 else _one_hot(to_shot, len(e)).to(e.dtype)
            A = to_shot @ member
            if own < 1:
                total = total + (1 - own) * (member * to_shot.sum(0)[:, None]).T @ e
        if own > 0:
            total = total + own * A.T @ torch.as_tensor(unlabeled)
        count = count + A.sum(0)
    return total / torch.where(count > 0, count, torch.ones_like(count))[:, None]


def remove_hubs(irf: Tensor | np.ndarray) -> Tensor:
    """The IRF without each shot's mean over the pool: who resonates *more than others do*.

    Parameters
    ----------
    irf : tensor of shape (n_unlabeled, n_shots)

    Returns
    -------
    tensor of shape (n_unlabeled, n_shots)
        Columns have mean 0.

    Examples
    --------
    The first shot resonates with everybody, the second more with the second clip than with the first:

    >>> import numpy as np
    >>> from sere.method import remove_hubs
    >>> remove_hubs(np.array([[0.75, 0.25], [0.75, 0.5]])).tolist()
    [[0.0, -0.125], [0.0, 0.125]]
    """
    irf = torch.as_tensor(irf)
    return irf - irf.mean(dim=0, keepdim=True)


def balanced_assignment(
    scores: Tensor | np.ndarray,
    shares: Tensor | np.ndarray | None = None,
    temperature: float = 1.0,
    n_iter: int = 100,
) -> Tensor:
    """Soft class assignments whose class totals follow given shares (Sinkhorn's algorithm).

    Rows and columns of ``exp(scores / temperature)`` are scaled in turn, columns to ``n
    share_c``, rows to 1.

    Parameters
    ----------
    scores : tensor of shape (n, C)
        Higher is closer: mean resonance with a class, or negative squared distance to its
        prototype.
    shares : tensor of shape (C,), or None
        Expected share of each class, sum 1; None: all alike.
    temperature : float, > 0
        Small values make the assignment hard.
    n_iter : int
        Rounds. Rows are scaled last: they sum to 1, columns to their share as closely as the
        rounds allow.

    Returns
    -------
    tensor of shape (n, C)

    Examples
    --------
    All four clips are nearer to the first class; asked for equal shares, the two least near go to the second:

    >>> import numpy as np
    >>> from sere.method import balanced_assignment
    >>> scores = np.array([[3.0, 0.0], [2.0, 0.0], [1.0, 0.0], [0.5, 0.0]])
    >>> balanced_assignment(scores, temperature=0.1).argmax(1).tolist()
    [0, 0, 1, 1]
    """
    log_a = torch.as_tensor(scores) / temperature
    n, n_classes = log_a.shape
    if n == 0:
        return log_a
    if shares is None:
        shares = torch.full((n_classes,), 1 / n_classes)
    shares = torch.as_tensor(shares, device=log_a.device).to(log_a.dtype)
    if bool((shares < 0).any()) or abs(float(shares.sum()) - 1) > 1e-3:
        raise ValueError(f"shares must be >= 0 and sum to 1, got {shares.tolist()}")
    expected = shares > 0
    log_total = torch.log(n * shares[expected])
    log_e = log_a[:, expected].log_softmax(dim=1)
    for _ in range(n_iter):
        log_e = log_e - log_e.logsumexp(dim=0, keepdim=True) + log_total
        log_e = log_e.log_softmax(dim=1)
    assigned = torch.zeros_like(log_a)
    assigned[:, expected] = log_e.exp()
    return assigned


def estimate_shares(
    scores: Tensor | np.ndarray,
    temperature: float = 1.0,
    n_iter: int = 100,
    prior_strength: float = 1.0,
) -> Tensor:
    """Class shares of an unlabeled pool, by expectation-maximisation (Saerens et al. 2002).

    Each clip's class probabilities under equal shares are re-weighted by the current shares;
    their mean over the pool gives the next shares.

    Parameters
    ----------
    scores : tensor of shape (n, C)
        Log-likelihoods of the classes up to a constant a row, times `temperature`.
    temperature : float, > 0
    n_iter : int
    prior_strength : float, >= 0
        As many imaginary clips as this a class, at equal shares, keep small pools from extreme
        answers.

    Returns
    -------
    tensor of shape (C,), sum 1

    Examples
    --------
    >>> import numpy as np
    >>> from sere.method import estimate_shares
    >>> scores = np.array([[5.0, 0.0]] * 9 + [[0.0, 5.0]])
    >>> estimate_shares(scores, prior_strength=0.0).numpy().round(1).tolist()
    [0.9, 0.1]
    """
    scores = torch.as_tensor(scores)
    n, n_classes = scores.shape
    shares = torch.full((n_classes,), 1 / n_classes, dtype=scores.dtype, device=scores.device)
    if n + prior_strength == 0:
        return shares
    for _ in range(n_iter):
        expected = torch.softmax(scores / temperature + shares.log(), dim=1).sum(dim=0)
        shares = (expected + prior_strength) / (n + prior_strength * n_classes)
    return shares


def _one_hot(labels: Tensor, n_classes: int | None) -> Tensor:
    return torch.nn.functional.one_hot(labels.long(), -1 if n_classes is None else n_classes)
