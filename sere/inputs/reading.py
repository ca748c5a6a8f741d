"""What a user may pass as X, as a pool or as y, checked in this one place.

X is a list, Series or 1-D object array of paths; a list of 1-D waveforms at 16 kHz; a 2-D array; a DataFrame with a
column ``path`` or ``audio`` and optional ``speaker``, ``language``, ``sampling_rate``, ``start``, ``end`` or
``duration``; an index of audformat's, or what has one; or :class:`~sere.Utterances`. What an item of a list or of such
a column may be, says :mod:`sere.inputs.items`. Whatever is wrong with one clip is an error of its row. Below this
module nobody checks again.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.utils.validation import validate_data

from sere.audio import AudioError, Clip, check
from sere.inputs.caller import user_level
from sere.inputs.doubts import KNOWN, of_columns, of_durations, of_ends, optional
from sere.inputs.items import as_clip, as_rate, as_seconds, end_of, is_pair
from sere.inputs.utterances import Utterances

#: More columns than this in a 2-D array are taken for waveforms that went astray.
MAX_FEATURES = 2_000


class SereWarning(UserWarning):
    """Something a user would want to know, and can act on.

    Examples
    --------
    To take them for errors, or not at all:

    >>> import warnings, sere
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", sere.SereWarning)
    """


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
    X = arranged(X)
    if isinstance(X, Utterances) and len(X):
        return X
    read: list[Clip | str]
    speakers = languages = None
    doubts: list[str] = []
    if isinstance(X, Utterances):
        read = []
    elif isinstance(X, pd.DataFrame):
        read = list(_rows_of(X, where))
        doubts = [*of_durations(X, read, where), *of_columns(X, where)]
        speakers, languages = _texts(X, "speaker"), _texts(X, "language")
    elif isinstance(X, (str, os.PathLike)):
        raise TypeError(f"{where} is one path; pass a list of paths: [{os.fspath(X)!r}]")
    elif hasattr(X, "read") and hasattr(X, "seek"):
        raise TypeError(f"{where} is one open file; pass a list of them")
    elif _is_one_pair(X):
        raise TypeError(f"{where} is one pair of waveform and sampling rate; pass a list of them: [{where}]")
    elif isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "fiub":
        read = [Clip(row) for row in (X.astype(np.float64) if X.dtype == bool else X)]
    else:
        read = [_said(as_clip, item) for item in _items(X, where)]
    if not read:
        raise ValueError(f"{where} is empty: Found array with 0 sample(s) while a minimum of 1 is required.")
    problems = [(row, problem) for row, problem in enumerate(map(_problem, read)) if problem]
    if problems:
        raise AudioError(problems, where)
    for doubt in [*doubts, *of_ends(read, where)]:
        _warn(doubt)
    unknown = np.full(len(read), None, dtype=object)
    return Utterances(
        clips=[clip for clip in read if isinstance(clip, Clip)],
        speakers=unknown if speakers is None else speakers,
        languages=unknown if languages is None else languages,
    )


def arranged(X: Any) -> Any:
    """Return X so that it can be looked at twice, and any table as pandas has it.

    An iterator becomes a list; a table of another library, and an index of files, a DataFrame; a DataFrame whose index
    names the files, as audformat writes them, one with a column ``path``, unless all its columns are numbers: then they
    are features, as openSMILE hands them out. Of a Series with such an index the index counts, since its values are
    labels, unless it is called ``path`` or ``audio``.
    """
    if isinstance(X, Iterator) and not hasattr(X, "read"):
        return list(X)
    if hasattr(X, "collect") and hasattr(X, "collect_schema"):  # polars, not yet computed
        X = X.collect()
    if isinstance(X, pd.Series) and "file" in X.index.names and X.name not in ("path", "audio"):
        X = X.index
    if isinstance(X, pd.MultiIndex):
        X = X.to_frame(index=False)
        return X.rename(columns={"file": "path"})
    if isinstance(X, pd.DataFrame):
        levels = [name for name in X.index.names if name in ("file", "start", "end")]
        features = X.shape[1] > 0 and all(map(is_numeric_dtype, X.dtypes))
        if "file" not in levels or "path" in X.columns or "audio" in X.columns or features:
            return X
        index = X.index.to_frame(index=False)[levels].rename(columns={"file": "path"})
        rest = X.drop(columns=[name for name in index if name in X.columns]).reset_index(drop=True)
        return pd.concat([index, rest], axis="columns")
    if hasattr(X, "to_pandas") and not hasattr(X, "iloc"):
        if not hasattr(X, "columns"):
            return X.to_list() if hasattr(X, "to_list") else X
        # polars converts by way of another package, which need not be there.
        plain = hasattr(X, "get_columns")
        return pd.DataFrame({name: X[name].to_list() for name in X.columns}) if plain else X.to_pandas()
    return X


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
    X = arranged(X)
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
    if isinstance(X, (list, tuple)) and not _is_one_pair(X):
        named = any(isinstance(item, (str, bytes, os.PathLike)) for item in X)
        return bool(X) and not named and (np.isscalar(X[0]) or _is_rectangle(X))
    if hasattr(X, "iloc") or not (hasattr(X, "toarray") or hasattr(X, "__array__")):
        return False
    array = X if hasattr(X, "shape") else np.asarray(X)
    if _holds_paths(array):
        return False
    return len(array.shape) != 1 or array.dtype.kind in "fiubc"


def _is_one_pair(X: Any) -> bool:
    """Whether X is one clip, a waveform with its rate, instead of a list."""
    return is_pair(X) and any(np.ndim(item) == 1 for item in X)


def _holds_paths(array: Any) -> bool:
    """Whether the first item of an array is a path."""
    return isinstance(array, np.ndarray) and array.size > 0 and isinstance(array.flat[0], (str, os.PathLike))


def _is_rectangle(rows: Any) -> bool:
    """Whether nested lists of numbers all have one length, as ``array.tolist()`` gives; no pairs with a waveform."""
    return (
        all(isinstance(row, (list, tuple)) for row in rows)
        and len({len(row) for row in rows}) == 1
        and not any(isinstance(cell, (list, tuple)) or getattr(cell, "ndim", 0) for cell in rows[0])
    )


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
        _warn(
            f"{where} has as many clips as X ({n_labeled}), so scikit-learn would slice it under cross-validation; "
            f"pass it as a 1-tuple, {where}=(pool,), which is never sliced"
        )
    return _filled([pool], where)


def _filled(pools: list[Any], where: str) -> list[Any]:
    """Pools that hold clips; one that holds none is worth a warning, since a search for files may have found none."""
    if any(hasattr(pool, "__len__") and len(pool) == 0 for pool in pools):
        _warn(f"{where} holds an empty pool, which counts as none; pass None to say so")
    return [pool for pool in pools if not hasattr(pool, "__len__") or len(pool)]


def _rows_of(X: pd.DataFrame, where: str) -> Iterator[Clip | str]:
    """Yield the clip of each row, or the sentence that says what is wrong with it."""
    column = "path" if "path" in X.columns else "audio" if "audio" in X.columns else None
    if column is None and "file" in X.index.names:
        raise TypeError(
            f"{where} is a DataFrame whose columns are all numbers, which are taken for features; pass {where}.index "
            "for the files that its index names"
        )
    if column is None:
        raise TypeError(
            f"{where} is a DataFrame without a column 'path' or 'audio' (it has {list(map(str, X.columns))[:8]}); "
            "rename the column that holds the files"
        )
    for name in (column, *KNOWN):
        if list(X.columns).count(name) > 1:
            raise TypeError(f"{where} is a DataFrame with several columns {name!r}; rename or drop all but one")
    names = ("sampling_rate", "start", "end", *(["duration"] if {"start", "end"} & set(X.columns) else []))
    for item, *values in zip(X[column], *(optional(X, name) for name in names), strict=True):
        yield _said(_row, item, **dict(zip(names, values, strict=True)))


def _row(item: Any, sampling_rate: Any, start: Any, end: Any, duration: Any = None) -> Clip:
    """Return the clip of a table's row; a start with a duration says where it ends."""
    clip = as_clip(item)
    first, last = as_seconds(start, "start"), end_of(start, end, duration)
    rate = clip.sampling_rate if sampling_rate is None else as_rate(sampling_rate)
    return replace(
        clip,
        sampling_rate=rate,
        start=clip.start if first is None else first,
        end=clip.end if last is None else last,
    )


def _warn(message: str) -> None:
    warnings.warn(message, SereWarning, stacklevel=user_level())


def _said(read: Callable[..., Clip | str], *arguments: Any, **options: Any) -> Clip | str:
    """Return a clip, or the sentence that says why there is none."""
    try:
        return read(*arguments, **options)
    except (ValueError, TypeError, OverflowError) as error:
        return str(error)


def _problem(clip: Clip | str) -> str | None:
    """Return what is wrong with a clip as far as it shows before it is read."""
    if isinstance(clip, str):
        return clip
    try:
        check([clip])
    except AudioError as error:
        return error.problems[0][1]
    except (OSError, ValueError) as error:
        return f"{clip.name} cannot be read ({error})"
    return None


def _texts(X: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column of speakers or languages, None where unknown."""
    return np.array([*map(_text, optional(X, name)), None], dtype=object)[:-1]


def _text(value: Any) -> str | None:
    """A speaker or language as text, None for a blank one; 3 stays "3" in a column that NaN turned into floats."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value).strip() or None


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
