"""The pitch path of a voice: Viterbi decoding that knows how fast a voice moves and how sure the network is.

Source: the model of Viterbi decoding over CREPE's bins (Kim et al., ICASSP 2018), its two halves chosen anew. The
hidden state of a frame is one of CREPE's pitch bins, 20 cents apart; the path is the one of most evidence less price.

*Evidence.* CREPE ends in one sigmoid a bin, trained bin by bin: a is the probability that the pitch is there, each bin
asked for itself. That exactly bin j holds the pitch and no other does has the probability ``a_j / (1 - a_j)`` times
what all bins share, so the evidence for a bin is its log odds. As they come, without a scale to choose, these also make
Praat's pitch likelier than any power of a or softmax of its multiples does, in each of five corpora. Where nothing
sounds the odds are low and nearly level, so a path runs free through a pause without a state for it.

*Price.* A move of v cents a second costs nothing up to `FREE_SPEED`, about what a voice can do (an octave in 0.15 to
0.2 s: Xu and Sun, "Maximum speed of pitch change and how it may relate to speech", J. Acoust. Soc. Am. 111, 2002);
beyond it a nat for each `SPEED_A_NAT`, and never more than `LEAP`, at which a path leaps anywhere. Being speeds, both
bend a path alike whatever the hop.

The three numbers were chosen on synthetic voices (adults, children, shouting, noise) and 80 clips of two of the
corpora, and judged on other clips and three more corpora (``benchmarks/bench_pitch.py``). They are not delicate:
halving or doubling one changes the share of wrong frames of real speech by at most half a percent.

:func:`voice_path` finds a path as good as that of the textbook recursion (which its tests spell out) in time linear in
bins: the free moves are compared one by one, and beyond them the best origin below (above) a bin is that of its
neighbour, one bin's price dearer. Of equally good paths, as in silence, the two may pick different ones.
"""

import numpy as np

from sere.audio import HOP, SAMPLE_RATE

#: Cents from one of CREPE's bins to the next.
CENTS_PER_BIN = 20.0
#: Cents a second that the pitch moves at no price.
FREE_SPEED = 8000.0
#: Cents a second beyond it that cost a nat a frame.
SPEED_A_NAT = 4000.0
#: The price of moving anywhere (nats).
LEAP = 12.0
#: The network is trusted no further than this probability, and one less it: beyond is rounding.
_LEAST = 1e-3

_HOP_SECONDS = HOP / SAMPLE_RATE
_BLOCK = 1024


def log_odds(activations: np.ndarray) -> np.ndarray:
    """Return the evidence for each bin in nats.

    Parameters
    ----------
    activations : ndarray of shape (T, n_bins), float32
        The network's sigmoid outputs.

    Returns
    -------
    ndarray of shape (T, n_bins), float32
    """
    held = np.clip(activations, np.float32(_LEAST), np.float32(1 - _LEAST))
    return np.log(held / (1 - held))


def price_of_moves(hop: float) -> tuple[int, float]:
    """Return how many bins a frame the pitch moves free, and the nats that each bin beyond costs.

    Parameters
    ----------
    hop : float
        Seconds from one frame to the next.
    """
    return round(FREE_SPEED * hop / CENTS_PER_BIN), CENTS_PER_BIN / (SPEED_A_NAT * hop)


def voice_path(activations: np.ndarray, low: int, hop: float = _HOP_SECONDS) -> np.ndarray:
    """Return the best path of pitch bins.

    Parameters
    ----------
    activations, low
        As in :func:`sere.tracks.viterbi.best_path`.
    hop : float
        Seconds from one frame to the next.

    Returns
    -------
    path : ndarray of shape (T,), int64
        A bin of ``low <= bin < low + n_bins`` for each frame.
    """
    from sere.tracks._compiled import follow, follow_back

    n_frames, n_bins = activations.shape
    free, price = price_of_moves(hop)
    value = np.full(n_bins + 2 * free, -np.inf)
    within = slice(free, free + n_bins)
    value[within] = log_odds(activations[:1])[0]
    origins = np.empty((n_frames, n_bins), dtype=np.int16)
    for first in range(1, n_frames, _BLOCK):
        block = slice(first, min(first + _BLOCK, n_frames))
        follow(log_odds(activations[block]), price, LEAP, value, origins[block])
    path = np.empty(n_frames, dtype=np.int64)
    path[-1] = np.argmax(value[within])
    follow_back(origins, path)
    return path + low
