"""Reading a folder or a list of emotional speech into a DataFrame.

Four kinds of source, told apart by looking at them: the manifest of another project
(:mod:`sere.datasets.formats`), a corpus in its own distribution's layout (recognised by its file
names, :mod:`sere.datasets.registry`), folders named after emotions, and a list for everything
else (:mod:`sere.datasets.tables`).
"""

import os
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sere.datasets.emotions import EmotionNames, own_names
from sere.datasets.formats import FORMATS, MANIFEST_ENDINGS, read_format, recognise_format
from sere.datasets.listing import read_listing
from sere.datasets.registry import CORPORA, Corpus, Fields
from sere.datasets.scan import Media, find_media, folder_emotion, matches, recognise, set_aside
from sere.datasets.tables import LIST_ENDINGS
from sere.files.folders import as_text

COLUMNS = ["path", "emotion", "speaker", "language", "text", "corpus"]
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
    labeled: bool = True,
) -> pd.DataFrame:
    r"""Read a corpus into a DataFrame, one row a clip.

    Parameters
    ----------
    root : str or path
        Folder of the corpus (or one that holds it at any depth), or a CSV or TSV file that lists
        clips: columns `path` (relative ones start at the file's own folder), `emotion`, and if
        wanted `speaker`, `language`, `text`, `start`, `end` (seconds, or what
        :class:`~sere.SEREClassifier` understands as a time). Or what another project describes
        its data by: an audformat database, an experiment of nkululeko's (``.ini``), a Kaldi data
        folder, EmoBox's metadata, lhotse's manifests, a Hugging Face audio folder.
    corpus : str, optional
        Name of the layout, for a folder where recognition fails: one of :data:`CORPORA`
        (``"emodb"``, ``"crema_d"``, ... in any spelling), ``"folders"`` for folders named
        after labels, ``"list"``, ``"audformat"``, ``"nkululeko"``, ``"kaldi"``, ``"emobox"``,
        ``"lhotse"`` or ``"audiofolder"``.
    emotions : mapping of str to str or None, optional
        Names that differ from those described below: from a corpus's own label or from a
        canonical name to the name wanted. None drops the clips.
        ``{"calm": "neutral", "boredom": None}``
    speaker : str, optional
        Regular expression searched in each clip's path below `root`; its first group is the
        speaker. For folders of emotions, which do not tell who speaks: ``r"([^/_]+)_[^/]*$"``.
    language : str, optional
        Language code for all clips, instead of the one the corpus has.
    labeled : bool, default=True
        False keeps the clips of a list, or of another project's, that have no emotion, as a pool of
        unlabeled clips does; `emotion` is then missing (NaN).

    Returns
    -------
    DataFrame
        Columns `path`, `emotion`, `speaker`, `language`, `text`, `corpus` as described in
        :mod:`sere.datasets`; those of a folder sorted by path, those of a list in its order. What
        is not known is missing (NaN). A known corpus has canonical emotion names
        (:data:`EMOTIONS`), folders and lists of your own keep your labels. Where the source has
        them, there are `start` and `end`, and of other projects `id` (their name of the clip)
        and `split`.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist or holds no audio, or a listed clip does not exist.
    OSError
        If a folder cannot be read.
    ValueError
        If the layout is not recognised, a label is unknown, or a line of a CSV file is wrong.

    Warns
    -----
    UserWarning
        When files of a recognised corpus are left out: silent ones, second copies of the same
        clip, and files that do not follow the corpus's names. When folders beside folders of
        emotions are left out because their names begin with ``_``, and clips of another project's
        because they have no emotion.

    Examples
    --------
    >>> from sere.datasets import load_corpus
    >>> german = load_corpus("corpora/emodb")                               # doctest: +SKIP
    >>> english = load_corpus("corpora/ravdess", emotions={"calm": None})   # doctest: +SKIP
    >>> mine = load_corpus("clips.csv")                                     # doctest: +SKIP
    """
    place = _existing(root)
    name = _layout_name(corpus)
    form = recognise_format(place) if name is None else name if name in FORMATS else None
    if form is not None:
        frame = read_format(place, form, emotions, labeled=labeled).drop(columns="where")
    elif place.is_file():
        frame = _read_list(place, emotions, labeled)
    else:
        frame = _read_folder(place, name, emotions)
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
        The corpus's name (for folders of emotions and other projects' data: the folder's name) to its folder, sorted by
        name; empty when nothing is recognised. A second copy of a corpus gets its folder's name
        added.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sere.datasets import find_corpora
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for emotion in ("angry", "sad"):
    ...         place = pathlib.Path(folder, "mine", emotion)
    ...         place.mkdir(parents=True)
    ...         (place / "01.wav").touch()
    ...     list(find_corpora(folder))
    ['mine']
    """
    place = _existing(root)
    if place.is_file():
        raise ValueError(f"{place} is a file; find_corpora takes a folder that holds corpora.")
    whole = _layout(place)
    parts = {}
    for folder in _subfolders(place):
        layout = _layout(folder)
        if layout is not None:
            parts[folder] = layout
    # The folders of one corpus (its speakers, say) are of that corpus's layout, too. Folders of
    # emotions are not: each of them is a corpus. A manifest speaks of all that lies below it.
    if whole in FORMATS or (whole is not None and set(parts.values()) <= {whole} - {"folders"}):
        return {str(whole) if whole in CORPORA else place.resolve().name: str(place)}
    found: dict[str, str] = {}
    for folder, layout in parts.items():
        name = layout if layout in CORPORA else folder.name
        found[name if name not in found else f"{name} ({folder.name})"] = str(folder)
    return dict(sorted(found.items()))


def _layout(folder: Path) -> str | None:
    """Return the name of a folder's format or layout, or None."""
    return recognise_format(folder) or recognise(find_media(folder))[0]


