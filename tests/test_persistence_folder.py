"""A saved model as a folder: its card, what is not in it, what it replaces, and what loading it never runs."""

import io
import json
import os
import pickle
import shutil
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import soundfile

import sere
from sere.cli import main
from sere.evaluation import TaskResult
from sere.inputs.reading import SereWarning
from sere.persistence.card import OURS
from sere.persistence.models import FORMAT, _checksum, _releases

FILES = ["README.md", "config.json", "model.safetensors"]
SPEAKERS = ("Erika Mustermann", "Eva Probe", "Horst Beispiel", "Max Muster")


@pytest.fixture(scope="module")
def private(source, target, tmp_path_factory):
    """A table of files whose folder, names and speakers are nobody's business, and a model fitted on it."""
    folder = tmp_path_factory.mktemp("interviews")
    rows = []
    for k, clip in enumerate([*source.to_dict("records"), *target.to_dict("records")]):
        path = folder / f"patient {k:02d} on monday.wav"
        soundfile.write(path, clip["audio"], 16_000, subtype="FLOAT")
        spoken = {"lumo": "german", "tarsk": "it"}[clip["language"]]
        speaker = SPEAKERS[k // 18 * 2 + k % 2]
        rows.append(
            {"path": path, "emotion": clip["emotion"], "speaker": speaker, "language": spoken, "corpus": "ours"}
        )
    table = pd.DataFrame(rows)
    (folder / "broken.wav").write_bytes(b"no sound")
    spoilt = pd.concat([table[18:], pd.DataFrame([{"path": folder / "broken.wav", "language": "it"}])])
    model = sere.SEREClassifier("acoustic", epochs=0, cache=folder / "store", on_error="skip", random_state=3)
    with pytest.warns(SereWarning, match="left out"):
        model.fit(table[:6], table["emotion"][:6], (table[:18],), (spoilt,))
    return folder, table, model


def texts_of(folder):
    return b"".join((folder / name).read_bytes() for name in FILES)


def test_a_saved_model_is_three_files_and_predicts_the_same(private, tmp_path):
    _, table, model = private
    sere.save(model, tmp_path / "m")
    assert sorted(os.listdir(tmp_path / "m")) == FILES
    for place in (tmp_path / "m", tmp_path / "m" / "model.safetensors"):
        np.testing.assert_array_equal(sere.load(place).predict_proba(table), model.predict_proba(table))


def test_what_fit_was_given_is_counted(private):
    given = private[2].given_
    assert [(record["where"], record["clips"], record["speakers"]) for record in given] == [
        ("X", 6, 2),
        ("X_unlabeled_src", 18, 2),
        ("X_unlabeled_tgt", 18, 2),  # without the broken one
    ]
    assert given[0]["labels"] == {"anger": 2, "neutral": 2, "sadness": 2}
    assert [record["corpora"] for record in given] == [["ours"]] * 3
    assert [record["languages"] for record in given] == [["german"], ["german"], ["it"]]


def test_what_a_method_adapted_to_is_counted_too():
    X = np.random.default_rng(0).normal(size=(8, 3))
    model = sere.baselines.AaD(random_state=0, epochs=1).fit(X, [0, 1] * 4)
    for n in (30, 40):
        model.adapt((np.concatenate([X] * 5)[:n],))
        assert [(record["where"], record["clips"]) for record in model.given_] == [("X", 8), ("X_unlabeled_tgt", n)]


def test_no_name_of_a_speaker_and_no_place_is_in_a_saved_model(private, tmp_path):
    folder, table, model = private
    assert model.skipped_[0]["path"].endswith("broken.wav")
    sere.save(model, tmp_path / "m", scores={"uar": 0.5})
    held = texts_of(tmp_path / "m")
    words = [*" ".join(SPEAKERS).split(), "patient", "monday", "interviews", "broken", "store"]
    for word in [*words, str(folder), str(tmp_path), Path.home().as_posix() + "/"]:
        assert word.encode() not in held, word
    assert b"anger" in held  # what is not private can be found in this way
    again = sere.load(tmp_path / "m")
    strangers = table.assign(speaker=table["speaker"].map(lambda name: name + "?"))
    np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))
    assert not np.array_equal(again.predict_proba(strangers), model.predict_proba(table))  # names are still known


