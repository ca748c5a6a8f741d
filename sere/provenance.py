"""How a result came about, so that it can be made again: releases, seeds, parameters, lists of clips, the command.

Every result that the library writes holds such a *reproduce* block. A list of clips goes by its *digest*: of the last
two parts of each path (of a waveform: of its samples), its segment, label and speaker, sorted. So it is equal wherever
the corpora lie and in whatever order they were listed, and another when a clip, a label or a speaker is another.
Nothing in a block names a place on a machine, a clip or a speaker.
"""

import hashlib
import json
import os
import platform
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd

import sere
from sere.inputs.items import as_clip, as_seconds
from sere.inputs.utterances import Utterances

#: What computes results, beside the library and Python themselves.
_COMPUTES = ("numpy", "scipy", "scikit-learn", "torch", "numba", "soundfile", "soxr")
#: Parameters that say where and how loudly an estimator works, and nothing about what comes out.
CIRCUMSTANCES = frozenset({"cache", "n_jobs", "verbose", "device", "memory", "callbacks", "on_interrupt"})
#: Of an encoder, what its other settings or its digest stand for.
_INSIDE = CIRCUMSTANCES | {"card", "experience"}
_BETWEEN_NAMES = re.compile(r"([,=@])")


def reproduce(
    *, seed: Any, parameters: Mapping[str, Any], data: Mapping[str, Any], command: str | None = None
) -> dict[str, Any]:
    """Return the block that says how to make a result again, in values that JSON can hold.

    Parameters
    ----------
    seed : int, list of int, RandomState or None
    parameters : mapping of str to Any
        As :func:`parameters_of` returns them.
    data : mapping of str to dict
        By what lists of clips are called, what :func:`list_of` returns of each.
    command : str, optional
        As :func:`command_line` returns it.

    Returns
    -------
    dict
        ``versions``, ``seed``, ``parameters``, ``data``, and ``command`` where there was one.
    """
    known = seed if seed is None or isinstance(seed, (int, list)) else f"a {type(seed).__name__}"
    block = {"versions": versions(), "seed": known, "parameters": dict(parameters), "data": dict(data)}
    return block if command is None else {**block, "command": command}


def versions() -> dict[str, str]:
    """Return the releases that compute: of the library, Python and what both stand on."""
    known = {"sere": sere.__version__, "python": platform.python_version()}
    return known | {name: version(name) for name in _COMPUTES}


def parameters_of(estimator: Any) -> dict[str, Any]:
    """Return all parameters that decide what an estimator says, those of its parts as ``part__name``."""
    found = estimator.get_params(deep=True).items() if hasattr(estimator, "get_params") else ()
    known = {name: plain(value) for name, value in sorted(found) if name.rpartition("__")[2] not in CIRCUMSTANCES}
    return {"estimator": type(estimator).__name__, **known}


def plain(value: Any) -> Any:
    """Return a parameter's value as JSON can hold it."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, (str, PurePath)):
        return nameless(str(value))
    if isinstance(value, Mapping):
        return {str(key): plain(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(own) for own in value]
    if isinstance(value, np.ndarray):
        return _digest(np.ascontiguousarray(value).tobytes())
    if isinstance(value, pd.DataFrame):
        return list_of(value)
    if hasattr(type(value), "frame_names"):
        return _encoder(value)
    return getattr(value, "__qualname__", type(value).__qualname__)


def _encoder(encoder: Any) -> dict[str, Any]:
    """Return an encoder's kind and settings; no checkpoint is opened for it."""
    held = getattr(encoder, "__dict__", {}).items()
    known = {name: plain(own) for name, own in held if name not in _INSIDE and not name.startswith("_")}
    digest = getattr(encoder, "_digest", None)
    return {"encoder": type(encoder).__name__, **known, **({} if digest is None else {"experience": digest})}


