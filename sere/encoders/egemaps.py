"""eGeMAPS by openSMILE: the field's reference descriptors, for comparison and for those whose use its licence allows.

The extended Geneva minimalistic set, version 02 (Eyben et al., IEEE Trans. Affective Computing 7(2), 2016), as its
authors' own tool computes it: 25 low-level descriptors every 10 ms and 88 statistics of the clip. openSMILE is free for
research and education only, so it is never part of a plain installation; the embedded
:class:`~sere.encoders.acoustic.AcousticEncoder` describes the same things without it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sere.audio import SAMPLE_RATE, n_frames
from sere.encoders._acoustic_functionals import windowed
from sere.encoders.base import Encoded, FrameEncoder

_VERSION = 2
#: openSMILE's pitch analysis looks at 60 ms; shorter clips are padded with silence so that it says anything at all.
_SHORTEST = SAMPLE_RATE // 10
#: The loudest sample that openSMILE for Python knows: it counts in 16 bits, in which 1.0 would become -1.0.
_LOUDEST = 1 - 2**-15
_PITCH = "F0semitoneFrom27.5Hz_sma3nz"
#: This ending marks the descriptors that openSMILE sets to zero on frames without voice.
_VOICED_ONLY = "nz"
_LOUDNESS = "Loudness_sma3"
#: openSMILE numbers rows by where their window begins: a window of 20 ms is centred one row (10 ms) later, the 60 ms
#: windows of the voice three rows later.
_SHORT_LAG = 1
_LONG_LAG = 3


class EgemapsEncoder(FrameEncoder):
    """eGeMAPSv02: frames are statistics of its descriptors over 0.46 s, context its 88 functionals.

    Needs openSMILE (``pip install "sere[egemaps]"``), whose licence allows research and education only.

    Raises
    ------
    ImportError
        If openSMILE is not installed.
    """

    def __init__(self) -> None:
        self._extractors: tuple[Any, Any] | None = None
        self._smile()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_extractors": None}

    @property
    def cache_key(self) -> str:
        """The version of this code and of openSMILE."""
        return f"egemaps-v{_VERSION}-opensmile-{_opensmile().__version__}"

    @property
    def frame_names(self) -> list[str]:
        """Each descriptor's mean, then each descriptor's deviation."""
        return [f"{name}_{statistic}" for statistic in ("mean", "sd") for name in self._smile()[0].feature_names]

    @property
    def context_names(self) -> list[str]:
        """The names openSMILE gives its functionals."""
        return list(self._smile()[1].feature_names)

    def encode(self, waves: Sequence[np.ndarray], pitches: Sequence[Any] | None = None) -> list[Encoded]:
        """As in :meth:`sere.encoders.FrameEncoder.encode`; openSMILE tracks pitch itself."""
        return [self._encode_one(np.asarray(wave, dtype=np.float32)) for wave in waves]

    def _encode_one(self, wave: np.ndarray) -> Encoded:
        descriptors, statistics = self._smile()
        padded = np.clip(np.pad(wave, (0, max(0, _SHORTEST - len(wave)))), -1.0, _LOUDEST)
        values = descriptors.process_signal(padded, SAMPLE_RATE).to_numpy(dtype=float)
        names = descriptors.feature_names
        voiced = values[:, names.index(_PITCH)] > 0
        voice = np.array([name.endswith(_VOICED_ONLY) for name in names])
        values = np.where(~voiced[:, None] & voice, np.nan, values)
        rows = every_20_ms(values, n_frames(len(wave)), np.where(voice, _LONG_LAG, _SHORT_LAG))
        loudness = np.maximum(rows[:, names.index(_LOUDNESS)], 0.0) + 1e-6
        frames = np.concatenate(windowed(rows, loudness, np.zeros(len(names))), axis=1).astype(np.float32)
        context = statistics.process_signal(padded, SAMPLE_RATE).to_numpy(dtype=np.float32)[0]
        return Encoded(frames, np.nan_to_num(context))

    def _smile(self) -> tuple[Any, Any]:
        """openSMILE's extractors of descriptors and of functionals; each process makes its own."""
        if self._extractors is None:
            opensmile = _opensmile()
            levels = opensmile.FeatureLevel
            self._extractors = tuple(
                opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=level)
                for level in (levels.LowLevelDescriptors, levels.Functionals)
            )
        return self._extractors


def _opensmile() -> Any:
    try:
        import opensmile
    except ImportError as error:
        raise ImportError(
            'encoder "egemaps" needs openSMILE: pip install "sere[egemaps]". Mind its licence: free for research and '
            'education only. encoder="acoustic" describes the same things without it.'
        ) from error
    return opensmile


def every_20_ms(values: np.ndarray, count: int, lag: np.ndarray) -> np.ndarray:
    """Rows every 10 ms brought to the library's grid of 20 ms.

    Parameters
    ----------
    values : ndarray of shape (n, d)
        Row k describes a window that begins at 10 k ms.
    count : int
        Rows wanted; row t stands at 20 t ms.
    lag : ndarray of shape (d,), int
        Half a window, in rows, of each column.

    Returns
    -------
    ndarray of shape (count, d)
        Beyond the ends the first and the last row are repeated.
    """
    row = np.clip(2 * np.arange(count)[:, None] - lag, 0, len(values) - 1)
    return np.take_along_axis(values, row, axis=0)
