"""A benchmark's rows as Markdown: a summary of every section, then each section's tasks.

UAR and differences stand in percent and percentage points. Every table says what its tasks are (shots, protocol,
whether methods knew the speakers, shift), what its intervals resample and against what it compares.
"""

import math
from collections.abc import Sequence
from typing import Any

from sere.datasets.kinds import KIND, kind_words

Row = dict[str, Any]
_NONE = "-"


def markdown(rows: Sequence[Row], baseline: str | None, left_out: Sequence[str] = ()) -> str:
    """Return all sections of a benchmark.

    Parameters
    ----------
    rows : sequence of dict
        As :func:`sere.evaluation.summary.summarise` returns them.
    baseline : str or None
    left_out : sequence of str
        What was not run, a sentence each.
    """
    lines: list[str] = []
    for section in dict.fromkeys(tuple(row[name] for name in KIND) for row in rows):
        own = [row for row in rows if tuple(row[name] for name in KIND) == section]
        lines += [f"## {kind_words(*section)}", "", *_summary(own, baseline), "", *_tasks(own), ""]
    lines += [reading(baseline)] if rows else ["No cell is finished.", ""]
    if left_out:
        lines += ["", "Left out:", "", *(f"- {sentence}" for sentence in left_out)]
    return "\n".join(lines).rstrip() + "\n"


def reading(baseline: str | None) -> str:
    """Return what the columns mean."""
    compared = (
        f"Differences are paired, in points against {baseline}; their interval resamples tasks as well where a row is "
        "over several. *Ahead* counts tasks with a higher mean. "
    )
    return (
        "UAR is the mean over tasks and draws in %, SD its deviation over draws; the interval (95 %) resamples the "
        f"speakers of each target and the draws. {compared if baseline else ''}*Rank* is the mean over tasks of the "
        "place among these methods, 1 the best; its interval resamples tasks, too. *ECE* is the expected calibration "
        "error in %, by how much the probabilities of answers differ from the share of them that is right. Seconds are "
        "the median of a fit and its predictions from kept features, which comparison methods that follow each other "
        "on a task have read before their seconds begin; memory is the largest resident size of the process, libraries "
        "included."
    )


def _summary(rows: list[Row], baseline: str | None) -> list[str]:
    shifted = any("drop" in row for row in rows)
    calibrated = any("ece" in row for row in rows)
    ranked = len({row["method"] for row in rows if "rank" in row}) > 2
    columns = ["method", "UAR", "SD", "interval"]
    columns += [f"against {baseline}", "interval", "ahead"] if baseline else []
    columns += ["rank", "interval"] if ranked else []
    columns += ["drop", "interval"] if shifted else []
    columns += ["ECE"] if calibrated else []
    lines = _head([*columns, "seconds", "MB"])
    for row in (row for row in rows if row["task"] == "all"):
        over = "_tasks" if row.get("compared", 0) > 1 else ""
        ends = row.get(f"difference_low{over}"), row.get(f"difference_high{over}")
        cells = [row["method"], _percent(row["uar"]), _percent(row["sd"]), _interval(row["low"], row["high"])]
        if baseline:
            cells += [_signed(row.get("difference")), _interval(*ends, signed=True)]
            cells += [f"{row['ahead']} of {row['compared']}" if "ahead" in row else _NONE]
        if ranked:
            cells += [_place(row.get("rank")), f"[{_place(row.get('rank_low'))}, {_place(row.get('rank_high'))}]"]
        if shifted:
            cells += [_percent(row.get("drop")), _interval(row.get("drop_low"), row.get("drop_high"))]
        cells += [_percent(row.get("ece"))] if calibrated else []
        lines.append(_line([*cells, f"{row['seconds']:.1f}", f"{row['peak_mb']:.0f}"]))
    first = next(row for row in rows if row["task"] == "all")
    most = max(row["cells"] for row in rows if row["task"] == "all")
    about = f"{first['tasks']} task(s), {first['draws']} draw(s), chance {_percent(first['chance'])}"
    incomplete = [row["method"] for row in rows if row["task"] == "all" and row["cells"] < most]
    return [about + (f"; fewer cells: {', '.join(incomplete)}" if incomplete else ""), "", *lines]


def _tasks(rows: list[Row]) -> list[str]:
    """A row a task, a column a method."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    found = {(row["task"], row["method"]): row for row in rows}
    lines = _head(["task", "chance", *methods])
    for task in dict.fromkeys(row["task"] for row in rows if row["task"] != "all"):
        chance = next(row["chance"] for row in rows if row["task"] == task)
        lines.append(_line([task, _percent(chance), *(_cell(found.get((task, method))) for method in methods)]))
    means = [f"**{_percent(found['all', method]['uar'])}**" for method in methods]
    return [*lines, _line(["mean", _percent(found["all", methods[0]]["chance"]), *means])]


def _cell(row: Row | None) -> str:
    if row is None:
        return _NONE
    spread = "" if math.isnan(row["sd"]) else f" ± {_percent(row['sd'])}"
    return f"{_percent(row['uar'])}{spread} {_interval(row['low'], row['high'])}".rstrip(f" {_NONE}")


def _head(columns: list[str]) -> list[str]:
    return [_line(columns), "|---" * len(columns) + "|"]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _place(rank: float | None) -> str:
    return _NONE if rank is None or math.isnan(rank) else f"{rank:.1f}"


def _missing(share: float | None) -> bool:
    return share is None or math.isnan(share)


def _percent(share: float | None) -> str:
    return _NONE if share is None or math.isnan(share) else f"{100 * share:.1f}"


def _signed(share: float | None) -> str:
    return _NONE if share is None or math.isnan(share) else f"{100 * share:+.1f}"


def _interval(low: float | None, high: float | None, signed: bool = False) -> str:
    if _missing(low) or _missing(high):
        return _NONE
    shown = _signed if signed else _percent
    return f"[{shown(low)}, {shown(high)}]"
