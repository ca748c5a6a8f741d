"""Does the cost of training grow with the pool and no faster, and does its memory stay bounded?

`SEREClassifier.fit` on 1,000, 10,000 and 100,000 unlabeled clips, half of them source and half target, of synthetic
frames (about 10 a clip, what a second of speech leaves at the classifier's 100 ms; width 36, context 71) beside 30
labeled clips. Each size runs in a process of its own, so that its peak memory is its own. The cost of
an epoch is the time between the ends of the first and the last one; what happens once (standardisation, starting
projections) is reported apart.

Clips come *whole*, with all 50 frames a second, as a pipeline of transformers hands them over; the largest size also
comes *thinned*, as `fit` itself embeds audio. The memory of the process before the fit (the library, torch, and the
clips that the caller holds anyway) is reported beside its peak.

Run: ``python benchmarks/bench_scale.py [--sizes 1000 10000 100000] [--epochs 3] [--shots 30] [--out scale.json]``;
``--against TREE`` adds what the library of another checkout takes. JSON to stdout or ``--out``.
"""

import argparse
import json
import resource
import sys
import time

import numpy as np
from bench_fit import CLASSES, synthetic
from checkouts import HERE, measured_in

#: Frames of a clip; one in five is left after thinning.
FRAMES = (40, 60)
#: Clips that are thinned at once.
PORTION = 1000


def main() -> None:
    """Run every size in its own process and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], help="clips of both pools")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--shots", type=int, default=30, help="labeled clips")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--against", metavar="TREE", help="another checkout")
    parser.add_argument("--out", help="JSON file; printed otherwise")
    parser.add_argument("--one", choices=("whole", "thinned"), help="run the first size in this process")
    options = parser.parse_args()
    if options.one:
        given = options.one == "thinned"
        print(json.dumps(measure(options.sizes[0], options.shots, options.epochs, options.threads, given)))
        return
    rows = []
    for size, given in [*((size, "whole") for size in options.sizes), (max(options.sizes), "thinned")]:
        words = {"--sizes": size, "--epochs": options.epochs, "--shots": options.shots, "--threads": options.threads}
        arguments = ["--one", given, *(str(part) for pair in words.items() for part in pair)]
        row = measured_in(HERE, __file__, *arguments)
        if options.against:
            row["against"] = measured_in(options.against, __file__, *arguments)
        rows.append(row)
        print(row, file=sys.stderr)
    text = json.dumps({"threads": options.threads, "epochs": options.epochs, "sizes": rows}, indent=2)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)


def measure(size: int, shots: int, epochs: int, threads: int, is_thinned: bool) -> dict[str, float | str]:
    """Seconds and memory of one fit."""
    import torch

    import sere.training.fit  # noqa: F401 - its memory is no fit's
    from sere import SEREClassifier

    torch.set_num_threads(threads)
    rng = np.random.default_rng(0)
    labeled = synthetic(rng, shots, "source", FRAMES)
    make = thin if is_thinned else synthetic
    source, target = (make(rng, size // 2, language, FRAMES) for language in ("source", "target"))
    ends: list[tuple[float, float]] = []

    def stop_the_clock(record: dict) -> bool:
        ends.append((time.perf_counter(), time.process_time()))
        return False

    model = SEREClassifier(epochs=epochs, callbacks=[stop_the_clock], random_state=0)
    before = gigabytes()
    start = time.perf_counter()
    model.fit(thin_alike(labeled) if is_thinned else labeled, np.arange(shots) % CLASSES, (source,), (target,))
    epoch, processor = ((ends[-1][k] - ends[0][k]) / (epochs - 1) for k in (0, 1))
    return {
        "clips": size,
        "given": "thinned" if is_thinned else "whole",
        "shots": shots,
        "seconds_an_epoch": epoch,
        "microseconds_a_clip_and_epoch": 1e6 * epoch / size,
        "processor_microseconds_a_clip_and_epoch": 1e6 * processor / size,
        "microseconds_a_clip_before": 1e6 * (ends[0][0] - start - epoch) / size,
        "gigabytes_before": before,
        "peak_gigabytes": gigabytes(),
    }


def gigabytes() -> float:
    """The most memory that this process has had until now."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def thin(rng: np.random.Generator, n: int, language: str, frames: tuple[int, int]):
    """As :func:`bench_fit.synthetic`, thinned a portion at a time, so that no more is ever held."""
    from sere.inputs.utterances import concatenate

    sizes = [min(PORTION, n - first) for first in range(0, n, PORTION)]
    return concatenate([thin_alike(synthetic(rng, size, language, frames)) for size in sizes])


def thin_alike(clips):
    """Clips as `fit` embeds audio."""
    from sere.training.thinning import thinned

    return thinned(clips, 10.0)


if __name__ == "__main__":
    main()
