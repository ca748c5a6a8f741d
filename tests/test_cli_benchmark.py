"""``sere benchmark``: what its words mean, and what it says of wrong ones."""

import json

import pytest
from test_evaluation_benchmark import corpora, folder  # noqa: F401 - fixtures

from sere import cli
from sere.evaluation.presets import PRESETS, heterogeneous_methods

FEW = ["--shots", "2", "--draws", "1", "--tasks", "lumo-tarsk", "--speakers", "unknown", "--protocol", "transductive"]


def run(*arguments):
    return cli.main(["benchmark", *map(str, arguments)])


@pytest.fixture
def asked(monkeypatch):
    """What `run_benchmark` is called with."""
    calls = []

    class Result:
        failed = ()

        def table(self):
            return "the table"

    def remember(corpora, **settings):  # noqa: F811
        calls.append(settings | {"corpora": corpora})
        return Result()

    monkeypatch.setattr("sere.evaluation.benchmark.run_benchmark", remember)
    return calls


def test_the_table_is_printed_and_the_results_are_kept(folder, tmp_path, capsys):  # noqa: F811
    assert run("--corpora", folder, "--out", tmp_path / "b", "--methods", "prototype", "--baseline", "lr", *FEW) == 0
    out, err = capsys.readouterr()
    assert out.startswith("## 2 shots an emotion, transductive, speakers unknown")
    assert "| prototype |" in out
    assert out == (tmp_path / "b" / "table.md").read_text() + "\n"
    assert "2 cells" in err
    assert len(json.loads((tmp_path / "b" / "results.json").read_text())["cells"]) == 2
    assert run("--corpora", folder, "--out", tmp_path / "b", "--methods", "prototype", "--baseline", "lr", *FEW) == 0
    assert "2 cells, 2 of them finished before" in capsys.readouterr().err


def test_a_preset_gives_settings_and_what_is_given_beside_it_wins(asked):
    assert run("--corpora", "c", "--preset", "shots", "--draws", "3", "--encoder", "egemaps", "-q") == 0
    assert run("--corpora", "c", "--preset", "table2", "--methods", "lr", "--shots", "1,all", "--shift", "skew") == 0
    assert run("--corpora", "c") == 0
    shots, ablations, plain = asked
    assert (shots["shots"], shots["draws"], shots["encoder"]) == ([1, 5, 20, "all"], 3, "egemaps")
    assert (ablations["methods"], ablations["baseline"]) == ("lr", "sere")
    assert (ablations["shots"], ablations["shifts"]) == ([1, "all"], ["skew"])
    assert (plain["draws"], plain["max_pool"], plain["corpora"]) == (10, 600, "c")
    assert "methods" not in plain


def test_the_folder_may_come_from_the_environment(asked, monkeypatch, capsys):
    monkeypatch.setenv("SERE_CORPORA", "there")
    assert run() == 0
    assert asked[0]["corpora"] == "there"
    monkeypatch.delenv("SERE_CORPORA")
    assert run() == 2
    assert "--corpora DIR" in capsys.readouterr().err


def test_table_3_pairs_encoders_of_both_languages(asked):
    assert run("--corpora", "c", "--preset", "table3") == 0
    assert run("--corpora", "c", "--preset", "table3", "--encoder", "de=a,it=b") == 0
    embedded, named = ([m.estimator.encoder for m in settings["methods"]] for settings in asked)
    assert embedded == [
        "acoustic",
        "egemaps",
        {"labeled": "acoustic", "source": "acoustic", "target": "egemaps"},
        {"labeled": "egemaps", "source": "egemaps", "target": "acoustic"},
    ]
    assert named == ["a", "b", {"de": "a", "it": "b", "default": "a"}]
    with pytest.raises(ValueError, match="two or more encoders, and only a is given"):
        heterogeneous_methods(["a"])


def test_an_encoder_per_language_reaches_every_method(asked):
    assert run("--corpora", "c", "--encoder", "de=a,it=b") == 0
    assert asked[0]["encoder"] == {"de": "a", "it": "b"}


def test_every_preset_is_explained(capsys):
    with pytest.raises(SystemExit):
        run("--help")
    shown = capsys.readouterr().out
    for name in PRESETS:
        assert f"\n  {name} " in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--corpora", "{folder}", "--methods", "foo"], 1, "no method 'foo'; the methods are sere, lr, svm"),
        (["--corpora", "{folder}", "--tasks", "BO"], 1, "write SOURCE-TARGET with two of the corpora that are there"),
        (["--corpora", "{empty}"], 1, "no corpus that is recognised"),
        (["--corpora", "{empty}/none"], 1, "there is no"),
        (["--corpora", "{folder}", "--shots", "few"], 2, "--shots few"),
        (
            ["--corpora", "{folder}", "--methods", "lr:C=0"],
            1,
            "method lr:C=0: LinearBaseline: C is 0; it must be",
        ),
        (["--corpora", "{folder}", "--encoder", "a,b"], 2, "several go with table3"),
        (["--corpora", "{folder}", "--shift", "louder"], 1, "the shifts are none, noise20"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments, code, said, folder, tmp_path, capsys):  # noqa: F811
    places = {"folder": folder, "empty": tmp_path / "empty"}
    (tmp_path / "empty").mkdir()
    assert run(*[argument.format(**places) for argument in arguments], "--out", tmp_path / "out") == code
    err = capsys.readouterr().err
    assert err.startswith("sere benchmark: ")
    assert said in err


def test_an_interruption_says_that_finished_cells_are_kept(monkeypatch, capsys, tmp_path):
    def interrupted(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("sere.evaluation.benchmark.run_benchmark", interrupted)
    assert run("--corpora", "c", "--out", tmp_path) == 130
    assert f"finished cells are kept in {tmp_path}; run it again to go on" in capsys.readouterr().err


def test_cells_that_failed_are_said_to_have_failed(folder, tmp_path, capsys, monkeypatch):  # noqa: F811
    def give_up(method, lesson):
        raise ValueError("no line divides these clips")

    monkeypatch.setattr("sere.baselines.LinearBaseline._learn", give_up)
    options = ["--corpora", folder, "--out", tmp_path / "b", "--methods", "lr", "--baseline", "", *FEW]
    assert run(*options) == 1
    out, err = capsys.readouterr()
    assert "1 cells failed" in err
    assert "no line divides these clips" in err
    assert "no line divides these clips" in out
