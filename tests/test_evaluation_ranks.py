"""Ranks of methods over tasks, against counting by hand."""

import numpy as np
import pytest

from sere.evaluation.bootstrap import Resamples
from sere.evaluation.ranks import mean_ranks
from sere.evaluation.summary import summarise
from sere.evaluation.tables import markdown


def cell(method, target, hits, draw=0):
    """Ten clips of each of two emotions by each of three speakers."""
    groups = [f"{target}{i}" for i in range(3)]
    return {
        **{"source": "s", "target": target, "draw": draw, "method": method, "labels": ["a", "b"], "groups": groups},
        **{"hits": [[h, h] for h in hits], "clips": [[10, 10]] * 3, "uar": float(np.mean(hits) / 10)},
        **{"shots": 5, "shift": "none", "protocol": "transductive", "speakers": "known", "fit_seconds": 1.0},
        **{"predict_seconds": 0.0, "cpu_seconds": 1.0, "peak_mb": 1.0, "warnings": []},
    }


def by_task(cells):
    return {f"s-{c['target']}": [c] for c in cells}


def test_a_rank_is_the_mean_place_over_tasks_and_ties_share_theirs():
    methods = {
        "x": by_task([cell("x", "t", [9, 9, 9]), cell("x", "u", [5, 5, 5])]),
        "y": by_task([cell("y", "t", [8, 8, 8]), cell("y", "u", [6, 6, 6])]),
        "z": by_task([cell("z", "t", [1, 1, 1]), cell("z", "u", [5, 5, 5])]),
    }
    found = mean_ranks(methods, Resamples(50))
    assert {name: row["rank"] for name, row in found.items()} == {"x": (1 + 2.5) / 2, "y": 1.5, "z": (3 + 2.5) / 2}
    for row in found.values():
        assert row["rank_low"] <= row["rank"] <= row["rank_high"]


def test_who_is_ahead_with_every_speaker_is_first_in_every_resample():
    methods = {name: by_task([cell(name, "t", [h] * 3), cell(name, "u", [h] * 3)]) for name, h in (("x", 8), ("y", 7))}
    found = mean_ranks(methods, Resamples(50))
    assert found["x"] == {"rank": 1.0, "rank_low": 1.0, "rank_high": 1.0}


def test_one_method_has_no_rank_and_a_task_that_one_lacks_counts_for_none():
    one = {"x": by_task([cell("x", "t", [9, 9, 9])])}
    assert mean_ranks(one, Resamples(10)) == {}
    two = one | {"y": by_task([cell("y", "t", [8, 8, 8]), cell("y", "u", [8, 8, 8])])}
    assert mean_ranks(two, Resamples(10))["y"]["rank"] == 2.0


@pytest.mark.parametrize(("n", "shown"), [(2, False), (3, True)])
def test_a_table_of_three_methods_shows_ranks(n, shown):
    cells = [cell(name, target, [h] * 3) for name, h in zip("xyz"[:n], (9, 8, 7)) for target in "tu"]
    text = markdown(summarise(cells, "x"), "x")
    assert ("| 1.0 | [1.0, 1.0] |" in text) is shown
