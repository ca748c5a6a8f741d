"""HeterogeneousEncoder: who embeds which clip, and what becomes of it."""

from itertools import pairwise

import numpy as np
import pytest

from sere import DynamicFeatureTransformer, HeterogeneousEncoder, SEREClassifier, audio
from sere.audio import AudioError
from sere.encoders.base import Encoded, FrameEncoder
from sere.inputs.reading import as_utterances, as_vectors
from sere.store import FrameStore


class Tiny(FrameEncoder):
    """Energies of some bands of the spectrum, named after a letter."""

    def __init__(self, letter="a", width=3, log=None):
        self.letter, self.width, self.log = letter, width, log

    @property
    def cache_key(self):
        return f"tiny-{self.letter}-{self.width}"

    @property
    def frame_names(self):
        return [f"{self.letter}{k}" for k in range(self.width)]

    def encode(self, waves, pitches=None):
        if self.log is not None:
            self.log.append(len(waves))
        return [Encoded(self._bands(wave)) for wave in waves]

    def _bands(self, wave):
        n = audio.n_frames(len(wave))
        padded = np.pad(wave, (256, 512))
        power = [np.abs(np.fft.rfft(padded[320 * t : 320 * t + 512])[1:]) ** 2 for t in range(n)]
        edges = np.geomspace(1, 256, self.width + 1).astype(int)
        bands = [[p[a : max(b, a + 1)].mean() for a, b in pairwise(edges)] for p in power]
        return np.log(np.array(bands) + 1e-6).astype("f4")


class WithBrokenWeights(Tiny):
    """One that gives NaN for clips of more than half a second."""

    def _bands(self, wave):
        return super()._bands(wave) * (np.nan if len(wave) > 8_000 else 1)


def test_frames_that_are_not_finite_are_an_error_that_names_clip_and_encoder_and_are_not_kept(tmp_path):
    waves = [np.full(n, 0.1) for n in (8_000, 8_001)]
    for _ in range(2):
        with pytest.raises(AudioError, match=r"X\[1\]: waveform: the encoder 'tiny-a-3' gave 78 NaN or inf.*frames"):
            HeterogeneousEncoder(WithBrokenWeights(), cache=tmp_path).fit(waves).transform(waves)
    assert FrameStore(tmp_path).info().entries == 1


@pytest.mark.parametrize("portion", [1, 2, 3])
def test_clips_are_embedded_in_portions_and_what_is_wrong_with_any_is_said_once_the_others_are_done(
    portion, tmp_path, monkeypatch
):
    monkeypatch.setattr("sere.estimators.encoder.PORTION", portion)
    waves = [np.full(n, 0.1, np.float32) for n in (7_000, 8_001, 8_000, 9_000, 6_000)]
    for _ in range(2):
        with pytest.raises(AudioError) as caught:
            HeterogeneousEncoder(WithBrokenWeights(), cache=tmp_path).fit(waves).transform(waves)
        assert [row for row, _ in caught.value.problems] == [1, 3]
    assert FrameStore(tmp_path).info().entries == 3
    log = []
    kept = HeterogeneousEncoder(Tiny(log=log), cache=tmp_path).fit_transform(waves[::2])
    assert not log
    for frames, wave in zip(kept.frames, waves[::2], strict=True):
        np.testing.assert_allclose(frames, Tiny()._bands(wave), rtol=1e-5)


class Pitched(Tiny):
    """One that wants pitch, and embeds it."""

    needs_pitch = True

    def encode(self, waves, pitches=None):
        return [Encoded(pitch.f0[:, None].repeat(self.width, 1)) for pitch in pitches]


A, B = Tiny("a", 3), Tiny("b", 5)


def who(encoder, clips, role="target"):
    """First letters of the encoders that clips got."""
    return [name[5] for name in encoder.encode(as_utterances(clips), role).encoders]


def spoken(source, *languages):
    return source[: len(languages)].assign(language=list(languages))


def test_a_clip_gets_the_encoder_of_its_language(source):
    encoder = HeterogeneousEncoder({"de": A, "it": B})
    assert who(encoder, spoken(source, "de", "it", "de")) == ["a", "b", "a"]


def test_languages_go_by_any_of_their_names(source):
    encoder = HeterogeneousEncoder({"German": A, "it": B})
    assert who(encoder, spoken(source, "deu", "Italian", "de-AT")) == ["a", "b", "a"]


def test_a_language_of_ones_own_goes_by_its_name(source, target):
    encoder = HeterogeneousEncoder({"lumo": A, "default": B})
    assert who(encoder, source[:2]) == ["a", "a"]
    assert who(encoder, target[:2]) == ["b", "b"]


@pytest.mark.parametrize(("role", "letter"), [("labeled", "a"), ("source", "b"), ("target", "c")])
def test_without_a_language_the_role_decides(source, role, letter):
    encoder = HeterogeneousEncoder({"labeled": A, "source": B, "target": Tiny("c")})
    assert who(encoder, list(source["audio"][:2]), role) == [letter] * 2


