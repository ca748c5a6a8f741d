"""How to make a result of a command again: its command, the releases, and which clips, model and lists went in."""

import argparse
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def block(arguments: argparse.Namespace, data: Mapping[str, Any], seed: int | None = None) -> dict[str, Any]:
    """Return the *reproduce* block of a result; see :mod:`sere.provenance`.

    Parameters
    ----------
    arguments : Namespace
        Of the command.
    data : mapping of str to DataFrame, path or None
        What went in: lists of clips; files, such as a model, or None for what was not given.
    seed : int, optional
    """
    from sere.provenance import command_line, list_of, reproduce

    given = {name: own for name, own in data.items() if own is not None}
    known = {name: _file(Path(own)) if isinstance(own, (str, Path)) else list_of(own) for name, own in given.items()}
    return reproduce(seed=seed, parameters={}, data=known, command=command_line(arguments.words))


def keep(arguments: argparse.Namespace, result: Path, data: Mapping[str, Any], seed: int | None = None) -> None:
    """Write the block beside a result, to ``<result>.reproduce.json``."""
    from sere.files.drafts import write_text

    text = json.dumps(block(arguments, data, seed), indent=2)
    write_text(result.with_name(f"{result.name}.reproduce.json"), f"{text}\n")


def _file(place: Path) -> dict[str, str | None]:
    """Return a file's name and digest, None where it has gone meanwhile; of a model's folder the model's."""
    from sere.persistence.folder import MODEL
    from sere.provenance import file_digest

    digest = None
    with suppress(OSError):  # what was found is not to be lost to it
        digest = file_digest(place / MODEL if place.is_dir() else place)
    return {"name": place.name, "digest": digest}
