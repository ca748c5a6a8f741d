"""A few-shot task as an object: a Bunch that says in a line what it holds, and in notebooks in a table."""

from collections import Counter
from html import escape
from typing import Any

from sklearn.utils import Bunch


class FewShotTask(Bunch):
    """A few labeled clips of one language, unlabeled clips of it and of another, and the clips to score.

    What it holds stands in :func:`sere.datasets.make_task`, by key or by attribute.

    Examples
    --------
    >>> from sere.datasets import FewShotTask, make_task, make_voices
    >>> voices = make_voices(n_per_emotion=4, emotions=["anger", "sadness"], duration=0.4)
    >>> known, unknown = (clips for _, clips in voices.groupby("language"))
    >>> task = make_task(known, unknown, shots=1, random_state=0)
    >>> isinstance(task, FewShotTask), task.labels, task["y"].tolist()
    (True, ['anger', 'sadness'], ['anger', 'sadness'])
    """

    def __repr__(self) -> str:
        return f"FewShotTask({self._summary()})"

    def _repr_html_(self) -> str:
        shots, scored = Counter(self["y"]), Counter(self["y_test"])
        rows = "".join(
            f"<tr><th>{escape(str(name))}</th><td>{shots[name]}</td><td>{scored[name]}</td></tr>"
            for name in self["labels"]
        )
        head = "<tr><th>emotion</th><th>labeled</th><th>to score</th></tr>"
        return f"<p>{escape(self._summary())}</p><table><thead>{head}</thead><tbody>{rows}</tbody></table>"

    def _summary(self) -> str:
        """Say how many clips there are of what."""
        emotions = ", ".join(map(str, self["labels"]))
        pools = [_size(self[name]) for name in ("X_unlabeled_src", "X_unlabeled_tgt")]
        languages = [_languages(self[name]) for name in ("X_labeled", "X_test")]
        between = f"{languages[0]} to {languages[1]}, " if all(languages) else ""
        return (
            f"{between}{self['protocol']}: {len(self['y'])} labeled clips of {len(self['labels'])} emotions "
            f"({emotions}), {pools[0]} and {pools[1]} unlabeled, {len(self['y_test'])} to score"
        )


def _size(clips: Any) -> int:
    return 0 if clips is None else len(clips)


def _languages(clips: Any) -> str:
    """Return the languages of a table of clips, nothing where it says none."""
    known = clips["language"].dropna().unique() if "language" in clips else ()
    return " and ".join(sorted(map(str, known)))
