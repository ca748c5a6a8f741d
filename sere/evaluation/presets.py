"""The studies of the paper, and those that a user of few-shot recognition needs, as settings of one benchmark.

============  ==================================================================================
``table1``    every ordered pair of EmoDB, EMOVO, CASIA and RAVDESS (in the place of eNTERFACE'05, which is
              video), or of whatever corpora there are; all methods
``table2``    SERE without global prototype resonance, without dual instance resonance, without both
``table3``    the same encoder for both languages against one per language
``fig3``      t-SNE of the target's embeddings for each row of ``table2``, as a picture
``shots``     1, 5, 20 and all labels of the source
``skew``      a target that is 65 % neutral beside the balanced one
``robustness``  noise, level, bandwidth and length of the target's clips changed before extraction
============  ==================================================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from sere.datasets.shifts import SHIFTS, changes_audio
from sere.evaluation.methods import Method

#: The corpora of the paper's Table I that can be read without ffmpeg.
TABLE_CORPORA = ("emodb", "emovo", "casia", "ravdess")
#: Rows of Table II: what is taken away, and the method that lacks it.
ABLATIONS = {
    "SERE": "sere",
    "without prototype resonance": "sere:losses__prototype_weight=0",
    "without dual resonance": "sere:losses__dual_weight=0",
    "without both": "sere:losses__prototype_weight=0:losses__dual_weight=0",
}


@dataclass(frozen=True)
class Preset:
    """Settings that a study takes unless others are given; see :func:`sere.evaluation.run_benchmark`."""

    methods: Sequence[str] | None = None
    baseline: str | None = None
    shots: Sequence[int | str] = (5,)
    shifts: Sequence[str] = ("none",)
    protocol: str = "both"

    def settings(self) -> dict[str, Any]:
        """Return the arguments of :func:`sere.evaluation.run_benchmark` that the study sets."""
        found: dict[str, Any] = {"shots": list(self.shots), "shifts": list(self.shifts), "protocol": self.protocol}
        found |= {} if self.methods is None else {"methods": list(self.methods)}
        return found | ({} if self.baseline is None else {"baseline": self.baseline})


PRESETS: dict[str, Preset] = {
    "table1": Preset(methods=("all",)),
    "table2": Preset(tuple(ABLATIONS.values()), "sere", protocol="transductive"),
    "table3": Preset(baseline="", protocol="transductive"),
    "fig3": Preset(tuple(ABLATIONS.values()), "sere"),
    "shots": Preset(shots=(1, 5, 20, "all"), protocol="transductive"),
    "skew": Preset(shifts=("none", "skew"), protocol="transductive"),
    "robustness": Preset(
        shifts=("none", *(shift for shift in SHIFTS if changes_audio(shift))),
        protocol="transductive",
    ),
}


def heterogeneous_methods(encoders: Mapping[str, str] | Sequence[str]) -> list[Method]:
    """Return the methods of Table III.

    Parameters
    ----------
    encoders : dict or sequence of str
        A dict from language to encoder: each encoder for everything, then each language its own. A sequence of names:
        each for everything, then each ordered pair, one for the source and one for the target.

    Raises
    ------
    ValueError
        With fewer than two encoders.
    """
    from sere import SEREClassifier

    names = list(dict.fromkeys(encoders.values() if isinstance(encoders, Mapping) else encoders))
    if len(names) < 2:
        raise ValueError(f"one encoder per language takes two or more encoders, and only {', '.join(names)} is given")
    chosen: dict[str, Any] = {f"same: {name}": name for name in names}
    if isinstance(encoders, Mapping):
        chosen["one per language"] = {**encoders, "default": names[0]}
    else:
        for source, target in permutations(names, 2):
            chosen[f"source {source}, target {target}"] = {"labeled": source, "source": source, "target": target}
    return [Method(name, SEREClassifier(encoder=encoder)) for name, encoder in chosen.items()]
