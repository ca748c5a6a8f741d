"""A recording's timeline: found speech, listened to window by window, answers smoothed and put together.

The recording is read twice, in blocks: for where speech is, then for the windows. What answers is a function of the
windows' waveforms, so this serves a fitted classifier and experience alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sere.audio import FRAME_RATE, SAMPLE_RATE, AudioError
from sere.audio.blocks import Recording
from sere.checks.data import speak_up
from sere.inputs.items import as_clip
from sere.inputs.params import FLAG, VERBOSE, ParameterError, Rule, check_arguments, number
from sere.progress import progress
from sere.recordings.detectors import DETECTOR, find_speech, usable_detector
from sere.recordings.smoothing import segments, smoothed
from sere.recordings.windows import Windows, cut, plan

#: Windows that are embedded at a time, so that memory does not grow with the recording.
AT_ONCE = 16
#: Seconds: of a window, by which windows overlap, and that an emotion lasts; see ``benchmarks/bench_timeline.py``.
WINDOW, OVERLAP, STAY = 3.0, 1.5, 5.0

_NO_SPEECH = (
    "no speech is found in {}, so its timeline is empty. Listen to it; detector=None takes all of it for speech"
)
_MINUTES = "{desc}: {n:.1f} min [{elapsed}]"
_RULES: dict[str, Rule] = {
    "window": number(0.1, 60.0),
    "overlap": number(0),
    "stay": number(0),
    "detector": DETECTOR,
    "gaps": FLAG,
    "verbose": VERBOSE,
}


class Listening(NamedTuple):
    """The windows of a recording, to be listened to once.

    Attributes
    ----------
    waves : iterator of list of ndarray
        Their waveforms at 16 kHz, some at a time.
    n_windows, n_frames : int
        How many windows there are, and frames of 20 ms in all of them.
    """

    waves: Iterator[list[np.ndarray]]
    n_windows: int
    n_frames: int


#: From the windows to the probability of each emotion, (n_windows, n_emotions).
Answer = Callable[[Listening], np.ndarray]


@dataclass(frozen=True)
class Course:
    """How a recording is listened to.

    Attributes
    ----------
    window, overlap, stay : float
        Seconds.
    detector : {"silero", "energy"} or None
        One that is here.
    gaps : bool
        Whether stretches without speech are rows.
    verbose : int
    """

    window: float
    overlap: float
    stay: float
    detector: str | None
    gaps: bool
    verbose: int

    @classmethod
    def checked(
        cls, window: float, overlap: float, stay: float, detector: str | None, gaps: bool, verbose: int
    ) -> "Course":
        """Return the course of what a user asked for; an error names what cannot be."""
        given = {"window": window, "overlap": overlap, "stay": stay, "detector": detector, "gaps": gaps}
        check_arguments(_RULES, **given, verbose=verbose)
        if overlap >= window:
            raise ParameterError(f"overlap={overlap!r} s must be less than window={window!r} s")
        return cls(window, overlap, stay, usable_detector(detector), gaps, verbose)


def as_recording(given: Any) -> Recording:
    """Return the recording that a user handed over: a path, a waveform, what holds one.

    Raises
    ------
    TypeError
        Several clips, or nothing that holds sound.
    AudioError
        It cannot be used, as far as shows before it is read.
    """
    try:
        return Recording(as_clip(given))
    except AudioError:
        raise
    except ValueError as error:
        raise TypeError(f"a timeline is of one recording, a path or a waveform: {error}") from error


def draw(recording: Recording, emotions: Sequence[Any] | np.ndarray, answer: Answer, course: Course) -> pd.DataFrame:
    """Return a recording's timeline.

    Parameters
    ----------
    recording : Recording
    emotions : sequence of labels
    answer : callable
        From :class:`Listening` to probabilities in the order of `emotions`.
    course : Course

    Returns
    -------
    DataFrame
        As :func:`sere.timeline` returns it.
    """
    with progress(None, "looking for speech", "minute", course.verbose, _MINUTES) as bar:
        spans, length = find_speech(_counted(recording.blocks(), bar), course.detector)
    windows = plan(spans, length, course.window, course.overlap)
    if len(windows):
        with progress(len(windows), "listening", "window", course.verbose) as bar:
            waves = _portions(cut(recording.blocks(), windows), bar)
            found = answer(Listening(waves, len(windows), round(windows.heard.sum() * FRAME_RATE)))
    else:
        speak_up([_NO_SPEECH.format(recording.name)])
        found = np.empty((0, len(emotions)))
    likely = smoothed(found, windows, course.stay)
    rows = _rows(likely, windows, emotions)
    table = _table(_with_gaps(rows, length) if course.gaps else rows, emotions)
    source = recording.clip.source
    table.attrs = {
        "recording": str(source) if isinstance(source, str) else None,
        "seconds": length / SAMPLE_RATE,
        "detector": course.detector,
        "windows": len(windows),
    }
    return table


def _counted(blocks: Iterator[np.ndarray], bar: Any) -> Iterator[np.ndarray]:
    for block in blocks:
        yield block
        bar.update(len(block) / SAMPLE_RATE / 60)


def _portions(waves: Iterator[np.ndarray], bar: Any) -> Iterator[list[np.ndarray]]:
    while some := list(islice(waves, AT_ONCE)):
        yield some
        bar.update(len(some))


def _rows(likely: np.ndarray, windows: Windows, emotions: Sequence[Any] | np.ndarray) -> list[tuple[Any, ...]]:
    """Return (first, last, emotion, probability of each) of every segment, in samples."""
    rows = []
    for own in segments(likely, windows):
        mean = np.average(likely[own], axis=0, weights=windows.answered[own])
        rows.append((int(windows.first[own[0]]), int(windows.last[own[-1]]), emotions[int(mean.argmax())], mean))
    return rows


def _with_gaps(rows: list[tuple[Any, ...]], length: int) -> list[tuple[Any, ...]]:
    """Return the rows with those of no emotion between them, from the recording's beginning to its end."""
    whole, at = [], 0
    for row in [*rows, (length, length, None, None)]:
        if row[0] > at:
            whole.append((at, row[0], None, None))
        whole.append(row)
        at = row[1]
    return whole[:-1]


def _table(rows: list[tuple[Any, ...]], emotions: Sequence[Any] | np.ndarray) -> pd.DataFrame:
    shares = np.array([np.full(len(emotions), np.nan) if mean is None else mean for *_, mean in rows])
    shares = shares.reshape(-1, len(emotions))
    named = np.empty(len(rows), dtype=object)
    named[:] = [emotion for _, _, emotion, _ in rows]
    return pd.DataFrame(
        {
            "start": np.array([first for first, *_ in rows], dtype=float) / SAMPLE_RATE,
            "end": np.array([last for _, last, *_ in rows], dtype=float) / SAMPLE_RATE,
            "emotion": pd.Series(named, dtype=object),
            "probability": shares.max(1) if len(shares) else np.empty(0),
            **{f"p_{emotion}": own for emotion, own in zip(emotions, shares.T, strict=True)},
        }
    )
