"""``sere timeline``: the emotions of long recordings over time, in the formats of other programs."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sere.cli.outcome import UsageError
from sere.cli.words import AddCommand, add_allow, add_listening, add_on_error, listening_of

if TYPE_CHECKING:
    import pandas as pd

    from sere.cli.problems import Problems

_FORMATS = ("table", "csv", "json", "audacity", "textgrid", "rttm", "vtt", "audformat")
_SHOWN = ("start", "end", "emotion", "probability")


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command(
        "timeline",
        timeline,
        "emotions of long recordings over time",
        "Speech is found, listened to in overlapping windows, and their answers are smoothed. Without --model\n"
        "experience of other languages answers, and the recording itself says how its language, room and voice sound.\n"
        "The formats audacity, textgrid and vtt hold one recording a file: of several, --output names a folder. A\n"
        "file that cannot be used is named on stderr; the exit code is then 1, and FILE.skipped.csv lists them beside\n"
        "--output FILE. FILE.reproduce.json says how it was made.",
    )
    added.add_argument(
        "inputs",
        metavar="FILE|DIR|CSV|-",
        nargs="+",
        help="recordings, folders or lists of them (whose speaker and language the model is told), or - for paths from "
        "stdin, one a line",
    )
    added.add_argument("--model", metavar="MODEL", help="what `sere fit` saved (default: experience alone)")
    added.add_argument(
        "--emotions",
        metavar="NAME,NAME",
        help="without a model: what to choose among, in your own words (default: anger,fear,happiness,neutral,sadness)",
    )
    added.add_argument(
        "--encoder", metavar="NAME", help="without a model: one with experience (default: speech-emotion)"
    )
    add_listening(added)
    added.add_argument("--gaps", action="store_true", help="list stretches without speech, too")
    added.add_argument("-f", "--format", choices=_FORMATS, default="table", help="output (default: %(default)s)")
    added.add_argument("-o", "--output", metavar="FILE|DIR", help="write here instead of to the terminal")
    add_allow(added, "the model or encoder")
    add_on_error(added, "skip")


def timeline(arguments: argparse.Namespace) -> int:
    """Draw the timeline of every recording that can be read, name the others, return 1 if there were any."""
    from sere.cli import again
    from sere.cli.inputs import read_clips
    from sere.cli.problems import Problems

    if arguments.model and (arguments.emotions or arguments.encoder):
        raise UsageError("--model knows its emotions and its encoder; leave --emotions and --encoder out")
    problems = Problems("timeline", arguments.on_error)
    recordings = read_clips(arguments.inputs, problems)
    n_given = len(recordings) + len(problems.found)
    if {"start", "end"} & set(recordings):
        raise UsageError("a timeline is of whole recordings; `sere label` and `sere predict` take lists of segments")
    if not arguments.model and {"speaker", "language"} & set(recordings):
        recordings = recordings.drop(columns=["speaker", "language"], errors="ignore")
    places = _Places(arguments.output, arguments.format, list(recordings["path"]))
    recordings = _usable(recordings, problems)
    draw = _by_model(arguments) if arguments.model else _by_experience(arguments)
    try:
        with places:
            for path, table in _drawn(recordings, draw, problems):
                places.add(path, table)
                if not arguments.quiet:
                    print(f"sere timeline: {path}: {_summary(table)}", file=sys.stderr)
        if arguments.output:
            used = {"model": arguments.model, "recordings": recordings}
            again.keep(arguments, Path(arguments.output), used)
    finally:
        if arguments.output:
            problems.keep(Path(arguments.output))
    if problems.found:
        print(f"sere timeline: {len(problems.found)} of {n_given} recordings could not be used", file=sys.stderr)
    return 1 if problems.found else 0


def _by_model(arguments: argparse.Namespace) -> Callable[..., Any]:
    """Return what draws a timeline, given a path and what is known of who speaks."""
    from sere.cli.inputs import load_model

    model = load_model(arguments.model, arguments.allow)
    model.encoder_.verbose = 0 if arguments.quiet else 1
    options = listening_of(arguments) | {"gaps": arguments.gaps}
    return lambda path, **known: model.timeline(path, **options, **known)


def _by_experience(arguments: argparse.Namespace) -> Callable[..., Any]:
    import sere
    from sere.cli.inputs import load_encoder

    options = listening_of(arguments) | {"gaps": arguments.gaps, "verbose": 0 if arguments.quiet else 1}
    if arguments.emotions:
        options["emotions"] = [word.strip() for word in arguments.emotions.split(",")]
    if arguments.encoder:
        options["encoder"] = load_encoder(arguments.encoder, arguments.allow)
    return lambda path: sere.timeline(path, **options)


def _usable(recordings: "pd.DataFrame", problems: "Problems") -> "pd.DataFrame":
    """Return the recordings that can be used as far as their headers tell, which is before any long work."""
    from sere.audio import check_file
    from sere.cli.problems import PLACE

    wrong = [check_file(path) for path in recordings["path"]]
    for place, path, reason in zip(recordings[PLACE], recordings["path"], wrong):
        if reason:
            problems.add(place, path, reason)
    return recordings[[reason is None for reason in wrong]]


def _drawn(
    recordings: "pd.DataFrame", draw: Callable[..., Any], problems: "Problems"
) -> Iterator[tuple[str, "pd.DataFrame"]]:
    """Yield each recording's path and timeline."""
    from sere.audio import AudioError
    from sere.cli.problems import PLACE

    for row in recordings.drop(columns=PLACE).to_dict("records"):
        path = row.pop("path")
        known = {str(name): value for name, value in row.items() if isinstance(value, str)}
        try:
            table = draw(path, **known)
        except AudioError as error:
            problems.add(recordings[PLACE][recordings["path"] == path].iloc[0], path, str(error))
            continue
        table.attrs["recording"] = path  # as it was given
        yield path, table


