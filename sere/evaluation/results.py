"""What a benchmark found: cells, rows, tables for readers and for papers, every answer; and the files that keep them.

Rows and intervals are :mod:`sere.evaluation.summary`'s, Markdown is :mod:`sere.evaluation.tables`', LaTeX
:mod:`sere.evaluation.paper`'s.
"""

import gzip
import json
import os
import platform
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sere.evaluation import paper
from sere.evaluation.summary import summarise
from sere.evaluation.tables import markdown
from sere.files.drafts import whole_file, write_text
from sere.provenance import versions

RESULTS, TABLE = "results.json", "table.md"
CSV, LATEX, PREDICTIONS = "table.csv", "table.tex", "predictions.csv.gz"
_SCENARIO = ("source", "target", "shots", "shift", "protocol", "speakers", "draw", "method")
_ANSWERS = ("clip", "emotion", "predicted", "probability")


@dataclass(repr=False)
class BenchmarkResult:
    """Finished cells and what they say.

    Attributes
    ----------
    records : list of dict
        One a finished cell; see :func:`sere.evaluation.cells.run_cell`.
    failed : list of dict
        Cells whose method raised, with ``error`` and ``traceback``.
    planned : int
        Cells of the benchmark.
    resumed : int
        Cells that an earlier run had finished.
    baseline : str or None
    settings : dict
    left_out : list of str
        Tasks and clips that were not run, with the reason, a sentence each.
    notes : list of str
        How inductive targets were divided, and what methods warned of.
    data : dict of str to dict
        Of each corpus ``clips``, ``speakers`` (None where unknown), ``languages`` and ``emotions``, clips of each.
    clips : dict of str to list of str
        Of each corpus a name for every clip, by its row.
    reproduce : dict
        How to make it again: ``versions``, ``seed`` of each draw, ``parameters``, ``data`` (number of clips and digest
        of the list of each corpus) and the ``command``, unless a method is an estimator of yours.

    Examples
    --------
    >>> from sere.datasets import make_voices
    >>> from sere.evaluation import run_benchmark
    >>> voices = make_voices(n_per_emotion=4, emotions=["anger", "sadness"], duration=0.4)
    >>> corpora = {language: clips for language, clips in voices.groupby("language")}
    >>> options = {"draws": 1, "shots": 2, "protocol": "transductive", "speakers": "known"}
    >>> result = run_benchmark(corpora, methods=["prototype"], baseline="lr", **options)
    >>> sorted(set(result.scores["task"]))
    ['all', 'lumo-tarsk', 'tarsk-lumo']
    """

    records: list[dict[str, Any]]
    failed: list[dict[str, Any]]
    planned: int
    resumed: int
    baseline: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    clips: dict[str, list[str]] = field(default_factory=dict)
    reproduce: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Every row of the tables; see :func:`sere.evaluation.summary.summarise`."""
        return summarise(self.records, self.baseline)

    @property
    def scores(self) -> pd.DataFrame:
        """The rows as a DataFrame, to compute with: shares between 0 and 1."""
        return pd.DataFrame(self.rows)

    @property
    def cells(self) -> pd.DataFrame:
        """One row a finished cell: scenario, method, score, costs."""
        return pd.DataFrame([_without_tallies(record) for record in self.records])

    @property
    def predictions(self) -> pd.DataFrame:
        """One row a scored clip: the scenario, ``method``, ``clip``, ``emotion``, ``predicted``, ``probability``.

        The last is that of the answer, NaN where the method gives none. Cells that were finished before benchmarks kept
        their answers are not in it.
        """
        parts = []
        for record in self.records:
            if "predicted" in record:
                labels, names = np.array(record["labels"], dtype=object), self.clips.get(record["target"])
                rows = record["rows"]
                clips = rows if names is None else [names[row] for row in rows]
                answers = {"clip": clips, "emotion": labels[record["truth"]], "predicted": labels[record["predicted"]]}
                answers["probability"] = record.get("probability", np.nan)
                parts.append(pd.DataFrame({name: record[name] for name in _SCENARIO} | answers))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*_SCENARIO, *_ANSWERS])

    def score_table(self) -> pd.DataFrame:
        """Return UAR in % as a paper prints it, a row a method and a column a task; for ``to_csv``, ``to_html``.

        Several kinds of task stand below each other, each under its words. What stands behind ± is half the width of
        the 95 % interval.
        """
        tables = {words: texts for words, (texts, _) in paper.score_tables(self.rows).items()}
        if len(tables) < 2:
            return next(iter(tables.values()), pd.DataFrame())
        return pd.concat(tables, names=["tasks", "method"])

    def to_latex(self) -> str:
        """Return :meth:`score_table` for LaTeX, the best of each column in bold; it needs the package booktabs."""
        return paper.latex(self.rows)

    def __repr__(self) -> str:
        return f"{self._counts()}\n\n{self.score_table()}" if self.records else self._counts()

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._counts())}</p>{paper.html(self.rows)}"

    def _counts(self) -> str:
        """Say how many cells of what there are."""
        tasks = {(record["source"], record["target"]) for record in self.records}
        methods = {record["method"] for record in self.records}
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return (
            f"BenchmarkResult: {len(methods)} methods on {len(tasks)} tasks, {len(self.records)} of {self.planned} "
            f"cells{failed}; UAR in %, ± half the width of the 95 % interval"
        )

    def table(self) -> str:
        """Return the tables as Markdown."""
        return markdown(self.rows, self.baseline, [*self.left_out, *self._failures()]) + "".join(
            f"\n{note}.\n" for note in self.notes
        )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``results.json``, the tables and ``predictions.csv.gz`` into a folder; returns ``table.md``'s path."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        write_text(place / RESULTS, json.dumps(self.content(), ensure_ascii=False) + "\n")
        write_text(place / TABLE, self.table())
        write_text(place / CSV, self.scores.to_csv(index=False))
        write_text(place / LATEX, self.to_latex())
        with whole_file(place / PREDICTIONS) as draft:
            # Without the time of writing and the draft's name, equal answers make equal files.
            draft.write_bytes(gzip.compress(self.predictions.to_csv(index=False).encode(), mtime=0))
        return place / TABLE

    def content(self) -> dict[str, Any]:
        """Return what ``results.json`` holds: None stands for NaN."""
        results = {
            "settings": self.settings,
            "environment": environment(),
            "reproduce": self.reproduce,
            "baseline": self.baseline,
            "data": self.data,
            "rows": self.rows,
            "left_out": [*self.left_out, *self._failures()],
            "notes": self.notes,
            "cells": [_without_tallies(record) for record in self.records],
        }
        found: dict[str, Any] = _finite(results)
        return found

    def _failures(self) -> list[str]:
        return [f"{r['source']}-{r['target']}, draw {r['draw']}, {r['method']}: {r['error']}" for r in self.failed]


def environment() -> dict[str, Any]:
    """Return the releases and the machine behind a result."""
    return {**versions(), "machine": platform.machine(), "cores": os.cpu_count()}


def command_of(settings: Mapping[str, Any], baseline: str | None) -> str:
    """Return the command that runs a benchmark with some settings; DIR stands for the folder of corpora."""
    parts = ["sere", "benchmark", "--corpora", "DIR"]
    for option, name in (("--tasks", "tasks"), ("--methods", "methods"), ("--shots", "shots"), ("--shift", "shifts")):
        if settings.get(name):
            parts += [option, ",".join(map(str, settings[name]))]
    parts += ["--baseline", baseline or ""]
    encoder = settings.get("encoder")
    if encoder is not None:
        by_language = encoder.items() if isinstance(encoder, Mapping) else ()
        parts += ["--encoder", ",".join(f"{language}={own}" for language, own in by_language) or str(encoder)]
    for option, name in (("--draws", "draws"), ("--speakers", "speakers"), ("--protocol", "protocol")):
        if settings.get(name) is not None:
            parts += [option, str(settings[name])]
    if settings.get("max_pool") is not None:
        parts += ["--max-pool", str(settings["max_pool"])]
    return shlex.join(parts)


def _without_tallies(record: dict[str, Any]) -> dict[str, Any]:
    hidden = {"groups", "hits", "clips", "labels", "key", "warnings", "rows", "truth", "predicted", "probability"}
    return {name: value for name, value in record.items() if name not in hidden}


def _finite(value: Any) -> Any:
    """Return nested values with None for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _finite(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(own) for own in value]
    return None if isinstance(value, float) and value != value else value
