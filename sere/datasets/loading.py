"""Reading a folder or a list of emotional speech into a DataFrame.

Three kinds of source, told apart by looking at them: a corpus in its own distribution's layout
(recognised by its file names, :mod:`sere.datasets.registry`), folders named after emotions, and
a CSV or TSV file for everything else.
"""

import os
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sere.datasets.emotions import EmotionNames, canonical_emotion
from sere.datasets.listing import read_listing
from sere.datasets.registry import CORPORA, Corpus, Fields
from sere.datasets.scan import Media, find_media, folder_emotion, matches, recognise

COLUMNS = ["path", "emotion", "speaker", "language", "text", "corpus"]
_LISTINGS = (".csv", ".tsv", ".txt")
_HOW_TO_LIST = (
    "Put each emotion's clips into a folder named after it and pass corpus='folders', or pass a "
    "CSV file with the columns path, emotion and, where known, speaker, language, text."
)


def load_corpus(
    root: str | os.PathLike[str],
    corpus: str | None = None,
    *,
    emotions: Mapping[str, str | None] | None = None,
    speaker: str | None = None,
    language: str | None = None,
) -> pd.DataFrame:
    r"""Read a corpus into a DataFrame, one row a clip.

    Parameters
    ----------
    root : str or path
        Folder of the corpus (or one that holds it at any depth), or a CSV or TSV file that lists
        clips: columns `path` (relative ones start at the file's own folder), `emotion`, and if
        wanted `speaker`, `language`, `text`, `start`, `end` (seconds). Files that libsndfile
        cannot read, such as eNTERFACE'05's videos, are listed all the same; reading them needs
        ffmpeg.
    corpus : str, optional
        Name of the layout, for a folder where recognition fails: one of :data:`CORPORA`
        (``"emodb"``, ``"crema_d"``, ... in any spelling), or ``"folders"`` for folders named
        after labels.
    emotions : mapping of str to str or None, optional
        Names that differ from the canonical ones: from a corpus's own label or from a canonical
        name to the name wanted. None drops the clips. ``{"calm": "neutral", "boredom": None}``
    speaker : str, optional
        Regular expression searched in each clip's path below `root`; its first group is the
        speaker. For folders of emotions, which do not tell who speaks: ``r"([^/_]+)_[^/]*$"``.
    language : str, optional
        Language code for all clips, instead of the one the corpus has.

    Returns
    -------
    DataFrame
        Columns `path`, `emotion`, `speaker`, `language`, `text`, `corpus` as described in
        :mod:`sere.datasets`, sorted by path. What is not known is missing (NaN).

    Raises
    ------
    FileNotFoundError
        If `root` does not exist or holds no audio.
    ValueError
        If the layout is not recognised, a label is unknown, or a line of a CSV file is wrong.

    Warns
    -----
    UserWarning
        When files of a recognised corpus are left out: silent ones, second copies of the same
        clip, and files that do not follow the corpus's names.

    Examples
    --------
    >>> from sere.datasets import load_corpus
    >>> german = load_corpus("corpora/emodb")                               # doctest: +SKIP
    >>> english = load_corpus("corpora/ravdess", emotions={"calm": None})   # doctest: +SKIP
    >>> mine = load_corpus("clips.csv")                                     # doctest: +SKIP
    """
    place = _existing(root)
    name = _layout_name(corpus)
    frame = read_listing(place, emotions) if place.is_file() else _read_folder(place, name, emotions)
    if speaker is not None:
        frame["speaker"] = _speakers(frame, place, speaker)
    if language is not None:
        frame["language"] = language
    extra = [column for column in frame.columns if column not in COLUMNS]
    return frame[[*COLUMNS, *extra]]


