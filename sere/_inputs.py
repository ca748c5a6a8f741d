"""What a user may pass as X, as a pool or as y, checked in this one place.

X is a list, Series or 1-D object array of paths; a list of 1-D waveforms at 16 kHz; a 2-D array; a DataFrame with a
column ``path`` or ``audio`` and optional ``speaker``, ``language``, ``sampling_rate``, ``start``, ``end``; or
:class:`~sere.Utterances`. Below this module nobody checks again.
"""

import os
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from pandas.api.types import is_numeric_dtype
from sklearn.utils.validation import validate_data

from sere._utterances import Utterances
from sere.audio import SAMPLE_RATE, Clip, check

#: More columns than this in a 2-D array are taken for waveforms that went astray.
MAX_FEATURES = 2_000


class SereWarning(UserWarning):
    """Something a user would want to know, and can act on."""


def as_utterances(X: Any, where: str = "X") -> Utterances:
    """Return the clips of any accepted form of X, unread but checked.

    Parameters
    ----------
    X : see the module's docstring; the rows of a 2-D array are waveforms at 16 kHz.
    where : str
        What errors call the argument.

    Raises
    ------
    TypeError
        X has none of the accepted forms.
    AudioError
        Files or waveforms that cannot be used: names each row and what to do.
    """
    if isinstance(X, Utterances) and len(X):
        return X
    if isinstance(X, Utterances):
        utterances = X
    elif hasattr(X, "columns") and hasattr(X, "iloc"):
        utterances = _from_frame(X, where)
    elif isinstance(X, (str, os.PathLike)):
        raise TypeError(f"{where} is one path; pass a list of paths: [{os.fspath(X)!r}]")
    elif isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "fiub":
        utterances = _plain([Clip(row) for row in (X.astype(np.float64) if X.dtype == bool else X)])
    else:
        utterances = _plain([_as_clip(item, row, where) for row, item in enumerate(_items(X, where))])
    if len(utterances) == 0:
        raise ValueError(f"{where} is empty: Found array with 0 sample(s) while a minimum of 1 is required.")
    check(utterances.clips or (), where)
    return utterances


def as_vectors(X: np.ndarray) -> Utterances:
    """Return checked feature vectors of shape (n, n_features) as clips of one frame without dynamics."""
    if X.shape[1] > MAX_FEATURES:
        raise ValueError(
            f"X has {X.shape[1]} columns. SEREClassifier reads a 2-D array as feature vectors; if these rows are "
            "waveforms pass a list of 1-D arrays instead: list(X)"
        )
    unknown = np.full(len(X), None, dtype=object)
    return Utterances(
        clips=None,
        speakers=unknown,
        languages=unknown,
        frames=[row[None] for row in X],
        context=[np.empty(0)] * len(X),
        dynamics=[np.zeros((1, 4))] * len(X),
        encoders=np.full(len(X), "features", dtype=object),
    )


def read_rows(estimator: Any, X: Any, *, reset: bool, rows: str, where: str = "X") -> Utterances:
    """Return X for an estimator's method, with scikit-learn's bookkeeping for 2-D arrays.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets ``n_features_in_`` and ``feature_names_in_`` where X is a 2-D array or a numeric DataFrame.
    X : any accepted form.
    reset : bool
        True in fit; False checks X against what fit saw.
    rows : {"waveforms", "features"}
        What the rows of a 2-D array are.
    where : str
        What errors call the argument.
    """
    if isinstance(X, Utterances) or not _is_table(X):
        if reset:
            for name in ("n_features_in_", "feature_names_in_"):
                vars(estimator).pop(name, None)
        elif rows == "features" and hasattr(estimator, "n_features_in_"):
            raise TypeError(
                f"{type(estimator).__name__} was fitted on feature vectors; {where} must be a 2-D array of them"
            )
        return as_utterances(X, where)
    if not reset and rows == "features" and not hasattr(estimator, "n_features_in_"):
        raise TypeError(
            f"{type(estimator).__name__} was fitted on audio; {where} must be paths, waveforms or a DataFrame (rows of "
            "a 2-D array as waveforms: list(array))"
        )
    # Small integers keep their type, by which a waveform's full scale is known.
    pcm = rows == "waveforms" and getattr(getattr(X, "dtype", None), "name", "") in ("int16", "int32", "uint8")
    try:
        table = validate_data(estimator, X, reset=reset, dtype="numeric" if pcm else np.float64)
    except ValueError as error:
        raise error if where == "X" else ValueError(f"{where}: {error}") from error
    return as_vectors(table) if rows == "features" else as_utterances(table, where)


def _is_table(X: Any) -> bool:
    """Whether X is rows of numbers (or broken rows of numbers, which scikit-learn's validation will name)."""
    if hasattr(X, "columns") and hasattr(X, "iloc"):
        return "path" not in X.columns and "audio" not in X.columns and all(map(is_numeric_dtype, X.dtypes))
    if isinstance(X, (list, tuple)):
        return bool(X) and ((np.isscalar(X[0]) and not isinstance(X[0], str)) or _is_rectangle(X))
    if hasattr(X, "iloc") or not (hasattr(X, "toarray") or hasattr(X, "__array__")):
        return False
    array = X if hasattr(X, "shape") else np.asarray(X)
    if _holds_paths(array):
        return False
    return len(array.shape) != 1 or array.dtype.kind in "fiubc"


