"""``sere predict``: a long list in small portions, so that what is found is written and what is broken costs itself."""

import argparse
import sys
from pathlib import Path

from sere.cli.words import AddCommand, add_allow, add_inputs, add_on_error, add_output


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command(
        "predict",
        predict,
        "emotions of clips",
        "Results are written as they are found. A file that cannot be used is named on stderr and the others\n"
        "are predicted all the same; the exit code is then 1, and FILE.skipped.csv lists them beside --output FILE.",
    )
    added.add_argument("model", metavar="MODEL", help="what `sere fit` saved")
    add_inputs(added)
    add_output(added)
    add_allow(added, "the model")
    add_on_error(added, "skip")


def predict(arguments: argparse.Namespace) -> int:
    """Predict every clip that can be read, name the others, return 1 if there were any."""
    from sere.cli.inputs import load_model, read_clips
    from sere.cli.portions import predictions
    from sere.cli.problems import PLACE, Problems
    from sere.cli.writers import WRITERS, opened

    model = load_model(arguments.model, arguments.allow)
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
