"""Would other corpora have chosen the same defaults? Each against its neighbours, one corpus left out at a time.

`SEREClassifier`'s defaults were compared on five corpora, so their scores there are optimistic. This script says by how
much: for every corpus it takes the setting that is best on the tasks *without* that corpus and scores it on the tasks
*with* it, beside the defaults on the same tasks. Settings are changed one at a time, with the encoder `experience`,
which has seen neither corpus of a task.

Run: ``python benchmarks/choices.py [--corpora DIR] [--draws 1] [--jobs 2] [--out benchmarks/results/choices]``. Cells
are kept in --out, and the same command goes on where it was stopped. Writes choices.md there.
"""

import argparse
import os
from pathlib import Path

import pandas as pd

from sere.evaluation import run_benchmark

NEIGHBOURS = [
    "epochs=0",
    "epochs=5",
    "epochs=20",
    "assignment__experience_weight=1",
    "assignment__experience_weight=4",
    "prototypes__experience_shots=0",
    "prototypes__experience_shots=20",
    "assignment__sharpness=2",
    "assignment__sharpness=5",
    "assignment__field_share=0",
    "assignment__field_share=0.8",
    "losses__drift_weight=1",
    "prototypes__pool='both'",
    "self_training__weight=0.5",
    "self_training__weight=2",
    "self_training__penalty=0.3",
    "self_training__penalty=3",
    "self_training__rounds=3",
    "self_training__rounds=20",
    "self_training__sharpness=1",
]
BASE = "sere@experience"


def main() -> None:
    """Run every setting on every ordered pair; print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", default=os.environ.get("SERE_CORPORA"), help="folder of corpora")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "choices")
    options = parser.parse_args()
    if not options.corpora:
        raise SystemExit("name the folder of corpora: --corpora DIR, or set SERE_CORPORA")
    result = run_benchmark(
        options.corpora,
        tasks=every_pair(options.corpora),
        methods=[BASE, *(f"{BASE}:{setting}" for setting in NEIGHBOURS)],
        baseline=BASE,
        draws=options.draws,
        protocol="transductive",
        out=options.out,
        n_jobs=options.jobs,
        verbose=1,
    )
    text = table(result.cells)
    (options.out / "choices.md").write_text(text + "\n")
    print(text)


def every_pair(corpora: str) -> list[tuple[str, str]]:
    """Return all ordered pairs of the corpora in a folder."""
    from itertools import permutations

    from sere.datasets import find_corpora

    return list(permutations(find_corpora(corpora), 2))


def table(cells: pd.DataFrame) -> str:
    """Return, for speakers known and unknown, each corpus's choice and every setting's mean, in Markdown."""
    lines = []
    for speakers, part in cells.groupby("speakers"):
        score = 100 * part.pivot_table(index=["source", "target"], columns="method", values="uar")
        lines += [f"**Speakers {speakers}** ({len(score)} tasks)", "", *choices(score), "", *settings(score), ""]
    return "\n".join(lines).rstrip()


def choices(score: pd.DataFrame) -> list[str]:
    """Return the rows of what each corpus, left out, would have got."""
    lines = ["| left out | chosen on the other tasks | its UAR | the defaults' |", "|---|---|---|---|"]
    rows = []
    for corpus in sorted({name for pair in score.index for name in pair}):
        within = [corpus in pair for pair in score.index]
        chosen = score[[not inside for inside in within]].mean().idxmax()
        found = score[within].mean()
        rows.append((found[chosen], found[BASE]))
        lines.append(f"| {corpus} | {short(chosen)} | {found[chosen]:.1f} | {found[BASE]:.1f} |")
    chosen_mean, base_mean = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return [*lines, f"| mean | | {chosen_mean:.1f} | {base_mean:.1f} |"]


def settings(score: pd.DataFrame) -> list[str]:
    """Return the rows of each setting's mean and its difference to the defaults."""
    mean = score.mean()
    lines = ["| setting | UAR | against the defaults |", "|---|---|---|"]
    ordered = mean.sort_values(ascending=False).index
    return [*lines, *(f"| {short(name)} | {mean[name]:.1f} | {mean[name] - mean[BASE]:+.1f} |" for name in ordered)]


def short(method: str) -> str:
    """Return what a method changes of the defaults."""
    return method.removeprefix(BASE).removeprefix(":") or "defaults"


if __name__ == "__main__":
    main()
