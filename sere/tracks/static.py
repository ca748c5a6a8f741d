"""The four static tracks F_k(t) side by side, as Eq. 1 of the paper takes them."""

from typing import TYPE_CHECKING

import numpy as np

from sere.tracks.spectrum import spectral

if TYPE_CHECKING:
    from sere.tracks.crepe import Pitch


def static_tracks(wave: np.ndarray, pitch: "Pitch") -> np.ndarray:
    """Stack a clip's four static tracks.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float32, 16 kHz
    pitch : Pitch
        What :func:`sere.tracks.pitch` found in the same wave. Pitch costs far more than the other three
        tracks, so it is handed in rather than computed again.

    Returns
    -------
    tracks : ndarray of shape (1 + n_samples // 320, 4), float32
        Columns f0 (Hz), RMS (amplitude), 2nd MFCC (dB, orthonormal DCT), spectral centroid (Hz).

    Raises
    ------
    ValueError
        If `pitch` has another number of frames than `wave`.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.tracks import pitch, static_tracks
    >>> wave = np.sin(2 * np.pi * 220 * np.arange(8_000) / 16_000).astype("float32")
    >>> static_tracks(wave, pitch(wave)).shape
    (26, 4)
    """
    other = spectral(wave)
    if len(pitch.f0) != len(other.rms):
        raise ValueError(
            f"the pitch track has {len(pitch.f0)} frames but the wave of {len(wave)} samples has "
            f"{len(other.rms)}: give the pitch of the same, uncut wave"
        )
    return np.stack([pitch.f0, other.rms, other.mfcc2, other.centroid], axis=1).astype(np.float32, copy=False)
