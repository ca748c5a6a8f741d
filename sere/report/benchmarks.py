"""The report of a benchmark: its scores and differences, its data, what could have leaked, how to run it again."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sere.datasets.kinds import KIND, kind_words
from sere.encoders.emotion import SHIPPED, EmotionEncoder
from sere.evaluation.results import command_of
from sere.evaluation.tables import reading
from sere.plotting.benchmark import DIFFERENCE, BenchmarkDisplay, baseline_of
from sere.report.page import Cell, code, facts, items, number, page, paragraph, percent, pictures, subheading, table

Row = Mapping[str, Any]
Content = Mapping[str, Any]


def benchmark_page(content: Content, about: str) -> str:
    """Return the page of a benchmark.

    Parameters
    ----------
    content : dict
        What ``results.json`` holds.
    about : str
        What made the page.
    """
    baseline = baseline_of(content)
    rows: list[Row] = content["rows"]
    if not rows:
        raise ValueError("no cell of this benchmark is finished, so there is nothing to report")
    kinds = list(dict.fromkeys(tuple(row[name] for name in KIND) for row in rows))
    parts: list[tuple[str, str]] = []
    for kind in kinds:
        own = [row for row in rows if tuple(row[name] for name in KIND) == kind]
        words = kind_words(*kind)
        parts.append((words[0].upper() + words[1:], _scores(own, baseline)))
    parts += [
        ("What the numbers mean", paragraph(reading(baseline).replace("*", ""))),
        ("Data", _data(content)),
        ("What could have leaked, and what else to mind", _warnings(content, kinds)),
        ("Run it again", _again(content, baseline)),
    ]
    methods = len({row["method"] for row in rows})
    tasks = len({row["task"] for row in rows} - {"all"})
    title = f"Benchmark: {_several(methods, 'method')} on {_several(tasks, 'task')}"
    return page(title, _lead([row for row in rows if tuple(row[name] for name in KIND) == kinds[0]]), parts, about)


def _lead(rows: Sequence[Row]) -> str:
    """Return who is ahead in the first kind of task, and how surely."""
    overall = sorted((row for row in rows if row["task"] == "all"), key=lambda row: -row["uar"])
    best = overall[0]
    said = f"{best['method']} has the highest mean, UAR {100 * best['uar']:.1f} % (chance {100 * best['chance']:.1f} %)"
    said += "" if best["low"] is None else f", 95 % interval {100 * best['low']:.1f} to {100 * best['high']:.1f}"
    low, high = best.get("difference_low_tasks"), best.get("difference_high_tasks")
    if low is not None and high is not None:
        surely = "does not hold 0" if low > 0 or high < 0 else "holds 0, so this may be chance"
        said += f"; the interval of its difference to the baseline, [{100 * low:+.1f}, {100 * high:+.1f}], {surely}"
    return f"{said}. ({kind_words(*(rows[0][name] for name in KIND))}.)"


def _scores(rows: list[Row], baseline: str | None) -> str:
    """Return one kind of task: pictures, methods, tasks."""
    overall = sorted((row for row in rows if row["task"] == "all"), key=lambda row: -row["uar"])
    display = BenchmarkDisplay(rows, baseline)
    told = ", ".join(f"{row['method']} {percent(row['uar']).text} %" for row in overall)
    drawings = [(display.plot, "Mean over tasks with its 95 % interval; small circles are tasks.", f"UAR: {told}.")]
    compared = [row for row in overall if row.get("difference") is not None]
    if compared:
        gaps = ", ".join(f"{row['method']} {percent(row['difference'], signed=True).text} points" for row in compared)
        drawings.append(
            (
                partial(display.plot, difference=True),
                f"Paired differences to {baseline}; the interval resamples tasks, too.",
                f"Differences to {baseline}: {gaps}.",
            )
        )
    return pictures(drawings) + _methods(overall, baseline) + _tasks(rows, [row["method"] for row in overall])


def _methods(rows: list[Row], baseline: str | None) -> str:
    """Return the table of methods over all tasks."""
    ranked = any("rank" in row for row in rows)
    calibrated = any("ece" in row for row in rows)
    columns = ["method", "UAR (%)", "SD over draws"]
    columns += [f"points against {baseline}", "tasks ahead"] if baseline else []
    columns += ["mean rank"] if ranked else []
    columns += ["ECE (%)"] if calibrated else []
    made = []
    for row in rows:
        cells = [row["method"], percent(row["uar"], row["low"], row["high"]), percent(row.get("sd"))]
        if baseline:
            difference, low, high = (row.get(name) for name in DIFFERENCE)
            cells.append(percent(difference, low, high, signed=True))
            cells.append(Cell(f"{row['ahead']} of {row['compared']}", row["ahead"]) if "ahead" in row else None)
        cells += [number(row.get("rank"))] if ranked else []
        cells += [percent(row.get("ece"))] if calibrated else []
        made.append([*cells, number(row["seconds"]), number(row["peak_mb"], 0)])
    first = rows[0]
    about = f"{_several(first['tasks'], 'task')}, {_several(first['draws'], 'draw')}, in brackets 95 % intervals"
    return table(f"Methods over all tasks ({about})", [*columns, "seconds", "MB"], made)


def _tasks(rows: list[Row], methods: list[str]) -> str:
    """Return the table of tasks, a column a method."""
    found = {(row["task"], row["method"]): row for row in rows}
    tasks = [task for task in dict.fromkeys(row["task"] for row in rows) if task != "all"]
    made = []
    for task in tasks:
        chance = next(row["chance"] for row in rows if row["task"] == task)
        made.append([task, percent(chance), *(_score(found.get((task, method))) for method in methods)])
    return table("Tasks: UAR (%) with its 95 % interval", ["task", "chance", *methods], made)


def _score(row: Row | None) -> Cell | None:
    return None if row is None else percent(row["uar"], row["low"], row["high"])


def _data(content: Content) -> str:
    """Return what the corpora hold."""
    corpora: Mapping[str, Any] = content.get("data") or {}
    if not corpora:
        tasks = ", ".join(content["settings"].get("tasks", ()))
        return paragraph(
            f"The tasks are {tasks}. These results were written before benchmarks kept the numbers of their corpora."
        )
    emotions = sorted({emotion for own in corpora.values() for emotion in own["emotions"]})
    columns = ["corpus", "languages", "clips", "speakers", *emotions]
    made = [
        [name, ", ".join(own["languages"]) or "unknown", own["clips"], own["speakers"]]
        + [own["emotions"].get(emotion, 0) for emotion in emotions]
        for name, own in corpora.items()
    ]
    return table("Corpora: clips that could be used, and clips of each emotion", columns, made)


def _warnings(content: Content, kinds: Sequence[tuple[Any, ...]]) -> str:
    """Return what stands between the scores and what a user of the methods would meet."""
    found = list(_heard(content["settings"]))
    _, shifts, protocols, speakers = (set(values) for values in zip(*kinds))
    if "transductive" in protocols:
        found.append(
            "Transductive: the scored clips are the unlabeled target pool. Methods heard them, without their labels; "
            "clips of speakers they never heard may be answered worse (--protocol inductive)."
        )
    if "known" in speakers:
        found.append(
            "Speakers known: methods were told who speaks in every clip, also in the target (--speakers unknown)."
        )
    if content["settings"].get("draws") == 1:
        found.append("One draw of the labeled clips: the intervals say nothing about other draws.")
    few = [name for name, own in (content.get("data") or {}).items() if (own["speakers"] or 99) < 10]
    if few:
        found.append(f"Fewer than ten speakers in {', '.join(few)}: intervals over so few are somewhat narrow.")
    if shifts - {"none"}:
        found.append("Shifted targets are altered clips of the same corpora, not recordings of other places.")
    parts = items(found, care=True)
    for title, texts in (("Methods said", content.get("notes")), ("Left out", content.get("left_out"))):
        parts += subheading(title) + items(texts) if texts else ""
    return parts


def _heard(settings: Mapping[str, Any]) -> list[str]:
    """Return which methods' encoders learned from corpora that the tasks are made of."""
    involved = {name for task in settings.get("tasks", ()) for name in task.split("-")}
    said = []
    for name in SHIPPED:
        users = [method for method in settings.get("methods", ()) if name in method.replace(":", "@").split("@")]
        both = sorted(involved & {corpus.lower() for corpus in EmotionEncoder.load(name).card.names}) if users else []
        if both:
            said.append(
                f"{', '.join(users)}: the encoder {name} learned from {', '.join(both)} with their labels. On tasks "
                "with these corpora its scores say nothing; @experience learns one for each task without them."
            )
    return said


def _again(content: Content, baseline: str | None) -> str:
    """Return the command, the seeds, the releases, and which clips the corpora had."""
    known: Mapping[str, Any] = content.get("reproduce") or {}
    # Results of earlier releases have no such block.
    command = known.get("command") if known else command_of(content["settings"], baseline)
    seeds = "Draw k of the labeled clips, and the methods fitted on it, are seeded by k."
    if command is None:
        again = paragraph(f"{seeds} Methods that are estimators of somebody's own have no command.")
    else:
        again = paragraph(f"{seeds} DIR is the folder of corpora.") + code(command)
    lists = [[name, own["clips"], own["digest"]] for name, own in known.get("data", {}).items()]
    listed = table("Lists of clips: equal digests mean equal lists", ["corpus", "clips", "digest"], lists)
    return again + (listed if lists else "") + facts(content["environment"])


def _several(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