def test_a_language_is_looked_up_before_a_role(source):
    encoder = HeterogeneousEncoder({"de": A, "target": B})
    assert who(encoder, spoken(source, "de", "fr")) == ["a", "b"]


def test_labeled_clips_get_their_own_encoder_whatever_their_language(source):
    encoder = HeterogeneousEncoder({"de": A}, labeled=B)
    assert who(encoder, spoken(source, "de", "de"), "labeled") == ["b", "b"]
    assert who(encoder, spoken(source, "de", "de"), "source") == ["a", "a"]


def test_one_encoder_in_a_dict_is_for_everyone(source):
    assert who(HeterogeneousEncoder({"de": A}), spoken(source, "fr")) == ["a"]


def test_fit_transform_embeds_labeled_clips_and_transform_target_ones(source):
    encoder = HeterogeneousEncoder({"labeled": A, "target": B})
    clips = list(source["audio"][:2])
    assert encoder.fit_transform(clips).encoders.tolist() == ["tiny-a-3"] * 2
    assert encoder.transform(clips).encoders.tolist() == ["tiny-b-5"] * 2


def test_a_language_without_an_encoder_says_what_there_is_and_what_to_add(source):
    encoder = HeterogeneousEncoder({"de": A, "it": B})
    with pytest.raises(
        ValueError, match=r"no encoder for a target clip of language 'fr'.*\['de', 'it'\]; add the lang"
    ):
        who(encoder, spoken(source, "fr"))
    with pytest.raises(ValueError, match="language None"):
        who(encoder, list(source["audio"][:1]))


@pytest.mark.filterwarnings("ignore:X_unlabeled_src is 'lumo'")
@pytest.mark.parametrize("role", ["source", "target"])
def test_a_missing_encoder_is_found_before_anything_is_extracted(source, monkeypatch, role):
    monkeypatch.setattr(DynamicFeatureTransformer, "extract", None)
    classifier = SEREClassifier(HeterogeneousEncoder({"de": A, "it": B}))
    pools = {"source": "X_unlabeled_src", "target": "X_unlabeled_tgt"}
    with pytest.raises(ValueError, match=f"a {role} clip of language 'lumo'"):
        classifier.fit(spoken(source, "de", "it"), ["x", "y"], **{pools[role]: (source[2:].drop(columns="speaker"),)})


@pytest.mark.parametrize(
    ("language", "role", "name"),
    [("de", "target", "whisper-large-v3"), ("it", "labeled", "wav2vec2-base"), ("zh", "source", "hubert")],
)
def test_paper_stands_for_the_papers_checkpoints(language, role, name):
    assert name in HeterogeneousEncoder("paper").choose(language, role)


def test_the_papers_checkpoints_need_a_language():
    with pytest.raises(ValueError, match="source_language and target_language"):
        HeterogeneousEncoder("paper").choose(None, "target")


@pytest.mark.parametrize("encoders", [None, 7, ["acoustic"]])
def test_what_is_no_encoder_is_an_error(source, encoders):
    with pytest.raises(
        TypeError,
        match=r"it must be the name of an encoder, its file or folder, a FrameEncoder, a tuple of .* or a dict",
    ):
        HeterogeneousEncoder(encoders).fit(source)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"encoders": {}}, r"a dict \(not empty\)"),
        ({"trainable_layers": -1}, "trainable_layers"),
        ({"layer": (1, 2), "combine": "concatenate"}, "combine='concatenate' and .* names none"),
        ({"pitch_model": "x"}, "pitch_m"),
    ],
)
def test_parameters_out_of_range_are_an_error_that_names_them(source, params, words):
    with pytest.raises(ValueError, match=words):
        HeterogeneousEncoder(**params).fit(source)


def test_context_is_mean_and_sd_where_the_encoder_gives_none(source):
    embedded = HeterogeneousEncoder(A).fit_transform(source[:3])
    for frames, context in zip(embedded.frames, embedded.context, strict=True):
        np.testing.assert_allclose(context, [*frames.mean(0), *frames.std(0)], rtol=1e-5)
    np.testing.assert_allclose(np.asarray(embedded), np.array(embedded.context))
    names = ["a0_mean", "a1_mean", "a2_mean", "a0_sd", "a1_sd", "a2_sd"]
    assert embedded.feature_names == names
    assert HeterogeneousEncoder(A).fit(source[:1]).get_feature_names_out().tolist() == names


def test_unlike_widths_have_no_table_but_frames_for_each(source):
    embedded = HeterogeneousEncoder({"de": A, "it": B}).fit_transform(spoken(source, "de", "it", "de"))
    assert [f.shape[1] for f in embedded.frames] == [3, 5, 3]
    assert embedded.summaries == {}


def test_clips_embedded_together_are_those_embedded_alone(source):
    encoder = HeterogeneousEncoder({"de": A, "it": B}, cache=False)
    clips = spoken(source, "de", "it", "it", "de")
    together = encoder.fit_transform(clips)
    for row in range(4):
        np.testing.assert_array_equal(encoder.fit_transform(clips.iloc[[row]]).frames[0], together.frames[row])


