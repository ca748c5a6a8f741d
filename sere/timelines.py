"""The emotions of a long recording over time, by experience alone or by a fitted model.

Without a model a recording is its own pool: what language, room and throat add is standardised away by its windows, and
the answers about them teach a linear head (:mod:`sere.labeling`). So the windows are embedded first and answered for in
the end. Some 250, evenly over the recording, are the pool, with few frames of each; of the others a context is
kept (5 kB), which is all that grows with the recording.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from sere.checks.data import counted, speak_up
from sere.checks.facts import is_silent
from sere.estimators.audio_classifier import AudioClassifier
from sere.estimators.encoder import HeterogeneousEncoder
from sere.inputs.params import ParameterError, check_arguments
from sere.inputs.reading import as_utterances
from sere.inputs.utterances import Utterances, concatenate
from sere.labeling import FEW, RULES, THINNED, default_emotions, experienced, heads_of, learn_pool
from sere.recordings.timeline import OVERLAP, STAY, WINDOW, Course, Listening, as_recording, draw

#: As :func:`sere.label` has them.
SELF_TRAINING_WEIGHT, SPEAKER_SHRINKAGE = 0.7, 4.0
#: Windows that are the pool, at most about: it costs memory, and its mean and SD hardly change with more.
POOL = 250
#: Windows that are answered for at a time.
ANSWERED = 250
#: Frames that tell how words vary, at most about: a few more than the widest encoder here has columns.
FRAMES = 1500


def timeline(
    recording: Any,
    model: AudioClassifier | None = None,
    *,
    emotions: Sequence[str] | None = None,
    encoder: Any = "speech-emotion",
    window: float = WINDOW,
    overlap: float = OVERLAP,
    stay: float = STAY,
    detector: str | None = "auto",
    gaps: bool = False,
    cache: Any = True,
    n_jobs: int | None = None,
    device: str = "auto",
    verbose: int = 0,
) -> pd.DataFrame:
    """Emotions over the time of a recording, in memory that does not grow with it.

    Speech is found first; windows over it are listened to; what is said of each is smoothed, and neighbours of one
    emotion are one row.

    Parameters
    ----------
    recording : path, waveform, or another form of one clip
        Anything that :class:`sere.SEREClassifier` takes as one clip, of any length.
    model : fitted SEREClassifier or comparison method, default=None
        What answers; its own `emotions`, `encoder`, `cache`, `n_jobs`, `device` and `verbose` hold, and its method
        ``timeline`` does the same. None: experience alone, as in :func:`sere.label`.
    emotions : list of str, default=None
        As in :func:`sere.label`.
    encoder : str, EmotionEncoder, default="speech-emotion"
        As in :func:`sere.label`.
    window : float, default=3.0
        Seconds that one answer listens to.
    overlap : float, default=1.5
        Seconds by which windows overlap at least.
    stay : float, default=5.0
        Seconds that an emotion is expected to last: the larger, the less labels change. 0 takes every window by itself.
    detector : {"auto", "silero", "energy"} or None, default="auto"
        What finds speech. "silero" is a small network (``pip install "sere[vad]"``), "energy" a rule of loudness and
        periodicity that needs nothing and hears no whispering; "auto" is the first where it is installed. None takes
        all of the recording for speech.
    gaps : bool, default=False
        Whether stretches without speech are rows, too, with emotion None.
    cache : bool, path or FrameStore, default=True
        Where extracted features are kept: the user's own store, another folder, or nowhere. What was kept before an
        interruption is not computed again.
    n_jobs : int, default=None
        joblib workers of the extraction.
    device : str, default="auto"
        Torch device of the extraction.
    verbose : int, default=0
        Anything but 0 shows progress: a bar on a terminal or in a notebook, elsewhere a line every half minute.

    Returns
    -------
    DataFrame
        A row a segment, in order of time: ``start`` and ``end`` in seconds, ``emotion``, its ``probability``, and
        ``p_<emotion>`` for each, on average over the segment. No two rows overlap. ``attrs`` has the path of the
        ``recording``, its length in ``seconds``, the ``detector`` and the number of ``windows``.

    Raises
    ------
    AudioError
        The recording cannot be used: what is wrong and what to do.
    ValueError
        Parameters that cannot be used, before anything is read.

    See Also
    --------
    sere.recordings.write_timeline : Timelines as files that other programs read.

    Examples
    --------
    >>> import numpy as np
    >>> import sere
    >>> from sere.datasets import make_voices
    >>> voices = make_voices(n_per_emotion=20, languages=["lumo"], emotions=["anger", "sadness"], duration=2.0)
    >>> recording = np.concatenate(list(voices["audio"]))
    >>> table = sere.timeline(recording, emotions=["anger", "sadness"], encoder="acoustic-emotion", cache=False)
    >>> list(table.columns)
    ['start', 'end', 'emotion', 'probability', 'p_anger', 'p_sadness']
    """
    options: dict[str, Any] = {"window": window, "overlap": overlap, "stay": stay, "detector": detector, "gaps": gaps}
    if model is not None:
        if emotions is not None or encoder != "speech-emotion":
            raise ParameterError("emotions and encoder are the model's own; leave them out where there is a model")
        return model.timeline(recording, **options)
    steps: dict[str, Any] = {"cache": cache, "n_jobs": n_jobs, "device": device, "verbose": verbose}
    check_arguments(RULES, emotions=emotions, encoder=encoder, **steps)
    course = Course.checked(**options, verbose=verbose)
    own = Experienced(emotions, encoder, steps | {"verbose": 0})
    return draw(as_recording(recording), own.words, own.answer, course)


class Experienced:
    """What experience alone says of a recording's windows.

    Parameters
    ----------
    emotions, encoder
        As in :func:`timeline`.
    steps : dict
        Parameters of the encoder's estimator.

    Attributes
    ----------
    words : list of str
        The emotions.
    """

    def __init__(self, emotions: Sequence[str] | None, encoder: Any, steps: dict[str, Any]):
        self.embedder = HeterogeneousEncoder(encoder, **steps)
        known = experienced(self.embedder, encoder)
        self.words = default_emotions(known) if emotions is None else [str(word) for word in emotions]
        self.heads = {name: heads_of(self.words, own) for name, own in known.items()}

    def answer(self, listening: Listening) -> np.ndarray:
        """Return the probability of each emotion in each window, once all were heard."""
        every = -(-listening.n_windows // POOL)
        step = max(THINNED, -(-listening.n_frames // every // FRAMES))
        parts: list[Utterances] = []
        silent: list[bool] = []
        for waves in listening.waves:
            silent += map(is_silent, waves)
            # Those that are no part of the pool keep one frame, since none is asked for.
            own = np.arange(len(waves)) + sum(map(len, parts))
            parts.append(self._kept(waves, step, own % every == 0))
        windows = concatenate(parts)
        if len(windows) < FEW:
            speak_up([_FEW.format(counted(len(windows), "window"))])
        pool = windows[::every]
        space, head, _ = learn_pool(pool, self.heads, SPEAKER_SHRINKAGE, SELF_TRAINING_WEIGHT)
        logits = [
            head.logits(space.target_rows([windows[first : first + ANSWERED]]))
            for first in range(0, len(windows), ANSWERED)
        ]
        shares: np.ndarray = softmax(np.where(np.array(silent)[:, None], 0.0, np.concatenate(logits)), axis=1)
        return shares

    def _kept(self, waves: Sequence[np.ndarray], step: int, of_pool: np.ndarray) -> Utterances:
        """Return windows embedded, without their sound, with few of their frames."""
        clips = as_utterances(pd.DataFrame({"audio": list(waves)}))
        part = self.embedder.encode(clips, "target", "the windows")
        assert part.frames is not None
        one = part.frames[0][:1].copy()
        frames = [own[::step].copy() if asked else one for own, asked in zip(part.frames, of_pool, strict=True)]
        return part.with_(clips=None, frames=frames, summaries={})


_FEW = (
    "the recording has {} of speech: too few to tell how language, room and voice sound from how emotions do, so the "
    "speech that the encoder learned from stands in for the rest, and more answers are wrong than need be. Pass longer "
    "recordings, or fit a model"
)
