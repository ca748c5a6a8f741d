"""How far pitch is from Praat's: the plain argmax of CREPE's network, torchcrepe's Viterbi decoding, the voice's path.

Usage: ``pip install praat-parselmouth==0.4.7`` and ``python benchmarks/bench_pitch.py [--clips 40] [--model tiny]
[--prices] [--out benchmarks/results/pitch.md]``, with the five corpora under ``SERE_CORPORA``. Without Praat or corpora
it says so and judges synthetic voices alone.

Praat's autocorrelation method (floor 50 Hz, ceiling 800 Hz, a value every 5 ms, the rest its defaults) is read at the
centres of CREPE's frames; the frames that it calls voiced are judged. It errs too, most in creaky voice and at the ends
of words, so what counts is the distance from the argmax: a path should lose nothing where the network hears well and
mend some of where it does not. All three choose among the same bins, 50 to 1000 Hz.

``--prices`` is how the constants of :mod:`sere.tracks.voice_path` were chosen: on 40 other clips of EmoDB and of EMOVO,
and on synthetic voices whose pitch is known (adults, children, shouting, white noise), never on labels or on the clips
judged. It also prints how likely evidence of several kinds finds Praat's bins.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch

from sere.audio import HOP, SAMPLE_RATE, n_frames, read
from sere.datasets import make_voices, voices
from sere.datasets.synthesis import synthesise
from sere.tracks import crepe, voice_path
from sere.tracks.viterbi import best_path

#: The first of CREPE's bins.
FIRST_HZ = 31.7013
CORPORA = ("emodb", "emovo", "casia", "ravdess", "ased")
CHOSEN_ON = ("emodb", "emovo")
FLOOR, CEILING = 50.0, 1000.0
LOW, HIGH = crepe.bin_range(FLOOR, CEILING)
PRAAT = {"time_step": 0.005, "pitch_floor": 50.0, "pitch_ceiling": 800.0}

Decoder = Callable[[np.ndarray], np.ndarray]
DECODERS: dict[str, Decoder] = {
    "argmax": lambda heard: heard.argmax(axis=1) + LOW,
    "torchcrepe": lambda heard: best_path(heard, LOW),
    "voice": lambda heard: voice_path.voice_path(heard, LOW),
}


class Clip(NamedTuple):
    """A clip's activations (T, n_bins) and its pitch (T,) in Hz as someone else knows it, 0 where there is none."""

    heard: np.ndarray
    truth: np.ndarray


def praat() -> Any:
    """Return the parselmouth module, or None where it is not installed."""
    try:
        import parselmouth
    except ImportError:
        return None
    return parselmouth


