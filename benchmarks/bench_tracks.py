"""How much faster the four static tracks are than torchcrepe and librosa, and whether they are equal.

Beside torchcrepe pitch is decoded as torchcrepe does; what is decoded by default is measured beside that in turn.

Usage: ``python benchmarks/bench_tracks.py [--rounds 7] [--clips 3] [--threads 2] [--only full tiny viterbi voice
spectral realtime] [--out tracks.json]``. Audio comes from the corpora under ``SERE_CORPORA`` (EMOVO, or what is there),
else it is synthetic. Each round times one way and then the other on the same clips; a ratio is formed within each
round, so that a busy machine slows both. Reported: the median and the best of the rounds' ratios, by the clock and by
processor time, and seconds by the clock. JSON to stdout or ``--out``.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchcrepe

from sere.audio import HOP, SAMPLE_RATE, read
from sere.tracks import crepe, pitch, pitches, spectral
from sere.tracks.spectrum import spectral_reference
from sere.tracks.viterbi import best_path
from sere.tracks.voice_path import voice_path

FMIN, FMAX = 50.0, 550.0


def load_clips(count: int) -> tuple[str, list[np.ndarray]]:
    """Return the name of the source and so many clips."""
    root = os.environ.get("SERE_CORPORA")
    for corpus in ("emovo", "emodb", "casia", "ravdess", "ased"):
        files = sorted(Path(root).glob(f"{corpus}/**/*.flac")) if root else []
        if files:
            return corpus, [read(str(path)) for path in files[:: max(1, len(files) // count)][:count]]
    return "synthetic", [synthetic_clip(seed) for seed in range(count)]


def synthetic_clip(seed: int) -> np.ndarray:
    """Three seconds of gliding harmonics with pauses, over faint noise."""
    rng = np.random.default_rng(seed)
    moments = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    cycles = 2 * np.pi * (rng.uniform(90, 220) * moments + rng.uniform(-20, 30) * moments**2)
    voice = sum(np.sin(k * cycles) / k for k in range(1, 12)) * (np.sin(2 * np.pi * 1.5 * moments) > -0.4)
    return (0.1 * voice + 1e-3 * rng.normal(size=len(moments))).astype(np.float32)


def torchcrepe_bins(clip: np.ndarray, model: str) -> np.ndarray:
    """Return the path inside torchcrepe.predict, before dither."""
    found: list[torch.Tensor] = []

    def decode(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        bins, hertz = torchcrepe.decode.viterbi(logits)
        found.append(bins[0])
        return bins, hertz

    torchcrepe.predict(torch.from_numpy(clip)[None], SAMPLE_RATE, HOP, FMIN, FMAX, model, decode)
    return torch.cat(found).numpy()


def our_bins(clip: np.ndarray, model: str) -> np.ndarray:
    """Return the path inside sere.tracks.pitch where it decodes as torchcrepe does."""
    low, high = crepe.bin_range(FMIN, FMAX)
    return best_path(crepe.activations(clip, model, bins=slice(low, high))[0], low)


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return seconds by the clock and of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def compare(theirs: Callable[[], Any], ours: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Time two ways in turns and return how many times faster ours is."""
    theirs(), ours()
    times = np.array([[timed(theirs), timed(ours)] for _ in range(rounds)])
    ratios = times[:, 0] / times[:, 1]
    return {
        "ratio_median": float(np.median(ratios[:, 0])),
        "ratio_best": float(ratios[:, 0].max()),
        "ratio_of_best": float(times[:, 0, 0].min() / times[:, 1, 0].min()),
        "processor_ratio_median": float(np.median(ratios[:, 1])),
        "theirs_seconds": float(times[:, 0, 0].min()),
        "ours_seconds": float(times[:, 1, 0].min()),
    }


def bench_crepe(model: str, clips: list[np.ndarray], rounds: int) -> dict[str, Any]:
    """Compare pitch clip by clip, end to end, with torchcrepe.predict."""

    def theirs() -> None:
        for clip in clips:
            torchcrepe.predict(torch.from_numpy(clip)[None], SAMPLE_RATE, HOP, FMIN, FMAX, model, batch_size=2048)

    differing = sum(int((torchcrepe_bins(clip, model) != our_bins(clip, model)).sum()) for clip in clips)

    def ours() -> None:
        for clip in clips:
            pitch(clip, model, fmin=FMIN, fmax=FMAX, decoder="torchcrepe")

    result = compare(theirs, ours, rounds)
    return {"differing_bins": differing, **result}


