"""When to stop without labels: the epoch whose answers on the unlabeled pool look best.

The pool's labels are unknown, so what is watched is a score that needs none (:mod:`sere.selection`). Training ends when
it has not risen for some epochs, and the network of the best one stands.
"""

from typing import Any

import numpy as np

#: Scores that can be watched, and how a pool's record calls each.
WATCHED = {"information": "quality", "density": "density"}


class Stopping:
    """What is watched, the best state so far and how long ago it was.

    Parameters
    ----------
    early_stopping : bool or {"information", "density"}
        As in :class:`sere.SEREClassifier`.
    patience : int
        Epochs without a higher score before it is time to stop.
    pool : str
        Whose answers are watched.

    Attributes
    ----------
    best : dict or None
        The state of the best epoch; None where nothing is watched, and before the first one.
    """

    def __init__(self, early_stopping: bool | str = False, patience: int = 10, pool: str = "target"):
        score = early_stopping if isinstance(early_stopping, str) else "information" if early_stopping else None
        self.watched = None if score is None else f"{pool}_{WATCHED[score]}"
        self.wants_density = score == "density"
        self.patience = patience
        self.score, self.age = -np.inf, 0
        self.best: dict[str, Any] | None = None

    def see(self, record: dict[str, Any], state: dict[str, Any]) -> bool:
        """Take note of an epoch's record and state; returns whether it is time to stop."""
        if self.watched is None:
            return False
        if record[self.watched] > self.score:
            self.score, self.age, self.best = record[self.watched], 0, state
        else:
            self.age += 1
        return self.tired

    @property
    def tired(self) -> bool:
        """Whether the score has not risen for too long."""
        return self.watched is not None and self.age >= self.patience
