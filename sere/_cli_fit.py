"""``sere demo`` and ``sere fit``."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from sere._cli_inputs import read_labeled, read_pool, visible
from sere._cli_problems import PLACE, Problems, in_own_words, rows_unnamed
from sere.audio import AudioError
from sere.cli import Stop, UsageError


def demo(arguments: argparse.Namespace) -> int:
    """Run the demonstration."""
    from sere.evaluation import demo as run

    run(
        arguments.corpora,
        figure=arguments.figure,
        shots=arguments.shots,
        random_state=arguments.seed,
        experience=arguments.experience,
        verbose=0 if arguments.quiet else 1,
    )
    return 0


def fit(arguments: argparse.Namespace) -> int:
    """Fit on the labeled list and the pools, save the model."""
    import sere

    out = Path(arguments.out)
    if not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.absolute().parent}")
    problems = Problems("fit", arguments.on_error)
    labeled = read_labeled(arguments.labels)
    source, target = (read_pool(place, labeled, problems) for place in (arguments.source, arguments.target))
    model = sere.SEREClassifier(**_settings(arguments))
    inputs = {"X": labeled, "X_unlabeled_src": source, "X_unlabeled_tgt": target}
    left_out = fit_pools(model, inputs, problems)
    stop: Stop = arguments.stop
    if stop.signal is not None and not arguments.keep_interrupted:
        raise KeyboardInterrupt
    sere.save(model, out)
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


def fit_pools(model: Any, inputs: dict[str, pd.DataFrame | None], problems: Problems) -> Counter[str]:
    """Fit the model, name clips that cannot be used as the user's lists do, count those left out of each input."""
    labeled, source, target = inputs.values()
    assert labeled is not None
    with rows_unnamed():
        try:
            model.fit(
                visible(labeled),
                labeled["emotion"].to_numpy(dtype=str),
                X_unlabeled_src=None if source is None else (visible(source),),
                X_unlabeled_tgt=None if target is None else (visible(target),),
            )
        except AudioError as error:
            raise in_own_words(error, inputs) from error
    for record in model.skipped_:
        table = inputs[record["where"]]
        assert table is not None
        problems.add(table[PLACE].iloc[record["row"]], record["path"], record["reason"])
    return Counter(record["where"] for record in model.skipped_)


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the classifier's parameters that the command line sets."""
    given = {
        "encoder": arguments.encoder,
        "epochs": arguments.epochs,
        "on_error": arguments.on_error,
        "source_language": arguments.source_language,
        "target_language": arguments.target_language,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    if arguments.keep_interrupted:
        settings["on_interrupt"] = "keep"
    if arguments.allow and str(arguments.encoder).endswith(".npz"):
        from sere.encoders import EmotionEncoder

        settings["encoder"] = EmotionEncoder.load(arguments.encoder, allow=arguments.allow)
    return settings | {"random_state": arguments.seed, "verbose": 0 if arguments.quiet else 1}
