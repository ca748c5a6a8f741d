"""Do pools of clips fall apart by voice, and only where they hold women and men? And what do answers gain by it?

Directions of voices (:mod:`sere.training.voices`) are learned for each pair of corpora from the others, and looked for
in the target: in all of it, in draws of 20 and of 60 clips, in its women alone and its men alone, in forty clips of one
of them, and in each speaker. The table says how far the two groups lie apart, in SD of one speaker's clips, and how
many clips are in the group of their speaker's sex. No speaker is known to what divides them.

With ``--answers`` a classifier with experience of neither corpus is fitted on one draw of each pair with speakers
unknown: pools as a whole, by two voices as is the default, and, as speakers, by two, four and eight groups of k-means
along forty such directions, beside speakers known.

Run: ``SERE_CORPORA=... python benchmarks/bench_voices.py [--encoder acoustic+speech] [--answers] [--tasks BO,OB,...]``.
Prints Markdown.
"""

import argparse
import os
from collections.abc import Iterator
from itertools import permutations

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

from sere import DynamicFeatureTransformer, HeterogeneousEncoder, SEREClassifier, pretrain_encoder
from sere.datasets import FewShotTask, find_corpora, load_corpus, make_task
from sere.estimators.pretrain import standard_contexts
from sere.evaluation.cells import without_speakers
from sere.inputs.reading import as_utterances
from sere.metrics import uar_score
from sere.training import voices
from sere.training.voices import like, voice_directions

NAMES = {"B": "emodb", "O": "emovo", "C": "casia", "R": "ravdess", "A": "ased"}
#: Of the corpora whose documentation says who is a woman; for CASIA's two by their pitch.
WOMEN = {
    "B": {"emodb-08", "emodb-09", "emodb-13", "emodb-14", "emodb-16"},
    "O": {"emovo-f1", "emovo-f2", "emovo-f3"},
    "C": {"casia-liuchanhg", "casia-zhaoquanyin"},
    "R": {f"ravdess-{number:02d}" for number in range(2, 25, 2)},
}
GROUPS, DIRECTIONS = (2, 4, 8), 40


def main() -> None:
    """Look at pools, or at answers, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", default=os.environ.get("SERE_CORPORA"), help="default: SERE_CORPORA")
    parser.add_argument("--encoder", default="acoustic+speech", help="default: %(default)s")
    parser.add_argument("--answers", action="store_true", help="fit classifiers instead")
    parser.add_argument("--tasks", default="BO,OB,BC,CB,CO,OC", help="of --answers (default: %(default)s)")
    arguments = parser.parse_args()
    if not arguments.corpora:
        parser.error("--corpora or SERE_CORPORA is needed")
    found = find_corpora(arguments.corpora)
    corpora = {letter: load_corpus(found[name], name) for letter, name in NAMES.items() if name in found}
    contexts = {letter: contexts_of(clips, arguments.encoder) for letter, clips in corpora.items()}
    if arguments.answers:
        answers(arguments.tasks.split(","), corpora, contexts, arguments.encoder)
        return
    known = [letter for letter in WOMEN if letter in corpora]
    rows = [row for pair in permutations(known, 2) for row in of_pair(*pair, contexts)]
    table = pd.DataFrame(rows, columns=["pool", "apart", "agree"]).groupby("pool", sort=False)
    print("| pool | pools | apart, least | median | most | in the group of their sex |")
    print("|---|" + "---:|" * 5)
    for pool, own in table:
        agree = f"{own.agree.mean():.0%} (least {own.agree.min():.0%})" if own.agree.notna().all() else ""
        apart = " | ".join(f"{value:.1f}" for value in (own.apart.min(), own.apart.median(), own.apart.max()))
        print(f"| {pool} | {len(own)} | {apart} | {agree} |")


def contexts_of(clips: pd.DataFrame, encoder: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the contexts of a corpus, and who speaks."""
    heard = DynamicFeatureTransformer().extract(as_utterances(clips.drop(columns="emotion")), "clips")
    embedded = HeterogeneousEncoder(encoder).encode(heard, "source", "clips")
    return np.array(embedded.context, dtype=np.float64), embedded.speakers


def standardised(contexts: np.ndarray) -> np.ndarray:
    """Return contexts standardised as those of one pool whose speakers are not known."""
    nobody = np.full(len(contexts), None, dtype=object)
    rows = as_utterances([np.zeros(2)] * len(contexts)).with_(speakers=nobody, context=list(contexts))
    return standard_contexts(rows, np.inf)


