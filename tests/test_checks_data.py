"""Situations in which the library speaks up, one row each, and those in which it has no reason to."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr

from sere import SEREClassifier, SereWarning
from sere.baselines import LinearBaseline
from sere.datasets import make_task, make_voices
from sere.encoders.base import Encoded, FrameEncoder
from sere.encoders.emotion import Card, EmotionEncoder
from sere.encoders.experience import Experience, audio_digest
from sere.evaluation import run_task

RATE = 16_000
EMOTIONS = ("anger", "neutral", "sadness")


class Loudness(FrameEncoder):
    """RMS over 20 ms: enough to fit something at once."""

    cache_key, frame_names = "loudness of 20 ms", ("loudness",)

    def encode(self, waves, pitches=None):
        return [
            Encoded(np.sqrt(np.square(np.resize(w, (1 + len(w) // 320, 320))).mean(1, keepdims=True))) for w in waves
        ]


@pytest.fixture(scope="module")
def clips():
    """Labeled clips, source pool and target pool of speakers who are known, as make_task draws them."""
    voices = make_voices(12, n_speakers=3, emotions=EMOTIONS, duration=0.5, random_state=0)
    task = make_task(*(part for _, part in voices.groupby("language")), shots=3, random_state=0)
    return {"X": task.X_labeled, "y": task.y, "source": task.X_unlabeled_src, "target": task.X_unlabeled_tgt}


def with_audio(part, change, rows=slice(None)):
    """Return a table with some clips' waveforms changed."""
    waves = list(part["audio"])
    for row in range(len(waves))[rows]:
        waves[row] = np.asarray(change(waves[row]), dtype="f4")
    return part.assign(audio=pd.Series(waves, dtype=object, index=part.index))


def changed(name, change, rows=slice(None)):
    return lambda given: given | {name: with_audio(given[name], change, rows)}


def column(name, values, which="X"):
    """Return the change that sets a column of one table; a function gets the table's values."""

    def apply(given):
        part = given[which]
        new = values(part) if callable(values) else values
        return given | {which: part.assign(**{name: new})}

    return apply


def labels(rename):
    return lambda given: given | {"y": np.array([rename(row, label) for row, label in enumerate(given["y"])])}


def joined(which, other, rows):
    """Return the change that puts clips of one table into another."""
    return lambda given: given | {which: pd.concat([given[which], given[other].iloc[rows]], ignore_index=True)}


def only(which, rows):
    return lambda given: given | {which: given[which].iloc[rows].reset_index(drop=True)}


def twice(other_label):
    """Return the change that labels the first clip again."""

    def apply(given):
        X = pd.concat([given["X"], given["X"].iloc[:1]], ignore_index=True)
        label = next(name for name in EMOTIONS if (name != given["y"][0]) is other_label)
        return given | {"X": X, "y": np.append(given["y"], label)}

    return apply


def one_shot(given):
    """Return five labeled clips of each emotion but one, which has one."""
    both = pd.concat([given["X"], given["source"]], ignore_index=True)
    rows = [*np.flatnonzero(given["y"] == "anger")[:1], *np.flatnonzero(given["y"] != "anger"), 9, 10, 11, 12]
    y = np.append(given["y"], ["neutral", "neutral", "sadness", "sadness"])
    X = both.iloc[rows].reset_index(drop=True)
    return given | {"X": X, "y": np.append(given["y"][rows[:7]], y[9:]), "source": given["source"].iloc[6:]}


def cycle(names):
    return lambda part: np.resize(np.array(names, dtype=object), len(part))


def clipped(wave):
    top = 0.2 * np.abs(wave).max()
    return np.clip(wave, -top, top)


def telephone(wave):
    return soxr.resample(soxr.resample(wave, RATE, 8000), 8000, RATE)


def noisy(wave):
    return wave + np.random.default_rng(len(wave)).normal(0, 0.7 * np.abs(wave).max(), len(wave))


def white(wave):
    return np.random.default_rng(len(wave)).normal(0, 0.1, len(wave))


