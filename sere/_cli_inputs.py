"""What the commands are given: clips as files, folders or lists, and saved models."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from sere.audio import AUDIO_ENDINGS, find_audio
from sere.cli import UsageError

LIST_ENDINGS = {".csv", ".tsv"}
# What a classifier may know of a clip besides its audio.
KNOWN = ["path", "speaker", "language", "start", "end"]


def read_clips(inputs: list[str]) -> pd.DataFrame:
    """Return the clips that command-line arguments name, one row each.

    Parameters
    ----------
    inputs : list of str
        Audio files, folders, CSV or TSV lists with a column ``path`` (relative to the list) and optional ``speaker``,
        ``language``, ``start``, ``end``; ``-`` for paths on standard input.

    Returns
    -------
    DataFrame
        ``path`` and those of the optional columns that a list has.

    Raises
    ------
    ValueError
        A list without a column ``path``, or nothing at all to predict.
    """
    parts = []
    for given in inputs:
        place = Path(given)
        if given == "-":
            lines = [line.rstrip("\r\n") for line in sys.stdin]
            parts.append(pd.DataFrame({"path": [line for line in lines if line]}))
        elif place.is_dir():
            found = find_audio(given)
            if not found:
                raise ValueError(f"{given} holds no audio files ({', '.join(sorted(AUDIO_ENDINGS))})")
            parts.append(pd.DataFrame({"path": found}))
        elif place.suffix.lower() in LIST_ENDINGS:
            parts.append(_read_list(place))
        else:
            parts.append(pd.DataFrame({"path": [given]}))
    clips = pd.concat(parts, ignore_index=True)
    if clips.empty:
        raise ValueError("no clips were given")
    return clips


def read_labeled(place: str) -> pd.DataFrame:
    """Return a corpus folder's or a list's clips with their emotions."""
    from sere.datasets import load_corpus

    return load_corpus(place)


def read_pool(place: str | None, labeled: pd.DataFrame) -> pd.DataFrame | None:
    """Return the unlabeled clips of a folder or list without the labeled ones, or None.

    A recognised corpus brings its speakers and language along; any other folder is a heap of audio files.
    """
    if place is None:
        return None
    if not Path(place).exists():
        raise FileNotFoundError(f"there is no {place}")
    clips = None
    if Path(place).is_dir():
        from sere.datasets import load_corpus

        try:
            clips = load_corpus(place)
        except ValueError:
            clips = None
    if clips is None:
        clips = read_clips([place])
    taken = {Path(path).resolve() for path in labeled["path"]}
    if not {"start", "end"} & set(labeled):
        clips = clips[[Path(path).resolve() not in taken for path in clips["path"]]]
    if clips.empty:
        raise ValueError(f"{place} holds no clips besides the labeled ones")
    return visible(clips)


def visible(clips: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that a classifier may see, without those in which nothing is known."""
    kept = clips[[name for name in KNOWN if name in clips]]
    return kept.dropna(axis="columns", how="all").reset_index(drop=True)


def load_model(path: str) -> Any:
    """Return a saved model, or say what the file is instead."""
    import sere

    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"there is no model {path}; `sere fit --out {path}` makes one")
    if file.suffix.lower() in AUDIO_ENDINGS | LIST_ENDINGS:
        raise UsageError(f"{path} is no model; the model comes first: sere predict MODEL FILES")
    return sere.load(path)


def _read_list(place: Path) -> pd.DataFrame:
    try:
        clips = pd.read_csv(place, sep=None, engine="python", dtype={"speaker": str, "language": str})
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no list {place}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{place} cannot be read as a list of clips: {error}") from error
    if "path" not in clips:
        raise ValueError(f"{place} has no column 'path'; its first line names {', '.join(map(str, clips.columns))}")
    empty = clips.index[clips["path"].isna()]
    if len(empty):
        raise ValueError(f"{place}, line {empty[0] + 2}: the path is empty")
    clips["path"] = [str(place.parent / path) for path in clips["path"].astype(str)]
    return clips[[name for name in KNOWN if name in clips]]
