"""When to stop without labels: the epoch whose answers on the unlabeled pool look best.

The pool's labels are unknown, so what is watched is a score that needs none (:mod:`sere.selection`). Training ends when
it has not risen for some epochs, and the network of the best one stands.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Scores that can be watched, and how a pool's record calls each.
WATCHED = {"information": "quality", "density": "density"}


def watched_score(early_stopping: bool | str) -> str | None:
    """Return the score that the classifier's `early_stopping` names, or None for none."""
    return early_stopping if isinstance(early_stopping, str) else "information" if early_stopping else None


@dataclass
class Best:
    """The best state so far and how long ago it was.

    Parameters
    ----------
    patience : int
        Epochs without a higher score before it is time to stop.
    """

    patience: int
    score: float = -np.inf
    age: int = 0
    state: dict[str, Any] = field(default_factory=dict)

    def see(self, score: float, state: dict[str, Any]) -> bool:
        """Take note of an epoch; returns whether it is time to stop."""
        if score > self.score:
            self.score, self.age, self.state = score, 0, state
        else:
            self.age += 1
        return self.age >= self.patience
