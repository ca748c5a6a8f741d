"""What `SEREClassifier.fit` takes once features are there: 30 labeled clips, pools of 500 and 1,200, 80 epochs.

Frames are synthetic, in the shape of the embedded encoder's (clips of 1 to 3 s at 50 Hz, width 36, context 71), so
nothing is extracted. One fit gives 79 epochs to take the best and the median of; by the clock, and by processor time,
which a busy machine disturbs less. ``before_training`` is everything else: imports of torch and the compiled kernels,
standardisation, starting projections.

Run: ``python benchmarks/bench_fit.py [--epochs 80] [--threads 2] [--device cuda] [--out fit.json]``. JSON to stdout
or ``--out``.
"""

import argparse
import itertools
import json
import statistics
import time

import numpy as np

SHOTS, SOURCE, TARGET, CLASSES = 30, 500, 1200, 6


def main() -> None:
    """Fit once and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", help="JSON file; printed otherwise")
    options = parser.parse_args()
    text = json.dumps(measure(options.epochs, options.threads, options.device), indent=2)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)


def measure(epochs: int, threads: int, device: str) -> dict[str, float]:
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


if __name__ == "__main__":
    main()
