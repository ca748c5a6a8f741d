"""Resampling speakers and draws: against a literal loop, and against the interval of a single task."""

import numpy as np
import pytest

from sere.evaluation.bootstrap import Resamples, over_tasks, percentiles, resampled_uar
from sere.evaluation.cells import tallies
from sere.metrics import uar_interval

LABELS = ["anger", "fear", "sadness"]


def record(draw, seed, source="a", target="b", speakers="uvwxyz", skill=0.6, n=240):
    import pandas as pd

    rng = np.random.default_rng(seed)
    true, who = rng.choice(LABELS, n), rng.choice(list(speakers), n)
    pred = np.where(rng.random(n) < skill, true, rng.choice(LABELS, n))
    found = {"source": source, "target": target, "draw": draw, "truth": (true, pred, who)}
    return {**found, **tallies(true, pred, LABELS, pd.DataFrame({"speaker": who}))}


def test_a_resample_is_the_mean_over_drawn_draws_of_the_uar_over_drawn_speakers():
    records = [record(0, 0), record(1, 1, speakers="uvw"), record(2, 2)]
    resamples = Resamples(20, random_state=1)
    found = resampled_uar(records, resamples)
    speakers = list("uvwxyz")
    who = resamples.weights("speakers", "b", speakers)
    draws = resamples.weights("draws", "a", ["0", "1", "2"])
    for k in range(20):
        total, times = 0.0, 0.0
        for own, weight in zip(records, draws[k]):
            hits = dict.fromkeys(LABELS, 0.0)
            clips = dict.fromkeys(LABELS, 0.0)
            for true, pred, speaker in zip(*own["truth"]):
                clips[true] += who[k, speakers.index(speaker)]
                hits[true] += who[k, speakers.index(speaker)] * (true == pred)
            recalls = [hits[label] / clips[label] for label in LABELS if clips[label]]
            if recalls:
                total += weight * np.mean(recalls)
                times += weight
        expected = total / times if times else np.nan
        np.testing.assert_allclose(found[k], expected)


def test_one_cell_has_about_the_interval_of_the_metric():
    own = record(0, 3)
    true, pred, who = own["truth"]
    ours = percentiles(resampled_uar([own], Resamples()))
    assert ours == pytest.approx(uar_interval(true, pred, who, labels=LABELS), abs=0.01)


def test_speakers_and_draws_are_the_same_for_whoever_asks():
    resamples = Resamples(50)
    first = resamples.weights("speakers", "b", ["u", "v"])
    resamples.weights("speakers", "c", ["u", "v"])
    np.testing.assert_array_equal(Resamples(50).weights("speakers", "b", ["u", "v"]), first)
    assert not np.array_equal(Resamples(50).weights("speakers", "c", ["u", "v"]), first)
    assert (first.sum(axis=1) == 2).all()


def test_a_method_differs_from_itself_by_nothing():
    records = [record(draw, draw) for draw in range(3)]
    resamples = Resamples()
    same = resampled_uar(records, resamples) - resampled_uar(list(records), resamples)
    assert percentiles(same) == (0, 0)


def test_one_speaker_and_one_draw_leave_nothing_to_resample():
    alone = record(0, 0, speakers="u")
    assert np.isnan(percentiles(resampled_uar([alone], Resamples(10)))).all()
    assert np.isfinite(percentiles(resampled_uar([alone, record(1, 1, speakers="u")], Resamples(10)))).all()


def test_resampled_tasks_spread_wider_than_fixed_ones():
    resamples = Resamples()
    pairs = [("a", "b", 0.9), ("b", "a", 0.3), ("a", "c", 0.6)]
    scores = np.column_stack([resampled_uar([record(0, 0, s, t, skill=k)], resamples) for s, t, k in pairs])
    np.testing.assert_allclose(over_tasks(scores), scores.mean(axis=1))
    fixed, drawn = (np.ptp(percentiles(over_tasks(scores, *more))) for more in ((), (resamples, ["1", "2", "3"])))
    assert drawn > 1.5 * fixed


def test_a_clip_without_speaker_is_a_group_of_its_own():
    import pandas as pd

    clips = pd.DataFrame({"speaker": ["u", None, None]})
    found = tallies(np.array(["anger", "fear", "fear"]), np.array(["anger", "anger", "fear"]), LABELS, clips)
    assert found["groups"] == ["clip 1", "clip 2", "u"]
    assert found["hits"] == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert found["clips"] == [[0, 1, 0], [0, 1, 0], [1, 0, 0]]
