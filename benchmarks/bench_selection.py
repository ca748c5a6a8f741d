"""How well do label-free scores rank models? Against the target's labels, which no model and no score sees.

On each task two groups of models are fitted: `SEREClassifier` under other settings, and other methods. Each gets its
UAR on the target and the three scores of :mod:`sere.selection` on the same unlabeled clips. A score is worth something
if it ranks the models of a task as their UAR does (Spearman's correlation, 1 for the same order, 0 for none), and if
the model it would choose is better than the first of the group.

Run: ``SERE_CORPORA=... python -m nox -s bench -- benchmarks/bench_selection.py``. Goes on where it was stopped; writes
results/bench_selection.md.
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from tqdm import tqdm

from sere.evaluation.cells import Scenario, without_speakers
from sere.evaluation.journal import Journal
from sere.evaluation.methods import read_method
from sere.evaluation.plan import read_corpora, read_tasks
from sere.evaluation.tasks import run_task
from sere.selection import SCORES, label_free_scorer

#: Changes of the defaults, which come first; early stopping of a training eight times as long.
SETTINGS = [
    "",
    "epochs=0",
    "epochs=20",
    "learning_rate=0.01",
    "losses__drift_weight=0.03",
    "assignment__field_share=0.0",
    "assignment__field_share=1.0",
    "assignment__sharpness=1.0",
    "assignment__balance=1",
    "prototypes__pool_weight=0.0",
]
STOPPED = ["epochs=80:early_stopping=True", "epochs=80:early_stopping=density"]
GROUPS = {
    "settings of SERE": [f"sere:{setting}".rstrip(":") for setting in SETTINGS + STOPPED],
    "methods": ["lr", "svm", "prototype", "sinkhorn", "self-training", "label-spreading", "lr@egemaps", "svm@egemaps"],
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Fit and score what is missing; print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="BO,OB,BC,CB,CO,OC", help="default: %(default)s")
    parser.add_argument("--draws", type=int, default=1, help="draws of the labeled clips (default: %(default)s)")
    parser.add_argument("--speakers", default="known", help="known, unknown or both with a comma (default: known)")
    parser.add_argument("--out", type=Path, default=RESULTS / "bench_selection", help="name without ending")
    arguments = parser.parse_args()
    if "SERE_CORPORA" not in os.environ:
        raise SystemExit("set SERE_CORPORA to a folder that holds EmoDB, EMOVO and CASIA")
    corpora = read_corpora(os.environ["SERE_CORPORA"])
    journal = Journal(arguments.out.with_suffix(".jsonl"))
    done = journal.read()
    todo = [
        (source, target, known, draw, group, method)
        for draw in range(arguments.draws)
        for known in arguments.speakers.split(",")
        for source, target in read_tasks(arguments.tasks, corpora)
        for group, methods in GROUPS.items()
        for method in methods
    ]
    for source, target, known, draw, group, method in tqdm(todo):
        key = f"{source}-{target} {known} {draw} {group} {method}"
        if key not in done:
            scenario = Scenario(source, target, 5, "none", "transductive", known, draw, 600)
            done[key] = {"key": key, "task": f"{source}-{target} {known} {draw}", "group": group, "method": method}
            done[key] |= fit_and_score(scenario, method, corpora)
            journal.append(done[key])
    text = table(pd.DataFrame(list(done.values())))
    print(text)
    arguments.out.with_suffix(".md").write_text(text + "\n")


def fit_and_score(scenario: Scenario, method: str, corpora: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Return UAR on the target, and each label-free score on its unlabeled clips."""
    task = scenario.task(corpora)
    if scenario.speakers == "unknown":
        task = without_speakers(task)
    estimator = read_method(method).prepared(scenario.source, scenario.target, scenario.draw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = run_task(estimator, task)
        scores = {name: label_free_scorer(name, task.X_unlabeled_tgt)(result.model, None) for name in SCORES}
    return {"uar": result.uar, "epochs": len(getattr(result.model, "history_", ())), **scores}


def table(found: pd.DataFrame) -> str:
    """Return a row a group and score: mean correlation, and what choosing by it changes."""
    lines = [
        "| models | score | rank correlation | above 0 | chosen against first | best against first |",
        "|---|---|---|---|---|---|",
    ]
    for group, names in GROUPS.items():
        tasks = [rows.set_index("method").loc[names] for _, rows in found[found["group"] == group].groupby("task")]
        for score in SCORES:
            ranks = np.array([spearmanr(rows[score], rows["uar"]).statistic for rows in tasks])
            gain = [100 * (rows["uar"][rows[score].idxmax()] - rows["uar"].iloc[0]) for rows in tasks]
            best = [100 * (rows["uar"].max() - rows["uar"].iloc[0]) for rows in tasks]
            lines.append(
                f"| {group} ({len(names)}) | {score} | {np.nanmean(ranks):+.2f} ± {np.nanstd(ranks, ddof=1):.2f} "
                f"| {np.sum(ranks > 0)} of {len(tasks)} | {np.mean(gain):+.1f} ± {np.std(gain, ddof=1):.1f} "
                f"| {np.mean(best):+.1f} |"
            )
    sere = found[found["group"] == "settings of SERE"].pivot(index="task", columns="method", values="uar") * 100
    for name in (f"sere:{setting}" for setting in STOPPED):
        change = sere[name] - sere["sere"]
        epochs = found[found["method"] == name]["epochs"].median()
        lines.append(
            f"\n`{name}` against the defaults: {change.mean():+.1f} ± {change.std():.1f} points over {len(change)} "
            f"tasks, after {epochs:.0f} epochs (median)."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