class _Places:
    """Where timelines go: to one stream, or each to a file of its own."""

    def __init__(self, output: str | None, form: str, paths: list[str]):
        from sere.recordings.formats import FORMATS

        self.writer: Any = FORMATS.get(form, _Table)
        self.output = output
        self.folder: Path | None = None
        together = self.writer.several or len(paths) < 2
        if output is None:
            if not together:
                raise UsageError(f"--format {form} holds one recording a file; of several, --output names a folder")
            return
        target = Path(output)
        if target.is_dir() or not together:
            self.folder = target
            if target.exists() and not target.is_dir():
                raise UsageError(f"--output {output} is a file; several recordings in --format {form} need a folder")
            twice = [name for name, n in Counter(Path(path).stem for path in paths).items() if n > 1]
            if twice:
                raise UsageError(f"--output {output}: {twice[0]}{self.writer.ending} would be written twice")
        if not target.absolute().parent.is_dir():
            raise UsageError(f"--output {output}: there is no folder {target.absolute().parent}")

    def __enter__(self) -> "_Places":
        from sere.cli.writers import opened

        self.stack = ExitStack()
        if self.folder is not None:
            self.folder.mkdir(exist_ok=True)
        else:
            self.stream = self.stack.enter_context(opened(self.output))
            self.open = self.stack.enter_context(self.writer(self.stream))
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def add(self, path: str, table: "pd.DataFrame") -> None:
        """Write one timeline, so that what is done is there whatever comes."""
        from sere.cli.writers import opened

        if self.folder is None:
            self.open.add(table)
            self.stream.flush()
            return
        file = self.folder / f"{Path(path).stem}{self.writer.ending}"
        with opened(str(file)) as stream, self.writer(stream) as writer:
            writer.add(table)


class _Table:
    """Times, emotion and its probability for people, under the recording's path."""

    several, ending = True, ".txt"

    def __init__(self, stream: Any):
        self.stream = stream

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def add(self, table: "pd.DataFrame") -> None:
        """Write a line a segment."""
        print(table.attrs["recording"], file=self.stream)
        width = max([len(str(emotion)) for emotion in table["emotion"]], default=0)
        for start, end, emotion, share in zip(*(table[name].tolist() for name in _SHOWN)):
            known = "-" if emotion is None else f"{emotion!s:<{width}}  {100 * share:5.1f} %"
            print(f"  {_clock(start)} - {_clock(end)}  {known}", file=self.stream)


def _clock(seconds: float) -> str:
    """Return a time as people write it: hours, minutes, seconds and tenths."""
    tenths = round(seconds * 10)
    return f"{tenths // 36000:d}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def _summary(table: "pd.DataFrame") -> str:
    spoken = table[[emotion is not None for emotion in table["emotion"]]]
    found = "all of it taken for speech"
    if table.attrs["detector"] is not None:
        speech = float((spoken["end"] - spoken["start"]).sum())
        found = f"{speech / 60:.1f} min of speech, found by the detector {table.attrs['detector']!r}"
    return f"{table.attrs['seconds'] / 60:.1f} min, {found}; {len(spoken)} segments"
