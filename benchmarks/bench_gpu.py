"""Speed on a GPU: resonance of all pairs, its gradients, and CREPE. For a fit: ``bench_fit.py --device cuda``.

    SERE_CORPORA=... python benchmarks/bench_gpu.py --out gpu.json
    python benchmarks/bench_gpu.py --only pairs --shape 128,16,32,256,8,2   # another division of the kernel's work

Rounds alternate between the ways that are compared; figures are medians, and the device is waited for at both ends.
Clips have 150 frames (3 seconds). ``--device cpu --few`` runs everything once at a small size, to see that it runs.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bench_tracks import load_clips, our_bins, torchcrepe_bins

from sere.kernels import Packed, Reading, resonance_field, tiles
from sere.kernels.field import compiled, field_scores
from sere.tracks import crepe, pitches
from sere.tracks.viterbi import best_path

FRAMES = 150
PRECISIONS = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "tf32": torch.float32}


def interleaved(ways: dict[str, Callable[[], object]], rounds: int, device: str) -> dict[str, float]:
    """Median seconds of each way, run in turns after two to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 2):
        for name, way in ways.items():
            wait(device)
            start = time.perf_counter()
            way()
            wait(device)
            if turn > 1:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in seconds.items()}


def wait(device: str) -> None:
    """Wait for what was asked of a device."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def clips(n: int, d: int, dtype: torch.dtype, device: str, seed: int) -> Packed:
    """Random clips on a device."""
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randn(n * FRAMES, d, generator=generator).to(device, dtype)
    bursts = torch.rand(n * FRAMES, generator=generator).to(device, dtype)
    return Packed(frames, bursts, torch.arange(n + 1, device=device) * FRAMES)


def bench_pairs(d: int, precision: str, sizes: tuple[int, int], rounds: int, device: str) -> dict[str, Any]:
    """Scores of all pairs, beside tiles of plain torch and the bare matrix product."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    q, k = (clips(n, d, PRECISIONS[precision], device, seed) for seed, n in enumerate(sizes))
    few = clips(max(1, sizes[0] // 10), d, PRECISIONS[precision], device, 0)
    reading = Reading(1.0).beside(few.frames)
    product = few.frames @ k.frames.T
    ways = {
        "ours": lambda: field_scores(q, k, reading),
        "product": lambda: torch.mm(few.frames, k.frames.T, out=product),
        "plain": lambda: tiles.field(few, k, reading),
    }
    seconds = interleaved(ways, rounds, device)
    pairs = {"ours": sizes[0] * sizes[1], "product": few.n_clips * sizes[1], "plain": few.n_clips * sizes[1]}
    rates = {name: pairs[name] / seconds[name] for name in ways}
    engine = compiled(q.frames)
    return {
        "d": d,
        "precision": precision,
        "engine": engine.__name__ if engine else "sere.kernels.tiles",
        "million_pairs_per_second": {name: rate / 1e6 for name, rate in rates.items()},
        "teraflops": rates["ours"] * 2 * d * FRAMES**2 / 1e12,
        "of_product": rates["ours"] / rates["product"],
        "times_plain": rates["ours"] / rates["plain"],
    }


def bench_gradients(d: int, sizes: tuple[int, int], rounds: int, device: str) -> dict[str, Any]:
    """Forward and backward in single precision."""
    torch.set_float32_matmul_precision("highest")
    q, k = (clips(n, d, torch.float32, device, seed) for seed, n in enumerate(sizes))
    leaves = [x.requires_grad_() for x in (*q[:2], *k[:2])]

    def step() -> None:
        torch.autograd.grad(resonance_field(q, k, Reading(1.0))[0].sum(), leaves)

    seconds = interleaved({"step": step}, rounds, device)["step"]
    return {"d": d, "pairs": sizes[0] * sizes[1], "million_pairs_per_second": sizes[0] * sizes[1] / seconds / 1e6}


def bench_crepe(model: str, n_clips: int, rounds: int, device: str) -> dict[str, Any]:
    """Pitch of many clips, beside torchcrepe on the same device, and whether the bins are torchcrepe's on a CPU."""
    import torchcrepe

    torch.set_float32_matmul_precision("highest")
    source, waves = load_clips(n_clips)

    def theirs() -> None:
        for wave in waves:
            torchcrepe.predict(
                torch.from_numpy(wave)[None],
                16000,
                320,
                50.0,
                550.0,
                model,
                device=torch.device(device).type,
                batch_size=2048,
            )

    def ours() -> None:
        pitches(waves, model, fmin=50.0, fmax=550.0, decoder="torchcrepe", device=device)

    seconds = interleaved({"ours": ours, "theirs": theirs}, rounds, device)
    low, high = crepe.bin_range(50.0, 550.0)
    heard = crepe.device_activations(waves, model, device, slice(low, high))
    reference = torchcrepe_bins if model == "tiny" else our_bins  # torchcrepe's full network is slow on a CPU
    differing = sum(
        int((best_path(found, low) != reference(wave, model)).sum())
        for (found, _), wave in zip(heard, waves, strict=True)
    )
    audio = sum(map(len, waves)) / 16000
    return {
        "model": model,
        "source": source,
        "times_real_time": audio / seconds["ours"],
        "times_torchcrepe": seconds["theirs"] / seconds["ours"],
        "differing_bins": differing,
    }


def main() -> None:
    """Measure what was asked for and write JSON."""
    parts = ["pairs", "gradients", "crepe"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--few", action="store_true", help="small sizes, one round")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--shape", help="rows,clips,keys,columns,warps,stages of the kernel for short frames")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    if options.shape:
        from sere.kernels import triton_field

        triton_field.SHORT_HALF = triton_field.Shape(*map(int, options.shape.split(",")))
    rounds, device = (1 if options.few else options.rounds), options.device
    sizes = (10, 20) if options.few else (2000, 3000)
    report: dict[str, Any] = {"torch": torch.__version__, "device": device, "rounds": rounds}
    if torch.device(device).type == "cuda":
        report["device"] = torch.cuda.get_device_name(device)
    if "pairs" in options.only:
        precisions = ["float32"] if options.few else list(PRECISIONS)
        report["pairs"] = [
            bench_pairs(d, precision, sizes, rounds, device) for d in (256, 1028) for precision in precisions
        ]
    if "gradients" in options.only:
        few = sizes if options.few else (200, 300)
        report["gradients"] = [bench_gradients(d, few, rounds, device) for d in (256, 1028)]
    if "crepe" in options.only:
        models = ["tiny"] if options.few else ["tiny", "full"]
        report["crepe"] = [bench_crepe(model, 2 if options.few else 60, rounds, device) for model in models]
    text = json.dumps(report, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
