"""``timeline`` and ``follow`` of classifiers: the same answers as predict gives, over time."""

from copy import copy

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.exceptions import NotFittedError

from sere import SEREClassifier
from sere.audio import AudioError

SECOND = 16_000


@pytest.fixture(scope="module")
def talk(target, tmp_path_factory):
    """Ten seconds of the target's voices, as samples and as a file."""
    wave = np.concatenate(list(target["audio"]))[: 10 * SECOND]
    file = tmp_path_factory.mktemp("talk") / "talk.wav"
    soundfile.write(file, wave, SECOND, subtype="FLOAT")
    return wave, file


def test_windows_get_what_predict_proba_says_of_them_as_segments(model, talk):
    _, file = talk
    table = model.timeline(file, window=1.0, overlap=0.0, stay=0.0, detector=None)
    clips = pd.DataFrame({"path": str(file), "start": np.arange(10.0), "end": np.arange(1.0, 11.0)})
    expected = model.predict_proba(clips)
    said = model.classes_[expected.argmax(1)]
    new = np.flatnonzero(said[1:] != said[:-1]) + 1
    assert table["emotion"].tolist() == said[[0, *new]].tolist()
    assert table["start"].tolist() == [0.0, *new.tolist()]
    names = [f"p_{emotion}" for emotion in model.classes_]
    for row, own in zip(table[names].to_numpy(), np.split(expected, new), strict=True):
        np.testing.assert_allclose(row, own.mean(0), atol=1e-6)


def test_a_speaker_and_a_language_that_fit_knows_count(model, talk):
    wave, _ = talk
    options = {"window": 1.0, "overlap": 0.0, "stay": 0.0, "detector": None}
    speakers = [s for s in model._model.preparation.context["speech-emotion"].speakers["target"]]
    assert speakers
    plain = model.timeline(wave, **options)
    assert not plain.equals(model.timeline(wave, language="lumo", **options))


def test_it_is_told_from_what_cannot_hear():
    with pytest.raises(NotFittedError):
        SEREClassifier().timeline("a.wav")
    rng = np.random.default_rng(0)
    fitted = SEREClassifier(epochs=0).fit(rng.normal(size=(8, 3)), ["a", "b"] * 4)
    for ask in (fitted.timeline, fitted.follow):
        with pytest.raises(TypeError, match="hears no recordings"):
            ask(np.zeros(SECOND))


def test_following_is_at_once_what_predict_proba_says(model, talk):
    wave, file = talk
    fed = []

    def blocks():
        for number in range(20):
            fed.append(number)
            yield (wave[number * SECOND // 2 : (number + 1) * SECOND // 2])

    following = model.follow(blocks(), window=1.0, overlap=0.0, stay=0.0, detector=None)
    assert fed == []
    first = next(following)
    assert fed == [0, 1]
    moments = [first, *following]
    assert [(m.start, m.end) for m in moments] == [(float(i), float(i + 1)) for i in range(10)]
    clips = pd.DataFrame({"path": str(file), "start": np.arange(10.0), "end": np.arange(1.0, 11.0)})
    expected = model.predict_proba(clips)
    np.testing.assert_allclose([m.probabilities for m in moments], expected, atol=1e-6)
    assert [m.emotion for m in moments] == model.classes_[expected.argmax(1)].tolist()


def test_following_takes_any_rate_channels_and_integers(model, talk):
    wave, _ = talk
    both = np.stack([np.repeat(wave[: 4 * SECOND], 2)] * 2, axis=1)
    whole = np.round(both * 20_000).astype(np.int16)
    options = {"window": 2.0, "overlap": 0.0, "stay": 0.0, "detector": None}
    for given in (both, whole):
        moments = list(model.follow(np.array_split(given, 7), 2 * SECOND, **options))
        assert [m.end for m in moments] == [2.0, 4.0]


def test_nobody_speaking_has_no_emotion(model, talk):
    wave, _ = talk
    sound = np.concatenate([np.zeros(4 * SECOND, np.float32), wave[: 4 * SECOND]])
    moments = list(model.follow([sound], window=2.0, overlap=0.0, detector="energy"))
    assert (moments[0].emotion, moments[0].probabilities) == (None, None)
    assert moments[-1].emotion in model.classes_


def test_following_what_cannot_be_sound_is_an_error(model):
    with pytest.raises(AudioError, match="NaN"):
        list(model.follow([np.full(SECOND, np.nan)]))
    with pytest.raises(AudioError, match="16 Hz"):
        list(model.follow([np.zeros(SECOND)], 16))
    with pytest.raises(ValueError, match="overlap=9"):
        model.follow([np.zeros(SECOND)], overlap=9)


def test_following_keeps_nothing_and_changes_nothing(model, talk, tmp_path):
    from sere import HeterogeneousEncoder
    from sere.store import FrameStore

    wave, _ = talk
    own = copy(model)
    own.encoder_ = HeterogeneousEncoder("speech-emotion", cache=str(tmp_path))
    own.dynamics_ = copy(model.dynamics_).set_params(cache=str(tmp_path))
    options = {"window": 2.0, "overlap": 0.0, "detector": None}
    assert len(list(own.follow([wave[: 4 * SECOND]], **options))) == 2
    assert FrameStore(tmp_path).info().entries == 0
    own.timeline(wave[: 4 * SECOND], **options)
    assert FrameStore(tmp_path).info().entries > 0
    assert own.encoder_.cache == str(tmp_path)
