"""Do the embedded descriptors carry emotion across languages as well as eGeMAPS does?

Both encoders, the same draws of labeled clips, over all ordered pairs of the corpora found, transductive, with the
speakers known and with them unknown. Nothing of the library's own method is used, only what is plain to read:

- ``LR``: logistic regression on the context vectors of the labeled clips;
- ``prototypes``: class means of the context vectors, refined on the target pool by assignments of equal class shares
  (Sinkhorn);
- ``resonance``: no training at all; Eq. 4-6 without intensities between the frames of a target clip and of each labeled
  clip, the class with the highest mean, each labeled clip's own mean removed.

Normalisation looks at no label: each corpus standardised over its own clips, then each speaker of at least 12 clips
over theirs. The last column is the smallest margin over eGeMAPS when any one corpus is left out: a descriptor that
helps one corpus only shows there.

Which descriptors the encoder keeps was decided on these five corpora, all pairs together, so its margins here are
somewhat optimistic.

Run: ``SERE_CORPORA=... python benchmarks/bench_acoustic.py --cache FOLDER``. Writes results/acoustic.md.
"""

import argparse
import itertools
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from sere.audio import read
from sere.datasets import find_corpora, load_corpus, make_task
from sere.encoders.acoustic import AcousticEncoder
from sere.encoders.base import Encoded, FrameEncoder
from sere.encoders.egemaps import EgemapsEncoder
from sere.metrics import uar_score
from sere.tracks import pitch

RESULTS = Path(__file__).parent / "results"
LARGEST_POOL = 600
FEWEST_CLIPS_A_SPEAKER = 12
#: Every fourth frame is compared: windows of 0.46 s overlap anyway.
STRIDE = 4

Features = dict[str, Encoded]


def main() -> None:
    """Extract, score every pair, print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the extracted features")
    parser.add_argument("--corpora", default="emodb,emovo,casia,ravdess,ased", help="default: %(default)s")
    parser.add_argument("--draws", type=int, default=5, help="draws of the labeled clips (default: 5)")
    arguments = parser.parse_args()
    found = find_corpora(os.environ["SERE_CORPORA"])
    corpora = {name: load_corpus(found[name], name) for name in arguments.corpora.split(",") if name in found}
    paths = [path for corpus in corpora.values() for path in corpus["path"]]
    features = {
        encoder.cache_key.split("-")[0]: extract(encoder, paths, arguments.cache)
        for encoder in (EgemapsEncoder(), AcousticEncoder())
    }
    runs = []
    for source, target in tqdm(list(itertools.permutations(corpora, 2)), disable=None):
        for draw in range(arguments.draws):
            task = make_task(corpora[source], corpora[target], random_state=draw, max_pool=LARGEST_POOL)
            for (name, clips), known, (way, recognise) in itertools.product(
                features.items(), (True, False), WAYS.items()
            ):
                predicted = recognise(clips, task, known)
                uar = 100 * uar_score(task.y_test, predicted, labels=task.labels)
                runs.append(dict(source=source, target=target, way=way, speakers=known, encoder=name, uar=uar))
    table = summary(pd.DataFrame(runs), list(corpora))
    print(table)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "acoustic.md").write_text(f"{arguments.draws} draws a pair, UAR in %\n\n{table}\n", encoding="utf-8")


def extract(encoder: FrameEncoder, paths: list[str], cache: Path) -> Features:
    """Context and thinned frames of every clip, kept in the cache folder under the clips' names."""
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / f"{encoder.cache_key}.pickle"
    known: Features = pickle.loads(file.read_bytes()) if file.exists() else {}
    missing = [path for path in paths if path not in known]
    for count, path in enumerate(tqdm(missing, desc=encoder.cache_key, disable=None), 1):
        wave = read(path)
        [clip] = encoder.encode([wave], [pitch(wave)] if encoder.needs_pitch else None)
        known[path] = Encoded(clip.frames[::STRIDE], clip.context)
        if count % 200 == 0 or count == len(missing):
            file.write_bytes(pickle.dumps(known))
    return known


def standardise(rows: np.ndarray, speakers: np.ndarray, clip: np.ndarray) -> np.ndarray:
    """Rows of one corpus standardised over all of them, then over those of each speaker with enough clips."""
    rows = (rows - rows.mean(0)) / (rows.std(0) + 1e-6)
    for speaker in pd.unique(speakers):
        own = speakers == speaker
        if len(np.unique(clip[own])) >= FEWEST_CLIPS_A_SPEAKER:
            rows[own] = (rows[own] - rows[own].mean(0)) / (rows[own].std(0) + 1e-6)
    return rows