def _subfolders(place: Path) -> list[Path]:
    """Return the folders in a folder, each once: a link only where it leads to another place."""
    listed = (path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
    found: dict[Path, Path] = {}
    for path in sorted(listed, key=lambda path: (path.is_symlink(), path)):
        found.setdefault(path.resolve(), path)
    return sorted(found.values())


def _existing(root: str | os.PathLike[str]) -> Path:
    if isinstance(root, pd.DataFrame):
        raise TypeError("load_corpus takes a folder or a CSV file, and this is a DataFrame already.")
    place = Path(root).expanduser().absolute()
    if not place.exists():
        parent = next(path for path in place.absolute().parents if path.exists())
        raise FileNotFoundError(f"there is no {place}; the folder {parent} does exist.")
    return place


def _layout_name(corpus: str | None) -> str | None:
    """Return a corpus's registered name however it is spelt, as in ``"CREMA-D"``."""
    if corpus is None:
        return None
    wanted = re.sub(r"\W|_", "", corpus).casefold()
    spellings = {"folders": "folders", "csv": "csv", "list": "csv", **{form: form for form in FORMATS}}
    for name, known in CORPORA.items():
        spellings[re.sub(r"\W|_", "", name)] = name
        spellings[re.sub(r"\W|_", "", known.title).casefold()] = name
    if wanted not in spellings:
        known_names = ", ".join([*sorted(CORPORA), "folders", "list", *FORMATS])
        raise ValueError(f"corpus={corpus!r} is not known. Known: {known_names}.")
    return spellings[wanted]


def _read_list(file: Path, emotions: Mapping[str, str | None] | None, labeled: bool) -> pd.DataFrame:
    if file.suffix.lower() not in LIST_ENDINGS:
        if file.name.lower().endswith(MANIFEST_ENDINGS):
            formats = ", ".join(form.title for form in FORMATS.values())
            raise ValueError(f"{file} is of no format that is known. Known: {formats}. {_HOW_TO_LIST}")
        endings = ", ".join([*sorted(LIST_ENDINGS), *MANIFEST_ENDINGS])
        raise ValueError(f"{file} is one file, and a corpus is a folder or a list of clips ({endings}).")
    frame = read_listing(file, emotions, labeled=labeled)
    for line, path in frame["path"].items():
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f"{file}, line {line}: there is no file {path}. Relative paths start at {file.parent}."
            )
    return frame.reset_index(drop=True)


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
    aside = [one for one in media if set_aside(one)]
    labeled = [one for one in media if not set_aside(one)]
    if aside and labeled:
        folders = sorted({folder for one in aside for folder in one.folders if folder.startswith("_")})
        warnings.warn(
            f"{root}: left out {len(aside)} files in {', '.join(folders)} (a folder whose name begins with _ is no "
            "label).",
            UserWarning,
            stacklevel=4,
        )
    labels = {}
    for one in labeled or media:
        label = folder_emotion(one) or (one.folders[-1] if one.folders else None)
        if label is None:
            raise ValueError(f"{one.path} lies in no folder below {root}, so it has no label. {_HOW_TO_LIST}")
        labels[one.path] = as_text(label)
    names = own_names(labels.values(), emotions)
    rows = [
        {"path": path, "emotion": names[label], "corpus": as_text(root.resolve().name)}
        for path, label in labels.items()
        if names[label] is not None
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
        speakers.append(f"{corpus}-{as_text(found[1])}")
    return speakers


def _frame(rows: list[dict[str, str | None]]) -> pd.DataFrame:
    ordered = sorted(rows, key=lambda row: row["path"] or "")
    frame = pd.DataFrame(ordered, columns=[name for name in COLUMNS if name != "path"])
    # A file's name need not be text, which a column of texts would insist on.
    frame.insert(0, "path", pd.Series([row["path"] for row in ordered], dtype=object))
    return frame