def shifted_by_a_hair(wave):
    rng = np.random.default_rng()
    return ONE + rng.normal(0, 1e-4, len(ONE))


ONE = make_voices(1, ["tarsk"], 1, ["anger"], 3, duration=0.5)["audio"][0]

#: What is done to a task that raises no warning, and what is then said.
SITUATIONS = {
    "labels that differ in case": (labels(lambda i, s: s.title() if i % 2 else s), "differ in case or spaces alone"),
    "labels that differ in spaces": (labels(lambda i, s: s + " " * (i % 2)), "differ in case or spaces alone"),
    "numbers as texts": (labels(lambda i, s: str(EMOTIONS.index(s))), "numbers written as texts"),
    "an emotion with one shot": (one_shot, r"'anger' has 1 labeled clip and 'neutral' has 5"),
    "a pool of one clip": (only("target", [0]), r"X_unlabeled_tgt has 1 clip, fewer than there are emotions \(3\)"),
    "a source pool of two": (only("source", [0, 1]), r"X_unlabeled_src has 2 clips, fewer than"),
    "a misspelt language": (column("language", "germn"), "'germn' is no language .* if 'german' is meant"),
    "pools that changed places": (
        lambda given: given | {"source": given["target"], "target": given["source"]},
        "X_unlabeled_src is 'tarsk' and X is 'lumo', .*: the two pools seem to have changed places",
    ),
    "a source pool of a third language": (
        column("language", "quechua", "source"),
        "X_unlabeled_src is 'quechua' and X is 'lumo', .*: pass it as X_unlabeled_tgt",
    ),
    "a missing label as text": (labels(lambda i, s: "nan" if s == "anger" else s), "'nan' is a label, as Python"),
    "a misspelt label": (
        labels(lambda i, s: "saddness" if s == "sadness" else s),
        "'saddness' is no emotion .* if 'sadness' is meant",
    ),
    "a missing speaker as text": (column("speaker", cycle(["ada", "nan"]), "target"), "'nan' is a speaker of X_unl"),
    "speakers of some clips, blank": (column("speaker", cycle(["ada", " "]), "target"), "have no speaker"),
    "labels in another order": (
        lambda given: given | {"y": pd.Series(given["y"], index=given["X"].index)[::-1]},
        "X and y have the same index in another order",
    ),
    "a column of another name": (column("Start", 0.1, "target"), r"nothing reads .*: rename 'Start' to 'start'"),
    "a rate of another name": (column("sr", 44_100), r"X has columns .*: rename 'sr' to 'sampling_rate'"),
    "segments in milliseconds": (
        lambda given: given | {"target": given["target"].assign(start=0, end=500)},
        r"X_unlabeled_tgt\[0\] ends at 500 s and its audio at \d.\d\d s, and 35 more",
    ),
    "speakers of some clips": (column("speaker", cycle(["ada", None]), "target"), "have no speaker"),
    "a speaker for each clip": (
        column("speaker", lambda part: [f"clip{row}" for row in range(len(part))], "target"),
        "has a speaker of its own",
    ),
    "a speaker for each emotion": (
        lambda given: given | {"X": given["X"].assign(speaker=[f"{label} sayer" for label in given["y"]])},
        "each speaker of X shows one emotion only",
    ),
    "the same speakers on both sides": (column("speaker", cycle(["lumo-f1", "bea"]), "target"), "share 1 speaker"),
    "one clip with two labels": (twice(True), r"given to 1 clip of X \(X\[0\] '\w+', X\[9\] '\w+'\)"),
    "a labeled clip twice": (twice(False), "1 of the 10 clips of X are copies"),
    "a clip 30 times in a pool": (joined("target", "target", [3] * 29), "one clip is there 30 times"),
    "a pool of one clip in copies": (only("target", [3] * 30), "X_unlabeled_tgt is 1 clip in many copies"),
    "a pool of nearly one clip": (changed("target", shifted_by_a_hair), "sound nearly the same"),
    "labeled clips in the target pool": (joined("target", "X", [0, 1]), r"2 of the labeled .*X_unlabeled_tgt\[36\]"),
    "target clips in the source pool": (joined("source", "target", [0, 5]), "2 of the 36 clips of X_unlabeled_tgt"),
    "a silent shot": (changed("X", np.zeros_like, slice(1)), r"1 of the 9 clips of X are digital silence \(X\[0\]\)"),
    "a constant in a pool": (changed("source", lambda w: 0 * w + 0.2, slice(1)), "X_unlabeled_src are digital sil"),
    "a silent pool": (changed("target", np.zeros_like), "36 of the 36 clips of X_unlabeled_tgt are digital silence"),
    "a pool of white noise": (changed("target", white), "no voice is heard in 36 of the 36 clips of X_unlabeled_tgt"),
    "a shot of white noise": (changed("X", white, slice(1)), r"no voice is heard in 1 of the 9 clips of X \(X\[0\]\)"),
    "very short clips": (changed("target", lambda w: w[3000:6200]), "shorter than 0.3 s"),
    "an hour under one label": (changed("X", lambda w: np.resize(w, 61 * RATE), slice(1)), "longer than 60 s"),
    "a pool at -80 dB": (changed("target", lambda w: 10**-3.0 * w), "X_unlabeled_tgt is hardly audible"),
    "a pool in noise": (changed("target", noisy), "noise drowns it"),
    "clipped recordings": (changed("target", clipped), "their peaks are cut off"),
    "a constant offset": (changed("source", lambda w: w + 0.5), "stand on a constant offset"),
    "a pool through a telephone": (changed("target", telephone), "heard above 4 kHz in X_unlabeled_tgt, but in X and "),
    "labels through a telephone": (changed("X", telephone), "heard above 4 kHz in X, but in X_unlabeled_src and "),
    "another recording level": (
        lambda given: changed("X", lambda w: 0.9 * w / np.abs(w).max())(changed("target", lambda w: 0.015 * w)(given)),
        "dB quieter than that of X",
    ),
}  # fmt: skip