def test_an_encoder_of_this_machine_is_named_on_the_card_without_its_place(tmp_path):
    place = tmp_path / "wavlm-of-erika"
    place.mkdir()
    sere.save(
        sere.SEREClassifier(sere.HeterogeneousEncoder({"de": str(place), "it": "microsoft/wavlm-base"})), tmp_path / "m"
    )
    for name in ("README.md", "config.json"):
        assert str(tmp_path) not in (tmp_path / "m" / name).read_text()
    assert json.loads((tmp_path / "m" / "config.json").read_text())["outside"] == [
        "microsoft/wavlm-base",
        "wavlm-of-erika",
    ]


def test_the_card_says_what_the_model_is_made_of(private, tmp_path):
    _, _, model = private
    sere.save(model, tmp_path / "m", license="cc-by-4.0")
    text = (tmp_path / "m" / "README.md").read_text()
    assert "tells 3 emotions apart: anger, neutral, sadness. Guessing would be right in 33.3 %" in text
    assert "| labeled | 6 | 2 | german | ours |" in text
    assert "| target pool | 18 | 2 | it | ours |" in text
    assert "anger 2, neutral 2, sadness 2" in text
    assert "Clips are heard by `acoustic`" in text
    assert "| `epochs` | 0 |" in text
    assert "| `random_state` | 3 |" in text
    assert f"sere {sere.__version__}" in text
    assert "None were given" in text
    assert "The model: cc-by-4.0" in text
    known = json.loads((tmp_path / "m" / "config.json").read_text())
    assert known["data"] == model.given_
    assert (known["emotions"], known["license"]) == (["anger", "neutral", "sadness"], "cc-by-4.0")


def test_the_card_of_a_model_with_experience_has_the_licences_of_its_corpora(model, tmp_path):
    sere.save(model, tmp_path / "m")
    text = (tmp_path / "m" / "README.md").read_text()
    assert "| ravdess | en | 720 | 12 | CC BY-NC-SA 4.0 |" in text
    assert "Whisper tiny.en (MIT licence)" in text
    assert "gave it no licence" in text


