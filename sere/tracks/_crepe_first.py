"""CREPE's first layer in the Fourier domain: a twenty-fifth of the multiplications, transforms included.

The layer slides 512 taps in steps of 4 over a frame of 1024 samples (256 positions, zeros beyond the frame). Every
fourth sample is a *phase* of the frame; the layer is the sum of four convolutions, one a phase, each of 256 values by
129 taps in steps of one. On a circle of 320 no output meets an input from around the circle, so for each frequency of
the circle a convolution is one complex product, and the whole layer a product of 8 real numbers by a matrix.

A frame is transformed by itself, so a loud neighbour leaves no rounding error in a quiet frame.
"""

import numpy as np
from scipy import fft

from sere.loops.products import products as multiply
from sere.loops.scratch import Scratch

#: Samples in CREPE's window.
WINDOW = 1024
#: Of the layer's convolution.
TAPS, STRIDE, PADDING = 512, 4, 254

_POSITIONS = WINDOW // STRIDE
_CIRCLE = 320


class FirstLayer:
    """The first layer's taps, ready for use.

    Parameters
    ----------
    weight : ndarray of shape (channels, 512)

    Attributes
    ----------
    weight : ndarray of shape (161, 8, 2 * channels), float32
        For each frequency, from the four phases to the channels; real and imaginary parts in turns on both sides.
    """

    def __init__(self, weight: np.ndarray):
        # Position p and value p + m of phase r meet at tap 4 m + r + PADDING.
        circle = np.zeros((_CIRCLE, STRIDE, len(weight)))
        for tap in range(TAPS):
            m, phase = divmod(tap - PADDING, STRIDE)
            circle[m, phase] = weight[:, tap]
        # Correlation, so the conjugate.
        turned = np.conj(np.fft.rfft(circle, axis=0))
        real, imaginary = turned.real, turned.imag
        matrix = np.empty((len(turned), STRIDE, 2, len(weight), 2))
        matrix[:, :, 0, :, 0] = matrix[:, :, 1, :, 1] = real
        matrix[:, :, 1, :, 0], matrix[:, :, 0, :, 1] = -imaginary, imaginary
        self.weight = matrix.reshape(len(turned), 2 * STRIDE, -1).astype(np.float32)
        self._scratch = Scratch()

    def spectrum(self, frames: np.ndarray) -> np.ndarray:
        """Return the spectra of the phases of frames (n, 1024), float32, as (161, n, 8)."""
        turned = fft.rfft(frames.reshape(len(frames), _POSITIONS, STRIDE), _CIRCLE, axis=1)
        return np.ascontiguousarray(turned.transpose(1, 0, 2)).view(np.float32)

    def __call__(self, spectrum: np.ndarray, channels: slice) -> np.ndarray:
        """Return some channels of the layer before its bias, (256, n, channels), from :meth:`spectrum`."""
        weight = self.weight[:, :, 2 * channels.start : 2 * channels.stop]
        chosen = self._scratch.zeros("chosen", *spectrum.shape[:2], weight.shape[2])
        multiply(spectrum, weight, chosen)
        values: np.ndarray = fft.irfft(chosen.view(np.complex64), _CIRCLE, axis=0)[:_POSITIONS]
        return values
