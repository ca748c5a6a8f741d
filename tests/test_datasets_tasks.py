"""Few-shot tasks: who is labeled, who is in the pools, and who is scored."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.datasets import make_task, skew_target


def corpus(name, counts, speakers=5, language="xx"):
    """A made-up corpus: clips of each emotion, dealt to the speakers in turn."""
    rows = [
        (f"{name}/{emotion}/{number}.wav", emotion, f"{name}-{number % speakers}", language)
        for emotion, count in counts.items()
        for number in range(count)
    ]
    frame = pd.DataFrame(rows, columns=["path", "emotion", "speaker", "language"])
    return frame.assign(text="a", corpus=name)


SOURCE = corpus("s", dict(anger=40, boredom=9, fear=30, sadness=20), language="de")
TARGET = corpus("t", dict(anger=25, fear=25, sadness=25, surprise=25), language="it")


def emotions_of(clips, frame):
    return frame.set_index("path").loc[clips["path"], "emotion"].to_numpy()


def test_the_parts_of_a_transductive_task_are_as_the_protocol_says():
    task = make_task(SOURCE, TARGET, shots=5)
    assert task.labels == ["anger", "fear", "sadness"]
    assert task.protocol == "transductive"
    assert task.y.tolist() == ["anger"] * 5 + ["fear"] * 5 + ["sadness"] * 5
    assert (emotions_of(task.X_labeled, SOURCE) == task.y).all()
    shared = SOURCE[SOURCE["emotion"].isin(task.labels)]["path"]
    assert set(task.X_labeled["path"]) | set(task.X_unlabeled_src["path"]) == set(shared)
    assert not set(task.X_labeled["path"]) & set(task.X_unlabeled_src["path"])
    assert task.X_test.equals(task.X_unlabeled_tgt)
    assert (emotions_of(task.X_test, TARGET) == task.y_test).all()
    assert len(task.X_test) == 75


def test_an_estimator_sees_neither_emotion_nor_sentence_nor_corpus():
    task = make_task(SOURCE, TARGET)
    for part in (task.X_labeled, task.X_unlabeled_src, task.X_unlabeled_tgt, task.X_test):
        assert part.columns.tolist() == ["path", "speaker", "language"]
        assert part.index.tolist() == list(range(len(part)))


def test_columns_in_which_nothing_is_known_are_left_out():
    task = make_task(SOURCE, TARGET.assign(speaker=None))
    assert task.X_test.columns.tolist() == ["path", "language"]


@settings(max_examples=30, deadline=None)
@given(shots=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_shots_are_spread_over_the_speakers(shots, seed):
    task = make_task(SOURCE, TARGET, shots=shots, random_state=seed)
    for name in task.labels:
        counts = task.X_labeled[task.y == name]["speaker"].value_counts()
        assert counts.sum() == shots
        assert len(counts) == min(shots, 5)
        assert counts.max() - counts.min() <= 1


def test_the_seed_decides_the_draw():
    drawn = [make_task(SOURCE, TARGET, random_state=seed).X_labeled for seed in (0, 0, 1)]
    assert drawn[0].equals(drawn[1])
    assert not drawn[0].equals(drawn[2])


def test_over_many_seeds_every_clip_can_be_a_shot():
    seen = {path for seed in range(60) for path in make_task(SOURCE, TARGET, random_state=seed).X_labeled["path"]}
    assert seen == set(SOURCE[SOURCE["emotion"] != "boredom"]["path"])


@pytest.mark.parametrize("seed", range(5))
def test_an_inductive_task_scores_speakers_whom_the_pool_lacks(seed):
    task = make_task(SOURCE, TARGET, random_state=seed, transductive=False, test_speakers=0.4)
    assert task.protocol == "inductive"
    tested, pooled = set(task.X_test["speaker"]), set(task.X_unlabeled_tgt["speaker"])
    assert len(tested) == 2
    assert len(pooled) == 3
    assert not tested & pooled
    assert set(task.y_test) == set(task.labels)
    assert (emotions_of(task.X_test, TARGET) == task.y_test).all()


def test_an_inductive_task_draws_test_speakers_who_show_every_emotion():
    rows = [("angry only", "anger"), ("both", "anger"), ("both", "fear"), ("fearful", "fear")]
    target = pd.DataFrame(rows, columns=["speaker", "emotion"]).assign(path=list("abcd"))
    for seed in range(5):
        task = make_task(SOURCE, target, 1, seed, transductive=False, test_speakers=0.3)
        assert set(task.X_test["speaker"]) == {"both"}


def test_an_inductive_task_needs_speakers():
    with pytest.raises(ValueError, match="speakers are not all known"):
        make_task(SOURCE, TARGET.drop(columns="speaker"), transductive=False)
    with pytest.raises(ValueError, match="cannot divide 1 target speakers"):
        make_task(SOURCE, TARGET.assign(speaker="x"), transductive=False)
    lone = TARGET.assign(speaker=TARGET["emotion"])
    with pytest.raises(ValueError, match=r"no draw of 1 .*raise test_speakers"):
        make_task(SOURCE, lone, transductive=False)


def test_pools_are_cut_without_a_look_at_the_labels():
    task = make_task(SOURCE, TARGET, max_pool=30)
    assert len(task.X_unlabeled_src) == len(task.X_unlabeled_tgt) == len(task.X_test) == 30
    renamed = TARGET.assign(
        emotion=TARGET["emotion"].map(dict(anger="fear", fear="sadness", sadness="anger", surprise="surprise"))
    )
    assert make_task(SOURCE, renamed, max_pool=30).X_test.equals(task.X_test)
    with pytest.raises(ValueError, match="max_pool is 0"):
        make_task(SOURCE, TARGET, max_pool=0)


def test_labels_can_be_chosen():
    assert make_task(SOURCE, TARGET, labels=["sadness", "anger"]).labels == ["anger", "sadness"]
    with pytest.raises(ValueError, match=r"not both corpora have boredom.*Target: anger 25"):
        make_task(SOURCE, TARGET, labels=["boredom", "anger"])
    with pytest.raises(ValueError, match="pass a list"):
        make_task(SOURCE, TARGET, labels="anger")


def test_waveforms_travel_like_paths():
    waves = [np.zeros(160, dtype=np.float32) for _ in range(len(TARGET))]
    target = TARGET.drop(columns="path").assign(audio=waves)
    task = make_task(SOURCE, target)
    assert task.X_test.columns.tolist() == ["audio", "speaker", "language"]


def test_two_emotions_in_common_are_the_least():
    with pytest.raises(ValueError, match=r"needs two emotions, and this one has anger\. Source:"):
        make_task(SOURCE, corpus("t", dict(anger=9, surprise=9)))


def test_too_few_clips_of_an_emotion_are_told():
    with pytest.raises(ValueError, match="20 clips of sadness, fewer than shots=21"):
        make_task(SOURCE, TARGET, shots=21)
    with pytest.raises(ValueError, match="shots is 0"):
        make_task(SOURCE, TARGET, shots=0)


def test_a_clip_cannot_be_labeled_and_scored():
    with pytest.raises(ValueError, match=r"share 99 clips, such as s/anger/0\.wav"):
        make_task(SOURCE, SOURCE)


def test_segments_of_one_file_are_different_clips():
    first = SOURCE.assign(path="long.wav", start=range(len(SOURCE)))
    second = TARGET.assign(path="long.wav", start=range(1000, 1000 + len(TARGET)))
    assert len(make_task(first, second).X_test) == 75
    with pytest.raises(ValueError, match="share"):
        make_task(first, second.assign(start=range(len(TARGET))))


def test_what_is_no_corpus_is_told():
    with pytest.raises(TypeError, match="source must be a DataFrame, and is a str"):
        make_task("emodb", TARGET)
    with pytest.raises(ValueError, match=r"target needs a column 'emotion'.*it has path, x"):
        make_task(SOURCE, pd.DataFrame({"path": ["a"], "x": [1]}))
    with pytest.raises(ValueError, match="target, row 3: the emotion is missing"):
        make_task(SOURCE, TARGET.assign(emotion=[*"abc", None] + ["a"] * 96))


@pytest.mark.parametrize("share", [0.1, 0.4, 0.65, 0.9])
def test_a_skewed_target_has_the_share_asked_for(share):
    skewed = skew_target(TARGET, "fear", share)
    counts = skewed["emotion"].value_counts()
    assert counts["fear"] / len(skewed) == pytest.approx(share, abs=0.03)
    others = counts.drop("fear")
    assert others.max() - others.min() <= 1
    assert skewed.index.is_monotonic_increasing
    assert skewed.equals(TARGET.loc[skewed.index])


def test_a_skewed_target_uses_up_one_side():
    assert (skew_target(TARGET, "fear", 0.65)["emotion"] == "fear").sum() == 25
    assert (skew_target(TARGET, "fear", 0.1)["emotion"] != "fear").sum() == 75


def test_a_skewed_target_keeps_its_share_in_a_task_of_the_same_labels():
    skewed = skew_target(TARGET, "fear", 0.65, labels=["anger", "sadness"])
    task = make_task(SOURCE, skewed)
    assert (task.y_test == "fear").mean() == pytest.approx(0.65, abs=0.02)


def test_a_skew_that_cannot_be_is_told():
    with pytest.raises(ValueError, match="needs 'neutral' and at least one other"):
        skew_target(TARGET)
    with pytest.raises(ValueError, match="above 0 and below 1"):
        skew_target(TARGET, "fear", 1.0)
    with pytest.raises(ValueError, match=r"sadness, surprise would keep no clip"):
        skew_target(TARGET, "fear", 0.999)


def test_all_labels_of_the_source_leave_no_source_pool():
    task = make_task(SOURCE, TARGET, shots="all")
    assert len(task.y) == SOURCE["emotion"].isin(task.labels).sum()
    assert task.X_unlabeled_src is None
    with pytest.raises(ValueError, match="or 'all'"):
        make_task(SOURCE, TARGET, shots="every")


def test_labels_that_both_corpora_use_stay_as_they_are():
    source, target = corpus("s", dict(happy=8, joy=8, smug=8)), corpus("t", dict(happy=8, smug=8, Wut=8))
    task = make_task(source, target, shots=2)
    assert task.labels == ["happy", "smug"]


def test_labels_of_one_corpus_meet_those_of_the_other_by_the_emotion_they_name():
    source, target = corpus("s", dict(Wut=8, happy=8, smug=8)), corpus("t", dict(angry=8, happiness=8, neutral=8))
    task = make_task(source, target, shots=2)
    assert task.labels == ["anger", "happiness"]
    assert set(task.y) == set(task.y_test) == {"anger", "happiness"}
    assert set(source["emotion"]) == {"Wut", "happy", "smug"}


def test_labels_that_become_one_are_told():
    source, target = corpus("s", dict(happy=8, joy=8, sad=8)), corpus("t", dict(happiness=8, sad=8))
    with pytest.warns(UserWarning, match="source: happy and joy become one label, happiness"):
        task = make_task(source, target, shots="all")
    assert (task.y == "happiness").sum() == 16


def test_labels_that_are_numbers_are_compared_as_they_are():
    source, target = corpus("s", {0: 8, 1: 8}), corpus("t", {0: 8, 1: 8, 2: 8})
    assert make_task(source, target, shots=2).labels == [0, 1]


def test_a_skewed_target_is_skewed_by_the_labels_of_the_task():
    from sere.datasets import make_shifted_task

    source, target = corpus("s", dict(Wut=40, neutro=40)), corpus("t", dict(angry=40, neutral=40, joy=40))
    task = make_shifted_task(source, target, "skew", shots=2)
    assert task.labels == ["anger", "neutral"]
    assert (task.y_test == "neutral").mean() == pytest.approx(0.65, abs=0.02)
