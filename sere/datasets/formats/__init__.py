"""Manifests of other projects, which say what is in files of sound wherever these lie.

Each is recognised by what it holds. A reader returns rows (:mod:`sere.datasets.formats.rows`) whose labels are as they
are written there.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sere.datasets.formats.audformat import is_audformat, read_audformat
from sere.datasets.formats.audiofolder import is_audio_folder, read_audio_folder
from sere.datasets.formats.emobox import is_emobox, read_emobox
from sere.datasets.formats.kaldi import EMOTIONS, is_kaldi, read_kaldi
from sere.datasets.formats.lhotse import is_lhotse, read_lhotse
from sere.datasets.formats.nkululeko import is_nkululeko, read_nkululeko
from sere.datasets.formats.objects import JSON_ENDINGS
from sere.datasets.formats.rows import EMOTION_NAMES, Format, as_frame

#: Endings of files that are manifests, beside lists.
MANIFEST_ENDINGS = (*JSON_ENDINGS, ".ini")

#: By name, in the order in which a folder or file is looked at.
FORMATS: dict[str, Format] = {
    "audformat": Format(
        "an audformat database", is_audformat, read_audformat, "Pass the file of the table that holds the emotions."
    ),
    "nkululeko": Format("an nkululeko experiment", is_nkululeko, read_nkululeko, "The column `target` is empty."),
    "kaldi": Format(
        "a Kaldi data folder", is_kaldi, read_kaldi, f"They are read from {', '.join(EMOTIONS)} beside wav.scp."
    ),
    "emobox": Format("EmoBox's metadata", is_emobox, read_emobox, "They are read from 'emo'."),
    "lhotse": Format(
        "lhotse's manifests",
        is_lhotse,
        read_lhotse,
        f"They are read from 'custom' of supervisions and cuts: {', '.join(EMOTION_NAMES)}.",
    ),
    "audiofolder": Format(
        "a Hugging Face audio folder", is_audio_folder, read_audio_folder, f"A column names them: {EMOTION_NAMES[0]}."
    ),
}


def recognise_format(place: Path) -> str | None:
    """Return the name of the format of a file or folder, or None."""
    return next((name for name, form in FORMATS.items() if form.is_one(place)), None)


def read_format(
    place: Path,
    name: str,
    emotions: Mapping[str, str | None] | None = None,
    *,
    labeled: bool = True,
    present: bool = True,
) -> pd.DataFrame:
    """Read a manifest.

    Parameters
    ----------
    place : Path
    name : str
        One of :data:`FORMATS`.
    emotions : mapping, optional
        As for :func:`~sere.datasets.load_corpus`.
    labeled : bool, default=True
        Leave out clips without an emotion.
    present : bool, default=True
        Insist that files are there.

    Returns
    -------
    DataFrame
        The columns of :func:`~sere.datasets.load_corpus` and ``where``, which names the file and line of each; as far
        as the format has them ``start``, ``end``, ``id`` and ``split``.
    """
    form = FORMATS[name]
    if not form.is_one(place):
        raise ValueError(f"{place} is not {form.title}. {form.hint}")
    return as_frame(form.read(place), place, form, emotions, labeled=labeled, present=present)
