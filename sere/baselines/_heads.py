"""What methods without a network leave behind: the scores of further clips, from numpy alone."""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from sere.baselines._clips import Rows

#: Probabilities below this count as this, so that their logarithm stays a number.
FLOOR = 1e-12


@dataclass
class LinearHead:
    """Scores ``x W' + b``.

    Attributes
    ----------
    coef : ndarray of shape (n_classes, p)
    intercept : ndarray of shape (n_classes,)
    """

    coef: np.ndarray
    intercept: np.ndarray

    @classmethod
    def of(cls, model: object) -> "LinearHead":
        """Take over a fitted linear classifier of scikit-learn; of two classes it scores the second one only."""
        coef, intercept = np.asarray(model.coef_), np.asarray(model.intercept_)  # type: ignore[attr-defined]
        if len(coef) == 1:
            coef, intercept = np.vstack([np.zeros_like(coef), coef]), np.append(0.0, intercept)
        return cls(coef, intercept)

    def embed(self, rows: Rows) -> np.ndarray:
        """Standardised vectors."""
        return rows.vectors

    def logits(self, rows: Rows) -> np.ndarray:
        """Linear scores."""
        return rows.vectors @ self.coef.T + self.intercept


@dataclass
class PrototypeHead:
    """Scores ``-mean_d (x_d - P_cd)^2 / temperature + b_c``.

    Attributes
    ----------
    prototypes : ndarray of shape (n_classes, p)
    temperature : float
    bias : ndarray of shape (n_classes,)
    """

    prototypes: np.ndarray
    temperature: float
    bias: np.ndarray

    def embed(self, rows: Rows) -> np.ndarray:
        """Standardised vectors."""
        return rows.vectors

    def logits(self, rows: Rows) -> np.ndarray:
        """Scaled negative squared distances."""
        gaps = np.square(rows.vectors[:, None] - self.prototypes[None]).mean(2)
        return -gaps / self.temperature + self.bias


@dataclass
class NeighbourHead:
    """Scores by the mean class distribution of the nearest clips of fit.

    Attributes
    ----------
    vectors : ndarray of shape (m, p)
    distributions : ndarray of shape (m, n_classes)
    n_neighbors : int
    """

    vectors: np.ndarray
    distributions: np.ndarray
    n_neighbors: int

    def embed(self, rows: Rows) -> np.ndarray:
        """Standardised vectors."""
        return rows.vectors

    def logits(self, rows: Rows) -> np.ndarray:
        """Log-probabilities; neighbours that no label has reached say nothing."""
        found = NearestNeighbors(n_neighbors=self.n_neighbors).fit(self.vectors)
        near = found.kneighbors(rows.vectors, return_distance=False)
        return np.log(self.distributions[near].mean(1) + FLOOR)


def prototypes(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weighted class means, (n_classes, p), of vectors (n, p) under weights (n, n_classes)."""
    return weights.T @ vectors / np.maximum(weights.sum(0), FLOOR)[:, None]


def one_hot(y: np.ndarray, n_classes: int) -> np.ndarray:
    """Return memberships, (n, n_classes)."""
    return np.eye(n_classes)[y]
