"""The three ways into scikit-learn: alone, in a Pipeline, and one step before any other estimator."""

import os

import numpy as np
import pytest
import sklearn
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sere import (
    DynamicFeatureTransformer,
    HeterogeneousEncoder,
    ResonanceField,
    SEREClassifier,
    SereWarning,
    make_sere_pipeline,
)

FOLDS = StratifiedKFold(2)


@pytest.fixture(scope="module")
def y(source):
    return source["emotion"].to_numpy()


class Witness(SEREClassifier):
    """Writes the size of every pool it was fitted with to the disk, since folds run in processes of their own."""

    def fit(self, X, y, X_unlabeled_src=None, X_unlabeled_tgt=None):
        super().fit(X, y, X_unlabeled_src, X_unlabeled_tgt)
        self.sizes_ = (len(X), *(len(pool) for pool in X_unlabeled_tgt))
        return self


@pytest.mark.parametrize("form", ["paths", "DataFrame"])
def test_cross_validation_in_two_processes_hands_over_the_whole_pool(source, target, files, y, form):
    # As long as X, which is the length at which scikit-learn slices.
    pool = files if form == "paths" else target
    assert len(pool) == len(source)
    found = cross_validate(
        Witness(epochs=2, random_state=0),
        source,
        y,
        cv=FOLDS,
        params={"X_unlabeled_tgt": (pool,)},
        n_jobs=2,
        return_estimator=True,
        error_score="raise",
    )
    assert [e.sizes_ for e in found["estimator"]] == [(len(source) // 2, len(pool))] * 2
    for (train, test), estimator, score in zip(
        FOLDS.split(source, y), found["estimator"], found["test_score"], strict=True
    ):
        by_hand = SEREClassifier(epochs=2, random_state=0).fit(source.iloc[train], y[train], None, (pool,))
        scores = by_hand.decision_function(source.iloc[test])
        np.testing.assert_array_equal(estimator.decision_function(source.iloc[test]), scores)
        assert by_hand.score(source.iloc[test], y[test]) == score


def test_a_bare_pool_of_the_length_of_x_is_sliced_which_is_what_the_tuple_is_for(source, files, y):
    seen = []

    class Seeing(SEREClassifier):
        __module__ = "elsewhere"

        def fit(self, X, y, X_unlabeled_src=None, X_unlabeled_tgt=None):
            seen.append(len(X_unlabeled_tgt))
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            return np.repeat(self.classes_[:1], len(X))

    cross_val_score(Seeing(), source, y, cv=FOLDS, params={"X_unlabeled_tgt": files})
    assert seen == [len(files) // 2] * 2


def test_the_documented_call_beats_a_dummy(source, target, y):
    call = {"cv": StratifiedKFold(3), "scoring": "balanced_accuracy"}
    ours = cross_val_score(
        SEREClassifier(epochs=5, source_language="lumo", random_state=0),
        source,
        y,
        params={"X_unlabeled_tgt": (target,)},
        **call,
    )
    dummy = cross_val_score(DummyClassifier(), np.zeros((len(y), 1)), y, **call)
    assert ours.shape == (3,)
    assert ours.mean() > dummy.mean() + 0.2


def test_cross_validation_slices_a_list_of_waveforms_and_embedded_clips_alike(source, y, embed):
    classifier = SEREClassifier(epochs=1, random_state=0)
    plain = source[["audio"]]
    expected = cross_val_predict(classifier, plain, y, cv=FOLDS, method="decision_function")
    for X in (list(plain["audio"]), embed(plain)):
        found = cross_val_predict(classifier, X, y, cv=FOLDS, method="decision_function")
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_grid_reaches_the_encoder_the_dynamics_and_the_field_inside_the_classifier(source, target, y):
    search = GridSearchCV(
        SEREClassifier(epochs=1, random_state=0, encoder=HeterogeneousEncoder(), dynamics=DynamicFeatureTransformer()),
        {"encoder__pitch_model": ["tiny"], "dynamics__f0_scale": ["semitones", "hz"], "field__tau": [0.5, 1.0]},
        cv=FOLDS,
        error_score="raise",
    )
    search.fit(source, y, X_unlabeled_tgt=(target,))
    assert len(search.cv_results_["params"]) == 4
    best = search.best_estimator_
    assert best.dynamics_.f0_scale == search.best_params_["dynamics__f0_scale"]
    assert best.encoder_.pitch_model == "tiny"
    by_hand = SEREClassifier(
        epochs=1,
        random_state=0,
        field=ResonanceField(tau=search.best_params_["field__tau"]),
        dynamics=DynamicFeatureTransformer(f0_scale=search.best_params_["dynamics__f0_scale"]),
    ).fit(source, y, None, (target,))
    np.testing.assert_array_equal(search.predict(target), by_hand.predict(target))


@pytest.fixture(scope="module")
def alone(shots, source, target):
    classifier = SEREClassifier(epochs=2, random_state=0).fit(shots, shots["emotion"], (source,), (target,))
    return classifier.decision_function(target)


STEPS = [("dynamics", DynamicFeatureTransformer()), ("encoder", HeterogeneousEncoder())]


def test_a_plain_pipeline_with_routing_is_the_classifier_alone(shots, source, target, alone):
    steps = [*STEPS, ("sere", SEREClassifier(epochs=2, random_state=0))]
    before = sklearn.get_config()
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = Pipeline(steps, transform_input=["X_unlabeled_src", "X_unlabeled_tgt"])
        pipe.fit(shots, shots["emotion"], X_unlabeled_src=(source,), X_unlabeled_tgt=(target,))
    np.testing.assert_allclose(pipe.decision_function(target), alone, rtol=1e-12)
    assert sklearn.get_config() == before


def test_our_pipeline_is_the_classifier_alone(shots, source, target, alone):
    pipe = make_sere_pipeline(classifier=SEREClassifier(epochs=2, random_state=0))
    pipe.fit(shots, shots["emotion"], X_unlabeled_src=(source,), X_unlabeled_tgt=(target,))
    np.testing.assert_allclose(pipe.decision_function(target), alone, rtol=1e-12)


def test_a_pipeline_without_the_encoder_step_leaves_embedding_to_the_classifier(shots, source, target, alone):
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = Pipeline(
            [STEPS[0], ("sere", SEREClassifier(epochs=2, random_state=0))],
            transform_input=["X_unlabeled_src", "X_unlabeled_tgt"],
        ).fit(shots, shots["emotion"], X_unlabeled_src=(source,), X_unlabeled_tgt=(target,))
    np.testing.assert_allclose(pipe.decision_function(target), alone, rtol=1e-12)


def test_a_plain_pipeline_whose_pools_go_around_the_steps_says_how_to_send_them_through(shots, target):
    pipe = Pipeline([*STEPS, ("sere", SEREClassifier(epochs=1))])
    with pytest.raises(ValueError, match="make_sere_pipeline"):
        pipe.fit(shots, shots["emotion"], sere__X_unlabeled_tgt=(target,))


def test_our_pipeline_cross_validates_with_a_whole_pool(source, target, y):
    pipe = make_sere_pipeline(classifier=SEREClassifier(epochs=1, random_state=0))
    classifier = SEREClassifier(epochs=1, random_state=0)
    ours, theirs = (
        cross_val_score(each, source, y, cv=FOLDS, params={"X_unlabeled_tgt": (target,)}, error_score="raise")
        for each in (pipe, classifier)
    )
    np.testing.assert_array_equal(ours, theirs)


def test_our_pipeline_goes_through_a_grid(source, target, y):
    search = GridSearchCV(
        make_sere_pipeline(classifier=SEREClassifier(epochs=1, random_state=0)),
        {"sere__field__tau": [0.5, 1.0]},
        cv=FOLDS,
        error_score="raise",
    ).fit(source, y, X_unlabeled_tgt=(target,))
    assert search.predict(target).shape == (len(target),)


@pytest.mark.parametrize("step", [DynamicFeatureTransformer(), HeterogeneousEncoder()], ids=["dynamics", "encoder"])
def test_either_step_stands_before_any_classifier(source, y, step):
    scores = cross_val_score(make_pipeline(step, StandardScaler(), SVC()), source, y, cv=StratifiedKFold(3))
    assert scores.mean() > 0.5


def test_both_steps_stand_side_by_side_before_any_classifier(source, y):
    pipe = Pipeline([*STEPS, ("scale", StandardScaler()), ("svc", SVC())]).fit(source, y)
    names = pipe[:2].get_feature_names_out()
    assert pipe[:-1].transform(source).shape == (len(source), len(names))
    assert len(set(names)) == len(names)
    assert pipe["scale"].n_features_in_ == len(names)


@pytest.mark.parametrize("step", [DynamicFeatureTransformer, HeterogeneousEncoder])
def test_a_step_can_hand_out_a_table_with_named_columns(source, step):
    plain, pandas = step(), step().set_output(transform="pandas")
    table = pandas.fit_transform(source)
    assert table.columns.tolist() == plain.fit(source).get_feature_names_out().tolist()
    np.testing.assert_array_equal(table.to_numpy(), np.asarray(plain.transform(source)))
    np.testing.assert_array_equal(pandas.transform(source).to_numpy(), table.to_numpy())


@pytest.mark.parametrize("form", ["table", "list"])
def test_a_table_keeps_the_names_of_the_rows_that_could_be_used(source, form):
    clips = source[["audio"]].set_axis([f"clip {row}" for row in range(len(source))])[:5]
    clips.at["clip 1", "audio"] = np.full(800, np.nan)
    step = DynamicFeatureTransformer(on_error="skip").set_output(transform="pandas")
    with pytest.warns(SereWarning, match="1 clip that cannot be used was left out"):
        table = step.fit_transform(clips if form == "table" else clips["audio"].tolist())
    kept = [0, 2, 3, 4]
    assert table.index.tolist() == ([f"clip {row}" for row in kept] if form == "table" else kept)
    plain = DynamicFeatureTransformer().fit_transform(clips.iloc[kept])
    np.testing.assert_array_equal(table.to_numpy(), np.asarray(plain))


def test_tables_by_the_users_configuration(source):
    with sklearn.config_context(transform_output="pandas"):
        table = DynamicFeatureTransformer().fit_transform(source)
    assert table.columns[0] == "f0_mean"


def test_a_classifier_on_the_columns_of_a_step_learns_from_vectors(source, target, y):
    def columns(clips):
        return np.asarray(HeterogeneousEncoder().fit_transform(clips))

    classifier = SEREClassifier(epochs=3, random_state=0).fit(columns(source), y, None, (columns(target),))
    assert classifier.score(columns(target), target["emotion"]) > 0.5


CORPORA = os.environ.get("SERE_CORPORA", "")


@pytest.mark.skipif(not os.path.isdir(os.path.join(CORPORA, "emodb")), reason="SERE_CORPORA holds no emodb")
def test_real_recordings_are_recognised_better_than_by_chance():
    from sere.audio import read
    from sere.datasets import load_corpus

    clips = load_corpus(os.path.join(CORPORA, "emodb"))
    clips = clips[clips["emotion"].isin(["anger", "sadness"])].reset_index(drop=True)
    here, there = (clips[clips["speaker"].isin(clips["speaker"].unique()[part])] for part in (slice(0, 1), slice(1, 3)))
    shots = here.groupby("emotion").head(2)
    # The encoder that comes with the library has heard these clips.
    model = SEREClassifier(encoder="acoustic", epochs=5, random_state=0).fit(shots, shots["emotion"], None, (there,))
    assert model.score(there, there["emotion"]) > 0.7
    waves = [read(path) for path in there["path"]]
    plain = there[["path"]]
    np.testing.assert_array_equal(model.decision_function(waves), model.decision_function(plain))
