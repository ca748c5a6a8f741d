"""scikit-learn's own checks over every estimator, none expected to fail."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sere import DynamicFeatureTransformer, HeterogeneousEncoder, SEREClassifier


@parametrize_with_checks(
    [
        DynamicFeatureTransformer(cache=False),
        HeterogeneousEncoder(cache=False),
        SEREClassifier(epochs=10, cache=False),
    ]
)
def test_scikit_learn_compatibility(estimator, check):
    check(estimator)
