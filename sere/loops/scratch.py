"""Memory that a thread works in again and again.

An array of megabytes that is made, used and dropped goes back to the system each time, which hands it out anew page by
page, filled with zeros: for CREPE's tiny network that took a third of all time.
"""

import threading
from math import prod

import numpy as np


class Scratch(threading.local):
    """Arrays by name, each thread's own, kept from call to call until one of that name must be larger.

    Examples
    --------
    >>> from sere.loops.scratch import Scratch
    >>> scratch = Scratch()
    >>> scratch.array("sums", 2, 3).shape
    (2, 3)
    >>> scratch.array("sums", 2, 3).base is scratch.array("sums", 5).base
    True
    """

    def __init__(self) -> None:
        self._held: dict[str, np.ndarray] = {}

    def array(self, name: str, *shape: int) -> np.ndarray:
        """Return an array of float32 with whatever is in it; it is the caller's until the next call by the name."""
        size = prod(shape)
        held = self._held.get(name)
        if held is None or len(held) < size:
            held = self._held[name] = np.empty(size, np.float32)
        return held[:size].reshape(shape)

    def zeros(self, name: str, *shape: int) -> np.ndarray:
        """Return the same, filled with zeros."""
        array = self.array(name, *shape)
        array.fill(0)
        return array
