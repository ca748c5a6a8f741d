"""Unweighted average recall against its definition, and intervals against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from sere.metrics import (
    per_emotion_report,
    recall_intervals,
    uar_difference_interval,
    uar_interval,
    uar_score,
)

CLIPS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=40)


def mean_recall(pairs, labels):
    """The definition, clip by clip."""
    recalls = []
    for label in labels:
        said = [pred for true, pred in pairs if true == label]
        if said:
            recalls.append(said.count(label) / len(said))
    return sum(recalls) / len(recalls)


@settings(deadline=None)
@given(CLIPS)
def test_uar_is_the_mean_of_the_recalls(pairs):
    true, pred = zip(*pairs)
    assert uar_score(true, pred) == pytest.approx(mean_recall(pairs, "abc"))


def test_uar_is_balanced_accuracy_when_every_label_occurs():
    rng = np.random.default_rng(0)
    true, pred = rng.choice(4, 200), rng.choice(4, 200)
    assert uar_score(true, pred) == pytest.approx(balanced_accuracy_score(true, pred))


def test_guessing_one_emotion_scores_chance_however_common_it_is():
    assert uar_score(["neutral"] * 97 + ["anger", "fear", "sadness"], ["neutral"] * 100) == 0.25


def test_an_absent_emotion_is_left_out_of_the_mean_with_a_warning():
    with pytest.warns(UserWarning, match="no clip of fear is in y_true; .* other 2 emotions"):
        score = uar_score(["anger", "joy"], ["anger", "fear"], labels=["anger", "fear", "joy"])
    assert score == 0.5


def test_a_prediction_outside_the_labels_is_wrong():
    assert uar_score(["a", "b"], ["a", "other"], labels=["a", "b"]) == 0.5


@pytest.mark.parametrize(
    ("true", "pred", "labels", "message"),
    [
        (["a"], ["a", "b"], None, "equal length"),
        ([["a"]], [["a"]], None, "one-dimensional"),
        ([], [], None, "no clip"),
        (
            ["a", "c"],
            ["a", "a"],
            ["a", "b"],
            r"y_true holds c, which labels= does not list \(a, b\)",
        ),
        ([0.0, np.nan], [0.0, 0.0], None, r"y_true\[1\] is nan"),
    ],
)
def test_what_cannot_be_scored_is_told(true, pred, labels, message):
    with pytest.raises(ValueError, match=message):
        uar_score(true, pred, labels)


def made_up(n_speakers=12, clips=20, seed=0):
    """Speakers of very different difficulty."""
    rng = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(n_speakers), clips)
    true = rng.choice(list("abc"), len(speakers))
    right = rng.random(len(speakers)) < rng.uniform(0.1, 1.0, n_speakers)[speakers]
    pred = np.where(right, true, rng.choice(list("abc"), len(speakers)))
    return true, pred, speakers


def looped_interval(true, preds, speakers, n_resamples, seed):
    """Draw speakers with replacement, score their clips; percentiles of first minus second."""
    rng = np.random.default_rng(seed)
    names = np.unique(speakers)
    scores = []
    for _ in range(n_resamples):
        drawn = rng.choice(names, len(names))
        clips = np.concatenate([np.flatnonzero(speakers == name) for name in drawn])
        parts = [mean_recall(list(zip(true[clips], pred[clips])), "abc") for pred in preds]
        scores.append(parts[0] - (parts[1] if len(parts) > 1 else 0))
    return np.quantile(scores, [0.025, 0.975])


def test_the_interval_is_that_of_resampled_speakers():
    true, pred, speakers = made_up()
    expected = looped_interval(true, [pred], speakers, 2000, seed=1)
    assert uar_interval(true, pred, speakers, n_resamples=20_000) == pytest.approx(expected, abs=0.015)


def test_without_speakers_single_clips_are_resampled():
    true, pred, _ = made_up(clips=10)
    expected = looped_interval(true, [pred], np.arange(len(true)), 1500, seed=1)
    assert uar_interval(true, pred, n_resamples=20_000) == pytest.approx(expected, abs=0.015)


def test_the_difference_is_taken_on_the_same_resamples():
    true, first, speakers = made_up()
    second = np.where(np.random.default_rng(5).random(len(true)) < 0.2, "a", first)
    expected = looped_interval(true, [first, second], speakers, 1500, seed=1)
    low, high = uar_difference_interval(true, first, second, speakers, n_resamples=20_000)
    assert (low, high) == pytest.approx(expected, abs=0.01)
    single_low, single_high = uar_interval(true, first, speakers)
    assert high - low < 0.5 * (single_high - single_low)
    assert uar_difference_interval(true, first, first, speakers) == (0.0, 0.0)


def test_swapping_the_predictions_mirrors_the_difference():
    true, first, speakers = made_up()
    second = np.random.default_rng(2).permutation(first)
    low, high = uar_difference_interval(true, first, second, speakers)
    swapped = uar_difference_interval(true, second, first, speakers)
    assert swapped == pytest.approx((-high, -low), abs=0.02)


def test_whole_speakers_give_a_wider_interval_than_single_clips():
    true, pred, speakers = made_up()
    by_speaker = np.subtract(*uar_interval(true, pred, speakers)[::-1])
    by_clip = np.subtract(*uar_interval(true, pred)[::-1])
    assert by_speaker > 1.5 * by_clip


def test_a_higher_level_gives_a_wider_interval():
    true, pred, speakers = made_up()
    low, high = uar_interval(true, pred, speakers, level=0.99)
    inner_low, inner_high = uar_interval(true, pred, speakers, level=0.5)
    assert low < inner_low < uar_score(true, pred) < inner_high < high


@settings(max_examples=30, deadline=None)
@given(CLIPS, st.integers(0, 2**32 - 1))
def test_intervals_lie_between_0_and_1_and_hold_for_a_seed(pairs, seed):
    true, pred = zip(*pairs)
    low, high = uar_interval(true, pred, n_resamples=50, random_state=seed)
    assert 0 <= low <= high <= 1
    assert (low, high) == uar_interval(true, pred, n_resamples=50, random_state=seed)


def test_intervals_do_not_depend_on_the_order_of_the_clips():
    true, pred, speakers = made_up()
    order = np.random.default_rng(3).permutation(len(true))
    assert uar_interval(true, pred, speakers) == uar_interval(true[order], pred[order], speakers[order])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speakers": ["x", "x"]}, r"all clips are of one speaker \(x\)"),
        ({"speakers": ["x", None]}, "speaker at position 1 is missing"),
        ({"speakers": ["x"]}, "2 clips and 1 speakers"),
        ({"level": 1.0}, "level is 1.0"),
        ({"n_resamples": 0}, "n_resamples is 0"),
    ],
)
def test_an_interval_that_cannot_be_is_told(options, message):
    with pytest.raises(ValueError, match=message):
        uar_interval(["a", "b"], ["a", "a"], **options)


def test_the_report_tells_recall_precision_and_the_commonest_mistake():
    true = ["anger"] * 4 + ["fear"] * 3
    pred = ["anger", "fear", "joy", "joy", "fear", "fear", "anger"]
    report = per_emotion_report(true, pred, labels=["fear", "anger", "joy"])
    report = report.set_index("emotion")
    assert report.index.tolist() == ["anger", "fear", "joy"]
    assert report["clips"].tolist() == [4, 3, 0]
    assert report["recall"].tolist()[:2] == [0.25, pytest.approx(2 / 3)]
    assert report["precision"].tolist() == [0.5, pytest.approx(2 / 3), 0.0]
    assert np.isnan(report.loc["joy", "recall"])
    assert report["confused_with"].tolist()[:2] == ["joy", "anger"]
    assert report["confused_with"].isna()["joy"]


def test_recalls_have_the_interval_of_their_own_speakers():
    rng = np.random.default_rng(0)
    true, pred, speakers = rng.choice(["a", "b"], 60), rng.choice(["a", "b"], 60), np.repeat(list("vwxyz"), 12)
    found = recall_intervals(true, pred, speakers, n_resamples=500, random_state=3)
    rows, resamples = np.random.RandomState(3), []
    clusters = np.array(
        [
            [np.sum((speakers == s) & (true == e) & (pred == e)) for e in "ab"]
            + [np.sum((speakers == s) & (true == e)) for e in "ab"]
            for s in "vwxyz"
        ]
    )
    order = np.unique(clusters, axis=0)
    assert len(order) == 5
    for times in rows.multinomial(5, [0.2] * 5, size=500):
        sums = times @ order
        resamples.append(sums[:2] / sums[2:])
    low, high = np.nanquantile(resamples, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(found["low"], low)
    np.testing.assert_allclose(found["high"], high)
    assert found["recall"].tolist() == [np.mean(pred[true == e] == e) for e in "ab"]
    assert found["clips"].sum() == 60


def test_an_emotion_without_a_clip_has_no_recall_and_no_interval():
    found = recall_intervals(["a", "a"], ["a", "b"], labels=["a", "b"])
    assert found["clips"].tolist() == [2, 0]
    assert found.loc[1, ["recall", "low", "high"]].isna().all()


def test_predictions_in_another_spelling_than_the_emotions_are_said():
    with pytest.warns(UserWarning, match="no prediction is an emotion of the task but for its spelling: .*'Anger '"):
        assert uar_score(["anger", "fear"], ["Anger ", "Fear"]) == 0
    assert uar_score(["anger", "fear"], ["fear", "anger"]) == uar_score(["anger"], ["fear"]) == 0
    assert uar_score(["anger", "fear"], ["anger", "Fear"]) == 0.5
    with pytest.raises(ValueError, match=r"y_true\[1\] is ' '; every clip needs a label"):
        uar_score(["anger", " "], ["anger", "fear"])
    assert uar_score(["anger", "fear"], ["anger", ""]) == 0.5