def find_corpora(root: str | os.PathLike[str]) -> dict[str, str]:
    """Find the corpora that lie side by side in a folder.

    Parameters
    ----------
    root : str or path
        A folder of corpora, or of one.

    Returns
    -------
    dict of str to str
        The corpus's name (for folders of emotions: the folder's name) to its folder, sorted by
        name; empty when nothing is recognised. A second copy of a corpus gets its folder's name
        added.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist.
    """
    place = _existing(root)
    if place.is_file():
        raise ValueError(f"{place} is a file; find_corpora takes a folder that holds corpora.")
    whole, _ = recognise(find_media(place))
    parts = {}
    for folder in sorted(path for path in place.iterdir() if path.is_dir()):
        layout, _ = recognise(find_media(folder))
        if layout is not None:
            parts[folder] = layout
    # The folders of one corpus (its speakers, say) are of that corpus's layout, too. Folders of
    # emotions are not: each of them is a corpus.
    if whole is not None and set(parts.values()) <= {whole} - {"folders"}:
        return {place.resolve().name if whole == "folders" else whole: str(place)}
    found: dict[str, str] = {}
    for folder, layout in parts.items():
        name = folder.name if layout == "folders" else layout
        found[name if name not in found else f"{name} ({folder.name})"] = str(folder)
    return dict(sorted(found.items()))


def _existing(root: str | os.PathLike[str]) -> Path:
    if isinstance(root, pd.DataFrame):
        raise TypeError("load_corpus takes a folder or a CSV file, and this is a DataFrame already.")
    place = Path(root).expanduser().absolute()
    if not place.exists():
        parent = next(path for path in place.absolute().parents if path.exists())
        raise FileNotFoundError(f"there is no {place}; the folder {parent} does exist.")
    if place.is_file() and place.suffix.lower() not in _LISTINGS:
        raise ValueError(f"{place} is one file, and a corpus is a folder or a list of clips ({', '.join(_LISTINGS)}).")
    return place


def _layout_name(corpus: str | None) -> str | None:
    """Return a corpus's registered name however it is spelt, as in ``"CREMA-D"``."""
    if corpus is None:
        return None
    wanted = re.sub(r"\W|_", "", corpus).casefold()
    spellings = {"folders": "folders", "csv": "csv"}
    for name, known in CORPORA.items():
        spellings[re.sub(r"\W|_", "", name)] = name
        spellings[re.sub(r"\W|_", "", known.title).casefold()] = name
    if wanted not in spellings:
        raise ValueError(f"corpus={corpus!r} is not known. Known: {', '.join(sorted(CORPORA))}, folders.")
    return spellings[wanted]


def _read_folder(root: Path, name: str | None, emotions: Mapping[str, str | None] | None) -> pd.DataFrame:
    media = find_media(root)
    if not media:
        seen = sorted(path.name for path in root.iterdir())
        listed = f"It holds {', '.join(seen[:8])}{' ...' if len(seen) > 8 else ''}." if seen else ""
        raise FileNotFoundError(f"no audio or video files below {root}. {listed}".rstrip())
    if name == "csv":
        raise ValueError(f"{root} is a folder; pass the CSV file itself.")
    layout = name
    if layout is None:
        layout, counts = recognise(media)
        if layout is None:
            raise ValueError(_not_recognised(root, media, counts))
    if layout == "folders":
        return _emotion_folders(root, media, emotions)
    return _named_corpus(root, CORPORA[layout], media, emotions)


