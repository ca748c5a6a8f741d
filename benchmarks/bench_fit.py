"""What `SEREClassifier.fit` takes once features are there.

The epochs: 30 labeled clips, pools of 500 and 1,200, 80 epochs. Frames are synthetic, in the shape of the embedded
acoustic encoder's (clips of 1 to 3 s at 50 Hz, width 36, context 71), so nothing is extracted. One fit gives 79 epochs
to take the best and the median of; by the clock, and by processor time, which a busy machine disturbs less.
``before_training`` is everything else: imports of torch and compiled kernels, standardisation, starting projections.

A cached fit, from files to the model with default options: five shots of each of six emotions of one corpus, its other
clips and those of another for pools of up to 600, made as `sere benchmark` makes them (CASIA and RAVDESS where
SERE_CORPORA has them, synthetic voices otherwise), all features in the store. Each round is a fresh process, whose
seconds and processor seconds come by stage:

``imports``
    until `fit` can be called
``reading``
    the list of clips, their features from the store, what is warned of
``preparing``
    standardisation, starting projections
``epochs``
    training
``finishing``
    self-training, first answers

Run: ``python benchmarks/bench_fit.py [--epochs 80] [--threads 2] [--device cuda] [--rounds 5] [--out fit.json]``; with
``--against TREE`` the cached fit is also run by the library of another checkout, in turn with this one: ``against`` has
its figures, ``ratios`` what ours takes of its processor seconds, all in all and by stage, and
``largest_difference`` how far probabilities of the target pool are apart. JSON to stdout or ``--out``.
"""

import argparse
import itertools
import json
import os
import statistics
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from checkouts import HERE, measured_in

SHOTS, SOURCE, TARGET, CLASSES = 30, 500, 1200, 6
#: Corpora of the cached fit, and clips of a pool.
CORPORA, POOL = ("casia", "ravdess"), 600
STAGES = ("imports", "reading", "preparing", "epochs", "finishing")


def main() -> None:
    """Measure both and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5, help="cached fits after one that fills the store; 0 for none")
    parser.add_argument("--cached-epochs", type=int, help="epochs of the cached fit (default: the classifier's own)")
    parser.add_argument("--against", metavar="TREE", help="another checkout, for the cached fit")
    parser.add_argument("--only-cached", action="store_true", help="leave the 80 epochs out")
    parser.add_argument("--once", action="store_true", help="one cached fit in this process")
    parser.add_argument("--out", help="JSON file; printed otherwise")
    options = parser.parse_args()
    if options.once:
        print(json.dumps(fit_once(options.threads, options.device, options.cached_epochs)))
        return
    report = {} if options.only_cached else measure(options.epochs, options.threads, options.device)
    if options.rounds:
        report["cached"] = cached(options)
    text = json.dumps(report, indent=2)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)


def measure(epochs: int, threads: int, device: str) -> dict[str, Any]:
    """Seconds of one fit and of its epochs."""
    rng = np.random.default_rng(0)
    labeled, source, target = (synthetic(rng, n, name) for n, name in zip((SHOTS, SOURCE, TARGET), "aab", strict=True))
    ends: list[tuple[float, float]] = []

    def stop_the_clock(record: dict) -> bool:
        ends.append((time.perf_counter(), time.process_time()))
        return False

    start = time.perf_counter()
    import torch

    from sere import SEREClassifier

    torch.set_num_threads(threads)
    model = SEREClassifier(epochs=epochs, device=device, callbacks=[stop_the_clock], random_state=0)
    model.fit(labeled, np.arange(SHOTS) % CLASSES, (source,), (target,))
    total = time.perf_counter() - start
    clock, processor = ([b - a for a, b in itertools.pairwise(e)] for e in zip(*ends, strict=True))
    return {
        "device": device,
        "threads": threads,
        "epochs": epochs,
        "seconds": total,
        "before_training": total - sum(clock) * epochs / (epochs - 1),
        "epoch_median": statistics.median(clock),
        "epoch_best": min(clock),
        "epoch_processor_median": statistics.median(processor),
        "last_loss": model.history_[-1]["loss"],
    }


def synthetic(rng: np.random.Generator, n: int, language: str, frames: tuple[int, int] = (50, 150)):
    """n clips of random frames, so many each, as an encoder and the dynamics leave them."""
    from sere.inputs.utterances import Utterances

    lengths = rng.integers(*frames, n, endpoint=True)
    return Utterances(
        clips=None,
        speakers=np.full(n, None, dtype=object),
        languages=np.full(n, language, dtype=object),
        encoders=np.full(n, "acoustic", dtype=object),
        dynamics=[rng.standard_normal((t, 4), dtype=np.float32) for t in lengths],
        frames=[rng.standard_normal((t, 36), dtype=np.float32) for t in lengths],
        context=[rng.standard_normal(71, dtype=np.float32) for t in lengths],
    )


def cached(options: argparse.Namespace) -> dict[str, Any]:
    """Cached fits by this checkout and, in turn, another: figures of each, and how they compare."""
    trees = {"ours": HERE} | ({"against": options.against} if options.against else {})
    given = ["--once", "--threads", str(options.threads), "--device", options.device]
    given += [] if options.cached_epochs is None else ["--cached-epochs", str(options.cached_epochs)]
    rounds = [
        {side: measured_in(tree, __file__, *given) for side, tree in trees.items()} for _ in range(options.rounds + 1)
    ][1:]
    ours = [found["ours"] for found in rounds]
    report = {name: ours[0][name] for name in ("clips", "labeled", "source", "target", "epochs")} | _medians(ours)
    if options.against:
        theirs = [found["against"] for found in rounds]
        report["against"] = {"epochs": theirs[0]["epochs"], **_medians(theirs)}
        pairs = list(zip(ours, theirs, strict=True))
        report["ratios"] = {
            stage: statistics.median(a["processor"][stage] / b["processor"][stage] for a, b in pairs)
            for stage in (*STAGES, "fit", "all")
        }
        apart = np.abs(np.array(ours[0]["probabilities"]) - np.array(theirs[0]["probabilities"]))
        report["largest_difference"] = float(apart.max())
    return report


def _medians(found: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Each stage's median over rounds, by both clocks."""
    return {
        clock: {stage: statistics.median(own[clock][stage] for own in found) for stage in found[0][clock]}
        for clock in ("seconds", "processor")
    }


