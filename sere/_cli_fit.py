"""``sere demo`` and ``sere fit``."""

import argparse
from pathlib import Path
from typing import Any

from sere._cli_inputs import read_labeled, read_pool, visible
from sere.cli import UsageError


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
    labeled = read_labeled(arguments.labels)
    source, target = (read_pool(place, labeled) for place in (arguments.source, arguments.target))
    model = sere.SEREClassifier(**_settings(arguments))
    model.fit(
        visible(labeled),
        labeled["emotion"].to_numpy(dtype=str),
        X_unlabeled_src=None if source is None else (source,),
        X_unlabeled_tgt=None if target is None else (target,),
    )
    sere.save(model, out)
    if not arguments.quiet:
        pools = " + ".join(str(0 if pool is None else len(pool)) for pool in (source, target))
        print(
            f"{out}: {len(model.classes_)} emotions ({', '.join(map(str, model.classes_))}) "
            f"from {len(labeled)} labeled and {pools} unlabeled clips"
        )
    return 0


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the classifier's parameters that the command line sets."""
    given = {
        "encoder": arguments.encoder,
        "epochs": arguments.epochs,
        "source_language": arguments.source_language,
        "target_language": arguments.target_language,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    if arguments.allow and str(arguments.encoder).endswith(".npz"):
        from sere.encoders import EmotionEncoder

        settings["encoder"] = EmotionEncoder.load(arguments.encoder, allow=arguments.allow)
    return settings | {"random_state": arguments.seed, "verbose": 0 if arguments.quiet else 1}
