"""What the two transformers share: audio in, :class:`~sere.Utterances` out, names for the pooled columns."""

from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sere._inputs import arranged, read_rows
from sere._paths import travelling
from sere._utterances import Utterances


class AudioTransformer(TransformerMixin, BaseEstimator):
    """Base of the transformers: reads any form of X and hands out Utterances.

    A subclass implements ``_transform(utterances, role)`` and may implement ``_check_params``.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the first clip; nothing is learned from the data.

        Parameters
        ----------
        X : list of paths or waveforms, 2-D array of waveforms, DataFrame or Utterances
        y : ignored

        Returns
        -------
        self
        """
        utterances = read_rows(self, X, reset=True, rows="waveforms")
        self._check_params()
        self._feature_names_out = self._transform(utterances[:1], "labeled").feature_names
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Utterances | np.ndarray:
        """Fit, then transform X in the role of the labeled clips.

        Parameters
        ----------
        X : as in `fit`
        y : ignored

        Returns
        -------
        Utterances of length n
        """
        X = arranged(X)
        self.fit(X)
        return self._hand_out(read_rows(self, X, reset=False, rows="waveforms"), "labeled")

    def transform(self, X: Any) -> Utterances | np.ndarray:
        """Return the clips with what this step adds.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        Utterances of length n
            ``numpy.asarray`` of it is the 2-D array whose columns `get_feature_names_out` names.
        """
        check_is_fitted(self)
        return self._hand_out(read_rows(self, X, reset=False, rows="waveforms"), "target")

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the pooled columns.

        Parameters
        ----------
        input_features : ignored
            The columns do not come one by one from input columns.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        return np.array(self._feature_names_out, dtype=object)

    def __getstate__(self) -> dict[str, Any]:
        return travelling(super().__getstate__())

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_feature_names_out")

    def _check_params(self) -> None:
        """Raise for parameters that cannot be used."""

    def _transform(self, utterances: Utterances, role: str) -> Utterances:
        raise AttributeError(f"{type(self).__name__} does not transform")

    def _hand_out(self, utterances: Utterances, role: str) -> Utterances | np.ndarray:
        """Transform, and give plain numbers where ``set_output`` asks for a container of numbers."""
        transformed = self._transform(utterances, role)
        config = getattr(self, "_sklearn_output_config", {}).get("transform", get_config()["transform_output"])
        return transformed if config == "default" else np.asarray(transformed)
