"""Finding the audio and video files below a folder, and telling whose they are."""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sere.datasets.emotions import canonical_emotion
from sere.datasets.registry import CORPORA, Corpus, Fields

# In order of preference, for clips that are there in several formats.
_LOSSLESS = ("wav", "flac", "aiff", "aif", "aifc", "w64", "caf", "au", "snd", "sph")
_LOSSY = ("ogg", "oga", "opus", "mp3", "m4a", "aac", "wma")
_VIDEO = ("avi", "mp4", "mov", "mkv", "webm", "flv")
_ENDINGS = _LOSSLESS + _LOSSY + _VIDEO
_RANK = {ending: rank for rank, ending in enumerate(_ENDINGS)}
# eNTERFACE'05 has a file that lost the dot before "avi".
_MEDIA = re.compile(rf"(?:\.(?P<ending>{'|'.join(_ENDINGS)})|(?<=\d)avi)", re.IGNORECASE)

# A layout is recognised when it explains at least this share of the files, so that a folder of
# several corpora is not taken for the largest of them.
_SHARE = 0.5


@dataclass(frozen=True)
class Media:
    """One audio or video file.

    Attributes
    ----------
    path : str
        As given by the caller's root.
    relative : str
        Below the root, ``/`` between folders.
    stem_path : str
        The absolute path without the ending, ``/`` between folders.
    rank : int
        Place of the format in the order of preference.
    """

    path: str
    relative: str
    stem_path: str
    rank: int

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return self.stem_path.rpartition("/")[2]


def find_media(root: Path) -> list[Media]:
    """Return the audio and video files below `root`, sorted by path; hidden ones are skipped."""
    found = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
        for name in names:
            media = _media(Path(folder) / name, root)
            if media is not None:
                found.append(media)
    return sorted(found, key=lambda media: media.relative)


def _media(path: Path, root: Path) -> Media | None:
    name = path.name
    endings = [] if name.startswith(".") else list(_MEDIA.finditer(name))
    if not endings or endings[-1].end() != len(name) or endings[-1].start() == 0:
        return None
    stem_path = Path(os.path.abspath(path.parent), name[: endings[-1].start()]).as_posix()
    rank = _RANK[(endings[-1]["ending"] or "avi").casefold()]
    return Media(str(path), path.relative_to(root).as_posix(), stem_path, rank)


def matches(corpus: Corpus, media: list[Media]) -> list[tuple[Media, Fields]]:
    """Return the files that follow a corpus's layout, with the named groups of its pattern."""
    found = []
    known = {code.casefold() for code in corpus.emotions}
    for one in media:
        fields = corpus.match(one.stem_path)
        # A file whose emotion code the corpus does not have is not of this corpus.
        if fields is not None and (fields.get("emotion") or "").casefold() in known | {""}:
            found.append((one, fields))
    return found


def recognise(media: list[Media]) -> tuple[str | None, Counter[str]]:
    """Return the layout that explains most of the files, and how many each layout explains.

    The name is that of a corpus, ``"folders"`` when only the folders' names are emotions, or
    None when nothing explains half of the files.
    """
    counts: Counter[str] = Counter()
    for name, corpus in CORPORA.items():
        explained = len(matches(corpus, media))
        if explained:
            counts[name] = explained
    for name, explained in counts.most_common(1):
        if explained >= _SHARE * len(media):
            return name, counts
    labels = [label for label in map(folder_emotion, media) if label is not None]
    # Several corpora side by side must not pass for one folder of emotions because some have
    # such folders.
    if not counts and len(set(labels)) >= 2 and len(labels) >= _SHARE * len(media):
        return "folders", counts
    return None, counts


def folder_emotion(media: Media) -> str | None:
    """Return the name of the innermost folder that names an emotion, as it is written, or None."""
    for folder in reversed(media.relative.split("/")[:-1]):
        if canonical_emotion(folder) is not None:
            return folder
    return None
