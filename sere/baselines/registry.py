"""All comparison methods by their short names; importing it loads torch."""

from importlib.util import find_spec

from sere.baselines._base import Baseline
from sere.baselines.aad import AaD
from sere.baselines.adogt import ADoGT
from sere.baselines.byol import BYOL
from sere.baselines.cian import CIAN
from sere.baselines.dan import DAN
from sere.baselines.ecan import ECAN
from sere.baselines.fixmatch import FixMatch
from sere.baselines.jdar import JDAR
from sere.baselines.jiasl import JIASL
from sere.baselines.label_spreading import LabelSpreading
from sere.baselines.lrjda import LRJDA
from sere.baselines.mixmatch import MixMatch
from sere.baselines.multi_source import MultiSource
from sere.baselines.nrc import NRC
from sere.baselines.pseudo_label import PseudoLabel
from sere.baselines.references import LinearBaseline, NearestPrototype, SVMBaseline
from sere.baselines.self_training import SelfTraining
from sere.baselines.simsiam import SimSiam
from sere.baselines.sinkhorn import SinkhornPrototypes
from sere.baselines.skada_methods import SkadaBaseline
from sere.baselines.source_only import SourceOnly
from sere.baselines.uerms import UERMS
from sere.baselines.zero_shot import Evidence, ZeroShot

#: Short names and classes: references, then domain adaptation, source-free, self- and semi-supervised methods.
METHODS: dict[str, type[Baseline]] = {
    "lr": LinearBaseline,
    "svm": SVMBaseline,
    "prototype": NearestPrototype,
    "zero-shot": ZeroShot,
    "evidence": Evidence,
    "multi-source": MultiSource,
    "sinkhorn": SinkhornPrototypes,
    "source-only": SourceOnly,
    "dan": DAN,
    "jdar": JDAR,
    "jiasl": JIASL,
    "lrjda": LRJDA,
    "cian": CIAN,
    "adogt": ADoGT,
    "u-erms": UERMS,
    "aad": AaD,
    "nrc": NRC,
    "ecan": ECAN,
    "byol": BYOL,
    "simsiam": SimSiam,
    "pseudo-label": PseudoLabel,
    "mixmatch": MixMatch,
    "fixmatch": FixMatch,
    "self-training": SelfTraining,
    "label-spreading": LabelSpreading,
}
if find_spec("skada"):
    METHODS["skada"] = SkadaBaseline
#: Those that "all" leaves out in a benchmark: they need experience, other labeled corpora or another library.
APART = ("evidence", "multi-source", "skada")
