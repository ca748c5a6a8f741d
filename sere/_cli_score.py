"""``sere corpora``, ``sere evaluate`` and ``sere cache``."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from sere._cli_inputs import identities, is_list, load_model, read_labeled, visible
from sere._cli_problems import PLACE, Problems
from sere.datasets.emotions import merged_names, shared_names
from sere.datasets.tables import numbers, read_table


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

    problems = Problems("evaluate", arguments.on_error)
    corpus = read_labeled(arguments.corpus)
    if is_list(arguments.model):
        said, taught, all_known = _read_predictions(corpus, Path(arguments.model))
    else:
        said, taught = _predict(corpus, arguments, problems)
        all_known = True
    # Truth and answers are compared under one set of names, whoever's words they are.
    names, names_taught = shared_names(corpus["emotion"], taught)
    known = names_taught.values() if all_known else names.values()
    scored = [k for k, label in enumerate(corpus["emotion"]) if said[k] and names[label] in known]
    if not scored and not problems.found:
        raise ValueError(
            f"{arguments.corpus} holds none of the emotions that {arguments.model} knows ({', '.join(taught)})"
        )
    left_out = len(corpus) - len(scored) - len(problems.found)
    clips = corpus.iloc[scored]
    _say_names("corpus", {label: names[label] for label in clips["emotion"]})
    _say_names("model", {label: name for label, name in names_taught.items() if name in names.values()})
    if left_out:
        print(f"{left_out} of {len(corpus)} clips are left out: no prediction, or an emotion the model was not taught")
    if scored:
        truth = np.array([names[label] for label in clips["emotion"]], dtype=str)
        result = TaskResult(
            y_true=truth,
            y_pred=np.array([names_taught[said[k]] for k in scored], dtype=str),
            labels=sorted(set(truth)),
            speakers=speakers_of(clips),
        )
        print(result.summary())
    return 1 if problems.found else 0


def _say_names(whose: str, names: dict[str, str]) -> None:
    """Say which labels go by another name in the score, and which become one."""
    merged = merged_names(names)
    renamed = [f"{label} as {name}" for label, name in sorted(names.items()) if name != label and name not in merged]
    if renamed:
        print(f"labels of the {whose} that are compared by their emotion: {', '.join(renamed)}")
    for name, labels in merged.items():
        print(f"labels of the {whose} that become one, {name}: {', '.join(labels)}")


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
    corpus: pd.DataFrame, arguments: argparse.Namespace, problems: Problems
) -> tuple[list[str | None], list[str]]:
    """Return what the model says of each clip of an emotion it was taught, None of others; and what it was taught."""
    from sere._cli_predict import predictions

    model = load_model(arguments.model, arguments.allow)
    taught = [str(name) for name in model.classes_]
    names, names_taught = shared_names(corpus["emotion"], taught)
    asked = [k for k, label in enumerate(corpus["emotion"]) if names[label] in names_taught.values()]
    said: list[str | None] = [None] * len(corpus)
    clips = corpus.iloc[asked]
    seen = visible(clips).assign(**{PLACE: clips[PLACE].to_numpy()})
    for rows, probabilities in predictions(model, seen, problems, arguments.quiet):
        for row, best in zip(rows, probabilities.argmax(axis=1)):
            said[asked[row]] = taught[best]
    return said, taught


def _read_predictions(corpus: pd.DataFrame, file: Path) -> tuple[list[str | None], list[str], bool]:
    """Return what a list says of each clip (None: nothing), its emotions, and whether it names all that were taught."""
    spans = [name for name in ("start", "end") if name in corpus]
    table = read_table(file, ["path", "emotion", *spans], needed=("path", "emotion"))
    spans = [name for name in spans if name in table.clips]
    clips = table.clips.assign(**{name: numbers(table.clips[name], table.decimal) for name in spans})
    found = dict(zip(identities(clips, spans), clips["emotion"]))
    said = [found.get(identity) or None for identity in identities(corpus, spans)]
    if not any(said):
        first = f" (its first is {clips['path'].iloc[0]!r})" if len(clips) else ""
        raise ValueError(f"no path of {file} is a clip of the corpus{first}")
    # `sere predict` writes a column of probabilities for each emotion that the model was taught.
    columns = [name.removeprefix("p_") for name in table.header if name.startswith("p_")]
    occurring = sorted({emotion for emotion in clips["emotion"] if emotion})
    complete = set(occurring) <= set(columns)
    return said, columns if complete else occurring, complete
