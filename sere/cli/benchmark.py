"""``sere benchmark``: its words, and the call of :func:`sere.evaluation.run_benchmark` behind them."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sere.cli.outcome import UsageError
from sere.cli.words import AddCommand, count

_HELP = "compare methods on few-shot tasks between corpora"
_DETAILS = """\
A task labels a few clips of one corpus and names the emotions of another. Every task is drawn several times, every
method meets the same draws, and every finished cell is kept in --out: the same command goes on where it was stopped.
Writes table.md (also printed): UAR, its deviation over draws, its interval over speakers, and the paired difference to
the baseline; table.csv with the same rows, table.tex for a paper, predictions.csv.gz with the answer to every scored
clip, and results.json.

methods: NAME, NAME@ENCODER, NAME:PARAMETER=VALUE, separated by commas, or all
  sere,lr@egemaps           sere:losses__dual_weight=0,sinkhorn        sere@checkpoints/without-{pair}
  In an encoder's name {source}, {target} and {pair} (both, sorted) stand for the corpora of each task.
tasks: SOURCE-TARGET by the names that `sere corpora DIR` shows (emodb-emovo), or letters (B EmoDB, O EMOVO, C CASIA,
  R RAVDESS, E eNTERFACE, A ASED: BO)
presets, each overridden by what is given beside it:
  table1      every ordered pair of EmoDB, EMOVO, CASIA, RAVDESS (or of the corpora there are), all methods
  table2      SERE without each triple-resonance loss and without both
  table3      one encoder for both languages against one for each: --encoder acoustic,egemaps or de=NAME,it=NAME
  fig3        t-SNE of the target's embeddings for each row of table2; writes fig3.png (first task, first draw)
  shots       1, 5, 20 and all labels of the source
  skew        a target that is 65 % neutral beside the balanced one
  robustness  noise, level, bandwidth and length of the target's clips changed before extraction
"""
_PRESETS = ("table1", "table2", "table3", "fig3", "shots", "skew", "robustness")
_DEFAULT_DRAWS = 10


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command("benchmark", benchmark, _HELP, _DETAILS)
    add = added.add_argument
    add("--corpora", metavar="DIR", help="folder of corpora, or of CSV lists (default: SERE_CORPORA)")
    add("--out", metavar="DIR", default="sere-benchmark", help="cells, results and tables (default: %(default)s)")
    add("--preset", choices=_PRESETS, help="a study with settings of its own, see above")
    add("--tasks", metavar="LIST", help="tasks separated by commas (default: all ordered pairs, as in table1)")
    add("--methods", metavar="LIST", help="methods separated by commas (default: sere,lr,sinkhorn and the baseline)")
    add("--baseline", metavar="NAME", help="method that others are compared with (default: lr@egemaps, else lr)")
    add(
        "--encoder",
        metavar="NAME",
        help="encoder of methods that name none (default: acoustic); experience learns one for each task from the "
        "corpora that are neither its source nor its target, experience(acoustic) on another encoder's frames",
    )
    add("--draws", type=count, metavar="N", help=f"draws of the labeled clips (default: {_DEFAULT_DRAWS})")
    add("--shots", metavar="N", help="labeled clips an emotion, or all; several separated by commas (default: 5)")
    add("--shift", metavar="LIST", help="what is done to targets: none, skew, noise20, ... (default: none)")
    add("--speakers", choices=("known", "unknown", "both"), help="whether methods see who speaks (default: both)")
    add(
        "--protocol",
        choices=("transductive", "inductive", "both"),
        help="score the unlabeled target pool, or held-out speakers (default: both; most presets: transductive)",
    )
    add("--max-pool", type=int, default=600, metavar="N", help="largest unlabeled pool (default: %(default)s)")


def benchmark(arguments: argparse.Namespace) -> int:
    """Run a benchmark and print its table."""
    from sere.evaluation.benchmark import run_benchmark
    from sere.evaluation.results import CSV, LATEX, PREDICTIONS, RESULTS, TABLE

    corpora = arguments.corpora or os.environ.get("SERE_CORPORA")
    if not corpora:
        raise UsageError("name the folder of corpora: --corpora DIR, or set SERE_CORPORA")
    settings = _settings(arguments)
    say: Callable[[str], Any] = (lambda _: None) if arguments.quiet else (lambda text: print(text, file=sys.stderr))
    if arguments.preset == "fig3":
        return _figure(corpora, arguments, settings, say)
    try:
        result = run_benchmark(
            corpora, **settings, out=arguments.out, n_jobs=arguments.jobs, verbose=0 if arguments.quiet else 1, say=say
        )
    except KeyboardInterrupt:
        print(f"sere benchmark: finished cells are kept in {arguments.out}; run it again to go on", file=sys.stderr)
        raise
    print(result.table())
    say(", ".join(str(Path(arguments.out) / name) for name in (TABLE, CSV, LATEX, PREDICTIONS, RESULTS)))
    for cell in result.failed[:1]:
        print(
            f"sere benchmark: {len(result.failed)} cells failed, the first with\n{cell['traceback']}", file=sys.stderr
        )
    return 1 if result.failed else 0


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what `run_benchmark` is to be called with: the preset's settings, then those given."""
    from sere.evaluation.presets import PRESETS, heterogeneous_methods

    settings: dict[str, Any] = {"draws": _DEFAULT_DRAWS, "max_pool": arguments.max_pool}
    encoders = _encoders(arguments.encoder)
    if arguments.preset:
        settings |= PRESETS[arguments.preset].settings()
    if arguments.preset == "table3":
        settings["methods"] = heterogeneous_methods(encoders or ["acoustic", "egemaps"])
    elif isinstance(encoders, list) and len(encoders) > 1:
        raise UsageError("--encoder takes one name, or LANGUAGE=NAME separated by commas; several go with table3")
    elif encoders:
        settings["encoder"] = encoders[0] if isinstance(encoders, list) else encoders
    given = {
        "tasks": arguments.tasks,
        "methods": arguments.methods,
        "baseline": arguments.baseline,
        "draws": arguments.draws,
        "shots": None if arguments.shots is None else [_shots(part) for part in arguments.shots.split(",")],
        "shifts": None if arguments.shift is None else arguments.shift.split(","),
        "speakers": arguments.speakers,
        "protocol": arguments.protocol,
    }
    return settings | {name: value for name, value in given.items() if value is not None}


def _figure(corpora: str, arguments: argparse.Namespace, settings: dict[str, Any], say: Callable[[str], Any]) -> int:
    """Draw Fig. 3 for the first task and draw."""
    from sere.evaluation.embeddings import draw_ablations

    path = draw_ablations(
        corpora,
        Path(arguments.out) / "fig3.png",
        tasks=settings.get("tasks"),
        methods=settings["methods"],
        encoder=settings.get("encoder", "acoustic"),
        shots=settings.get("shots", [5])[0],
        speakers=settings.get("speakers", "known"),
        max_pool=settings["max_pool"],
        n_jobs=arguments.jobs,
        say=say,
    )
    print(path)
    return 0


def _encoders(text: str | None) -> list[str] | dict[str, str]:
    """Return encoders by language where every part says LANGUAGE=NAME, else their names."""
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    if parts and all("=" in part for part in parts):
        return dict(part.split("=", 1) for part in parts)
    return parts


def _shots(text: str) -> int | str:
    if text == "all":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--shots {text}: a whole number of at least 1, or all")
    return int(text)