def _holds_paths(array: Any) -> bool:
    """Whether the first item of an array is a path."""
    return isinstance(array, np.ndarray) and array.size > 0 and isinstance(array.flat[0], (str, os.PathLike))


def _is_rectangle(rows: Any) -> bool:
    """Whether nested lists of numbers all have one length, as ``array.tolist()`` gives."""
    return all(isinstance(row, (list, tuple)) for row in rows) and len({len(row) for row in rows}) == 1


def as_pools(pool: Any, n_labeled: int, where: str) -> list[Any]:
    """Return a list of pools from None, one pool, or a tuple of pools.

    scikit-learn slices metadata whose length equals len(X) under cross-validation, which a tuple escapes; hence the
    warning about a bare pool of that very length.
    """
    if pool is None:
        return []
    if isinstance(pool, (str, os.PathLike)):
        raise TypeError(f"{where} is one path; a pool is a list of paths: ({os.fspath(pool)!r},) is not a pool either")
    if isinstance(pool, tuple):
        if any(isinstance(item, (str, os.PathLike)) for item in pool):
            raise TypeError(f"{where} is a tuple of paths; a tuple holds whole pools: pass (list(paths),)")
        return _filled([item for item in pool if item is not None], where)
    if not hasattr(pool, "__len__"):
        raise TypeError(f"{where} is a {type(pool).__name__}; pass a list of paths or waveforms, or a DataFrame")
    if len(pool) == n_labeled:
        warnings.warn(
            f"{where} has as many clips as X ({n_labeled}), so scikit-learn would slice it under cross-validation; "
            f"pass it as a 1-tuple, {where}=(pool,), which is never sliced",
            SereWarning,
            stacklevel=4,
        )
    return _filled([pool], where)


def _filled(pools: list[Any], where: str) -> list[Any]:
    """Pools that hold clips; one that holds none is worth a warning, since a search for files may have found none."""
    if any(hasattr(pool, "__len__") and len(pool) == 0 for pool in pools):
        warnings.warn(
            f"{where} holds an empty pool, which counts as none; pass None to say so", SereWarning, stacklevel=5
        )
    return [pool for pool in pools if not hasattr(pool, "__len__") or len(pool)]


def _from_frame(X: Any, where: str) -> Utterances:
    column = "path" if "path" in X.columns else "audio" if "audio" in X.columns else None
    if column is None:
        raise TypeError(
            f"{where} is a DataFrame without a column 'path' or 'audio' (it has {list(map(str, X.columns))[:8]}); "
            "rename the column that holds the files"
        )
    values = {name: _optional(X, name) for name in ("speaker", "language", "sampling_rate", "start", "end")}
    clips = []
    for row, item in enumerate(X[column]):
        clip = _as_clip(item, row, where)
        rate, start, end = (values[name][row] for name in ("sampling_rate", "start", "end"))
        try:
            clips.append(
                Clip(
                    clip.source,
                    SAMPLE_RATE if rate is None else int(rate),
                    None if start is None else float(start),
                    None if end is None else float(end),
                )
            )
        except (TypeError, ValueError) as error:
            raise TypeError(f"{where}[{row}]: sampling_rate, start and end must be numbers ({error})") from error
    texts = {k: np.array([_text(v) for v in values[k]], object) for k in ("speaker", "language")}
    return Utterances(clips=clips, speakers=texts["speaker"], languages=texts["language"])


def _text(value: Any) -> str | None:
    """A speaker or language as text; number 3 stays "3" in a column that NaN turned into floats."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def _optional(X: Any, name: str) -> list[Any]:
    if name not in X.columns:
        return [None] * len(X)
    missing = X[name].isna().to_numpy()
    return [None if gone else value for value, gone in zip(X[name], missing, strict=True)]


def _plain(clips: list[Clip]) -> Utterances:
    unknown = np.full(len(clips), None, dtype=object)
    return Utterances(clips=clips, speakers=unknown, languages=unknown)


def _items(X: Any, where: str) -> Iterable[Any]:
    if hasattr(X, "toarray"):
        raise TypeError(f"{where} is sparse; audio and features must be dense: pass {where}.toarray()")
    if isinstance(X, np.ndarray) and X.ndim != 1:
        raise TypeError(
            f"{where} is an array of shape {X.shape} and dtype {X.dtype}; pass a 1-D list of paths or waveforms"
        )
    if not isinstance(X, Iterable) or isinstance(X, (bytes, dict, set)):
        raise TypeError(f"{where} must be a list of paths or waveforms, or a DataFrame; got {type(X).__name__}")
    return X


def _as_clip(item: Any, row: int, where: str) -> Clip:
    if isinstance(item, Clip):
        return item
    if isinstance(item, (str, os.PathLike)):
        return Clip(os.fspath(item))
    if hasattr(item, "detach"):
        item = item.detach().cpu().numpy()
    if isinstance(item, np.ndarray):
        return Clip(item)
    if isinstance(item, (list, tuple)):
        return Clip(np.asarray(item))
    raise TypeError(
        f"{where}[{row}] is a {type(item).__name__}; each item must be a path (str or PathLike) or a 1-D waveform"
    )
