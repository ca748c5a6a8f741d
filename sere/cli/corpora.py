"""``sere corpora``: which corpora are in a folder."""

import argparse
import sys

from sere.cli.words import AddCommand


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command("corpora", corpora, "which corpora are in a folder", jobs=False)
    added.add_argument("folder", metavar="DIR", help="a corpus, or a folder of corpora")


def corpora(arguments: argparse.Namespace) -> int:
    """List the corpora below a folder with their speakers and emotions."""
    from sere.datasets import find_corpora, load_corpus

    found = find_corpora(arguments.folder)
    if not found:
        print(f"sere corpora: no corpus is recognised in {arguments.folder}", file=sys.stderr)
        return 1
    for name, folder in found.items():
        clips = load_corpus(folder)
        languages = "/".join(sorted(clips["language"].dropna().unique())) or "language unknown"
        n_speakers = clips["speaker"].nunique()
        who = f"{n_speakers} speakers" if n_speakers else "speakers unknown"
        counts = ", ".join(f"{emotion} {n}" for emotion, n in clips["emotion"].value_counts().sort_index().items())
        print(f"{name}: {len(clips)} clips, {languages}, {who} ({folder})\n    {counts}")
    return 0
