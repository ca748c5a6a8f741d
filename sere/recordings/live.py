"""Sound that is listened to while it comes: windows at even distances, each ready when its last sample is."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from sere.audio import SAMPLE_RATE
from sere.recordings.detectors import ON, Detector, open_detector

#: Seconds of speech that a window needs to be worth an answer.
SPOKEN = 0.25


class Moment(NamedTuple):
    """What is said of a window.

    Attributes
    ----------
    start, end : float
        Seconds since the beginning.
    emotion : label or None
        None where nobody speaks.
    probabilities : ndarray of shape (n_classes,) or None
        Of each emotion.
    """

    start: float
    end: float
    emotion: Any
    probabilities: np.ndarray | None


class Window(NamedTuple):
    """A window that is complete.

    Attributes
    ----------
    start, stop : int
        Samples since the beginning.
    new : int
        How many of them no window before has heard.
    wave : ndarray of shape (stop - start,)
    spoken : bool
        Whether enough of it is speech.
    """

    start: int
    stop: int
    new: int
    wave: np.ndarray
    spoken: bool


def live_windows(blocks: Iterable[np.ndarray], window: float, overlap: float, detector: str | None) -> Iterator[Window]:
    """Yield windows over all that comes, each as soon as it is complete; the last one ends with the sound.

    Parameters
    ----------
    blocks : iterable of ndarray
        16 kHz mono.
    window, overlap : float
        Seconds.
    detector : {"silero", "energy"} or None
        None takes all for speech.
    """
    size = max(1, round(window * SAMPLE_RATE))
    hop = max(1, size - round(overlap * SAMPLE_RATE))
    hearing = None if detector is None else _Hearing(open_detector(detector))
    held, at, heard, next_stop = np.zeros(0, np.float32), 0, 0, size
    for block in blocks:
        held = np.concatenate([held, block])
        if hearing is not None:
            hearing.feed(block)
        while at + len(held) >= next_stop:
            start = next_stop - size
            held, at = held[start - at :], start
            spoken = hearing is None or hearing.spoken(start, next_stop)
            yield Window(start, next_stop, next_stop - heard, held[:size].copy(), spoken)
            heard, next_stop = next_stop, next_stop + hop
    end = at + len(held)
    if end > heard:
        start = max(0, end - size)
        spoken = hearing is None or hearing.spoken(start, end, last=True)
        yield Window(start, end, end - heard, held[start - at :].copy(), spoken)


class _Hearing:
    """A detector, and where in the last minutes it found speech."""

    def __init__(self, detector: Detector):
        self.detector = detector
        self.found = np.zeros(0, bool)
        self.first = 0

    def feed(self, block: np.ndarray) -> None:
        self.found = np.concatenate([self.found, self.detector.feed(block) >= ON])

    def spoken(self, start: int, stop: int, last: bool = False) -> bool:
        """Whether enough of a window is speech, as far as is known by now; what came before it is forgotten."""
        if last:
            self.found = np.concatenate([self.found, self.detector.finish() >= ON])
        step = self.detector.step
        gone = max(0, start // step - self.first)
        self.found, self.first = self.found[gone:], self.first + gone
        within = self.found[: max(0, -(-stop // step) - self.first)]
        needed = min(SPOKEN, (stop - start) / 2 / SAMPLE_RATE)
        return bool(within.sum() * step >= needed * SAMPLE_RATE)
