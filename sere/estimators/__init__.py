"""The scikit-learn estimators, and what they share."""
