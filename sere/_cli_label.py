"""``sere label``: emotions of clips without a single label, or with the few there are."""

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sere._cli_fit import fit_pools
from sere._cli_inputs import identities, read_clips, read_labeled, visible
from sere._cli_predict import WRITERS, opened, predictions
from sere._cli_problems import PLACE, Problems, in_own_words, rows_unnamed
from sere.audio import AudioError
from sere.cli import UsageError


def label(arguments: argparse.Namespace) -> int:
    """Label every clip that can be read, name the others, return 1 if there were any."""
    from sere._label import Labeled

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
            with opened(arguments.output) as stream, WRITERS[arguments.format](stream, found.words, given) as writer:
                for row, shares in zip(found.rows, found.probabilities):
                    writer.write(given.iloc[row].dropna().to_dict(), shares)
    finally:
        if arguments.output:
            problems.keep(Path(arguments.output))
    if found is not None and not arguments.quiet:
        print(f"sere label: {found.sureness}", file=sys.stderr)
    if problems.found:
        print(f"sere label: {len(problems.found)} of {n_given} clips could not be used", file=sys.stderr)
    return 1 if problems.found else 0


def _by_experience(clips: pd.DataFrame, arguments: argparse.Namespace, problems: Problems) -> Any:
    from sere._label import label_clips

    words = None if arguments.emotions is None else [word.strip() for word in arguments.emotions.split(",")]
    with rows_unnamed():
        try:
            found = label_clips(visible(clips), words, on_error=problems.on_error, **_settings(arguments))
        except AudioError as error:
            raise in_own_words(error, {"X": clips}) from error
    for record in found.skipped:
        problems.add(clips[PLACE].iloc[record["row"]], record["path"], record["reason"])
    return found


def _by_labels(clips: pd.DataFrame, arguments: argparse.Namespace, problems: Problems) -> Any:
    """Fit on the labels with the clips as target pool, and predict all of them."""
    import sere
    from sere._label import Labeled

    labeled = read_labeled(arguments.labels)
    spans = sorted({"start", "end"} & set(labeled) & set(clips))
    taken = set(identities(labeled, spans))
    others = np.array([identity not in taken for identity in identities(clips, spans)])
    if not others.any():
        raise ValueError(f"every clip is in {arguments.labels}; give others to label")
    pool = clips[others].reset_index(drop=True)
    model = sere.SEREClassifier(on_error=problems.on_error, random_state=0, **_settings(arguments))
    with redirect_stdout(sys.stderr):  # what fit says on the way is no result
        fit_pools(model, {"X": labeled, "X_unlabeled_src": None, "X_unlabeled_tgt": pool}, problems)
    unusable = [record["row"] for record in model.skipped_ if record["where"] == "X_unlabeled_tgt"]
    asked = np.setdiff1d(np.arange(len(clips)), np.flatnonzero(others)[unusable])
    rows, shares = [], []
    for own, probabilities in predictions(model, clips.iloc[asked], problems, arguments.quiet):
        rows.append(asked[own])
        shares.append(probabilities)
    words = [str(name) for name in model.classes_]
    return Labeled(words, np.concatenate(rows), list(clips["path"]), np.concatenate(shares), [])


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    settings: dict[str, Any] = {"encoder": arguments.encoder}
    if arguments.allow and str(arguments.encoder).endswith(".npz"):
        from sere.encoders import EmotionEncoder

        settings["encoder"] = EmotionEncoder.load(arguments.encoder, allow=arguments.allow)
    return settings | {"verbose": 0 if arguments.quiet else 1}
