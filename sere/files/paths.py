"""Names of files, fixed once.

A relative name means another file after ``chdir``, in a worker that was born in another folder, or in a model that was
saved. So it is made absolute where it comes in, once, and errors still call the file by the name that the user gave.
"""

import os
from typing import Any


class Place(str):
    """A file's absolute path, whose ``repr`` is that of the name the user gave.

    Attributes
    ----------
    given : str
    seal : Seal or None
        What the file held (:class:`sere.store.seals.Seal`) when something was last taken from it.
    """

    given: str
    seal: Any = None

    def __repr__(self) -> str:
        return repr(self.given)


def fixed(path: str | os.PathLike[str]) -> Place:
    """Return where a path leads to now.

    Raises
    ------
    OSError
        A relative path, and the current folder is gone.
    """
    if isinstance(path, Place):
        return path
    given = os.fspath(path)
    # Joined as it is: "link/../a.wav" need not lie beside "link".
    place = Place(given if os.path.isabs(given) else os.path.join(os.getcwd(), given))
    place.given = given
    return place


def travelling(state: dict[str, Any]) -> dict[str, Any]:
    """Return an estimator's state for a pickle: its `cache`, if a relative folder, is the one it means here."""
    cache = state.get("cache")
    return {**state, "cache": str(fixed(cache))} if isinstance(cache, (str, os.PathLike)) else state
