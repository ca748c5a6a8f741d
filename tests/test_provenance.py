"""A result says how to make it again: the same for the same, another for another, and nothing of the machine."""

import html
import json
import os

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import sere
from sere import cli
from sere.baselines import LinearBaseline
from sere.datasets import make_task
from sere.encoders import EmotionEncoder
from sere.encoders.pretrained import PretrainedEncoder
from sere.evaluation import Method, run_benchmark, run_task
from sere.inputs.reading import as_utterances
from sere.provenance import clip_names, command_line, list_of, nameless, parameters_of, reproduce, versions
from sere.report import write_report

TABLE = pd.DataFrame(
    {
        "path": ["/data/alice/db/f1/a.wav", "/data/alice/db/f1/b.wav", "/data/alice/db/m1/a.wav"],
        "start": [None, 0.5, None],
        "end": [None, 2.0, None],
        "emotion": ["anger", "fear", "anger"],
        "speaker": ["f1", "f1", None],
    }
)


def moved(table=TABLE):
    return table.assign(path=[path.replace("/data/alice", "C:/other") for path in table["path"]])


def test_a_list_is_the_same_wherever_it_lies_and_in_any_order():
    known = list_of(TABLE)
    assert known["clips"] == 3
    assert len(known["digest"]) == 32
    assert list_of(moved()) == list_of(TABLE[::-1]) == known
    assert list_of(TABLE.drop(columns="emotion"), TABLE["emotion"]) == known


@pytest.mark.parametrize(
    ("column", "value"),
    [("path", "/data/alice/db/f1/c.wav"), ("start", 0.25), ("end", 1.0), ("emotion", "fear"), ("speaker", "m2")],
)
def test_another_clip_segment_label_or_speaker_is_another_list(column, value):
    changed = TABLE.copy()
    changed.loc[2, column] = value
    assert list_of(changed)["digest"] != list_of(TABLE)["digest"]
    assert list_of(TABLE[:2])["digest"] != list_of(TABLE)["digest"]


def test_relative_paths_are_those_of_the_files(tmp_path, monkeypatch):
    (tmp_path / "db").mkdir()
    monkeypatch.chdir(tmp_path / "db")
    here = pd.DataFrame({"path": ["a.wav"]})
    monkeypatch.chdir(tmp_path / "db")
    assert list_of(here) == list_of(pd.DataFrame({"path": [str(tmp_path / "db" / "a.wav")]}))


def test_waveforms_count_by_their_samples(source):
    known = list_of(source)
    assert known == list_of(as_utterances(source), source["emotion"])
    louder = source.assign(audio=[2 * wave if row == 3 else wave for row, wave in enumerate(source["audio"])])
    assert list_of(louder)["digest"] != known["digest"]
    listed = list_of(list(source["audio"]))
    assert listed == list_of(source[["audio"]])
    assert listed["digest"] != known["digest"]


def test_features_count_by_their_numbers():
    X = np.arange(6.0).reshape(3, 2)
    assert list_of(X) == list_of(X[::-1]) == list_of(pd.DataFrame(X))
    assert list_of(X + 1)["digest"] != list_of(X)["digest"]
    labels = np.array(["a", "b", "a"])
    model = LinearBaseline().fit(X, labels)
    assert model.given_[0]["digest"] == list_of(X, labels)["digest"]


def test_clips_are_named_the_same_wherever_they_lie():
    clips = pd.DataFrame({"path": ["/a/b/c.wav", "/a/b/c.wav"], "start": [0.5, None], "end": [2.0, None]})
    assert clip_names(clips) == ["b/c.wav#t=0.5,2", "b/c.wav"]
    assert clip_names(clips[["path"]]) == ["b/c.wav"] * 2
    assert clip_names(pd.DataFrame({"audio": [0, 0]})) == ["row 0", "row 1"]


def test_parameters_are_those_that_decide_the_answers(tmp_path):
    encoder = EmotionEncoder.load("acoustic-emotion")
    model = sere.SEREClassifier(
        encoder, epochs=7, n_jobs=3, cache=tmp_path, callbacks=[print], field=sere.ResonanceField(tau=0.2)
    )
    known = parameters_of(model)
    assert (known["estimator"], known["epochs"], known["field__tau"]) == ("SEREClassifier", 7, 0.2)
    assert known["encoder"]["experience"] in encoder.identity
    assert known["encoder"]["base"]["encoder"] == "AcousticEncoder"
    assert not {"n_jobs", "cache", "callbacks", "verbose"} & set(known)
    assert json.dumps(known)
    assert str(tmp_path) not in json.dumps(known)
    steps = parameters_of(make_pipeline(LogisticRegression(C=np.float64(2.0))))
    assert steps["logisticregression__C"] == 2.0
    odd = parameters_of(LogisticRegression(C=np.inf, class_weight={0: np.ones(2)}))
    assert odd["C"] == "inf"
    assert len(odd["class_weight"]["0"]) == 32


