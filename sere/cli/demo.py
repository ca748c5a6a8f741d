"""``sere demo``: the library at work, on real speech where there is any."""

import argparse
from functools import partial

from sere.cli.words import AddCommand, count


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command(
        "demo",
        demo,
        "five labeled clips an emotion in one language, the score in another",
        "Real speech where a folder of corpora holds EmoDB and EMOVO, synthetic voices otherwise.",
    )
    added.add_argument("--corpora", metavar="DIR", help="folder of corpora (default: SERE_CORPORA)")
    added.add_argument(
        "--figure", metavar="FILE", default="auto", help="picture (default: a new file named after the corpora)"
    )
    added.add_argument("--shots", type=count, default=5, metavar="N", help="labeled clips an emotion (default: 5)")
    added.add_argument(
        "--experience", action="store_true", help="on real speech, learn from the folder's other corpora first"
    )
    added.add_argument("--seed", type=int, default=0, metavar="N", help="draws the labeled clips (default: 0)")


def demo(arguments: argparse.Namespace) -> int:
    """Run the demonstration."""
    from sere.evaluation import demo as run

    run(
        arguments.corpora,
        figure=arguments.figure,
        shots=arguments.shots,
        random_state=arguments.seed,
        experience=arguments.experience,
        verbose=0 if arguments.quiet else 1,
        say=partial(print, flush=True),  # into a pipe, too, a line when it is said
    )
    return 0
