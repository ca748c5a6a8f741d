"""CREPE's first layer for a stretch of audio, sharing what overlapping frames have in common.

The layer slides 512 taps in steps of 4 over a frame of 1024 samples (256 positions, zeros beyond the frame), rectifies,
and pools neighbouring positions in pairs. Frames start every 320 samples, that is every 80 positions, so position
``80 j + r`` of frame t looks at the same samples as position r of frame ``t + j``, except where one frame has ended and
sees zeros. Hence each window is cut at the frame ends that fall into it, every piece is multiplied once, and each frame
adds up the pieces that lie within it: 42 million multiplications a frame of the full network instead of 134. Pieces are
added, never subtracted, so a loud neighbour leaves no rounding error in a quiet frame.

The frame's mean m and gain g (one over the standard deviation) enter afterwards, for the layer is linear up to the
rectifier: ``relu(g * (pieces - m * sum of the taps inside the frame) + bias)``.

The second layer convolves on a circle of 160 positions, of which the 128 pooled ones fill the first. Its Fourier
transform wants their even and odd parts about position 0; they are formed here, while the values are at hand.

Terms: a *hop* is a stretch of 320 samples and has 80 *offsets* r, one every 4 samples; hop t begins where frame t does.
"""

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import torch

from sere.audio import HOP

#: Samples in CREPE's window.
WINDOW = 1024
#: Zeros that :meth:`FirstLayer.multiply` needs before the first frame and after the last.
MARGIN = 256
#: Length of the circle on which the second layer convolves.
CIRCLE = 160

#: Of the layer's convolution.
TAPS, STRIDE, PADDING = 512, 4, 254

_POSITIONS = 256
_OFFSETS = HOP // STRIDE
_GROUP = 8
_FRAMES_ON_A_HOP = 4


class Piece(NamedTuple):
    """The part of the windows at 8 neighbouring offsets that lies between two frame ends: one matrix product.

    The windows of an offset are wanted by `n_frames` frames, so n frames need ``n + n_frames - 1`` hops of them.
    Samples ``first <= s < last`` (counted from the start of the hop) meet taps ``tap_first <= k < tap_last``. Each
    offset's window starts 4 samples after the one before; zeros around the samples let all eight share these taps.
    """

    offset: int
    n_frames: int
    first: int
    last: int
    tap_first: int
    tap_last: int


def _window_start(offset: int) -> int:
    return STRIDE * offset - PADDING


@cache
def _pieces() -> tuple[Piece, ...]:
    """Return the pieces into which frame ends cut the windows of one hop."""
    found = []
    for offset in range(0, _OFFSETS, _GROUP):
        begin, last_begin = _window_start(offset), _window_start(offset + _GROUP - 1)
        end = last_begin + TAPS
        hops_back = [j for j in range(_FRAMES_ON_A_HOP) if _OFFSETS * j + offset < _POSITIONS]
        edges = {edge - HOP * j for j in hops_back for edge in (0, WINDOW)}
        cuts = sorted(edge for edge in edges if begin < edge < end)
        for first, last in zip([begin, *cuts], [*cuts, end], strict=True):
            taps = max(first - last_begin, 0), min(last - begin, TAPS)
            found.append(Piece(offset, len(hops_back), first, last, *taps))
    return tuple(found)


@lru_cache(maxsize=64)
def _first_rows(n_frames: int) -> np.ndarray:
    """Return the row of the products at which each piece begins, and their number, (n_pieces + 1,)."""
    return np.cumsum([0, *(_GROUP * (n_frames + piece.n_frames - 1) for piece in _pieces())])