def fit(given, method=None):
    """Fit and return what was said."""
    method = method or LinearBaseline(encoder=Loudness())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        method.fit(given["X"], given["y"], (given["source"],), (given["target"],))
    assert all(issubclass(warning.category, SereWarning) for warning in said)
    assert all(warning.filename == __file__ for warning in said), "a warning names the user's own line"
    return method, [str(warning.message) for warning in said]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_it_speaks_up_once(situation, clips):
    change, expected = SITUATIONS[situation]
    _, said = fit(change(clips))
    assert len([text for text in said if re.search(expected, text)]) == 1, said
    assert len(set(said)) == len(said)
    assert len(said) <= 3, "one fault, and what follows from it"


def test_there_is_nothing_to_say_of_an_ordinary_task(clips):
    method, said = fit(clips)
    assert said == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method.predict(clips["target"])
        method.predict(clips["X"])


def with_the_shots(given):
    return joined("source", "X", range(9))(given)


ORDINARY = {
    "shots in the source pool, from which they come": with_the_shots,
    "nobody knows who speaks": lambda given: {
        k: v if k == "y" else v.drop(columns="speaker") for k, v in given.items()
    },
    "nobody knows the language": lambda given: {
        k: v if k == "y" else v.drop(columns="language") for k, v in given.items()
    },
    "speakers that are numbers on both sides": lambda given: {
        k: v if k == "y" else v.assign(speaker=cycle(["1", "2", "speaker 3"])(v)) for k, v in given.items()
    },
    "clips cut to one length": changed("target", lambda w: np.resize(w, 8000)),
    "all recorded through a telephone": lambda given: {
        k: v if k == "y" else with_audio(v, telephone) for k, v in given.items()
    },
    "two corpora of one language": column("language", "lumo", "target"),
    "a language that no list has": column("language", "quechua", "target"),
    "segments that end where rounding says": lambda given: (
        given | {"target": given["target"].assign(end=[len(wave) / RATE + 0.05 for wave in given["target"]["audio"]])}
    ),
    "labels with the index of their clips": lambda given: given | {"y": pd.Series(given["y"], given["X"].index)},
    "labels with another index": lambda given: given | {"y": pd.Series(given["y"], index=range(100, 109))},
    "speakers that are blank or padded": lambda given: (
        {k: v if k == "y" else v.assign(speaker=[f" {name} " for name in v["speaker"]]) for k, v in given.items()}
        | {"source": given["source"].assign(speaker=" ")}
    ),
    "one shot of each": lambda given: given | {"X": given["X"].iloc[::3], "y": given["y"][::3]},
    "numbers as labels": labels(lambda i, s: EMOTIONS.index(s)),
}


