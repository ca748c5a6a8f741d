"""From the benchmarks' JSON to one file and the table in the documentation.

Reads ``results/bench_*.json`` and writes ``results/speed.json``, everything in one, and ``docs/speed.md``. A benchmark
that was not run has no rows. Run: ``python benchmarks/table.py``.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "speed.md"
HEAD = """# Speed

How long things take, beside what one would write first. Every figure below was measured on {cores} cores by the script
in `benchmarks/` that is named beside it; `nox -s bench` runs them all and writes this page again. Ratios come from
interleaved runs with the same threads on both sides; they travel to another machine better than seconds do. The
processor has AVX-512 registers; on one without, met before, extraction and epochs took three to five times as long.

| what | measured | how |
|---|---|---|
{rows}

## What bounds them

- **Resonance of all pairs** is a matrix product whose maximum is taken in registers (`sere/kernels/fused.py`). It is
  faster than a bare product by torch where MKL does not use a processor's widest registers, as on some it does not;
  otherwise the bare product is its limit.
- **Forward and backward.** Plain autograd makes three products of the field's size, one going forward and two going
  back; ours makes the first, and going back looks at one winner a query frame and key clip. The table says which share
  of plain autograd's time those three products are. At equal speed of products the ratio can therefore not exceed
  three divided by that share: far away at d = 256, where most of plain autograd's time goes into writing and reading
  the field; near at d = 1028, and beyond it lies only what the registers win.
- **The spectral tracks.** The largest part is the Fourier transform, in double precision for the sake of the 1e-6 that
  are promised.
- **A fit** (`py-spy record -- python benchmarks/bench_fit.py`) spends a quarter of its epochs in fields and their
  maxima and about a sixth each in their gradients, in resonance-aware representations, and in all other gradients; the
  rest goes into operations on small tensors. Of a cached fit of the default encoder the epochs are a quarter of the
  processor's time and imports a fifth; reading the store, standardisation and two decompositions of 1,188 columns are
  most of the others.
- **The speech encoder** is matrix products for the most part (`sere/loops/transformer.py`). Beside transformers as it
  comes it wins by leaving out the silence behind a clip and the last layer; where transformers is cut to the same work,
  by its products alone. Each call comes after a pause: on earlier pages, with 1.4 x, threads that OpenMP had started
  for one side still spun when the next was timed, and took a core from it.
- **Whisper with its 30 s of silence** has to make the products of 1,500 frames all the same.
- **A first extraction** is pitch, descriptors and imports for three quarters of the processor's time and the speech
  encoder for one.
- **`sere predict`** beyond the extraction is imports for the most part (`python -X importtime -m sere predict ...`: of
  1.1 s, 0.5 are scikit-learn with the scipy.stats that it brings). The ratio rises where the extraction alone gets
  faster.
- **An hour, window by window,** hears every second twice, because windows overlap by half.

## The pool grows, the cost of a clip does not

`benchmarks/bench_scale.py`: fit beside {shots} labeled clips, clips of ten frames, half of them source, half target.

Clips come whole, with all 50 frames a second, as a pipeline hands them over, or thinned, as `fit` itself embeds audio.
Memory before the fit is that of the library, of torch and of the clips, which the caller holds.

| clips in the pools | given | an epoch | a clip and epoch | processor time | memory before the fit | peak memory |
|---|---|---|---|---|---|---|
{scale}

## On a GPU

No figure on this page comes from a GPU, for none was at hand; `benchmarks/bench_gpu.py` and `benchmarks/bench_fit.py
--device cuda` are there to take them. Two things could be settled without one.

- **The field's kernel** (`sere/kernels/triton_field.py`) fits a multiprocessor of compute capability 9.0 twice, in half
  precision at d = 256: the tests compile it and look at the shared memory that it takes.
- **CREPE stays in single precision.** Half precision changes which bins are decoded (`benchmarks/bench_precision.py`,
  products of rounded numbers summed in single precision):
{precision}

  So a GPU gets the arrangement with fewer multiplications instead (308 million a frame of the full network, where the
  plain convolutions make 1,410), and the bins remain torchcrepe's (`sere/tracks/_crepe_device.py`). Whether plain
  convolutions in float16 would be faster for the full network is for a GPU to say.

