"""The command line: ``sere`` or ``python -m sere``.

This module holds what every command goes through: errors as one line, exit codes, warnings without a stack. Each
command's words and work are in the module of its name, which imports what it works with when it runs, so that
``--help`` answers at once.

Exit codes: 0 all went well; 1 some input could not be used (what could be done was done); 2 the command itself was
wrong; 130 interrupted (Ctrl-C), 143 terminated (SIGTERM), both after the same clean stop.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from io import TextIOWrapper
from typing import Any, TextIO

from sere import __version__
from sere.cli import benchmark, cache, corpora, demo, evaluate, fit, label, predict, pretrain, report, timeline
from sere.cli.outcome import Stop, UsageError, sentence
from sere.cli.words import count

#: The commands in the order in which ``--help`` lists them; each module adds its words and does its work.
COMMANDS = (demo, corpora, label, timeline, fit, predict, evaluate, pretrain, benchmark, report, cache)

_DESCRIPTION = """\
Recognise emotions in speech of a language that nobody labeled, from a few labeled clips of another.

  sere demo                     see it work
  sere label DIR                emotions of clips, without a single label
  sere timeline talk.mp3        emotions of a long recording over time
  sere corpora DIR              which corpora are in a folder
  sere fit --labels few.csv --source DIR --target DIR --out model
  sere predict model new/*.wav  emotions of new clips
  sere evaluate model --corpus DIR
  sere benchmark --corpora DIR  compare methods on few-shot tasks between corpora
  sere report RESULTS|MODEL     a benchmark or a model as a page
"""

_EPILOG = """\
Exit codes: 0 all went well, 1 some input could not be used, 2 wrong usage, 130 interrupted, 143 terminated.
Features are kept between runs in SERE_CACHE (a folder, or "off"); `sere cache info` shows them.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the program's name; ``sys.argv[1:]`` when not given.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    arguments.words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a file's name may hold what the terminal or UTF-8 has no place for
            stream.reconfigure(errors="backslashreplace")
    arguments.stop = Stop()
    with warnings.catch_warnings(), arguments.stop.listening():
        warnings.showwarning = _warn_in_one_line
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    """Run the parsed command; turn what goes wrong into one line and an exit code."""
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        with _workers(getattr(arguments, "jobs", None)):
            return run(arguments)
    except KeyboardInterrupt:
        print("sere: interrupted", file=sys.stderr)
        stop: Stop = arguments.stop
        return stop.exit_code
    except BrokenPipeError:
        # The reader (head, say) has what it wanted. Python would complain again while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageError as error:
        print(f"sere {arguments.command}: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if arguments.traceback:
            raise
        print(f"sere {arguments.command}: {sentence(error)}", file=sys.stderr)
        return 1


def _workers(jobs: int | None) -> AbstractContextManager[Any]:
    """Return a context in which extraction runs in that many processes."""
    if jobs is None:
        return nullcontext()
    from joblib import parallel_config

    context: AbstractContextManager[Any] = parallel_config(n_jobs=jobs)
    return context


def _warn_in_one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Stand in for `warnings.showwarning`, which would show code to someone who did not write any."""
    if not issubclass(category, (DeprecationWarning, PendingDeprecationWarning)):
        print(f"sere: warning: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("-q", "--quiet", action="store_true", help="no progress, results only")
    shared.add_argument("--traceback", action="store_true", help="show where an error came from")
    work = argparse.ArgumentParser(add_help=False)
    work.add_argument("-j", "--jobs", type=count, metavar="N", help="processes that work at the same time (default: 1)")
    parser = argparse.ArgumentParser(
        "sere", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"sere {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    def command(
        name: str, run: Callable[[argparse.Namespace], int], help_: str, details: str = "", jobs: bool = True
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=help_,
            description=f"{help_[0].upper()}{help_[1:]}.\n{details}",
            parents=[shared, work] if jobs else [shared],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)
        return added

    for module in COMMANDS:
        module.add(command)
    return parser