def test_the_hub_can_read_the_card(private, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    sere.save(private[2], tmp_path / "m", license="cc-by-4.0")
    found = hub.ModelCard.load(tmp_path / "m" / "README.md").data.to_dict()
    assert found["library_name"] == "sere"
    assert found["license"] == "cc-by-4.0"
    assert found["language"] == ["de", "it"]
    assert found["pipeline_tag"] == "audio-classification"
    assert "speech-emotion-recognition" in found["tags"]
    sere.save(sere.HeterogeneousEncoder("microsoft/wavlm-base"), tmp_path / "n")
    found = hub.ModelCard.load(tmp_path / "n" / "README.md").data.to_dict()
    assert (found["license"], found["base_model"]) == ("unknown", ["microsoft/wavlm-base"])


def test_a_folder_as_the_hub_hands_it_out_loads(private, tmp_path):
    """Files of a snapshot are links to blobs, beside those of the repository."""
    _, table, model = private
    sere.save(model, tmp_path / "m")
    snapshot = tmp_path / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    for k, name in enumerate(FILES):
        shutil.move(tmp_path / "m" / name, tmp_path / f"blob{k}")
        (snapshot / name).symlink_to(tmp_path / f"blob{k}")
    (snapshot / ".gitattributes").write_text("*.safetensors filter=lfs\n")
    np.testing.assert_array_equal(sere.load(snapshot).predict(table), model.predict(table))


Y = np.array(["anger", "sadness"] * 4)
TABLE = pd.DataFrame({"uar": [0.5, np.nan]}, index=["a|b", "c"])
#: By kind: what is given, what the card shows of it, and what config.json holds.
SCORES = {
    "numbers": ({"uar": np.float64(0.61234), "of": "EMOVO"}, "| uar | 0.6123 |", {"uar": 0.61234, "of": "EMOVO"}),
    "table": (TABLE, r"| a\|b | 0.5 |", [{"index": "a|b", "uar": 0.5}, {"index": "c", "uar": None}]),
    "task": (
        TaskResult(Y, Y, ["anger", "sadness"]),
        "UAR 100.0 % on 8 clips",
        {"uar": 1.0, "low": 1.0, "high": 1.0, "chance": 0.5, "clips": 8},
    ),
    "text": ("UAR 61.0 % on 588 clips", "```text\nUAR 61.0 % on 588 clips\n```", "UAR 61.0 % on 588 clips"),
}


@pytest.mark.parametrize("kind", SCORES)
def test_scores_in_any_form_stand_on_the_card(private, tmp_path, kind):
    scores, shown, plain = SCORES[kind]
    sere.save(private[2], tmp_path / "m", scores=scores)
    assert shown in (tmp_path / "m" / "README.md").read_text()
    assert json.loads((tmp_path / "m" / "config.json").read_text())["scores"] == plain


def test_what_is_no_score_is_refused_before_anything_is_written(private, tmp_path):
    with pytest.raises(TypeError, match="scores are a dict from name to number"):
        sere.save(private[2], tmp_path / "m", scores=[0.5])
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "made",
    [
        sere.DynamicFeatureTransformer(),
        sere.SEREClassifier(),
        sere.make_sere_pipeline(),
        sere.SEREClassifier(epochs=0).fit(np.eye(4), [1, 1, 2, 2]),
    ],
    ids=["transformer", "unfitted", "pipeline", "vectors"],
)
def test_whatever_can_be_saved_has_a_card(made, tmp_path):
    sere.save(made, tmp_path / "m")
    assert (tmp_path / "m" / "README.md").read_text().endswith(OURS + "\n")
    assert repr(sere.load(tmp_path / "m")) == repr(made)


def test_a_model_takes_the_place_of_a_model_and_its_card_that_of_a_card_nobody_edited(private, tmp_path):
    place = tmp_path / "m"
    sere.save(sere.SEREClassifier(epochs=7), place)
    sere.save(private[2], place)
    assert "| `epochs` | 0 |" in (place / "README.md").read_text()
    (place / "README.md").write_text("mine")
    with pytest.warns(SereWarning, match=r"README\.md' is not as sere\.save wrote it and stays"):
        sere.save(sere.SEREClassifier(epochs=7), place)
    assert (place / "README.md").read_text() == "mine"
    assert sere.load(place).epochs == 7


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"\x02\0\0\0\0\0\0\0{}"),
        ("model.safetensors", b""),
        ("config.json", b'{"model_type": "wavlm"}'),
        ("config.json", b"\xff"),
    ],
)
def test_another_librarys_model_is_not_overwritten(tmp_path, name, content):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / name).write_bytes(content)
    with pytest.raises(FileExistsError, match=rf"{name}' is not of a model that sere\.save wrote"):
        sere.save(sere.SEREClassifier(), tmp_path / "m")
    assert os.listdir(tmp_path / "m") == [name]
    assert (tmp_path / "m" / name).read_bytes() == content


def test_a_file_in_the_way_is_kept_and_found_before_the_fit(tmp_path, capsys):
    (tmp_path / "m").write_text("mine")
    with pytest.raises(FileExistsError, match=r"m' is a file, and a model is saved as a folder.*\.safetensors"):
        sere.save(sere.SEREClassifier(), tmp_path / "m")
    assert main(["fit", "--labels", "nowhere.csv", "--out", str(tmp_path / "m")]) != 0
    assert "is a file, and a model is saved as a folder" in capsys.readouterr().err
    assert (tmp_path / "m").read_text() == "mine"


