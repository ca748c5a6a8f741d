"""What a benchmark found, as papers print it and as others compute with it."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from sere.evaluation import BenchmarkResult, paper
from sere.report.benchmarks import benchmark_page


def cell(task, method, draw, truth, predicted):
    """Return a record of four clips by two speakers."""
    source, target = task.split("-")
    hits, clips = np.zeros((2, 2), int), np.zeros((2, 2), int)
    for row, (true, pred) in enumerate(zip(truth, predicted)):
        clips[row % 2, true] += 1
        hits[row % 2, true] += true == pred
    recall = hits.sum(0) / clips.sum(0)
    return {
        **{"key": f"{task}{method}{draw}", "source": source, "target": target, "shots": 5, "shift": "none"},
        **{"protocol": "transductive", "speakers": "known", "draw": draw, "max_pool": None, "method": method},
        **{"uar": float(recall.mean()), "labels": ["anger", "fear"], "groups": ["a", "b"], "warnings": []},
        **{"hits": hits.tolist(), "clips": clips.tolist(), "fit_seconds": 1.0, "predict_seconds": 0.1},
        **{"cpu_seconds": 1.0, "peak_mb": 100.0, "rows": [3, 2, 1, 0], "truth": truth, "predicted": predicted},
    }


TRUTH = [0, 0, 1, 1]
GOOD, BAD = [0, 0, 1, 0], [1, 0, 0, 1]


@pytest.fixture
def result():
    records = [
        cell(task, method, draw, TRUTH, said)
        for task in ("x-y", "y-x")
        for method, said in (("a_b@c", GOOD), ("lr", BAD))
        for draw in (0, 1)
    ]
    del records[0]["predicted"]  # as earlier releases kept it
    names = {"x": ["x0", "x1", "x2", "x3"], "y": ["y0", "y1", "y2", "y3"]}
    return BenchmarkResult(records, [], 9, 0, "lr", clips=names)


def test_a_table_has_a_row_a_method_and_a_column_a_task(result):
    table = result.score_table()
    assert table.index.tolist() == ["a_b@c", "lr"]
    assert table.columns.tolist() == ["x-y", "y-x", "mean"]
    row = next(row for row in result.rows if row["method"] == "a_b@c" and row["task"] == "x-y")
    assert table.loc["a_b@c", "x-y"] == f"75.0 ± {50 * (row['high'] - row['low']):.1f}"


def test_latex_is_escaped_and_the_best_of_a_column_is_bold(result):
    text = result.to_latex()
    assert text.count(r"\begin{tabular}{lrrr}") == text.count(r"\toprule") == 1
    best, other = (line for line in text.splitlines() if line.startswith((r"a\_b@c &", "lr &")))
    assert best.count(r"\textbf{75.0 $\pm$ ") == 3
    assert r"\textbf" not in other
    assert r"UAR (\%), 5 shots an emotion" in text


def test_methods_that_are_equal_in_print_are_both_bold_and_a_missing_task_is_a_dash():
    rows = [
        {"shots": 5, "shift": "none", "protocol": "p", "speakers": "s", "method": method, "task": task, "uar": uar}
        | {"low": math.nan, "high": math.nan}
        for method, task, uar in (("a", "x-y", 0.50001), ("b", "x-y", 0.5), ("a", "y-x", 0.4), ("b", "all", 0.5))
    ]
    ((texts, best),) = paper.score_tables(rows).values()
    assert texts.loc["b", "y-x"] == "-"
    assert texts.loc["b", "mean"] == "50.0"
    assert best["x-y"].tolist() == [True, True]
    assert best["y-x"].tolist() == [True, False]


def test_several_kinds_of_tasks_stand_below_each_other(result):
    result.records += [record | {"speakers": "unknown"} for record in result.records]
    assert result.score_table().index.nlevels == 2
    assert result.to_latex().count(r"\begin{table}") == 2


def test_a_result_is_short_in_text_and_a_table_in_notebooks(result):
    text = repr(result)
    assert text.startswith("BenchmarkResult: 2 methods on 2 tasks, 8 of 9 cells; ")
    assert len(text.splitlines()) < 12
    assert result._repr_html_().count("<b>75.0") == 3
    assert repr(BenchmarkResult([], [], 9, 0, None)).startswith("BenchmarkResult: 0 methods")


def test_the_calibration_error_is_of_all_answers_of_a_task_and_missing_where_one_has_no_probability(result):
    sure = {0: [0.95, 0.95, 0.55, 0.55], 1: [0.95, 0.65, 0.75, 0.85]}
    for record in result.records:
        if record["method"] == "a_b@c":
            record |= {"predicted": GOOD, "probability": sure[record["draw"]]}
    rows = {(row["method"], row["task"]): row for row in result.rows}
    # All but the last answer of a draw are right: 0.95 three times, 0.65, 0.75, and one of 0.55; 0.85 is wrong.
    gaps = [3 * 0.05, 0.35, 0.25, 0.85, abs(2 * 0.55 - 1)]
    assert rows["a_b@c", "x-y"]["ece"] == pytest.approx(sum(gaps) / 8)
    assert rows["a_b@c", "all"]["ece"] == pytest.approx(sum(gaps) / 8)
    assert "ece" not in rows["lr", "all"]
    summary = next(line for line in result.table().splitlines() if line.startswith("| a_b@c"))
    other = next(line for line in result.table().splitlines() if line.startswith("| lr"))
    assert (summary.split(" | ")[-3], other.split(" | ")[-3]) == (f"{100 * sum(gaps) / 8:.1f}", "-")
    assert "ece" in result.scores
    known = result.predictions.groupby("method")["probability"]
    assert known.count().to_dict() == {"a_b@c": 16, "lr": 0}
    assert "probability" not in result.content()["cells"][1]
    page = benchmark_page(json.loads(json.dumps(result.content())), "a test")
    assert "ECE (%)" in page


def test_results_without_probabilities_have_no_column_of_their_errors(result):
    assert "| ECE |" not in result.table()
    assert "ece" not in result.scores
    assert "ECE (%)" not in benchmark_page(json.loads(json.dumps(result.content())), "a test")


def test_every_answer_that_was_kept_is_there(result, tmp_path):
    found = result.predictions
    assert len(found) == 7 * 4
    first = found[(found["method"] == "lr") & (found["target"] == "y") & (found["draw"] == 0)]
    assert first["clip"].tolist() == ["y3", "y2", "y1", "y0"]
    assert first["emotion"].tolist() == ["anger", "anger", "fear", "fear"]
    assert first["predicted"].tolist() == ["fear", "anger", "anger", "fear"]
    result.save(tmp_path / "one")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "one" / "predictions.csv.gz"), found, check_dtype=False)
    assert len(pd.read_csv(tmp_path / "one" / "table.csv")) == len(result.rows)
    assert (tmp_path / "one" / "table.tex").read_text() == result.to_latex()
    result.save(tmp_path / "two")
    one, two = ((tmp_path / name / "predictions.csv.gz").read_bytes() for name in ("one", "two"))
    assert one == two
    assert "predicted" not in result.content()["cells"][0]
