"""Leading directions of columns: orthogonal, of a given power, beside words, from rows or from what they vary by."""

import numpy as np
import pytest

from sere.chain.content import Scatter, content_metric
from sere.training.directions import Directions


def test_leading_directions_are_orthogonal_and_scaled_to_their_power():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 5)) * [5, 4, 3, 0.1, 0.1]
    rows -= rows.mean(0)
    projection = Directions.of_rows(rows, 3).projection(3, 0.5)
    gram = projection.T @ projection
    np.testing.assert_allclose(gram, gram[0, 0] * np.eye(3), atol=1e-12)
    assert np.square(rows @ projection).sum(1).mean() == pytest.approx(0.5)
    assert np.abs(projection[3:]).max() < 0.05 * np.abs(projection[:3]).max()
    _, _, directions = np.linalg.svd(rows, full_matrices=False)
    for k in range(3):
        likeness = abs(directions[k] @ projection[:, k]) / np.linalg.norm(projection[:, k])
        assert likeness == pytest.approx(1, abs=1e-6)


def test_the_sign_of_a_direction_is_fixed():
    rows = np.random.default_rng(0).normal(size=(50, 4))
    projection = Directions.of_rows(rows, 4).projection(4, 1.0)
    assert (projection[np.abs(projection).argmax(0), range(4)] > 0).all()


def test_more_columns_than_directions_are_0():
    projection = Directions.of_rows(np.random.default_rng(0).normal(size=(50, 2)), 5).projection(5, 1.0)
    assert projection.shape == (2, 5)
    assert not projection[:, 2:].any()
    assert np.isfinite(Directions.of_rows(np.zeros((5, 3)), 2).projection(2, 1.0)).all()
    assert Directions.of_rows(np.zeros((5, 0)), 2).projection(2, 1.0).shape == (0, 2)


def test_beside_what_else_varies_they_are_those_of_rows_that_went_through_its_metric():
    rng = np.random.default_rng(0)
    rows, words = rng.normal(size=(80, 4)) + 3, np.cov(rng.normal(size=(9, 4)).T)
    metric = content_metric(words)
    found, felt = Directions.of_rows(rows, 2, words), Directions.of_rows(rows @ metric, 2)
    directions = metric @ felt.columns
    np.testing.assert_allclose(np.abs(found.columns), np.abs(directions), rtol=1e-9)
    np.testing.assert_allclose(found.variances, felt.variances)
    np.testing.assert_allclose(((rows - rows.mean(0)) @ found.columns).var(0), found.variances)


def test_output_is_the_mean_squared_output_of_the_rows():
    rng = np.random.default_rng(0)
    rows, columns = rng.normal(size=(80, 4)) + 3, rng.normal(size=(4, 2))
    expected = np.square(rows @ columns).sum(1).mean()
    assert Directions.of_rows(rows, 2).output(columns) == pytest.approx(expected)


def test_what_varies_within_and_between_clips_leads_where_their_frames_do():
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(n, 3)) * [3, 2, 1] + rng.normal(size=3) for n in (20, 5, 30)]
    scatter = Scatter.of(clips)
    found = Directions.of_covariance(scatter.mean, scatter.covariance, 2)
    np.testing.assert_allclose(found.columns, Directions.of_rows(np.concatenate(clips), 2).columns, atol=1e-9)


def test_directions_along_which_nothing_varies_are_left_out():
    rng = np.random.default_rng(0)
    few = Directions.of_rows(rng.normal(size=(3, 5)), 5)
    assert few.varied(5).shape == (5, 2)
    assert few.varied(1).shape == (5, 1)
    assert Directions.of_rows(np.zeros((4, 2)), 2).varied(2).shape == (2, 0)


def test_many_rows_are_summed_in_single_precision_as_good_as_in_double(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(100, 4)) * [4, 3, 2, 1] + 5
    exact = Directions.of_rows(rows, 2)
    monkeypatch.setattr("sere.training.directions.MANY", 100)
    np.testing.assert_allclose(Directions.of_rows(rows, 2).columns, exact.columns, atol=1e-5)


@pytest.mark.parametrize("at_once", [1, 7, 50])
def test_rows_are_centred_a_part_at_a_time(at_once, monkeypatch):
    rows = np.random.default_rng(0).normal(3, 1, size=(50, 4))
    monkeypatch.setattr("sere.training.directions.AT_ONCE", at_once)
    np.testing.assert_allclose(Directions.of_rows(rows, 2).covariance, np.cov(rows.T, bias=True))
