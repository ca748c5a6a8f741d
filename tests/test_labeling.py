"""Labels without a label: what experience and the clips themselves say, and how it is handed out."""

import numpy as np
import pandas as pd
import pytest
import soundfile

import sere
from sere import HeterogeneousEncoder
from sere.audio import AudioError
from sere.datasets import make_voices
from sere.encoders import EmotionEncoder
from sere.labeling import PRIOR, learn_pool
from sere.metrics import uar_score

EMOTIONS = ["anger", "neutral", "sadness"]


@pytest.fixture(scope="module")
def voices():
    """Enough clips of two languages to say how each sounds."""
    return make_voices(n_per_emotion=8, n_speakers=2, emotions=EMOTIONS, duration=0.5, random_state=0)


@pytest.fixture(scope="module")
def source(voices):
    """The language that was labeled by somebody."""
    return voices[voices["language"] == "lumo"].reset_index(drop=True)


@pytest.fixture(scope="module")
def target(voices):
    """The language that nobody labeled."""
    return voices[voices["language"] == "tarsk"].reset_index(drop=True)


@pytest.fixture(scope="module")
def files(target, tmp_path_factory):
    """Its clips as files, sorted by name."""
    folder = tmp_path_factory.mktemp("target")
    paths = [str(folder / f"{row:02d}.wav") for row in range(len(target))]
    for path, wave in zip(paths, target["audio"], strict=True):
        soundfile.write(path, wave, 16_000, subtype="FLOAT")
    return paths


@pytest.fixture(scope="module")
def encoder(source):
    """Experience of the language that the tests do not label."""
    return sere.pretrain_encoder([source], "acoustic", random_state=0)


@pytest.fixture(scope="module")
def found(target, encoder):
    return sere.label(target, encoder=encoder)


def label_few(*arguments, **options):
    """What a pool of less than twenty clips is labeled with, whatever is said about its size."""
    with pytest.warns(sere.SereWarning, match="too few to tell how language, room and voices"):
        return sere.label(*arguments, **options)


def test_voices_of_a_language_nobody_labeled_are_recognised(target, found):
    assert uar_score(target["emotion"], found["emotion"].astype(str)) > 0.6  # chance is 1 in 3


def test_a_row_a_clip_in_order_with_a_probability_for_each_emotion(target, found):
    assert list(found.columns) == ["emotion", "probability", "p_anger", "p_neutral", "p_sadness"]
    assert found.index.tolist() == list(range(len(target)))
    shares = found[[f"p_{name}" for name in EMOTIONS]].to_numpy()
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_array_equal(shares.max(1), found["probability"])
    assert found["emotion"].tolist() == [EMOTIONS[best] for best in shares.argmax(1)]


def test_turning_the_clips_round_turns_the_answers_round(target, encoder, found):
    back = sere.label(target[::-1], encoder=encoder)
    pd.testing.assert_frame_equal(back[::-1].reset_index(drop=True), found, atol=1e-9)


@pytest.mark.parametrize("form", ["paths", "folder", "waveforms", "frame", "utterances"])
def test_clips_in_any_form_are_the_same_clips(form, files, target, encoder):
    audio = list(target["audio"])
    given = {
        "paths": lambda: files,
        "folder": lambda: files[0].rpartition("/")[0],
        "waveforms": lambda: audio,
        "frame": lambda: pd.DataFrame({"path": files}, index=[f"clip {row}" for row in range(len(files))]),
        "utterances": lambda: HeterogeneousEncoder().fit_transform(audio),
    }[form]()
    plain = sere.label(audio, encoder=encoder)
    again = sere.label(given, encoder=encoder)
    assert ("path" in again) == (form in ("paths", "folder", "frame"))
    if "path" in again:
        assert again.pop("path").tolist() == files
    pd.testing.assert_frame_equal(again, plain, atol=1e-6)


def test_feature_vectors_are_refused_since_no_experience_is_of_them(encoder):
    features = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 4)), columns=list("abcd"))
    with pytest.raises(TypeError, match="without a column 'path' or 'audio'"):
        sere.label(features, encoder=encoder)


def test_a_folder_without_audio_is_said(encoder, tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path.name} holds no audio files"):
        sere.label(tmp_path, encoder=encoder)


def test_answers_are_in_the_users_own_words_and_order(target, encoder, found):
    words = ["Trauer", "Wut", "neutrale"]
    own = sere.label(target, emotions=words, encoder=encoder)
    assert list(own.columns) == ["emotion", "probability", "p_Trauer", "p_Wut", "p_neutrale"]
    meant = {"Trauer": "sadness", "Wut": "anger", "neutrale": "neutral"}
    assert own["emotion"].map(meant).tolist() == found["emotion"].tolist()


