"""Whether a frame repeats itself, as a voice does: normalised autocorrelation at the periods of voices.

A look, not a pitch: it costs a small part of CREPE and says nothing of which period is the right one.
"""

import numpy as np

from sere.audio import HOP, SAMPLE_RATE

#: Samples of a frame: 40 ms, in which the lowest voice repeats twice.
WINDOW = 2 * HOP
#: Periods of a voice, in samples: 500 to 60 Hz.
_PERIODS = np.arange(SAMPLE_RATE // 500, SAMPLE_RATE // 60)
#: Stands for 0 in a power.
_NOTHING = 1e-20


def repetition(frames: np.ndarray) -> np.ndarray:
    """Return the share of each frame's power that repeats after the best period, at most 1.

    Parameters
    ----------
    frames : ndarray of shape (n, WINDOW), float64

    Returns
    -------
    ndarray of shape (n,)
    """
    spectrum = np.abs(np.fft.rfft(frames, 2 * WINDOW)) ** 2
    products = np.fft.irfft(spectrum)[:, _PERIODS]
    power = np.cumsum(frames**2, axis=1)
    head, tail = power[:, WINDOW - 1 - _PERIODS], power[:, -1:] - power[:, _PERIODS - 1]
    best: np.ndarray = (products / np.sqrt(head * tail + _NOTHING)).max(1)
    return best
