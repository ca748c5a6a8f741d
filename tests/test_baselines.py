"""The comparison methods: one contract for all of them."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sere.baselines import METHODS


@parametrize_with_checks([method(cache=False) for method in METHODS.values()])
def test_scikit_learn_compatibility(estimator, check):
    check(estimator)
