"""Answers about windows as one course of emotions over time, which does not flicker.

A hidden Markov model: a speaker stays with an emotion for `stay` seconds on average, then changes to any other alike,
at any time; what a window says of the emotions is a sign of the one that it hears. The model looks at signs before and
after, and says how likely each emotion is at each moment (forward-backward; Rabiner, "A tutorial on hidden Markov
models", 1989). The likeliest emotion of each moment is taken, rather than the likeliest course of all (Viterbi), so
that what is named is always what the probabilities beside it say.

Windows overlap, and so tell part of the same twice: a window counts by the share of what it hears that it answers for.
"""

from dataclasses import dataclass, field

import numpy as np

from sere.recordings.windows import Windows

#: No answer is surer than this that an emotion is not there.
_LEAST = 1e-6


def staying(seconds: float, stay: float, n: int) -> np.ndarray:
    """Return how likely each of n emotions follows each after some seconds, (n, n), rows summing to 1.

    The chain of continuous time that leaves at a rate of ``1 / stay``, to every other emotion alike.
    """
    # Beyond a thousand stays nothing is left, and with a stay of nearly 0 their number would overflow.
    stays = min(seconds, 1000 * stay) / stay
    same = np.exp(-stays * n / (n - 1)) if n > 1 else 1.0
    moves: np.ndarray = np.full((n, n), (1 - same) / n) + same * np.eye(n)
    return moves


def smoothed(probabilities: np.ndarray, windows: Windows, stay: float) -> np.ndarray:
    """Return how likely each emotion is in what each window answers for.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_emotions)
        What is said of each window by itself.
    windows : Windows of length n
    stay : float
        Seconds that an emotion lasts on average; 0 leaves the answers as they are.

    Returns
    -------
    ndarray of shape (n, n_emotions)
    """
    if stay == 0 or len(probabilities) == 0:
        return probabilities
    n, n_emotions = probabilities.shape
    signs = _signs(probabilities, windows.answered / windows.heard)
    moves = [staying(seconds, stay, n_emotions) for seconds in np.diff(windows.centre)]
    forward, backward = np.empty_like(signs), np.ones_like(signs)
    forward[0] = _shares(signs[0])
    for i in range(1, n):
        forward[i] = _shares(signs[i] * (forward[i - 1] @ moves[i - 1]))
    for i in range(n - 2, -1, -1):
        backward[i] = _shares(moves[i] @ (signs[i + 1] * backward[i + 1]))
    together = forward * backward
    result: np.ndarray = together / together.sum(1, keepdims=True)
    return result


@dataclass
class Filter:
    """The same while it happens, knowing what was and not what comes.

    Parameters
    ----------
    stay : float
        Seconds that an emotion lasts on average; 0 leaves the answers as they are.
    """

    stay: float
    _now: np.ndarray | None = field(default=None, init=False)

    def next(self, probabilities: np.ndarray | None, seconds: float, share: float) -> np.ndarray | None:
        """Return how likely each emotion is now, (n_emotions,).

        Parameters
        ----------
        probabilities : ndarray of shape (n_emotions,), or None
            What is said of a window by itself; None where nobody speaks, and then so is the answer.
        seconds : float
            Since the window before.
        share : float
            Of what the window hears, what none before has heard.
        """
        if self.stay == 0:
            return probabilities
        if self._now is not None:
            self._now = self._now @ staying(seconds, self.stay, len(self._now))
        if probabilities is None:
            return None
        (sign,) = _signs(probabilities[None], np.array([share]))
        self._now = _shares(sign if self._now is None else sign * self._now)
        return self._now


def _signs(probabilities: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return what answers are worth as evidence, (n, n_emotions), largest 1."""
    likely = np.log(np.maximum(probabilities, _LEAST)) * np.minimum(shares, 1)[:, None]
    signs: np.ndarray = np.exp(likely - likely.max(1, keepdims=True))
    return signs


def _shares(values: np.ndarray) -> np.ndarray:
    shares: np.ndarray = values / values.sum()
    return shares


def segments(probabilities: np.ndarray, windows: Windows) -> list[np.ndarray]:
    """Return the windows of each segment: neighbours of one span whose likeliest emotion is the same."""
    best = probabilities.argmax(1)
    new = np.flatnonzero((np.diff(best) != 0) | (np.diff(windows.span) != 0)) + 1
    return np.split(np.arange(len(best)), new) if len(best) else []
