"""The paper's tables on real encoders: what each loss earns, one encoder against two, and where resonance pays.

``table2``: SERE as it is, without prototype resonance (Eq. 8), without dual resonance (Eq. 9), without both, without
the field in assignments (Eq. 6, 7) and without training at all, on poor frames and on rich ones, with experience and
without, with layers of the checkpoint frozen and trained. ``table3``: one Whisper for both languages against one for
each. ``resonance``: what the field adds to assignments by layer and by temperature, with a picture. ``fig3``: the
target's embeddings with each loss and without, on Whisper base, as a picture of one task and draw.

Six pairs of EmoDB (B), EMOVO (O) and CASIA (C), five shots an emotion, transductive. Differences are paired, against
the first row of each part; their interval resamples speakers, draws and tasks.

Run: ``python benchmarks/bench_paper.py table2 --encoders DIR [--corpora DIR] [--draws 1] [--jobs 2]``. DIR holds
``whisper-tiny.en`` and ``whisper-base`` as transformers reads them. Cells are kept in benchmarks/results/paper, and the
same command goes on where it was stopped. Writes benchmarks/results/paper/STUDY.md.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from sere import SEREClassifier
from sere.encoders.pretrained import PretrainedEncoder
from sere.evaluation import Method, run_benchmark
from sere.evaluation.embeddings import draw_ablations
from sere.evaluation.results import BenchmarkResult

RESULTS = Path(__file__).parent / "results" / "paper"
SIX = "BO,OB,BC,CB,CO,OC"
#: One task, for what takes long.
ONE = "BO"
INNER = (1, 2, 3)
CHANGES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "without prototype resonance": {"losses__prototype_weight": 0},
    "without dual resonance": {"losses__dual_weight": 0},
    "without both": {"losses__prototype_weight": 0, "losses__dual_weight": 0},
    "without the field in assignments": {"assignment__field_share": 0},
    "without training": {"epochs": 0},
}
#: Nothing learns from the answers, so that what the paper has stands alone.
NO_HEAD = {"self_training__weight": 0}
TAUS = (0.1, 0.3, 1.0, 3.0, 10.0)


def whisper(folder: Path, layers: tuple[int, ...] = INNER) -> PretrainedEncoder:
    """Return some layers of a checkpoint side by side, which hear a clip without the silence behind it."""
    several = {"layer": layers, "combine": "concatenate"} if len(layers) > 1 else {"layer": layers[0]}
    return PretrainedEncoder(os.fspath(folder), whisper_slice_positions=True, **several)


def variants(encoder: Any, **settings: Any) -> list[Method]:
    """Return SERE on an encoder and each change of it, the first unchanged."""
    return [
        Method(name, SEREClassifier(encoder=encoder).set_params(**{**settings, **change}))
        for name, change in CHANGES.items()
    ]


def table2(folder: Path, options: dict[str, Any]) -> Iterator[tuple[str, BenchmarkResult]]:
    """Yield each part of Table II."""
    base, tiny = folder / "whisper-base", cut(folder / "whisper-tiny.en", 3)
    parts: dict[str, tuple[str, list[Method], dict[str, Any]]] = {
        "acoustic": ("descriptors", variants("acoustic"), {}),
        "side": ("descriptors and the embedded speech encoder", variants("acoustic+speech"), {}),
        "experience": ("the same, with experience of other corpora", variants("experience"), {}),
        "base": ("Whisper base, layers 1-3, frozen", variants(whisper(base)), {}),
        "base-alone": (
            "the same, and nothing learned from the answers (`self_training__weight=0`)",
            variants(whisper(base), **NO_HEAD),
            {},
        ),
        "trained": (
            "Whisper tiny.en, layer 3 trained (B to O, pools of 100 clips, 5 epochs)",
            trained(tiny),
            {"tasks": ONE, "max_pool": 100},
        ),
        "trained-faster": (
            "the same, layers 2 and 3 at ten times the rate (`encoder_learning_rate=1e-4`)",
            trained(tiny, layers=2, encoder_learning_rate=1e-4),
            {"tasks": ONE, "max_pool": 100},
        ),
    }
    for name, (title, methods, own) in parts.items():
        yield title, run(f"table2-{name}", methods, options | own)


def cut(folder: Path, layers: int) -> Path:
    """Return a folder of the same checkpoint without the layers behind the first few: the last one can be trained."""
    from transformers import WhisperFeatureExtractor, WhisperModel

    kept = folder.with_name(f"{folder.name}-{layers}-layers")
    if not kept.exists():
        model = WhisperModel.from_pretrained(folder)
        model.encoder.layers = model.encoder.layers[:layers]
        model.config.encoder_layers = layers
        WhisperFeatureExtractor.from_pretrained(folder).save_pretrained(kept)
        model.save_pretrained(kept)
    return kept


def trained(folder: Path, layers: int = 1, **settings: Any) -> list[Method]:
    """Return SERE with trained layers, each loss taken away, and the same frozen."""
    learning, frozen = (
        PretrainedEncoder(os.fspath(folder), trainable_layers=n, whisper_slice_positions=True) for n in (layers, 0)
    )
    methods = [m for m in variants(learning, epochs=5, **settings) if m.name != "without training"]
    return [*methods, Method("frozen", SEREClassifier(encoder=frozen, epochs=5))]


def table3(folder: Path, options: dict[str, Any]) -> Iterator[tuple[str, BenchmarkResult]]:
    """Yield Table III: one encoder for both languages, or one for each."""
    tiny, base = (whisper(folder / name) for name in ("whisper-tiny.en", "whisper-base"))
    encoders = {
        "tiny.en for both": tiny,
        "base for both": base,
        "tiny.en for the source, base for the target": {"labeled": tiny, "source": tiny, "target": base},
        "base for the source, tiny.en for the target": {"labeled": base, "source": base, "target": tiny},
    }
    methods = [Method(name, SEREClassifier(encoder=own)) for name, own in encoders.items()]
    yield "layers 1-3 side by side, frozen", run("table3", methods, options)


def resonance(folder: Path, options: dict[str, Any]) -> Iterator[tuple[str, BenchmarkResult]]:
    """Yield, for each layer and each temperature, SERE without the field in assignments and with it."""
    base = folder / "whisper-base"
    for layer in range(7):
        yield f"layer {layer}", run(f"resonance-layer{layer}", field(whisper(base, (layer,))), options)
    for tau in TAUS:
        yield f"layers 1-3, tau {tau:g}", run(f"resonance-tau{tau:g}", field(whisper(base), field__tau=tau), options)


def fig3(folder: Path, options: dict[str, Any]) -> None:
    """Draw Fig. 3: no loss is missing, then either, then both."""
    methods = variants(whisper(folder / "whisper-base"))[:4]
    path = RESULTS / "fig3.png"
    print(draw_ablations(options["corpora"], path, tasks=ONE, methods=methods, n_jobs=options["n_jobs"]))


def field(encoder: Any, **settings: Any) -> list[Method]:
    """Return SERE without the field in assignments and with it, nothing learned from the answers."""
    return [
        Method(name, SEREClassifier(encoder=encoder).set_params(**settings, **change, **NO_HEAD))
        for name, change in (("without the field", {"assignment__field_share": 0}), ("with it", {}))
    ]


def run(name: str, methods: list[Method], options: dict[str, Any]) -> BenchmarkResult:
    """Return what a part found, its cells kept."""
    options = {"protocol": "transductive", "verbose": 1, **options}
    result = run_benchmark(methods=methods, baseline=methods[0].name, out=RESULTS / name, **options)
    if result.failed:
        raise SystemExit(f"{name}: {result.failed[0]['error']}")
    return result


def rows(result: BenchmarkResult) -> dict[str, pd.DataFrame]:
    """Return the rows over all tasks, by method, for speakers known and unknown."""
    scores = result.scores
    scores = scores[scores["task"] == "all"]
    return {who: part.set_index("method") for who, part in scores.groupby("speakers")}


def table(title: str, result: BenchmarkResult) -> list[str]:
    """Return a part in Markdown."""
    found = rows(result)
    lines = [
        f"**{title[0].upper()}{title[1:]}**",
        "",
        "| | speakers known | difference | interval | unknown | difference | interval |",
        "|---|---|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(result.scores["method"]):
        cells = [method]
        for who in ("known", "unknown"):
            row = found[who].loc[method]
            cells.append(f"{100 * row['uar']:.1f}")
            if method == result.baseline:
                cells += ["-", "-"]
            else:
                low, high = 100 * row["difference_low_tasks"], 100 * row["difference_high_tasks"]
                cells += [f"{100 * row['difference']:+.1f}", f"[{low:+.1f}, {high:+.1f}]"]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def draw(parts: list[tuple[str, BenchmarkResult]], file: Path) -> None:
    """Draw what the field adds, by layer and by temperature, with its interval."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.2), sharey=True, layout="constrained")
    titles = ("layer of Whisper base (one at a time)", "temperature tau of Eq. 4 (layers 1-3)")
    kinds = ("layer ", "layers 1-3, tau ")
    for axis, title, kind in zip(axes, titles, kinds, strict=True):
        own = [(name.removeprefix(kind), result) for name, result in parts if name.startswith(kind)]
        for shift, (who, colour) in enumerate((("known", "#0072b2"), ("unknown", "#d55e00"))):
            gains = [rows(result)[who].loc["with it"] for _, result in own]
            middle = [100 * gain["difference"] for gain in gains]
            low = [100 * (gain["difference"] - gain["difference_low_tasks"]) for gain in gains]
            high = [100 * (gain["difference_high_tasks"] - gain["difference"]) for gain in gains]
            at = [place + 0.2 * shift - 0.1 for place in range(len(own))]
            axis.errorbar(at, middle, [low, high], fmt="os"[shift], color=colour, capsize=2, label=f"speakers {who}")
        axis.axhline(0, color="0.6", linewidth=0.8, zorder=0)
        axis.set_xticks(range(len(own)), [name for name, _ in own])
        axis.set_xlabel(title)
    axes[0].set_ylabel("UAR with the field less\nwithout it (points)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    figure.savefig(file, dpi=150)


def main() -> None:
    """Run a study; print and save its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    studies = {"table2": table2, "table3": table3, "resonance": resonance}
    parser.add_argument("study", choices=[*studies, "fig3"])
    parser.add_argument("--encoders", type=Path, required=True, help="folder of whisper-tiny.en and whisper-base")
    parser.add_argument("--corpora", default=os.environ.get("SERE_CORPORA"), help="folder of corpora")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    if not given.corpora:
        raise SystemExit("name the folder of corpora: --corpora DIR, or set SERE_CORPORA")
    options = {"corpora": given.corpora, "tasks": SIX, "draws": given.draws, "n_jobs": given.jobs}
    RESULTS.mkdir(parents=True, exist_ok=True)
    if given.study == "fig3":
        fig3(given.encoders, options)
        return
    parts, lines = [], []
    for title, result in studies[given.study](given.encoders, options):
        parts.append((title, result))
        lines += table(title, result)
        print("\n".join(table(title, result)), flush=True)
        (RESULTS / f"{given.study}.md").write_text("\n".join(lines).rstrip() + "\n")
    if given.study == "resonance":
        draw(parts, RESULTS / "resonance.png")


if __name__ == "__main__":
    main()
