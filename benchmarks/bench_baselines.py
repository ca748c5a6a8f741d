"""What the comparison methods take on one task whose features are at hand, as `sere benchmark` runs them.

One draw of one task, five shots, transductive, speakers known, every method that ``all`` stands for but ``sere``, one
after the other in one process: processor seconds of each cell, of all cells, and of the whole command, imports left
out. The first cell of a task bears what the others then have (reading the clips), and the first network what torch
loads for it. Corpora are two of SERE_CORPORA; without it synthetic voices stand in for them.

With ``--against TREE`` the library of another checkout does the same in a second process, cell by cell in turn, and the
ratio is printed, the largest difference of any probability, and how many answers differ.

Run: ``python benchmarks/bench_baselines.py [--task emodb-emovo] [--methods all] [--rounds 3] [--threads 2] [--against
TREE] [--out baselines.json]``. JSON to stdout or ``--out``.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve()
LIBRARIES = ("OMP", "MKL", "OPENBLAS", "NUMBA")


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="emodb-emovo", help="of the corpora in SERE_CORPORA (default: %(default)s)")
    parser.add_argument("--methods", default="all", help="separated by commas (default: every comparison method)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--against", metavar="TREE", help="another checkout of the library")
    parser.add_argument("--out", help="JSON file; printed otherwise")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.task, options.methods)
        return
    text = json.dumps(measure(options), indent=2)
    if options.out:
        Path(options.out).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of the methods, and beside those of another checkout where one is given."""
    trees = [HERE.parent.parent, *([Path(options.against).resolve()] if options.against else [])]
    rounds = [one_round(trees, options) for _ in range(options.rounds)]
    ours = [sides[0] for sides in rounds]
    found: dict[str, Any] = {
        "task": options.task if "SERE_CORPORA" in os.environ else "synthetic voices",
        "threads": options.threads,
        "methods": {name: median(side["cells"][name]["seconds"] for side in ours) for name in ours[0]["cells"]},
        "cells_cpu_seconds": median(sum(cell["seconds"] for cell in side["cells"].values()) for side in ours),
        "command_cpu_seconds": median(side["command"] for side in ours),
    }
    if options.against:
        theirs = [sides[1] for sides in rounds]
        differences = {name: compared(ours[0]["cells"][name], cell) for name, cell in theirs[0]["cells"].items()}
        found["against"] = {
            "commit": commit_of(trees[1]),
            "methods": {name: median(side["cells"][name]["seconds"] for side in theirs) for name in differences},
            "cells_cpu_seconds": median(sum(cell["seconds"] for cell in side["cells"].values()) for side in theirs),
            "command_cpu_seconds": median(side["command"] for side in theirs),
            "share": median(own["command"] / other["command"] for own, other in zip(ours, theirs, strict=True)),
            "largest_difference": {name: gap for name, (gap, _) in differences.items()},
            "differing_answers": {name: count for name, (_, count) in differences.items()},
        }
    return found


def one_round(trees: list[Path], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Run all methods with the library of each tree, a cell here and a cell there."""
    workers = [worker(tree, options) for tree in trees]
    sides: list[dict[str, Any]] = [{"cells": {}} for _ in trees]
    while not all("command" in side for side in sides):
        for process, side in zip(workers, sides, strict=True):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            said = json.loads(process.stdout.readline())
            if "command" in said:
                side["command"] = said["command"]
            else:
                side["cells"][said["method"]] = said
    for process in workers:
        process.wait()
    return sides


def worker(tree: Path, options: argparse.Namespace) -> subprocess.Popen[str]:
    """Start a process with the library of one tree."""
    env = os.environ | {f"{name}_NUM_THREADS": str(options.threads) for name in LIBRARIES}
    env["PYTHONPATH"] = os.pathsep.join([str(tree), *filter(None, [env.get("PYTHONPATH")])])
    command = [sys.executable, str(HERE), "--serve", "--task", options.task, "--methods", options.methods]
    return subprocess.Popen(command, cwd=tree, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def serve(task: str, methods: str) -> None:
    """Run the benchmark; wait for a line before each cell, and write what it took and what it said."""
    from sere.baselines import APART, METHODS
    from sere.evaluation import benchmark, cells

    answers, corpora = sys.stdout, os.environ.get("SERE_CORPORA") or synthetic()
    named = [name for name in METHODS if name not in APART] if methods == "all" else methods.split(",")
    scorer = "score_task" if hasattr(cells, "score_task") else "run_task"  # older checkouts have the second alone
    run_cell, score = benchmark.run_cell, getattr(cells, scorer)
    said: dict[str, Any] = {}

    def scored(*arguments: Any, **options: Any) -> Any:
        result = score(*arguments, **options)
        said["probabilities"] = np.asarray(result.probabilities).tolist()
        return result

    def in_turn(cell: Any, *arguments: Any) -> dict[str, Any]:
        nonlocal waited
        before = time.process_time()
        sys.stdin.readline()
        waited += time.process_time() - before
        began = time.process_time()
        record = run_cell(cell, *arguments)
        seconds = time.process_time() - began
        told = time.process_time()
        if "uar" not in record:
            raise RuntimeError(record["traceback"])
        print(json.dumps({"method": cell.method.name, "seconds": seconds, **said}), file=answers, flush=True)
        waited += time.process_time() - told
        return record

    settings = {"draws": 1, "protocol": "transductive", "speakers": "known", "baseline": ""}
    settings["tasks"] = task if isinstance(corpora, str) else [tuple(corpora)]
    # Whatever is not kept yet is extracted here, and what every method imports is imported.
    benchmark.run_benchmark(corpora, methods=["lr"], **settings)
    setattr(cells, scorer, scored)
    benchmark.run_cell, waited = in_turn, 0.0
    began = time.process_time()
    benchmark.run_benchmark(corpora, methods=named, **settings)
    seconds = time.process_time() - began - waited
    sys.stdin.readline()
    print(json.dumps({"command": seconds}), file=answers, flush=True)


def synthetic() -> dict[str, Any]:
    """Two languages of synthetic voices, as corpora."""
    from sere.datasets import make_voices

    voices = make_voices(n_per_emotion=24, random_state=0)
    return {str(language): clips for language, clips in voices.groupby("language")}


def compared(ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[float, int]:
    """The largest difference of two sets of probabilities, and how many answers differ."""
    own, other = (np.array(side["probabilities"]) for side in (ours, theirs))
    return float(np.abs(own - other).max()), int((own.argmax(1) != other.argmax(1)).sum())


def commit_of(tree: Path) -> str:
    """The commit that a tree stands on."""
    asked = subprocess.run(["git", "-C", str(tree), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return asked.stdout.strip() or "unknown"


def median(values: Any) -> float:
    """The median of a few numbers, to milliseconds or thousandths."""
    return round(statistics.median(values), 3)


if __name__ == "__main__":
    main()
