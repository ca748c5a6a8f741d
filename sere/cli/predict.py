"""``sere predict``: a long list in small portions, so that what is found is written and what is broken costs itself.

Sound on standard input is followed as it comes (:mod:`sere.cli.streaming`).
"""

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sere.cli.outcome import UsageError
from sere.cli.words import AddCommand, add_allow, add_inputs, add_listening, add_on_error, add_output, add_reject, count

if TYPE_CHECKING:
    import pandas as pd


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command(
        "predict",
        predict,
        "emotions of clips",
        "Results are written as they are found. A file that cannot be used is named on stderr and the others\n"
        "are predicted all the same; the exit code is then 1, and FILE.skipped.csv lists them beside --output FILE.\n"
        "FILE.reproduce.json says how it was made.\n"
        "Where the only input is - and WAV comes on standard input, or with --rate raw samples, a line is written for\n"
        "each window of it, as it comes: ffmpeg -i URL -f wav - | sere predict MODEL -",
    )
    added.add_argument("model", metavar="MODEL", help="what `sere fit` saved")
    add_inputs(added)
    add_output(added)
    add_allow(added, "the model")
    add_on_error(added, "skip", rows=True)
    add_reject(added)
    added.add_argument(
        "--explain",
        metavar="FILE.jsonl",
        help="also say why: an object a clip and line, with what counted, the labeled clips it is like, and when",
    )
    sound = added.add_argument_group("sound on standard input")
    sound.add_argument("--rate", type=count, metavar="HZ", help="raw samples come, so many a second")
    sound.add_argument(
        "--coding", choices=["u8", "s16", "s24", "s32", "f32", "f64"], help="of raw samples (default: s16)"
    )
    sound.add_argument("--channels", type=count, metavar="N", help="of raw samples (default: 1)")
    add_listening(sound)


def predict(arguments: argparse.Namespace) -> int:
    """Predict every clip that can be read, name the others, return 1 if there were any."""
    from sere.cli import again
    from sere.cli.inputs import load_model, read_clips
    from sere.cli.portions import predictions
    from sere.cli.problems import PLACE, Problems
    from sere.cli.streaming import predict_stream, stdin_is_sound
    from sere.cli.writers import WRITERS, opened

    from_stdin = stdin_is_sound(arguments)
    if from_stdin and arguments.format not in ("table", "csv", "json"):
        raise UsageError(f"--format {arguments.format} is for clips in files; of sound that comes use csv or json")
    if from_stdin and arguments.explain:
        raise UsageError("--explain is for clips, and standard input holds sound that is followed as it comes")
    if from_stdin and arguments.reject_below is not None:
        raise UsageError("--reject-below is for clips; of sound that comes every window's probabilities are written")
    model = load_model(arguments.model, arguments.allow)
    if from_stdin:
        return predict_stream(model, arguments)
    if arguments.explain and not hasattr(model, "explain"):
        raise UsageError(f"--explain needs a SEREClassifier, and {arguments.model} holds a {type(model).__name__}")
    problems = Problems("predict", arguments.on_error)
    clips = read_clips(arguments.inputs, problems)
    n_given = len(clips) + len(problems.found)
    shown = clips.drop(columns=PLACE)
    try:
        with (
            opened(arguments.output) as stream,
            WRITERS[arguments.format](stream, model.classes_, shown, arguments.reject_below) as writer,
            nullcontext() if arguments.explain is None else opened(arguments.explain) as reasons,
        ):
            for asked, rows, probabilities in predictions(model, clips, problems, arguments.quiet):
                answers = dict(zip(rows, probabilities))
                for row in asked if arguments.on_error == "nan" else rows:
                    writer.write(shown.iloc[row].dropna().to_dict(), answers.get(row))
                if reasons is not None and rows:
                    explain(model, clips, rows, reasons)
                stream.flush()
        if arguments.output:
            again.keep(arguments, Path(arguments.output), {"model": arguments.model, "clips": shown})
    finally:
        if arguments.output:
            problems.keep(Path(arguments.output))
    if problems.found:
        print(f"sere predict: {len(problems.found)} of {n_given} clips could not be used", file=sys.stderr)
    return 1 if problems.found else 0


def explain(model: Any, clips: "pd.DataFrame", rows: list[int], stream: TextIO) -> None:
    """Write why some clips got their emotion, a line each."""
    from sere.cli.inputs import KNOWN

    few = clips.iloc[rows][[name for name in KNOWN if name in clips]].reset_index(drop=True)
    for path, found in zip(few["path"], model.explain(few), strict=True):
        stream.write(json.dumps({"path": str(path), **found.to_dict()}) + "\n")
    stream.flush()
