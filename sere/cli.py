"""The command line: ``sere`` or ``python -m sere``.

This module holds the words (commands, options, help) and what every command shares: errors as one line, exit codes,
warnings without a stack. The work is in ``sere._cli_*``, imported when a command runs, so that ``--help`` answers at
once.

Exit codes: 0 all went well; 1 some input could not be used (what could be done was done); 2 the command itself was
wrong; 130 interrupted (Ctrl-C), 143 terminated (SIGTERM), both after the same clean stop.
"""

import argparse
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from io import TextIOWrapper
from typing import Any, TextIO

from sere import __version__

_DESCRIPTION = """\
Recognise emotions in speech of a language that nobody labeled, from a few labeled clips of another.

  sere demo                     see it work
  sere corpora DIR              which corpora are in a folder
  sere fit --labels few.csv --source DIR --target DIR --out model
  sere predict model new/*.wav  emotions of new clips
  sere evaluate model --corpus DIR
  sere benchmark --corpora DIR  compare methods on few-shot tasks between corpora
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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a file's name may hold what the terminal or UTF-8 has no place for
            stream.reconfigure(errors="backslashreplace")
    arguments.stop = Stop()
    with warnings.catch_warnings(), arguments.stop.listening():
        warnings.showwarning = _warn_in_one_line
        return _run(arguments)


@dataclass
class Stop:
    """Ctrl-C and SIGTERM, which stop a command in the same way.

    Attributes
    ----------
    signal : int or None
        Number of the last one that came.
    """

    signal: int | None = None

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Turn both into KeyboardInterrupt; a signal that somebody else handles or ignores is left to them."""

        def stop(number: int, _: object) -> None:
            self.signal = number
            raise KeyboardInterrupt

        usual: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        taken = [number for number, handler in usual.items() if signal.getsignal(number) is handler]
        if threading.current_thread() is not threading.main_thread():
            taken = []
        for number in taken:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number in taken:
                signal.signal(number, usual[number])


def _run(arguments: argparse.Namespace) -> int:
    """Run the parsed command; turn what goes wrong into one line and an exit code."""
    try:
        with _workers(getattr(arguments, "jobs", None)):
            return _handler(arguments.run)(arguments)
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


class UsageError(Exception):
    """Arguments that parse but make no sense together."""


def _handler(name: str) -> Callable[[argparse.Namespace], int]:
    """Return the function that ``module:function`` names, below ``sere``."""
    module, function = name.split(":")
    found: Callable[[argparse.Namespace], int] = getattr(import_module(f"sere.{module}"), function)
    return found


def _workers(jobs: int | None) -> AbstractContextManager[Any]:
    """Return a context in which extraction runs in that many processes."""
    if jobs is None:
        return nullcontext()
    from joblib import parallel_config

    context: AbstractContextManager[Any] = parallel_config(n_jobs=jobs)
    return context


def sentence(error: Exception) -> str:
    """Return what an error says, with its type where the text alone would not be understood."""
    text = str(error).strip()
    if isinstance(error, (ValueError, TypeError, OSError, ImportError)) and text:
        return text
    return f"{type(error).__name__}: {text or 'no message'} (--traceback shows where)"


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
    work.add_argument(
        "-j", "--jobs", type=_count, metavar="N", help="processes that work at the same time (default: 1)"
    )
    parser = argparse.ArgumentParser(
        "sere", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"sere {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    def command(name: str, run: str, help_: str, details: str = "", jobs: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=help_,
            description=f"{help_[0].upper()}{help_[1:]}.\n{details}",
            parents=[shared, work] if jobs else [shared],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)
        return added

    demo = command(
        "demo",
        "_cli_fit:demo",
        "five labeled clips an emotion in one language, the score in another",
        "Real speech where a folder of corpora holds EmoDB and EMOVO, synthetic voices otherwise.",
    )
    demo.add_argument("--corpora", metavar="DIR", help="folder of corpora (default: SERE_CORPORA)")
    demo.add_argument("--figure", metavar="FILE", default="sere-demo.png", help="picture (default: %(default)s)")
    demo.add_argument("--shots", type=_count, default=5, metavar="N", help="labeled clips an emotion (default: 5)")
    demo.add_argument(
        "--experience", action="store_true", help="on real speech, learn from the folder's other corpora first"
    )
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="draws the labeled clips (default: 0)")

    corpora = command("corpora", "_cli_score:corpora", "which corpora are in a folder", jobs=False)
    corpora.add_argument("folder", metavar="DIR", help="a corpus, or a folder of corpora")

    _add_fit(command)
    _add_predict(command)

    evaluate = command(
        "evaluate",
        "_cli_score:evaluate",
        "score a model, or predictions made with it, on labeled clips",
        "Prints the unweighted average recall, its speaker-clustered interval and a table of emotions.\n"
        "Labels that only the model or only the clips have meet by the emotion that they name, which is said.",
    )
    evaluate.add_argument("model", metavar="MODEL|CSV", help="a model, or what `sere predict --format csv` wrote")
    evaluate.add_argument("--corpus", metavar="DIR|CSV", required=True, help="labeled clips: a corpus or a list")
    _add_on_error(evaluate, "skip")
    _add_allow(evaluate, "the model")

    _add_pretrain(command)
    from sere._cli_benchmark import add_benchmark

    add_benchmark(command)

    cache = command("cache", "_cli_score:cache", "what is kept between runs", jobs=False)
    cache.add_argument("action", choices=["info", "clear"], help="show it, or delete it")
    return parser


