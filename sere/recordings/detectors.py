"""Where in a recording somebody speaks.

Two detectors, each fed with blocks and remembering what it needs of those before:

- ``"silero"``: Silero VAD, a small network (:mod:`sere.recordings.silero`), where ``silero-vad`` is installed
  (``pip install "sere[vad]"``);
- ``"energy"``: energy and periodicity. A frame of 40 ms has a voice where it repeats itself and stands out from the
  quiet parts of the last minute. It hears whatever is loud and periodic, music and engines too, and does not hear
  whispering.

What each of them misses of emotional speech is measured by ``benchmarks/bench_timeline.py``; see the user guide.

Probabilities become *spans* with two thresholds, so that a word does not fall apart at its consonants, with short
pauses bridged, and a little around them, where consonants begin and voices fade.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from sere.audio import HOP, SAMPLE_RATE
from sere.inputs.params import ParameterError, Rule
from sere.tracks.voiced import WINDOW, repetition

#: Probability from which speech begins, and below which it ends.
ON, OFF = 0.5, 0.35
#: Seconds: shorter pauses belong to the speech around them, shorter sounds are no speech, and so much is taken along at
#: both ends.
PAUSE, SHORTEST, AROUND = 0.5, 0.15, 0.1
DETECTORS = ("auto", "silero", "energy")

_REPEATS = 0.5
_ABOVE_QUIET_DB, _BELOW_LOUD_DB, _INAUDIBLE = 6.0, 30.0, -70.0
_NOTHING = 1e-20


class Detector(Protocol):
    """What finds speech.

    Attributes
    ----------
    step : int
        Samples that a probability is about.
    """

    step: int

    def feed(self, wave: np.ndarray) -> np.ndarray:
        """Return the probability of speech in each step that is complete by now, (n,)."""

    def finish(self) -> np.ndarray:
        """Return those of what is left at the end."""


class Energy:
    """Detector by energy and periodicity."""

    step = HOP
    #: Frames that are judged at a time, and how many before them say what is quiet and what is loud here.
    at_a_time, remembered = 50, 3000

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)
        self._levels: deque[float] = deque(maxlen=self.remembered)

    def feed(self, wave: np.ndarray) -> np.ndarray:
        """Return 1 for each frame with a voice, 0 for others, as far as a second is complete."""
        self._rest = np.concatenate([self._rest, wave])
        second = self.at_a_time * HOP
        found = []
        while len(self._rest) >= second + HOP:
            found.append(self._judged(self._rest[: second + HOP]))
            self._rest = self._rest[second:]
        return np.concatenate(found) if found else np.zeros(0)

    def finish(self) -> np.ndarray:
        """Return the rest."""
        n = -(-len(self._rest) // HOP)
        if n == 0:
            return np.zeros(0)
        padded = np.pad(self._rest, (0, (n + 1) * HOP - len(self._rest)))
        self._rest = self._rest[:0]
        return self._judged(padded)

    def _judged(self, wave: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP].astype(np.float64)
        levels = 10 * np.log10(np.einsum("nt,nt->n", frames, frames) / WINDOW + _NOTHING)
        self._levels.extend(levels)
        quiet, loud = np.percentile(np.fromiter(self._levels, float), [10, 95])
        heard = levels > max(min(quiet + _ABOVE_QUIET_DB, loud - _ABOVE_QUIET_DB), loud - _BELOW_LOUD_DB, _INAUDIBLE)
        voice: np.ndarray = heard & (repetition(frames) > _REPEATS)
        return voice.astype(float)


def usable_detector(name: str | None) -> str | None:
    """Return the detector that a name stands for here: "auto" is Silero where it is installed, else energy.

    Raises
    ------
    ParameterError
        Silero is asked for and not installed.
    """
    if name not in ("auto", "silero"):
        return name
    from sere.recordings.silero import weights_file

    if weights_file() is not None:
        return "silero"
    if name == "silero":
        raise ParameterError(
            "detector is 'silero', and the package silero-vad is not installed: `pip install "
            "\"sere[vad]\"` brings it; detector='energy' needs nothing"
        )
    return "energy"


def open_detector(name: str) -> Detector:
    """Return a new detector: "silero" or "energy"."""
    if name == "energy":
        return Energy()
    from sere.recordings.silero import Silero, weights_file

    weights = weights_file()
    assert weights is not None
    return Silero(weights)


def find_speech(blocks: Iterable[np.ndarray], detector: str | None) -> tuple[np.ndarray, int]:
    """Return the spans of speech in a recording, and its length, in samples.

    Parameters
    ----------
    blocks : iterable of ndarray
        16 kHz mono.
    detector : {"silero", "energy"} or None
        None takes all of it for speech.

    Returns
    -------
    spans : int ndarray of shape (n, 2)
        Sorted; they neither overlap nor touch.
    length : int
    """
    found, length = [np.zeros(0)], 0
    hearing = None if detector is None else open_detector(detector)
    for block in blocks:
        length += len(block)
        if hearing is not None:
            found.append(hearing.feed(block))
    if hearing is None:
        return np.array([[0, length]]), length
    found.append(hearing.finish())
    return spans_of(np.concatenate(found), hearing.step, length), length


def spans_of(probabilities: np.ndarray, step: int, length: int) -> np.ndarray:
    """Return where speech is, as :func:`find_speech` does, from the probability of each step."""
    runs = list(_bridged(_runs(probabilities), PAUSE * SAMPLE_RATE / step))
    kept = [(first * step, last * step) for first, last in runs if (last - first) * step >= SHORTEST * SAMPLE_RATE]
    around = round(AROUND * SAMPLE_RATE)
    spans = [(max(first - around, 0), min(last + around, length)) for first, last in kept]
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


def _runs(probabilities: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield where the probability stays above OFF and comes to ON at least once."""
    above = np.concatenate([[False], probabilities >= OFF, [False]])
    edges = np.flatnonzero(above[1:] != above[:-1])
    for first, last in edges.reshape(-1, 2).tolist():
        if probabilities[first:last].max() >= ON:
            yield first, last


def _bridged(runs: Iterable[tuple[int, int]], pause: float) -> Iterator[tuple[int, int]]:
    """Yield runs, those that less than a pause is between as one."""
    open_: tuple[int, int] | None = None
    for first, last in runs:
        if open_ is not None and first - open_[1] < pause:
            open_ = open_[0], last
            continue
        if open_ is not None:
            yield open_
        open_ = first, last
    if open_ is not None:
        yield open_


def _fits(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value in DETECTORS)


#: What the parameter `detector` may be.
DETECTOR = Rule(("'auto'", "'silero'", "'energy'", "None"), _fits)
