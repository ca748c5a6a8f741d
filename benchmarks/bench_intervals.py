"""How often do a benchmark's intervals hold the truth? On simulated benchmarks whose truth is known.

Twelve tasks between four corpora of 10, 6, 4 and 12 speakers, ten draws, five emotions, eight clips of each emotion and
speaker, two methods. How likely a clip is recognised depends on the task, the speaker and the draw, each with a part
that both methods share and a part of its own for each. The interval with tasks fixed should hold the expected
difference on these tasks, the one that resamples tasks the expected difference on any such tasks, 0.

Run: ``python -m nox -s bench -- benchmarks/bench_intervals.py``. Prints the two shares; both should be 0.95.
"""

import argparse
from itertools import permutations

import numpy as np

from sere.evaluation.bootstrap import Resamples, over_tasks, percentiles, resampled_uar

SPEAKERS = {"B": 10, "O": 6, "C": 4, "R": 12}
EMOTIONS, DRAWS, CLIPS = list("abcde"), 10, 8
#: SD, on the logistic scale, of what both methods share and of what each has for itself.
TASK, SPEAKER, OWN_SPEAKER, DRAW, OWN_DRAW = 0.5, 0.4, 0.25, 0.2, 0.2


def main() -> None:
    """Simulate and print the share of intervals that hold the truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=300, help="default: %(default)s")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    for own_task in (0.0, 0.2):
        held = np.array([simulate(own_task, rng) for _ in range(arguments.simulations)])
        print(
            f"methods differ by SD {own_task} between tasks: the interval with tasks fixed holds the truth in "
            f"{held[:, 0].mean():.1%}, with tasks resampled in {held[:, 1].mean():.1%} of {len(held)}"
        )


def simulate(own_task: float, rng: np.random.Generator) -> tuple[bool, bool]:
    """Return whether either interval of one simulated benchmark holds its truth."""
    speakers = {name: rng.normal(0, SPEAKER, n) + rng.normal(0, OWN_SPEAKER, (2, n)) for name, n in SPEAKERS.items()}
    draws = {name: rng.normal(0, DRAW, DRAWS) + rng.normal(0, OWN_DRAW, (2, DRAWS)) for name in SPEAKERS}
    resamples = Resamples(400, random_state=int(rng.integers(2**31)))
    truth, differences = [], []
    for source, target in permutations(SPEAKERS, 2):
        level = rng.normal(-0.4, TASK) + rng.normal(0, own_task, 2)
        truth.append(expected(level[0]) - expected(level[1]))
        scores = []
        for method in (0, 1):
            odds = level[method] + speakers[target][method] + draws[source][method][:, None]
            hits = rng.binomial(CLIPS, 1 / (1 + np.exp(-odds))[..., None], (DRAWS, SPEAKERS[target], len(EMOTIONS)))
            scores.append(resampled_uar([record(source, target, k, h) for k, h in enumerate(hits)], resamples))
        differences.append(scores[0] - scores[1])
    table = np.column_stack(differences)
    low, high = percentiles(over_tasks(table))
    low_tasks, high_tasks = percentiles(over_tasks(table, resamples, list(map(str, range(len(truth))))))
    return low <= np.mean(truth) <= high, low_tasks <= 0 <= high_tasks


def expected(level: float) -> float:
    """Return a method's expected score on a task, over speakers and draws."""
    spread = np.sqrt(SPEAKER**2 + OWN_SPEAKER**2 + DRAW**2 + OWN_DRAW**2)
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    return float((1 / (1 + np.exp(-level - spread * points))) @ weights / weights.sum())


def record(source: str, target: str, draw: int, hits: np.ndarray) -> dict:
    """Return a cell's record as far as intervals look at it."""
    groups = [f"{target}{speaker}" for speaker in range(len(hits))]
    clips = np.full_like(hits, CLIPS)
    return {"source": source, "target": target, "draw": draw, "labels": EMOTIONS} | {
        "groups": groups,
        "hits": hits,
        "clips": clips,
    }


if __name__ == "__main__":
    main()