def _add_fit(command: Callable[..., argparse.ArgumentParser]) -> None:
    fit = command(
        "fit",
        "_cli_fit:fit",
        "train a model on a few labeled clips and unlabeled ones",
        "few.csv has the columns path and emotion, and if you like speaker, language, start and end (seconds).\n"
        "Clips in DIR need no labels; labels that are there are not used.\n"
        "Interrupted, it writes no model. With --on-error skip, FILE.skipped.csv lists what was left out, and why.",
    )
    fit.add_argument("--labels", metavar="CSV", required=True, help="the labeled clips")
    fit.add_argument("--source", metavar="DIR|CSV", help="unlabeled clips of the labeled language")
    fit.add_argument("--target", metavar="DIR|CSV", help="unlabeled clips of the language to recognise")
    fit.add_argument("--out", metavar="FILE", required=True, help="where to save the model")
    fit.add_argument("--source-language", metavar="CODE", help="ISO 639 code, such as de")
    fit.add_argument("--target-language", metavar="CODE", help="ISO 639 code, such as it")
    fit.add_argument("--encoder", metavar="NAME", help="encoder name, checkpoint or folder (default: the embedded one)")
    _add_allow(fit, "the encoder's file")
    fit.add_argument("--epochs", type=_count, metavar="N", help="training epochs")
    fit.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")
    fit.add_argument(
        "--keep-interrupted", action="store_true", help="when training is interrupted, save the model of the last epoch"
    )
    _add_on_error(fit, "raise")


def _add_pretrain(command: Callable[..., argparse.ArgumentParser]) -> None:
    pretrain = command(
        "pretrain",
        "_cli_pretrain:pretrain",
        "learn an encoder from labeled corpora of several languages",
        "Writes the encoder, which goes wherever --encoder takes a name, and its card beside it.",
    )
    pretrain.add_argument("--corpora", metavar="DIR", required=True, help="folder of corpora")
    pretrain.add_argument("--only", metavar="NAME,NAME", help="these corpora (default: all that are found)")
    pretrain.add_argument(
        "--encoder", metavar="NAME", default="acoustic+speech", help="what hears the clips (default: %(default)s)"
    )
    pretrain.add_argument("--out", metavar="FILE.npz", required=True, help="where to save it")
    pretrain.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")
    _add_on_error(pretrain, "raise")


def _add_predict(command: Callable[..., argparse.ArgumentParser]) -> None:
    predict = command(
        "predict",
        "_cli_predict:predict",
        "emotions of clips",
        "Results are written as they are found. A file that cannot be used is named on stderr and the others\n"
        "are predicted all the same; the exit code is then 1, and FILE.skipped.csv lists them beside --output FILE.",
    )
    predict.add_argument("model", metavar="MODEL", help="what `sere fit` saved")
    predict.add_argument(
        "inputs",
        metavar="FILE|DIR|CSV|-",
        nargs="+",
        help="audio files, folders, lists with a column path, or - for paths from stdin, one a line",
    )
    predict.add_argument(
        "-f", "--format", choices=["table", "csv", "json"], default="table", help="output (default: %(default)s)"
    )
    predict.add_argument("-o", "--output", metavar="FILE", help="write here instead of to the terminal")
    _add_allow(predict, "the model")
    _add_on_error(predict, "skip")


def _add_on_error(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument(
        "--on-error",
        choices=["raise", "skip"],
        default=default,
        help="what a clip that cannot be used does: end the command, or be left out and named (default: %(default)s)",
    )


def _add_allow(command: argparse.ArgumentParser, file: str) -> None:
    command.add_argument(
        "--allow",
        metavar="NAME",
        action="append",
        default=[],
        help=f"a checkpoint or encoder file outside {file} that it may open; the error names those that it needs",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
