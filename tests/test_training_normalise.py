"""Standardisation by domain and speaker, against the formula clip by clip."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sere.training.normalise import CLIP, Moments, Standardiser, alias, salt_of


def clips(n=9, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(5, 2, (rng.integers(1, 6), d)) for _ in range(n)]


SPEAKERS = np.array(["a", "b", "a", None, "c", "a", "b", None, "a"], dtype=object)


def literal(frames, speakers, who, shrinkage):
    """Mean and SD of a speaker, shrunk to everyone's by the number of clips, frame by frame."""
    every = [row for clip in frames for row in clip]
    own = [row for clip, speaker in zip(frames, speakers, strict=True) if speaker == who for row in clip]
    n = sum(speaker == who for speaker in speakers)
    trust = n / (n + shrinkage)
    mean, sd = [], []
    for k in range(len(every[0])):
        mean_all = sum(row[k] for row in every) / len(every)
        sd_all = (sum((row[k] - mean_all) ** 2 for row in every) / len(every)) ** 0.5
        mean_own = sum(row[k] for row in own) / len(own)
        sd_own = (sum((row[k] - mean_own) ** 2 for row in own) / len(own)) ** 0.5
        if sd_own <= 0.05 * sd_all:
            sd_own = sd_all
        mean.append(trust * mean_own + (1 - trust) * mean_all)
        sd.append(sd_own**trust * sd_all ** (1 - trust))
    return mean, sd


@pytest.mark.parametrize("shrinkage", [0.0, 1.0, 4.0, 1e6])
@pytest.mark.parametrize("who", ["a", "b", "c"])
def test_a_speaker_is_shrunk_to_the_domain_by_the_number_of_clips(shrinkage, who):
    frames = clips()
    standardiser = Standardiser(shrinkage)
    standardiser.learn("d", Moments.of_frames(frames), SPEAKERS)
    np.testing.assert_allclose(standardiser.scales("d", who), literal(frames, SPEAKERS, who, shrinkage), rtol=1e-9)


def test_the_domain_is_the_mean_and_sd_over_all_frames():
    frames = clips()
    standardiser = Standardiser(4.0)
    standardiser.learn("d", Moments.of_frames(frames), SPEAKERS)
    every = np.concatenate(frames)
    np.testing.assert_allclose(standardiser.domains["d"], (every.mean(0), every.std(0)), rtol=1e-9)


@pytest.mark.parametrize("who", [None, "stranger", ""])
def test_a_speaker_that_was_not_seen_gets_the_domain(who):
    standardiser = Standardiser(4.0)
    standardiser.learn("d", Moments.of_frames(clips()), SPEAKERS)
    assert standardiser.scales("d", who) is standardiser.domains["d"]


def test_a_speaker_of_one_domain_is_a_stranger_in_another():
    standardiser = Standardiser(4.0)
    standardiser.learn("d", Moments.of_frames(clips()), SPEAKERS)
    standardiser.learn("e", Moments.of_frames(clips(seed=1)), np.full(9, None, object))
    assert standardiser.scales("e", "a") is standardiser.domains["e"]


def test_infinite_shrinkage_ignores_speakers():
    standardiser = Standardiser(np.inf)
    standardiser.learn("d", Moments.of_frames(clips()), SPEAKERS)
    assert standardiser.speakers == {}


def test_a_constant_column_becomes_0_and_not_nan():
    vectors = np.array([[1.0, 0.1], [2.0, 0.1], [3.0, 0.1]])
    standardiser = Standardiser(4.0)
    standardiser.learn("d", Moments.of_vectors(vectors), np.array(["a", "a", "b"], object))
    for who in ("a", "b", None):
        found = standardiser.apply(vectors, "d", who)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[:, 1], 0, atol=1e-9)


