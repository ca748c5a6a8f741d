"""Experience: learned from labeled corpora, kept in a file, used by the classifier."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import log_softmax, softmax

from sere import HeterogeneousEncoder, SEREClassifier, pretrain_encoder
from sere.cli import main
from sere.datasets import make_voices
from sere.encoders import EmotionEncoder
from sere.encoders._arrays import read_arrays, write_arrays
from sere.encoders.acoustic import AcousticEncoder
from sere.encoders.emotion import Card
from sere.encoders.experience import Experience, audio_digest
from sere.estimators.pretrain import masked_regression
from sere.inputs.reading import SereWarning

EMOTIONS = ["anger", "neutral", "sadness"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def corpora():
    """A corpus of either language; the second lacks an emotion that the first has."""
    lumo = make_voices(6, ["lumo"], 2, EMOTIONS, 1, duration=0.5)
    tarsk = make_voices(6, ["tarsk"], 2, EMOTIONS[:2], 1, duration=0.5)
    return {"first": lumo, "second": tarsk}


@pytest.fixture(scope="module")
def encoder(corpora, store):
    return pretrain_encoder(corpora, cache=store, random_state=0)


@pytest.fixture(scope="module")
def task():
    """Labeled clips of one language and a pool of the other, none of which the encoder heard."""
    lumo = make_voices(4, ["lumo"], 2, EMOTIONS, 5, duration=0.5)
    tarsk = make_voices(6, ["tarsk"], 2, EMOTIONS, 6, duration=0.5)
    return lumo, tarsk


def fit(encoder, task, store, y=None, **params):
    lumo, tarsk = task
    classifier = SEREClassifier(encoder=encoder, epochs=1, cache=store, random_state=0).set_params(**params)
    pool = (tarsk.drop(columns="emotion"),)
    return classifier.fit(lumo.drop(columns="emotion"), lumo["emotion"] if y is None else y, None, pool)


class TestRegression:
    def random(self, seed, n=12, d=3, E=4):
        rng = np.random.default_rng(seed)
        possible = rng.random((n, E)) < 0.6
        y = rng.integers(E, size=n)
        possible[np.arange(n), y] = True
        return rng.normal(size=(n, d)), y, possible, rng.uniform(0.5, 2, n)

    def test_it_minimises_the_masked_loss(self):
        X, y, possible, weights = self.random(0)

        def loss(flat):
            B, b = flat[:12].reshape(4, 3), flat[12:]
            total = 0.1 * (B**2).sum()
            for x, c, allowed, w in zip(X, y, possible, weights / weights.sum(), strict=True):
                logits = B @ x + b
                likely = log_softmax(logits[allowed])
                total -= w * likely[list(np.flatnonzero(allowed)).index(c)]
            return total

        B, b = masked_regression(X, y, possible, weights, 0.1)
        found = np.concatenate([B.ravel(), b])
        assert np.abs(approx_fprime(found, loss, 1e-6)).max() < 1e-4
        assert loss(found) < loss(np.zeros(16))

    def test_an_emotion_a_corpus_cannot_have_learns_nothing_from_its_clips(self):
        X, y, possible, weights = self.random(1)
        y = np.where(y == 3, 2, y)
        possible[np.arange(len(y)), y] = True
        possible[:, 3] = False
        B, b = masked_regression(X, y, possible, weights, 0.1)
        np.testing.assert_allclose(B[3], 0, atol=1e-12)
        assert b[3] == 0


class TestExperience:
    def made(self, E=3, d=4):
        rng = np.random.default_rng(0)
        shapes = {"evidence_weights": (E, d), "evidence_bias": (E,), "examples": (E, d), "frame_examples": (E, 2)}
        shapes |= {"directions": (d, 2), "frame_directions": (2, 2), "centre": (d,), "scale": (d,)}
        return Experience(("anger", "fear", "sadness")[:E], **{k: rng.normal(size=s) for k, s in shapes.items()})

    @given(st.lists(st.integers(-1, 2), min_size=2, max_size=5, unique_by=lambda v: v if v >= 0 else object()))
    @settings(max_examples=40, deadline=None)
    def test_evidence_is_centred_over_the_classes_it_knows_and_0_for_others(self, heads):
        known = self.made()
        context = np.random.default_rng(1).normal(size=(5, 4))
        found = known.evidence(context, np.array(heads))
        logits = context @ known.evidence_weights.T + known.evidence_bias
        for row in range(5):
            of_known = [logits[row, h] for h in heads if h >= 0]
            for c, head in enumerate(heads):
                expected = logits[row, head] - np.mean(of_known) if head >= 0 else 0.0
                assert found[row, c] == pytest.approx(expected, abs=1e-12)

    def test_names_are_recognised_in_any_spelling_and_unknown_ones_left_open(self):
        heads = self.made().recognise(["Angry", "boredom", "sad"], np.empty((0, 4)), np.empty(0, int))
        assert heads.tolist() == [0, -1, 2]

    def test_two_classes_of_one_name_are_left_open(self):
        heads = self.made().recognise(["anger1", "anger2", "fear"], np.empty((0, 4)), np.empty(0, int))
        assert heads.tolist() == [-1, -1, 1]

    def test_classes_without_names_are_matched_by_their_clips(self):
        known = self.made()
        # Clips on the ray of each emotion's own weights score highest there.
        centred = known.evidence_weights - known.evidence_weights.mean(0)
        context = 20 * np.repeat(centred[[2, 0, 1]], 4, axis=0)
        heads = known.recognise([0, 1, 2], context, np.repeat([0, 1, 2], 4))
        assert heads.tolist() == [2, 0, 1]


class TestPretraining:
    def test_it_knows_the_emotions_of_all_corpora(self, encoder):
        assert encoder.experience.emotions == tuple(EMOTIONS)
        assert [corpus["name"] for corpus in encoder.card.corpora] == ["first", "second"]

    def test_it_tells_emotions_of_new_clips_far_above_chance(self, encoder, task, store):
        embedded = HeterogeneousEncoder(encoder, cache=store).fit_transform(task[1])
        contexts = np.array(embedded.context)
        standard = (contexts - contexts.mean(0)) / (contexts.std(0) + 1e-9)
        found = np.array(EMOTIONS)[encoder.experience.logits(standard).argmax(1)]
        assert np.mean(found == task[1]["emotion"]) > 0.6

    def test_the_same_corpora_give_the_same_encoder(self, encoder, corpora, store):
        again = pretrain_encoder(corpora, cache=store, random_state=0)
        assert again.identity == encoder.identity

    def test_saved_and_loaded_it_is_the_same(self, encoder, tmp_path):
        encoder.save(tmp_path / "mine.npz")
        back = EmotionEncoder.load(tmp_path / "mine.npz")
        assert back.identity == encoder.identity
        assert back.card == encoder.card
        assert [path.name for path in tmp_path.iterdir()] == ["mine.npz"]

    def test_its_file_is_read_once_and_again_when_it_has_changed(self, encoder, tmp_path):
        file = tmp_path / "mine.npz"
        encoder.save(file)
        build = HeterogeneousEncoder().build
        first = build(str(file))
        assert build(str(file)) is first
        assert build("acoustic-emotion") is build("acoustic-emotion")
        EmotionEncoder(encoder.base, encoder.experience, encoder.card, "another").save(file)
        assert (first.name, build(str(file)).name) == ("pretrained by sere", "another")

    def test_frames_and_context_are_the_base_encoders(self, encoder, task, store):
        clips = task[1].head(3)
        with_experience, without = (
            HeterogeneousEncoder(e, cache=store).fit_transform(clips) for e in (encoder, "acoustic+speech")
        )
        for name in ("frames", "context"):
            for a, b in zip(getattr(with_experience, name), getattr(without, name), strict=True):
                np.testing.assert_array_equal(a, b)

    def test_for_other_estimators_it_adds_a_score_for_each_emotion(self, encoder, task, store):
        one, all_ = (HeterogeneousEncoder(encoder, cache=store).fit_transform(c) for c in (task[1].head(1), task[1]))
        assert all_.feature_names[-3:] == [f"evidence_{emotion}" for emotion in EMOTIONS]
        np.testing.assert_allclose(np.asarray(one)[0], np.asarray(all_)[0])

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ([], "at least one labeled corpus"),
            ([pd.DataFrame({"path": ["a.wav"]})], "column 'emotion'"),
            ([pd.DataFrame({"path": ["a.wav"], "emotion": [None]})], r"emotion\[0\] is None"),
        ],
    )
    def test_what_cannot_be_learned_from_is_named(self, given, says, store):
        with pytest.raises(ValueError, match=says):
            pretrain_encoder(given, cache=store)

    def test_two_corpora_of_one_name_are_refused(self, corpora, store):
        with pytest.raises(ValueError, match="two corpora are called 'voices'"):
            pretrain_encoder(list(corpora.values()), cache=store)

    def test_one_emotion_is_not_enough(self, corpora, store):
        angry = corpora["first"].query("emotion == 'anger'")
        with pytest.raises(ValueError, match="at least two emotions"):
            pretrain_encoder([angry], cache=store)


class TestUse:
    def test_a_classifier_with_experience_beats_one_without_on_unlike_languages(self, encoder, task, store):
        scores = {}
        for name, used in (("with", encoder), ("without", "acoustic")):
            classifier = fit(used, task, store, self_training__weight=0)
            scores[name] = classifier.score(task[1].drop(columns="emotion"), task[1]["emotion"])
        assert scores["with"] >= scores["without"]
        assert scores["with"] > 0.6

    def test_evidence_of_weight_0_and_no_imaginary_clips_leave_directions_only(self, encoder, task, store):
        nothing = {"assignment__experience_weight": 0.0, "prototypes__experience_shots": 0.0}
        quiet = fit(encoder, task, store, **nothing, self_training__weight=0)
        loud = fit(encoder, task, store, self_training__weight=0)
        clips = task[1].drop(columns="emotion")
        distance = ((quiet.transform(clips)[:, None] - quiet.prototypes_[None]) ** 2).sum(2)
        np.testing.assert_array_equal(quiet.predict(clips), quiet.classes_[distance.argmin(1)])
        assert not np.allclose(quiet.predict_proba(clips), loud.predict_proba(clips))

    def test_probabilities_are_scores_over_a_temperature_that_its_answers_choose(self, encoder, task, store):
        clips = task[1].drop(columns="emotion")
        model = fit(encoder, task, store)
        shares = softmax(model.decision_function(clips) / model.temperature_, axis=1)
        np.testing.assert_allclose(model.predict_proba(clips), shares, rtol=1e-12)
        assert model.temperature_ != 1
        assert model.explain(clips[:1])[0].probability == pytest.approx(shares[0].max())
        assert fit("acoustic", task, store).temperature_ == 1

    def test_numbers_as_labels_are_matched_by_the_clips(self, encoder, task, store):
        codes = task[0]["emotion"].map({"anger": 2, "neutral": 0, "sadness": 1}).to_numpy()
        named, numbered = fit(encoder, task, store), fit(encoder, task, store, codes)
        clips = task[1].drop(columns="emotion")
        back = pd.Series(numbered.predict(clips)).map({2: "anger", 0: "neutral", 1: "sadness"})
        assert np.mean(back.to_numpy() == named.predict(clips)) > 0.9

    def test_a_class_it_never_heard_of_is_still_predicted(self, encoder, task, store):
        lumo, tarsk = (table.replace({"emotion": {"sadness": "wistful"}}) for table in task)
        classifier = fit(encoder, (lumo, tarsk), store)
        assert "wistful" in classifier.predict(tarsk.drop(columns="emotion"))

    def test_a_fitted_model_survives_pickling_and_predicts_the_same(self, encoder, task, store, tmp_path):
        import sere

        classifier = fit(encoder, task, store)
        clips = task[1].drop(columns="emotion")
        sere.save(classifier, tmp_path / "model")
        np.testing.assert_array_equal(
            sere.load(tmp_path / "model").predict_proba(clips), classifier.predict_proba(clips)
        )

    def test_predictions_do_not_depend_on_the_clips_beside(self, encoder, task, store):
        classifier = fit(encoder, task, store)
        clips = task[1].drop(columns="emotion")
        alone = np.concatenate([classifier.predict_proba(clips.iloc[[i]]) for i in range(3)])
        np.testing.assert_allclose(alone, classifier.predict_proba(clips)[:3], rtol=1e-9)

    def test_it_takes_part_beside_an_encoder_without_experience(self, encoder, task, store):
        lumo, tarsk = task
        encoders = {"labeled": "acoustic", "default": encoder}
        classifier = fit(HeterogeneousEncoder(encoders, cache=store), task, store)
        clips = tarsk.drop(columns="emotion")
        alone = fit("acoustic", task, store)
        assert classifier.predict_proba(clips).shape == alone.predict_proba(clips).shape
        assert classifier.score(clips, tarsk["emotion"]) > 0.6
        assert len(lumo) == len(classifier.resonance(clips)[0])

    def test_a_source_pool_alone_enhances_the_prototypes(self, encoder, task, store):
        lumo, _ = task
        X, y = lumo.drop(columns="emotion"), lumo["emotion"]
        classifier = SEREClassifier(encoder=encoder, epochs=0, cache=store)
        alone = classifier.fit(X, y).prototypes_
        pooled = classifier.fit(X, y, X_unlabeled_src=(X.iloc[::2],)).prototypes_
        assert not np.allclose(alone, pooled)
        only_source = classifier.set_params(prototypes__pool="source").fit(X, y, X_unlabeled_src=(X.iloc[::2],))
        np.testing.assert_allclose(only_source.prototypes_, pooled)

    def test_meeting_what_it_learned_from_is_said(self, encoder, corpora, store):
        classifier = SEREClassifier(encoder=encoder, epochs=0, cache=store)
        with pytest.warns(SereWarning, match="learned from 100 % of these clips"):
            classifier.fit(corpora["first"].drop(columns="emotion"), corpora["first"]["emotion"])

    def test_a_clip_is_known_by_its_samples_whatever_the_file(self, tmp_path):
        import soundfile

        from sere.audio import Clip

        wave = np.random.default_rng(0).uniform(-0.5, 0.5, 4000).astype(np.float32)
        soundfile.write(tmp_path / "a.wav", wave, 16000, subtype="PCM_16")
        again, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
        soundfile.write(tmp_path / "b.flac", again, 16000, subtype="PCM_16")
        assert audio_digest(Clip(str(tmp_path / "a.wav"))) == audio_digest(Clip(str(tmp_path / "b.flac")))


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "base"), [("acoustic-emotion", "acoustic"), ("speech-emotion", "acoustic+speech")]
    )
    def test_a_shipped_encoder_is_small_and_says_where_it_comes_from(self, name, base):
        from sere.encoders.emotion import SHIPPED

        shipped = EmotionEncoder.load(name)
        assert SHIPPED[name].stat().st_size < 2_000_000
        assert shipped.base.cache_key == HeterogeneousEncoder(base).build(base).cache_key
        card = SHIPPED[name].with_suffix(".md").read_text()
        for corpus in shipped.card.corpora:
            assert corpus["licence"]
            assert f"| {corpus['name']} |" in card
        assert card == shipped.card.text(shipped)

    def test_what_is_not_there_or_not_ours_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"pretrain_encoder\(...\).save"):
            EmotionEncoder.load(tmp_path / "none.npz")
        np.savez(tmp_path / "other.npz", x=np.zeros(3))
        with pytest.raises(ValueError, match="not an encoder that sere wrote"):
            EmotionEncoder.load(tmp_path / "other.npz")

    def test_descriptors_of_another_version_are_refused(self, encoder, tmp_path):
        encoder.save(tmp_path / "mine.npz")
        parts = read_arrays(tmp_path / "mine.npz")
        about = json.loads(str(parts["about"])) | {"base_key": "acoustic-v0"}
        write_arrays(tmp_path / "old.npz", parts | {"about": np.array(json.dumps(about))})
        with pytest.raises(ValueError, match="learned on acoustic-v0"):
            EmotionEncoder.load(tmp_path / "old.npz")

    def test_a_file_of_another_format_or_without_a_checksum_is_refused(self, encoder, tmp_path):
        encoder.save(tmp_path / "mine.npz")
        parts = read_arrays(tmp_path / "mine.npz")
        np.savez(tmp_path / "bare.npz", **parts)
        about = json.loads(str(parts["about"])) | {"format": "sere-encoder-1"}
        write_arrays(tmp_path / "old.npz", parts | {"about": np.array(json.dumps(about))})
        for name, says in (("bare", "its checksum is not"), ("old", "its format is 'sere-encoder-1'")):
            with pytest.raises(ValueError, match=says):
                EmotionEncoder.load(tmp_path / f"{name}.npz")

    def test_a_checkpoint_that_a_file_names_is_asked_for(self, encoder, tmp_path, monkeypatch):
        def opened(*args, **kwargs):
            raise AssertionError("an unasked checkpoint is opened")

        monkeypatch.setattr("sere.encoders.pretrained.locate", opened)
        encoder.save(tmp_path / "mine.npz")
        parts = read_arrays(tmp_path / "mine.npz")
        base = {"encoder": "someone/checkpoint", "layer": -1, "revision": None}
        about = json.loads(str(parts["about"])) | {"base": base}
        write_arrays(tmp_path / "foreign.npz", parts | {"about": np.array(json.dumps(about))})
        says = r"stands on the checkpoint 'someone/checkpoint'.*allow=\['someone/checkpoint'\]"
        for read in (EmotionEncoder.load, lambda path: HeterogeneousEncoder(str(path)).build(str(path))):
            with pytest.raises(ValueError, match=says):
                read(tmp_path / "foreign.npz")
        with pytest.raises(AssertionError, match="unasked"):  # asked for, it is opened
            EmotionEncoder.load(tmp_path / "foreign.npz", allow=["someone/checkpoint"])

    def test_the_command_passes_on_what_is_allowed(self, encoder, tmp_path, monkeypatch):
        from sere.cli.fit import _settings
        from sere.cli.program import _parser

        asked = []
        monkeypatch.setattr(EmotionEncoder, "load", lambda path, allow=(): asked.append((path, allow)))
        line = "fit --labels l.csv --out m --encoder mine.npz --allow someone/checkpoint"
        _settings(_parser().parse_args(line.split()))
        assert asked == [("mine.npz", ["someone/checkpoint"])]

    @settings(max_examples=60, deadline=None)
    @given(where=st.integers(0), bit=st.integers(0, 7), cut=st.booleans())
    def test_a_damaged_file_is_refused_by_name_or_says_the_same(self, encoder, where, bit, cut):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mine.npz"
            encoder.save(path)
            content = bytearray(path.read_bytes())
            if cut:
                del content[where % len(content) :]
            else:
                content[where % len(content)] ^= 1 << bit
            path.write_bytes(content)
            refused = ""
            try:
                assert EmotionEncoder.load(path).identity == encoder.identity
            except ValueError as error:
                refused = str(error)
            assert not refused or str(path) in refused

    def test_another_number_under_the_old_checksum_is_refused(self, encoder, tmp_path):
        encoder.save(tmp_path / "mine.npz")
        with np.load(tmp_path / "mine.npz") as stored:
            parts = dict(stored)
        np.savez(tmp_path / "mine.npz", **(parts | {"centre": parts["centre"] + 1}))
        with pytest.raises(ValueError, match=r"mine\.npz' is not an encoder.*checksum"):
            EmotionEncoder.load(tmp_path / "mine.npz")

    def test_arrays_that_do_not_fit_each_other_are_refused(self, encoder, tmp_path):
        encoder.save(tmp_path / "mine.npz")
        parts = read_arrays(tmp_path / "mine.npz")
        for name in ("evidence_bias", "examples", "frame_directions", "scale"):
            for wrong in (parts[name][:-1], parts[name] * np.float32(np.nan)):
                write_arrays(tmp_path / "mine.npz", parts | {name: wrong})
                with pytest.raises(ValueError, match=rf"mine\.npz' is not an encoder.*{name} has shape"):
                    EmotionEncoder.load(tmp_path / "mine.npz")

    @pytest.mark.parametrize(("name", "error"), [("mine.bin", ValueError), ("no/folder/mine.npz", FileNotFoundError)])
    def test_a_place_that_cannot_be_written_is_refused(self, encoder, tmp_path, name, error):
        with pytest.raises(error):
            encoder.save(tmp_path / name)

    def test_an_encoder_of_the_users_own_cannot_be_written_alone(self, encoder, tmp_path):
        class Mine(AcousticEncoder.__base__):
            cache_key, frame_names = "mine", []

            def encode(self, waves, pitches=None):
                return []

        mine = EmotionEncoder(Mine(), encoder.experience, Card())
        with pytest.raises(TypeError, match="Mine cannot be saved"):
            mine.save(tmp_path / "mine.npz")

    def test_the_command_learns_from_a_folder_of_corpora(self, tmp_path, capsys, monkeypatch):
        import soundfile

        monkeypatch.setenv("SERE_CACHE", str(tmp_path / "cache"))
        voices = make_voices(2, ["lumo"], 2, ["anger", "sadness"], 0, duration=0.4)
        for i, row in enumerate(voices.itertuples()):
            code = {"anger": "W", "sadness": "T"}[row.emotion]
            place = tmp_path / "corpora" / "emodb" / f"{('03', '08')[i % 2]}a0{1 + i % 2}{code}{'abcd'[i]}.wav"
            place.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(place, row.audio, 16000)
        out = tmp_path / "mine.npz"
        assert main(["pretrain", "--corpora", str(tmp_path / "corpora"), "--out", str(out)]) == 0
        assert EmotionEncoder.load(out).experience.emotions == ("anger", "sadness")
        assert "emodb" in out.with_suffix(".md").read_text()
        assert "card in" in capsys.readouterr().out
        assert main(["pretrain", "--corpora", str(tmp_path / "corpora"), "--only", "mars", "--out", str(out)]) == 2