def directions_without(pair: str, contexts: dict[str, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the directions that the corpora beside a pair teach."""
    return voice_directions([(standardised(X), who) for letter, (X, who) in contexts.items() if letter not in pair])


def of_pair(
    source: str, target: str, contexts: dict[str, tuple[np.ndarray, np.ndarray]]
) -> Iterator[tuple[str, float, float]]:
    """Yield each pool's kind, how far its groups lie apart, and how many clips are with their speaker's sex."""
    directions = directions_without(source + target, contexts)
    X, who = contexts[target]
    woman = np.isin(who, list(WOMEN[target]))
    random, everyone = np.random.RandomState(0), np.arange(len(X))
    sides = [np.flatnonzero(woman), np.flatnonzero(~woman)]
    pools = [("all", everyone)]
    pools += [(f"{n} clips", random.choice(everyone, n, replace=False)) for n in (60, 20) for _ in range(3)]
    pools += [("women or men alone", side) for side in sides]
    pools += [("40 clips of them", random.choice(side, 40, replace=False)) for side in sides]
    pools += [("one speaker", np.flatnonzero(who == one)) for one in sorted(set(who))]
    for kind, rows in pools:
        places = standardised(X[rows]) @ directions
        centres = divided(places)
        if centres is None:
            yield kind, 0.0, np.nan
            continue
        agree = np.mean((like(places, centres) == 1) == woman[rows])
        mixed = len(set(woman[rows])) > 1
        yield kind, float(np.linalg.norm(centres[0] - centres[1])), max(agree, 1 - agree) if mixed else np.nan


def divided(places: np.ndarray) -> np.ndarray | None:
    """Return the two groups of a pool however near they lie."""
    kept = voices.APART
    try:
        voices.APART = 0.0
        return voices.two_voices(places)
    finally:
        voices.APART = kept


def answers(
    tasks: list[str],
    corpora: dict[str, pd.DataFrame],
    contexts: dict[str, tuple[np.ndarray, np.ndarray]],
    encoder: str,
) -> None:
    """Print what a classifier scores on each task, by what stands in for its speakers."""
    ways = ["whole", "two voices", *(f"{k} groups" for k in GROUPS), "speakers known"]
    print(f"| task | {' | '.join(ways)} |")
    print("|---|" + "---:|" * len(ways))
    scores: dict[str, list[float]] = {way: [] for way in ways}
    for pair in tasks:
        others = {NAMES[letter]: clips for letter, clips in corpora.items() if letter not in pair}
        experience = pretrain_encoder(others, encoder, random_state=0)
        task = make_task(corpora[pair[0]], corpora[pair[1]], shots=5, random_state=0)
        for way, used in zip(ways, shown(task, pair, corpora, contexts), strict=True):
            shrinkage = np.inf if way == "whole" else 4.0
            model = SEREClassifier(experience, speaker_shrinkage=shrinkage, random_state=0)
            model.fit(used.X_labeled, used.y, (used.X_unlabeled_src,), (used.X_unlabeled_tgt,))
            scores[way].append(uar_score(task.y_test, model.predict(used.X_test)))
        print(f"| {pair} | {' | '.join(f'{100 * scores[way][-1]:.1f}' for way in ways)} |", flush=True)
    print(f"| mean | {' | '.join(f'{100 * np.mean(scores[way]):.1f}' for way in ways)} |")


def shown(
    task: FewShotTask,
    pair: str,
    corpora: dict[str, pd.DataFrame],
    contexts: dict[str, tuple[np.ndarray, np.ndarray]],
) -> Iterator[FewShotTask]:
    """Yield a task as each way sees it."""
    unknown = without_speakers(task)
    yield unknown
    yield unknown
    kept = voices.DIRECTIONS
    try:
        voices.DIRECTIONS = DIRECTIONS
        directions = directions_without(pair, contexts)
    finally:
        voices.DIRECTIONS = kept
    for k in GROUPS:
        group: dict[str, str] = {}
        for letter in pair:
            places = standardised(contexts[letter][0]) @ directions
            found = KMeans(k, n_init=10, random_state=0).fit_predict(places)
            group |= {str(path): f"group {own}" for path, own in zip(corpora[letter]["path"], found, strict=True)}
        tables = {
            name: part.assign(speaker=part["path"].astype(str).map(group))
            for name, part in unknown.items()
            if isinstance(part, pd.DataFrame)
        }
        yield FewShotTask(**{**unknown, **tables})
    yield task


if __name__ == "__main__":
    main()
