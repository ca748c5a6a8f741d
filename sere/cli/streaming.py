"""``sere predict MODEL -`` with sound on standard input: a line a window, as it comes."""

import argparse
import sys
from collections.abc import Hashable
from typing import Any, BinaryIO

from sere.cli.outcome import UsageError
from sere.cli.words import listening_of

_ALONE = ("rate", "coding", "channels", "window", "overlap", "stay", "detector")


def stdin_is_sound(arguments: argparse.Namespace) -> bool:
    """Whether the one input is standard input, and sound comes there: raw, since a rate is given, or WAV.

    Raises
    ------
    UsageError
        Options of sound that comes, and none can.
    """
    from sere.recordings.streams import WAV

    asked = [name for name in _ALONE if getattr(arguments, name) is not None]
    if arguments.inputs != ["-"]:
        if asked:
            raise UsageError(f"--{asked[0]} is for sound on standard input (-) alone; `sere timeline` takes files")
        return False
    if arguments.rate is not None:
        return True
    raw = getattr(sys.stdin, "buffer", None)
    if raw is not None and raw.peek(4)[:4] in WAV:
        if arguments.coding or arguments.channels:
            raise UsageError("a WAV says its own coding and channels; leave --coding and --channels out")
        return True
    if asked:
        raise UsageError(f"--{asked[0]}: standard input is no WAV; of raw samples --rate says how many are a second")
    return False


def predict_stream(model: Any, arguments: argparse.Namespace) -> int:
    """Write what the model says of each window of standard input, at once."""
    import pandas as pd

    from sere.cli.writers import WRITERS, opened
    from sere.recordings.streams import Sound, read_header, samples

    stream: BinaryIO = sys.stdin.buffer
    if arguments.rate is None:
        sound = read_header(stream)
    else:
        sound = Sound(arguments.rate, arguments.channels or 1, arguments.coding or "s16")
    shown = pd.DataFrame(columns=["path", "start", "end"])
    with opened(arguments.output) as out, WRITERS[arguments.format](out, model.classes_, shown) as writer:
        for moment in model.follow(samples(stream, sound), sound.rate, **listening_of(arguments)):
            clip: dict[Hashable, Any] = {"path": "-", "start": round(moment.start, 3), "end": round(moment.end, 3)}
            writer.write(clip, moment.probabilities)
            out.flush()
    return 0
