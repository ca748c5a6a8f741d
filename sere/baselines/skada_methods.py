"""Adapters of skada: the source's clips moved onto the target's, then logistic regression.

Domain adaptation before there were deep networks, as skada implements it (Gnassounou, Kachaiev, Flamary, Collas,
Lalou, de Mathelin, Gramfort, Bueno, Michel et al., "SKADA: Scikit Adaptation", 2024):

============  ==========================================================================================
``coral``     covariances alike (Sun, Feng and Saenko, "Return of frustratingly easy domain adaptation",
              AAAI 2016), shrunk as Ledoit and Wolf do
``linear-ot`` the linear map of optimal transport between two Gaussians (Flamary, Lounici and Ferrari,
              "Concentration bounds for linear Monge mapping estimation and optimal transport domain
              adaptation", 2019)
``tca``       components in which both domains have one mean (Pan, Tsang, Kwok and Yang, "Domain adaptation
              via transfer component analysis", IEEE TNN 2011), linear kernel
``subspace``  principal components of one domain aligned with the other's (Fernando, Habrard, Sebban and
              Tuytelaars, "Unsupervised visual domain adaptation using subspace alignment", ICCV 2013)
============  ==========================================================================================

All of them, and what stands behind, are affine, so that what was learned is kept as one linear map. The source is the
shots; skada has no place for clips of the source without a label.

Importing skada turns scikit-learn's metadata routing on for the whole process, under which other estimators behave
differently. Here it is on while skada works, and nowhere else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

from sere.baselines._base import Baseline, Head
from sere.baselines._clips import Lesson
from sere.baselines._heads import LinearHead
from sere.baselines.references import LinearBaseline
from sere.inputs.params import Rule, choice, number, whole

#: Number of a domain to skada: sources are positive, targets negative.
_SOURCE, _TARGET = 1, -2
#: What skada takes for no label.
_UNLABELED = -1


@dataclass(kw_only=True, eq=False, repr=False)
class SkadaBaseline(Baseline):
    """An adapter of skada, and logistic regression on the shots that it moved.

    Takes the parameters of all methods, and its own. Needs skada: ``pip install "sere[skada]"``.

    Parameters
    ----------
    adapter : {"coral", "linear-ot", "tca", "subspace"}, default="coral"
    C : float, default=0.01
        Inverse strength of the regression's penalty.
    ridge : float, default=1.0
        For "linear-ot", what is added to the diagonals of both covariances; columns have a variance of about 1. With
        few shots skada's own 1e-8 leaves no number.
    n_components : int, default=20
        For "tca" and "subspace", at most; never more than there are shots less one.

    Notes
    -----
    Without a target pool of two or more clips there is nothing to adapt to: the shots' logistic regression is left.

    Examples
    --------
    >>> from sere.baselines import SkadaBaseline
    >>> SkadaBaseline(adapter="tca").adapter
    'tca'
    """

    adapter: str = "coral"
    C: float = 0.01
    ridge: float = 1.0
    n_components: int = 20

    _rules: ClassVar[dict[str, Rule]] = {
        "adapter": choice("coral", "linear-ot", "tca", "subspace"),
        "C": number(above=0),
        "ridge": number(above=0),
        "n_components": whole(1),
    }

    def _check_params(self, prefix: str = "") -> None:
        super()._check_params(prefix)
        with _working():
            pass

    def _learn(self, lesson: Lesson) -> Head:
        if len(lesson.target) < 2:
            return LinearBaseline(C=self.C, random_state=lesson.seed)._learn(lesson)
        shots, far = lesson.shots.vectors, lesson.target.vectors
        most = max(1, min(self.n_components, len(shots) - 1, len(far) - 1, shots.shape[1]))
        with _working() as skada:
            pipeline = skada.make_da_pipeline(
                self._adapter(skada, most, lesson.seed),
                LogisticRegression(C=self.C, class_weight="balanced", max_iter=1000),
            )
            pipeline.fit(
                np.vstack([shots, far]),
                np.append(lesson.y, np.full(len(far), _UNLABELED)),
                sample_domain=np.repeat([_SOURCE, _TARGET], [len(shots), len(far)]),
            )
            return _affine(pipeline, shots.shape[1])

    def _adapter(self, skada: Any, n_components: int, seed: int) -> Any:
        """Return skada's adapter."""
        if self.adapter == "coral":
            return skada.CORALAdapter()
        if self.adapter == "linear-ot":
            return skada.LinearOTMappingAdapter(reg=self.ridge)
        if self.adapter == "tca":
            return skada.TransferComponentAnalysisAdapter(kernel="linear", n_components=n_components)
        return skada.SubspaceAlignmentAdapter(n_components=n_components, random_state=seed)


@contextmanager
def _working() -> Iterator[Any]:
    """Yield skada, with metadata routing on for as long as it works."""
    with sklearn.config_context():
        try:
            import skada
        except ImportError as error:
            raise ImportError('this method needs skada: pip install "sere[skada]"') from error
        sklearn.set_config(enable_metadata_routing=True)
        yield skada


def _affine(pipeline: Any, width: int) -> LinearHead:
    """Return the scores of an affine pipeline for clips of the target, from what it says of the axes."""
    scores = np.asarray(pipeline.decision_function(np.vstack([np.zeros((1, width)), np.eye(width)])))
    if scores.ndim == 1:
        scores = np.stack([np.zeros_like(scores), scores], axis=1)
    return LinearHead((scores[1:] - scores[0]).T, scores[0])
