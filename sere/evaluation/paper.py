"""A benchmark's scores as a paper prints them: a row a method, a column a task, "52.3 ± 4.1", the best in bold.

What stands behind ± is half the width of the 95 % interval, which need not lie evenly around the mean: the intervals
themselves are in the rows (:mod:`sere.evaluation.summary`). Bold is the highest mean of a column, and no test.
"""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from sere.datasets.kinds import KIND, kind_words

Row = dict[str, Any]
#: What LaTeX reads as commands, and how it is written.
_ESCAPED = {
    **{sign: rf"\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def score_tables(rows: Sequence[Row]) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return, by the words of each kind of task, the scores as texts and which of them are a column's best.

    Parameters
    ----------
    rows : sequence of dict
        As :func:`sere.evaluation.summary.summarise` returns them.

    Returns
    -------
    dict of str to (DataFrame, DataFrame)
        A row a method, a column a task and, of several tasks, "mean"; UAR in %.
    """
    found = {}
    for kind in dict.fromkeys(tuple(row[name] for name in KIND) for row in rows):
        own = [row for row in rows if tuple(row[name] for name in KIND) == kind]
        methods = list(dict.fromkeys(row["method"] for row in own))
        tasks = list(dict.fromkeys(row["task"] for row in own if row["task"] != "all"))
        columns = {task: task for task in tasks} | ({"all": "mean"} if len(tasks) > 1 else {})
        cells = {(row["method"], row["task"]): row for row in own}
        grid = [[cells.get((method, task)) for task in columns] for method in methods]
        means = pd.DataFrame([[_mean(cell) for cell in line] for line in grid], methods, list(columns.values()))
        texts = pd.DataFrame([[_text(cell) for cell in line] for line in grid], methods, list(columns.values()))
        texts.index.name = means.index.name = "method"
        found[kind_words(*kind)] = texts, means.eq(means.max()) & means.notna()
    return found


def latex(rows: Sequence[Row]) -> str:
    r"""Return each kind of task as a table for LaTeX, which needs ``\usepackage{booktabs}``.

    Parameters
    ----------
    rows : sequence of dict
        As :func:`sere.evaluation.summary.summarise` returns them.
    """
    made = []
    for words, (texts, best) in score_tables(rows).items():
        cells = texts.map(_math)
        cells = cells.where(~best, cells.map(lambda text: rf"\textbf{{{text}}}"))
        cells.index = pd.Index([_escaped(name) for name in texts.index])
        cells.columns = [_escaped(name) for name in texts.columns]
        made.append(
            cells.to_latex(
                escape=False,
                column_format="l" + "r" * len(texts.columns),
                caption=f"UAR (\\%), {_escaped(words)}; $\\pm$ half the width of the 95\\,\\% interval.",
                position="t",
            )
        )
    return "\n".join(made)


def html(rows: Sequence[Row]) -> str:
    """Return each kind of task as a table for a notebook."""
    made = []
    for words, (texts, best) in score_tables(rows).items():
        marked = texts.map(_html_escaped).where(~best, texts.map(lambda text: f"<b>{_html_escaped(text)}</b>"))
        marked.index = pd.Index([_html_escaped(name) for name in texts.index])
        shown = marked.to_html(escape=False, border=0)
        made.append(f"<p>UAR (%), {_html_escaped(words)}; ± half the width of the 95 % interval</p>{shown}")
    return "".join(made)


def _mean(row: Row | None) -> float:
    return math.nan if row is None else round(100 * row["uar"], 1)


def _text(row: Row | None) -> str:
    if row is None:
        return "-"
    half = 50 * (row["high"] - row["low"])
    return f"{100 * row['uar']:.1f}" + ("" if math.isnan(half) else f" ± {half:.1f}")


def _math(text: str) -> str:
    return text.replace(" ± ", r" $\pm$ ")


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(sign, sign) for sign in str(text))


def _html_escaped(text: str) -> str:
    from html import escape

    return escape(str(text))
