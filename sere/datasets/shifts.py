"""Targets that differ from their source in more than language: skewed classes, noise, level, bandwidth, length.

Acted corpora are balanced and recorded in studios, and what a method gains between them may be lost on a telephone. A
*shift* changes the target of a task and nothing else: its class shares, before the task is made, or its audio, after
that and before anything is extracted from it. The labeled clips and the source pool stay as they are, and so do the
draws, so that a score can be compared with the one on the unshifted task clip by clip.

=============  =======================================================================
``noise20``    white noise 20 dB below the clip's power
``noise10``    white noise 10 dB below the clip's power
``quiet``      level lowered by 20 dB
``loud``       level raised by 20 dB and cut at full scale, as a clipped recording is
``telephone``  band-pass of 300 to 3400 Hz
``short``      the middle second alone
``skew``       65 % neutral, the other emotions cut in proportion; no audio changes
=============  =======================================================================

Functions: `make_shifted_task`, `shifted_clips`, and one a change of a waveform: `with_noise`, `with_gain`,
`band_passed`, `middle`.
"""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sere.audio import SAMPLE_RATE
from sere.datasets.few_shot import FewShotTask
from sere.datasets.tasks import make_task, shared_labels, skew_target
from sere.inputs.reading import as_utterances

SKEW_EMOTION, SKEW_SHARE = "neutral", 0.65


def with_noise(wave: np.ndarray, snr: float) -> np.ndarray:
    """Return the waveform with white noise.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float32
    snr : float
        Power of the clip over that of the noise, in dB.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        The same for the same samples: they seed the noise.
    """
    noise = np.random.default_rng(zlib.crc32(np.ascontiguousarray(wave).tobytes())).standard_normal(len(wave))
    level = np.sqrt(np.mean(np.square(wave, dtype=np.float64)) * 10 ** (-snr / 10))
    return np.asarray(wave + level * noise, dtype=np.float32)


def with_gain(wave: np.ndarray, decibels: float) -> np.ndarray:
    """Return the waveform amplified and cut at full scale, (n_samples,) float32."""
    return np.clip(wave * 10 ** (decibels / 20), -1, 1).astype(np.float32)


def band_passed(wave: np.ndarray, low: float = 300.0, high: float = 3400.0) -> np.ndarray:
    """Return the waveform between two frequencies in Hz (Butterworth, order 4, both ways), (n_samples,) float32."""
    from scipy.signal import butter, sosfiltfilt

    sections = butter(4, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
    # sosfiltfilt extends a clip at both ends by what it mirrors, which must be shorter than the clip.
    padding = min(27, max(len(wave) - 1, 0))
    return np.asarray(sosfiltfilt(sections, wave, padlen=padding), dtype=np.float32)


def middle(wave: np.ndarray, seconds: float = 1.0) -> np.ndarray:
    """Return the middle of the waveform; all of it where it is shorter than `seconds`."""
    kept = min(len(wave), round(seconds * SAMPLE_RATE))
    first = (len(wave) - kept) // 2
    return wave[first : first + kept]


_AUDIO: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "noise20": partial(with_noise, snr=20.0),
    "noise10": partial(with_noise, snr=10.0),
    "quiet": partial(with_gain, decibels=-20.0),
    "loud": partial(with_gain, decibels=20.0),
    "telephone": band_passed,
    "short": middle,
}
#: Names of all shifts; "none" is no shift.
SHIFTS = ("none", *_AUDIO, "skew")


def changes_audio(shift: str) -> bool:
    """Whether a shift changes waveforms, and so what is extracted from them."""
    return shift in _AUDIO


def shifted_wave(wave: np.ndarray, shift: str) -> np.ndarray:
    """Return a waveform at 16 kHz changed by a shift, (n_samples,) float32."""
    return _AUDIO[shift](wave)


def shifted_clips(clips: pd.DataFrame, shift: str) -> pd.DataFrame:
    """Return clips with their audio changed.

    Parameters
    ----------
    clips : DataFrame
        With a column ``path`` or ``audio``, and optional ``start``, ``end`` and ``sampling_rate``.
    shift : str
        One of :data:`SHIFTS`.

    Returns
    -------
    DataFrame
        ``audio`` at 16 kHz in the place of what said where the audio is; the clips as they are where the shift
        changes no audio.

    Raises
    ------
    ValueError
        If there is no such shift.
    AudioError
        If a clip cannot be read.

    Examples
    --------
    >>> from sere.datasets import make_voices, shifted_clips
    >>> voices = make_voices(n_per_emotion=4, emotions=["neutral", "sadness"], duration=0.4)
    >>> len(shifted_clips(voices, "telephone")) == len(voices)
    True
    """
    _check(shift)
    if not changes_audio(shift):
        return clips
    waves = [shifted_wave(clip.load(), shift) for clip in as_utterances(clips).clips or []]
    kept = clips.drop(columns=["path", "audio", "start", "end", "sampling_rate"], errors="ignore")
    audio = pd.Series(waves, index=kept.index, dtype=object)
    return kept.assign(audio=audio)


def make_shifted_task(
    source: pd.DataFrame, target: pd.DataFrame, shift: str = "none", *, random_state: int = 0, **options: Any
) -> FewShotTask:
    """Make a few-shot task whose target is shifted.

    Parameters
    ----------
    source, target : DataFrame
        As for :func:`make_task`.
    shift : str, default="none"
        One of :data:`SHIFTS`.
    random_state : int, default=0
        Draws the task, and the clips that a skewed target keeps.
    **options
        Of :func:`make_task`.

    Returns
    -------
    FewShotTask
        As :func:`make_task` returns it.

    Raises
    ------
    ValueError
        As :func:`make_task` and :func:`skew_target`; or if there is no such shift.

    Examples
    --------
    >>> from sere.datasets import make_voices, make_shifted_task
    >>> voices = make_voices(n_per_emotion=4, emotions=["neutral", "sadness"], duration=0.4)
    >>> known, unknown = (clips for _, clips in voices.groupby("language"))
    >>> task = make_shifted_task(known, unknown, "telephone", shots=1)
    >>> len(task.X_labeled), task.labels
    (2, ['neutral', 'sadness'])
    """
    _check(shift)
    rows = None
    if shift == "skew":
        source, target = shared_labels(source, target)
        labels = options.get("labels") or sorted(set(source["emotion"]) & set(target["emotion"]))
        if SKEW_EMOTION not in labels:
            raise ValueError(f"a skewed target is mostly {SKEW_EMOTION}, which the two corpora do not share.")
        target = skew_target(target.reset_index(drop=True), SKEW_EMOTION, SKEW_SHARE, random_state, labels=labels)
        rows = target.index.to_numpy()
    task = make_task(source, target, random_state=random_state, **options)
    if rows is not None:
        task.test_rows = rows[task.test_rows]
    if not changes_audio(shift):
        return task
    pool = shifted_clips(task.X_unlabeled_tgt, shift)
    test = pool if task.protocol == "transductive" else shifted_clips(task.X_test, shift)
    return FewShotTask(**{**task, "X_unlabeled_tgt": pool, "X_test": test})


def _check(shift: str) -> None:
    if shift not in SHIFTS:
        raise ValueError(f"there is no shift {shift!r}; the shifts are {', '.join(SHIFTS)}.")