def test_a_pitch_that_is_there_is_not_tracked_again(source, monkeypatch):
    clips = DynamicFeatureTransformer().fit_transform(source[:2])
    monkeypatch.setattr("sere.estimators.encoder.static_tracks", None)
    embedded = HeterogeneousEncoder(Pitched(), cache=False).fit_transform(clips)
    np.testing.assert_array_equal(embedded.frames[0][:, 0], clips.pitches[0].f0)


def test_embeddings_are_kept_under_the_pitch_they_were_made_with(source, tmp_path):
    encoder = HeterogeneousEncoder(Pitched(), pitch_model="tiny", cache=tmp_path)
    other = DynamicFeatureTransformer(pitch_model="full").fit_transform(source[:1])
    made_with_full = encoder.fit_transform(other).frames[0][:, 0]
    np.testing.assert_array_equal(made_with_full, other.pitches[0].f0)
    tiny = DynamicFeatureTransformer(pitch_model="tiny").fit_transform(source[:1])
    np.testing.assert_array_equal(encoder.fit_transform(source[:1]).frames[0][:, 0], tiny.pitches[0].f0)


def test_embeddings_of_pitch_from_another_range_are_kept_apart(source, tmp_path):
    encoder = HeterogeneousEncoder(Pitched(), cache=tmp_path)
    for ceiling in (300.0, 150.0):
        clips = DynamicFeatureTransformer(pitch_ceiling=ceiling).fit_transform(source[:1])
        np.testing.assert_array_equal(encoder.fit_transform(clips).frames[0][:, 0], clips.pitches[0].f0)


def test_a_broken_clip_is_named_by_its_row_among_all(source, tmp_path):
    import soundfile

    wave = source["audio"][0].copy()
    wave[5] = np.nan
    soundfile.write(tmp_path / "nan.wav", wave, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "good.wav", source["audio"][1], 16_000, subtype="FLOAT")
    import pandas as pd

    names = ["good", "good", "nan", "good"]
    clips = pd.DataFrame({"path": [str(tmp_path / f"{n}.wav") for n in names], "language": ["de", "it", "it", "de"]})
    with pytest.raises(AudioError, match=r"X\[2\].*nan\.wav"):
        HeterogeneousEncoder({"de": A, "it": B}).fit_transform(clips)


def test_embeddings_are_computed_once(source, tmp_path):
    log = []
    for _ in range(2):
        HeterogeneousEncoder(Tiny("a", 3, log), cache=tmp_path).fit_transform(source[:5])
    assert sum(log) == 5


def test_feature_vectors_are_not_embedded():
    with pytest.raises(TypeError, match="encoders need audio"):
        HeterogeneousEncoder(A).encode(as_vectors(np.zeros((2, 3))), "target")


def test_a_classifier_joins_encoders_of_unlike_widths(source, target):
    encoder = HeterogeneousEncoder({"lumo": Tiny("a", 12), "tarsk": Tiny("b", 20)})
    classifier = SEREClassifier(encoder, epochs=5, random_state=0)
    classifier.fit(source[:9], source["emotion"][:9], (source,), (target,))
    assert (classifier.predict(target) == target["emotion"]).mean() > 0.5
    assert (classifier.predict(source) == source["emotion"]).mean() > 0.5
    assert classifier.transform(target).shape == (len(target), 52)


def test_predictions_over_unlike_encoders_do_not_depend_on_order(source, target):
    import pandas as pd

    encoder = HeterogeneousEncoder({"lumo": Tiny("a", 6), "tarsk": Tiny("b", 8)})
    classifier = SEREClassifier(encoder, epochs=1, random_state=0)
    classifier.fit(source[:6], source["emotion"][:6], None, (target,))
    both = pd.concat([source[:4], target[:4]])
    order = [7, 0, 5, 2, 3, 6, 1, 4]
    np.testing.assert_allclose(
        classifier.decision_function(both.iloc[order]), classifier.decision_function(both)[order], rtol=1e-12
    )


def test_a_clip_whose_encoder_took_no_part_in_fit_is_an_error(source, target):
    encoder = HeterogeneousEncoder({"lumo": A, "tarsk": B})
    classifier = SEREClassifier(encoder, epochs=0).fit(source[:6], source["emotion"][:6])
    with pytest.raises(ValueError, match=r"'tiny-b-5' cannot be used: fit saw \['tiny-a-3'\]"):
        classifier.predict(target)


def test_unlike_encoders_without_dynamics_say_that_dynamics_must_come_first(source, target):
    encoder = HeterogeneousEncoder({"de": A, "it": B})
    near = encoder.encode(as_utterances(source.assign(language="de")), "labeled")
    far = encoder.encode(as_utterances(target.assign(language="it")), "target")
    with pytest.raises(ValueError, match="put DynamicFeatureTransformer before HeterogeneousEncoder"):
        SEREClassifier(epochs=0).fit(near, source["emotion"], None, (far,))
