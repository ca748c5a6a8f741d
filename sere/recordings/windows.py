"""Windows over speech: which stretch each listens to, and which part of it its answer stands for.

An emotion needs seconds to show, and changes within minutes. So speech is heard through overlapping windows of one
length, spread evenly over each span of it, and a window answers for the middle of what it hears: from halfway to the
window before to halfway to the next. Each moment of speech belongs to exactly one window.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sere.audio import SAMPLE_RATE, AudioError

#: Seconds that a window listens to at least, where the recording has them, however short the span.
LEAST = 1.0


@dataclass(frozen=True)
class Windows:
    """n windows in the order of time; numbers of samples at 16 kHz.

    Attributes
    ----------
    start, stop : int ndarray of shape (n,)
        What each listens to.
    first, last : int ndarray of shape (n,)
        What each answers for: together the spans of speech, each moment once.
    span : int ndarray of shape (n,)
        Number of the span that each is in.
    """

    start: np.ndarray
    stop: np.ndarray
    first: np.ndarray
    last: np.ndarray
    span: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    @property
    def answered(self) -> np.ndarray:
        """Seconds that each answers for."""
        seconds: np.ndarray = (self.last - self.first) / SAMPLE_RATE
        return seconds

    @property
    def heard(self) -> np.ndarray:
        """Seconds that each listens to."""
        seconds: np.ndarray = (self.stop - self.start) / SAMPLE_RATE
        return seconds

    @property
    def centre(self) -> np.ndarray:
        """Second in the middle of what each answers for."""
        seconds: np.ndarray = (self.first + self.last) / (2 * SAMPLE_RATE)
        return seconds


def plan(spans: np.ndarray, length: int, window: float, overlap: float) -> Windows:
    """Return windows over spans of speech.

    Parameters
    ----------
    spans : int ndarray of shape (n_spans, 2)
        Sorted, without overlaps, in samples.
    length : int
        Samples of the recording.
    window, overlap : float
        Seconds of a window, and by which two overlap at least; a shorter span has one window.
    """
    size = max(1, round(window * SAMPLE_RATE))
    hop = max(1, size - round(overlap * SAMPLE_RATE))
    rows = [
        (*row, number)
        for number, (begin, end) in enumerate(spans.tolist())
        for row in _over(begin, end, length, size, hop)
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    return Windows(*table.T)


def _over(begin: int, end: int, length: int, size: int, hop: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (start, stop, first, last) of each window over one span."""
    if end - begin <= size:
        missing = max(0, min(size, round(LEAST * SAMPLE_RATE), length) - (end - begin))
        start = min(max(0, begin - missing // 2), length - (end - begin) - missing)
        yield start, start + end - begin + missing, begin, end
        return
    n = 1 + -(-(end - begin - size) // hop)
    starts = begin + np.round(np.linspace(0, end - begin - size, n)).astype(np.int64)
    borders = [begin, *((starts[1:] + starts[:-1] + size) // 2).tolist(), end]
    for start, first, last in zip(starts.tolist(), borders[:-1], borders[1:], strict=True):
        yield start, start + size, first, last


def cut(blocks: Iterable[np.ndarray], windows: Windows) -> Iterator[np.ndarray]:
    """Yield what each window listens to, keeping of the blocks only what a window still needs.

    Parameters
    ----------
    blocks : iterable of ndarray
        The recording, 16 kHz mono.
    windows : Windows
        Within it.

    Raises
    ------
    AudioError
        The recording ends before a window does: it has changed since the windows were planned.
    """
    held, at = np.zeros(0, np.float32), 0
    unread = iter(blocks)
    for start, stop in zip(windows.start.tolist(), windows.stop.tolist(), strict=True):
        while at + len(held) < stop:
            block = next(unread, None)
            if block is None:
                raise AudioError(
                    [
                        (
                            None,
                            f"the recording ended at {(at + len(held)) / SAMPLE_RATE:.1f} s when it was read "
                            "again, sooner than before; wait until it is complete",
                        )
                    ]
                )
            passed = min(max(start - at, 0), len(held))
            held, at = np.concatenate([held[passed:], block]), at + passed
        yield held[start - at : stop - at].copy()
