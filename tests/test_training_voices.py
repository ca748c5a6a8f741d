"""Two groups of voices: when a pool has them, whose clips are in them, along which directions they are looked for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sere import Utterances
from sere.encoders.emotion import Card, EmotionEncoder
from sere.encoders.experience import ARRAYS, Experience
from sere.training.prepare import Preparation
from sere.training.voices import APART, FEW, SMALLEST, like, two_voices, voice_directions


def pool(n=60, apart=10.0, share=0.5, seed=0, width=3):
    """Places of clips of two voices, in turns as far as the share allows, and whose each is."""
    rng = np.random.default_rng(seed)
    whose = np.arange(n) % round(1 / min(share, 1 - share)) == 0
    return rng.normal(size=(n, width)) + apart * whose[:, None] * np.eye(width)[0], whose.astype(int)


class TestTwoVoices:
    @pytest.mark.parametrize("share", [0.5, 0.25, 0.1])
    def test_two_voices_far_apart_are_found(self, share):
        places, whose = pool(100, 12.0, share)
        centres = two_voices(places)
        assert (like(places, centres) == whose).all()
        np.testing.assert_allclose(centres, [places[whose == group].mean(0) for group in (0, 1)])

    @pytest.mark.parametrize("n", [20, 60, 500])
    def test_clips_of_one_voice_are_not_divided(self, n):
        assert two_voices(pool(n, 0.0)[0]) is None

    def test_groups_nearer_than_the_voices_of_one_kind_are_none(self):
        rng = np.random.default_rng(0)
        noise = rng.normal(size=(400, 3)) * 0.3
        halves = np.arange(400) % 2
        for apart, divided in ((APART - 0.3, False), (APART + 0.3, True)):
            assert (two_voices(noise + apart * halves[:, None] * np.eye(3)[1]) is not None) == divided

    def test_few_clips_and_few_clips_of_a_group_divide_nothing(self):
        places, _ = pool(FEW, 12.0)
        assert two_voices(places) is not None
        assert two_voices(places[: FEW - 1]) is None
        for others, divided in ((SMALLEST - 1, False), (SMALLEST, True)):
            alone = np.vstack([pool(60, 0.0)[0], pool(others, 0.0, seed=1)[0] + 30])
            assert (two_voices(alone) is not None) == divided

    def test_without_directions_nothing_is_divided(self):
        assert two_voices(np.zeros((100, 0))) is None

    @given(seed=st.integers(0, 1000), n=st.integers(FEW, 80), share=st.sampled_from([0.5, 0.3]))
    @settings(max_examples=40, deadline=None)
    def test_groups_are_those_of_the_nearest_centre_in_any_order_of_the_clips(self, seed, n, share):
        places, _ = pool(n, 11.0, share, seed)
        centres = two_voices(places)
        groups = [min((0, 1), key=lambda k: sum((x - c) ** 2 for x, c in zip(row, centres[k]))) for row in places]
        assert like(places, centres).tolist() == groups
        np.testing.assert_allclose(centres, [places[np.array(groups) == k].mean(0) for k in (0, 1)])
        order = np.random.default_rng(seed).permutation(n)
        np.testing.assert_allclose(two_voices(places[order]), centres)


def corpus(n_speakers=6, n=40, width=8, voice=0, feeling=1, seed=0):
    """Contexts in which speakers differ along one column and their feelings along another, and who speaks."""
    rng = np.random.default_rng(seed)
    speakers = np.array([f"s{k}" for k in range(n_speakers) for _ in range(n)], object)
    X = rng.normal(size=(len(speakers), width)) * 0.5
    X[:, voice] += np.repeat(rng.permutation(np.linspace(-2, 2, n_speakers)), n)
    X[:, feeling] += 3 * rng.choice([-1, 0, 1], len(X))
    return X - X.mean(0), speakers


class TestVoiceDirections:
    def test_the_first_is_where_speakers_differ_and_not_where_feelings_do(self):
        directions = voice_directions([corpus(seed=1), corpus(seed=2)])
        assert directions.shape == (8, 3)
        first = directions[:, 0] / np.linalg.norm(directions[:, 0])
        assert first[0] > 0.95
        assert abs(first[1]) < 0.1

    def test_clips_of_one_speaker_have_covariance_1_along_them(self):
        corpora = [corpus(seed=1), corpus(n_speakers=3, n=7, seed=2)]
        directions = voice_directions(corpora)
        covariance = np.zeros((3, 3))
        for X, speakers in corpora:
            own = [X[speakers == s] @ directions for s in set(speakers)]
            covariance += sum(np.cov(rows.T, bias=True) for rows in own) / len(own) / 2
        np.testing.assert_allclose(covariance, np.eye(3), atol=1e-4)

    def test_who_is_not_known_or_says_little_teaches_nothing(self):
        X, speakers = corpus()
        assert voice_directions([(X, np.full(len(X), None, object))]).shape == (8, 0)
        assert voice_directions([(X, np.full(len(X), "one", object))]).shape == (8, 0)
        expected = voice_directions([(X, speakers)])
        extra = np.vstack([X, np.random.default_rng(3).normal(size=(9, 8)) * 9])
        unheard = np.concatenate([speakers, np.full(5, None, object), np.full(4, "rare", object)])
        np.testing.assert_array_equal(voice_directions([(extra, unheard), (X[:0], speakers[:0])]), expected)

    def test_a_column_that_no_voice_varies_is_no_infinite_distance(self):
        X, speakers = corpus()
        X[:, 5] = np.unique(speakers, return_inverse=True)[1]
        assert np.isfinite(voice_directions([(X, speakers)])).all()

    def test_fewer_columns_than_directions(self):
        X, speakers = corpus(width=2)
        assert voice_directions([(X, speakers)]).shape == (2, 2)


def experience(width=4, frame_width=2):
    """Experience that tells voices by the first column."""
    shapes = {"evidence_weights": (2, width), "evidence_bias": (2,), "examples": (2, width)}
    shapes |= {"frame_examples": (2, frame_width), "directions": (width, 1), "frame_directions": (frame_width, 1)}
    arrays = {name: np.ones(shape) for name, shape in shapes.items()}
    voices = 3.5 * np.eye(width)[:, :1]
    return Experience(("anger", "fear"), **arrays, centre=np.zeros(width), scale=np.ones(width), voices=voices)


def embedded(n=40, speakers=None, known=True, seed=0):
    """Clips of two voices in turns, and the encoder's experience beside them where it is known."""
    rng = np.random.default_rng(seed)
    high = np.arange(n) % 2
    base = type("Base", (), {"cache_key": "e"})()
    shift = np.array([12.0, 3.0, 0.0, 0.0])
    return Utterances(
        clips=None,
        speakers=np.full(n, None, object) if speakers is None else np.array(speakers, object),
        languages=np.full(n, None, object),
        dynamics=[rng.normal(size=(3, 4)) for _ in range(n)],
        frames=[rng.normal(size=(3, 2)) + 5 * own for own in high],
        context=[rng.normal(size=4) + shift * own for own in high],
        encoders=np.full(n, "e", object),
        experience={"e": EmotionEncoder(base, experience(), Card())} if known else {},
    )


