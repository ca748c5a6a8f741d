"""The embedded encoder: fixed descriptors of voice and prosody. Nothing is learned, nothing is downloaded.

Few labeled clips cannot teach a network to hear, so the descriptors carry what phonetics already knows: the published
Geneva minimalistic set (Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and
Affective Computing", IEEE Trans. Affective Computing 7(2), 2016), written here from the paper's definitions, led by the
CREPE pitch track that the library extracts anyway. Every 20 ms a row of low-level descriptors; from them

* *frames*, means and deviations over the 0.46 s around each row: single rows know too little to be compared across
  languages;
* *context*, statistics of the whole clip.

Which descriptors and statistics are kept was decided by whether they tell emotions apart alike in several languages
(``benchmarks/bench_acoustic.py``): shimmer, the third formant's frequency, upper bandwidths and timing are left out.

Values are raw (Hz, dB, semitones): what is loud for *this* speaker is for the classifier's normalisation to say.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sere.audio import n_frames
from sere.encoders import _acoustic_functionals as functionals
from sere.encoders import _acoustic_spectrum as spectrum
from sere.encoders import _acoustic_voice as voice
from sere.encoders.base import Encoded, FrameEncoder
from sere.loops.threads import workers

#: Changes whenever the output would.
_VERSION = 4
#: A frame is voiced where CREPE is this sure of its pitch, this share of its power repeats after one period, and it is
#: at most so far under the clip's loudest.
_SURE = 0.2
_REPEATS = 0.5
_QUIET_DB = 33.0
#: Pitch that 60 ms hold enough periods of, up to the highest that CREPE knows (Hz).
_F0_RANGE = (40.0, 2010.0)

_VOICED_ONLY = ("f0", *voice.VOICE_NAMES)
_EVERYWHERE = spectrum.SPECTRAL_NAMES
LOW_LEVEL_NAMES = (*_VOICED_ONLY, *_EVERYWHERE)
#: Stands for a descriptor of the voice in a clip without voice: about what reading aloud gives.
_DEFAULT = np.array([31.0, 8.0, 0.02, 0.9, 2.0, 25.0, 500.0, 150.0, 0.0, 1600.0, -12.0, 1.5])
#: Descriptors whose spread over the clip, whose spread within a window, and whose variation relative to their mean tell
#: emotions apart alike in several languages; the spread of the others follows the text.
_SPREAD = ("loudness", "alpha_ratio", "hammarberg", "slope_0_500", "mfcc1", "mfcc2", "mfcc4", "entropy")
_WINDOW_SPREAD = ("f0", "h1_h2", "cpp", *_SPREAD)
_VARIATION = (
    *("f0", "hnr", "jitter", "h1_a3", "f1", "f2_amplitude"),
    *("flux", "alpha_ratio", "hammarberg", "mfcc1", "centroid", "entropy"),
)


class PitchLike(Protocol):
    """What is needed of :class:`sere.tracks.Pitch`."""

    @property
    def f0(self) -> np.ndarray: ...

    @property
    def periodicity(self) -> np.ndarray: ...


def semitones(f0: np.ndarray) -> np.ndarray:
    """Pitch in semitones above 27.5 Hz, the lowest A (GeMAPS, 3.1); below 1 Hz it counts as 1 Hz."""
    return 12.0 * np.log2(np.maximum(f0, 1.0) / 27.5)


def low_level(wave: np.ndarray, pitch: PitchLike) -> tuple[np.ndarray, np.ndarray]:
    """Low-level descriptors of one clip.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float32
        16 kHz, mono.
    pitch : :class:`sere.tracks.Pitch`

    Returns
    -------
    values : ndarray of shape (1 + n_samples // 320, 25), float32
        Columns as in `LOW_LEVEL_NAMES`; NaN where a descriptor of the voice meets a frame without voice.
    voiced : ndarray of shape (1 + n_samples // 320,), bool
    """
    short = spectrum.power_spectrum(spectrum.cut_frames(wave, spectrum.SHORT), spectrum.SHORT)
    frames = spectrum.cut_frames(wave, spectrum.LONG)
    long = spectrum.power_spectrum(frames, spectrum.LONG_FFT)
    power = long.sum(1)
    f0 = np.nan_to_num(np.asarray(pitch.f0, dtype=float), nan=100.0)
    audible = power > max(float(power.max()) * 10 ** (-_QUIET_DB / 10), 1e-12)
    f0 = np.clip(f0, *_F0_RANGE)
    voiced = (np.asarray(pitch.periodicity) >= _SURE) & audible
    repeats = np.zeros(len(f0))
    repeats[voiced] = voice.harmonicity(frames[voiced], f0[voiced])
    voiced &= repeats >= _REPEATS
    of_voice = voice.voice_descriptors(wave, repeats, long, short, f0, voiced)
    pitch_column = np.where(voiced, semitones(f0), np.nan)[:, None]
    values = np.concatenate([pitch_column, of_voice, spectrum.spectral_descriptors(short)], axis=1)
    return values.astype(np.float32), voiced


class AcousticEncoder(FrameEncoder):
    """Voice and prosody descriptors of the Geneva minimalistic kind, every 20 ms and for the clip.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> silence = np.zeros(16000, dtype=np.float32)
    >>> pitch = SimpleNamespace(f0=np.full(51, 100.0), periodicity=np.zeros(51))
    >>> [clip] = AcousticEncoder().encode([silence], [pitch])
    >>> clip.frames.shape[0], bool(np.isfinite(clip.context).all())
    (51, True)
    """

    needs_pitch = True

    @property
    def cache_key(self) -> str:
        """The code's version: there is nothing else that the output depends on."""
        return f"acoustic-v{_VERSION}"

    @property
    def frame_names(self) -> list[str]:
        """Each descriptor's mean over 0.46 s, then the deviations of those whose deviation tells something."""
        return [f"{name}_mean" for name in LOW_LEVEL_NAMES] + [f"{name}_sd" for name in _WINDOW_SPREAD]

    @property
    def context_names(self) -> list[str]:
        """Names of the clip's statistics."""
        return [
            *(f"{name}_voiced_mean" for name in LOW_LEVEL_NAMES),
            *(f"{name}_mean" for name in _EVERYWHERE),
            *(f"{name}_voiced_variation" for name in _VARIATION),
            *(f"{name}_sd" for name in _SPREAD),
            *(f"f0_{name}" for name in functionals.F0_CONTOUR_NAMES),
            *(f"loudness_{name}" for name in functionals.LOUDNESS_CONTOUR_NAMES),
        ]

    def encode(self, waves: Sequence[np.ndarray], pitches: Sequence[PitchLike] | None = None) -> list[Encoded]:
        """As in :meth:`sere.encoders.FrameEncoder.encode`, with pitch.

        Raises
        ------
        ValueError
            If the pitch tracks are missing or do not fit the clips.
        """
        if pitches is None or len(pitches) != len(waves):
            raise ValueError(
                f"the acoustic encoder needs one pitch track a clip: got {len(waves)} clips and "
                f"{'none' if pitches is None else len(pitches)}. Compute them with sere.tracks.pitches(waves)."
            )
        with workers() as run:
            return list(run(self._encode_one, waves, pitches, range(len(waves))))

    def _encode_one(self, wave: np.ndarray, pitch: PitchLike, row: int) -> Encoded:
        count = n_frames(len(wave))
        if len(pitch.f0) != count:
            raise ValueError(
                f"clip {row}: {len(wave)} samples have {count} frames of 20 ms, but its pitch track has "
                f"{len(pitch.f0)}. Compute it with sere.tracks.pitch(wave)."
            )
        values, voiced = low_level(np.asarray(wave, dtype=np.float32), pitch)
        return Encoded(compare(values), summarise(values, voiced))


def _columns(names: Sequence[str]) -> list[int]:
    return [LOW_LEVEL_NAMES.index(name) for name in names]


def _weight(values: np.ndarray) -> np.ndarray:
    """How much each frame counts: its loudness, and a trifle, so that silence has means too."""
    return values[:, LOW_LEVEL_NAMES.index("loudness")].astype(float) + 1e-6


def compare(values: np.ndarray) -> np.ndarray:
    """What resonance compares frame by frame: statistics of the 0.46 s around each frame.

    Parameters
    ----------
    values : ndarray of shape (n_frames, 25)
        Low-level descriptors, NaN where undefined.

    Returns
    -------
    ndarray of shape (n_frames, 36), float32
        Columns as in `AcousticEncoder.frame_names`.
    """
    default = np.concatenate([_DEFAULT, np.zeros(len(_EVERYWHERE))])
    mean, deviation = functionals.windowed(values.astype(float), _weight(values), default)
    return np.concatenate([mean, deviation[:, _columns(_WINDOW_SPREAD)]], axis=1).astype(np.float32)


def summarise(values: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """The clip's statistics.

    Parameters
    ----------
    values : ndarray of shape (n_frames, 25)
        Low-level descriptors, NaN where undefined.
    voiced : ndarray of shape (n_frames,), bool

    Returns
    -------
    ndarray of shape (71,), float32
        Ordered as `AcousticEncoder.context_names`.
    """
    values = values.astype(float)
    everywhere = values[:, len(_VOICED_ONLY) :]
    loud, even = _weight(values), np.ones(len(values))
    heard, _ = functionals.moments(everywhere, loud, np.zeros(len(_EVERYWHERE)))
    default = np.concatenate([_DEFAULT, heard])
    while_voiced = np.where(voiced[:, None], values, np.nan)
    of_voice, spread = functionals.moments(while_voiced, loud, default)
    _, deviation = functionals.moments(values, even, default)
    parts: list[np.ndarray | list[float]] = [
        of_voice,
        heard,
        functionals.variation(of_voice, spread)[_columns(_VARIATION)],
        deviation[_columns(_SPREAD)],
        functionals.f0_contour(values[:, 0], float(_DEFAULT[0])),
        functionals.loudness_contour(values[:, LOW_LEVEL_NAMES.index("loudness")]),
    ]
    return np.concatenate([np.asarray(part) for part in parts]).astype(np.float32)
