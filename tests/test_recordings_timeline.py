"""Drawing a timeline: rows that cover the speech once, whoever answers; memory that does not grow with a recording."""

import tracemalloc

import numpy as np
import pytest
import soundfile

from sere import SereWarning
from sere.audio import AudioError, Clip
from sere.audio.blocks import Recording
from sere.inputs.params import ParameterError
from sere.recordings.timeline import Course, as_recording, draw

SECOND = 16_000
EMOTIONS = ["calm", "loud"]


def course(**changed):
    given = {"window": 4.0, "overlap": 2.0, "stay": 0.0, "detector": None, "gaps": False, "verbose": 0}
    return Course.checked(**given | changed)


def by_level(listening):
    """Answer by how loud a window is."""
    loud = np.concatenate([[float(np.abs(wave).mean() > 0.1) for wave in waves] for waves in listening.waves])
    assert len(loud) == listening.n_windows
    return np.stack([0.9 - 0.8 * loud, 0.1 + 0.8 * loud], axis=1)


def tone(seconds, level):
    return (level * np.sin(np.arange(round(seconds * SECOND)) * 2 * np.pi * 150 / SECOND)).astype(np.float32)


def test_rows_cover_the_recording_and_change_where_it_does():
    wave = np.concatenate([tone(20, 0.05), tone(30, 0.5), tone(10, 0.05)])
    table = draw(as_recording(wave), EMOTIONS, by_level, course())
    assert list(table.columns) == ["start", "end", "emotion", "probability", "p_calm", "p_loud"]
    assert table["emotion"].tolist() == ["calm", "loud", "calm"]
    assert (table["start"].iloc[0], table["end"].iloc[-1]) == (0.0, 60.0)
    np.testing.assert_array_equal(table["start"][1:], table["end"][:-1])
    np.testing.assert_allclose(table["end"][:-1], [20, 50], atol=2.0)
    np.testing.assert_allclose(table["probability"], 0.9)
    assert table.attrs == {"recording": None, "seconds": 60.0, "detector": None, "windows": 29}


def test_gaps_are_rows_where_asked_for():
    wave = np.concatenate([np.zeros(3 * SECOND), tone(5, 0.5), np.zeros(4 * SECOND), tone(6, 0.5), np.zeros(SECOND)])
    recording = as_recording(wave)
    spoken = draw(recording, EMOTIONS, by_level, course(detector="energy"))
    assert spoken["emotion"].tolist() == ["loud", "loud"]
    np.testing.assert_allclose(spoken[["start", "end"]], [[3, 8], [12, 18]], atol=0.15)
    whole = draw(recording, EMOTIONS, by_level, course(detector="energy", gaps=True))
    assert whole["emotion"].tolist() == [None, "loud", None, "loud", None]
    assert (whole["start"].iloc[0], whole["end"].iloc[-1]) == (0.0, 19.0)
    np.testing.assert_array_equal(whole["start"][1:], whole["end"][:-1])
    assert whole["p_loud"].isna().tolist() == [True, False, True, False, True]


@pytest.mark.parametrize("gaps", [False, True])
def test_a_recording_without_speech_warns_and_has_no_emotions(gaps):
    with pytest.warns(SereWarning, match="no speech is found in waveform"):
        table = draw(as_recording(np.zeros(5 * SECOND)), EMOTIONS, by_level, course(detector="energy", gaps=gaps))
    assert len(table) == gaps
    assert list(table.columns)[-2:] == ["p_calm", "p_loud"]


@pytest.mark.parametrize("n_samples", [1, 100, SECOND])
def test_the_shortest_recordings_have_one_row(n_samples):
    table = draw(as_recording(np.full(n_samples, 0.5)), EMOTIONS, by_level, course())
    assert table["end"].tolist() == [n_samples / SECOND]


@pytest.mark.parametrize("form", ["path", "bytes", "pair", "dict"])
def test_any_form_of_one_clip(form, tmp_path):
    wave = np.concatenate([tone(8, 0.05), tone(8, 0.5)])
    file = tmp_path / "talk.wav"
    soundfile.write(file, wave, SECOND, subtype="FLOAT")
    given = {"path": file, "bytes": Clip(file.read_bytes()), "pair": (wave, SECOND), "dict": {"path": str(file)}}
    table = draw(as_recording(given[form]), EMOTIONS, by_level, course())
    assert table["emotion"].tolist() == ["calm", "loud"]
    assert table.attrs["recording"] == (str(file) if form in ("path", "dict") else None)


@pytest.mark.parametrize("given", [["a.wav", "b.wav"], None, 3.0])
def test_several_clips_and_none_are_refused(given):
    with pytest.raises(TypeError, match="a timeline is of one recording"):
        as_recording(given)


def test_files_that_cannot_be_used_are_said(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    for place in ("nowhere.wav", tmp_path, tmp_path / "text.wav"):
        with pytest.raises(AudioError, match=r"no such file|is a folder|is not audio"):
            as_recording(place)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"window": 0.0}, "window is 0.0"),
        ({"overlap": -1.0}, "overlap is -1.0"),
        ({"overlap": 4.0}, "overlap=4.0 s must be less than window=4.0 s"),
        ({"stay": -0.1}, "stay is -0.1"),
        ({"detector": "webrtc"}, "detector is 'webrtc'; it must be 'auto', 'silero', 'energy' or None"),
        ({"gaps": "yes"}, "gaps is 'yes'"),
    ],
)
def test_parameters_that_cannot_be_used_are_named(changed, words):
    with pytest.raises(ParameterError, match=words):
        course(**changed)


class Endless(Recording):
    """Two hours of sound that nobody holds."""

    def __init__(self):
        super().__init__(Clip(np.zeros(1, np.float32)))

    def blocks(self):
        block = tone(10, 0.3)
        for number in range(720):
            yield block * (1 + number % 2)


def test_memory_does_not_grow_with_the_recording():
    tracemalloc.start()
    try:
        table = draw(Endless(), EMOTIONS, by_level, course())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert table["end"].iloc[-1] == 7200
    assert peak < 60e6  # all of it would be 460 MB