def test_a_column_that_a_speaker_never_varies_keeps_the_sd_of_the_domain():
    vectors = np.array([[1.0], [1.0], [3.0], [5.0]])
    standardiser = Standardiser(0.0)
    standardiser.learn("d", Moments.of_vectors(vectors), np.array(["a", "a", "b", "b"], object))
    np.testing.assert_allclose(standardiser.scales("d", "a")[1], vectors.std(0))


def test_no_value_lies_beyond_the_cut():
    standardiser = Standardiser(4.0)
    standardiser.learn(
        "d", Moments.of_vectors(np.random.default_rng(0).normal(size=(50, 2))), np.full(50, None, object)
    )
    assert np.abs(standardiser.apply(np.array([[1e9, -1e9]]), "d", None)).tolist() == [[CLIP, CLIP]]


@given(st.floats(0.01, 100), st.floats(-100, 100))
def test_scale_and_offset_of_a_domain_do_not_matter(scale, offset):
    frames = clips()
    plain, moved = Standardiser(4.0), Standardiser(4.0)
    plain.learn("d", Moments.of_frames(frames), SPEAKERS)
    moved.learn("d", Moments.of_frames([scale * f + offset for f in frames]), SPEAKERS)
    for who in ("a", "c", None):
        np.testing.assert_allclose(
            moved.apply(scale * frames[0] + offset, "d", who), plain.apply(frames[0], "d", who), atol=1e-4
        )


def test_moments_of_vectors_are_those_of_frames_of_one_row():
    vectors = np.random.default_rng(0).normal(size=(5, 3))
    one, other = Moments.of_vectors(vectors), Moments.of_frames([v[None] for v in vectors])
    for name in ("mean", "square", "weight"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_speakers_are_kept_under_a_hash_of_their_names():
    standardiser = Standardiser(4.0, salt="ab" * 16)
    standardiser.learn("d", Moments.of_frames(clips()), SPEAKERS)
    known = {speaker for speaker in SPEAKERS if speaker is not None}
    assert set(standardiser.speakers["d"]) == {alias(speaker, standardiser.salt) for speaker in known}
    assert not known & set(standardiser.speakers["d"])
    assert len({alias(name, "") for name in ("", "1", "01", "a", "A", "\udcff")}) == 6


def test_a_speaker_has_another_hash_in_another_model_and_the_same_in_the_same_again():
    moments = Moments.of_frames(clips())
    salt = salt_of(moments)
    assert salt == salt_of(Moments.of_frames(clips()))
    assert salt != salt_of(Moments.of_frames(clips()[1:]))
    assert alias("Erika", salt) == alias("Erika", salt) != alias("Erika", "")


def test_a_prior_counts_as_so_many_clips():
    vectors, nobody = np.array([[1.0, 7.0], [3.0, 7.0]]), np.full(2, None, dtype=object)
    standardiser = Standardiser(np.inf)
    standardiser.learn("pool", Moments.of_vectors(vectors), nobody, (np.array([8.0, 1.0]), np.array([9.0, 4.0]), 4.0))
    mean, sd = standardiser.domains["pool"]
    np.testing.assert_allclose(mean, [8 - 6 / 3, 1 + 6 / 3])
    # What two clips do not vary in has no SD of its own.
    np.testing.assert_allclose(sd, [1 ** (1 / 3) * 9 ** (2 / 3), 4.0])


def test_rows_of_many_clips_at_once_are_those_of_each_to_the_bit():
    random = np.random.default_rng(0)
    values, speakers = random.normal(3, 2, (12, 5)), np.array(["a", "b", None] * 4, dtype=object)
    standardiser = Standardiser(4.0, salt="00")
    standardiser.learn("far", Moments.of_vectors(values[:6]), speakers[:6])
    standardiser.learn("near", Moments.of_vectors(values[6:]), speakers[6:])
    domains = ["near", "far"] * 6
    each = [standardiser.apply(row, *at) for row, *at in zip(values, domains, speakers, strict=True)]
    np.testing.assert_array_equal(standardiser.apply_each(values, domains, speakers), each)
