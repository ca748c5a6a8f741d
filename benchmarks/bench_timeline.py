"""Timelines of long recordings: what detectors of speech miss, which windows and smoothing do best, an hour's cost.

Usage: ``pip install ".[vad]"`` and ``python benchmarks/bench_timeline.py detectors|choices|hour [--clips N] [--out
FILE]``, with corpora under ``SERE_CORPORA``; ``hour`` makes do with synthetic voices. Each prints Markdown;
``benchmarks/results/timeline.md`` holds what they printed.

``detectors``: each speaker's clips one after the other, as they are, and again in white noise 10 dB below the speech. A
frame of 20 ms is speech where it is at most 30 dB below the loud ones of its clip (95th percentile). Printed is the
share of speech that a detector leaves out, by emotion.

``choices``: recordings of ASED's clips one after the other, without the silence around them: for some seconds one
emotion, by speakers who take turns of up to three clips, then another; two recordings of five minutes for each
length. ASED is no target of the benchmarks, and the experience is of the other four corpora. Printed is
the unweighted average recall over time, by windows and smoothing, and how often labels change.

``hour``: an hour of speech in a wav of 44.1 kHz and two channels, in a process of its own: peak memory and time.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

import sere
from sere.audio import FRAME_RATE, HOP, SAMPLE_RATE, read
from sere.datasets import find_corpora, make_voices
from sere.recordings.detectors import find_speech, usable_detector
from sere.recordings.smoothing import smoothed
from sere.recordings.timeline import AT_ONCE, Listening
from sere.recordings.windows import Windows, cut, plan
from sere.timelines import Experienced

DETECTORS = ("silero", "energy")
CHOSEN_ON = "ased"
SPEECH_DB = 30.0
NOISE_DB = 10.0
RUNS = (10.0, 40.0)
MINUTES, RECORDINGS = 5, 2
WINDOWS = ((2.0, 1.0), (3.0, 1.5), (4.0, 2.0))
STAYS = (0.0, 2.0, 5.0, 10.0, 20.0)


def corpora() -> dict[str, pd.DataFrame]:
    """Return the labeled corpora that are there, by name."""
    if "SERE_CORPORA" not in os.environ:
        return {}
    found = find_corpora(os.environ["SERE_CORPORA"])
    return {name: sere.datasets.load_corpus(place).reset_index(drop=True) for name, place in found.items()}


def detectors(n_clips: int | None) -> Iterator[str]:
    """Yield a table of what each detector misses, a row a corpus and emotion."""
    yield "| corpus | emotion | minutes | " + " | ".join(f"{d} | {d} in noise" for d in DETECTORS) + " |"
    yield "|---|---|---:|" + "---:|" * (2 * len(DETECTORS))
    for name, clips in corpora().items():
        parts = [missed(own, n_clips) for _, own in clips.groupby("speaker", sort=True)]
        table = pd.concat(parts).groupby("emotion").sum()
        for emotion, row in pd.concat([table, table.sum().to_frame("all").T]).iterrows():
            minutes = row["speech"] * HOP / SAMPLE_RATE / 60
            shares = [f"{100 * row[key] / row['speech']:.1f} %" for key in row.index if key != "speech"]
            yield f"| {name} | {emotion} | {minutes:.1f} | {' | '.join(shares)} |"


def missed(clips: pd.DataFrame, n_clips: int | None) -> pd.DataFrame:
    """Return frames of speech of each of a speaker's clips, and how many of them each detector leaves out."""
    clips = clips if n_clips is None else clips.iloc[:: max(1, len(clips) // n_clips)]
    waves = [read(path) for path in clips["path"]]
    waves = [wave[: len(wave) // HOP * HOP] for wave in waves]
    speech = [is_speech(wave) for wave in waves]
    whole = np.concatenate(waves)
    rng = np.random.default_rng(0)
    power = np.mean(whole.reshape(-1, HOP)[np.concatenate(speech)] ** 2)
    noisy = whole + rng.normal(size=len(whole)).astype(np.float32) * np.sqrt(power * 10 ** (-NOISE_DB / 10))
    rows: dict[str, Any] = {"emotion": clips["emotion"].to_numpy(), "speech": [frames.sum() for frames in speech]}
    bounds = np.cumsum([len(frames) for frames in speech])[:-1]
    for detector in DETECTORS:
        for condition, sound in (("", whole), (" in noise", noisy.astype(np.float32))):
            spans, length = find_speech([sound], detector)
            found = np.zeros(length, bool)
            for first, last in spans:
                found[first:last] = True
            share = np.split(found.reshape(-1, HOP).mean(1), bounds)
            rows[detector + condition] = [((1 - own) * frames).sum() for own, frames in zip(share, speech, strict=True)]
    return pd.DataFrame(rows)


def is_speech(wave: np.ndarray) -> np.ndarray:
    """Return which frames of 20 ms are at most 30 dB below the loud ones of a clip."""
    levels = 10 * np.log10(np.mean(wave.reshape(-1, HOP).astype(float) ** 2, axis=1) + 1e-20)
    loud: np.ndarray = levels >= np.percentile(levels, 95) - SPEECH_DB
    return loud


def choices(n_clips: int | None) -> Iterator[str]:
    """Yield a table of recall over time by windows and smoothing."""
    found = corpora()
    if CHOSEN_ON not in found:
        yield f"{CHOSEN_ON} is not under SERE_CORPORA, so there is nothing to choose on."
        return
    clips = found.pop(CHOSEN_ON)
    encoder = sere.pretrain_encoder(found, "acoustic+speech", random_state=0)
    emotions = sorted(set(clips["emotion"]) & set(encoder.experience.emotions))
    clips = clips[clips["emotion"].isin(emotions)]
    own = Experienced(emotions, encoder, {"cache": True})
    detector = usable_detector("auto")
    yield f"Detector {detector}, {len(emotions)} emotions, chance {100 / len(emotions):.0f} %."
    for run in RUNS:
        yield ""
        yield from _of_run([recording(clips, run, seed, n_clips) for seed in range(RECORDINGS)], run, own, detector)


def _of_run(
    made: list[tuple[np.ndarray, np.ndarray]], run: float, own: Experienced, detector: str | None
) -> Iterator[str]:
    changes = np.mean([(np.diff(truth) != 0).sum() / (len(truth) * HOP / SAMPLE_RATE / 60) for _, truth in made])
    yield f"Runs of about {run:g} s; in brackets changes of label a minute, of the truth {changes:.1f}."
    yield ""
    yield "| window | overlap | " + " | ".join(f"stay {stay:g} s" for stay in STAYS) + " |"
    yield "|---:|---:|" + "---:|" * len(STAYS)
    for window, overlap in WINDOWS:
        heard = []
        for wave, truth in made:
            spans, length = find_speech([wave], detector)
            windows = plan(spans, length, window, overlap)
            heard.append((own.answer(listening(wave, windows)), windows, truth))
        cells = []
        for stay in STAYS:
            scores = [scored(smoothed(p, windows, stay), windows, truth, own.words) for p, windows, truth in heard]
            recall, changes = np.mean(scores, axis=0)
            cells.append(f"{100 * recall:.1f} % ({changes:.1f})")
        yield f"| {window:g} s | {overlap:g} s | {' | '.join(cells)} |"


def recording(clips: pd.DataFrame, run: float, seed: int, n_clips: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return a recording, and the emotion of every 20 ms of it as a code."""
    rng = np.random.default_rng(seed)
    emotions = sorted(set(clips["emotion"]))
    waves: list[np.ndarray] = []
    truth: list[np.ndarray] = []
    seconds, code = 0.0, -1
    while seconds < 60 * MINUTES and (n_clips is None or len(waves) < n_clips):
        code = int(rng.choice([other for other in range(len(emotions)) if other != code]))
        goal = seconds + rng.exponential(run)
        while seconds < goal:
            own = clips[clips["emotion"] == emotions[code]]
            own = own[own["speaker"] == rng.choice(own["speaker"].unique())]
            for path in rng.permutation(own["path"].to_numpy())[:3]:
                waves.append(trimmed(read(path)))
                truth.append(np.full(len(waves[-1]) // HOP, code))
                seconds += len(waves[-1]) / SAMPLE_RATE
    return np.concatenate(waves), np.concatenate(truth)


def trimmed(wave: np.ndarray) -> np.ndarray:
    """Return a clip from its first to its last frame of speech, so that clips one after the other are one speech."""
    loud = np.flatnonzero(is_speech(wave[: len(wave) // HOP * HOP]))
    return wave[loud[0] * HOP : (loud[-1] + 1) * HOP]


def listening(wave: np.ndarray, windows: Windows) -> Listening:
    """Return a recording's windows, as those who answer are given them."""
    every = list(cut([wave], windows))
    some = (every[first : first + AT_ONCE] for first in range(0, len(every), AT_ONCE))
    return Listening(some, len(windows), round(windows.heard.sum() * FRAME_RATE))


def scored(likely: np.ndarray, windows: Windows, truth: np.ndarray, emotions: list[str]) -> tuple[float, float]:
    """Return the unweighted average recall over the time that is answered for, and changes of label a minute."""
    answers = likely.argmax(1)
    said = np.full(len(truth), -1)
    for first, last, answer in zip(windows.first // HOP, windows.last // HOP, answers, strict=True):
        said[first:last] = answer
    recalls = [(said[(truth == k) & (said >= 0)] == k).mean() for k in range(len(emotions)) if (truth == k).any()]
    return float(np.mean(recalls)), float((np.diff(answers) != 0).sum() / (windows.answered.sum() / 60))


def hour(n_clips: int | None) -> Iterator[str]:
    """Yield peak memory and time of an hour, by experience and by a fitted model."""
    with tempfile.TemporaryDirectory() as folder:
        file, cache = Path(folder) / "hour.wav", Path(folder) / "cache"
        clips = an_hour(file, 3600.0 if n_clips is None else 3.0 * n_clips)
        shots = clips.groupby("emotion").head(5)
        model = sere.SEREClassifier(epochs=5, random_state=0, cache=str(cache))
        sere.save(model.fit(list(shots["audio"]), shots["emotion"]), Path(folder) / "model")
        seconds = soundfile.info(file).duration
        yield f"{seconds / 60:.0f} min at 44.1 kHz, two channels, {os.environ.get('OMP_NUM_THREADS', 'all')} thread(s)."
        yield ""
        yield "| | features kept before | peak memory | time | times faster than real time |"
        yield "|---|---|---:|---:|---:|"
        for name, kept in (("experience", "no"), ("experience", "yes"), ("model", "yes")):
            by_model = ["--model", str(Path(folder) / "model")] if name == "model" else []
            megabytes, taken = alone(["timeline", str(file), "-f", "csv", "-o", f"{folder}/out.csv", *by_model], cache)
            yield f"| {name} | {kept} | {megabytes:.0f} MB | {taken:.0f} s | {seconds / taken:.0f} |"


def alone(arguments: list[str], cache: Path) -> tuple[float, float]:
    """Run ``sere`` in a process of its own; return its peak of memory in MB, libraries included, and its seconds.

    The peak is the kernel's for the program itself: what `wait4` reports begins with the size of the process that
    started it. Linux only.
    """
    begun, peak = time.perf_counter(), 0
    process = subprocess.Popen([sys.executable, "-m", "sere", *arguments], env=os.environ | {"SERE_CACHE": str(cache)})
    while process.poll() is None:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        peak = peak if found is None else int(found[1])
        time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"sere {' '.join(arguments)} ended with {process.returncode}")
    return peak * 1024 / 1e6, time.perf_counter() - begun


def an_hour(file: Path, seconds: float) -> pd.DataFrame:
    """Write a long recording from corpora, or from synthetic voices; returns some of its clips with their emotions."""
    found = list(corpora().values())
    if found:
        clips = found[0].sample(frac=1, random_state=0)
        waves = [read(path) for path in clips["path"].head(400)]
        clips = clips.head(400).assign(audio=waves)
    else:
        clips = make_voices(n_per_emotion=40, languages=["lumo"], duration=3.0).sample(frac=1, random_state=0)
        waves = list(clips["audio"])
    import soxr

    written, row = 0.0, 0
    with soundfile.SoundFile(file, "w", 44_100, 2, subtype="PCM_16") as out:
        while written < seconds:
            wave = soxr.resample(waves[row % len(waves)], SAMPLE_RATE, 44_100)
            # Each round a little quieter, so that no two windows are the same, which would be heard once.
            wave = wave * 0.97 ** (row // len(waves))
            out.write(np.stack([wave, 0.5 * wave], axis=1))
            written, row = written + len(wave) / 44_100, row + 1
    return clips[["audio", "emotion"]]


def main() -> None:
    """Print one part as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("part", choices=["detectors", "choices", "hour"])
    parser.add_argument("--clips", type=int, help="clips of a speaker, of a recording, of the hour (default: all)")
    parser.add_argument("--out", type=Path, help="write here, too")
    arguments = parser.parse_args()
    lines = []
    for line in {"detectors": detectors, "choices": choices, "hour": hour}[arguments.part](arguments.clips):
        print(line, flush=True)
        lines.append(line)
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
