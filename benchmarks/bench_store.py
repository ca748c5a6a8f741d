"""What a user waits for around the work itself: the first fit against the second, and the start of the program.

Clips are synthetic voices (``make_voices``). Each round extracts tracks and embeddings of all clips into an empty
store, then reads them back, so that a busy machine slows both; the ratio is formed within each round. ``import sere``
and ``sere --help`` run in fresh processes, from which the time of a bare interpreter is taken off for the import only.

Run: ``python benchmarks/bench_store.py [--rounds 7] [--clips 24] [--threads 2] [--out store.json]``. JSON to stdout or
``--out``.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any


def main() -> None:
    """Run both comparisons and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", help="JSON file; printed otherwise")
    options = parser.parse_args()
    report = {"threads": options.threads, "rounds": options.rounds, **start_of_program(options.rounds)}
    report |= extraction(options.clips, options.rounds, options.threads)
    text = json.dumps(report, indent=2)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)


def start_of_program(rounds: int) -> dict[str, float]:
    """Seconds of `import sere` and of `sere --help`, best and median."""
    commands = {"bare": ["-c", "pass"], "import": ["-c", "import sere"], "help": ["-m", "sere", "--help"]}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            run = partial(subprocess.run, [sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(timed(run))
    own = [imported - bare for imported, bare in zip(seconds["import"], seconds["bare"], strict=True)]
    return {
        "import_seconds_median": statistics.median(own[1:]),
        "import_seconds_best": min(own[1:]),
        "help_seconds_median": statistics.median(seconds["help"][1:]),
        "help_seconds_best": min(seconds["help"][1:]),
    }


def extraction(n_clips: int, rounds: int, threads: int) -> dict[str, float]:
    """Ratio of extracting clips to reading them back, and how many times real time the first is."""
    import torch

    from sere import DynamicFeatureTransformer, HeterogeneousEncoder
    from sere.datasets import make_voices
    from sere.store import FrameStore

    torch.set_num_threads(threads)
    voices = make_voices(n_per_emotion=-(-n_clips // 6), n_speakers=2, duration=3.0, random_state=0)[:n_clips]

    def embed(cache: Any) -> None:
        followed = DynamicFeatureTransformer(cache=cache).fit_transform(voices)
        HeterogeneousEncoder(cache=cache).fit_transform(followed)

    embed(False)
    first, second, ratios = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            first.append(timed(partial(embed, folder)))
            second.append(timed(partial(embed, folder)))
            n_bytes = FrameStore(folder).info().n_bytes
        ratios.append(first[-1] / second[-1])
    seconds = sum(len(wave) for wave in voices["audio"]) / 16_000
    return {
        "clips": len(voices),
        "audio_seconds": seconds,
        "first_seconds_median": statistics.median(first),
        "second_seconds_median": statistics.median(second),
        "first_against_second_median": statistics.median(ratios),
        "first_against_second_best": max(ratios),
        "store_megabytes_an_hour": n_bytes / seconds * 3600 / 1e6,
        "times_real_time_median": seconds / statistics.median(first),
        "times_real_time_best": seconds / min(first),
    }


def timed(work: Callable[[], object]) -> float:
    """Seconds by the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
