"""Does it pay to fine-tune the last layer of the embedded speech encoder on labeled corpora of other languages?

For each pair of corpora the layer learns the emotions of the others, which is all that it and its experience ever hear:
a linear map of its mean over a clip is trained with it, by cross-entropy over the emotions that a clip's corpus has;
corpora count alike, and so do the emotions of a corpus. Means are standardised as the library does, with each speaker
and without (which of both, a batch at a time), by moments of all clips that are renewed every epoch. Weights are held
near their start. With ``--augment`` each corpus comes two more times, through a telephone's band and with noise at
10 dB, as corpora of their own.

What is asked is what a linear map of all that the default encoder hears, learned from the others, says of each of the
two corpora left out: unweighted average recall among the corpus's own emotions. Beside layers as they are: with the
tuned layer in their last one's place, learned anew; the map that was tuned with the layer, alone; and the sum of its
log-probabilities and those of layers as they are.

Run: ``python benchmarks/bench_finetuning.py --cache FOLDER [--pairs BO,BC,CO] [--epochs 2] [--augment]``. Prints
Markdown; what is tuned is kept in the cache.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import log_softmax
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from sere import DynamicFeatureTransformer, HeterogeneousEncoder
from sere.audio import HOP, read
from sere.datasets import find_corpora, load_corpus
from sere.datasets.shifts import shifted_wave
from sere.encoders import _speech_weights
from sere.encoders.acoustic import AcousticEncoder
from sere.encoders.experience import CLIP
from sere.encoders.side_by_side import SideBySideEncoder
from sere.encoders.speech import SHIPPED, SpeechEncoder, _load, loudness
from sere.estimators.pretrain import PENALTY, VIEWS, even_weights, masked_regression
from sere.inputs.reading import as_utterances
from sere.loops.threads import one_thread
from sere.training.normalise import Moments, Standardiser

NAMES = {"B": "emodb", "O": "emovo", "C": "casia", "R": "ravdess", "A": "ased"}
#: Frames of a clip that a tuned layer hears, at most: five seconds.
LONGEST = 250
BATCH = 32
RATE, HEAD_RATE = 1e-4, 3e-3
#: Pull of each weight towards its start, and of the map's towards 0.
HELD, SHRUNK = 1e-2, 1e-3


class Layer(nn.Module):
    """A pre-norm transformer layer of Whisper for ragged clips."""

    def __init__(self, tensors: dict[str, np.ndarray], number: int, heads: int):
        super().__init__()
        prefix = f"layers.{number}."
        self.heads = heads
        self.weights = nn.ParameterDict({
            name.removeprefix(prefix).replace(".", "/"): nn.Parameter(torch.tensor(value))
            for name, value in tensors.items()
            if name.startswith(prefix)
        })  # fmt: skip

    def forward(self, x: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """Return the states behind the layer of states before it, (clips, frames, width), where frames are `there`."""
        own = self.weights
        normed = F.layer_norm(x, x.shape[-1:], own["self_attn_layer_norm/weight"], own["self_attn_layer_norm/bias"])
        query, key, value = (
            F.linear(normed, own[f"self_attn/{k}_proj/weight"], own.get(f"self_attn/{k}_proj/bias"))
            .unflatten(-1, (self.heads, -1))
            .transpose(1, 2)
            for k in "qkv"
        )
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=there[:, None, None])
        heard = heard.transpose(1, 2).flatten(-2)
        x = x + F.linear(heard, own["self_attn/out_proj/weight"], own["self_attn/out_proj/bias"])
        normed = F.layer_norm(x, x.shape[-1:], own["final_layer_norm/weight"], own["final_layer_norm/bias"])
        inner = F.gelu(F.linear(normed, own["fc1/weight"], own["fc1/bias"]))
        return x + F.linear(inner, own["fc2/weight"], own["fc2/bias"])


@dataclass
class Heard:
    """Clips as the layer gets them.

    Attributes
    ----------
    states : list of ndarray of shape (n_frames, width), float16
    weights : list of ndarray of shape (n_frames,)
        How much each frame counts in the mean.
    clips : DataFrame
        With ``corpus``, ``speaker`` and ``emotion``; copies are corpora of their own.
    """

    states: list[np.ndarray]
    weights: list[np.ndarray]
    clips: pd.DataFrame

    def of(self, corpora: set[str]) -> "Heard":
        """Return the clips of some corpora."""
        rows = np.flatnonzero(self.clips["corpus"].isin(corpora))
        chosen = self.clips.iloc[rows].reset_index(drop=True)
        return Heard([self.states[i] for i in rows], [self.weights[i] for i in rows], chosen)

    def batch(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return states and weights of some clips, zeros behind the shorter ones."""
        longest = max(len(self.states[i]) for i in rows)
        x = torch.zeros(len(rows), longest, self.states[0].shape[1])
        w = torch.zeros(len(rows), longest)
        for place, i in enumerate(rows):
            x[place, : len(self.states[i])] = torch.from_numpy(self.states[i].astype(np.float32))
            w[place, : len(self.states[i])] = torch.from_numpy(self.weights[i].astype(np.float32))
        return x, w / w.sum(1, keepdim=True)