@lru_cache(maxsize=64)
def _rows_of_positions(n_frames: int) -> np.ndarray:
    """Return which rows of the products the 256 positions of the first frame are the sum of, (256, 3), -1 for none.

    Within a piece, rows go by offset, then by hop, so those of frame t are t further.
    """
    table = np.full((_POSITIONS, 3), -1)
    for position in range(_POSITIONS):
        hops_back, offset = divmod(position, _OFFSETS)
        begin, end = -HOP * hops_back, WINDOW - HOP * hops_back
        rows = [
            row + offset % _GROUP * (n_frames + piece.n_frames - 1) + hops_back
            for row, piece in zip(_first_rows(n_frames), _pieces(), strict=False)
            if piece.offset == offset - offset % _GROUP and begin <= piece.first and piece.last <= end
        ]
        table[position, : len(rows)] = rows
    return table


class FirstLayer:
    """The first layer's taps, ready for :meth:`multiply`.

    Parameters
    ----------
    weight : ndarray of shape (channels, 512)
    bias : ndarray of shape (channels,)
    n_max : int
        The first `n_max` channels are pooled by their maximum, the others by their minimum.
    """

    def __init__(self, weight: np.ndarray, bias: np.ndarray, n_max: int):
        begin = STRIDE * np.arange(_POSITIONS)[:, None] - PADDING + np.arange(TAPS)
        inside = (begin >= 0) & (begin < WINDOW)
        self.taps = torch.from_numpy(np.ascontiguousarray(weight.T, dtype=np.float32))
        self.tap_sums = (inside @ weight.T).astype(np.float32)
        self.bias = bias.astype(np.float32)
        self.n_max = n_max

    def windows(self, samples: torch.Tensor, n_frames: int) -> list[torch.Tensor]:
        """Lay out the samples under the taps, one matrix (8 * hops, taps) for each piece.

        Parameters
        ----------
        samples : Tensor of shape (>= 2 * MARGIN + 320 * (n_frames - 1) + 1024,)
            Starting `MARGIN` samples before the first frame.
        """
        return [_window_matrix(samples, piece, n_frames + piece.n_frames - 1) for piece in _pieces()]

    def multiply(
        self, windows: list[torch.Tensor], channels: slice, scale: tuple[np.ndarray, np.ndarray], out: torch.Tensor
    ) -> None:
        """Compute the folded output of some channels for consecutive frames.

        Parameters
        ----------
        windows : list of Tensor
            From :meth:`windows`.
        channels : slice
        scale : (means, gains)
            Of each frame's samples, (n_frames,), float32; a gain of 0 stands for a silent frame.
        out : Tensor of shape (160, n_frames, channels)
            Rows 0..80 receive the even parts, rows 81..159 the odd parts of positions 1..79.
        """
        from sere.loops.products import products as multiply
        from sere.tracks._compiled import pool_and_fold

        n_frames, n_channels = out.shape[1:]
        rows = _first_rows(n_frames)
        products = torch.zeros(int(rows[-1]), n_channels)
        for row, end, piece, matrix in zip(rows, rows[1:], _pieces(), windows, strict=False):
            taps = self.taps[piece.tap_first : piece.tap_last, channels]
            multiply(matrix[None], taps[None], products[None, row:end])
        n_max = min(max(self.n_max - channels.start, 0), n_channels)
        pool_and_fold(
            products.numpy(),
            _rows_of_positions(n_frames),
            self.tap_sums[:, channels],
            *scale,
            self.bias[channels],
            n_max,
            out.numpy(),
        )


def _window_matrix(samples: torch.Tensor, piece: Piece, n_hops: int) -> torch.Tensor:
    begin = _window_start(piece.offset) + piece.tap_first
    end = _window_start(piece.offset + _GROUP - 1) + piece.tap_last
    hops = samples.new_zeros(n_hops, end - begin)
    length = piece.last - piece.first
    hops[:, piece.first - begin : piece.last - begin] = samples.as_strided(
        (n_hops, length), (HOP, 1), MARGIN + piece.first
    )
    n_taps = piece.tap_last - piece.tap_first
    matrix = hops.as_strided((_GROUP, n_hops, n_taps), (STRIDE, end - begin, 1))
    return matrix.reshape(_GROUP * n_hops, n_taps)
