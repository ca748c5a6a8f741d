"""Does a probability mean what it says? Calibration of SERE on real pairs, transductive, speakers known and not.

Clips are put into ten bins by the probability of their answer; the *expected calibration error* is the mean, over
clips, of how far a bin's mean probability lies from the share of its answers that are right (Guo et al., "On
Calibration of Modern Neural Networks", ICML 2017). *Coverage* q looks at the share q of a task's clips whose answers
are surest, and says how many of them are right: a probability that ranks well is worth having even where it is too
high. The area under the risk-coverage curve is the mean, over q, of the share that is wrong (Geifman and El-Yaniv,
NeurIPS 2017).

Run: ``SERE_CORPORA=... python -m nox -s bench -- benchmarks/bench_calibration.py``. Prints a table, a row a pair.
"""

import argparse
import os

import numpy as np

from sere import SEREClassifier
from sere.datasets import find_corpora, load_corpus, make_task
from sere.evaluation import run_task
from sere.evaluation.cells import without_speakers

NAMES = {"B": "emodb", "O": "emovo", "C": "casia", "R": "ravdess", "A": "ased"}
BINS = 10
COVERAGES = (0.25, 0.5, 1.0)


def main() -> None:
    """Fit, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", default=os.environ.get("SERE_CORPORA"), help="default: SERE_CORPORA")
    parser.add_argument("--tasks", default="BO,OB,BC,CB,CO,OC", help="default: %(default)s")
    parser.add_argument("--draws", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--encoder", default="acoustic", help="default: %(default)s")
    arguments = parser.parse_args()
    if not arguments.corpora:
        parser.error("--corpora or SERE_CORPORA is needed")
    found = find_corpora(arguments.corpora)
    corpora = {letter: load_corpus(found[name], name) for letter, name in NAMES.items() if letter in arguments.tasks}
    columns = "".join(f"{f'right in {share:.0%}':>15}" for share in COVERAGES)
    print(f"{'task':6}{'speakers':10}{'sure':>7}{'ECE':>7}{'AURC':>7}{columns}")
    for task in arguments.tasks.split(","):
        for speakers in ("known", "unknown"):
            parts = [answers(corpora, task, speakers, arguments.encoder, draw) for draw in range(arguments.draws)]
            sure, right = (np.concatenate(part) for part in zip(*parts, strict=True))
            shares = "".join(f"{surest(sure, right, share):>15.1%}" for share in COVERAGES)
            error, area = calibration_error(sure, right), risk_coverage(sure, right)
            print(f"{task:6}{speakers:10}{sure.mean():>7.1%}{error:>7.3f}{area:>7.3f}{shares}", flush=True)


def answers(corpora: dict, pair: str, speakers: str, encoder: str, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each answer of one draw, and whether it is right."""
    task = make_task(corpora[pair[0]], corpora[pair[1]], shots=5, random_state=draw)
    task = task if speakers == "known" else without_speakers(task)
    result = run_task(SEREClassifier(encoder=encoder, random_state=draw), task)
    return result.model.predict_proba(task.X_test).max(axis=1), result.y_pred == result.y_true


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error over :data:`BINS` equal bins.

    Parameters
    ----------
    sure : ndarray of shape (n,)
        Probability of each answer.
    right : bool ndarray of shape (n,)
    """
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(sure[bins == k].sum() - right[bins == k].sum()) for k in range(BINS)]
    return float(sum(gaps) / len(sure))


def surest(sure: np.ndarray, right: np.ndarray, share: float) -> float:
    """Return how many of the surest share of answers are right."""
    first = np.argsort(-sure, kind="stable")[: max(1, round(share * len(sure)))]
    return float(right[first].mean())


def risk_coverage(sure: np.ndarray, right: np.ndarray) -> float:
    """Return the area under the risk-coverage curve: the mean share of wrong answers among the k surest, over k."""
    wrong = ~right[np.argsort(-sure, kind="stable")]
    return float((np.cumsum(wrong) / np.arange(1, len(wrong) + 1)).mean())


if __name__ == "__main__":
    main()
