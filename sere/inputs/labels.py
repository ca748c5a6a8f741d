"""Labels as they are given: read once, of one type, none missing, from `y` to the score.

NumPy makes texts of a list that holds one text, ``'nan'`` of a missing one, and floats of pandas' own integers; two
label lists of different types then agree nowhere, without a word. So labels are looked at one by one before they become
an array, and the array has the type that they had.
"""

from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import column_or_1d


def as_labels(y: Any, where: str = "y") -> np.ndarray:
    """Return labels as a 1-D array of their own type: texts, integers, booleans or floats.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, 1)
        A list, Series (nullable and categorical ones, too) or array.
    where : str, default="y"
        What errors call it.

    Returns
    -------
    ndarray of shape (n,)
        Objects of one kind become an array of that kind.

    Raises
    ------
    ValueError
        If a label is missing (None, NaN, ``pd.NA``), or some are texts and others numbers; names the first such row.
    """
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    if isinstance(y, np.ndarray) and y.dtype != object:
        labels: np.ndarray = column_or_1d(y, warn=True)
        _check_present(labels, where)
        return labels
    labels = column_or_1d(_objects(y), dtype=object, warn=True)
    _check_present(labels, where)
    _check_one_kind(labels, where)
    # Of objects of one kind NumPy makes the array that they would have been.
    return np.array(labels.tolist()) if labels.size and isinstance(labels[0], (str, Number)) else labels


def check_named(labels: np.ndarray, where: str) -> None:
    """Raise where a label is a text without a letter, as lists hold for a missing one.

    Parameters
    ----------
    labels : ndarray
        As :func:`as_labels` returns them.
    where : str
        What errors call them.

    Raises
    ------
    ValueError
        Names the first such row.
    """
    empty = [row for row, label in enumerate(labels.tolist()) if isinstance(label, str) and not label.strip()]
    if empty:
        raise ValueError(f"{where}[{empty[0]}] is {labels.tolist()[empty[0]]!r}; every clip needs a label")


def check_same_kind(**lists: np.ndarray) -> None:
    """Raise unless all label arrays hold texts or all hold numbers, since a text never equals a number.

    Parameters
    ----------
    **lists : ndarray
        As :func:`as_labels` returns them, by what errors call them. Empty ones are of any kind.

    Raises
    ------
    ValueError
        If they differ; shows a label of each.
    """
    shown = {name: labels[:1].tolist()[0] for name, labels in lists.items() if len(labels)}
    kinds = {name: isinstance(label, (str, bytes)) for name, label in shown.items()}
    if len(set(kinds.values())) > 1:
        said = ", ".join(f"{name} holds {'texts' if kinds[name] else 'numbers'} ({shown[name]!r})" for name in shown)
        raise ValueError(f"mix of label types: {said}; a text never equals a number, so bring all to one type.")


def _objects(y: Any) -> np.ndarray:
    """Return labels as an object array that has not touched them."""
    if isinstance(y, (pd.Series, pd.Index, pd.DataFrame)):
        return y.to_numpy(dtype=object)
    if isinstance(y, np.ndarray):
        return y
    if not isinstance(y, (list, tuple)) or any(isinstance(label, (list, tuple, np.ndarray)) for label in y):
        return np.asarray(y)
    objects = np.empty(len(y), dtype=object)
    objects[:] = y
    return objects


def _check_present(labels: np.ndarray, where: str) -> None:
    missing = np.flatnonzero(pd.isna(labels))
    if len(missing):
        raise ValueError(f"{where}[{missing[0]}] is {labels[missing[0]]}; every clip needs a label")


def _check_one_kind(labels: np.ndarray, where: str) -> None:
    texts = [isinstance(label, str) for label in labels]
    if len(set(texts)) > 1:
        row = texts.index(not texts[0])
        kinds = [type(labels[k]).__name__ for k in (0, row)]
        raise ValueError(
            f"mix of label types: {where}[0] is {labels[0]!r} ({kinds[0]}) and {where}[{row}] is {labels[row]!r} "
            f"({kinds[1]}); a text never equals a number, so bring all to one type"
        )
