"""Words that several commands share: what goes in, where results go, what a broken clip does."""

import argparse
from collections.abc import Callable

#: Adds a command to the parser: called with its name, what runs it, its help and details.
AddCommand = Callable[..., argparse.ArgumentParser]


def add_inputs(command: argparse.ArgumentParser) -> None:
    """Let a command take clips, in any form."""
    command.add_argument(
        "inputs",
        metavar="FILE|DIR|CSV|-",
        nargs="+",
        help="audio files, folders, lists with a column path, or - for paths from stdin, one a line",
    )


def add_output(command: argparse.ArgumentParser) -> None:
    """Let a command say in which form and where its results go."""
    command.add_argument(
        "-f", "--format", choices=["table", "csv", "json"], default="table", help="output (default: %(default)s)"
    )
    command.add_argument("-o", "--output", metavar="FILE", help="write here instead of to the terminal")


def add_on_error(command: argparse.ArgumentParser, default: str) -> None:
    """Let a command go on without clips that cannot be used, or end."""
    command.add_argument(
        "--on-error",
        choices=["raise", "skip"],
        default=default,
        help="what a clip that cannot be used does: end the command, or be left out and named (default: %(default)s)",
    )


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
