"""``sere cache``: what is kept between runs."""

import argparse

from sere.cli.words import AddCommand


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command("cache", cache, "what is kept between runs", jobs=False)
    added.add_argument("action", choices=["info", "clear"], help="show it, or delete it")


def cache(arguments: argparse.Namespace) -> int:
    """Show or clear the feature store."""
    from sere.store import FrameStore

    store = FrameStore()
    if store.folder is None:
        print("off (SERE_CACHE=off)")
        return 0
    before = store.info()
    if arguments.action == "clear":
        store.clear()
        print(f"cleared {before.entries} entries, {before.n_bytes / 1e6:.1f} MB, in {before.folder}")
    else:
        print(
            f"{before.folder}: {before.entries} entries, {before.n_bytes / 1e6:.1f} MB of at most "
            f"{before.max_bytes / 1e9:g} GB"
        )
    return 0