def test_an_encoder_is_known_by_its_settings_and_nothing_of_it_is_opened(tmp_path):
    for place in ("someone/checkpoint", tmp_path / "checkpoint"):
        (known,) = parameters_of(sere.HeterogeneousEncoder((PretrainedEncoder(place, layer=3),)))["encoders"]
        assert (known["encoder"], known["layer"]) == ("PretrainedEncoder", 3)
        assert known["checkpoint"] == ("checkpoint" if place == tmp_path / "checkpoint" else place)


def test_a_block_holds_releases_and_what_it_was_given():
    block = reproduce(seed=np.random.RandomState(0), parameters={"a": 1}, data={"x": list_of(TABLE)})
    assert block["versions"] == versions()
    assert {"sere", "python", "numpy", "scipy", "scikit-learn", "torch"} <= set(block["versions"])
    assert block["seed"] == "a RandomState"
    assert "command" not in block
    assert reproduce(seed=3, parameters={}, data={}, command="sere")["command"] == "sere"


def test_a_command_names_no_folder_of_the_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alice").mkdir()
    words = ["benchmark", f"--corpora={tmp_path}/corpora", "--methods", f"sere@{tmp_path}/e.npz:epochs=3,lr"]
    words += ["--out", "alice/new/results", "--encoder", "de=facebook/wav2vec2-base", "~/x.wav", "C:\\bob\\y.wav"]
    assert command_line(words) == (
        "sere benchmark --corpora=corpora --methods sere@e.npz:epochs=3,lr --out results "
        "--encoder de=facebook/wav2vec2-base x.wav y.wav"
    )
    assert nameless("acoustic") == "acoustic"


def of_all(values):
    """Yield every text of nested values."""
    if isinstance(values, dict):
        values = [*values, *values.values()]
    for value in values if isinstance(values, list) else [values]:
        yield from of_all(value) if isinstance(value, (dict, list)) else [str(value)]


@pytest.fixture(scope="module")
def corpora(voices):
    return {name: part.reset_index(drop=True) for name, part in voices.groupby("language")}


def test_two_runs_of_a_task_say_the_same_and_other_clips_another(corpora):
    estimator = LinearBaseline(encoder="acoustic", random_state=5)
    task = make_task(corpora["lumo"], corpora["tarsk"], shots=2, random_state=0)
    first, again = (run_task(estimator, task).reproduce for _ in range(2))
    assert first == again
    assert (first["seed"], first["parameters"]["estimator"]) == (5, "LinearBaseline")
    assert {name: own["clips"] for name, own in first["data"].items()} == {
        "X_labeled": 6,
        "X_unlabeled_src": 12,
        "X_unlabeled_tgt": 18,
        "X_test": 18,
    }
    other = run_task(estimator, make_task(corpora["lumo"], corpora["tarsk"], shots=2, random_state=1)).reproduce
    assert first["data"]["X_labeled"]["digest"] != other["data"]["X_labeled"]["digest"]
    assert first["data"]["X_test"] == other["data"]["X_test"]


def test_two_benchmarks_say_the_same_and_another_corpus_another(corpora, tmp_path):
    options = {"tasks": "lumo-tarsk", "draws": 1, "shots": 2, "methods": "prototype", "baseline": ""}
    options |= {"speakers": "known", "protocol": "transductive"}
    first, again = (run_benchmark(corpora, **options, out=tmp_path / name) for name in "ab")
    block = json.loads((tmp_path / "a" / "results.json").read_text())["reproduce"]
    assert first.reproduce == again.reproduce == block
    assert block["seed"] == [0]
    assert block["parameters"]["methods"]["prototype"]["encoder"] == "acoustic"
    assert set(block["data"]) == {"lumo", "tarsk"}
    changed = {**corpora, "tarsk": corpora["tarsk"].assign(emotion=corpora["tarsk"]["emotion"][::-1].to_numpy())}
    other = run_benchmark(changed, **options).reproduce
    assert other["data"]["lumo"] == block["data"]["lumo"]
    assert other["data"]["tarsk"]["digest"] != block["data"]["tarsk"]["digest"]
    mine = run_benchmark(corpora, **{**options, "methods": [Method("mine", LinearBaseline(encoder="acoustic"))]})
    assert "command" not in mine.reproduce


