"""Encoders side by side: columns, alignment, what is kept, what is refused, and that everything takes them."""

import json

import checkpoints
import numpy as np
import pytest
from checkpoints import noise

import sere
from sere import HeterogeneousEncoder, SEREClassifier, pretrain_encoder
from sere.baselines import LinearBaseline
from sere.encoders import EmotionEncoder
from sere.encoders._bases import NotAllowedError, base_facts, build_base
from sere.encoders.acoustic import AcousticEncoder
from sere.encoders.base import Encoded, FrameEncoder, pooled_context
from sere.encoders.pretrained import PretrainedEncoder
from sere.encoders.side_by_side import SideBySideEncoder
from sere.encoders.spec import side_by_side, spec_name
from sere.encoders.speech import SpeechEncoder
from sere.tracks import pitch


class Steps(FrameEncoder):
    """Frame numbers times a factor, some frames more or fewer than others give, with or without a context."""

    def __init__(self, factor=1.0, more=0, context=None, log=None):
        self.factor, self.more, self.own_context, self.log = factor, more, context, log

    @property
    def cache_key(self):
        return f"steps-{self.factor}-{self.more}-{self.own_context}"

    @property
    def frame_names(self):
        return ["step", "square"]

    @property
    def context_names(self):
        return [] if self.own_context is None else ["own"]

    def encode(self, waves, pitches=None):
        if self.log is not None:
            self.log.append(len(waves))
        context = None if self.own_context is None else np.array([self.own_context], np.float32)
        t = [self.factor * np.arange(1 + len(w) // 320 + self.more, dtype=np.float32) for w in waves]
        return [Encoded(np.stack([each, each**2], 1), context) for each in t]


@pytest.fixture(scope="module")
def experienced(source):
    """Experience on descriptors and speech together."""
    return pretrain_encoder([source], encoder="acoustic+speech", random_state=0)


class TestColumns:
    def test_every_frame_holds_the_columns_of_all(self):
        [clip] = SideBySideEncoder([Steps(1.0), Steps(10.0)]).encode([noise(640)])
        np.testing.assert_array_equal(clip.frames, [[0, 0, 0, 0], [1, 1, 10, 100], [2, 4, 20, 400]])
        assert clip.frames.dtype == np.float32

    def test_contexts_stand_beside_each_other_and_frames_stand_in_for_a_missing_one(self):
        both = SideBySideEncoder([Steps(1.0, context=7.0), Steps(10.0)])
        [clip] = both.encode([noise(640)])
        np.testing.assert_allclose(clip.context, [7.0, *pooled_context(clip.frames[:, 2:])])
        assert both.context_names == [
            "steps1_own", "steps2_step_mean", "steps2_square_mean", "steps2_step_sd", "steps2_square_sd"
        ]  # fmt: skip

    def test_names_begin_with_the_part(self):
        both = SideBySideEncoder([AcousticEncoder(), SpeechEncoder()])
        assert both.frame_names[0] == "acoustic_f0_mean"
        assert both.frame_names[36] == "speech_layer1_0"
        assert both.context_names[71] == "speech_layer1_0_mean"
        assert len(both.frame_names) == len(set(both.frame_names)) == 1188

    @pytest.mark.parametrize(
        ("more", "last"), [(-2, [[8, 64]] * 3), (-1, [[8, 64], [9, 81], [9, 81]]), (0, None), (2, None)]
    )
    def test_the_first_one_says_how_many_frames_there_are(self, more, last):
        [clip] = SideBySideEncoder([Steps(), Steps(more=more)]).encode([noise(3200)])
        expected = last or [[8, 64], [9, 81], [10, 100]]
        np.testing.assert_array_equal(clip.frames[8:, 2:], expected)
        np.testing.assert_array_equal(clip.frames[:, 0], np.arange(11))

    def test_more_than_two_frames_apart_they_cannot_be_aligned(self):
        with pytest.raises(ValueError, match=r"gives 14 frames of a clip of which .* gives 11"):
            SideBySideEncoder([Steps(), Steps(more=3)]).encode([noise(3200)])

    def test_what_stands_side_by_side_already_becomes_one_row(self):
        nested = SideBySideEncoder([SideBySideEncoder([Steps(1), Steps(2)]), Steps(3)])
        assert [part.factor for part in nested.parts] == [1, 2, 3]
        assert nested.encode([noise(320)])[0].frames.shape == (2, 6)

    def test_pitch_goes_to_those_that_want_it(self):
        wave = noise(8000)
        found = pitch(wave)
        [clip] = SideBySideEncoder([SpeechEncoder(), AcousticEncoder()]).encode([wave], [found])
        [alone] = AcousticEncoder().encode([wave], [found])
        np.testing.assert_array_equal(clip.frames[:, 1152:], alone.frames)
        np.testing.assert_array_equal(clip.context[1152:], alone.context)


class TestRefused:
    def test_one_encoder_is_not_beside_any(self):
        with pytest.raises(ValueError, match="two or more, got 1"):
            SideBySideEncoder([Steps()])
        with pytest.raises(ValueError, match="a tuple of two or more"):
            HeterogeneousEncoder(("acoustic",)).fit([noise(8000)])

    def test_experience_is_learned_on_the_whole(self, experienced):
        with pytest.raises(ValueError, match=r"'pretrained by sere' has experience.*encoder='acoustic\+speech'"):
            HeterogeneousEncoder(("speech", experienced)).fit([noise(8000)])

    @pytest.mark.parametrize("settings", [{"trainable_layers": 1}, {"layer": "weighted"}])
    def test_a_part_that_learns_says_what_to_choose_instead(self, tmp_path, settings):
        folder = checkpoints.save_checkpoint("whisper", tmp_path)
        with pytest.raises(ValueError, match=r"leave trainable_layers=0 and choose layers by number"):
            HeterogeneousEncoder(("acoustic", str(folder)), **settings).fit([noise(8000)])

    @pytest.mark.parametrize("name", ["acoustic+", "+speech", "acoustic++speech"])
    def test_a_missing_name_is_an_error(self, name):
        with pytest.raises(ValueError, match='"\\+" joins two names'):
            HeterogeneousEncoder(name).fit([noise(8000)])

    def test_the_papers_checkpoints_go_by_their_own_names(self):
        with pytest.raises(ValueError, match="stands for one encoder per language"):
            HeterogeneousEncoder("acoustic+paper").fit([noise(8000)])


class TestNames:
    def test_names_joined_and_tuples_are_the_same(self):
        assert side_by_side("acoustic + speech") == side_by_side(("acoustic", "speech")) == ("acoustic", "speech")
        assert spec_name(("acoustic", "speech")) == spec_name("acoustic+speech") == "acoustic+speech"
        assert side_by_side(("a+b", "c")) == ("a", "b", "c")

    def test_a_folder_whose_name_has_a_plus_is_a_folder(self, tmp_path):
        folder = tmp_path / "a+b"
        folder.mkdir()
        assert side_by_side(str(folder)) == (str(folder),)

    def test_a_checkpoint_stands_beside_others(self, tmp_path):
        folder = checkpoints.save_checkpoint("whisper", tmp_path / "tiny")
        embedder = HeterogeneousEncoder(f"speech+{folder}", layer=(1, 2), combine="concatenate", cache=False)
        embedded = embedder.fit_transform([noise(8000)])
        theirs = PretrainedEncoder(folder, layer=(1, 2), combine="concatenate").encode([noise(8000)])[0]
        np.testing.assert_array_equal(embedded.frames[0][:, 1152:], theirs.frames)
        assert embedded.feature_names[-1] == "pretrained_tiny_layer2_15_sd"


class TestKept:
    def test_each_part_is_extracted_once_and_shared_with_its_use_alone(self, source, tmp_path):
        first, second = [], []
        clips = source[:4]
        HeterogeneousEncoder(Steps(1.0, log=first), cache=tmp_path).fit_transform(clips)
        both = HeterogeneousEncoder((Steps(1.0, log=first), Steps(2.0, log=second)), cache=tmp_path)
        together = both.fit_transform(clips)
        HeterogeneousEncoder(Steps(2.0, log=second), cache=tmp_path).fit_transform(clips)
        assert (sum(first), sum(second)) == (4, 4)
        np.testing.assert_array_equal(together.frames[0], both.fit_transform(clips[:1]).frames[0])

    def test_frames_kept_in_half_precision_are_the_same_from_the_store_and_without_one(self, source, tmp_path):
        clips = source[:2]
        fresh = HeterogeneousEncoder("speech", cache=False).fit_transform(clips).frames[0]
        for _ in range(2):
            kept = HeterogeneousEncoder("speech", cache=tmp_path).fit_transform(clips).frames[0]
            assert kept.dtype == np.float32
            np.testing.assert_array_equal(kept, fresh)
        [exact] = SpeechEncoder().encode([source["audio"][0]])
        np.testing.assert_allclose(kept, exact.frames, rtol=1e-3, atol=1e-3)


class TestUsed:
    def test_a_classifier_hears_with_both(self, shots, source, target):
        y = shots["emotion"]
        model = SEREClassifier("acoustic+speech", epochs=1, random_state=0).fit(shots, y, (source,), (target,))
        assert model.predict(target).shape == (len(target),)
        alone = model.decision_function(target[3:4])
        np.testing.assert_allclose(alone, model.decision_function(target)[3:4], rtol=1e-12)

    def test_experience_on_both_is_saved_and_loaded(self, experienced, target, tmp_path):
        experienced.save(tmp_path / "both.npz")
        back = EmotionEncoder.load(tmp_path / "both.npz")
        assert back.identity == experienced.identity
        assert back.cache_key == HeterogeneousEncoder().build("acoustic+speech").cache_key
        one, two = (HeterogeneousEncoder(e).fit_transform(target[:2]) for e in (experienced, back))
        np.testing.assert_allclose(np.asarray(one), np.asarray(two), rtol=1e-5)
        assert len(back.experience.directions) == 1223

    def test_what_experience_stands_on_is_made_again_with_every_parameter_of_its_frames(self, tmp_path):
        folder = checkpoints.save_checkpoint("whisper", tmp_path)
        settings = {"layer": (1, 2), "combine": "concatenate", "whisper_slice_positions": True}
        base = SideBySideEncoder([SpeechEncoder(), PretrainedEncoder(folder, **settings)])
        facts = json.loads(json.dumps(base_facts(base)))
        assert build_base(facts, {str(folder)}).cache_key == base.cache_key
        with pytest.raises(NotAllowedError):
            build_base(facts)
        with pytest.raises(TypeError, match="SpeechEncoder cannot be saved"):
            base_facts(SideBySideEncoder([AcousticEncoder(), SpeechEncoder(tmp_path / "own.safetensors")]))

    @pytest.mark.filterwarnings("ignore:.*learned from:UserWarning")
    def test_a_fitted_model_with_it_is_saved_and_loaded(self, experienced, shots, target, tmp_path):
        model = SEREClassifier(experienced, epochs=1, random_state=0).fit(shots, shots["emotion"], None, (target,))
        sere.save(model, tmp_path / "model")
        np.testing.assert_array_equal(sere.load(tmp_path / "model").predict_proba(target), model.predict_proba(target))

    def test_a_comparison_method_hears_with_both(self, shots, target):
        model = LinearBaseline(encoder="acoustic+speech").fit(shots, shots["emotion"], None, (target,))
        assert model.predict(target).shape == (len(target),)