def _not_recognised(root: Path, media: list[Media], counts: Counter[str]) -> str:
    examples = ", ".join(one.relative for one in media[:: max(1, len(media) // 3)][:3])
    if len(counts) > 1:
        parts = ", ".join(f"{name} ({count} files)" for name, count in counts.most_common())
        return (
            f"{root} holds several corpora: {parts}. Load them one by one; "
            "sere.datasets.find_corpora(root) lists their folders."
        )
    return (
        f"{root} is not laid out like a corpus that is known. "
        f"It holds {len(media)} audio files such as {examples}. "
        f"Known corpora: {', '.join(sorted(CORPORA))}. {_HOW_TO_LIST}"
    )


def _named_corpus(
    root: Path, corpus: Corpus, media: list[Media], emotions: Mapping[str, str | None] | None
) -> pd.DataFrame:
    """Read a corpus in its own layout."""
    names = EmotionNames(corpus.emotions, emotions)
    clips, left_out = _distinct_clips(root, corpus, media)
    for reason, paths in left_out.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        warnings.warn(f"{corpus.title}: left out ({reason}): {min(paths)}{more}.", UserWarning, stacklevel=4)
    rows = []
    for one, fields in clips:
        emotion = names(fields["emotion"] or "")
        if emotion is not None:
            who = fields.get("speaker")
            rows.append(
                {
                    "path": one.path,
                    "emotion": emotion,
                    "speaker": f"{corpus.name}-{who}" if who else None,
                    "language": fields.get("language") or corpus.language,
                    "text": fields.get("text"),
                    "corpus": corpus.name,
                }
            )
    return _frame(rows)


def _distinct_clips(
    root: Path, corpus: Corpus, media: list[Media]
) -> tuple[list[tuple[Media, Fields]], dict[str, list[str]]]:
    """Return each clip once with its fields, and the files left out by reason."""
    matched = matches(corpus, media)
    if not matched:
        raise ValueError(
            f"{root} holds {len(media)} audio files such as {media[0].relative}, and none is "
            f"named like those of {corpus.title} ({corpus.layout}). {_HOW_TO_LIST}"
        )
    left_out: dict[str, list[str]] = {}
    table = corpus.tables(root) if corpus.tables else {}
    clips: dict[tuple[str, ...], tuple[Media, Fields]] = {}
    # The preferred format comes first, so that a later file of the same clip is a second copy.
    for one, fields in sorted(matched, key=lambda pair: pair[0].rank):
        reason = corpus.why_left_out(one.stem_path)
        whole = corpus.refine(fields, table) if corpus.refine else fields
        if reason is None and whole is None:
            reason = "not in the corpus's label table"
        if reason is None and whole is not None:
            parts = (whole.get("speaker"), whole["emotion"], whole.get("clip") or one.stem)
            key = tuple((part or "").casefold() for part in parts)
            if key not in clips:
                clips[key] = (one, whole)
                continue
            reason = "second copies of the same clip"
        left_out.setdefault(reason or "", []).append(one.path)
    other = {one.path for one in media} - {one.path for one, _ in matched}
    if other:
        left_out[f"not named like files of {corpus.title}"] = sorted(other)
    return list(clips.values()), left_out


def _emotion_folders(root: Path, media: list[Media], emotions: Mapping[str, str | None] | None) -> pd.DataFrame:
    """Read folders that are named after labels; the innermost one that names an emotion counts."""
    labels = {}
    for one in media:
        folder, _, _ = one.relative.rpartition("/")
        label = folder_emotion(one) or folder.rpartition("/")[2]
        if not label:
            raise ValueError(f"{one.path} lies in no folder below {root}, so it has no label. {_HOW_TO_LIST}")
        labels[one.path] = label
    names = EmotionNames({label: canonical_emotion(label) or label for label in labels.values()}, emotions)
    rows = [
        {"path": path, "emotion": names(label), "corpus": root.resolve().name}
        for path, label in labels.items()
        if names(label) is not None
    ]
    return _frame(rows)


def _speakers(frame: pd.DataFrame, place: Path, pattern: str) -> list[str]:
    """Return each clip's speaker, found in its path below the root."""
    regex = re.compile(pattern)
    if regex.groups < 1:
        raise ValueError(f"speaker={pattern!r} has no group; put the speaker's part in parentheses.")
    root = place if place.is_dir() else place.parent
    speakers = []
    for path, corpus in zip(frame["path"], frame["corpus"]):
        found = regex.search(Path(os.path.relpath(path, root)).as_posix())
        if found is None or found[1] is None:
            raise ValueError(f"speaker={pattern!r} finds nothing in {path}.")
        speakers.append(f"{corpus}-{found[1]}")
    return speakers


def _frame(rows: list[dict[str, str | None]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("path", ignore_index=True)
