"""High voices and low ones: whom a clip sounds like where nobody says who speaks.

Most of what hides an emotion is the throat: where speakers are known, each is standardised by their own clips and most
of it is gone (:mod:`sere.training.normalise`). Where they are not, their voices can still be told apart a little.
Experience knows directions in which speakers differ most beside how one speaker varies with what they say and feel
(linear discriminants of speakers, learned from labeled speech of other languages). Along these the clips of women and
of men lie seven to twelve deviations of one voice apart, and the clips of one speaker do not fall apart so far.
So a pool that falls apart into two groups is standardised by them, and one that does not as a whole. No label is
looked at, of emotions or of speakers.

Two and no more: a third group or a fourth would take loud and quiet clips for speakers, and with them the emotions.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh, solve_triangular

#: Directions, and how far the covariance of one speaker's clips is shrunk towards a multiple of the identity.
DIRECTIONS, SHRINKAGE = 3, 0.5
#: Clips below which a speaker says nothing of how one voice varies, and speakers of a corpus beyond which more do not
#: make it count more.
CLIPS, SPEAKERS = 5, 20
#: Clips below which nothing is divided, and the smallest group.
FEW, SMALLEST = 20, 5
#: How far the means of two groups lie apart at least, in SD of one speaker's clips. On pools of four corpora, with
#: directions from others: 7.2 to 12.0 for women and men, 2.2 to 5.8 for women alone, men alone, one speaker
#: (``benchmarks/bench_voices.py``).
APART = 6.2


def voice_directions(corpora: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Learn along which directions speakers differ most beside how one speaker's clips differ.

    Parameters
    ----------
    corpora : sequence of (ndarray of shape (n, d), ndarray of shape (n,))
        Contexts of each corpus standardised as a whole, and who speaks, None where unknown.

    Returns
    -------
    ndarray of shape (d, 3) or (d, 0)
        Strongest first, scaled so that clips of one speaker have covariance 1; no columns where no corpus has two known
        speakers of five clips.
    """
    d = corpora[0][0].shape[1]
    within, between, count = np.zeros((d, d)), np.zeros((d, d)), 0
    for contexts, speakers in corpora:
        everyone = [np.flatnonzero(speakers == one) for one in sorted({s for s in speakers if s is not None})]
        known = [rows for rows in everyone if len(rows) >= CLIPS]
        if len(known) < 2:
            continue
        means = np.array([contexts[rows].mean(0) for rows in known])
        for rows, mean in zip(known, means, strict=True):
            own = contexts[rows] - mean
            within += own.T @ own / len(rows) / len(known)
        # The corpus's own mean is zero, by its standardisation.
        between += means.T @ means * min(1.0, SPEAKERS / len(known))
        count += 1
    if not count:
        return np.zeros((d, 0))
    within /= count
    same = np.trace(within) / d * np.eye(d)
    found = eigh(between, (1 - SHRINKAGE) * within + SHRINKAGE * same, subset_by_index=[max(0, d - DIRECTIONS), d - 1])
    rows = found[1].T[::-1]
    # A voice that never varies along a direction would be infinitely far from the next.
    scale = np.linalg.cholesky(rows @ (within + 1e-6 * same) @ rows.T)
    directions: np.ndarray = solve_triangular(scale, rows, lower=True).T
    return directions * np.sign(directions[np.abs(directions).argmax(0), range(directions.shape[1])])


def two_voices(places: np.ndarray) -> np.ndarray | None:
    """Divide a pool in two by its voices, or not at all.

    The two groups of least squares that begin with the halves along the clips' widest direction, so that the order of
    the clips does not matter.

    Parameters
    ----------
    places : ndarray of shape (n, k)
        Where each clip lies along experience's directions of voices.

    Returns
    -------
    ndarray of shape (2, k) or None
        Mean of each group; None for fewer than 20 clips, and where the groups lie no further apart than those of one
        kind of voice do.
    """
    if len(places) < FEW or not places.shape[1]:
        return None
    centred = places - places.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    groups = (centred @ axes[:, -1] > 0).astype(int)
    for _ in range(100):
        if min(np.bincount(groups, minlength=2)) < SMALLEST:
            return None
        centres = np.array([places[groups == group].mean(0) for group in (0, 1)])
        nearest = like(places, centres)
        if (nearest == groups).all():
            break
        groups = nearest
    if np.linalg.norm(centres[0] - centres[1]) < APART:
        return None
    return centres[np.lexsort(centres.T[::-1])]


def like(places: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the group that each clip's voice is nearest to, int of shape (n,)."""
    return ((places[:, None] - centres) ** 2).sum(2).argmin(1)
