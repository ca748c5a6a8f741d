"""One clip as somebody hands it over: a path, a waveform, what loaders of audio give; and times as people write them.

Whatever is wrong with one of them is said by :class:`ValueError`, for the caller to say in which row.
"""

import datetime
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sere.audio import SAMPLE_RATE, Clip
from sere.files.paths import fixed

#: Seconds by which a start with its duration may miss the end that stands beside them: somebody rounded.
ROUNDED = 0.1

_CLOCK = re.compile(r"(?:(\d+) days?,? +)?(?:(\d+):)?(\d+):(\d{1,2}(?:[.,]\d*)?)")


def as_clip(item: Any) -> Clip:
    """Return the clip that one item of X is.

    Parameters
    ----------
    item : any
        A path (str or PathLike), relative to the current folder of now. An array, tensor or list of numbers: a waveform
        at 16 kHz. A pair of waveform and sampling rate in either order. A dict with ``array`` and ``sampling_rate``,
        with ``bytes`` or ``path``, or with ``audio`` that is one of these. An open binary file.

    Raises
    ------
    ValueError
        It is none of these.
    """
    if isinstance(item, Clip):
        return replace(item, source=fixed(item.source)) if isinstance(item.source, str) else item
    if isinstance(item, (str, os.PathLike)) and not isinstance(os.fspath(item), bytes):
        return _from_path(item)
    if isinstance(item, Mapping):
        return _from_mapping(item)
    if hasattr(item, "read") and hasattr(item, "seek"):
        return _from_file(item)
    if is_pair(item):
        wave, rate = item if _is_number(item[1]) else item[::-1]
        return Clip(_wave(wave), as_rate(rate))
    if isinstance(item, (list, tuple)) or (hasattr(item, "__array__") and np.ndim(item)):
        return Clip(_wave(item))
    raise ValueError(
        f"a {type(item).__name__} is no clip; each item must be a path (str or PathLike), a 1-D waveform, a pair "
        "(waveform, sampling rate) or an open binary file"
    )


def as_rate(value: Any) -> int:
    """Return a sampling rate in Hz; ValueError where there is none."""
    try:
        rate = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sampling_rate must be a number of Hz, got {value!r}") from error
    if not rate.is_integer():
        raise ValueError(f"sampling_rate must be a whole number of Hz, got {value!r}")
    return int(rate)


def as_seconds(value: Any, name: str) -> float | None:
    """Return a time in seconds, or None where it is missing.

    Parameters
    ----------
    value : number of seconds, Timedelta, or text
        A text is a number of seconds, minutes and seconds (``"1:05.5"``), hours before them, or as pandas writes a
        Timedelta (``"0 days 00:00:01"``).
    name : str
        What errors call it.

    Raises
    ------
    ValueError
        It is no time.
    """
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        seconds = pd.Timedelta(value).total_seconds()
        return None if np.isnan(seconds) else seconds
    if isinstance(value, str):
        return _spoken(value.strip(), name)
    if isinstance(value, (bool, np.bool_)) or not _is_number(value):
        raise ValueError(f"{name} must be a number of seconds or a time, got {value!r}")
    seconds = float(value)
    return None if np.isnan(seconds) else seconds


def end_of(start: Any, end: Any, duration: Any) -> float | None:
    """Return where a segment ends, in seconds: at its end, else its duration behind its start; None if open.

    Raises
    ------
    ValueError
        One of them is no time, or they disagree by more than :data:`ROUNDED`.
    """
    first, last, length = as_seconds(start, "start"), as_seconds(end, "end"), as_seconds(duration, "duration")
    if length is None:
        return last
    stated = (first or 0.0) + length
    if last is not None and abs(last - stated) > ROUNDED:
        raise ValueError(
            f"start, end and duration disagree ({first or 0.0:g} s and {length:g} s do not make {last:g} s); drop what "
            "is wrong, and call the length of a whole file by another name"
        )
    return stated if last is None else last


def is_pair(item: Any) -> bool:
    """Whether something is a pair of waveform and sampling rate, in either order."""
    return isinstance(item, (list, tuple)) and len(item) == 2 and sum(map(_is_number, item)) == 1


def _spoken(text: str, name: str) -> float | None:
    """Return the seconds that a text names."""
    try:
        return None if np.isnan(float(text)) else float(text)
    except ValueError:
        pass
    clock = _CLOCK.fullmatch(text)
    if clock:
        days, hours, minutes = (int(part or 0) for part in clock.groups()[:3])
        seconds = float(clock[4].replace(",", "."))
        if seconds < 60 and (minutes < 60 or clock[2] is None):
            return ((24 * days + hours) * 60 + minutes) * 60 + seconds
    elif re.search("[a-zA-Z]", text):
        try:
            return as_seconds(pd.Timedelta(text), name)
        except ValueError:
            pass
    raise ValueError(f"{name} must be a number of seconds or a time such as '1:05.5', got {text!r}")


def _is_number(value: Any) -> bool:
    """Whether something is one number: no text, no array of one."""
    return isinstance(value, (int, float, np.number)) or (
        getattr(value, "ndim", None) == 0 and getattr(getattr(value, "dtype", None), "kind", "") in "iuf"
    )


def _from_path(path: Any) -> Clip:
    text = os.fspath(path)
    if "\0" in text:
        raise ValueError(f"{text!r} is no name of a file: it holds a NUL character")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise ValueError(f"{text!r} is no name of a file: it holds a character that is none") from error
    try:
        return Clip(fixed(text))
    except OSError as error:
        raise ValueError(f"{text!r} is a relative path, and the current folder is gone ({error})") from error


def _from_mapping(item: Mapping[str, Any]) -> Clip:
    if item.get("audio") is not None:  # a row of a Hugging Face dataset
        return as_clip(item["audio"])
    if item.get("array") is not None:
        return Clip(_wave(item["array"]), as_rate(item.get("sampling_rate") or SAMPLE_RATE))
    if isinstance(item.get("bytes"), (bytes, bytearray, memoryview)):
        return Clip(bytes(item["bytes"]))
    if item.get("path") is not None:
        return _from_path(item["path"])
    raise ValueError(
        f"a clip's dict must have 'audio', 'array', 'bytes' or 'path', this one has {list(map(str, item))[:8]}"
    )


def _from_file(file: Any) -> Clip:
    """A clip of an open file's whole content, wherever its reader stands."""
    try:
        place = file.tell()
        file.seek(0)
        content = file.read()
        file.seek(place)
    except (OSError, ValueError) as error:
        raise ValueError(f"the open file cannot be read ({error})") from error
    if not isinstance(content, bytes):
        raise ValueError("the open file gives no bytes; open it in mode 'rb'")
    return Clip(content)


def _wave(samples: Any) -> np.ndarray:
    """Return samples as an array; one channel may stand as a row or a column."""
    if hasattr(samples, "detach"):
        samples = samples.detach().cpu().numpy()
    wave = np.asarray(samples)
    if wave.dtype.kind in "USO":
        raise ValueError(f"a waveform must hold numbers, this one has dtype {wave.dtype}")
    return wave.reshape(-1) if wave.ndim == 2 and 1 in wave.shape and wave.size > 1 else wave
