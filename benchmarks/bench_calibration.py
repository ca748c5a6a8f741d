"""Does a probability mean what it says? Calibration of SERE on real pairs, transductive, speakers known and not.

For each task the expected calibration error (ECE, ten bins; :func:`sere.calibration.expected_calibration_error`) of
probabilities as they are and of the plain softmax of scores; the temperature and the one that labels of the target
would have chosen (by likelihood); how wrong the surest half of answers is beside all of them
(:func:`sere.calibration.risk_coverage`).

With experience the temperature comes from how much experience's own answers tell apart in the pool
(``sere.chain.decision``). Its two constants are those of the line through the best temperatures of all tasks here. The
last lines say what they would be without a target's corpus, and the ECE of the tasks on that corpus with these. Without
experience the temperature is a constant where speakers are unknown: the best ones' geometric mean, with the same lines.

Run: ``SERE_CORPORA=... python -m nox -s bench -- benchmarks/bench_calibration.py [--encoder experience|acoustic|...]``.
``experience`` is learned, task by task, from the corpora that are neither source nor target. Prints Markdown.
"""

import argparse
import os
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from sere import SEREClassifier, pretrain_encoder
from sere.calibration import expected_calibration_error, risk_coverage
from sere.chain.decision import LEAST, MOST, information_in
from sere.datasets import find_corpora, load_corpus, make_task
from sere.evaluation.cells import without_speakers

NAMES = {"B": "emodb", "O": "emovo", "C": "casia", "R": "ravdess", "A": "ased"}


