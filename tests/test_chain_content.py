import numpy as np
import pytest

from sere.chain.content import Scatter, averaged_columns, content_covariances, content_metric, with_words


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_entries_of_the_context_find_the_column_whose_mean_they_are():
    found = averaged_columns(["a_mean", "a_sd", "c_mean", "f0"], ["a", "b", "c"])
    assert found.tolist() == [0, -1, 2, -1]


def test_the_covariance_within_clips_is_that_of_literal_loops(rng):
    clips = [rng.normal(size=(n, 4)) + 10 * rng.normal(size=4) for n in (5, 1, 8)]
    total, n = np.zeros((4, 4)), 0
    for clip in clips:
        for frame in clip:
            rest = frame - clip.mean(0)
            total += np.outer(rest, rest)
            n += 1
    np.testing.assert_allclose(Scatter.of(clips).within, total / n, rtol=1e-12, atol=1e-12)


def test_within_clips_and_between_them_frames_vary_as_they_do(rng):
    clips = [rng.normal(size=(n, 3)) + 10 * rng.normal(size=3) for n in (5, 1, 8)]
    scatter, every = Scatter.of(clips), np.concatenate(clips)
    np.testing.assert_allclose(scatter.mean, every.mean(0))
    np.testing.assert_allclose(scatter.covariance, np.cov(every.T, bias=True))


def test_many_frames_are_summed_in_single_precision_as_good_as_in_double(rng, monkeypatch):
    clips = [rng.normal(size=(20, 3)) + 5 for _ in range(50)]
    exact = Scatter.of(clips)
    monkeypatch.setattr("sere.chain.content.MANY", 100)
    np.testing.assert_allclose(Scatter.of(clips).within, exact.within, atol=1e-5)


def test_the_metric_undoes_what_words_add(rng):
    S = np.cov(rng.normal(size=(50, 3)).T)
    M = content_metric(with_words(S, sounds=2.0))
    np.testing.assert_allclose(M.T @ (np.eye(3) + S / 2) @ M, np.eye(3), atol=1e-12)


def test_directions_that_words_fill_shrink_and_others_stay(rng):
    n, length = 60, 40
    clip = rng.normal(size=(n, 3))
    frames = [np.hstack([c + [8, 0.1, 1] * rng.normal(size=(length, 3)), rng.normal(size=(length, 1))]) for c in clip]
    context = np.hstack([[f[:, :3].mean(0) for f in frames], rng.normal(size=(n, 1))])
    of_context, of_frames = content_covariances(context, frames, np.array([0, 1, 2, -1]))
    assert of_context.shape == of_frames.shape == (4, 4)
    assert not of_context[3].any()
    assert not of_frames[3].any()
    lengths = np.linalg.norm(content_metric(with_words(of_context)), axis=1)
    assert lengths[0] < 0.65 < 0.95 < lengths[1] <= lengths[3] == 1


@pytest.mark.parametrize("scale", [0.2, 5.0])
def test_the_units_of_context_and_frames_do_not_matter(rng, scale):
    clip = rng.normal(size=(30, 2))
    frames = [c + 3 * rng.normal(size=(20, 2)) for c in clip]
    context = np.array([f.mean(0) for f in frames])
    wide, _ = content_covariances(context, frames, np.array([0, 1]))
    rescaled, _ = content_covariances(context, [f * scale for f in frames], np.array([0, 1]))
    np.testing.assert_allclose(rescaled, wide, rtol=1e-4, atol=1e-6)


def test_a_column_that_is_averaged_twice_is_one_column(rng):
    frames = [rng.normal(size=(10, 2)) for _ in range(8)]
    context = np.array([np.r_[f.mean(0), f.mean(0)] for f in frames])
    of_context, of_frames = content_covariances(context, frames, np.array([0, 1, 0, 1]))
    np.testing.assert_allclose(of_context[:2, :2], of_context[2:, 2:])
    np.testing.assert_allclose(of_frames, Scatter.of(frames).within)
