"""What the ear for speech costs a fit whose features are kept: the default encoder beside the descriptors alone.

Fits on 35 labeled clips of EmoDB, its other clips and EMOVO, by each encoder in turn; features are extracted by a first
fit that does not count. Prints median seconds, by the clock and of processor time, and the ratio.

Run: ``python benchmarks/bench_ear.py [--threads 2] [--repeats 3] [--out FILE.json]`` with SERE_CORPORA set.
"""

import argparse
import json
import os
import statistics
import time
import warnings
from pathlib import Path

import torch

from sere import SEREClassifier
from sere.datasets import load_corpus, make_task

ENCODERS = ("acoustic-emotion", "speech-emotion")


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", help="JSON file; printed otherwise")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    root = Path(os.environ["SERE_CORPORA"])
    task = make_task(load_corpus(root / "emodb"), load_corpus(root / "emovo"), shots=5, random_state=0)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ENCODERS}
    for turn in range(options.repeats + 1):
        for name in ENCODERS:
            start = time.perf_counter(), time.process_time()
            model = SEREClassifier(name, random_state=0)
            model.fit(task.X_labeled, task.y, (task.X_unlabeled_src,), (task.X_unlabeled_tgt,))
            if turn:
                taken[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    result: dict[str, object] = {"threads": options.threads}
    result["clips"] = len(task.y) + len(task.X_unlabeled_src) + len(task.X_unlabeled_tgt)
    medians = {name: [statistics.median(kind) for kind in zip(*own, strict=True)] for name, own in taken.items()}
    result |= {name: dict(zip(("seconds", "processor"), own, strict=True)) for name, own in medians.items()}
    result["ratio"] = medians[ENCODERS[1]][0] / medians[ENCODERS[0]][0]
    text = json.dumps(result, indent=2)
    if options.out:
        Path(options.out).write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