def main() -> None:
    """Fit, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", default=os.environ.get("SERE_CORPORA"), help="default: SERE_CORPORA")
    parser.add_argument("--tasks", default="BO,OB,BC,CB,CO,OC,BR,RB,OR,RO,CR,RC", help="default: %(default)s")
    parser.add_argument("--draws", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--encoder", default="experience", help="default: %(default)s")
    arguments = parser.parse_args()
    if not arguments.corpora:
        parser.error("--corpora or SERE_CORPORA is needed")
    found = find_corpora(arguments.corpora)
    corpora = {letter: load_corpus(found[name], name) for letter, name in NAMES.items() if name in found}
    print("| task | speakers | right | plain ECE | ECE | temperature | best | information | wrong | surest half |")
    print("|---|---|" + "---:|" * 8)
    rows = []
    for task in arguments.tasks.split(","):
        for row in of_task(task, corpora, arguments.encoder, arguments.draws):
            rows.append(row)
            print(said(row), flush=True)
    table = pd.DataFrame(rows)
    print(said({**table.mean(numeric_only=True), "task": "mean", "speakers": ""}))
    print(f"\nThe surest half is wrong {table['half'].mean() / table['risk'].mean():.2f} times as often as all.")
    if len({task[1] for task in table["task"]}) > 1:
        print()
        print("\n".join(without_each_target(table) if table["information"].notna().all() else constants(table)))


def of_task(pair: str, corpora: dict[str, pd.DataFrame], encoder: str, draws: int) -> list[dict[str, Any]]:
    """Return a row for speakers known and for unknown, each the mean over draws."""
    source, target = corpora[pair[0]], corpora[pair[1]]
    used: Any = encoder
    if encoder == "experience":
        others = {NAMES[letter]: clips for letter, clips in corpora.items() if letter not in pair}
        used = pretrain_encoder(others, random_state=0)
    rows = []
    for draw in range(draws):
        task = make_task(source, target, shots=5, random_state=draw)
        for speakers, own in (("known", task), ("unknown", without_speakers(task))):
            model = SEREClassifier(encoder=used, random_state=draw)
            model.fit(own.X_labeled, own.y, (own.X_unlabeled_src,), (own.X_unlabeled_tgt,))
            rows.append({"task": pair, "speakers": speakers, **of_model(model, own.X_test, np.asarray(own.y_test))})
    kept = pd.DataFrame(rows).drop(columns="scores").groupby(["task", "speakers"], sort=False).mean().reset_index()
    first = {row["speakers"]: row["scores"] for row in reversed(rows)}
    return [{**row, "scores": first[row["speakers"]]} for row in kept.to_dict("records")]


def of_model(model: SEREClassifier, clips: pd.DataFrame, true: np.ndarray) -> dict[str, Any]:
    """Return what is measured of a fitted model."""
    scores, labels = model.decision_function(clips), model.classes_
    right = labels[scores.argmax(1)] == true
    temperature = model.temperature_
    evidence = np.concatenate([model._fitted().evidence(chunk) for chunk in model._chunks(clips)])
    curve = risk_coverage(true, softmax(scores / temperature, axis=1), labels)
    return {
        "right": right.mean(),
        "plain": expected_calibration_error(true, softmax(scores, axis=1), labels),
        "ece": expected_calibration_error(true, softmax(scores / temperature, axis=1), labels),
        "temperature": temperature,
        "best": best_temperature(scores, np.searchsorted(labels, true)),
        "information": information_in(evidence) if evidence.size else np.nan,
        "risk": 1 - right.mean(),
        "half": float(np.interp(0.5, curve["coverage"], curve["risk"])),
        "scores": (scores, true, labels),
    }


def best_temperature(scores: np.ndarray, codes: np.ndarray) -> float:
    """Return the temperature that makes the labels likeliest."""

    def loss(log_temperature: float) -> float:
        likely = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(likely[np.arange(len(codes)), codes].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 3), method="bounded").x))


def without_each_target(table: pd.DataFrame) -> list[str]:
    """Return what the line would be without each corpus, and the ECE with it of the tasks on that corpus."""
    lines = ["| without | log temperature | fall | ECE on it | with the constants |", "|---|---:|---:|---:|---:|"]
    targets = table["task"].str[1]
    fall, level = np.polyfit(table["information"], np.log(table["best"]), 1)
    for target in sorted(set(targets)):
        others = table[~table["task"].str.contains(target)]
        if others["task"].nunique() < 2:
            continue
        slope, start = np.polyfit(others["information"], np.log(others["best"]), 1)
        own = table[targets == target]
        errors = []
        for row in own.to_dict("records"):
            scores, true, labels = row["scores"]
            temperature = np.clip(np.exp(start + slope * row["information"]), LEAST, MOST)
            errors.append(expected_calibration_error(true, softmax(scores / temperature, axis=1), labels))
        lines.append(f"| {target} | {start:.2f} | {-slope:.2f} | {np.mean(errors):.3f} | {own['ece'].mean():.3f} |")
    return [*lines, f"| none | {level:.2f} | {-fall:.2f} | | |"]


def constants(table: pd.DataFrame) -> list[str]:
    """Return the constant of unknown speakers without each corpus, and the ECE with it of the tasks on that corpus."""
    table = table[table["speakers"] == "unknown"]
    lines = ["| without | temperature | ECE on it | with the constant |", "|---|---:|---:|---:|"]
    for target in sorted(set(table["task"].str[1])):
        others, own = table[~table["task"].str.contains(target)], table[table["task"].str[1] == target]
        if not len(others):
            continue
        temperature = np.exp(np.log(others["best"]).mean())
        errors = [
            expected_calibration_error(
                row["scores"][1], softmax(row["scores"][0] / temperature, axis=1), row["scores"][2]
            )
            for row in own.to_dict("records")
        ]
        lines.append(f"| {target} | {temperature:.2f} | {np.mean(errors):.3f} | {own['ece'].mean():.3f} |")
    return [*lines, f"| none | {np.exp(np.log(table['best']).mean()):.2f} | | |"]


def said(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    shares = [f"{row[name]:.3f}" for name in ("right", "plain", "ece")]
    scales = [f"{row[name]:.2f}" for name in ("temperature", "best", "information")]
    risks = [f"{100 * row[name]:.1f} %" for name in ("risk", "half")]
    return f"| {' | '.join([row['task'], row['speakers'], *shares, *scales, *risks])} |"


if __name__ == "__main__":
    main()