def prepared(clips: Features, task: dict, known: bool, kind: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Standardised contexts (one row each) or frames of the labeled clips, and of the target's."""
    parts = []
    for side in (pd.concat([task["X_labeled"], task["X_unlabeled_src"]]), task["X_unlabeled_tgt"]):
        rows = [np.atleast_2d(getattr(clips[path], kind)).astype(float) for path in side["path"]]
        length = [len(r) for r in rows]
        speaker = side["speaker"].to_numpy() if known else np.arange(len(rows))
        values = standardise(np.concatenate(rows), np.repeat(speaker, length), np.repeat(np.arange(len(rows)), length))
        parts.append(np.split(values, np.cumsum(length)[:-1]))
    return parts[0][: len(task["y"])], parts[1]


def by_regression(clips: Features, task: dict, known: bool) -> np.ndarray:
    """Logistic regression on the shots' contexts."""
    shots, target = (np.concatenate(part) for part in prepared(clips, task, known, "context"))
    return LogisticRegression(C=0.01, max_iter=500).fit(shots, task["y"]).predict(target)


def by_prototypes(clips: Features, task: dict, known: bool, temperature: float = 0.05, rounds: int = 15) -> np.ndarray:
    """Class means refined by Sinkhorn assignments of equal shares on the target pool."""
    shots, target = (np.clip(np.concatenate(part), -3, 3) for part in prepared(clips, task, known, "context"))
    labels = np.array(task["labels"])
    own = (task["y"][:, None] == labels).astype(float)
    centre = own.T @ shots / own.sum(0)[:, None]
    for _ in range(rounds):
        distance = ((target[:, None] - centre) ** 2).mean(2)
        share = np.exp(-(distance - distance.min(1, keepdims=True)) / temperature)
        for _ in range(30):
            share /= share.sum(0) * len(labels) / len(share)
            share /= share.sum(1, keepdims=True)
        centre = (own.T @ shots + share.T @ target) / (own.sum(0) + share.sum(0))[:, None]
    return labels[share.argmax(1)]


def by_resonance(clips: Features, task: dict, known: bool) -> np.ndarray:
    """Class with the highest mean resonance of its shots."""
    shots, target = prepared(clips, task, known, "frames")
    packed = [np.clip(np.concatenate(part), -4, 4).astype(np.float32) for part in (shots, target)]
    a, b = (x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-6) for x in packed)
    starts = [np.cumsum([0] + [len(x) for x in part[:-1]]) for part in (shots, target)]
    best = np.maximum.reduceat(b @ a.T, starts[0], axis=1)
    field = np.add.reduceat(best, starts[1], axis=0) / np.array([len(x) for x in target])[:, None]
    field -= field.mean(0)
    labels = np.array(task["labels"])
    return labels[np.stack([field[:, task["y"] == label].mean(1) for label in labels], 1).argmax(1)]


WAYS: dict[str, Callable[[Features, dict, bool], np.ndarray]] = {
    "LR": by_regression,
    "prototypes": by_prototypes,
    "resonance": by_resonance,
}


def summary(runs: pd.DataFrame, names: list[str]) -> str:
    """Mean UAR of each way over the pairs, and the margins."""
    rows = []
    for (speakers, way), part in runs.groupby(["speakers", "way"], sort=False):
        by_pair = part.pivot_table(index=["source", "target"], columns="encoder", values="uar").reset_index()
        margin = by_pair["acoustic"] - by_pair["egemaps"]
        without = {n: margin[(by_pair["source"] != n) & (by_pair["target"] != n)].mean() for n in names}
        least = min(without, key=lambda n: without[n])
        rows.append(
            f"| {'known' if speakers else 'unknown'} | {way} | {by_pair['egemaps'].mean():.1f} "
            f"| {by_pair['acoustic'].mean():.1f} | {margin.mean():+.1f} | {(margin > 0).sum()}/{len(margin)} "
            f"| {without[least]:+.1f} (without {least}) |"
        )
    head = "| speakers | way | eGeMAPS | acoustic | margin | pairs ahead | least margin |\n" + "|---" * 7 + "|\n"
    return head + "\n".join(rows)


if __name__ == "__main__":
    main()
