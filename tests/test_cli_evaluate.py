"""A score compares labels under one set of names, and says whose it renamed."""

import json

import numpy as np
import pandas as pd
import pytest

from sere import cli, load, save
from sere.calibration import expected_calibration_error


@pytest.fixture
def place(model, tmp_path):
    save(model, tmp_path / "model")
    return tmp_path


def evaluate(place, given, labels, files, capsys):
    pd.DataFrame({"path": files, "emotion": labels}).to_csv(place / "truth.csv", index=False)
    assert cli.main(["evaluate", str(place / given), "--corpus", str(place / "truth.csv"), "-q"]) == 0
    return capsys.readouterr().out


def test_a_score_as_json_holds_what_the_text_says_and_how_to_make_it_again(place, target, files, capsys):
    text = evaluate(place, "model", target["emotion"], files, capsys)
    arguments = ["evaluate", str(place / "model"), "--corpus", str(place / "truth.csv"), "-q", "-f", "json"]
    assert cli.main([*arguments, "-o", str(place / "score.json")]) == 0
    found = json.loads((place / "score.json").read_text())
    assert text.startswith(f"UAR {100 * found['uar']:.1f} % on {found['clips']} clips")
    assert found["low"] <= found["uar"] <= found["high"]
    assert [row["emotion"] for row in found["emotions"]] == sorted(set(target["emotion"]))
    shares = load(place / "model").predict_proba(files)
    expected = expected_calibration_error(target["emotion"], shares, load(place / "model").classes_)
    assert found["calibration_error"] == pytest.approx(expected)
    assert found["reproduce"]["data"]["corpus"]["clips"] == len(files)
    assert not (place / "score.json.reproduce.json").exists()
    predictions(place, files)
    arguments[1] = str(place / "found.csv")
    assert cli.main(arguments) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["uar"] == found["uar"]
    assert listed["calibration_error"] is None


def test_a_score_of_no_clip_as_json_is_empty(place, capsys):
    pd.DataFrame({"path": ["none.wav"], "emotion": ["anger"]}).to_csv(place / "truth.csv", index=False)
    arguments = ["evaluate", str(place / "model"), "--corpus", str(place / "truth.csv"), "-q", "-f", "json"]
    assert cli.main(arguments) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["uar"], found["emotions"], found["reproduce"]["data"]["corpus"]["clips"]) == (None, None, 1)


def predictions(place, files, labels=None):
    """Write what the model says under other names."""
    said = load(place / "model").predict(files)
    renamed = [labels[emotion] if labels else emotion for emotion in said]
    pd.DataFrame({"path": files, "emotion": renamed}).to_csv(place / "found.csv", index=False)
    return renamed


def test_a_model_and_its_predictions_get_one_score_in_the_users_words(place, target, files, capsys):
    words = {"anger": "Wut", "neutral": "neutro", "sadness": "sad"}
    truth = [words[emotion] for emotion in target["emotion"]]
    assert cli.main(["predict", str(place / "model"), *files, "-f", "csv", "-o", str(place / "found.csv"), "-q"]) == 0
    by_model = evaluate(place, "model", truth, files, capsys)
    assert by_model == evaluate(place, "found.csv", truth, files, capsys)
    right = evaluate(place, "model", target["emotion"], files, capsys)
    assert by_model.splitlines()[-3:] == right.splitlines()[-3:]
    assert (
        "labels of the corpus that are compared by their emotion: Wut as anger, neutro as neutral, sad as" in by_model
    )
    assert "compared" not in right


def test_predictions_in_other_words_than_the_truth_meet_by_the_emotion(place, target, files, capsys):
    said = predictions(place, files, {"anger": "Wut", "neutral": "neutro", "sadness": "sorrow"})
    out = evaluate(place, "found.csv", target["emotion"], files, capsys)
    plain = evaluate(place, "model", target["emotion"], files, capsys)
    assert out.splitlines()[-3:] == plain.splitlines()[-3:]
    assert all(f"{word} as " in out for word in set(said))


def test_labels_that_become_one_are_told(place, target, files, capsys):
    truth = ["sad" if row % 2 else "sorrow" for row in range(len(files))]
    truth = [word if emotion == "sadness" else emotion for word, emotion in zip(truth, target["emotion"])]
    out = evaluate(place, "model", truth, files, capsys)
    assert "labels of the corpus that become one, sadness: sad, sorrow" in out
    assert f"on {len(files)} clips" in out


def test_labels_of_both_stay_apart_even_where_they_mean_one_emotion(place, files, capsys):
    truth = ["happy", "joy"] * (len(files) // 2)
    pd.DataFrame({"path": files, "emotion": truth}).to_csv(place / "found.csv", index=False)
    out = evaluate(place, "found.csv", truth, files, capsys)
    assert out.startswith("UAR 100.0 %")
    assert "\nhappy " in out
    assert "\njoy " in out


def test_what_the_model_was_not_taught_is_left_out_of_both_scores(place, target, files, capsys):
    truth = ["smug", *target["emotion"][1:]]
    assert cli.main(["predict", str(place / "model"), *files, "-f", "csv", "-o", str(place / "found.csv"), "-q"]) == 0
    outs = [evaluate(place, given, truth, files, capsys) for given in ("model", "found.csv")]
    assert outs[0] == outs[1]
    assert f"1 of {len(files)} clips are left out" in outs[0]


def test_clips_that_cannot_be_used_are_named_and_the_others_scored(place, target, files, capsys):
    pd.DataFrame({"path": ["none.wav", *files], "emotion": ["anger", *target["emotion"]]}).to_csv(
        place / "truth.csv", index=False
    )
    arguments = ["evaluate", str(place / "model"), "--corpus", str(place / "truth.csv"), "-q"]
    assert cli.main(arguments) == 1
    out, err = capsys.readouterr()
    assert f"on {len(files)} clips" in out
    assert "truth.csv, line 2: no such file" in err
    assert cli.main([*arguments, "--on-error", "raise"]) == 1
    assert capsys.readouterr().out == ""


def test_classes_that_are_numbers_are_scored_against_the_texts_of_a_list(monkeypatch, tmp_path, files, capsys):
    class Numbered:
        classes_ = np.array([1, 2])

        def predict_proba(self, clips):
            return np.tile([0.7, 0.3], (len(clips), 1))

    monkeypatch.setattr("sere.cli.inputs.load_model", lambda path, allow: Numbered())
    out = evaluate(tmp_path, "model", [1, 2] * (len(files) // 2), files, capsys)
    assert out.startswith(f"UAR 50.0 % on {len(files)} clips")
