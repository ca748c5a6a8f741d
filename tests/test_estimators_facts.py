"""A fitted estimator says in a notebook what its fit was; other results are a line, or a table."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone

from sere import SEREClassifier, make_sere_pipeline
from sere.baselines import METHODS
from sere.datasets import make_shifted_task, make_task, make_voices
from sere.estimators.facts import fit_facts
from sere.evaluation import run_task

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(7, 6)) + np.repeat([[0], [3]], [3, 4], 0)
Y = ["sad"] * 3 + ["<happy>"] * 4
POOL = RANDOM.normal(size=(11, 6))


@pytest.fixture(scope="module")
def fitted():
    return SEREClassifier(epochs=2, random_state=0).fit(X, Y, X_unlabeled_tgt=(POOL, POOL[:5]))


def test_facts_are_those_of_the_fit(fitted):
    facts = fit_facts(fitted)
    assert facts["Emotions"] == "<happy>, sad"
    assert facts["Labeled clips"] == "7 (3 to 4 of each emotion)"
    assert (facts["Unlabeled clips of the source"], facts["Unlabeled clips of the target"]) == ("none", 16)
    assert facts["Epochs"] == "2; all were trained"
    assert facts["Fit took"].endswith(" s")


def test_voices_that_were_told_apart_are_said(monkeypatch, shots, target):
    def said(clips):
        model = SEREClassifier("acoustic-emotion", epochs=0, random_state=0)
        return fit_facts(model.fit(shots, shots["emotion"], None, (clips,))).get("Voices told apart in the target")

    nobody = target.drop(columns="speaker")
    assert said(nobody) is None
    monkeypatch.setattr("sere.training.voices.APART", 0.0)
    monkeypatch.setattr("sere.training.voices.FEW", 10)
    assert said(nobody) == "two groups"


def test_why_training_ended_is_kept():
    def ended(**options):
        return SEREClassifier(random_state=0, **options).fit(X, Y, X_unlabeled_tgt=(POOL,)).stopped_

    def interrupt(record):
        raise KeyboardInterrupt

    assert ended(epochs=1) == "epochs"
    assert ended(epochs=60, early_stopping=True, patience=1) == "early_stopping"
    assert ended(epochs=3, callbacks=[lambda record: True]) == "callback"
    with pytest.warns(UserWarning, match="interrupted after 1 of 3 epochs"):
        assert ended(epochs=3, callbacks=[interrupt], on_interrupt="keep") == "interrupt"


def test_notebooks_show_the_diagram_and_the_facts(fitted):
    bundle = fitted._repr_mimebundle_()
    assert bundle["text/plain"] == repr(fitted)
    for shown in (bundle["text/html"], fitted._repr_html_()):
        assert "sk-top-container" in shown
        assert '<td style="text-align: left">&lt;happy&gt;, sad</td>' in shown
    with config_context(display="text"):
        assert set(fitted._repr_mimebundle_()) == {"text/plain"}
        assert not hasattr(fitted, "_repr_html_")


def test_what_was_not_fitted_has_no_facts():
    assert fit_facts(SEREClassifier()) == fit_facts(make_sere_pipeline()) == {}
    assert "sere-facts" not in SEREClassifier()._repr_html_()


def test_a_model_of_an_earlier_release_tells_what_it_knows(fitted):
    old = clone(fitted)
    vars(old).update({name: value for name, value in vars(fitted).items() if name not in vars(old)})
    for name in ("given_", "stopped_", "fit_seconds_"):
        delattr(old, name)
    facts = fit_facts(old)
    assert (facts["Labeled clips"], facts["Epochs"]) == (7, "2")
    assert "Fit took" not in facts


@pytest.mark.parametrize("name", ["lr", "nrc"])
def test_comparison_methods_have_facts_too(name):
    method = METHODS[name](random_state=0).fit(X, Y, X_unlabeled_tgt=(POOL,))
    assert fit_facts(method)["Unlabeled clips of the target"] == 11
    assert "sere-facts" in method._repr_html_()
    if hasattr(method, "adapt"):
        assert fit_facts(method.adapt((POOL[:4],)))["Unlabeled clips of the target"] == 4


@pytest.fixture(scope="module")
def task():
    voices = make_voices(n_per_emotion=4, random_state=0, duration=0.5, emotions=("anger", "neutral"))
    source, target = (part for _, part in voices.groupby("language"))
    return make_task(source, target, shots=2), source, target


def test_a_task_is_a_line_and_a_table(task):
    (task, _, target) = task
    assert repr(task) == (
        "FewShotTask(lumo to tarsk, transductive: 4 labeled clips of 2 emotions (anger, neutral), 4 and 8 unlabeled, "
        "8 to score)"
    )
    assert "<tr><th>anger</th><td>2</td><td>4</td></tr>" in task._repr_html_()
    np.testing.assert_array_equal(target["emotion"].iloc[task.test_rows], task.y_test)


@pytest.mark.parametrize("shift", ["skew", "quiet"])
def test_scored_clips_are_rows_of_the_target_under_a_shift_too(task, shift):
    _, source, target = task
    shifted = make_shifted_task(source, target, shift, shots=2, max_pool=5)
    assert len(shifted.test_rows) == len(shifted.y_test) > 0
    np.testing.assert_array_equal(target["emotion"].iloc[shifted.test_rows], shifted.y_test)
    assert repr(shifted).startswith("FewShotTask(")


def test_the_result_of_a_task_is_a_line_and_a_table(task):
    result = run_task(METHODS["prototype"](encoder="acoustic", cache=False), task[0])
    assert repr(result).startswith("TaskResult(UAR ")
    assert repr(result).count("\n") == 0
    assert len(repr(result)) < 120
    assert "<td>anger</td>" in result._repr_html_()


def test_moments_and_explanations_are_a_line(fitted):
    (moments,) = fitted.moments(POOL[:1])
    assert repr(moments).startswith("ClipFrames(1 frames of ")
    (why,) = fitted.explain(POOL[:1])
    assert len(repr(why)) < 300
    assert "\n" not in repr(why)
