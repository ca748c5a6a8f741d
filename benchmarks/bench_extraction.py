"""What audio costs on the way in, cold: descriptors, everything, ``sere predict`` and an hour, beside openSMILE.

Every side is a process of its own with an empty store, and all sides run in turns, so that a busy machine slows them
alike. Of each are taken, from the system, its seconds, its processor's seconds and its peak of memory, libraries
included; where it is a program of this file, also the seconds and processor's seconds without its imports. Sides are

- ``opensmile``: eGeMAPS v02, the clip's functionals, by as many workers as there are threads (``pip install
  "sere[egemaps]"``);
- ``descriptors``: tracks and embedded descriptors, without the speech encoder;
- ``whole``: tracks, descriptors and the speech encoder, what a first fit extracts;
- ``predict``: ``sere predict`` by a model that was fitted with the default encoder;
- ``one``: the same of a single clip;
- ``hour``, once in the end: ``sere timeline`` of an hour, window by window, with detector energy (the hour is that of
  ``bench_timeline.py``).

Clips are of corpora under ``SERE_CORPORA``, all of them in turn, or synthetic voices. Linux only, where ``/proc`` tells
peaks of memory. Ratios are formed within each round, and medians taken of them.

Run: ``python benchmarks/bench_extraction.py [--rounds 7] [--clips 200] [--threads 2] [--only SIDE ...] [--out FILE]``.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

#: Each is run as ``python -c HEAD + program, file of paths, threads`` and prints its seconds without imports.
HEAD = """
import sys, time
paths, threads = open(sys.argv[1]).read().split("\\n"), int(sys.argv[2])
"""
TAIL = """
print(time.perf_counter() - begun, time.process_time() - used)
"""
BEGUN = "begun, used = time.perf_counter(), time.process_time()\n"
EXTRACTION = """
from sere import DynamicFeatureTransformer, HeterogeneousEncoder
{begun}
heard = DynamicFeatureTransformer().fit_transform(paths)
HeterogeneousEncoder({encoder}).fit_transform(heard)
"""
PROGRAMS = {
    "opensmile": f"""
import opensmile
{BEGUN}
smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=threads)
smile.process_files(paths)
""",
    "descriptors": EXTRACTION.format(begun=BEGUN, encoder='"acoustic"'),
    "whole": EXTRACTION.format(begun=BEGUN, encoder=""),
}
SIDES = [*PROGRAMS, "predict", "one", "hour"]
_WITH_MODEL = {"predict", "one"}
LIBRARIES = ("OMP", "MKL", "OPENBLAS", "NUMBA")


def main() -> None:
    """Run all sides in turns and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--out", help="JSON file; printed otherwise")
    options = parser.parse_args()
    env = {f"{library}_NUM_THREADS": str(options.threads) for library in LIBRARIES}
    with tempfile.TemporaryDirectory() as folder:
        made = json.loads(
            own_python(Path(folder), f"make({folder!r}, {options.clips}, {bool(_WITH_MODEL & {*options.only})})")
        )
        report: dict[str, Any] = {"threads": options.threads, "rounds": options.rounds, **made}
        sides = [side for side in options.only if side != "hour"]
        report["sides"], report["ratios"] = in_turns(Path(folder), sides, options.rounds, options.threads, env)
        if "hour" in options.only:
            seconds = json.loads(own_python(Path(folder), f"make_hour({folder!r})"))
            command = [
                "timeline",
                f"{folder}/hour.wav",
                "--detector",
                "energy",
                "-f",
                "csv",
                "-o",
                f"{folder}/hour.csv",
            ]
            report["hour"] = alone([sys.executable, "-m", "sere", *command], env, Path(folder)) | {"audio": seconds}
    text = json.dumps(report, indent=2)
    if options.out:
        Path(options.out).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


def own_python(folder: Path, call: str) -> str:
    """Return what a function of this file prints in another process, so that this one stays small."""
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import bench_extraction as b; b.{call}"
    env = os.environ | {"SERE_CACHE": str(folder / "fitted")}
    return subprocess.run([sys.executable, "-c", program], check=True, env=env, capture_output=True, text=True).stdout