def list_of(clips: Any, labels: Iterable[Any] | None = None) -> dict[str, Any]:
    """Return the number of clips of a list, and its digest.

    Parameters
    ----------
    clips : DataFrame, Utterances, sequence of clips, or array of features
        Of a table count the columns `path` or `audio`, `start`, `end`, `emotion` and `speaker`.
    labels : iterable, optional
        One a clip, in the place of `emotion`.

    Returns
    -------
    dict
        ``clips`` and ``digest``, 32 hexadecimal digits.
    """
    table = isinstance(clips, pd.DataFrame)
    if labels is None and table and "emotion" in clips:
        labels = clips["emotion"]
    names = list(_names(clips))
    named = [None] * len(names) if labels is None else list(map(str, labels))
    speakers = getattr(clips, "speakers", None) if not table else clips.get("speaker")
    known = [None] * len(names) if speakers is None else speakers
    who = [None if speaker is None or pd.isna(speaker) else str(speaker) for speaker in known]
    lines = sorted(json.dumps(line) for line in zip(names, named, who, strict=True))
    return {"clips": len(lines), "digest": _digest("\n".join(lines).encode())}


def _names(clips: Any) -> Iterator[str]:
    """Yield a name of each clip that is the same wherever it lies."""
    if isinstance(clips, pd.DataFrame) and {"path", "audio"} & set(clips):
        column = "path" if "path" in clips else "audio"
        spans = [clips[side] if side in clips else [None] * len(clips) for side in ("start", "end")]
        for item, start, end in zip(clips[column], *spans, strict=True):
            yield _name(item if column == "path" else as_clip(item).source) + _span(start, end)
    elif isinstance(clips, Utterances) and clips.clips is None:
        yield from (_digest(np.ascontiguousarray(frames).tobytes()) for frames in clips.frames or ())
    elif isinstance(clips, (Utterances, list, tuple)):
        for clip in clips.clips or () if isinstance(clips, Utterances) else map(as_clip, clips):
            yield _name(clip.source) + _span(clip.start, clip.end)
    else:
        yield from (_digest(row.tobytes()) for row in np.asarray(clips, dtype=np.float64))


def _name(source: Any) -> str:
    """Return the last two parts of a path, or the digest of what is in memory."""
    if isinstance(source, (str, os.PathLike)):
        folder, name = os.path.split(os.path.abspath(source))
        return f"{os.path.basename(folder) or folder}/{name}"
    return _digest(source if isinstance(source, bytes) else np.ascontiguousarray(source).tobytes())


def clip_names(clips: pd.DataFrame) -> list[str]:
    """Return a name for each clip that is the same wherever the folder lies: its file, its segment, else its row."""
    return list(_names(clips)) if "path" in clips else [f"row {row}" for row in range(len(clips))]


def _span(start: Any, end: Any) -> str:
    times = [as_seconds(at, name) for at, name in ((start, "start"), (end, "end"))]
    known = ["" if at is None else f"{at:g}" for at in times]
    return f"#t={','.join(known)}" if any(known) else ""


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the digest of a file's bytes, 32 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def command_line(arguments: Sequence[str]) -> str:
    """Return a command as a shell takes it, without the folders that lead to a file on one machine.

    Parameters
    ----------
    arguments : sequence of str
        What stood behind ``sere``.
    """
    return shlex.join(["sere", *("".join(map(nameless, _BETWEEN_NAMES.split(word))) for word in arguments)])


def nameless(name: str) -> str:
    """Return a name without the folders that lead to it on one machine; names that are not places stay."""
    kind = PureWindowsPath if PureWindowsPath(name).is_absolute() else PurePath
    return kind(name).name if kind(name).is_absolute() or name.startswith((".", "~")) or _is_place(name) else name


def _is_place(name: str) -> bool:
    """Whether something of this name, or the folder that it would lie in, is there."""
    place = Path(name)
    return len(place.parts) > 1 and any(own.exists() for own in (place, *place.parents[:-1]))
