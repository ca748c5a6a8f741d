"""What the rooms of the chain have in common."""

from sklearn.base import BaseEstimator

from sere.inputs.params import check_params


class Room(BaseEstimator):
    """Base of the rooms: parameters as scikit-learn's estimators have them, by the rules of ``_rules``."""

    def _check_params(self, prefix: str = "") -> None:
        """Raise for parameters that cannot be used."""
        check_params(self, prefix)
