"""The methods of a benchmark side by side: a forest plot of their scores."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sere.datasets.kinds import KIND, kind_words
from sere.plotting._display import BLUE, GREY, PALE, VERMILION, Display, legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
#: Middle and ends of what is drawn, in the rows.
SCORE = ("uar", "low", "high")
DIFFERENCE = ("difference", "difference_low_tasks", "difference_high_tasks")
#: Characters of a method's name in a line.
_WIDE = 22
#: Height of a second line of a name, where a row of one line has 1.
_LINE = 0.5


class BenchmarkDisplay(Display):
    """Forest plot: each method's UAR with its 95 % interval, its tasks as small marks, the best method on top.

    Parameters
    ----------
    rows : sequence of dict
        ``BenchmarkResult.rows``, of one kind of task: shots, shift, protocol and speakers.
    baseline : str, optional
        The method that others are compared with.

    Attributes
    ----------
    methods : list of str
        From top to bottom.
    kind : tuple
        Shots, shift, protocol and speakers.
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, and the figure.
    axes_ : dict of str to Axes
        "scores".

    Examples
    --------
    >>> from sere.plotting import BenchmarkDisplay
    >>> kind = {"shots": 5, "shift": "none", "protocol": "transductive", "speakers": "known", "chance": 0.2}
    >>> rows = [
    ...     kind | {"method": "sere", "task": "all", "uar": 0.55, "low": 0.5, "high": 0.6},
    ...     kind | {"method": "lr", "task": "all", "uar": 0.45, "low": 0.4, "high": 0.5},
    ... ]
    >>> BenchmarkDisplay(rows).plot().methods
    ['sere', 'lr']
    """

    def __init__(self, rows: Sequence[Row], baseline: str | None = None):
        kinds = list(dict.fromkeys(tuple(row[name] for name in KIND) for row in rows))
        if len(kinds) != 1:
            named = "; ".join(kind_words(*kind) for kind in kinds) or "none"
            raise ValueError(f"a picture shows one kind of task, and the rows are of {len(kinds)}: {named}")
        self.rows, self.baseline, self.kind = rows, baseline, kinds[0]
        self._overall = {row["method"]: row for row in rows if row["task"] == "all"}
        self.methods = sorted(self._overall, key=lambda method: -self._overall[method]["uar"])

    @classmethod
    def from_results(
        cls,
        results: Any,
        *,
        shots: int | str | None = None,
        shift: str | None = None,
        protocol: str | None = None,
        speakers: str | None = None,
        difference: bool = False,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw what a benchmark found.

        Parameters
        ----------
        results : BenchmarkResult or path-like
            A result, its ``results.json``, or the folder that holds it.
        shots, shift, protocol, speakers
            Which kind of task, where the benchmark has several; the first that fits when not given.
        difference, ax
            As for `plot`.

        Returns
        -------
        BenchmarkDisplay

        Raises
        ------
        FileNotFoundError
            There are no results.
        ValueError
            The benchmark has no such kind of task.
        """
        rows, baseline = read_rows(results)
        wanted = dict(zip(KIND, (shots, shift, protocol, speakers)))
        kinds = list(dict.fromkeys(tuple(row[name] for name in KIND) for row in rows))
        fitting = [k for k in kinds if all(wanted[n] in (None, own) for n, own in zip(KIND, k))]
        if not fitting:
            raise ValueError(f"there are no such tasks; there are {'; '.join(kind_words(*kind) for kind in kinds)}")
        chosen = [row for row in rows if tuple(row[name] for name in KIND) == fitting[0]]
        return cls(chosen, baseline).plot(difference=difference, ax=ax)

    def plot(self, *, difference: bool = False, ax: "Axes | None" = None) -> Self:
        """Draw.

        Parameters
        ----------
        difference : bool, default=False
            Show paired differences to the baseline, in points, with the interval that resamples tasks, too.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Differences are asked for, and no method has any.
        """
        names = DIFFERENCE if difference else SCORE
        shown = [method for method in self.methods if self._overall[method].get(names[0]) is not None]
        if not shown:
            raise ValueError("no method of the benchmark was compared with a baseline")
        labels = [_lines(method) for method in shown]
        heights = np.array([1 + _LINE * label.count("\n") for label in labels])
        rows = np.cumsum(heights) - heights / 2
        with self._drawing(ax, 0.9 + 0.25 * heights.sum()) as axes:
            if difference:
                reference, called = 0.0, str(self.baseline)
            else:
                reference, called = 100 * self._overall[shown[0]]["chance"], "chance"
            axes.axvline(reference, color=GREY, linestyle=":", linewidth=1.2, label=called)
            for row, method in zip(rows, shown):
                middle, low, high = (_percent(self._overall[method].get(name)) for name in names)
                colour, marker = (VERMILION, "D") if method == self.baseline else (BLUE, "o")
                tasks = [_percent(own.get(names[0])) for own in self.rows if self._is_task(own, method)]
                dots = {"marker": "o", "markersize": 3, "markerfacecolor": "none", "markeredgewidth": 0.6}
                axes.plot(tasks, np.full(len(tasks), row), color=GREY, linestyle="none", label="_tasks", **dots)  # type: ignore[arg-type]
                axes.hlines(row, low, high, color=colour, linewidth=2)
                axes.plot(middle, row, marker, color=colour, markersize=5.5, label=f"_{method}")
            axes.set_yticks(rows, labels)
            axes.set(ylim=(heights.sum(), 0), xlabel=self._axis(difference))
            axes.tick_params(left=False)
            axes.spines[["left", "right", "top"]].set_visible(False)
            axes.set_axisbelow(True)
            axes.grid(axis="x", color=PALE, linewidth=0.5)
            legend_below(axes, self._handles(called, difference), side="right")
            self.axes_ = {"scores": axes}
        return self

    def _is_task(self, row: Row, method: str) -> bool:
        return bool(row["method"] == method and row["task"] != "all")

    def _axis(self, difference: bool) -> str:
        """Return what the numbers are."""
        return f"UAR against {self.baseline} (points)" if difference else "UAR (%)"

    def _handles(self, called: str, difference: bool) -> list[Any]:
        """Return what the marks mean."""
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], color=BLUE, marker="o", markersize=5.5, linewidth=2, label="mean, 95 % interval"),
            Line2D(
                [], [], color=GREY, marker="o", markersize=3, markerfacecolor="none", linestyle="none", label="one task"
            ),
            Line2D([], [], color=GREY, linestyle=":", label=called),
        ]
        if self.baseline in self._overall and not difference:
            handles.append(Line2D([], [], color=VERMILION, marker="D", markersize=5.5, linewidth=2, label="baseline"))
        return handles


