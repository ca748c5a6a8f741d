"""What a command could not use: said when it is found, by where it stands in the user's own list, and kept."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from sere.audio import AudioError
from sere.progress import say

#: The column that says where a row of clips comes from.
PLACE = "place"


@dataclass
class Problems:
    """Clips that could not be used.

    Attributes
    ----------
    command : str
    on_error : {"raise", "skip"}
        Whether the first one ends the command.
    found : list of dict
        ``place``, ``path`` and ``reason`` of each.
    """

    command: str
    on_error: str
    found: list[dict[str, str]] = field(default_factory=list)

    def add(self, place: str, path: str, reason: str) -> None:
        """Say that a clip cannot be used.

        Raises
        ------
        ValueError
            With ``on_error="raise"``.
        """
        reason = " ".join(reason.split())
        if self.on_error == "raise":
            raise ValueError(f"{place}: {reason}")
        say(f"sere {self.command}: {place}: {reason}")
        self.found.append({PLACE: place, "path": path, "reason": reason})

    def add_folder(self, error: OSError) -> None:
        """Say that a folder cannot be read; see :func:`sere.files.folders.walk`."""
        self.add(error.filename, error.filename, f"the folder cannot be read ({error.strerror})")

    def keep(self, result: Path) -> None:
        """Write them beside a result, to ``<result>.skipped.csv``; where there are none, no such file stays."""
        listed = result.with_name(f"{result.name}.skipped.csv")
        listed.unlink(missing_ok=True)
        if self.found:
            pd.DataFrame(self.found, dtype=object).to_csv(listed, index=False, errors="backslashreplace")
            say(f"sere {self.command}: {listed} lists the clips that were left out")


@contextmanager
def rows_unnamed() -> Iterator[None]:
    """Hide the warning of an estimator that left clips out: it names rows of what it was given, not lines of lists."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*on_error='skip'")
        yield


def in_own_words(error: AudioError, inputs: Mapping[str, pd.DataFrame | None]) -> AudioError:
    """Return an error of an estimator with its rows named as they stand in the user's lists.

    Parameters
    ----------
    error : AudioError
    inputs : mapping of str to DataFrame or None
        The tables by the argument that they were; each has a column ``place``.
    """
    table = inputs.get(error.where)
    if table is None:
        return error
    places = table[PLACE]
    return AudioError([(None, text if row is None else f"{places.iloc[row]}: {text}") for row, text in error.problems])