def test_an_interrupted_save_leaves_no_folder(tmp_path, monkeypatch):
    def interrupted(draft, content):
        draft.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sere.save(sere.SEREClassifier(), tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_a_file_alone_is_the_model_without_a_card(private, tmp_path):
    _, table, model = private
    sere.save(model, tmp_path / "m.safetensors")
    assert os.listdir(tmp_path) == ["m.safetensors"]
    np.testing.assert_array_equal(sere.load(tmp_path / "m.safetensors").predict(table), model.predict(table))
    with pytest.raises(ValueError, match="is a file alone; name a folder"):
        sere.save(model, tmp_path / "n.safetensors", license="mit")


def test_a_folder_without_a_model_says_what_it_holds(tmp_path):
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(FileNotFoundError, match=r"the folder holds no model\.safetensors \(but 'pytorch_model\.bin'\)"):
        sere.load(tmp_path)


class Touch:
    """What hostile code would do, harmlessly: it makes a file when it is read."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def planted(folder, marker):
    """Fill a folder with all that other libraries would run."""
    touch = f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n"
    for name in ("sere.py", "modeling.py", "__init__.py", "conftest.py", "sitecustomize.py", "handler.py"):
        (folder / name).write_text(touch)
    for name in ("model.pkl", "pytorch_model.bin", "model.joblib", "training_args.bin"):
        (folder / name).write_bytes(pickle.dumps(Touch(marker)))
    auto = {"library_name": "sere", "auto_map": {"AutoModel": "modeling.Model"}, "model": "modeling.Model"}
    (folder / "config.json").write_text(json.dumps(auto))


def test_nothing_that_lies_beside_a_model_is_run(tmp_path, monkeypatch):
    marker, place = tmp_path / "marker", tmp_path / "m"
    sere.save(sere.SEREClassifier(epochs=7), place)
    planted(place, marker)
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(".")
    assert sere.load(".").epochs == 7
    assert main(["predict", ".", "nothing.wav"]) != 0
    assert not marker.exists()
    exec((place / "modeling.py").read_text())
    assert marker.exists()  # it would have


def test_a_folder_that_asks_for_code_is_refused_in_a_sentence(tmp_path):
    marker, place = tmp_path / "marker", tmp_path / "m"
    place.mkdir()
    planted(place, marker)
    tree = {"is": "object", "class": "modeling.Model", "state": {"marker": str(marker)}}
    content = {"format": FORMAT, **_releases(), "model": json.dumps(tree)}
    safetensors.numpy.save_file({}, place / "model.safetensors", content | {"checksum": _checksum(content, {})})
    with pytest.raises(ValueError, match=r"there is no class 'modeling\.Model' that a model's file may hold"):
        sere.load(place)
    (place / "model.safetensors").write_bytes(pickle.dumps(Touch(marker)))
    with pytest.raises(ValueError, match="is a pickle"):
        sere.load(place)
    assert not marker.exists()


def through_joblib(model):
    stored = io.BytesIO()
    joblib.dump(model, stored)
    stored.seek(0)
    return joblib.load(stored)


def through_skops(model):
    skops = pytest.importorskip("skops.io")
    stored = skops.dumps(model)
    types = skops.get_untrusted_types(data=stored)
    assert {name.partition(".")[0] for name in types} == {"sere"}  # those that the guide says to trust
    return skops.loads(stored, trusted=types)


WAYS = {"pickle": lambda model: pickle.loads(pickle.dumps(model)), "joblib": through_joblib, "skops": through_skops}


@pytest.mark.parametrize("way", WAYS)
def test_other_ways_keep_a_fit_that_saw_speakers_whole(model, source, target, way):
    assert model.given_[2]["speakers"] == 2
    again = WAYS[way](model)
    for clips in (source, target):
        np.testing.assert_array_equal(again.predict_proba(clips), model.predict_proba(clips))
