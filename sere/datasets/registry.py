"""What is known about each corpus: how its files are named and what the names mean.

A corpus is described, not programmed: a regular expression over the end of a file's path tells
speaker, emotion and sentence, and a table tells what the emotion codes mean. The file's ending
plays no part, so a corpus converted to FLAC or MP3 is still recognised, and neither does
what lies above the part that is described, so a corpus is found at any depth. The descriptions
themselves are in :mod:`sere.datasets.named` (the file name tells all),
:mod:`sere.datasets.foldered` (folders tell part of it) and :mod:`sere.datasets.tabled` (labels
stand in tables beside the audio). To add a corpus, add an entry there, or call
:func:`register_corpus`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Fields = dict[str, str | None]
Table = Mapping[str, Fields]


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """How one corpus is laid out.

    Parameters
    ----------
    name : str
        Short name: lower case, no spaces. It is what `load_corpus(corpus=...)` takes and it
        starts the names of the speakers.
    title : str
        The name people use.
    language : str
        ISO 639-1 code.
    layout : str
        One example path, for people.
    pattern : str
        Regular expression for the end of a path without its ending, ``/`` between folders,
        matched without case. Named groups: ``emotion`` and ``speaker`` (both needed, unless
        `refine` supplies them), ``text``, ``language``, and ``clip``, which names what is the
        same recording in every format (the file name, when there is no such group).
    emotions : mapping of str to str or None
        Emotion code to canonical name; None: no usable label.
    clips : int
        Size of the full distribution.
    license : str
        What its distributors allow, in a few words.
    left_out : mapping of str to str
        Regular expression for the end of a path, as for `pattern`, and why such files are left
        out.
    tables : callable, optional
        Reads label tables below the corpus folder, given that folder.
    refine : callable, optional
        Given the groups of the pattern and the tables, returns the groups completed, or None for
        a clip that the tables do not list.

    Examples
    --------
    >>> from sere.datasets import Corpus
    >>> corpus = Corpus(
    ...     name="mine",
    ...     title="My recordings",
    ...     language="eu",
    ...     layout="ane_pozik_01.wav",
    ...     pattern=r"(?P<speaker>[a-z]+)_(?P<emotion>pozik|triste)_(?P<text>\\d+)",
    ...     emotions={"pozik": "happiness", "triste": "sadness"},
    ...     clips=40,
    ...     license="ours",
    ... )
    """

    name: str
    title: str
    language: str
    layout: str
    pattern: str
    emotions: Mapping[str, str | None]
    clips: int
    license: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    tables: Callable[[Path], Table] | None = None
    refine: Callable[[Fields, Table], Fields | None] | None = None

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(rf"(?:.*?/)??(?:{self.pattern})", re.IGNORECASE)

    def match(self, stem_path: str) -> Fields | None:
        """Return the named groups of a path without its ending, or None if it is not ours."""
        found = self._regex.fullmatch(stem_path)
        return found.groupdict() if found else None

    def why_left_out(self, stem_path: str) -> str | None:
        """Return why a file is left out, or None when it is not."""
        for pattern, reason in self.left_out.items():
            if re.fullmatch(rf"(?:.*/)?(?:{pattern})", stem_path, re.IGNORECASE):
                return reason
        return None


#: Every known corpus by its short name.
CORPORA: dict[str, Corpus] = {}


def register_corpus(corpus: Corpus) -> None:
    """Make a corpus known to :func:`load_corpus` and :func:`find_corpora`.

    Parameters
    ----------
    corpus : Corpus
        Replaces an earlier one of the same name.

    Raises
    ------
    ValueError
        If the name is not lower case letters, digits and ``_``, or the pattern cannot tell
        speaker and emotion.

    Examples
    --------
    >>> from sere.datasets import CORPORA, Corpus, register_corpus
    >>> register_corpus(Corpus(
    ...     name="mine", title="My recordings", language="eu", layout="ane_pozik_01.wav",
    ...     pattern=r"(?P<speaker>[a-z]+)_(?P<emotion>pozik|triste)_(?P<text>\\d+)",
    ...     emotions={"pozik": "happiness", "triste": "sadness"}, clips=40, license="ours"))
    >>> CORPORA.pop("mine").match("recordings/ane_pozik_01")
    {'speaker': 'ane', 'emotion': 'pozik', 'text': '01'}
    """
    if not re.fullmatch(r"[a-z0-9_]+", corpus.name):
        raise ValueError(f"corpus name {corpus.name!r}: use lower case letters, digits and '_' only.")
    missing = {"speaker", "emotion"} - set(re.compile(corpus.pattern).groupindex)
    if missing and corpus.refine is None:
        raise ValueError(
            f"corpus {corpus.name!r}: its pattern has no group named "
            f"{' and '.join(sorted(missing))}; "
            "add (?P<speaker>...) and (?P<emotion>...), or a refine function that supplies them."
        )
    CORPORA[corpus.name] = corpus
