"""Finding the audio and video files below a folder, and telling whose they are."""

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sere.audio.sources import AUDIO_ENDINGS
from sere.datasets.emotions import canonical_emotion
from sere.datasets.registry import CORPORA, Corpus, Fields
from sere.files.folders import walk

# Formats of first choice, for clips that are there in several.
_PREFERRED = (".wav", ".flac", ".aiff", ".aif", ".aifc", ".w64", ".caf", ".au", ".snd", ".sph")
# eNTERFACE'05 has a file that lost the dot before "avi".
_ENDING = re.compile(rf"(?:(?P<ending>{'|'.join(map(re.escape, AUDIO_ENDINGS))})|(?<=\d)avi)\Z", re.IGNORECASE)

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
    def folders(self) -> list[str]:
        """Names of the folders between the root and the file."""
        return self.relative.split("/")[:-1]

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return self.stem_path.rpartition("/")[2]


def find_media(root: Path, unreadable: Callable[[OSError], object] | None = None) -> list[Media]:
    """Return the audio and video files below `root`, sorted by path; see :func:`sere.files.folders.walk`."""
    found = (_media(Path(path), root) for paths in walk(root, unreadable) for path in paths)
    return sorted((media for media in found if media is not None), key=lambda media: media.relative)


def _media(path: Path, root: Path) -> Media | None:
    found = _ENDING.search(path.name)
    if found is None or found.start() == 0:
        return None
    stem_path = Path(os.path.abspath(path.parent), path.name[: found.start()]).as_posix()
    ending = (found["ending"] or ".avi").casefold()
    rank = _PREFERRED.index(ending) if ending in _PREFERRED else len(_PREFERRED)
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
    media = [one for one in media if not set_aside(one)]
    labels = [label for label in map(folder_emotion, media) if label is not None]
    # Several corpora side by side must not pass for one folder of emotions because some have
    # such folders.
    if not counts and len(set(labels)) >= 2 and len(labels) >= _SHARE * len(media):
        return "folders", counts
    return None, counts


def folder_emotion(media: Media) -> str | None:
    """Return the name of the innermost folder that names an emotion, as it is written, or None."""
    named = (folder for folder in reversed(media.folders) if not folder.startswith("_"))
    return next((folder for folder in named if canonical_emotion(folder) is not None), None)


def set_aside(media: Media) -> bool:
    """Whether no folder names an emotion and one says that it is no label, such as ``_background_noise_``."""
    return folder_emotion(media) is None and any(folder.startswith("_") for folder in media.folders)
