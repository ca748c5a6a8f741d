"""How fast the resonance field is beside what one would write first: ratios of interleaved runs.

Two comparisons, each at several widths d. *Scores* of all pairs (Eq. 4-6): ``resonance_scores``
beside F.cosine_similarity by broadcast, one matrix product a pair, and the bare matrix product
(sgemm) that any exact method must do. *Training*: forward and backward of ``resonance_field``
beside plain autograd with the whole field at hand, and the memory a forward pass keeps for its
backward.

Runs alternate (A B C A B C ...) so that a busy machine slows all alike; figures are medians.

    python benchmarks/bench_resonance.py --out resonance.json
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from sere.kernels import Packed, Reading, resonance_field, resonance_scores
from sere.method import resonance_matrix, resonance_score

TAU = 1.0


def clips(n: int, d: int, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Random frames and intensities of n clips of 1 to 3 seconds."""
    random = np.random.default_rng(seed)
    lengths = random.integers(50, 150, n)
    frames = [random.standard_normal((t, d), dtype=np.float32) for t in lengths]
    return frames, [np.abs(random.standard_normal(t, dtype=np.float32)) for t in lengths]


def interleaved(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each way, run in turns after one warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(s) for name, s in seconds.items()}


def broadcast_score(zi: torch.Tensor, zj: torch.Tensor, a: torch.Tensor, b: torch.Tensor):
    """One pair through F.cosine_similarity by broadcast."""
    cosine = F.cosine_similarity(zi[:, None], zj[None], dim=2)
    R = (1 + cosine) / 2 * torch.exp(-(a[:, None] - b[None]).abs() / TAU)
    return R.amax(1).mean()


def bench_scores(d: int, n_queries: int, n_keys: int, rounds: int) -> dict:
    """All-pairs scores: pairs a second and share of sgemm."""
    (q, iq), (k, ik) = clips(n_queries, d, 0), clips(n_keys, d, 1)
    tensors = [[torch.from_numpy(x) for x in xs] for xs in (q, iq, k, ik)]
    A, B = torch.randn(2048, d), torch.randn(d, 2048)
    few = 2  # the slow ways run on this many queries and keys

    def by_pair(score: Callable, n: int, m: int) -> None:
        zq, a, zk, b = tensors
        for i in range(n):
            for j in range(m):
                score(zq[i], zk[j], a[i], b[j])

    def mm(zi, zj, a, b):
        return resonance_score(resonance_matrix(zi, zj, a, b, TAU))

    ways = {
        "resonance_scores": lambda: resonance_scores(q, k, TAU, query_intensity=iq, key_intensity=ik),
        "one mm a pair": lambda: by_pair(mm, 10 * few, 10 * few),
        "F.cosine_similarity": lambda: by_pair(broadcast_score, few, few),
        "sgemm": lambda: [A @ B for _ in range(4)],
    }
    with torch.no_grad():
        seconds = interleaved(ways, rounds)
    frames = [sum(map(len, x)) for x in (q, k)]
    sgemm = 4 * 2 * d * 2048**2 / seconds["sgemm"]
    rate = {
        "resonance_scores": n_queries * n_keys / seconds["resonance_scores"],
        "one mm a pair": 100 * few**2 / seconds["one mm a pair"],
        "F.cosine_similarity": few**2 / seconds["F.cosine_similarity"],
    }
    return {
        "d": d,
        "pairs": n_queries * n_keys,
        "pairs_per_second": rate,
        "times_one_mm": rate["resonance_scores"] / rate["one mm a pair"],
        "times_cosine_similarity": rate["resonance_scores"] / rate["F.cosine_similarity"],
        "share_of_sgemm": 2 * d * frames[0] * frames[1] / seconds["resonance_scores"] / sgemm,
        "sgemm_gflops": sgemm / 1e9,
    }


def plain_field(queries: Packed, keys: Packed, tau: torch.Tensor) -> torch.Tensor:
    """The whole field at once by plain autograd: every resonance is kept."""
    R = resonance_matrix(queries.frames, keys.frames, queries.intensity, keys.intensity, tau)
    owner = torch.repeat_interleave(keys.lengths)
    peak = torch.full((len(R), keys.n_clips), -torch.inf)
    peak = peak.scatter_reduce(1, owner.expand(len(R), -1), R, "amax")
    rows = torch.repeat_interleave(queries.lengths)
    total = torch.zeros(queries.n_clips, keys.n_clips).index_add(0, rows, peak)
    return total / queries.lengths[:, None]


def kept_bytes(forward: Callable[[], object]) -> int:
    """Bytes of distinct storage that a forward pass saves for its backward."""
    storages: dict[int, int] = {}

    def note(x: torch.Tensor) -> torch.Tensor:
        storages[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        alive = forward()
    del alive
    return sum(storages.values())


def bench_training(d: int, n_queries: int, n_keys: int, rounds: int) -> dict:
    """Forward and backward, and the memory kept between them."""
    q, k = (Packed.from_list(*clips(n, d, seed)) for n, seed in ((n_queries, 0), (n_keys, 1)))
    leaves = [x.requires_grad_() for x in (*q[:2], *k[:2])]
    tau = torch.tensor(TAU, requires_grad=True)
    weight = torch.randn(n_queries, n_keys)

    def step(field: Callable) -> None:
        scores = field(q, k, tau)
        torch.autograd.grad((scores * weight).sum(), [*leaves, tau])

    def matrix_products() -> None:
        # What plain autograd spends on products alone: one going forward, two going back.
        with torch.no_grad():
            R = q.frames @ k.frames.T
            _ = R @ k.frames, R.T @ q.frames

    def ours(queries: Packed, keys: Packed, tau: torch.Tensor) -> torch.Tensor:
        return resonance_field(queries, keys, Reading(tau))[0]

    fields = {"resonance_field": ours, "plain autograd": plain_field}
    ways = {name: (lambda field=field: step(field)) for name, field in fields.items()}
    seconds = interleaved({**ways, "three matrix products": matrix_products}, rounds)
    kept = {name: kept_bytes(lambda field=field: field(q, k, tau)) for name, field in fields.items()}
    argmax = len(q.frames) * n_keys * 8
    return {
        "d": d,
        "pairs": n_queries * n_keys,
        "milliseconds": {name: 1e3 * s for name, s in seconds.items()},
        "times_plain": seconds["plain autograd"] / seconds["resonance_field"],
        "products_of_plain": seconds["three matrix products"] / seconds["plain autograd"],
        "kept_megabytes": {name: n / 1e6 for name, n in kept.items()},
        "inputs_and_argmax_megabytes": ((sum(x.numel() * x.element_size() for x in (*q[:3], *k[:3])) + argmax) / 1e6),
    }


def main() -> None:
    """Run both comparisons and print or save them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 1028])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--queries", type=int, default=300, help="clips")
    parser.add_argument("--keys", type=int, default=30, help="clips")
    parser.add_argument("--batch", type=int, default=64, help="query clips of a training step")
    parser.add_argument("--out", help="JSON file; printed otherwise")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    report = {
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
        "threads": args.threads,
        "rounds": args.rounds,
        "scores": [bench_scores(d, args.queries, args.keys, args.rounds) for d in args.widths],
        "training": [bench_training(d, args.batch, args.keys, args.rounds) for d in args.widths],
    }
    text = json.dumps(report, indent=2)
    if args.out:
        with open(args.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
