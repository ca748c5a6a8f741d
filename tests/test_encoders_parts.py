"""What is kept of an encoder's parts comes back as it was."""

import numpy as np

from sere.encoders.acoustic import AcousticEncoder
from sere.encoders.parts import joined_parts


def single(frames):
    """Frames as they come out of the store."""
    [clip] = joined_parts(AcousticEncoder(), [[{"frames": frames, "context": np.zeros(1, np.float32)}]])
    return clip.frames


def test_every_finite_half_becomes_the_single_of_the_same_value():
    bits = np.arange(2**16, dtype=np.uint16)
    halves = bits.view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(-1, 31)
    assert halves.size == 2 * 31 * 1024
    found = single(halves)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), halves.astype(np.float32).view(np.uint32))


def test_singles_stay_where_they_are():
    frames = np.ones((3, 2), np.float32)
    assert single(frames) is frames
