"""Recordings of any length: where speech is, the windows that are listened to, and how answers become a timeline.

:func:`sere.timeline` and the classifiers' ``timeline`` put together what is here: a detector of speech
(:mod:`sere.recordings.detectors`), windows over the speech (:mod:`sere.recordings.windows`), answers smoothed into
segments (:mod:`sere.recordings.smoothing`), and the formats in which other programs read them
(:mod:`sere.recordings.formats`). Times inside are samples at 16 kHz, and seconds in what users get.
"""

from sere.recordings.formats import FORMATS, write_timeline

__all__ = ["FORMATS", "write_timeline"]
