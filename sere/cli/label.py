"""``sere label``: emotions of clips without a single label, or with the few there are."""

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sere.cli.outcome import UsageError
from sere.cli.words import AddCommand, add_allow, add_inputs, add_on_error, add_output, add_reject

if TYPE_CHECKING:
    import pandas as pd

    from sere.cli.problems import Problems

#: Of the model that is fitted where there are labels.
SEED = 0


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command(
        "label",
        label,
        "emotions of clips without a single label",
        "What is known of emotions comes from labeled speech of other languages, what is known of these voices and\n"
        "this room from the clips themselves: give all that were recorded alike together. With a few labels, as\n"
        "`sere fit` takes them, a model is fitted on these first. A file that cannot be used is named on stderr; the\n"
        "exit code is then 1, and FILE.skipped.csv lists them beside --output FILE. FILE.reproduce.json says how\n"
        "it was made.",
    )
    add_inputs(added)
    added.add_argument(
        "--emotions",
        metavar="NAME,NAME",
        help="what to choose among, in your own words (default: anger,fear,happiness,neutral,sadness)",
    )
    added.add_argument("--labels", metavar="CSV", help="a few labeled clips, with the columns path and emotion")
    added.add_argument(
        "--encoder", metavar="NAME", default="speech-emotion", help="one with experience (default: %(default)s)"
    )
    add_output(added)
    add_allow(added, "the encoder's file")
    add_on_error(added, "skip")
    add_reject(added)


def label(arguments: argparse.Namespace) -> int:
    """Label every clip that can be read, name the others, return 1 if there were any."""
    from sere.cli import again
    from sere.cli.inputs import read_clips
    from sere.cli.problems import PLACE, Problems
    from sere.cli.writers import WRITERS, opened
    from sere.labeling import Labeled

    if arguments.labels and arguments.emotions:
        raise UsageError("--labels says which emotions there are; leave --emotions out")
    if arguments.output and not Path(arguments.output).absolute().parent.is_dir():
        raise UsageError(f"--output {arguments.output}: there is no folder {Path(arguments.output).absolute().parent}")
    problems = Problems("label", arguments.on_error)
    clips = read_clips(arguments.inputs, problems)
    n_given = len(clips) + len(problems.found)
    given = clips.drop(columns=PLACE)
    found: Labeled | None = None
    try:
        if len(clips):
            found = (_by_labels if arguments.labels else _by_experience)(clips, arguments, problems)
            write = WRITERS[arguments.format]
            with (
                opened(arguments.output) as stream,
                write(stream, found.words, given, arguments.reject_below) as writer,
            ):
                for row, shares in zip(found.rows, found.probabilities):
                    writer.write(given.iloc[row].dropna().to_dict(), shares)
            if arguments.output:
                encoder = arguments.encoder if arguments.encoder.endswith(".npz") else None
                used = {"labels": arguments.labels, "clips": given, "encoder": encoder}
                again.keep(arguments, Path(arguments.output), used, seed=SEED)
    finally:
        if arguments.output:
            problems.keep(Path(arguments.output))
    if found is not None and not arguments.quiet:
        print(f"sere label: {found.sureness}", file=sys.stderr)
    if problems.found:
        print(f"sere label: {len(problems.found)} of {n_given} clips could not be used", file=sys.stderr)
    return 1 if problems.found else 0


def _by_experience(clips: "pd.DataFrame", arguments: argparse.Namespace, problems: "Problems") -> Any:
    from sere.audio import AudioError
    from sere.cli.inputs import visible
    from sere.cli.problems import PLACE, in_own_words, rows_unnamed
    from sere.labeling import label_clips

    words = None if arguments.emotions is None else [word.strip() for word in arguments.emotions.split(",")]
    with rows_unnamed():
        try:
            found = label_clips(visible(clips), words, on_error=problems.on_error, **_settings(arguments))
        except AudioError as error:
            raise in_own_words(error, {"X": clips}) from error
    for record in found.skipped:
        problems.add(clips[PLACE].iloc[record["row"]], record["path"], record["reason"])
    return found


def _by_labels(clips: "pd.DataFrame", arguments: argparse.Namespace, problems: "Problems") -> Any:
    """Fit on the labels with the clips as target pool, and predict all of them."""
    import numpy as np

    import sere
    from sere.cli.fit import fit_pools
    from sere.cli.inputs import identities, read_labeled
    from sere.cli.portions import predictions
    from sere.labeling import Labeled

    labeled = read_labeled(arguments.labels)
    spans = sorted({"start", "end"} & set(labeled) & set(clips))
    taken = set(identities(labeled, spans))
    others = np.array([identity not in taken for identity in identities(clips, spans)])
    if not others.any():
        raise ValueError(f"every clip is in {arguments.labels}; give others to label")
    pool = clips[others].reset_index(drop=True)
    model = sere.SEREClassifier(on_error=problems.on_error, random_state=SEED, **_settings(arguments))
    with redirect_stdout(sys.stderr):  # what fit says on the way is no result
        fit_pools(model, {"X": labeled, "X_unlabeled_src": None, "X_unlabeled_tgt": pool}, problems)
    unusable = [record["row"] for record in model.skipped_ if record["where"] == "X_unlabeled_tgt"]
    asked = np.setdiff1d(np.arange(len(clips)), np.flatnonzero(others)[unusable])
    rows, shares = [], []
    for _, own, probabilities in predictions(model, clips.iloc[asked], problems, arguments.quiet):
        rows.append(asked[own])
        shares.append(probabilities)
    words = [str(name) for name in model.classes_]
    return Labeled(words, np.concatenate(rows), list(clips["path"]), np.concatenate(shares), [])


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    from sere.cli.inputs import load_encoder

    return {
        "encoder": load_encoder(arguments.encoder, arguments.allow),
        "verbose": 0 if arguments.quiet else 1,
    }