See [](scale.md) for what follows from these for very large collections.
"""


def main() -> None:
    """Write both files."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted((HERE / "results").glob("bench_*.json"))}
    (HERE / "results" / "speed.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    rows = "\n".join(f"| {what} | {measured} | `{how}` |" for what, measured, how in lines(found))
    scale = found.get("bench_scale", {"sizes": []})["sizes"]
    table = "\n".join(
        f"| {row['clips']:,} | {row['given']} | {row['seconds_an_epoch']:.2f} s "
        f"| {row['microseconds_a_clip_and_epoch']:.0f} µs | {row['processor_microseconds_a_clip_and_epoch']:.0f} µs "
        f"| {row['gigabytes_before']:.2f} GB | {row['peak_gigabytes']:.2f} GB{_beside_another(row)} |"
        for row in scale
    )
    shots = scale[0]["shots"] if scale else 30
    precision = "\n".join(
        f"  - {row['model']} network, {row['frames']:,} frames: "
        + ", ".join(f"{name} changes {count}" for name, count in row["changed"].items())
        for row in (found.get(f"bench_precision_{model}") for model in ("tiny", "full"))
        if row
    )
    page = HEAD.format(cores=os.cpu_count(), rows=rows, scale=table, shots=shots, precision=precision)
    PAGE.write_text(page, encoding="utf-8")


def lines(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what was measured, the figure and the script."""
    yield from track_lines(found.get("bench_tracks", {}))
    for row in found.get("bench_resonance", {}).get("scores", ()):
        yield (
            f"resonance of all pairs, d = {row['d']}",
            f"{row['times_one_mm']:.1f} x one matrix product a pair; {row['share_of_sgemm']:.2f} of a bare matrix "
            f"product; {row['pairs_per_second']['resonance_scores']:,.0f} pairs a second",
            "bench_resonance.py",
        )
    for row in found.get("bench_resonance", {}).get("training", ()):
        kept = row["kept_megabytes"]
        yield (
            f"resonance forward and backward, d = {row['d']}",
            f"{row['times_plain']:.1f} x plain autograd, of which matrix products are {row['products_of_plain']:.0%}; "
            f"{kept['resonance_field']:.0f} MB kept, plain {kept['plain autograd']:.0f}",
            "bench_resonance.py",
        )
    if store := found.get("bench_store"):
        yield (
            "tracks and embedding of new clips",
            f"{store['times_real_time_median']:.0f} x real time (best {store['times_real_time_best']:.0f})",
            "bench_store.py",
        )
        yield "the same clips again", f"{store['first_against_second_median']:.0f} x the first time", "bench_store.py"
        yield "`import sere`", f"{store['import_seconds_median']:.2f} s", "bench_store.py"
        yield "`sere --help`", f"{store['help_seconds_median']:.2f} s", "bench_store.py"
    yield from extraction_lines(found.get("bench_extraction"))
    if speech := found.get("bench_speech"):
        yield (
            "the speech encoder beside transformers' WhisperEncoder, a clip of 3 s",
            f"{speech['padded_over_ours']:.1f} x; {speech['cut_over_ours']:.1f} x when that is cut to the clip and the "
            f"same layers ({speech['cut_over_ours_in_batches']:.1f} x where ours gets sixteen at a time); "
            f"{speech['realtime']:.0f} x real time",
            "bench_speech.py",
        )
    if whisper := found.get("bench_pretrained"):
        for name, what in (("window", "the same 30 s"), ("own", "the clip's length alone")):
            row = whisper[name]
            yield (
                f"whisper-base beside transformers, clips of 1 to 10 s, ours reading {what}",
                f"{row['transformers_over_ours']:.1f} x ({row['transformers_over_ours_processor']:.1f} x in processor "
                f"time); states differ by at most {row['difference']:.0e}, their SD is {row['spread']:.1f}",
                "bench_pretrained.py",
            )
    fit = found.get("bench_fit", {})
    if "epoch_median" in fit:
        yield (
            f"fit with features at hand: 30 labeled clips, pools of 500 and 1,200, {fit['epochs']} epochs",
            f"{fit['seconds']:.1f} s ({fit['epoch_median']:.2f} s an epoch, best {fit['epoch_best']:.2f})",
            "bench_fit.py",
        )
    if "cached" in fit:
        yield from cached_lines(fit["cached"])
    if baselines := found.get("bench_baselines"):
        slowest = sorted(baselines["methods"].items(), key=lambda item: -item[1])[:3]
        measured = f"{baselines['command_cpu_seconds']:.1f} core seconds, most of them " + ", ".join(
            f"{name} {seconds:.1f}" for name, seconds in slowest
        )
        if against := baselines.get("against"):
            others = {name: count for name, count in against["differing_answers"].items() if count}
            same = max(value for name, value in against["largest_difference"].items() if name not in others)
            measured += f"; {against['share']:.2f} of those of {against['commit']}, probabilities within {same:.0e}"
            if others:
                measured += "; other answers by " + ", ".join(f"{name} ({count})" for name, count in others.items())
        yield (
            f"`sere benchmark`, {len(baselines['methods'])} comparison methods on one task with features at hand",
            measured,
            "bench_baselines.py",
        )


def cached_lines(row: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the lines of a fit from cached features."""
    stages = [name for name in row["seconds"] if name not in ("fit", "all")]
    what = f"a cached fit of {row['labeled']} + {row['source']} + {row['target']} {row['clips']} clips, "
    yield (
        f"{what}{row['epochs']} epochs, in a fresh process",
        f"{row['seconds']['all']:.1f} s, of processor time {row['processor']['all']:.1f} s: "
        + ", ".join(f"{name} {row['processor'][name]:.1f}" for name in stages),
        "bench_fit.py",
    )
    if "against" in row:
        ratios = {name: row["ratios"][name] for name in (*stages, "fit", "all")}
        yield (
            f"the same beside an earlier release ({row['against']['epochs']} epochs)",
            f"{ratios['fit']:.0%} of its processor time without imports, {ratios['all']:.0%} with them ("
            + ", ".join(f"{name} {ratios[name]:.0%}" for name in stages)
            + ("); " if row["epochs"] == row["against"]["epochs"] else "), whose defaults are others; ")
            + f"probabilities at most {row['largest_difference']:.1g} apart",
            "bench_fit.py --against TREE",
        )


def _beside_another(row: dict[str, Any]) -> str:
    """What another checkout took, where it was asked."""
    return f" ({row['against']['peak_gigabytes']:.2f} before)" if "against" in row else ""


def extraction_lines(found: dict[str, Any] | None) -> Iterator[tuple[str, str, str]]:
    """Yield the lines of audio on its way in, beside openSMILE."""
    if not found:
        return
    sides, ratios, clips = found["sides"], found["ratios"], found["clips"]
    if "descriptors_cpu_over_opensmile" in ratios:
        ours, theirs = sides["descriptors"], sides["opensmile"]
        yield (
            f"descriptors and tracks without speech, {clips} cold clips, beside openSMILE's eGeMAPS",
            f"{ratios['descriptors_cpu_over_opensmile']:.2f} of its processor time ({ours['cpu']:.1f} s), "
            f"{ratios['descriptors_own_cpu_over_opensmile']:.2f} without imports; {ours['megabytes']:.0f} MB at the "
            f"peak, openSMILE {theirs['megabytes']:.0f}",
            "bench_extraction.py",
        )
    if "opensmile_over_whole" in ratios:
        yield (
            f"whole first extraction (tracks, descriptors, speech), {clips} cold clips",
            f"{found['audio_seconds'] / sides['whole']['own_seconds']:.0f} x real time; "
            f"{ratios['opensmile_over_whole']:.2f} x openSMILE's eGeMAPS, by processor time "
            f"{ratios['opensmile_cpu_over_whole']:.2f} x",
            "bench_extraction.py",
        )
    if "predict_over_whole" in ratios:
        yield (
            f"`sere predict` on {clips} cold clips, start to last line",
            f"{ratios['predict_over_whole']:.2f} of the extraction itself (processor time "
            f"{ratios['predict_cpu_over_whole']:.2f}); {sides['predict']['megabytes']:.0f} MB at the peak",
            "bench_extraction.py",
        )
    if one := sides.get("one"):
        yield (
            "`sere predict` on one cold clip, start to last line",
            f"{one['seconds']:.1f} s; {one['megabytes']:.0f} MB at the peak",
            "bench_extraction.py",
        )
    if hour := found.get("hour"):
        yield (
            "an hour of audio, labeled window by window, cold",
            f"{hour['seconds']:.0f} s ({hour['cpu']:.0f} s of processor time); {hour['megabytes']:.0f} MB at the peak",
            "bench_extraction.py",
        )


def track_lines(tracks: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the lines of the static tracks."""
    names = {
        "full": "pitch, CREPE full, beside torchcrepe",
        "tiny": "pitch, CREPE tiny, beside torchcrepe",
        "viterbi": "Viterbi decoding beside torchcrepe",
        "spectral": "the three spectral tracks beside librosa",
    }
    for part, what in names.items():
        if part in tracks:
            row = tracks[part]
            equal = (
                f"{row['differing_bins']} bins differ"
                if "differing_bins" in row
                else f"relative error {row['largest_relative_error']:.0e}"
            )
            yield what, f"{row['ratio_median']:.1f} x (best {row['ratio_best']:.1f}); {equal}", "bench_tracks.py"
    if "voice" in tracks:
        row = tracks["voice"]
        yield (
            "decoding as a voice moves, beside torchcrepe's decoding at our speed",
            f"{row['ratio_median']:.1f} x (best {row['ratio_best']:.1f}); {row['ours_us_a_frame']:.1f} µs a frame",
            "bench_tracks.py",
        )
    if "realtime" in tracks:
        row = tracks["realtime"]
        yield (
            "all four tracks, CREPE tiny",
            f"{row['times_real_time_median']:.0f} x real time (best {row['times_real_time_best']:.0f})",
            "bench_tracks.py",
        )


if __name__ == "__main__":
    main()
