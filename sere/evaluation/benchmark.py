"""Tasks x draws x methods, resumable: the benchmark behind ``sere benchmark``.

`run_benchmark` reads corpora, extracts what every method needs, runs the cells that are not finished yet in parallel
and keeps each as it ends. The same call goes on where it was stopped; a changed parameter, encoder, corpus or module
makes another cell. What it returns knows every figure and writes it: ``results.json`` with every row and cell,
``table.md`` to read, ``table.tex`` to print, ``table.csv`` and ``predictions.csv.gz`` to compute with; ``cells.jsonl``
is the record itself, tallies of every speaker and every answer included.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
from joblib import Parallel, delayed

from sere.estimators.audio_classifier import AudioClassifier
from sere.evaluation.cells import Cell, method_digest, run_cell
from sere.evaluation.digests import corpus_digest
from sere.evaluation.extraction import extract_all
from sere.evaluation.journal import Journal
from sere.evaluation.leave_out import with_corpora, with_experience
from sere.evaluation.methods import Method, default_baseline, read_method, read_methods
from sere.evaluation.plan import Plan, Task, make_plan, read_corpora, read_tasks
from sere.evaluation.presets import TABLE_CORPORA
from sere.evaluation.results import BenchmarkResult, command_of
from sere.evaluation.sharing import forget
from sere.inputs.params import N_JOBS, NONE, VERBOSE, ParameterError, Rule, check_arguments, check_params, choice, whole
from sere.progress import progress
from sere.provenance import clip_names, list_of, parameters_of, plain, reproduce

#: Methods that run when none are named, beside the baseline.
DEFAULT_METHODS = ("sere", "lr", "sinkhorn")
LARGEST_POOL = 600
JOURNAL = "cells.jsonl"
_SHOTS = whole(1) | choice("all")
_RULES = {
    "draws": whole(1),
    "shots": Rule("whole numbers of at least 1, or 'all'", lambda value: bool(value) and all(map(_SHOTS.fits, value))),
    "max_pool": NONE | whole(1),
    "n_jobs": N_JOBS,
    "verbose": VERBOSE,
    "say": NONE | Rule("a function", callable),
}


def run_benchmark(
    corpora: str | os.PathLike[str] | Mapping[str, pd.DataFrame],
    *,
    tasks: str | Sequence[str | Task] | None = None,
    methods: str | Sequence[str | Method] | None = None,
    baseline: str | None = None,
    draws: int = 10,
    shots: int | str | Sequence[int | str] = 5,
    shifts: str | Sequence[str] = "none",
    speakers: str = "both",
    protocol: str = "both",
    encoder: Any = "acoustic",
    max_pool: int | None = LARGEST_POOL,
    out: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    say: Callable[[str], Any] | None = None,
) -> BenchmarkResult:
    """Fit and score methods on few-shot tasks between corpora, several draws each.

    Parameters
    ----------
    corpora : path-like or mapping of str to DataFrame
        A folder of corpora, or corpora by name as :func:`sere.datasets.load_corpus` returns them.
    tasks : str or sequence, optional
        ``"emodb-emovo,emovo-emodb"``, or pairs of names. By default every ordered pair of EmoDB, EMOVO, CASIA and
        RAVDESS, as far as they are there, else of all corpora.
    methods : str or sequence of str and Method, optional
        Names, with an encoder and parameters where wanted (:mod:`sere.evaluation.methods`); "all" for every one.
    baseline : str, optional
        The method that others are compared with; it is run, too. Logistic regression by default, on eGeMAPS where
        openSMILE is installed; "" for none.
    draws : int, default=10
        Draws of the labeled clips; draw k is seeded by k.
    shots : int, "all" or sequence of them, default=5
        Labeled clips of each emotion.
    shifts : str or sequence of str, default="none"
        What is done to targets; see :data:`sere.datasets.SHIFTS`.
    speakers : {"known", "unknown", "both"}, default="both"
        Whether methods see the corpora's speakers.
    protocol : {"transductive", "inductive", "both"}, default="both"
        Whether the scored clips are the target pool, or come from speakers of whom the pool holds nothing.
    encoder : str, FrameEncoder or dict, default="acoustic"
        Of methods that name none.
    max_pool : int or None, default=600
        Largest pool of unlabeled clips.
    out : path-like, optional
        Folder of the record of finished cells and of the results. Without it nothing is kept.
    n_jobs : int, optional
        joblib workers; ``joblib.parallel_config`` decides where they run.
    verbose : int, default=0
        Anything but 0 shows progress: a bar on a terminal or in a notebook, elsewhere a line every half minute.
    say : callable, optional
        Takes a sentence on each stage.

    Returns
    -------
    BenchmarkResult

    Raises
    ------
    FileNotFoundError, ValueError
        If corpora, tasks or methods are not there: says which there are.

    Examples
    --------
    >>> from sere.datasets import make_voices
    >>> from sere.evaluation import run_benchmark
    >>> voices = make_voices(n_per_emotion=4, emotions=["anger", "sadness"], duration=0.4)
    >>> corpora = {language: clips for language, clips in voices.groupby("language")}
    >>> options = {"draws": 1, "shots": 2, "protocol": "transductive", "speakers": "known"}
    >>> result = run_benchmark(corpora, methods=["prototype"], baseline="lr", **options)
    >>> sorted(set(result.scores["method"]))
    ['lr', 'prototype']
    """
    few = [shots] if isinstance(shots, (int, str)) or not isinstance(shots, Iterable) else list(shots)
    check_arguments(_RULES, draws=draws, shots=few, max_pool=max_pool, n_jobs=n_jobs, verbose=verbose, say=say)
    say = say or (lambda text: None)
    everything = read_corpora(corpora)
    pairs = read_tasks(tasks, everything, TABLE_CORPORA)
    chosen, base = _methods(methods, baseline, encoder)
    shifted = [shifts] if isinstance(shifts, str) else list(shifts)
    involved = {name: everything[name] for name in dict.fromkeys(name for pair in pairs for name in pair)}
    options: dict[str, Any] = {"draws": draws, "shots": few, "shifts": shifted, "protocol": protocol}
    options |= {"speakers": speakers, "max_pool": max_pool}
    make_plan(involved, pairs, **options)  # complains before the extraction, which can take long

    say(f"{len(pairs)} tasks between {', '.join(involved)}; methods {', '.join(method.name for method in chosen)}")
    chosen = with_corpora(with_experience(chosen, everything, pairs, n_jobs, verbose, say), everything)
    unusable = extract_all(involved, pairs, shifted, chosen, n_jobs=n_jobs, verbose=verbose)
    usable = {name: unusable.without(name, clips) for name, clips in involved.items()}
    plan = make_plan(usable, pairs, **options)
    cells = _cells(plan, chosen, usable)
    journal = None
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
        journal = Journal(Path(out) / JOURNAL)
    done = journal.read() if journal else {}
    ahead = [cell for cell in cells if cell.key not in done]
    resumed = len(cells) - len(ahead)
    say(f"{len(cells)} cells" + (f", {resumed} of them finished before" if resumed else ""))
    failed = _run(ahead, usable, done, journal, n_jobs, verbose)
    records = [done[cell.key] for cell in cells if cell.key in done]
    settings = {**options, "tasks": ["-".join(pair) for pair in pairs], "methods": [method.name for method in chosen]}
    settings["encoder"] = plain(encoder)
    learned_from = everything if any(method.wants_experience or method.corpora for method in chosen) else {}
    result = BenchmarkResult(
        records,
        failed,
        len(cells),
        resumed,
        base,
        settings,
        [*plan.left_out, *unusable.sentences()],
        [*plan.notes, *_warned(records)],
        {name: _described(clips) for name, clips in usable.items()},
        {name: clip_names(clips) for name, clips in usable.items()},
        reproduce(
            seed=list(range(draws)),
            parameters={**settings, "methods": {method.name: parameters_of(method.estimator) for method in chosen}},
            data={name: list_of(clips) for name, clips in {**learned_from, **usable}.items()},
            command=None if any(isinstance(item, Method) for item in methods or ()) else command_of(settings, base),
        ),
    )
    if out is not None:
        result.save(out)
    return result


def _methods(
    methods: str | Sequence[str | Method] | None, baseline: str | None, encoder: Any
) -> tuple[list[Method], str | None]:
    """Return the methods, the baseline among them, and its name."""
    base = default_baseline() if baseline is None else baseline or None
    chosen = read_methods(DEFAULT_METHODS if methods is None else methods, encoder)
    if base is not None and base not in [method.name for method in chosen]:
        chosen.append(read_method(base, encoder))
    for method in chosen:
        if isinstance(method.estimator, AudioClassifier):
            try:
                check_params(method.estimator)
            except ParameterError as error:
                raise ParameterError(f"method {method.name}: {error}") from error
    return chosen, base


def _cells(plan: Plan, methods: Sequence[Method], corpora: dict[str, pd.DataFrame]) -> list[Cell]:
    """Return every cell, draw by draw, so that an early look sees all tasks."""
    digests = {name: corpus_digest(clips) for name, clips in corpora.items()}
    about: dict[tuple[str, str, str], str] = {}
    cells = []
    for scenario in sorted(plan.scenarios, key=lambda scenario: scenario.draw):
        source, target = scenario.source, scenario.target
        for method in methods:
            task = (method.name, source, target)
            if task not in about:
                about[task] = method_digest(method, source, target)
            cells.append(Cell.of(scenario, method, about[task], digests[source], digests[target]))
    return cells


def _run(
    cells: Sequence[Cell],
    corpora: dict[str, pd.DataFrame],
    done: dict[str, dict[str, Any]],
    journal: Journal | None,
    n_jobs: int | None,
    verbose: int,
) -> list[dict[str, Any]]:
    """Run cells, keep each as it ends in `done` and on disk; returns those that failed."""
    failed = []
    run = uuid4().hex
    jobs = (
        delayed(run_cell)(cell, {name: corpora[name] for name in (cell.scenario.source, cell.scenario.target)}, run)
        for cell in cells
    )
    with progress(len(cells), "cells", "cell", verbose) as bar, warnings.catch_warnings():
        # joblib replaces a worker whose memory grew, which is what one wants of it.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
        for record in Parallel(n_jobs=n_jobs, return_as="generator_unordered")(jobs):
            if "uar" in record:
                done[record["key"]] = record
            else:
                failed.append(record)
            if journal is not None:
                journal.append(record)
            bar.update()
    forget()
    return failed


def _described(clips: pd.DataFrame) -> dict[str, Any]:
    """Return what a corpus holds, in numbers."""
    speakers = clips["speaker"].dropna() if "speaker" in clips else ()
    languages = clips["language"].dropna().unique() if "language" in clips else ()
    counts = clips["emotion"].astype(str).value_counts().sort_index()
    return {
        "clips": len(clips),
        "speakers": len(set(speakers)) or None,
        "languages": sorted(map(str, languages)),
        "emotions": {name: int(n) for name, n in counts.items()},
    }


def _warned(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return each distinct warning with the methods and the number of cells it came from."""
    found: dict[str, list[str]] = {}
    for record in records:
        for text in record["warnings"]:
            found.setdefault(text.rstrip("."), []).append(record["method"])
    return [f"{', '.join(sorted(set(who)))} warned in {len(who)} cells: {text}" for text, who in sorted(found.items())]
