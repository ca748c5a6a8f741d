"""``sere fit``: a model from a few labeled clips and unlabeled ones."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sere.cli.outcome import Stop, UsageError
from sere.cli.words import AddCommand, add_allow, add_on_error, count

if TYPE_CHECKING:
    import pandas as pd

    from sere.cli.problems import Problems


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command(
        "fit",
        fit,
        "train a model on a few labeled clips and unlabeled ones",
        "few.csv has the columns path and emotion, and if you like speaker, language, start and end (seconds).\n"
        "Clips in DIR need no labels; labels that are there are not used.\n"
        "Interrupted, it writes no model. With --on-error skip, FOLDER.skipped.csv lists what was left out, and why.\n"
        "FOLDER.reproduce.json says how the model was made.",
    )
    added.add_argument("--labels", metavar="CSV", required=True, help="the labeled clips")
    added.add_argument("--source", metavar="DIR|CSV", help="unlabeled clips of the labeled language")
    added.add_argument("--target", metavar="DIR|CSV", help="unlabeled clips of the language to recognise")
    added.add_argument("--out", metavar="FOLDER", required=True, help="where to save the model")
    added.add_argument("--license", metavar="NAME", help="licence of the model for its card, such as cc-by-4.0")
    added.add_argument("--source-language", metavar="CODE", help="ISO 639 code, such as de")
    added.add_argument("--target-language", metavar="CODE", help="ISO 639 code, such as it")
    added.add_argument(
        "--encoder", metavar="NAME", help="encoder name, checkpoint or folder (default: the embedded one)"
    )
    add_allow(added, "the encoder's file")
    added.add_argument("--epochs", type=count, metavar="N", help="training epochs")
    added.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")
    added.add_argument(
        "--keep-interrupted", action="store_true", help="when training is interrupted, save the model of the last epoch"
    )
    add_on_error(added, "raise")


def fit(arguments: argparse.Namespace) -> int:
    """Fit on the labeled list and the pools, save the model."""
    import sere
    from sere.cli import again
    from sere.cli.inputs import read_labeled, read_pool
    from sere.cli.problems import Problems
    from sere.persistence.folder import check_place

    out = Path(arguments.out)
    if not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.absolute().parent}")
    check_place(out)
    problems = Problems("fit", arguments.on_error)
    labeled = read_labeled(arguments.labels)
    source, target = (read_pool(place, labeled, problems) for place in (arguments.source, arguments.target))
    model = sere.SEREClassifier(**_settings(arguments))
    inputs = {"X": labeled, "X_unlabeled_src": source, "X_unlabeled_tgt": target}
    left_out = fit_pools(model, inputs, problems)
    stop: Stop = arguments.stop
    if stop.signal is not None and not arguments.keep_interrupted:
        raise KeyboardInterrupt
    sere.save(model, out, license=arguments.license)
    again.keep(arguments, out, {"labels": labeled, "source": source, "target": target}, seed=arguments.seed)
    problems.keep(out)
    if not arguments.quiet:
        labels, *pools = (0 if table is None else len(table) - left_out[name] for name, table in inputs.items())
        print(
            f"{out}: {len(model.classes_)} emotions ({', '.join(map(str, model.classes_))}) "
            f"from {labels} labeled and {' + '.join(map(str, pools))} unlabeled clips"
        )
    if stop.signal is not None:
        print(f"sere fit: interrupted; {out} is the model of {len(model.history_)} epochs", file=sys.stderr)
        return stop.exit_code
    return 1 if problems.found else 0


def fit_pools(model: Any, inputs: "dict[str, pd.DataFrame | None]", problems: "Problems") -> Counter[str]:
    """Fit the model, name clips that cannot be used as the user's lists do, count those left out of each input."""
    from sere.audio import AudioError
    from sere.cli.problems import PLACE, in_own_words, rows_unnamed

    labeled, source, target = inputs.values()
    assert labeled is not None
    with rows_unnamed():
        try:
            model.fit(
                _named(labeled),
                labeled["emotion"].to_numpy(dtype=str),
                X_unlabeled_src=None if source is None else (_named(source),),
                X_unlabeled_tgt=None if target is None else (_named(target),),
            )
        except AudioError as error:
            raise in_own_words(error, inputs) from error
    for record in model.skipped_:
        table = inputs[record["where"]]
        assert table is not None
        problems.add(table[PLACE].iloc[record["row"]], record["path"], record["reason"])
    return Counter(record["where"] for record in model.skipped_)


def _named(clips: "pd.DataFrame") -> "pd.DataFrame":
    """Return what a classifier may see of clips, and which corpora they come from."""
    from sere.cli.inputs import visible

    seen = visible(clips)
    return seen.assign(corpus=clips["corpus"].to_numpy()) if "corpus" in clips else seen


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the classifier's parameters that the command line sets."""
    from sere.cli.inputs import load_encoder

    given = {
        "encoder": load_encoder(arguments.encoder, arguments.allow),
        "epochs": arguments.epochs,
        "on_error": arguments.on_error,
        "source_language": arguments.source_language,
        "target_language": arguments.target_language,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    if arguments.keep_interrupted:
        settings["on_interrupt"] = "keep"
    return settings | {"random_state": arguments.seed, "verbose": 0 if arguments.quiet else 1}
