"""Early stopping: what is watched, when it is time, and that the best epoch's network stands."""

import numpy as np
import pytest
import torch
from chains import chain

from sere import SEREClassifier
from sere.selection import soft_neighbourhood_density
from sere.training.stopping import Stopping


def test_it_is_time_when_nothing_rose_for_as_long_as_patience_lasts():
    stopping = Stopping(True, patience=2)
    assert stopping.best is None
    seen = [stopping.see({"target_quality": score}, {"epoch": k}) for k, score in enumerate([0.1, 0.3, 0.3, 0.2])]
    assert seen == [False, False, False, True]
    assert (stopping.score, stopping.best) == (0.3, {"epoch": 1})


@pytest.mark.parametrize(
    ("asked", "watched"),
    [(False, None), (True, "quality"), ("information", "quality"), ("density", "density")],
)
@pytest.mark.parametrize("pool", ["target", "source"])
def test_the_score_that_is_watched(asked, watched, pool):
    stopping = Stopping(asked, pool=pool)
    assert stopping.watched == (None if watched is None else f"{pool}_{watched}")
    assert stopping.wants_density == (asked == "density")


def test_where_nothing_is_watched_it_is_never_time_and_no_epoch_is_best():
    stopping = Stopping(patience=1)
    assert not any(stopping.see({"target_quality": score}, {}) for score in (0.3, 0.2, 0.1))
    assert stopping.best is None


@pytest.mark.parametrize(("score", "name"), [(True, "target_quality"), ("density", "target_density")])
def test_the_best_epochs_network_and_prototypes_stand(score, name):
    run = chain(learning_rate=0.3)
    states, records = [], []

    def report(record):
        states.append({k: v.clone() for k, v in run.network.state_dict().items()})
        records.append(record)

    assert run.run(30, report, Stopping(score, patience=3)) is False
    scores = [record[name] for record in records]
    best = int(np.argmax(scores))
    assert len(records) == min(best + 1 + 3, 30)
    assert len(records) < 30
    for key, value in run.network.state_dict().items():
        assert value.equal(states[best][key])
    answers = run.scores("target").double().softmax(1).detach().numpy()
    if score == "density":
        assert soft_neighbourhood_density(answers) == pytest.approx(scores[best], abs=1e-6)


def test_the_source_pool_may_be_watched():
    run = chain(target=0, learning_rate=0.3)
    records = []
    run.run(20, records.append, Stopping(True, patience=1, pool="source"))
    qualities = [record["source_quality"] for record in records]
    assert len(records) == int(np.argmax(qualities)) + 2


def test_a_record_describes_the_network_after_its_epoch():
    run = chain()
    seen = []

    def report(record):
        with torch.no_grad():
            run.look()
        seen.append((record["target_assigned"], run.assigned["target"].classes.mean(0).numpy()))

    run.run(2, report, Stopping())
    for said, found in seen:
        np.testing.assert_allclose(said, found)


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10, 5)) + np.repeat([[0], [2]], 5, axis=0)
    return X, np.repeat(["a", "b"], 5), rng.normal(size=(30, 5)) + np.repeat([[0], [2]], 15, axis=0)


def test_the_classifier_stops_early_and_says_so_in_its_history(vectors):
    X, y, target = vectors
    model = SEREClassifier(epochs=60, early_stopping=True, patience=2, learning_rate=0.1, random_state=0)
    model.fit(X, y, X_unlabeled_tgt=(target,))
    qualities = [record["target_quality"] for record in model.history_]
    assert len(qualities) == int(np.argmax(qualities)) + 3


def test_without_a_target_the_classifier_watches_the_source_pool(vectors):
    X, y, pool = vectors
    model = SEREClassifier(epochs=60, early_stopping=True, patience=2, learning_rate=0.1, random_state=0)
    model.fit(X, y, X_unlabeled_src=(pool,))
    qualities = [record["source_quality"] for record in model.history_]
    assert len(qualities) == int(np.argmax(qualities)) + 3


def test_without_a_pool_there_is_nothing_to_watch(vectors):
    X, y, _ = vectors
    with pytest.raises(ValueError, match="early_stopping watches an unlabeled pool"):
        SEREClassifier(early_stopping=True).fit(X, y)
