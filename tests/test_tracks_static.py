import subprocess
import sys

import numpy as np
import pytest

from sere.tracks import Pitch, pitch, spectral, static_tracks


def test_columns_are_f0_rms_mfcc_and_centroid():
    wave = np.random.default_rng(0).normal(size=4000).astype(np.float32)
    found, other = pitch(wave), spectral(wave)
    tracks = static_tracks(wave, found)
    assert tracks.shape == (13, 4)
    assert tracks.dtype == np.float32
    for column, expected in enumerate([found.f0, other.rms, other.mfcc2, other.centroid]):
        np.testing.assert_array_equal(tracks[:, column], expected)


def test_pitch_of_another_wave_is_refused():
    with pytest.raises(ValueError, match=r"12 frames.*4000 samples has 13"):
        static_tracks(np.zeros(4000, np.float32), Pitch(np.ones(12, np.float32), np.ones(12, np.float32)))


def test_importing_the_package_loads_no_heavy_library():
    code = (
        "import sys, sere.tracks; "
        "print([m for m in ('torch', 'numba', 'librosa', 'torchcrepe', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error():
    import sere.tracks

    with pytest.raises(AttributeError, match="no attribute 'loudness'"):
        sere.tracks.loudness  # noqa: B018
