"""What a benchmark will run: corpora, tasks, scenarios, and what cannot be run."""

import pandas as pd
import pytest

from sere.evaluation.plan import make_plan, read_corpora, read_tasks


def corpus(name, emotions=("anger", "neutral", "sadness"), speakers=3, each=3):
    rows = [
        {"path": f"/{name}/{s}-{e}-{k}.wav", "emotion": e, "speaker": f"{name}-{s}" if speakers else None}
        for s in range(speakers or 2)
        for e in emotions
        for k in range(each)
    ]
    return pd.DataFrame(rows)


CORPORA = {"emodb": corpus("emodb"), "emovo": corpus("emovo"), "my-own": corpus("my-own", speakers=0)}
OPTIONS = {"draws": 2, "shots": [2], "shifts": ["none"], "protocol": "both", "speakers": "both", "max_pool": 600}


def test_tasks_are_pairs_of_names_letters_or_all_ordered_pairs():
    assert read_tasks("emodb-emovo, BO,OB", CORPORA) == [("emodb", "emovo"), ("emovo", "emodb")]
    assert read_tasks("my-own-emodb,emodb-my-own", CORPORA) == [("my-own", "emodb"), ("emodb", "my-own")]
    assert read_tasks([("emodb", "my-own")], CORPORA) == [("emodb", "my-own")]
    assert len(read_tasks(None, CORPORA)) == 6
    assert read_tasks(None, CORPORA, ("emodb", "emovo", "casia")) == [("emodb", "emovo"), ("emovo", "emodb")]


@pytest.mark.parametrize("text", ["emodb", "BC", "emodb-emodb", "emodb-casia", ""])
def test_what_is_no_task_is_answered_with_the_corpora_there_are(text):
    with pytest.raises(ValueError, match=r"is no task: write SOURCE-TARGET .*emodb, emovo, my-own"):
        read_tasks(text, CORPORA)


def test_a_folder_without_two_corpora_is_explained(tmp_path):
    with pytest.raises(ValueError, match="no corpus that is recognised; a benchmark needs two corpora"):
        read_corpora(tmp_path)
    with pytest.raises(ValueError, match="only emodb"):
        read_corpora({"emodb": CORPORA["emodb"]})
    with pytest.raises(FileNotFoundError):
        read_corpora(tmp_path / "nowhere")


def test_lists_of_clips_in_the_folder_are_corpora_too_and_other_tables_are_not(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"")
    for name, columns in (("one", "path,emotion"), ("two", "emotion,path,speaker"), ("other", "speaker,age")):
        (tmp_path / f"{name}.csv").write_text(f"{columns}\n" + ",".join(["a.wav"] * len(columns.split(","))) + "\n")
    assert sorted(read_corpora(tmp_path)) == ["one", "two"]


def test_every_task_is_drawn_under_every_protocol_with_and_without_speakers():
    plan = make_plan(CORPORA, [("emodb", "emovo")], **OPTIONS)
    assert len(plan.scenarios) == len(set(plan.scenarios)) == 2 * 2 * 2
    assert {(s.protocol, s.speakers, s.draw) for s in plan.scenarios} == {
        (protocol, speakers, draw)
        for protocol in ("transductive", "inductive")
        for speakers in ("known", "unknown")
        for draw in (0, 1)
    }
    assert plan.left_out == []
    assert plan.notes == ["inductive on emovo: 1 of 3 speakers are scored, others in each draw; the rest are the pool"]


def test_a_target_without_speakers_is_not_run_inductively_and_it_is_said():
    plan = make_plan(CORPORA, [("emodb", "my-own")], **OPTIONS)
    assert {s.protocol for s in plan.scenarios} == {"transductive"}
    (reason,) = plan.left_out
    assert reason.startswith("emodb-my-own, 2 shots, none, inductive: an inductive task divides the target by speaker")


def test_speakers_that_nobody_knows_are_not_run_as_known():
    corpora = {"a": corpus("a", speakers=0), "b": corpus("b", speakers=0)}
    plan = make_plan(corpora, [("a", "b")], **OPTIONS)
    assert {(s.protocol, s.speakers) for s in plan.scenarios} == {("transductive", "unknown")}
    assert "a-b, speakers known: neither corpus names its speakers" in plan.left_out


def test_too_few_clips_for_the_shots_leave_the_task_out_with_the_reason():
    plan = make_plan(CORPORA, [("emodb", "emovo")], **{**OPTIONS, "shots": [2, 40]})
    assert {s.shots for s in plan.scenarios} == {2}
    assert any("fewer than shots=40" in reason for reason in plan.left_out)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"shifts": ["louder"]}, "no shift louder; the shifts are none, noise20"),
        ({"protocol": "both of them"}, "protocol is 'both of them'; it must be transductive, inductive or both"),
        ({"speakers": "some"}, "speakers is 'some'"),
    ],
)
def test_options_that_are_none_of_the_choices_are_named(option, said):
    with pytest.raises(ValueError, match=said):
        make_plan(CORPORA, [("emodb", "emovo")], **{**OPTIONS, **option})
