"""``sere report``: a benchmark or a model as one HTML page."""

import argparse

from sere.cli.words import AddCommand, add_allow

_DETAILS = """\
One page that holds everything it shows and needs no network: tables that sort, pictures, intervals, the data, what
could have leaked, and the settings that make it again.
"""


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command("report", report, "a benchmark or a model as one HTML page", _DETAILS, jobs=False)
    added.add_argument("source", metavar="RESULTS|MODEL", help="the folder of `sere benchmark`, or a model")
    added.add_argument(
        "-o", "--output", metavar="FILE", default="report.html", help="the page to write (default: %(default)s)"
    )
    add_allow(added, "the model")


def report(arguments: argparse.Namespace) -> int:
    """Write the page."""
    from sere.report import write_report

    place = write_report(arguments.source, arguments.output, allow=arguments.allow)
    if not arguments.quiet:
        print(place)
    return 0