def by_praat(corpus: str, count: int, model: str, others: bool = False) -> list[Clip]:
    """Return so many clips spread over a corpus, with Praat's pitch; `others` lie between those."""
    files = sorted(Path(os.environ["SERE_CORPORA"]).glob(f"{corpus}/**/*.flac"))
    step = max(1, len(files) // count)
    clips = []
    for path in files[step // 2 if others else 0 :: step][:count]:
        wave = read(str(path))
        track = praat().Sound(wave.astype(np.float64), SAMPLE_RATE).to_pitch_ac(**PRAAT)
        moments = np.arange(n_frames(len(wave))) * HOP / SAMPLE_RATE
        truth = np.nan_to_num([track.get_value_at_time(moment) for moment in moments])
        clips.append(Clip(hear(wave, model), truth))
    return clips


def hear(wave: np.ndarray, model: str) -> np.ndarray:
    """Return a clip's activations between floor and ceiling."""
    return crepe.activations(wave, model, bins=slice(LOW, HIGH))[0]


def tones(model: str) -> Iterator[tuple[str, list[Clip]]]:
    """Yield voices of few harmonics whose pitch moves along a formula."""
    moments = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    swing = np.sin(2 * np.pi * 1.5 * moments)
    melodies = {
        "glide of 60-180 Hz, 1.5 a second": 120 + 60 * swing,
        "shout at 700 Hz": 700 * 2 ** (0.3 / 12 * np.sin(2 * np.pi * 5 * moments)),
        "rise from 300 to 900 Hz and back": 600 - 300 * np.cos(2 * np.pi * moments / 3),
        "child at 400 Hz": 400 * 2 ** (2 / 12 * np.sin(2 * np.pi * 3 * moments)),
    }
    for name, hertz in melodies.items():
        phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
        wave = sum(np.where(k * hertz < 7500, np.sin(k * phase) / k, 0) for k in range(1, 20))
        noise = np.random.default_rng(0).normal(size=len(hertz))
        heard = hear((0.1 * wave + 1e-4 * noise).astype(np.float32), model)
        truth = np.append(hertz, 0.0)[::HOP]
        truth[:5] = truth[-5:] = 0
        yield name, [Clip(heard, truth)]


def spoken(model: str) -> Iterator[tuple[str, list[Clip]]]:
    """Yield synthetic voices of several kinds; vowels and voiced consonants are judged, 10 ms inside their ends."""
    kinds = {"adults": (1.0, 1.0, 0.0), "children": (1.7, 1.25, 0.0), "shouting": (2.6, 1.0, 0.0)}
    said: list[tuple] = []
    with mock.patch.object(voices, "synthesise", lambda *parts: said.append(parts) or np.zeros(1, np.float32)):
        make_voices(n_per_emotion=5, random_state=3, duration=2.5)
    for name, (pitch, tract, noise) in {**kinds, "white noise": (1.0, 1.0, 0.01)}.items():
        clips = []
        for sounds, f0, voice, rng in said[::2]:
            hertz = np.clip(f0 * pitch, 55, 950)
            wave = synthesise(sounds, hertz, replace(voice, tract=voice.tract * tract), deepcopy(rng))
            wave = (wave + noise * np.random.default_rng(0).normal(size=len(wave))).astype(np.float32)
            clips.append(Clip(hear(wave, model), _voiced(sounds, hertz, len(wave))))
        yield name, clips


def _voiced(sounds: list, f0: np.ndarray, n_samples: int) -> np.ndarray:
    moments = np.arange(n_frames(n_samples)) * HOP / SAMPLE_RATE
    inside = np.zeros(len(moments), bool)
    for sound in sounds:
        inside |= (moments >= sound.start + 0.01) & (moments < sound.end - 0.01) & (sound.voice > 0.1)
    return np.where(inside, f0[np.minimum(np.arange(len(moments)) * HOP, len(f0) - 1)], 0)


def cents_off(clips: list[Clip], decode: Decoder) -> np.ndarray:
    """Return how far a decoder is from the truth in each frame that has a pitch, in cents."""
    found = []
    for heard, truth in clips:
        hertz = crepe.refined_hertz(heard, decode(heard), LOW)
        at = truth > 0
        found.append(np.abs(1200 * np.log2(hertz[at] / truth[at])))
    return np.concatenate(found)


def judged(clips: list[Clip]) -> list[str]:
    """Return the cells of a line of the first table."""
    off = {name: cents_off(clips, decode) for name, decode in DECODERS.items()}
    right = off["argmax"] <= 60
    return [
        str(len(right)),
        " / ".join(f"{100 * (off[name] > 60).mean():.1f}" for name in DECODERS),
        " / ".join(f"{100 * (off[name] > 600).mean():.1f}" for name in DECODERS),
        " / ".join(f"{100 * (off[name][right] > 60).mean():.1f}" for name in ("torchcrepe", "voice")),
        f"{np.median(off['voice']):.0f}",
        f"{100 * (off['voice'] <= 30).mean():.0f}",
    ]


def table(head: list[str], lines: list[list[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *lines])


HEAD = [
    "clips",
    "frames",
    "off by more than 60 cents",
    "more than 600",
    "more than 60 where the argmax is right",
    "voice: median cents",
    "voice: within 30",
]


def prices(chosen_on: dict[str, list[Clip]]) -> str:
    """Return what other prices of moves give, each changed alone."""
    changes: dict[str, dict[str, float]] = {"as they are": {}}
    for name in ("FREE_SPEED", "SPEED_A_NAT", "LEAP"):
        for factor in (0.5, 2.0):
            changes[f"{name} x {factor:g}"] = {name: factor * getattr(voice_path, name)}
    changes["no free speed, SPEED_A_NAT 6,500"] = {"FREE_SPEED": 0.0, "SPEED_A_NAT": 6500.0}
    lines = []
    for title, constants in changes.items():
        with mock.patch.dict(vars(voice_path), constants):
            lines.append([title, *(_shares(clips) for clips in chosen_on.values())])
    return table(["prices", *chosen_on], [["(argmax)", *(_shares(c, "argmax") for c in chosen_on.values())], *lines])


def _shares(clips: list[Clip], name: str = "voice") -> str:
    off = cents_off(clips, DECODERS[name])
    return f"{100 * (off > 60).mean():.1f} / {100 * (off > 600).mean():.1f}"


def evidence(corpora: dict[str, list[Clip]]) -> str:
    """Return the mean log likelihood of the true bin under several kinds of evidence, 3 % of frames being anywhere."""

    def odds(scale: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda heard: scale * voice_path.log_odds(heard).astype(np.float64)

    kinds: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "softmax of a (torchcrepe)": lambda heard: heard.astype(np.float64),
        **{f"softmax of {k} a": lambda heard, k=k: k * heard.astype(np.float64) for k in (8, 12, 16)},
        **{f"a to the power {k:g}": lambda heard, k=k: k * np.log(heard + 1e-3).astype(np.float64) for k in (1, 2)},
        **{f"odds to the power {k:g}": odds(k) for k in (0.5, 0.75, 1, 1.5)},
    }
    lines = []
    for name, kind in kinds.items():
        cells = [name]
        for clips in corpora.values():
            found = []
            for heard, truth in clips:
                at = truth > 0
                weight = np.exp(kind(heard[at]) - kind(heard[at]).max(axis=1, keepdims=True))
                bins = np.rint((1200 * np.log2(truth[at] / FIRST_HZ)) / voice_path.CENTS_PER_BIN).astype(int) - LOW
                inside = (bins >= 0) & (bins < HIGH - LOW)
                likely = weight[inside, bins[inside]] / weight[inside].sum(axis=1)
                found.append(np.log(0.97 * likely + 0.03 / (HIGH - LOW)))
            cells.append(f"{np.concatenate(found).mean():.2f}")
        lines.append(cells)
    return table(["evidence", *corpora], lines)


def main() -> None:
    """Judge, and write Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--model", choices=["tiny", "full"], default="tiny")
    parser.add_argument("--prices", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    torch.set_num_threads(1)
    real = praat() is not None and "SERE_CORPORA" in os.environ
    if not real:
        sys.stderr.write("no praat-parselmouth or no SERE_CORPORA: synthetic voices alone\n")
    made, said = dict(tones(options.model)), dict(spoken(options.model))
    corpora = {corpus: by_praat(corpus, options.clips, options.model) for corpus in CORPORA} if real else {}
    command = " ".join(["python", "benchmarks/bench_pitch.py", *sys.argv[1:]])
    parts = [
        f"# Pitch\n\nMade by `{command}` (CREPE {options.model}). Shares are percent of the frames that have a pitch: "
        "by the argmax / torchcrepe's decoding / the voice's path, and, where the argmax is right (within 60 cents), "
        "by the last two.",
        "## Beside Praat\n\n" + table(HEAD, [[name, *judged(clips)] for name, clips in corpora.items()]),
        "## Voices whose pitch is known\n\n"
        + table(HEAD, [[name, *judged(clips)] for name, clips in {**made, **said}.items()]),
    ]
    if options.prices:
        others = {name: by_praat(name, options.clips, options.model, others=True) for name in CHOSEN_ON} if real else {}
        parts.append("## Prices: off > 60 / > 600 cents\n\n" + prices({**others, **said}))
        parts.append("## Evidence: mean log likelihood of the true bin\n\n" + evidence({**corpora, **said}))
    text = "\n\n".join(parts) + "\n"
    if options.out:
        options.out.write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
