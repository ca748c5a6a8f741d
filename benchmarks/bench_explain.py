"""Do the moments that an explanation names carry the answer? Cut out, they should cost it more than others do.

Fits on 35 labeled clips of EmoDB, explains clips of EMOVO, then cuts moments of a tenth of a second out of their audio:
those with the most weight, as many by chance, and those with the least. Prints by how much the answer's lead over the
runner-up falls each time, over all columns anew: context, descriptors and speech frames of what is left.

Run: ``python benchmarks/bench_explain.py [--clips 60] [--moments 5] [--encoder speech-emotion] [--out FILE.md]`` with
SERE_CORPORA set.
"""

import argparse
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from sere import SEREClassifier
from sere.audio import SAMPLE_RATE, Clip
from sere.datasets import load_corpus, make_task

WIDTH = 0.1


def main() -> None:
    """Fit, cut, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--moments", type=int, default=5)
    parser.add_argument("--encoder", default="speech-emotion")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    root = Path(os.environ["SERE_CORPORA"])
    task = make_task(load_corpus(root / "emodb"), load_corpus(root / "emovo"), shots=5, random_state=0)
    model = SEREClassifier(options.encoder, random_state=0)
    model.fit(task.X, task.y, (task.X_unlabeled_src,), (task.X_unlabeled_tgt,))
    chosen = np.random.default_rng(0).choice(len(task.X_test), options.clips, replace=False)
    clips = task.X_test.iloc[chosen].reset_index(drop=True)
    found = model.explain(clips)
    before = leads(model, clips, found)
    n = options.moments
    picks: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "most weight": lambda moments: moments.nlargest(n, "weight"),
        "by chance": lambda moments: moments.sample(min(n, len(moments)), random_state=0),
        "least weight": lambda moments: moments.nsmallest(n, "weight"),
    }
    falls = {
        name: before - leads(model, cut(clips, [pick(why.moments)["time"] for why in found]), found)
        for name, pick in picks.items()
    }
    lines = [
        f"{options.clips} clips of EMOVO, {options.encoder}; {n} moments of {WIDTH:g} s each cut out; lead before "
        f"{before.mean():.2f}.",
        "",
        "| moments | lead falls by | more than by chance |",
        "|---|---|---|",
    ]
    for name, fall in falls.items():
        more = 100 * (fall > falls["by chance"]).mean()
        lines.append(f"| {name} | {fall.mean():.2f} | {'-' if name == 'by chance' else f'{more:.0f} % of clips'} |")
    text = "\n".join(lines)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


def leads(model: SEREClassifier, clips: pd.DataFrame, found: list) -> np.ndarray:
    """Return how far each clip's explained answer is ahead of the runner-up it was explained against."""
    columns = {label: i for i, label in enumerate(model.classes_)}
    scores = model.decision_function(clips)
    return np.array([s[columns[why.emotion]] - s[columns[why.against]] for s, why in zip(scores, found, strict=True)])


def cut(clips: pd.DataFrame, times: list[pd.Series]) -> pd.DataFrame:
    """Return clips without the audio around some times."""
    waves = []
    for path, moments in zip(clips["path"], times, strict=True):
        wave = Clip(path).load()
        seconds = np.arange(len(wave)) / SAMPLE_RATE
        inside = np.abs(seconds[:, None] - moments.to_numpy()).min(1) < WIDTH / 2
        waves.append(wave[~inside])
    return clips.drop(columns="path").assign(audio=waves, sampling_rate=SAMPLE_RATE)


if __name__ == "__main__":
    main()
