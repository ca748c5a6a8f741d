"""Label-free scores against literal loops, and as scorers of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from sere import SEREClassifier
from sere.datasets import shifted_clips
from sere.selection import agreement, label_free_scorer, mutual_information, soft_neighbourhood_density

SEEDS = st.integers(0, 2**32 - 1)


def answers(seed, n=12, classes=4):
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), n)


def entropy(shares):
    return -sum(share * np.log(share) for share in shares if share > 0)


@given(SEEDS)
def test_mutual_information_is_the_entropy_of_the_mean_less_the_mean_entropy(seed):
    p = answers(seed)
    literal = (entropy(p.mean(axis=0)) - np.mean([entropy(row) for row in p])) / np.log(4)
    assert mutual_information(p) == pytest.approx(literal, abs=1e-9)
    assert 0 <= mutual_information(p) <= 1


def test_mutual_information_is_1_for_sure_and_even_and_0_for_unsure_or_one_sided():
    assert mutual_information(np.eye(4)) == pytest.approx(1)
    assert mutual_information(np.full((5, 4), 0.25)) == pytest.approx(0, abs=1e-9)
    assert mutual_information(np.eye(4)[[0, 0, 0]]) == pytest.approx(0, abs=1e-9)


@given(SEEDS)
def test_density_is_the_mean_entropy_of_similarities_to_the_others(seed):
    p = answers(seed, n=7)
    rows = []
    for i in range(7):
        others = [j for j in range(7) if j != i]
        cosine = [p[i] @ p[j] / np.linalg.norm(p[i]) / np.linalg.norm(p[j]) for j in others]
        weights = np.exp((np.array(cosine) - max(cosine)) / 0.05)
        rows.append(entropy(weights / weights.sum()))
    assert soft_neighbourhood_density(p) == pytest.approx(np.mean(rows) / np.log(6))


def test_density_is_higher_for_two_large_groups_than_for_pairs():
    groups = np.repeat(np.eye(6)[:2], 6, axis=0)
    pairs = np.repeat(np.eye(6), 2, axis=0)
    assert soft_neighbourhood_density(groups) > soft_neighbourhood_density(pairs)


def test_density_of_a_large_pool_is_that_of_a_selection(monkeypatch):
    monkeypatch.setattr("sere.selection.MOST_NEIGHBOURS", 5)
    p = answers(0, n=11)
    assert soft_neighbourhood_density(p) == soft_neighbourhood_density(p[::3])


@given(SEEDS)
def test_agreement_is_cohens_kappa(seed):
    rng = np.random.default_rng(seed)
    first = rng.choice(list("abc"), 30)
    second = np.where(rng.random(30) < 0.6, first, rng.choice(list("abc"), 30))
    assert agreement(first, second) == pytest.approx(cohen_kappa_score(first, second))


def test_one_and_the_same_answer_to_everything_agrees_in_nothing():
    assert agreement(["a"] * 5, ["a"] * 5) == 0


@given(SEEDS)
def test_no_score_sees_classes_change_places(seed):
    p = answers(seed)
    order = np.random.default_rng(seed).permutation(4)
    for score in (mutual_information, soft_neighbourhood_density):
        assert score(p) == pytest.approx(score(p[:, order]), abs=1e-9)


@pytest.mark.parametrize("wrong", [np.ones(4), np.ones((3, 1)), np.full((3, 2), 0.9), np.array([[2.0, -1.0]] * 3)])
def test_what_is_no_table_of_probabilities_is_refused(wrong):
    for score in (mutual_information, soft_neighbourhood_density):
        with pytest.raises(ValueError, match=r"probabilities"):
            score(wrong)


def test_lengths_and_names_are_checked():
    with pytest.raises(ValueError, match="two lists of answers"):
        agreement(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="3 clips, and there are 2"):
        soft_neighbourhood_density(np.eye(2))
    with pytest.raises(ValueError, match=r"no score 'accuracy'.*information, density, agreement"):
        label_free_scorer("accuracy")
    with pytest.raises(ValueError, match="'skew' changes no audio"):
        label_free_scorer("agreement", shift="skew")


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(18, 5)) + np.repeat(3 * np.eye(3, 5), 6, axis=0)
    target = rng.normal(size=(30, 5)) + np.repeat(3 * np.eye(3, 5), 10, axis=0)
    return X, np.repeat(["a", "b", "c"], 6), target


@pytest.mark.parametrize("name", ["information", "density"])
def test_a_grid_search_chooses_by_the_target_pool(vectors, name):
    X, y, target = vectors
    scorer = label_free_scorer(name, pool=target)
    grid = {"assignment__sharpness": [1e-3, 3.0]}
    search = GridSearchCV(SEREClassifier(epochs=1, random_state=0), grid, scoring=scorer, cv=2, error_score="raise")
    search.fit(X, y, X_unlabeled_tgt=(target,))
    scores = {"information": mutual_information, "density": soft_neighbourhood_density}
    refitted = scores[name](search.best_estimator_.predict_proba(target))
    assert scorer(search.best_estimator_, X) == pytest.approx(refitted)
    if name == "information":
        assert search.best_params_ == {"assignment__sharpness": 3.0}


def test_cross_validation_without_a_pool_scores_each_fold_without_its_labels(vectors):
    X, y, _ = vectors
    scores = cross_val_score(LogisticRegression(), X, y, scoring=label_free_scorer(), cv=3)
    assert scores.shape == (3,)
    model = LogisticRegression().fit(X, y)
    assert label_free_scorer()(model, X) == label_free_scorer()(model, X, y[::-1])


def test_several_pools_are_scored_together(vectors):
    X, y, target = vectors
    model = LogisticRegression().fit(X, y)
    together = label_free_scorer(pool=target)(model, X)
    assert label_free_scorer(pool=(target[:10], target[10:]))(model, X) == pytest.approx(together)


def test_agreement_listens_to_changed_audio(model, target, files):
    changed = model.predict(shifted_clips(target, "noise10"))
    expected = agreement(model.predict(target), changed)
    assert label_free_scorer("agreement", pool=target, shift="noise10")(model, None) == expected
    assert label_free_scorer("agreement", pool=files, shift="noise10")(model, None) <= 1


def test_agreement_needs_audio(vectors, embed, target, model):
    X, y, pool = vectors
    fitted = SEREClassifier(epochs=0, random_state=0).fit(X, y)
    with pytest.raises(TypeError, match="2-D array is feature vectors"):
        label_free_scorer("agreement", pool=pool)(fitted, None)