def test_fewer_emotions_share_out_all_of_the_probability(target, encoder):
    two = sere.label(target, emotions=("anger", "sadness"), encoder=encoder)
    np.testing.assert_allclose(two["p_anger"] + two["p_sadness"], 1)


def words_of(encoder):
    """What an encoder chooses among, of a clip that nothing is to be learned from."""
    return [name.removeprefix("p_") for name in label_few([np.sin(np.arange(3200) / 20)], encoder=encoder).columns[2:]]


def test_by_default_the_emotions_are_those_that_every_corpus_has(source):
    some = source[source["emotion"] != "neutral"]
    learned = sere.pretrain_encoder({"all": source, "some": some}, "acoustic", random_state=0)
    assert learned.experience.emotions == ("anger", "neutral", "sadness")
    assert words_of(learned) == ["anger", "sadness"]
    other = sere.pretrain_encoder(
        {"one": some, "two": source[source["emotion"] == "neutral"]}, "acoustic", random_state=0
    )
    assert words_of(other) == EMOTIONS


@pytest.mark.parametrize("name", ["speech-emotion", "acoustic-emotion"])
def test_the_encoders_that_come_along_choose_among_five_emotions(name):
    assert words_of(EmotionEncoder.load(name)) == ["anger", "fear", "happiness", "neutral", "sadness"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"emotions": ["anger", "fear", "boredom"]}, "'fear', 'boredom', of which .* it knows anger, neutral, sadness"),
        ({"emotions": ["anger", "wistful"]}, "names 'wistful', of which the encoder"),
        ({"emotions": ["anger", "neutral", "Wut"]}, "names anger twice, as 'anger' and 'Wut'"),
        ({"emotions": ["anger"]}, "emotions is .*; it must be None or a list of two or more names"),
        ({"emotions": "anger,sadness"}, "emotions is 'anger,sadness'; it must be None or a list"),
        ({"encoder": "acoustic"}, "encoder 'acoustic' has no experience of emotions"),
        ({"encoder": {"lumo": "speech", "default": "acoustic-emotion"}}, "encoder 'speech' has no experience"),
        ({"encoder": "paper"}, "encoder 'paper' has no experience"),
        ({"on_error": "ignore"}, "on_error is 'ignore'"),
        ({"self_training_weight": -1}, "self_training_weight is -1"),
    ],
)
def test_what_cannot_be_used_is_named_before_anything_is_read(options, message, encoder):
    with pytest.raises(ValueError, match=message):
        sere.label(["there/is/no.wav"], **({"encoder": encoder} | options))


def test_a_clip_that_cannot_be_used_is_an_error_or_missing_in_the_index(files, encoder, tmp_path):
    broken, hollow = tmp_path / "broken.wav", tmp_path / "hollow.wav"
    broken.write_bytes(b"no audio")
    soundfile.write(hollow, np.full(8000, np.nan), 16_000, subtype="FLOAT")
    given = [str(broken), *files, str(hollow)]
    with pytest.raises(AudioError, match=r"X\[0\]"):
        sere.label(given, encoder=encoder)
    with pytest.warns(sere.SereWarning, match="2 clips that cannot be used were"):
        found = sere.label(given, encoder=encoder, on_error="skip")
    assert found.index.tolist() == list(range(1, len(files) + 1))
    assert found["path"].tolist() == files
    pd.testing.assert_frame_equal(found.reset_index(drop=True), sere.label(files, encoder=encoder))


def test_clips_are_embedded_a_few_at_a_time(files, encoder, tmp_path, monkeypatch):
    hollow = tmp_path / "hollow.wav"
    soundfile.write(hollow, np.full(8000, np.nan), 16_000, subtype="FLOAT")
    given = [str(hollow)] * 5 + files
    whole = sere.label(files, encoder=encoder)
    monkeypatch.setattr(sere.labeling, "CHUNK", 5)
    with pytest.warns(sere.SereWarning, match="5 clips that cannot be used were"):
        found = sere.label(given, encoder=encoder, on_error="skip")
    pd.testing.assert_frame_equal(found.reset_index(drop=True), whole)
    with pytest.raises(AudioError, match=r"X\[29\]"):
        sere.label([*files, *files[:5], str(hollow)], encoder=encoder)
    with pytest.raises(AudioError, match=r"X\[0\]"):
        sere.label([str(hollow)] * 6, encoder=encoder, on_error="skip")