def standardised(clips, shrinkage=0.0, learned_from=None):
    preparation = Preparation(shrinkage, 50.0)
    preparation.learn("d", clips if learned_from is None else learned_from)
    (space,) = preparation.pool(clips, ["d"] * len(clips))[0].spaces
    return space.context, np.array([f.mean(0) for f in np.split(space.frames, space.offsets[1:-1])])


class TestStandardisation:
    def test_where_nobody_is_known_each_voice_is_standardised_by_its_own(self):
        context, frames = standardised(embedded())
        for group in (0, 1):
            np.testing.assert_allclose(context[group::2].mean(0), 0, atol=1e-9)
            np.testing.assert_allclose(context[group::2].std(0), 1)
            np.testing.assert_allclose(frames[group::2].mean(0), 0, atol=1e-9)

    def test_groups_are_shrunk_to_the_domain_as_speakers_are(self):
        groups = standardised(embedded(), 4.0)
        named = standardised(embedded(speakers=["low", "high"] * 20), 4.0)
        np.testing.assert_allclose(groups[0], named[0])
        np.testing.assert_allclose(groups[1], named[1])

    @pytest.mark.parametrize(("known", "shrinkage"), [(False, 0.0), (True, np.inf)])
    def test_without_experience_or_where_speakers_are_ignored_the_domain_is_one(self, known, shrinkage):
        clips = embedded(known=known)
        everyone = np.array(clips.context)
        expected = np.clip((everyone - everyone.mean(0)) / everyone.std(0), -4, 4)
        np.testing.assert_allclose(standardised(clips, shrinkage)[0], expected)

    def test_experience_of_an_earlier_release_divides_nothing(self):
        clips = embedded()
        older = replace(experience(), voices=Experience.__dataclass_fields__["voices"].default_factory())
        clips = clips.with_(experience={"e": EmotionEncoder(clips.experience["e"].base, older, Card())})
        np.testing.assert_array_equal(standardised(clips)[0], standardised(embedded(known=False))[0])

    def test_known_speakers_have_their_own_and_strangers_the_group_that_they_sound_like(self):
        speakers = [f"s{k % 4}" for k in range(40)]
        pooled = embedded(speakers=speakers)
        own = standardised(pooled)[0]
        for k in range(4):
            np.testing.assert_allclose(own[k::4].mean(0), 0, atol=1e-9)
        strangers = standardised(embedded(speakers=["x"] * 40), learned_from=pooled)[0]
        np.testing.assert_allclose(strangers, standardised(embedded())[0])

    def test_a_clip_is_standardised_alike_alone_and_beside_others(self):
        preparation = Preparation(4.0, 50.0)
        preparation.learn("d", embedded())
        asked = embedded(seed=1)
        (together,) = preparation.pool(asked, ["d"] * 40)[0].spaces
        for row in (0, 1, 7):
            (alone,) = preparation.pool(asked[[row]], ["d"])[0].spaces
            np.testing.assert_array_equal(alone.context[0], together.context[row])

    def test_a_domain_that_is_learned_again_forgets_its_groups(self):
        preparation = Preparation(0.0, 50.0)
        preparation.learn("d", embedded())
        assert list(preparation.voices["e"]) == ["d"]
        one = embedded()[::2]
        preparation.learn("d", one)
        assert preparation.voices == {"e": {}}
        (space,) = preparation.pool(one, ["d"] * 20)[0].spaces
        np.testing.assert_allclose(space.context.mean(0), 0, atol=1e-9)

    def test_the_units_of_a_clip_are_those_it_is_standardised_by(self):
        clips = embedded()
        preparation = Preparation(0.0, 50.0)
        preparation.learn("d", clips)
        for row in (0, 1):
            of_context, of_frames = preparation.units("e", "d", clips[[row]])
            np.testing.assert_allclose(of_context, np.std(clips.context[row::2], axis=0))
            np.testing.assert_allclose(of_frames, np.std(np.concatenate(clips.frames[row::2]), axis=0))


def test_an_encoder_of_before_there_were_voices_loads_and_divides_nothing(tmp_path):
    from sere.encoders._arrays import read_arrays, write_arrays

    file = tmp_path / "e.npz"
    shipped = EmotionEncoder.load("acoustic-emotion")
    assert shipped.experience.voices.shape == (len(shipped.experience.centre), 3)
    shipped.save(file)
    again = EmotionEncoder.load(file)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again.experience, name), getattr(shipped.experience, name))
    write_arrays(file, {name: array for name, array in read_arrays(file).items() if name != "voices"})
    before = EmotionEncoder.load(file)
    assert before.experience.voices.shape == (len(shipped.experience.centre), 0)
    assert before.identity != shipped.identity
