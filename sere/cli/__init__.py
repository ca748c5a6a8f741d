"""The command line: ``sere`` or ``python -m sere``, a module a command."""

from sere.cli.program import main

__all__ = ["main"]