def test_the_command_of_a_benchmark_makes_the_same_results(corpora, tmp_path, monkeypatch):
    import shlex

    import soundfile

    for name, clips in corpora.items():
        for row, clip in clips.iterrows():
            file = tmp_path / "corpora" / name / clip["emotion"] / f"{clip['speaker']}_{row:03d}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, clip["audio"], 16_000)
    given = "--tasks lumo-tarsk --draws 1 --shots 2 --methods prototype --baseline lr --encoder acoustic-emotion"
    command = ["benchmark", "--corpora", str(tmp_path / "corpora"), "-q", "--protocol", "transductive", *given.split()]
    assert cli.main([*command, "--out", str(tmp_path / "one")]) == 0
    one = json.loads((tmp_path / "one" / "results.json").read_text())
    again = shlex.split(one["reproduce"]["command"].replace("DIR", str(tmp_path / "corpora")))
    assert again[0] == "sere"
    assert cli.main([*again[1:], "-q", "--out", str(tmp_path / "two")]) == 0
    two = json.loads((tmp_path / "two" / "results.json").read_text())
    assert two["reproduce"] == one["reproduce"]
    assert [cell["uar"] for cell in two["cells"]] == [cell["uar"] for cell in one["cells"]]
    assert not [text for text in of_all(one["reproduce"]) if str(tmp_path) in text]


@pytest.fixture
def place(model, files, target, tmp_path):
    sere.save(model, tmp_path / "model")
    pd.DataFrame({"path": files, "emotion": target["emotion"]}).to_csv(tmp_path / "truth.csv", index=False)
    return tmp_path


def test_a_saved_model_says_how_to_fit_it_again(place, shots, source):
    known = json.loads((place / "model" / "config.json").read_text())["reproduce"]
    assert (known["seed"], known["parameters"]["epochs"]) == (0, 3)
    assert known["data"]["X"] == list_of(shots, shots["emotion"])
    assert known["data"]["X_unlabeled_src"] == list_of(source.drop(columns="emotion"))
    assert known["data"]["X"]["digest"] in (place / "model" / "README.md").read_text()
    assert known["versions"] == versions()


@pytest.mark.filterwarnings("ignore:X holds 18 clips:sere.SereWarning")
def test_commands_write_beside_a_result_how_to_make_it_again(place, files, capsys):
    commands = {
        "predict": ["predict", str(place / "model"), *files, "-f", "csv"],
        "label": ["label", *files, "-f", "json", "--encoder", "acoustic-emotion"],
        "timeline": ["timeline", files[0], "--model", str(place / "model"), "--detector", "none", "-f", "csv"],
        "evaluate": ["evaluate", str(place / "model"), "--corpus", str(place / "truth.csv")],
    }
    blocks = {}
    for name, command in commands.items():
        out = place / f"{name}.out"
        assert cli.main([*command, "-q", "-o", str(out)]) == 0
        blocks[name] = json.loads((place / f"{name}.out.reproduce.json").read_text())
        assert blocks[name]["command"].startswith(f"sere {name} ")
        assert not [text for text in of_all(blocks[name]) if os.sep + "tmp" in text or str(place) in text]
    clips = list_of(pd.DataFrame({"path": files}))
    assert blocks["predict"]["data"]["clips"] == blocks["label"]["data"]["clips"] == clips
    assert blocks["timeline"]["data"]["recordings"]["clips"] == 1
    assert blocks["evaluate"]["data"]["corpus"]["clips"] == len(files)
    assert blocks["predict"]["data"]["model"] == blocks["evaluate"]["data"]["model"]
    assert blocks["predict"]["data"]["model"]["name"] == "model"
    capsys.readouterr()


def test_reports_show_which_clips_went_in_and_the_command(corpora, place, tmp_path):
    options = {"tasks": "lumo-tarsk", "draws": 1, "shots": 2, "methods": "prototype", "baseline": ""}
    result = run_benchmark(corpora, **options, speakers="known", protocol="transductive")
    page = write_report(result, tmp_path / "benchmark.html").read_text(encoding="utf-8")
    assert all(own["digest"] in page for own in result.reproduce["data"].values())
    assert html.escape(result.reproduce["command"], quote=False) in page
    page = write_report(place / "model", tmp_path / "model.html").read_text(encoding="utf-8")
    given = json.loads((place / "model" / "config.json").read_text())["reproduce"]["data"]
    assert all(own["digest"] in page for own in given.values())
    assert len(given) == 3
