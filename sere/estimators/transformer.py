"""What the two transformers share: audio in, :class:`~sere.Utterances` out, names for the pooled columns."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sere.audio import AudioError
from sere.files.paths import travelling
from sere.inputs.params import COMMON, Rule, check_params
from sere.inputs.reading import read_rows
from sere.inputs.skipping import Skipping
from sere.inputs.utterances import Utterances, with_gaps


@dataclass(kw_only=True, eq=False, repr=False)
class AudioTransformer(TransformerMixin, BaseEstimator):
    """Base of the transformers: reads any form of X and hands out Utterances.

    A subclass is a dataclass, whose fields are its parameters beside those here. It implements
    ``_transform(utterances, role, unusable)``, which leaves out clips that cannot be used where `unusable` is a dict
    that takes their reasons, and may add to ``_check_params``.
    """

    _rules: ClassVar[dict[str, Rule]] = COMMON

    n_jobs: int | None = None
    cache: Any = True
    device: str = "auto"
    verbose: int = 0
    on_error: str = "raise"

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
        skipping = Skipping(self.on_error)
        self._start(X, skipping)
        self._finish(skipping)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Utterances | np.ndarray | pd.DataFrame:
        """Fit, then transform X in the role of the labeled clips.

        Parameters
        ----------
        X : as in `fit`
        y : ignored

        Returns
        -------
        Utterances of length n
        """
        skipping = Skipping(self.on_error)
        return self._hand_out(X, self._start(X, skipping), "labeled", skipping)

    def transform(self, X: Any) -> Utterances | np.ndarray | pd.DataFrame:
        """Return the clips with what this step adds.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        Utterances of length n
            ``numpy.asarray`` of it is the 2-D array whose columns `get_feature_names_out` names. Shorter than X by
            the clips of ``skipped_`` where ``on_error="skip"`` left some out. With ``on_error="nan"`` it holds nothing
            but that array, whose rows for these clips are NaN.
        """
        check_is_fitted(self)
        self._check_params()
        skipping = Skipping(self.on_error)
        return self._hand_out(X, self._read(X, skipping, reset=False), "target", skipping)

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

    def _check_params(self, prefix: str = "") -> None:
        """Raise for parameters that cannot be used; `prefix` comes before their names in messages."""
        check_params(self, prefix)

    def _transform(self, utterances: Utterances, role: str, unusable: dict[Any, str] | None = None) -> Utterances:
        raise AttributeError(f"{type(self).__name__} does not transform")

    def _read(self, X: Any, skipping: Skipping, reset: bool) -> tuple[Utterances, np.ndarray]:
        """Return the clips of X that can be read, and their rows in it."""
        return skipping.read(lambda some: read_rows(self, some, reset=reset, rows="waveforms"), X, "X")

    def _start(self, X: Any, skipping: Skipping) -> tuple[Utterances, np.ndarray]:
        """Check parameters, read X as `_read` does and learn the columns' names from the first clip of use."""
        self._check_params()
        utterances, rows = self._read(X, skipping, reset=True)
        for k, row in enumerate(rows):
            try:
                self._feature_names_out = self._transform(utterances[k : k + 1], "labeled").feature_names
                break
            except AudioError as error:
                if not skipping.wanted or k == len(rows) - 1:
                    raise error.of_rows([row]) from None
        return utterances, rows

    def _finish(self, skipping: Skipping) -> None:
        """Say what was left out; as nothing is where ``on_error="raise"``, transforming changes nothing there."""
        if skipping.wanted:
            self.skipped_ = skipping.records
            skipping.warn()

    def _hand_out(
        self, X: Any, read: tuple[Utterances, np.ndarray], role: str, skipping: Skipping
    ) -> Utterances | np.ndarray | pd.DataFrame:
        """Transform, and give plain numbers where ``set_output`` asks for a container of numbers."""
        utterances, rows = read
        transformed, left = skipping.embed(lambda some, bad: self._transform(some, role, bad), utterances, "X")
        self._finish(skipping)
        if skipping.on_error == "nan":
            transformed = with_gaps(transformed, lambda values: skipping.filled(values, left))
        config = getattr(self, "_sklearn_output_config", {}).get("transform", get_config()["transform_output"])
        if config == "default":
            return transformed
        if config == "pandas" and skipping.records and skipping.on_error == "skip":
            # scikit-learn would give the rows that are left all of X's index.
            given = X.index if isinstance(X, pd.DataFrame | pd.Series) else pd.RangeIndex(len(X))
            return pd.DataFrame(np.asarray(transformed), given[rows[left]])
        return np.asarray(transformed)
