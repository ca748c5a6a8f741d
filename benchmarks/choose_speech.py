"""Which layers of which Whisper, at which precision, and which mean over a clip say most of emotion elsewhere?

Contexts of every clip of five corpora, under several ways to make them: layers of openai/whisper-tiny.en and of the
multilingual openai/whisper-base, in float32 and int8; plain means over frames and means by loudness; the clip alone and
with silence behind it. Each is judged by what a linear map (ridge regression onto the emotions) that was learned on
four corpora says of the fifth: unweighted average recall among the fifth's own emotions, chance 14 to 20. Corpora are
standardised over their own clips, and with known speakers each speaker, shrunk, over theirs. The penalty of each corpus
is the one that is best on the others' scores.

Run: ``python benchmarks/choose_speech.py --tiny FOLDER --base FOLDER --cache FOLDER [--corpora DIR]``, with folders of
the two checkpoints as transformers saves them. Writes results/speech.md.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from make_speech import make
from tqdm import tqdm

from sere.audio import HOP, read
from sere.datasets import find_corpora, load_corpus
from sere.encoders._speech_weights import read as read_weights
from sere.encoders.speech import SHIPPED, WINDOW, Network, loudness
from sere.training.normalise import Moments, Standardiser

RESULTS = Path(__file__).parent / "results"
PENALTIES = (0.3, 0.6, 1.2, 2.5, 5.0, 10.0, 20.0)
KNOWN, UNKNOWN = 4.0, np.inf


def main() -> None:
    """Extract, score every variant, print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the contexts")
    parser.add_argument("--corpora", default=os.environ.get("SERE_CORPORA"), help="folder of corpora")
    options = parser.parse_args()
    found = find_corpora(options.corpora)
    corpora = pd.concat([load_corpus(found[name], name).assign(corpus=name) for name in found], ignore_index=True)
    options.cache.mkdir(parents=True, exist_ok=True)
    networks = load_networks(options.tiny, options.base)
    contexts = {
        (name, silence): extract(networks[name], silence, corpora["path"], options.cache / f"{name}-{silence}.npy")
        for name, silence in (("tiny", 0.0), ("int8", 0.0), ("tiny", 0.5), ("tiny", 1.0), ("base", 0.0))
    }
    rows = ["| weights | layers | silence behind | mean | speakers unknown | known |", "|---|---|---|---|---|---|"]
    for label, (name, silence), way, columns in variants():
        X = contexts[name, silence][:, way][:, columns]
        unknown, known = (left_out(X, corpora, shrinkage) for shrinkage in (UNKNOWN, KNOWN))
        rows.append(f"| {label} | {'loudness' if way else 'plain'} | {unknown:.1f} | {known:.1f} |")
        print(rows[-1], flush=True)
    (RESULTS / "speech.md").write_text("\n".join(rows) + "\n", encoding="utf-8")


def variants() -> list[tuple[str, tuple[str, float], int, slice]]:
    """What is compared: words for the table, contexts, whether by loudness, columns."""
    tiny, base = 384, 512
    whole = [(f"tiny.en, {kind} | 1-3 | {silence} s", (name, silence)) for kind, name, silence in (
        ("float32", "tiny", 0.0), ("int8", "int8", 0.0), ("float32", "tiny", 0.5), ("float32", "tiny", 1.0)
    )]  # fmt: skip
    found = [(label, key, way, slice(None)) for label, key in whole for way in (0, 1)]
    for first, last in ((1, 1), (2, 2), (3, 3), (1, 2), (2, 3)):
        columns = slice(tiny * (first - 1), tiny * last)
        found.append((f"tiny.en, float32 | {first}-{last} | 0.0 s", ("tiny", 0.0), 1, columns))
    for last in (1, 2, 3):
        found.append((f"base, float32 | 1-{last} | 0.0 s", ("base", 0.0), 1, slice(base * last)))
    return found


