"""What the commands are given: clips as files, folders or lists, and saved models."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sere.audio.sources import AUDIO_ENDINGS
from sere.cli.outcome import UsageError
from sere.cli.problems import PLACE, Problems
from sere.datasets.formats import MANIFEST_ENDINGS, read_format, recognise_format
from sere.datasets.listing import read_listing
from sere.datasets.scan import find_media
from sere.datasets.tables import LIST_ENDINGS, read_table, timed

# What a classifier may know of a clip besides its audio.
KNOWN = ["path", "speaker", "language", "start", "end", "duration"]


def is_list(place: str) -> bool:
    """Whether a command-line argument is a list of clips, by its ending."""
    return Path(place).suffix.lower() in LIST_ENDINGS and not Path(place).is_dir() and not is_manifest(place)


def is_manifest(place: str) -> bool:
    """Whether a command-line argument is a file by which another project describes its data."""
    return Path(place).is_file() and recognise_format(Path(place)) is not None


def read_clips(inputs: list[str], problems: Problems) -> pd.DataFrame:
    """Return the clips that command-line arguments name, one row each.

    Parameters
    ----------
    inputs : list of str
        Audio files, folders, lists (:mod:`sere.datasets.tables`) with optional ``speaker``, ``language``, ``start``,
        ``end``, ``duration``; manifests (:mod:`sere.datasets.formats`), also folders that hold one and no sound; ``-``
        for paths on standard input.
    problems : Problems
        Gets the folders that cannot be read and the rows without a path.

    Returns
    -------
    DataFrame
        ``path``, those of the optional columns that a list has, ``id`` from manifests, and ``place``: where the user
        finds the row.

    Raises
    ------
    ValueError
        A list without a column of paths, or nothing at all to predict.
    """
    parts = []
    for given in inputs:
        place = Path(given)
        if given == "-":
            parts.append(_files(_lines_of_stdin()))
        elif place.is_dir():
            found = find_media(place, problems.add_folder)
            if not found and recognise_format(place) is not None:
                parts.append(_read_manifest(place))
                continue
            if not found and not problems.found:
                raise ValueError(f"{given} holds no audio files ({', '.join(sorted(AUDIO_ENDINGS))})")
            parts.append(_files([one.path for one in found]))
        elif is_manifest(given):
            parts.append(_read_manifest(place))
        elif is_list(given):
            parts.append(_read_list(place, problems))
        else:
            parts.append(_files([given]))
    clips = pd.concat(parts, ignore_index=True)
    if clips.empty and not problems.found:
        raise ValueError("no clips were given")
    return _placed(clips)


def read_labeled(place: str) -> pd.DataFrame:
    """Return a corpus folder's or a list's clips with their emotions, and ``place``, where the user finds each."""
    from sere.datasets import load_corpus

    if not is_list(place):
        return _with_place(load_corpus(place), place)
    clips = read_listing(Path(place))
    return _with_lines(clips, place).reset_index(drop=True)


def read_pool(place: str | None, labeled: pd.DataFrame, problems: Problems) -> pd.DataFrame | None:
    """Return the unlabeled clips of a folder or list without the labeled ones, or None.

    A recognised corpus and a manifest bring their speakers and languages along; any other folder is a heap of audio
    files.
    """
    if place is None:
        return None
    if not Path(place).exists():
        raise FileNotFoundError(f"there is no {place}")
    clips = _read_manifest(Path(place)) if recognise_format(Path(place)) is not None else None
    if clips is None and Path(place).is_dir():
        from sere.datasets import load_corpus

        try:
            clips = _with_place(load_corpus(place), place)
        except ValueError:
            clips = None
    if clips is None:
        clips = read_clips([place], problems)
        clips = clips if is_list(place) else _with_place(clips, place)
    spans = {"start", "end"} & set(labeled)
    if spans <= set(clips):
        taken = set(identities(labeled, sorted(spans)))
        clips = clips[[identity not in taken for identity in identities(clips, sorted(spans))]]
    if clips.empty:
        raise ValueError(f"{place} holds no clips besides the labeled ones")
    return clips.reset_index(drop=True)


def visible(clips: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that a classifier may see, without those in which nothing is known."""
    kept = clips[[name for name in KNOWN if name in clips]]
    return kept.dropna(axis="columns", how="all").reset_index(drop=True)


def identities(clips: pd.DataFrame, spans: list[str]) -> list[tuple[Any, ...]]:
    """Return what makes two rows the same clip: the file, and the segment where both lists have one."""
    paths = [str(Path(path).resolve()) for path in clips["path"]]
    return list(zip(paths, *([None if pd.isna(value) else value for value in clips[name]] for name in spans)))


def load_model(path: str, allow: list[str]) -> Any:
    """Return a saved model that may open what `allow` names, or say what the file is instead."""
    import sere

    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"there is no model {path}; `sere fit --out {path}` makes one")
    if file.is_file() and (
        file.suffix.lower() in AUDIO_ENDINGS | LIST_ENDINGS or file.name.lower().endswith(MANIFEST_ENDINGS)
    ):
        raise UsageError(f"{path} is no model; the model comes first: sere predict MODEL FILES")
    return sere.load(path, allow=allow)


def load_encoder(name: str | None, allow: list[str]) -> Any:
    """Return what stands for an encoder in an estimator; an encoder's file may open what `allow` names."""
    from sere.encoders import EmotionEncoder

    return EmotionEncoder.load(name, allow=allow) if allow and name and name.endswith(".npz") else name


def _read_list(place: Path, problems: Problems) -> pd.DataFrame:
    table = read_table(place, KNOWN)
    clips = timed(table)
    for name in ("speaker", "language"):
        if name in clips:
            clips[name] = [cell or None for cell in clips[name]]
    clips = _with_lines(clips, str(place))
    empty = clips["path"] == ""
    for where in clips[PLACE][empty]:
        problems.add(where, "", "the path is empty")
    return clips[~empty]


def _read_manifest(place: Path) -> pd.DataFrame:
    """Return the clips of a manifest, whether they have an emotion or not."""
    name = recognise_format(place)
    assert name is not None
    clips = read_format(place, name, labeled=False, present=False)
    return _with_place(clips[[name for name in (*KNOWN, "id") if name in clips]], clips["where"].tolist())


def _files(paths: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"path": np.array(paths, dtype=object), PLACE: None}, dtype=object)


def _placed(clips: pd.DataFrame) -> pd.DataFrame:
    """Return clips with the number of its row as the place of each that comes from no list."""
    known = clips[PLACE] if PLACE in clips else [None] * len(clips)
    return _with_place(clips, [place or f"row {row}" for row, place in enumerate(known, start=1)])


def _with_lines(clips: pd.DataFrame, file: str) -> pd.DataFrame:
    """Return the clips of a list, whose index is their line, with that as their place."""
    return _with_place(clips, [f"{file}, line {line}" for line in clips.index])


def _with_place(clips: pd.DataFrame, place: str | list[str]) -> pd.DataFrame:
    # Not a column of texts, in which pandas would refuse a name that is no UTF-8.
    return clips.assign(**{PLACE: pd.Series(place, index=clips.index, dtype=object)})


def _lines_of_stdin() -> list[str]:
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    lines = [line.rstrip("\r\n") for line in sys.stdin]
    return [line for line in lines if line]
