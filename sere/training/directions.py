"""The leading directions of an encoder's columns, found once in a fit for all that start from them."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

from sere.chain.content import MANY

#: Rows that are centred at once.
AT_ONCE = 8192


@dataclass(frozen=True)
class Directions:
    """Principal directions of rows, or those along which rows vary most beside what else varies.

    Attributes
    ----------
    mean : ndarray of shape (d,)
    covariance : ndarray of shape (d, d)
    columns : ndarray of shape (d, k)
        Leading directions, strongest first, each with its largest weight positive.
    variances : ndarray of shape (k,)
        Of rows along them.
    """

    mean: np.ndarray
    covariance: np.ndarray
    columns: np.ndarray
    variances: np.ndarray

    @classmethod
    def of_rows(cls, rows: np.ndarray, width: int, beside: np.ndarray | None = None) -> "Directions":
        """Directions of some rows.

        Parameters
        ----------
        rows : ndarray of shape (n, d)
        width : int
            How many to find, where there are as many columns.
        beside : ndarray of shape (d, d), optional
            Positive definite: the variance of a direction v is that of ``rows @ v`` where ``v' beside v = 1``, so the
            directions are principal ones in any metric M with ``M M' = beside^(-1)``. None: the identity.
        """
        if not rows.size:
            d = rows.shape[1]
            return cls(np.zeros(d), np.zeros((d, d)), np.zeros((d, 0)), np.zeros(0))
        mean = rows.mean(0, dtype=np.float64)
        covariance = np.zeros((rows.shape[1],) * 2)
        for first in range(0, len(rows), AT_ONCE):
            centred = (rows[first : first + AT_ONCE] - mean).astype(np.float32 if rows.size > MANY else np.float64)
            covariance += centred.T @ centred
        return cls.of_covariance(mean, covariance / len(rows), width, beside)

    @classmethod
    def of_covariance(
        cls, mean: np.ndarray, covariance: np.ndarray, width: int, beside: np.ndarray | None = None
    ) -> "Directions":
        """Directions of rows of which these are known; parameters as in :meth:`of_rows`."""
        d = len(mean)
        with threadpool_limits(1, user_api="blas"):  # as in content_metric
            variances, vectors = eigh(covariance, beside, subset_by_index=(max(d - width, 0), d - 1))
        leading = vectors[:, ::-1]
        # The sign of an eigenvector is an accident of the library that computed it.
        leading = leading * np.sign(leading[np.abs(leading).argmax(0), range(leading.shape[1])])
        return cls(mean, covariance, leading, variances[::-1])

    def output(self, columns: np.ndarray) -> float:
        """Return the mean squared output of rows that go through some columns."""
        return float((columns * (self.covariance @ columns)).sum() + np.square(self.mean @ columns).sum())

    def projection(self, width: int, power: float) -> np.ndarray:
        """Return leading directions scaled to a mean squared output of `power`.

        Parameters
        ----------
        width : int
            Columns of the result; those beyond the rank are 0.
        power : float

        Returns
        -------
        ndarray of shape (d, width)
        """
        projection = np.zeros((len(self.mean), width))
        leading = self.columns[:, :width]
        projection[:, : leading.shape[1]] = leading
        spread = self.output(leading)
        return projection * np.sqrt(power / spread) if spread > 0 else projection

    def varied(self, width: int) -> np.ndarray:
        """Return up to so many leading directions along which rows vary at all."""
        variances = self.variances[:width]
        return self.columns[:, :width][:, variances > 1e-10 * variances.max(initial=0.0)]
