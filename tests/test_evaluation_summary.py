"""Rows of a benchmark, and the tables made of them, from records with known scores."""

import numpy as np
import pytest

from sere.datasets.kinds import kind_words
from sere.evaluation.summary import summarise
from sere.evaluation.tables import markdown


def cell(method, task, draw, right, shift="none", total=10):
    """A cell of two speakers and two emotions, in which `right` of `total` clips of each are recognised."""
    source, target = task.split("-")
    return {
        **{"shots": 5, "shift": shift, "protocol": "transductive", "speakers": "known", "max_pool": 600},
        **{"source": source, "target": target, "draw": draw, "method": method, "uar": right / total},
        **{"labels": ["anger", "fear"], "groups": ["u", "v"]},
        **{"hits": [[right, right], [right, right]], "clips": [[total, total]] * 2},
        **{
            "fit_seconds": 2.0 + draw,
            "predict_seconds": 1.0,
            "cpu_seconds": 2.5,
            "peak_mb": 100.0 + draw,
            "warnings": [],
        },
    }


RIGHT = {("ours", "a-b"): [6, 8], ("ours", "b-a"): [3, 5], ("lr", "a-b"): [5, 5], ("lr", "b-a"): [4, 4]}
RECORDS = [cell(m, task, draw, right) for (m, task), both in RIGHT.items() for draw, right in enumerate(both)]


def row_of(rows, method, task="all", **section):
    fits = [r for r in rows if r["method"] == method and r["task"] == task and section.items() <= r.items()]
    (row,) = fits
    return row


def test_a_row_over_all_tasks_is_the_mean_of_the_tasks_and_its_sd_that_of_the_draws():
    row = row_of(summarise(RECORDS, "lr"), "ours")
    assert row["uar"] == pytest.approx((0.7 + 0.4) / 2)
    assert row["sd"] == pytest.approx(np.std([(0.6 + 0.3) / 2, (0.8 + 0.5) / 2], ddof=1))
    assert row["chance"] == 0.5
    assert (row["tasks"], row["draws"], row["cells"]) == (2, 2, 4)
    assert (row["seconds"], row["cpu_seconds"], row["peak_mb"]) == (3.5, 2.5, 101.0)
    assert row["low"] <= row["uar"] <= row["high"]


def test_differences_are_paired_and_tasks_ahead_are_counted():
    rows = summarise(RECORDS, "lr")
    row = row_of(rows, "ours")
    assert row["difference"] == pytest.approx(0.1)
    assert (row["ahead"], row["compared"]) == (1, 2)
    assert row["difference_low_tasks"] <= row["difference_low"] <= 0.1 <= row["difference_high"]
    assert row_of(rows, "ours", "a-b")["difference"] == pytest.approx(0.2)
    assert row_of(rows, "ours", "b-a")["ahead"] == 0
    assert "difference" not in row_of(rows, "lr")
    assert all("difference" not in row for row in summarise(RECORDS, None))


def test_only_draws_that_both_have_are_compared():
    fewer = [r for r in RECORDS if not (r["method"] == "lr" and r["source"] == "a" and r["draw"] == 1)]
    row = row_of(summarise(fewer, "lr"), "ours", "a-b")
    assert row["difference"] == pytest.approx(0.1)
    assert row["uar"] == pytest.approx(0.7)
    none = [r for r in RECORDS if not (r["method"] == "lr" and r["source"] == "a")]
    assert "difference" not in row_of(summarise(none, "lr"), "ours", "a-b")
    assert row_of(summarise(none, "lr"), "ours")["compared"] == 1


def test_a_shift_is_set_against_the_same_method_without_it():
    shifted = [cell("ours", "a-b", draw, right, shift="noise10") for draw, right in enumerate([4, 7])]
    rows = summarise(RECORDS + shifted, "lr")
    row = row_of(rows, "ours", shift="noise10")
    assert row["drop"] == pytest.approx(((0.6 - 0.4) + (0.8 - 0.7)) / 2)
    assert row["drop_low"] <= row["drop"] <= row["drop_high"]
    assert "drop" not in row_of(rows, "ours", shift="none")
    assert "difference" not in row


def test_the_table_shows_every_section_its_methods_and_its_tasks():
    text = markdown(summarise(RECORDS, "lr"), "lr", ["a-c: no clips"])
    assert text.startswith("## 5 shots an emotion, transductive, speakers known\n")
    assert "2 task(s), 2 draw(s), chance 50.0" in text
    assert "| ours | 55.0 | 14.1 | [" in text
    assert "| +10.0 | [" in text
    assert "| 1 of 2 |" in text
    assert "| a-b | 50.0 | 70.0 ± 14.1 [" in text
    assert "| mean | 50.0 | **55.0** | **45.0** |" in text
    assert "in points against lr" in text
    assert text.endswith("Left out:\n\n- a-c: no clips\n")


def test_without_a_baseline_nothing_is_compared_and_without_cells_it_is_said():
    text = markdown(summarise(RECORDS, None), None)
    assert "against" not in text
    assert "ahead" not in text.lower()
    assert markdown([], "lr") == "No cell is finished.\n"


def test_methods_with_fewer_cells_are_named():
    assert "; fewer cells: lr" in markdown(summarise(RECORDS[:-1], "lr"), "lr")


def test_one_draw_has_no_deviation_and_a_shift_stands_in_the_kind_words():
    one = [cell("ours", "a-b", 0, 6), cell("ours", "a-b", 0, 4, shift="short")]
    text = markdown(summarise(one, None), None)
    assert "| ours | 60.0 | - |" in text
    assert "drop" in text
    assert kind_words("all", "short", "inductive", "unknown") == (
        "all source labels, inductive, speakers unknown, target: short"
    )
    assert kind_words(1, "none", "inductive", "known").startswith("1 shot an emotion")