def test_a_few_clips_are_labeled_with_a_warning(target, encoder):
    with pytest.warns(sere.SereWarning, match="X holds 6 clips: too few to tell"):
        found = sere.label(list(target["audio"][:6]), encoder=encoder)
    assert len(found) == 6


def test_a_single_clip_is_compared_with_the_speech_behind_the_experience(target, encoder):
    (wave,) = target["audio"][:1]
    found = label_few([wave], encoder=encoder)
    embedded = HeterogeneousEncoder(encoder).fit_transform([wave])
    known = encoder.experience
    z = (embedded.context[0] - known.centre) / known.scale * PRIOR / (1 + PRIOR)
    # The SD of one clip is nobody's; the mean counts as one clip beside the prior's.
    odds = np.exp(known.logits(np.clip(z, -4, 4)[None])[0])
    np.testing.assert_allclose(found[[f"p_{e}" for e in known.emotions]].to_numpy()[0], odds / odds.sum(), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:.*learned from:sere.SereWarning")
def test_each_language_is_a_pool_of_its_own(voices, encoder, found, target):
    both = sere.label(voices, encoder=encoder)
    own = both[(voices["language"] == "tarsk").to_numpy()]
    alone = sere.label(voices[voices["language"] == "tarsk"], encoder=encoder)
    pd.testing.assert_frame_equal(own.reset_index(drop=True), alone)


@pytest.mark.filterwarnings("ignore:.*learned from:sere.SereWarning")
def test_each_language_may_have_an_encoder_of_its_own(voices, encoder, source):
    twin = sere.pretrain_encoder([source], "acoustic", random_state=0, penalty=1.0)
    by_language = sere.label(voices, encoder={"lumo": twin, "tarsk": encoder})
    here = (voices["language"] == "tarsk").to_numpy()
    for rows, own in ((here, encoder), (~here, twin)):
        alone = sere.label(voices[rows], encoder=own)
        pd.testing.assert_frame_equal(by_language[rows].reset_index(drop=True), alone)


def test_the_clips_own_answers_teach_unless_told_not_to(target, encoder):
    alone = sere.label(target, encoder=encoder, self_training_weight=0)
    taught = sere.label(target, encoder=encoder)
    assert np.abs(alone["p_anger"] - taught["p_anger"]).max() > 0.01


def test_voices_that_fall_apart_are_standardised_as_speakers_are(target, encoder, monkeypatch):
    learned = []

    def learn(pool, *arguments):
        learned.append((pool, learn_pool(pool, *arguments)))
        return learned[-1][1]

    monkeypatch.setattr("sere.labeling.learn_pool", learn)
    monkeypatch.setattr("sere.training.voices.APART", 0.0)
    nobody = target.drop(columns="speaker")
    by_voice = sere.label(nobody, encoder=encoder, cache=False)
    ((pool, (space, _, _)),) = learned[:1]
    (name,) = space.preparation.names
    groups = space.preparation._voices_of(name, pool, ["target"] * len(pool))
    assert set(groups) == {0, 1}
    named = nobody.assign(speaker=[f"voice {group}" for group in groups])
    by_name = sere.label(named, encoder=encoder, cache=False)
    columns = [column for column in by_name if column.startswith("p_")]
    np.testing.assert_allclose(by_voice[columns], by_name[columns], atol=1e-6)
    whole = sere.label(nobody, encoder=encoder, speaker_shrinkage=np.inf, cache=False)
    assert np.abs(whole[columns] - by_name[columns]).max().max() > 0.01


def test_silence_and_acquaintances_are_said(source, target, encoder):
    waves = [*target["audio"], np.zeros(8000)]
    with pytest.warns(sere.SereWarning, match="digital silence"):
        said = sere.label(waves, encoder=encoder)
    assert said["emotion"].tolist()[-1] == "unknown"
    np.testing.assert_allclose(said.filter(like="p_").iloc[-1], 1 / 3)
    pd.testing.assert_frame_equal(said[:-1], sere.label(waves[:-1], encoder=encoder))
    with pytest.warns(sere.SereWarning, match="learned from 100 % of these clips"):
        sere.label(source, encoder=encoder)


def test_sureness_is_said_when_asked(target, encoder, capsys):
    sere.label(target, encoder=encoder)
    assert capsys.readouterr().out == ""
    found = sere.label(target, encoder=encoder, verbose=1)
    unsure = (found["probability"] < 0.5).sum()
    said = f"named {found['probability'].mean():.2f}; {unsure} of {len(target)} clips below 0.5"
    assert said in capsys.readouterr().out