#: What is done to the copies of a corpus; nothing to the first.
COPIES = ("", "telephone", "noise10")


def heard(clips: pd.DataFrame, copies: Sequence[str], cache: Path) -> Heard:
    """Return what enters the last layer for every clip and copy, kept in a file each."""
    network = _load(str(SHIPPED))[1]
    last = len(network.layers)
    states, weights, tables = [], [], []
    for copy in copies:
        file = cache / f"states{copy and '-' + copy}.npz"
        if not file.exists():
            own, counts = [], []
            with one_thread():
                for path in tqdm(clips["path"], desc=f"layer {last - 1} {copy}", disable=None):
                    wave = shifted_wave(read(path), copy) if copy else read(path)
                    wave = np.ascontiguousarray(wave, dtype=np.float32)[: LONGEST * HOP]
                    count = max(1, -(-len(wave) // HOP))
                    out = np.empty((count, network.width), np.float32)
                    network.states(wave, count, {last - 1: out})
                    own.append(np.column_stack([out, loudness(wave)[:count]]).astype(np.float16))
                    counts.append(count)
            np.savez(file, rows=np.concatenate(own), counts=counts)
        kept = np.load(file)
        rows = np.split(kept["rows"], np.cumsum(kept["counts"])[:-1])
        states += [row[:, :-1] for row in rows]
        weights += [row[:, -1] for row in rows]
        tables.append(clips.assign(corpus=clips["corpus"] + (copy and f" {copy}")))
    return Heard(states, weights, pd.concat(tables, ignore_index=True))


def tuned(data: Heard, epochs: int, emotions: list[str], seed: int = 0) -> tuple[Layer, nn.Linear]:
    """Return the last layer and the map of its means, tuned on labeled clips."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    weights = _speech_weights.read(SHIPPED)
    layer = Layer(weights.tensors, weights.n_layers - 1, weights.n_heads)
    start = [weight.detach().clone() for weight in layer.parameters()]
    y = torch.tensor([emotions.index(e) for e in data.clips["emotion"]])
    has = {c: [e in set(own["emotion"]) for e in emotions] for c, own in data.clips.groupby("corpus")}
    possible = torch.tensor([has[c] for c in data.clips["corpus"]])
    corpus = data.clips["corpus"].astype("category").cat.codes.to_numpy()
    worth = even_weights(y.numpy(), corpus)
    worth = torch.tensor(worth / worth.mean(), dtype=torch.float32)
    head = nn.Linear(len(data.states[0][0]), len(emotions))
    nn.init.zeros_(head.weight)
    learning = torch.optim.Adam([
        {"params": layer.parameters(), "lr": RATE},
        {"params": head.parameters(), "lr": HEAD_RATE},
    ])  # fmt: skip
    per_epoch = -(-len(y) // BATCH)
    plan = torch.optim.lr_scheduler.OneCycleLR(
        learning, [RATE, HEAD_RATE], total_steps=epochs * per_epoch, pct_start=0.1
    )
    for epoch in range(epochs):
        scales = both_views(pooled(layer, data), data.clips)
        order = batches([len(s) for s in data.states], random)
        bar = tqdm(order, desc=f"epoch {epoch + 1}", disable=None)
        seen = []
        for rows in bar:
            mean, sd = (torch.tensor(part[rows], dtype=torch.float32) for part in scales[random.integers(2)])
            x, w = data.batch(rows)
            context = (layer(x, w > 0) * w[..., None]).sum(1)
            logits = head(((context - mean) / sd).clamp(-CLIP, CLIP)).masked_fill(~possible[rows], -torch.inf)
            loss = (F.cross_entropy(logits, y[rows], reduction="none") * worth[rows]).mean()
            held = sum(((now - then) ** 2).sum() for now, then in zip(layer.parameters(), start, strict=True))
            learning.zero_grad()
            (loss + HELD * held + SHRUNK * (head.weight**2).sum()).backward()
            learning.step()
            plan.step()
            seen.append(float(loss.detach()))
            bar.set_postfix(loss=f"{np.mean(seen[-50:]):.3f}")
        print(f"  epoch {epoch + 1}: loss {np.mean(seen):.3f}, moved {float(held.detach()):.2f}", flush=True)
    return layer, head


def batches(lengths: list[int], random: np.random.Generator) -> list[np.ndarray]:
    """Return rows of about equal length together, in any order."""
    order = np.argsort(np.array(lengths) + random.uniform(0, 25, len(lengths)))
    found = [order[first : first + BATCH] for first in range(0, len(order), BATCH)]
    return [found[i] for i in random.permutation(len(found))]


@torch.no_grad()
def pooled(layer: Layer, data: Heard) -> np.ndarray:
    """Return the layer's mean over every clip, (n, width)."""
    found = np.empty((len(data.states), data.states[0].shape[1]))
    order = np.argsort([len(s) for s in data.states])
    for first in range(0, len(order), 64):
        rows = order[first : first + 64]
        x, w = data.batch(rows)
        found[rows] = (layer(x, w > 0) * w[..., None]).sum(1).numpy()
    return found


def both_views(contexts: np.ndarray, clips: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return each clip's mean and SD, speakers known and unknown, (n, width) each."""
    found = []
    speakers = clips["speaker"].to_numpy(dtype=object)
    for view in VIEWS:
        standard = Standardiser(view)
        for name, rows in clips.groupby("corpus").indices.items():
            standard.learn(name, Moments.of_vectors(contexts[rows]), speakers[rows])
        pairs = [standard.scales(c, s) for c, s in zip(clips["corpus"], speakers, strict=True)]
        found.append((np.array([mean for mean, _ in pairs]), np.array([sd for _, sd in pairs])))
    return found


def kept(data: Heard, epochs: int, emotions: list[str], file: Path) -> tuple[Layer, nn.Linear]:
    """Return what :func:`tuned` finds, kept in a file."""
    if not file.exists():
        layer, head = tuned(data, epochs, emotions)
        torch.save([layer.state_dict(), head.state_dict()], file)
    weights = _speech_weights.read(SHIPPED)
    layer = Layer(weights.tensors, weights.n_layers - 1, weights.n_heads)
    head = nn.Linear(len(data.states[0][0]), len(emotions))
    for part, state in zip((layer, head), torch.load(file), strict=True):
        part.load_state_dict(state)
    return layer, head


def contexts_of(clips: pd.DataFrame, encoder: object) -> np.ndarray:
    """Return the contexts of clips."""
    followed = DynamicFeatureTransformer().extract(as_utterances(clips.drop(columns="emotion")), "clips")
    return np.array(HeterogeneousEncoder(encoder).encode(followed, "source", "clips").context, dtype=np.float64)


def evidence(contexts: np.ndarray, clips: pd.DataFrame, out: set[str]) -> tuple[np.ndarray, ...]:
    """Return the log-probabilities that the corpora which are not left out teach, speakers known and unknown."""
    views = standard_views(contexts, clips)
    y, possible = targets(clips)
    codes = clips["corpus"].astype("category").cat.codes.to_numpy()
    learned = np.flatnonzero(~clips["corpus"].isin(out))
    twice = np.tile(learned, len(views))
    X = np.concatenate([view[learned] for view in views])
    weights = even_weights(y[twice], codes[twice])
    B, b = masked_regression(X, y[twice], possible[twice], weights, PENALTY * (X**2).sum(1).mean())
    return said_by(B, b, views, possible)


def of_head(contexts: np.ndarray, clips: pd.DataFrame, head: nn.Linear) -> tuple[np.ndarray, ...]:
    """Return the log-probabilities of the map that was trained with the layer."""
    B, b = (part.detach().numpy() for part in (head.weight, head.bias))
    return said_by(B, b, standard_views(contexts, clips), targets(clips)[1])


def said_by(B: np.ndarray, b: np.ndarray, views: list[np.ndarray], possible: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return a linear map's log-probabilities of the emotions that each clip's corpus has."""
    return tuple(log_softmax(np.where(possible, view @ B.T + b, -np.inf), axis=1) for view in views)


def standard_views(contexts: np.ndarray, clips: pd.DataFrame) -> list[np.ndarray]:
    """Return contexts standardised with speakers known and unknown."""
    return [np.clip((contexts - mean) / sd, -CLIP, CLIP) for mean, sd in both_views(contexts, clips)]


def targets(clips: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return each clip's emotion as a number, and which emotions its corpus has."""
    emotions = sorted(set(clips["emotion"]))
    has = {c: [e in set(own["emotion"]) for e in emotions] for c, own in clips.groupby("corpus")}
    y = np.array([emotions.index(e) for e in clips["emotion"]])
    return y, np.array([has[c] for c in clips["corpus"]])


def recall(said: np.ndarray, clips: pd.DataFrame, name: str) -> float:
    """Return the unweighted average recall on a corpus, in %."""
    y, _ = targets(clips)
    own = (clips["corpus"] == name).to_numpy()
    found, truth = said[own].argmax(1), y[own]
    return 100 * float(np.mean([(found[truth == e] == e).mean() for e in np.unique(truth)]))


def main() -> None:
    """Tune, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", default=os.environ.get("SERE_CORPORA"), help="default: SERE_CORPORA")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--pairs", default="BO,BC,CO")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--augment", action="store_true")
    arguments = parser.parse_args()
    if not arguments.corpora:
        parser.error("--corpora or SERE_CORPORA is needed")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    files = find_corpora(arguments.corpora)
    corpora = {name: load_corpus(files[name], name).assign(corpus=name) for name in NAMES.values()}
    clips = pd.concat(corpora.values(), ignore_index=True)
    data = heard(clips, COPIES if arguments.augment else COPIES[:1], arguments.cache)
    before = contexts_of(clips, SideBySideEncoder([AcousticEncoder(), SpeechEncoder()]))
    emotions = sorted(set(clips["emotion"]))
    width = len(data.states[0][0])
    plain = data.of(set(NAMES.values()))
    ways = ("layers as they are", "last layer tuned", "tuned map alone", "as they are, and tuned map")
    print(f"| left out | target | speakers | {' | '.join(ways)} |", "|---|---|---|" + "---:|" * 4, sep="\n", flush=True)
    rows = []
    for pair in arguments.pairs.split(","):
        out = {NAMES[letter] for letter in pair}
        rest = {name + (copy and f" {copy}") for name in corpora for copy in COPIES if name not in out}
        file = arguments.cache / f"{pair}-{arguments.epochs}{'-augmented' if arguments.augment else ''}.pt"
        layer, head = kept(data.of(rest), arguments.epochs, emotions, file)
        own = pooled(layer, plain)
        after = np.column_stack([before[:, :-width], own])
        old, new, alone = evidence(before, clips, out), evidence(after, clips, out), of_head(own, clips, head)
        for target in sorted(out):
            for view, who in enumerate(("known", "unknown")):
                answers = old[view], new[view], alone[view], old[view] + alone[view]
                rows.append([recall(said, clips, target) for said in answers])
                print(f"| {pair} | {target} | {who} | {' | '.join(f'{v:.1f}' for v in rows[-1])} |", flush=True)
    print(f"| mean | | | {' | '.join(f'{v:.1f}' for v in np.mean(rows, axis=0))} |")


if __name__ == "__main__":
    main()
