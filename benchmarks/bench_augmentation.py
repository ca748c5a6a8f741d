"""Does experience that learned from copies behind a telephone and in noise lose less there?

Experience without a task's corpora is learned as it comes, and with two copies of each corpus beside it, through a
telephone's band and in white noise at 10 dB, each a corpus of its own: `pretrain_encoder` needs to know nothing of it.
Then the target of each task is shifted likewise (:mod:`sere.datasets.shifts`), which changes the pool and what is
scored, and `SEREClassifier` fitted with either experience on the same draws of five shots.

Run: ``SERE_CORPORA=... python benchmarks/bench_augmentation.py [--speakers unknown] [--draws 3] [--jobs 2]``. Prints
Markdown. Features are kept in the store; experience of nine corpora takes up to 10 GB of memory while it is learned.
"""

import argparse
import os
import warnings
from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
from tqdm import tqdm

from sere import SEREClassifier, pretrain_encoder
from sere.datasets import FewShotTask, find_corpora, load_corpus, make_shifted_task, shifted_clips
from sere.encoders.emotion import EmotionEncoder
from sere.evaluation import run_task
from sere.evaluation.cells import without_speakers

NAMES = {"B": "emodb", "O": "emovo", "C": "casia", "R": "ravdess", "A": "ased"}
COPIES = ("telephone", "noise10")
SHIFTS = ("none", *COPIES, "noise20")
LEARNED = ("as it comes", "with copies")


def main() -> None:
    """Score every task and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", default="BO,BC,CO", help="each both ways (default: %(default)s)")
    parser.add_argument("--speakers", choices=["known", "unknown"], default="known")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="workers that extract")
    options = parser.parse_args()
    if "SERE_CORPORA" not in os.environ:
        raise SystemExit("set SERE_CORPORA to a folder that holds labeled corpora")
    corpora = {name: load_corpus(place) for name, place in find_corpora(os.environ["SERE_CORPORA"]).items()}
    pairs = [(NAMES[a], NAMES[b]) for a, b in options.pairs.split(",")]
    rows = []
    with tqdm(total=len(pairs) * len(LEARNED) * 2 * len(SHIFTS) * options.draws) as bar:
        for pair, learned in product(pairs, LEARNED):
            others = {name: clips for name, clips in corpora.items() if name not in pair}
            given = with_copies(others) if learned == LEARNED[1] else others
            encoder = pretrain_encoder(given, n_jobs=options.jobs, random_state=0)
            for (source, target), shift, draw in product((pair, pair[::-1]), SHIFTS, range(options.draws)):
                drawn = {"shots": 5, "random_state": draw, "max_pool": 600}
                task = make_shifted_task(corpora[source], corpora[target], shift, **drawn)
                task = without_speakers(task) if options.speakers == "unknown" else task
                rows.append((learned, shift, f"{source}-{target}", draw, scored(task, encoder, draw)))
                bar.update()
    print(table(pd.DataFrame(rows, columns=["experience", "shift", "task", "draw", "uar"])))


def with_copies(corpora: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the corpora and, as corpora of their own, their copies."""
    copies = {f"{name}, {shift}": shifted_clips(clips, shift) for name, clips in corpora.items() for shift in COPIES}
    return {**corpora, **copies}


def scored(task: FewShotTask, encoder: EmotionEncoder, draw: int) -> float:
    """Return the unweighted average recall, in per cent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return 100 * run_task(SEREClassifier(encoder=encoder, random_state=draw), task).uar


def table(found: pd.DataFrame) -> str:
    """Return a row a shift: recall by either experience, its loss against no shift, the difference and its interval."""
    first, second = LEARNED
    lines = [
        f"| target | experience {first} | loss | {second} | loss | difference | interval |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    mean = found.groupby(["experience", "shift"])["uar"].mean()
    by_draw = found.pivot_table(index=["shift", "task", "draw"], columns="experience", values="uar")
    for shift in SHIFTS:
        own = by_draw.loc[shift]
        change = (own[second] - own[first]).unstack("draw").to_numpy()
        low, high = np.percentile(resampled(change), [2.5, 97.5])
        sides = [f"{mean[which, shift]:.1f} | {mean[which, 'none'] - mean[which, shift]:.1f}" for which in LEARNED]
        lines.append(f"| {shift} | {' | '.join(sides)} | {change.mean():+.1f} | [{low:+.1f}, {high:+.1f}] |")
    return "\n".join(lines)


def resampled(change: np.ndarray, times: int = 2000) -> np.ndarray:
    """Means over tasks and draws (tasks, draws), both drawn anew."""
    random = np.random.default_rng(0)
    tasks, draws = change.shape
    chosen = random.integers(tasks, size=(times, tasks, 1)), random.integers(draws, size=(times, tasks, draws))
    means: np.ndarray = change[chosen].mean((1, 2))
    return means


if __name__ == "__main__":
    main()