def fit_once(threads: int, device: str, epochs: int | None) -> dict[str, Any]:
    """One cached fit in this process: seconds by stage, and what it says of the target pool."""
    warnings.simplefilter("ignore")  # an encoder that comes with the library learned from these very corpora
    task, kind = _task()
    marks: list[tuple[float, float]] = []

    def mark() -> None:
        marks.append((time.perf_counter(), time.process_time()))

    mark()
    import torch

    import sere.training.fit
    from sere import SEREClassifier
    from sere.training.loop import Chain

    torch.set_num_threads(threads)
    model = SEREClassifier(device=device, random_state=0, **({} if epochs is None else {"epochs": epochs}))
    mark()
    with _marked(sere.training.fit, "fit_model", mark, after=False), _marked(Chain, "run", mark):
        model.fit(task.X_labeled, task.y, task.X_unlabeled_src, task.X_unlabeled_tgt)
    mark()
    lasted = {}
    for clock, at in zip(("seconds", "processor"), zip(*marks, strict=True), strict=True):
        stages = dict(zip(STAGES, (b - a for a, b in itertools.pairwise(at)), strict=True))
        lasted[clock] = {**stages, "fit": at[-1] - at[1], "all": at[-1] - at[0]}
    return {
        "clips": kind,
        "labeled": len(task.y),
        "source": len(task.X_unlabeled_src),
        "target": len(task.X_unlabeled_tgt),
        "epochs": len(model.history_),
        **lasted,
        "probabilities": model.predict_proba(task.X_unlabeled_tgt).tolist(),
    }


@contextmanager
def _marked(owner: Any, name: str, mark: Any, after: bool = True) -> Iterator[None]:
    """Mark when a function begins and ends."""
    function = getattr(owner, name)

    def marked(*arguments: Any, **options: Any) -> Any:
        mark()
        result = function(*arguments, **options)
        if after:
            mark()
        return result

    setattr(owner, name, marked)
    try:
        yield
    finally:
        setattr(owner, name, function)


def _task() -> tuple[Any, str]:
    """The clips, and what they are."""
    from sere.datasets import find_corpora, load_corpus, make_task, make_voices

    places = find_corpora(os.environ["SERE_CORPORA"]) if "SERE_CORPORA" in os.environ else {}
    if all(name in places for name in CORPORA):
        source, target = (load_corpus(places[name]) for name in CORPORA)
        kind = "real"
    else:
        voices = make_voices(n_per_emotion=POOL // 6 + 5, n_speakers=1, duration=2.0, random_state=0)
        source, target = (clips for _, clips in voices.groupby("language"))
        kind = "synthetic"
    return make_task(source, target, shots=SHOTS // CLASSES, random_state=0, max_pool=POOL), kind


if __name__ == "__main__":
    main()
