"""Words that several commands share: what goes in, where results go, what a broken clip does."""

import argparse
from collections.abc import Callable
from typing import Any

#: Adds a command to the parser: called with its name, what runs it, its help and details.
AddCommand = Callable[..., argparse.ArgumentParser]


def add_inputs(command: argparse.ArgumentParser) -> None:
    """Let a command take clips, in any form."""
    command.add_argument(
        "inputs",
        metavar="FILE|DIR|CSV|-",
        nargs="+",
        help="audio files, folders, lists with a column path, manifests of other projects, or - for paths from stdin, "
        "one a line",
    )


def add_output(command: argparse.ArgumentParser) -> None:
    """Let a command say in which form and where its results go."""
    command.add_argument(
        "-f",
        "--format",
        choices=["table", "csv", "json", "audformat", "nkululeko", "lhotse", "kaldi", "emobox"],
        default="table",
        help="output; the last five as other projects read it (default: %(default)s)",
    )
    command.add_argument("-o", "--output", metavar="FILE", help="write here instead of to the terminal")


def add_listening(command: argparse._ActionsContainer) -> None:
    """Let a command say how recordings are listened to; what is not said is left to the library."""
    command.add_argument("--window", type=float, metavar="S", help="seconds that an answer listens to (default: 3)")
    command.add_argument("--overlap", type=float, metavar="S", help="seconds by which windows overlap (default: 1.5)")
    command.add_argument(
        "--stay", type=float, metavar="S", help="seconds that an emotion lasts, the more the smoother (default: 5)"
    )
    command.add_argument(
        "--detector",
        choices=["auto", "silero", "energy", "none"],
        help="what finds speech; none takes all for speech (default: auto, which is silero where it is installed)",
    )


def listening_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was said of how recordings are listened to, as `sere.timeline` takes it."""
    given = {name: getattr(arguments, name) for name in ("window", "overlap", "stay", "detector")}
    said = {name: value for name, value in given.items() if value is not None}
    return said | ({"detector": None} if said.get("detector") == "none" else {})


def add_on_error(command: argparse.ArgumentParser, default: str, rows: bool = False) -> None:
    """Let a command go on without clips that cannot be used, or end; with `rows` they may keep rows of their own."""
    command.add_argument(
        "--on-error",
        choices=["raise", "skip", *(["nan"] if rows else [])],
        default=default,
        help="what a clip that cannot be used does: end the command, be left out and named"
        + (", or be named and keep its row, without an emotion" if rows else "")
        + " (default: %(default)s)",
    )


def add_reject(command: argparse.ArgumentParser) -> None:
    """Let a command leave clips open whose emotion is not probable enough."""
    command.add_argument(
        "--reject-below",
        type=share,
        metavar="P",
        help='call the emotion of a clip "unknown" where its probability is below this, 0 to 1',
    )


def share(text: str) -> float:
    """Read a number of 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 0 to 1")
    return value


def add_allow(command: argparse.ArgumentParser, file: str) -> None:
    """Let a command open what `file` names outside itself."""
    command.add_argument(
        "--allow",
        metavar="NAME",
        action="append",
        default=[],
        help=f"a checkpoint or encoder file outside {file} that it may open; the error names those that it needs",
    )


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