def bench_viterbi(clips: list[np.ndarray], rounds: int) -> dict[str, Any]:
    """Compare decoding, softmax and logarithm included, with torchcrepe's."""
    low, high = crepe.bin_range(FMIN, FMAX)
    heard = [crepe.activations(clip)[0] for clip in clips]
    masked = []
    for activations in heard:
        logits = torch.full((1, activations.shape[1], len(activations)), -torch.inf)
        logits[0, low:high] = torch.from_numpy(activations[:, low:high].T)
        masked.append(logits)
    allowed = [np.ascontiguousarray(activations[:, low:high]) for activations in heard]
    theirs_found = [torchcrepe.decode.viterbi(logits)[0][0].numpy() for logits in masked]
    ours_found = [best_path(activations, low) for activations in allowed]
    result = compare(
        lambda: [torchcrepe.decode.viterbi(logits) for logits in masked],
        lambda: [best_path(activations, low) for activations in allowed],
        rounds,
    )
    differing = sum(int((a != b).sum()) for a, b in zip(theirs_found, ours_found, strict=True))
    frames = sum(map(len, heard))
    return {"differing_bins": differing, "ours_us_a_frame": 1e6 * result["ours_seconds"] / frames, **result}


def bench_voice(clips: list[np.ndarray], rounds: int) -> dict[str, float]:
    """Compare decoding of 50 to 1000 Hz as a voice moves with torchcrepe's decoding of its usual range, both ours."""
    heard = [crepe.activations(clip)[0] for clip in clips]
    ranges = {"theirs": crepe.bin_range(FMIN, FMAX), "ours": crepe.bin_range(FMIN, 1000.0)}
    allowed = {name: [np.ascontiguousarray(a[:, low:high]) for a in heard] for name, (low, high) in ranges.items()}
    result = compare(
        lambda: [best_path(activations, ranges["theirs"][0]) for activations in allowed["theirs"]],
        lambda: [voice_path(activations, ranges["ours"][0]) for activations in allowed["ours"]],
        rounds,
    )
    return {"ours_us_a_frame": 1e6 * result["ours_seconds"] / sum(map(len, heard)), **result}


def bench_spectral(clips: list[np.ndarray], rounds: int) -> dict[str, Any]:
    """Compare the three spectral tracks clip by clip with librosa."""
    errors = [
        float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        for clip in clips
        for ours, theirs in zip(spectral(clip), spectral_reference(clip), strict=True)
    ]
    result = compare(
        lambda: [spectral_reference(clip) for clip in clips], lambda: [spectral(clip) for clip in clips], rounds
    )
    return {"largest_relative_error": max(errors), **result}


def bench_realtime(clips: list[np.ndarray], rounds: int) -> dict[str, float]:
    """Return how many seconds of audio one second is enough for: CREPE tiny and the spectral tracks."""
    seconds = sum(map(len, clips)) / SAMPLE_RATE

    def work() -> None:
        pitches(clips)
        for clip in clips:
            spectral(clip)

    work()
    times = np.array([timed(work) for _ in range(rounds)])
    return {
        "times_real_time_median": seconds / float(np.median(times[:, 0])),
        "times_real_time_best": seconds / float(times[:, 0].min()),
        "times_real_time_of_processor_time": seconds / float(np.median(times[:, 1])),
    }


def main() -> None:
    """Run what was asked for and write JSON."""
    parts = ["full", "tiny", "viterbi", "voice", "spectral", "realtime"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    source, clips = load_clips(options.clips)
    benches: dict[str, Callable[[list[np.ndarray], int], dict[str, Any]]] = {
        "full": lambda clips, rounds: bench_crepe("full", clips, rounds),
        "tiny": lambda clips, rounds: bench_crepe("tiny", clips, rounds),
        "viterbi": bench_viterbi,
        "voice": bench_voice,
        "spectral": bench_spectral,
        "realtime": bench_realtime,
    }
    report: dict[str, Any] = {
        "source": source,
        "clips": len(clips),
        "seconds": sum(map(len, clips)) / SAMPLE_RATE,
        "threads": options.threads,
        "rounds": options.rounds,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }
    for part in options.only:
        report[part] = benches[part](clips, options.rounds)
    text = json.dumps(report, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
