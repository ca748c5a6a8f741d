"""``sere predict``: a long list in small portions, so that what is found is written and what is broken costs itself.

Sound on standard input is followed as it comes (:mod:`sere.cli.streaming`).
"""

import argparse
import sys
from pathlib import Path

from sere.cli.words import AddCommand, add_allow, add_inputs, add_listening, add_on_error, add_output, count


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command(
        "predict",
        predict,
        "emotions of clips",
        "Results are written as they are found. A file that cannot be used is named on stderr and the others\n"
        "are predicted all the same; the exit code is then 1, and FILE.skipped.csv lists them beside --output FILE.\n"
        "Where the only input is - and WAV comes on standard input, or with --rate raw samples, a line is written for\n"
        "each window of it, as it comes: ffmpeg -i URL -f wav - | sere predict MODEL -",
    )
    added.add_argument("model", metavar="MODEL", help="what `sere fit` saved")
    add_inputs(added)
    add_output(added)
    add_allow(added, "the model")
    add_on_error(added, "skip")
    sound = added.add_argument_group("sound on standard input")
    sound.add_argument("--rate", type=count, metavar="HZ", help="raw samples come, so many a second")
    sound.add_argument(
        "--coding", choices=["u8", "s16", "s24", "s32", "f32", "f64"], help="of raw samples (default: s16)"
    )
    sound.add_argument("--channels", type=count, metavar="N", help="of raw samples (default: 1)")
    add_listening(sound)


def predict(arguments: argparse.Namespace) -> int:
    """Predict every clip that can be read, name the others, return 1 if there were any."""
    from sere.cli.inputs import load_model, read_clips
    from sere.cli.portions import predictions
    from sere.cli.problems import PLACE, Problems
    from sere.cli.streaming import predict_stream, stdin_is_sound
    from sere.cli.writers import WRITERS, opened

    from_stdin = stdin_is_sound(arguments)
    model = load_model(arguments.model, arguments.allow)
    if from_stdin:
        return predict_stream(model, arguments)
    problems = Problems("predict", arguments.on_error)
    clips = read_clips(arguments.inputs, problems)
    n_given = len(clips) + len(problems.found)
    shown = clips.drop(columns=PLACE)
    try:
        with opened(arguments.output) as stream, WRITERS[arguments.format](stream, model.classes_, shown) as writer:
            for rows, probabilities in predictions(model, clips, problems, arguments.quiet):
                for row, shares in zip(rows, probabilities):
                    writer.write(shown.iloc[row].dropna().to_dict(), shares)
                stream.flush()
    finally:
        if arguments.output:
            problems.keep(Path(arguments.output))
    if problems.found:
        print(f"sere predict: {len(problems.found)} of {n_given} clips could not be used", file=sys.stderr)
    return 1 if problems.found else 0