def make(folder: str, n_clips: int, with_model: bool) -> None:
    """Write paths of clips, and a model fitted on thirty others; prints what the clips are."""
    import soundfile

    import sere
    from sere.datasets import find_corpora, load_corpus, make_voices

    found = find_corpora(os.environ["SERE_CORPORA"]) if "SERE_CORPORA" in os.environ else {}
    if found:
        own = [load_corpus(place)[["path", "emotion"]].sample(frac=1, random_state=0) for place in found.values()]
        rows = [row for several in zip(*(clips.values.tolist() for clips in own), strict=False) for row in several]
    else:
        voices = make_voices(n_per_emotion=-(-(n_clips + 30) // 6), n_speakers=2, duration=3.0, random_state=0)
        rows = []
        for number, (wave, emotion) in enumerate(zip(voices["audio"], voices["emotion"], strict=True)):
            rows.append((f"{folder}/{number}.wav", emotion))
            soundfile.write(rows[-1][0], wave, 16_000)
    asked, shots = rows[:n_clips], rows[n_clips : n_clips + 30]
    Path(folder, "paths.txt").write_text("\n".join(path for path, _ in asked))
    Path(folder, "few.txt").write_text("\n".join(path for path, _ in asked[:20]))
    if with_model:
        model = sere.SEREClassifier(epochs=5, random_state=0)
        sere.save(model.fit([path for path, _ in shots], [emotion for _, emotion in shots]), Path(folder, "model"))
    seconds = sum(soundfile.info(path).duration for path, _ in asked)
    print(json.dumps({"source": ", ".join(found) or "voices", "clips": len(asked), "audio_seconds": seconds}))


def make_hour(folder: str) -> None:
    """Write an hour of audio; prints its seconds."""
    import soundfile
    from bench_timeline import an_hour

    file = Path(folder, "hour.wav")
    an_hour(file, 3600.0)
    print(soundfile.info(file).duration)


def in_turns(
    folder: Path, sides: list[str], rounds: int, threads: int, env: dict[str, str]
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return medians of what each side took, and of the ratios of a round."""
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for number in range(rounds + 1):
        # Before the first round few clips, so that nothing is compiled any more.
        paths = folder / ("paths.txt" if number else "few.txt")
        for side in sides:
            runs[side].append(alone(command_of(side, folder, paths, threads), env, folder))
    runs = {side: own[1:] for side, own in runs.items()}
    medians = {
        side: {name: statistics.median(run[name] for run in own) for name in own[0]} for side, own in runs.items()
    }

    def ratio(a: tuple[str, str], b: tuple[str, str]) -> float:
        return statistics.median(x[a[1]] / y[b[1]] for x, y in zip(runs[a[0]], runs[b[0]], strict=True))

    pairs = {
        "descriptors_cpu_over_opensmile": (("descriptors", "cpu"), ("opensmile", "cpu")),
        "descriptors_own_cpu_over_opensmile": (("descriptors", "own_cpu"), ("opensmile", "own_cpu")),
        "descriptors_memory_over_opensmile": (("descriptors", "megabytes"), ("opensmile", "megabytes")),
        "opensmile_over_whole": (("opensmile", "own_seconds"), ("whole", "own_seconds")),
        "opensmile_cpu_over_whole": (("opensmile", "own_cpu"), ("whole", "own_cpu")),
        "predict_over_whole": (("predict", "seconds"), ("whole", "own_seconds")),
        "predict_cpu_over_whole": (("predict", "cpu"), ("whole", "own_cpu")),
    }
    return medians, {name: ratio(*pair) for name, pair in pairs.items() if {side for side, _ in pair} <= set(sides)}


def command_of(side: str, folder: Path, paths: Path, threads: int) -> list[str]:
    """Return what runs a side on the clips whose paths stand in a file."""
    if side not in _WITH_MODEL:
        return [sys.executable, "-c", HEAD + PROGRAMS[side] + TAIL, str(paths), str(threads)]
    clips = paths.read_text().split("\n")[: 1 if side == "one" else None]
    return [sys.executable, "-m", "sere", "predict", f"{folder}/model", *clips, "-f", "csv", "-o", f"{folder}/out.csv"]


def alone(command: list[str], env: dict[str, str], folder: Path) -> dict[str, float]:
    """Run a command with an empty store; return its seconds, processor's seconds and megabytes at its peak.

    The peak is the kernel's for the program itself: what `wait4` reports begins with the size of the process that
    started it.
    """
    with tempfile.TemporaryDirectory(dir=folder) as cache, tempfile.TemporaryFile("w+") as said:
        begun, peak = time.perf_counter(), 0
        process = subprocess.Popen(command, env=os.environ | env | {"SERE_CACHE": cache}, stdout=said, stderr=said)
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            peak = peak if found is None else int(found[1])
            time.sleep(0.02)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
        if process.returncode:
            raise RuntimeError(f"{command[:4]} ended with {process.returncode}:\n{text}")
    took = {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "megabytes": peak * 1024 / 1e6}
    if command[1] == "-c":
        took["own_seconds"], took["own_cpu"] = map(float, text.split("\n")[-2].split())
    return took


if __name__ == "__main__":
    main()
