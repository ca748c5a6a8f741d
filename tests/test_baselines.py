"""The comparison methods: one contract for all of them."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sere.baselines import METHODS
from sere.baselines._neural import NeuralBaseline

SHORT = {name: method(epochs=3) if issubclass(method, NeuralBaseline) else method() for name, method in METHODS.items()}


@parametrize_with_checks([estimator.set_params(cache=False) for estimator in SHORT.values()])
def test_scikit_learn_compatibility(estimator, check):
    check(estimator)
