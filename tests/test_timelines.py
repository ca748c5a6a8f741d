"""``sere.timeline``: what experience, or a model, says of a recording over its time."""

import numpy as np
import pandas as pd
import pytest
import soundfile

import sere
from sere.datasets import make_voices
from sere.inputs.params import ParameterError

WORDS = ["anger", "sadness"]
SECOND = 16_000


@pytest.fixture(scope="module")
def experienced():
    """An encoder with experience of one made-up language, and a recording of another: anger, then sadness."""
    voices = make_voices(n_per_emotion=12, n_speakers=2, emotions=WORDS, random_state=0, duration=1.5)
    known = voices[voices["language"] == "lumo"].reset_index(drop=True)
    encoder = sere.pretrain_encoder([known], "acoustic", random_state=0)
    other = voices[voices["language"] == "tarsk"].sort_values("emotion", kind="stable")
    waves = {emotion: np.concatenate(list(own["audio"])) for emotion, own in other.groupby("emotion")}
    return encoder, np.concatenate([waves[word] for word in WORDS]), len(waves["anger"]) / SECOND


def test_a_recording_is_told_where_its_emotion_changes(experienced):
    encoder, wave, change = experienced
    table = sere.timeline(wave, emotions=WORDS, encoder=encoder, window=2.0, overlap=1.0, detector=None)
    middle = (table["start"] + table["end"]) / 2
    seconds = table["end"] - table["start"]
    right = table["emotion"] == np.where(middle < change, "anger", "sadness")
    assert seconds[right].sum() > 0.8 * seconds.sum()
    assert seconds.sum() == pytest.approx(len(wave) / SECOND)
    np.testing.assert_allclose(table[["p_anger", "p_sadness"]].sum(axis=1), 1)


def test_without_smoothing_it_is_what_label_says_of_its_windows(experienced):
    encoder, wave, _ = experienced
    size = 2 * SECOND
    wave = wave[: len(wave) // size * size]
    options = {"window": 2.0, "overlap": 0.0, "stay": 0.0, "detector": None}
    table = sere.timeline(wave, emotions=WORDS, encoder=encoder, **options)
    labeled = sere.label(list(wave.reshape(-1, size)), WORDS, encoder)
    said = labeled["emotion"].to_numpy()
    new = np.flatnonzero(said[1:] != said[:-1]) + 1
    assert table["emotion"].tolist() == said[[0, *new]].tolist()
    assert (table["start"][1:] / 2).tolist() == new.tolist()
    for number, own in enumerate(np.split(labeled["p_anger"].to_numpy(), new)):
        # Ten rounds of learning from one's own answers make more of rounding.
        assert table["p_anger"].iloc[number] == pytest.approx(own.mean(), abs=5e-3)


def test_a_file_of_another_rate_and_two_channels_says_the_same(experienced, tmp_path):
    encoder, wave, _ = experienced
    file = tmp_path / "talk.flac"
    soundfile.write(file, np.stack([wave, wave], axis=1), SECOND)
    options = {"emotions": WORDS, "encoder": encoder, "detector": None}
    found, expected = sere.timeline(file, **options), sere.timeline(wave, **options)
    assert found.attrs["recording"] == str(file)
    pd.testing.assert_frame_equal(found, expected, atol=0.02)


def test_of_many_windows_some_are_the_pool_and_all_are_answered_for(experienced, monkeypatch):
    encoder, wave, change = experienced
    options = {"emotions": WORDS, "encoder": encoder, "window": 1.0, "overlap": 0.5, "detector": None}
    monkeypatch.setattr("sere.timelines.POOL", 20)
    table = sere.timeline(wave, **options)
    assert table.attrs["windows"] > 3 * 20
    right = table["emotion"] == np.where((table["start"] + table["end"]) / 2 < change, "anger", "sadness")
    seconds = table["end"] - table["start"]
    assert seconds[right].sum() > 0.8 * seconds.sum()


def test_a_short_recording_warns_that_it_says_little_of_itself(experienced):
    encoder, wave, _ = experienced
    with pytest.warns(sere.SereWarning, match="the recording has 2 windows of speech: too few"):
        sere.timeline(wave[: 6 * SECOND], encoder=encoder, window=4.0, overlap=2.0, detector=None)


def test_a_model_answers_by_its_own_method(model, target):
    wave = np.concatenate(list(target["audio"]))
    options = {"window": 1.0, "overlap": 0.5, "detector": None}
    pd.testing.assert_frame_equal(sere.timeline(wave, model, **options), model.timeline(wave, **options))
    for wrong in ({"emotions": WORDS}, {"encoder": "acoustic-emotion"}):
        with pytest.raises(ParameterError, match="the model's own"):
            sere.timeline(wave, model, **wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"window": -1}, "window is -1"),
        ({"emotions": ["anger"]}, "emotions is"),
        ({"emotions": ["anger", "hunger"]}, "'hunger'"),
        ({"encoder": "acoustic"}, "no experience of emotions"),
        ({"n_jobs": 0}, "n_jobs is 0"),
    ],
)
def test_what_cannot_be_used_is_said_before_the_recording_is_read(wrong, words):
    with pytest.raises(ParameterError, match=words):
        sere.timeline("there-is-no-such-file.wav", **wrong)


def test_what_was_kept_before_an_interruption_is_not_computed_again(experienced, tmp_path, monkeypatch):
    from sere import timelines

    encoder, wave, _ = experienced
    monkeypatch.setattr("sere.recordings.timeline.AT_ONCE", 8)
    given = {"encoder": encoder, "detector": None, "window": 1.0, "overlap": 0.5, "cache": tmp_path}
    heard = []
    kept = timelines.Experienced._kept

    def stopped(self, waves, *rest):
        if len(heard) == 2:
            raise KeyboardInterrupt
        heard.append(len(waves))
        return kept(self, waves, *rest)

    monkeypatch.setattr(timelines.Experienced, "_kept", stopped)
    with pytest.raises(KeyboardInterrupt):
        sere.timeline(wave, **given)
    entries = sere.store.FrameStore(tmp_path).info().entries
    assert entries >= 16
    monkeypatch.setattr(timelines.Experienced, "_kept", kept)
    table = sere.timeline(wave, **given)
    n_windows = table.attrs["windows"]
    assert sere.store.FrameStore(tmp_path).info().entries == entries // 16 * n_windows
