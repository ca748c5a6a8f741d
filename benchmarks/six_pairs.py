"""The six ordered pairs of EmoDB, EMOVO and CASIA: how well does each way recognise the other language?

Three ways on the same draws of labeled clips, in one run:

- ``sere``: `SEREClassifier` with its defaults;
- ``acoustic + LR``: the embedded descriptors of each clip, logistic regression on the labeled clips;
- ``eGeMAPS + LR``: the same with openSMILE's eGeMAPS functionals, what a user would run instead.

The regressions get the same normalisation without labels: each corpus standardised over its own clips, then each
speaker of at least 12 clips over theirs. Every way is run with the speakers known and with them unknown. The tasks are
transductive. The interval resamples the target's speakers, and its ends are averaged over the draws.

Run: ``SERE_CORPORA=... python -m nox -s bench -- benchmarks/six_pairs.py``. Writes results/six_pairs.json and .md.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Bunch
from tqdm import tqdm

from sere import HeterogeneousEncoder, SEREClassifier
from sere.datasets import find_corpora, load_corpus, make_task
from sere.evaluation import TaskResult, run_task, speakers_of

CORPORA = {"B": "emodb", "O": "emovo", "C": "casia"}
PAIRS = ["BO", "OB", "BC", "CB", "CO", "OC"]
RESULTS = Path(__file__).parent / "results"
LARGEST_POOL = 600
FEWEST_CLIPS_A_SPEAKER = 12


def main() -> None:
    """Run every pair, draw and way; print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", default=",".join(PAIRS), help="source and target letters (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=3, help="draws of the labeled clips (default: 3)")
    parser.add_argument("--shots", type=int, default=5, help="labeled clips an emotion (default: 5)")
    parser.add_argument("--out", type=Path, default=RESULTS / "six_pairs", help="name without ending")
    arguments = parser.parse_args()
    corpora = read_corpora()
    pairs = arguments.pairs.split(",")
    runs = []
    bar = tqdm([(pair, draw, known) for pair in pairs for draw in range(arguments.draws) for known in (True, False)])
    for pair, draw, known in bar:
        task = make_task(
            *(corpora[letter] for letter in pair), shots=arguments.shots, random_state=draw, max_pool=LARGEST_POOL
        )
        for way, recognise in WAYS.items():
            bar.set_postfix_str(f"{pair} {draw} {way}")
            result = recognise(task if known else without_speakers(task), draw)
            low, high = interval(result, task)
            runs.append(
                {
                    "pair": pair,
                    "draw": draw,
                    "speakers": known,
                    "way": way,
                    "uar": result.uar,
                    "low": low,
                    "high": high,
                    "chance": result.chance,
                    "seconds": result.fit_seconds + result.predict_seconds,
                }
            )
    text = table(pd.DataFrame(runs), arguments.draws, arguments.shots)
    print(text)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.with_suffix(".json").write_text(json.dumps(runs, indent=1))
    arguments.out.with_suffix(".md").write_text(text + "\n")


def read_corpora() -> dict[str, pd.DataFrame]:
    """Return the three corpora by letter, or stop with a sentence that says what is missing."""
    root = os.environ.get("SERE_CORPORA")
    found = find_corpora(root) if root else {}
    missing = [name for name in CORPORA.values() if name not in found]
    if missing:
        raise SystemExit(f"SERE_CORPORA={root} holds no {', '.join(missing)}; this benchmark needs all three corpora")
    return {letter: load_corpus(found[name], name) for letter, name in CORPORA.items()}


def without_speakers(task: Bunch) -> Bunch:
    """Return the task with nobody's name on any clip."""
    hidden = {
        name: part.drop(columns="speaker", errors="ignore")
        for name, part in task.items()
        if isinstance(part, pd.DataFrame)
    }
    return Bunch(**{**task, **hidden})


def sere_classifier(task: Bunch, seed: int) -> TaskResult:
    """Run `SEREClassifier` with its defaults."""
    return run_task(SEREClassifier(random_state=seed), task)


def regression(encoder: str) -> Callable[[Bunch, int], TaskResult]:
    """Return a function that runs logistic regression on an encoder's description of whole clips."""

    def run(task: Bunch, seed: int) -> TaskResult:
        start = time.perf_counter()
        source = pd.concat([task.X_labeled, task.X_unlabeled_src], ignore_index=True)
        known = describe(encoder, source)[: len(task.y)]
        unknown = describe(encoder, task.X_test)
        model = LogisticRegression(C=0.01, max_iter=500).fit(known, task.y)
        fitted = time.perf_counter()
        return TaskResult(task.y_test, model.predict(unknown), task.labels, fit_seconds=fitted - start)

    return run


def describe(encoder: str, clips: pd.DataFrame) -> np.ndarray:
    """Return clip statistics standardised over the corpus, then over each speaker with enough clips."""
    values = standardised(np.nan_to_num(np.asarray(HeterogeneousEncoder(encoder).fit(clips).transform(clips))))
    speakers = clips["speaker"].to_numpy() if "speaker" in clips else np.full(len(clips), None)
    for speaker in {name for name in speakers if isinstance(name, str)}:
        theirs = speakers == speaker
        if theirs.sum() >= FEWEST_CLIPS_A_SPEAKER:
            values[theirs] = standardised(values[theirs])
    return values


def standardised(values: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and deviation 1."""
    return (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)


def interval(result: TaskResult, task: Bunch) -> tuple[float, float]:
    """Return the score's interval over speakers, also where the method did not know them."""
    return TaskResult(result.y_true, result.y_pred, result.labels, speakers=speakers_of(task.X_test)).interval


WAYS: dict[str, Callable[[Bunch, int], TaskResult]] = {
    "sere": sere_classifier,
    "acoustic + LR": regression("acoustic"),
    "eGeMAPS + LR": regression("egemaps"),
}


def table(runs: pd.DataFrame, n_draws: int, shots: int) -> str:
    """Return the results as Markdown: a row a pair, a column a way, with and without speakers."""
    lines = []
    for known in (True, False):
        part = runs[runs["speakers"] == known]
        lines += [
            f"**Speakers {'known' if known else 'unknown'}**: mean UAR in % ± SD over {n_draws} draw(s) of {shots} "
            "labeled clips an emotion [95 % interval over target speakers]; transductive",
            "",
            f"| pair | chance | {' | '.join(WAYS)} | seconds (sere) |",
            "|---|---|" + "---|" * (len(WAYS) + 1),
        ]
        for pair, rows in part.groupby("pair", sort=False):
            cells = [cell(rows[rows["way"] == way]) for way in WAYS]
            seconds = rows[rows["way"] == "sere"]["seconds"].median()
            lines.append(f"| {pair} | {100 * rows['chance'].iloc[0]:.1f} | {' | '.join(cells)} | {seconds:.0f} |")
        means = [f"**{100 * part[part['way'] == way]['uar'].mean():.1f}**" for way in WAYS]
        lines += [f"| mean | {100 * part['chance'].mean():.1f} | {' | '.join(means)} | |", ""]
    return "\n".join(lines).rstrip()


def cell(rows: pd.DataFrame) -> str:
    """Return mean, deviation over the draws and the averaged interval in percent."""
    spread = f" ± {100 * statistics.stdev(rows['uar']):.1f}" if len(rows) > 1 else ""
    low, high = rows["low"].mean(), rows["high"].mean()
    return f"{100 * rows['uar'].mean():.1f}{spread} [{100 * low:.1f}, {100 * high:.1f}]"


if __name__ == "__main__":
    main()