@pytest.mark.parametrize("case", ORDINARY)
def test_it_is_silent_where_nothing_is_wrong(case, clips):
    assert fit(ORDINARY[case](clips))[1] == []


def test_one_language_for_both_sides_is_said(clips):
    given = {name: part if name == "y" else part.drop(columns="language") for name, part in clips.items()}
    method = LinearBaseline(encoder=Loudness(), source_language="German", target_language="de-AT")
    _, said = fit(given, method)
    assert len(said) == 1
    assert "source_language='German' and target_language='de-AT' are one language" in said[0]
    assert fit(given, method.set_params(target_language="it"))[1] == []


def test_the_method_itself_speaks_up_too(clips):
    given = changed("target", white)(twice(True)(clips))
    _, said = fit(given, SEREClassifier(encoder=Loudness(), epochs=0))
    assert [bool(re.search("two labels|no voice", text)) for text in said].count(True) == 2


def test_feature_vectors_have_no_sound_to_speak_of():
    X = np.repeat(np.random.default_rng(0).normal(size=(3, 4)), 3, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearBaseline().fit(X, [0, 1, 2] * 3, None, (X,)).predict(X)


def test_a_category_silences_all(clips):
    given = SITUATIONS["a silent pool"][0](clips)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", SereWarning)
        LinearBaseline(encoder=Loudness()).fit(given["X"], given["y"], (given["source"],), (given["target"],))


def test_pools_of_several_are_called_by_their_number(clips):
    silent = SITUATIONS["a silent pool"][0](clips)["target"]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        LinearBaseline(encoder=Loudness()).fit(clips["X"], clips["y"], None, (clips["target"], silent[:10]))
    assert [str(warning.message)[:60] for warning in said] == [
        "10 of the 10 clips of X_unlabeled_tgt[1] are digital silence"
    ]


def test_the_same_clip_is_known_in_another_file(clips, tmp_path):
    paths = []
    for row, wave in enumerate([*clips["X"]["audio"], clips["X"]["audio"][0]]):
        paths.append(str(tmp_path / (f"{row}.wav" if row % 2 else f"{row}.flac")))
        soundfile.write(paths[-1], np.round(wave * 32767) / 32768, RATE, subtype="PCM_16")
    with pytest.warns(SereWarning, match=r"two labels are given to 1 clip of X \(X\[0\] '\w+', X\[9\]"):
        LinearBaseline(encoder=Loudness()).fit(paths, [*clips["y"], next(iter({*EMOTIONS} - {clips["y"][0]}))])


def test_a_labeled_clip_is_known_in_the_pool_though_it_was_coded_anew(tmp_path):
    voices = make_voices(n_per_emotion=4, emotions=["anger", "sadness"], n_speakers=2, random_state=3)
    known, pool = (part.reset_index(drop=True) for _, part in voices.groupby("language"))
    soundfile.write(tmp_path / "5.ogg", 0.3 * known["audio"][2], RATE, format="OGG", subtype="VORBIS")
    for row, wave in enumerate(pool["audio"]):
        soundfile.write(tmp_path / f"{row}.wav", wave, RATE)
    files = [str(tmp_path / ("5.ogg" if row == 5 else f"{row}.wav")) for row in range(len(pool))]
    with pytest.warns(
        SereWarning, match=r"1 of the labeled clips are in X_unlabeled_tgt too.*\(X_unlabeled_tgt\[5\]\)"
    ):
        LinearBaseline(encoder=Loudness()).fit(list(known["audio"]), known["emotion"], None, (files,))


def test_clips_go_by_their_row_in_the_users_list_though_others_were_skipped(clips):
    silent = SITUATIONS["a silent shot"][0](clips)["X"]
    X, y = [np.full(4000, np.nan), *silent["audio"]], ["anger", *clips["y"]]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        LinearBaseline(encoder=Loudness(), on_error="skip").fit(X, y, None, (clips["target"],))
    assert any(r"1 of the 9 clips of X are digital silence (X[1])" in str(warning.message) for warning in said)


PREDICTED = {
    "silence": (np.zeros(RATE, "f4"), r"1 of the 3 clips of X are digital silence \(X\[1\]\)"),
    "white noise": (white(np.zeros(RATE)), r"no voice is heard in 1 of the 3 clips of X \(X\[1\]\)"),
    "an hour": (np.resize(ONE, 61 * RATE), r"1 of the 3 clips of X are longer than 60 s \(X\[1\], up to 61 s\)"),
}


@pytest.mark.parametrize("sound", PREDICTED)
def test_predict_says_what_it_cannot_answer_for(sound, clips, monkeypatch):
    wave, expected = PREDICTED[sound]
    method, _ = fit(clips)
    # Rows are the caller's, however the list is portioned.
    monkeypatch.setattr("sere.estimators.audio_classifier.CHUNK", 2)
    with pytest.warns(SereWarning, match=expected) as said:
        method.predict_proba([ONE, wave, ONE])
    assert len(said) == 1


def test_silence_is_answered_for_no_emotion(clips):
    method, _ = fit(clips)
    with pytest.warns(SereWarning, match="digital silence"):
        probabilities = method.predict_proba([ONE, np.zeros(RATE, "f4"), np.full(RATE, 0.3, "f4"), ONE])
    np.testing.assert_allclose(probabilities[1:3], 1 / 3)
    np.testing.assert_array_equal(probabilities[[0, 3]], method.predict_proba([ONE, ONE]))
    assert np.ptp(probabilities[0]) > 0.01
    with pytest.warns(SereWarning, match="digital silence"):
        assert method.predict([np.zeros(RATE, "f4"), ONE], reject_below=0.34).tolist()[0] == "unknown"


def test_one_answer_for_a_whole_pool_is_said(clips, monkeypatch):
    monkeypatch.setattr(LinearBaseline, "_chunk_logits", lambda self, chunk: np.tile([0.0, 1.0, 0.0], (len(chunk), 1)))
    _, said = fit(clips)
    assert said == [text for text in said if "each of 36 clips of X_unlabeled_tgt is taken for 'neutral'" in text]
    assert len(said) == 1


def test_what_an_encoder_learned_from_is_said_by_every_method(clips):
    zeros = {name: np.zeros((1, 2)) for name in ("evidence_weights", "examples", "directions")}
    frames = {name: np.zeros((1, 1)) for name in ("frame_examples", "frame_directions")}
    known = Experience(("anger",), evidence_bias=np.zeros(1), centre=np.zeros(2), scale=np.ones(2), **zeros, **frames)
    from sere.audio import Clip

    heard = frozenset(audio_digest(Clip(wave)) for wave in clips["target"]["audio"][:18])
    encoder = EmotionEncoder(Loudness(), known, Card([{"name": "mine"}], heard), "mine")
    _, said = fit(clips, LinearBaseline(encoder=encoder))
    assert len(said) == 1
    assert re.search(r"'mine' learned from 25 % of these clips", said[0])  # 18 of 9 + 27 + 36 clips, rounded


def test_a_language_that_no_clip_of_its_side_speaks_is_said(clips):
    method = LinearBaseline(encoder=Loudness(), source_language="lumo", target_language="de")
    _, said = fit(clips, method)
    assert len(said) == 1
    assert "target_language='de', but the clips of X_unlabeled_tgt say that they are 'tarsk'" in said[0]
    assert fit(clips, method.set_params(target_language="tarsk"))[1] == []


def test_clips_of_a_language_that_fit_never_met_are_said(clips):
    method, _ = fit(clips)
    asked = clips["target"].iloc[:3].assign(language=["tarsk", "zulu", None])
    with pytest.warns(SereWarning) as said:
        method.predict(asked)
    assert [str(one.message)[:60] for one in said] == ["1 of the 3 clips of X are 'zu' (X[1]), of which fit had none"]
    assert "taken for 'tarsk'" in str(said[0].message)
    alone = LinearBaseline(encoder=Loudness()).fit(clips["X"], clips["y"])
    with pytest.warns(SereWarning, match="taken for 'lumo'"):
        alone.predict(clips["target"])
    nobody_said = LinearBaseline(encoder=Loudness()).fit(clips["X"].drop(columns="language"), clips["y"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nobody_said.predict(clips["target"])


def test_a_score_on_labels_that_were_not_taught_says_so(clips):
    method, _ = fit(clips)
    right = method.predict(clips["X"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert method.score(clips["X"], right) == 1.0
    with pytest.warns(SereWarning, match=r"not taught 'Anger'.* counts \d clips? of 9 as wrong"):
        method.score(clips["X"], [label.replace("anger", "Anger") for label in EMOTIONS * 3])


@pytest.fixture(scope="module")
def inductive():
    voices = make_voices(8, n_speakers=4, emotions=EMOTIONS, duration=0.5, random_state=0)
    return make_task(*(part for _, part in voices.groupby("language")), shots=2, transductive=False)


def test_a_task_of_either_protocol_is_scored_in_silence(inductive, clips):
    assert inductive.protocol == "inductive"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_task(LinearBaseline(encoder=Loudness()), inductive)
        pool = {
            "X_test": inductive.X_unlabeled_tgt,
            "y_test": np.resize(inductive.y_test, len(inductive.X_unlabeled_tgt)),
        }
        run_task(LinearBaseline(encoder=Loudness()), type(inductive)(**inductive | pool | {"protocol": "transductive"}))


def test_scored_clips_that_were_labeled_are_said(inductive):
    told = inductive | {"X_labeled": pd.concat([inductive.X_labeled, inductive.X_test[:2]], ignore_index=True)}
    told["y"] = np.append(inductive.y, inductive.y_test[:2])
    with pytest.warns(SereWarning, match="2 of the 6 scored clips are labeled ones"):
        run_task(LinearBaseline(encoder=Loudness()), type(inductive)(**told))


def test_an_inductive_task_that_is_none_is_said(inductive):
    both = pd.concat([inductive.X_unlabeled_tgt, inductive.X_test[:3]], ignore_index=True)
    with pytest.warns(SereWarning, match="the target pool has 3 of its 6 scored clips, .* and 1 of their speakers"):
        run_task(LinearBaseline(encoder=Loudness()), type(inductive)(**inductive | {"X_unlabeled_tgt": both}))


def test_scored_clips_are_known_again_though_they_were_coded_anew(inductive, tmp_path):
    """A clip that cannot be used, beside them, hides nothing and moves no row."""
    waves = list(make_voices(2, n_speakers=2, emotions=EMOTIONS, random_state=5)["audio"])[:6]
    files = [str(tmp_path / name) for name in ("copy.ogg", "cut.wav", "none.wav")]
    soundfile.write(files[0], 0.4 * waves[1], RATE, format="OGG", subtype="VORBIS")
    sounding = np.flatnonzero(np.abs(waves[2]) > 0.02 * np.abs(waves[2]).max())
    soundfile.write(files[1], waves[2][sounding[0] : sounding[-1]], RATE)
    scored = pd.DataFrame({"audio": pd.Series([np.full(4000, np.nan), *waves], dtype=object)})
    told = {"X_labeled": pd.DataFrame({"path": files}), "y": np.array(["anger", "sadness", "sadness"])}
    task = type(inductive)(**inductive | told | {"X_test": scored, "y_test": np.resize(inductive.y, 7)})
    with pytest.warns(SereWarning) as said:
        run_task(LinearBaseline(encoder=Loudness(), on_error="nan"), task)
    assert any(re.search(r"2 of the 7 scored .* \(X_test\[2\], X_test\[3\]\)", str(one.message)) for one in said)
