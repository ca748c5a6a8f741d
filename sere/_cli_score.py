"""``sere corpora``, ``sere evaluate`` and ``sere cache``."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from sere._cli_inputs import LIST_ENDINGS, load_model, read_labeled, visible


def corpora(arguments: argparse.Namespace) -> int:
    """List the corpora below a folder with their speakers and emotions."""
    from sere.datasets import find_corpora, load_corpus

    found = find_corpora(arguments.folder)
    if not found:
        print(f"sere corpora: no corpus is recognised in {arguments.folder}", file=sys.stderr)
        return 1
    for name, folder in found.items():
        clips = load_corpus(folder)
        languages = "/".join(sorted(clips["language"].dropna().unique())) or "language unknown"
        n_speakers = clips["speaker"].nunique()
        who = f"{n_speakers} speakers" if n_speakers else "speakers unknown"
        counts = ", ".join(f"{emotion} {n}" for emotion, n in clips["emotion"].value_counts().sort_index().items())
        print(f"{name}: {len(clips)} clips, {languages}, {who} ({folder})\n    {counts}")
    return 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Score a model or a list of predictions against a labeled corpus."""
    from sere.evaluation import TaskResult, speakers_of

    corpus = read_labeled(arguments.corpus)
    if Path(arguments.model).suffix.lower() in LIST_ENDINGS:
        clips, predicted = _match(corpus, Path(arguments.model))
        labels = sorted(set(clips["emotion"]))
        problems: list[str] = []
    else:
        clips, predicted, labels, problems = _predict(corpus, arguments)
    left_out = len(corpus) - len(clips) - len(problems)
    for problem in problems:
        print(f"sere evaluate: {problem}", file=sys.stderr)
    if left_out:
        print(f"{left_out} of {len(corpus)} clips are left out: no prediction, or an emotion the model was not taught")
    result = TaskResult(
        y_true=clips["emotion"].to_numpy(dtype=str), y_pred=predicted, labels=labels, speakers=speakers_of(clips)
    )
    print(result.summary())
    return 1 if problems else 0


def cache(arguments: argparse.Namespace) -> int:
    """Show or clear the feature store."""
    from sere.store import FrameStore

    store = FrameStore()
    if store.folder is None:
        print("off (SERE_CACHE=off)")
        return 0
    before = store.info()
    if arguments.action == "clear":
        store.clear()
        print(f"cleared {before.entries} entries, {before.n_bytes / 1e6:.1f} MB, in {before.folder}")
    else:
        print(
            f"{before.folder}: {before.entries} entries, {before.n_bytes / 1e6:.1f} MB of at most "
            f"{before.max_bytes / 1e9:g} GB"
        )
    return 0


def _predict(
    corpus: pd.DataFrame, arguments: argparse.Namespace
) -> tuple[pd.DataFrame, np.ndarray, list[str], list[str]]:
    """Return the corpus's usable clips, what the model says of them, its emotions that occur, and problems."""
    from sere._cli_predict import PORTION, predict_portion

    model = load_model(arguments.model, arguments.allow)
    taught = [str(name) for name in model.classes_]
    clips = corpus[corpus["emotion"].isin(taught)].reset_index(drop=True)
    if clips.empty:
        raise ValueError(
            f"{arguments.corpus} holds none of the emotions that {arguments.model} knows ({', '.join(taught)})"
        )
    seen = visible(clips)
    rows: list[int] = []
    predicted: list[str] = []
    problems: list[str] = []
    bar = tqdm(total=len(clips), unit="clip", disable=True if arguments.quiet else None)
    with bar:
        for start in range(0, len(clips), PORTION):
            portion = seen.iloc[start : start + PORTION]
            usable, probabilities, broken = predict_portion(model, portion)
            rows += [start + row for row in usable]
            predicted += [taught[best] for best in probabilities.argmax(axis=1)]
            problems += [f"row {start + row + 1}: {text}" for row, text in broken]
            bar.update(len(portion))
    kept = clips.iloc[rows].reset_index(drop=True)
    return kept, np.array(predicted, dtype=str), sorted(set(kept["emotion"])), problems


def _match(corpus: pd.DataFrame, predictions: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the corpus's clips for which there is a prediction, and the predictions."""
    table = pd.read_csv(predictions, sep=None, engine="python")
    missing = {"path", "emotion"} - set(table)
    if missing:
        raise ValueError(f"{predictions} has no column {', '.join(sorted(missing))}; `sere predict -f csv` writes both")
    spans = [name for name in ("start", "end") if name in table and name in corpus]
    found = dict(zip(_identities(table, spans), table["emotion"].astype(str)))
    said = [found.get(identity) for identity in _identities(corpus, spans)]
    known = np.array([emotion is not None for emotion in said])
    if not known.any():
        raise ValueError(f"no path of {predictions} is a clip of the corpus (its first is {table['path'].iloc[0]!r})")
    return corpus[known].reset_index(drop=True), np.array([emotion for emotion in said if emotion], dtype=str)


def _identities(clips: pd.DataFrame, spans: list[str]) -> list[tuple]:
    """Return what makes two rows the same clip: the file, and the segment where both lists have one."""
    paths = [str(Path(path).resolve()) for path in clips["path"]]
    return list(zip(paths, *(clips[name].fillna(-1.0).astype(float) for name in spans)))
