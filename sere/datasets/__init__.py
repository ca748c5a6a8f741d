"""Corpora of emotional speech, few-shot tasks made from them, and synthetic voices.

Everything is a :class:`pandas.DataFrame` with one row a clip, so that a task is sliced, filtered
and joined with the tools a user already knows:

=============  ==================================================================================
``path``       where the clip is (``audio``, a waveform at 16 kHz, for synthetic voices)
``emotion``    one of :data:`EMOTIONS` in a known corpus; in folders and lists of your own, your label
``speaker``    a string that is unique across corpora, such as ``"emodb-03"``; missing where unknown
``language``   ISO 639-1 code, such as ``"de"``
``text``       which sentence is spoken; the same string is the same sentence; missing where unknown
``corpus``     the corpus's short name, such as ``"emodb"``
=============  ==================================================================================
"""

from sere.datasets import foldered, named, tabled  # noqa: F401 - importing them fills CORPORA
from sere.datasets.emotions import EMOTIONS
from sere.datasets.few_shot import FewShotTask
from sere.datasets.loading import find_corpora, load_corpus
from sere.datasets.registry import CORPORA, Corpus, register_corpus
from sere.datasets.shifts import SHIFTS, make_shifted_task, shifted_clips
from sere.datasets.tasks import make_task, skew_target
from sere.datasets.voices import make_voices

__all__ = [
    "CORPORA",
    "EMOTIONS",
    "SHIFTS",
    "Corpus",
    "FewShotTask",
    "find_corpora",
    "load_corpus",
    "make_shifted_task",
    "make_task",
    "make_voices",
    "register_corpus",
    "shifted_clips",
    "skew_target",
]