def load_networks(tiny: Path, base: Path) -> dict[str, Network]:
    """The library's own weights, and those of two checkpoints as they are."""
    networks = {"int8": Network(read_weights(SHIPPED))}
    for name, folder in (("tiny", tiny), ("base", base)):
        with tempfile.TemporaryDirectory() as draft:
            file = Path(draft) / "exact.safetensors"
            make(folder, file, exact=True)
            networks[name] = Network(read_weights(file))
    return networks


def extract(network: Network, silence: float, paths: pd.Series, file: Path) -> np.ndarray:
    """Plain means and means by loudness over the frames of every clip, (n, 2, columns), kept in a file."""
    if file.exists():
        return np.load(file)
    torch.set_num_threads(1)
    found = []
    for path in tqdm(paths, desc=file.stem, disable=None):
        wave = read(path)
        heard = np.pad(wave, (0, int(silence * 16_000)))[: WINDOW * HOP]
        own, count = (min(max(1, -(-len(w) // HOP)), WINDOW) for w in (wave, heard))
        states = network.states(torch.from_numpy(heard), count)[:own].numpy()
        found.append([states.mean(0), np.average(states, axis=0, weights=loudness(wave)[:own])])
    contexts = np.array(found, dtype=np.float32)
    np.save(file, contexts)
    return contexts


def left_out(X: np.ndarray, clips: pd.DataFrame, shrinkage: float) -> float:
    """Mean over corpora of the recall of the map that the others teach, at the penalty that suits the others."""
    names = sorted(set(clips["corpus"]))
    views = {view: standardised(X, clips, view) for view in {UNKNOWN, KNOWN}}
    scores = np.array([by_penalty(views, views[shrinkage], clips, name) for name in names])
    chosen = [np.delete(scores, row, 0).mean(0).argmax() for row in range(len(names))]
    return float(np.mean([100 * scores[row, penalty] for row, penalty in enumerate(chosen)]))


def standardised(X: np.ndarray, clips: pd.DataFrame, shrinkage: float) -> np.ndarray:
    """Every corpus, and each speaker, standardised as the library does."""
    standard = Standardiser(shrinkage)
    values, speakers = X.astype(np.float64), clips["speaker"].to_numpy(dtype=object)
    for name, rows in clips.groupby("corpus").indices.items():
        standard.learn(name, Moments.of_vectors(values[rows]), speakers[rows])
    return np.array(
        [standard.apply(v, c, s) for v, c, s in zip(values, clips["corpus"], speakers, strict=True)], dtype=np.float64
    )


def by_penalty(views: dict[float, np.ndarray], target: np.ndarray, clips: pd.DataFrame, out: str) -> list[float]:
    """Recall on the corpus left out, by penalty; both views of the others are learned from, emotions counting alike."""
    learned, judged = (np.flatnonzero(where) for where in (clips["corpus"] != out, clips["corpus"] == out))
    emotions = np.array(sorted(set(clips["emotion"])))
    cell = clips.groupby(["corpus", "emotion"])["emotion"].transform("size").to_numpy()
    weight = np.tile(1 / cell[learned], len(views))
    weight /= weight.sum()
    A = np.concatenate([view[learned] for view in views.values()])
    truth = np.tile((clips["emotion"].to_numpy()[learned, None] == emotions).astype(float), (len(views), 1))
    mean = weight @ A
    products = (A * weight[:, None]).T @ A - np.outer(mean, mean)
    towards = (A * weight[:, None]).T @ (truth - weight @ truth)
    spread, axes = np.linalg.eigh(products)
    own = clips["emotion"].to_numpy()[judged]
    there = np.isin(emotions, own)
    result = []
    for penalty in PENALTIES:
        W = axes @ ((axes.T @ towards) / (spread + penalty * spread.mean())[:, None])
        said = emotions[there][((target[judged] - mean) @ W)[:, there].argmax(1)]
        result.append(float(np.mean([(said[own == emotion] == emotion).mean() for emotion in emotions[there]])))
    return result


if __name__ == "__main__":
    main()
