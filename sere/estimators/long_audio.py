"""What classifiers of audio make of a recording that is longer than a clip."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import pandas as pd

from sere.audio import SAMPLE_RATE
from sere.audio.blocks import at_16k, mono
from sere.audio.clips import in_full_scale
from sere.estimators.encoder import HeterogeneousEncoder
from sere.recordings.live import Moment, live_windows
from sere.recordings.smoothing import Filter
from sere.recordings.timeline import OVERLAP, STAY, WINDOW, Course, Listening, as_recording, draw


class TimelineMixin:
    """Adds ``timeline`` to a classifier that answers for some waveforms at a time."""

    classes_: np.ndarray
    encoder_: HeterogeneousEncoder

    @abstractmethod
    def _fitted(self) -> Any:
        """Raise unless fitted."""

    @abstractmethod
    def _answer_waves(self, waves: Sequence[np.ndarray], beside: dict[str, str]) -> np.ndarray:
        """Return the probability of each emotion in waveforms at 16 kHz, of which `beside` is known."""

    def timeline(
        self,
        recording: Any,
        *,
        window: float = WINDOW,
        overlap: float = OVERLAP,
        stay: float = STAY,
        detector: str | None = "auto",
        gaps: bool = False,
        speaker: str | None = None,
        language: str | None = None,
    ) -> pd.DataFrame:
        """Emotions over the time of a long recording, in memory that does not grow with it.

        Parameters
        ----------
        recording : path, waveform, or another form of one clip
        window, overlap, stay, detector, gaps
            As in :func:`sere.timeline`.
        speaker, language : str, default=None
            Who speaks, and what, where fit knows them.

        Returns
        -------
        DataFrame
            As :func:`sere.timeline` returns it, with the emotions of `classes_`.
        """
        self._check_hearing()
        course = Course.checked(window, overlap, stay, detector, gaps, self.encoder_.verbose)
        beside = _known(speaker, language)

        quiet = self._with_steps(verbose=0)

        def answer(listening: Listening) -> np.ndarray:
            return np.concatenate([quiet._answer_waves(waves, beside) for waves in listening.waves])

        return draw(as_recording(recording), self.classes_, answer, course)

    def follow(
        self,
        blocks: Iterable[np.ndarray],
        rate: int = SAMPLE_RATE,
        *,
        window: float = WINDOW,
        overlap: float = OVERLAP,
        stay: float = STAY,
        detector: str | None = "auto",
        speaker: str | None = None,
        language: str | None = None,
    ) -> Iterator[Moment]:
        """Emotions of sound while it comes, from a microphone or a pipe.

        Parameters
        ----------
        blocks : iterable of ndarray
            Floats in -1..1 or integers, of shape (n_samples,) or (n_samples, n_channels), of any length each.
        rate : int, default=16000
            Samples a second.
        window, overlap, stay, detector
            As in :func:`sere.timeline`. Windows stand at even distances, speech or not, and smoothing knows what was
            and not what comes.
        speaker, language : str, default=None
            Who speaks, and what, where fit knows them.

        Yields
        ------
        Moment
            ``start`` and ``end`` of a window in seconds, its ``emotion`` and ``probabilities`` in the order of
            `classes_`, as soon as its last sample has come; None for both where nobody speaks.

        Raises
        ------
        AudioError
            What comes cannot be sound.
        """
        self._check_hearing()
        course = Course.checked(window, overlap, stay, detector, False, 0)
        return self._moments(blocks, rate, course, _known(speaker, language))

    def _moments(
        self, blocks: Iterable[np.ndarray], rate: int, course: Course, beside: dict[str, str]
    ) -> Iterator[Moment]:
        # What is heard once would fill the store for nothing.
        hearing, running = self._with_steps(verbose=0, cache=False), Filter(course.stay)
        mixed = ((wave, rate) for wave in mono(map(_as_channels, blocks), rate))
        before = 0
        for heard in live_windows(at_16k(mixed), course.window, course.overlap, course.detector):
            said = hearing._answer_waves([heard.wave], beside)[0] if heard.spoken else None
            seconds, share = (heard.stop - before) / SAMPLE_RATE, heard.new / len(heard.wave)
            likely = running.next(said, seconds, share)
            emotion = None if likely is None else self.classes_[int(likely.argmax())]
            yield Moment(heard.start / SAMPLE_RATE, heard.stop / SAMPLE_RATE, emotion, likely)
            before = heard.stop

    def _with_steps(self, **changes: Any) -> Self:
        """Return this with some parameters of the fitted steps inside it changed."""
        changed = copy(self)
        for name in ("encoder_", "dynamics_"):
            if hasattr(self, name):
                setattr(changed, name, copy(getattr(self, name)).set_params(**changes))
        return changed

    def _check_hearing(self) -> None:
        """Raise unless this was fitted, and on audio."""
        self._fitted()
        if hasattr(self, "n_features_in_"):
            raise TypeError(f"this {type(self).__name__} was fitted on feature vectors, and hears no recordings")


def _known(speaker: str | None, language: str | None) -> dict[str, str]:
    """Return what is known of who speaks, as columns."""
    return {name: value for name, value in (("speaker", speaker), ("language", language)) if value is not None}


def _as_channels(block: np.ndarray) -> np.ndarray:
    """Return samples as (n_samples, n_channels) in -1..1."""
    block = in_full_scale(np.asarray(block))
    return block[:, None] if block.ndim == 1 else block