def read_rows(results: Any) -> tuple[list[Row], str | None]:
    """Return a benchmark's rows and its baseline.

    Parameters
    ----------
    results : BenchmarkResult or path-like
        As :meth:`BenchmarkDisplay.from_results` takes them.
    """
    if not isinstance(results, (str, os.PathLike)):
        return list(results.rows), results.baseline
    place = Path(results)
    file = place / "results.json" if place.is_dir() else place
    content = json.loads(file.read_text(encoding="utf-8"))
    return content["rows"], baseline_of(content)


def baseline_of(content: Mapping[str, Any]) -> str | None:
    """Return the baseline of a ``results.json``: as it says, or, before it did, the one method with no difference."""
    if "baseline" in content:
        found: str | None = content["baseline"]
        return found
    methods = {row["method"] for row in content["rows"]}
    without = methods - {row["method"] for row in content["rows"] if "difference" in row}
    return without.pop() if len(without) == 1 and len(methods) > 1 else None


def _percent(share: float | None) -> float:
    return float("nan") if share is None else 100 * share


def _lines(name: str) -> str:
    """Return a method's name in lines, broken before its parameters or what stands in brackets where it is long."""
    lines = [""]
    for piece in re.findall(r"[@:(=]?[^@:(=]+", name):
        if lines[-1] and len(lines[-1]) + len(piece) > _WIDE:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)
