"""A Pipeline whose pools pass through its transformers."""

from typing import Any, Self

from sklearn import config_context
from sklearn.pipeline import Pipeline

from sere.estimators.classifier import SEREClassifier
from sere.estimators.dynamics import DynamicFeatureTransformer
from sere.estimators.encoder import HeterogeneousEncoder
from sere.estimators.facts import FitFacts

POOLS = ["X_unlabeled_src", "X_unlabeled_tgt"]


class SEREPipeline(FitFacts, Pipeline):
    """A scikit-learn Pipeline that sends unlabeled pools through its transformers.

    scikit-learn does this where metadata routing is on and ``transform_input`` names the pools. This class turns
    routing on for the time of `fit` and leaves the user's configuration alone.
    """

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit all steps; pools given as ``X_unlabeled_src`` and ``X_unlabeled_tgt`` are transformed like X.

        Parameters
        ----------
        X, y : as in :meth:`SEREClassifier.fit`
        **params : X_unlabeled_src, X_unlabeled_tgt

        Returns
        -------
        self
        """
        with config_context(enable_metadata_routing=True):
            super().fit(X, y, **_given(params))
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit all steps, then embed X; see `fit`.

        Parameters
        ----------
        X, y, **params : as in `fit`

        Returns
        -------
        ndarray of shape (n, p)
        """
        return self.fit(X, y, **params).transform(X)


def _given(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters that are not None: scikit-learn would send None through the steps as well."""
    return {name: value for name, value in params.items() if value is not None}


def make_sere_pipeline(
    dynamics: DynamicFeatureTransformer | None = None,
    encoder: HeterogeneousEncoder | None = None,
    classifier: SEREClassifier | None = None,
    *,
    memory: Any = None,
    verbose: bool = False,
) -> SEREPipeline:
    """Return the three estimators in a Pipeline, with steps "dynamics", "encoder" and "sere".

    Parameters
    ----------
    dynamics, encoder, classifier : estimators, default=None
        None for the defaults.
    memory, verbose : as in :class:`sklearn.pipeline.Pipeline`.

    Returns
    -------
    SEREPipeline

    Examples
    --------
    >>> from sere import make_sere_pipeline
    >>> list(make_sere_pipeline().named_steps)
    ['dynamics', 'encoder', 'sere']
    """
    return SEREPipeline(
        [
            ("dynamics", DynamicFeatureTransformer() if dynamics is None else dynamics),
            ("encoder", HeterogeneousEncoder() if encoder is None else encoder),
            ("sere", SEREClassifier() if classifier is None else classifier),
        ],
        transform_input=POOLS,
        memory=memory,
        verbose=verbose,
    )
