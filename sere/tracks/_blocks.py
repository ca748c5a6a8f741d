"""Frames of the short-time spectrum, for :mod:`sere.tracks.spectrum` and its compiled loop."""

#: Samples in a frame.
FRAME_LENGTH = 1024
#: Frames that are transformed and measured together.
BLOCK_FRAMES = 64
