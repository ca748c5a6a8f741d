"""What classifiers of audio make of a recording that is longer than a clip."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sere.estimators.encoder import HeterogeneousEncoder
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
        self._fitted()
        if hasattr(self, "n_features_in_"):
            raise TypeError(f"this {type(self).__name__} was fitted on feature vectors, and hears no recordings")
        course = Course.checked(window, overlap, stay, detector, gaps, self.encoder_.verbose)
        beside = {name: value for name, value in (("speaker", speaker), ("language", language)) if value is not None}

        def answer(listening: Listening) -> np.ndarray:
            return np.concatenate([self._answer_waves(waves, beside) for waves in listening.waves])

        return draw(as_recording(recording), self.classes_, answer, course)
