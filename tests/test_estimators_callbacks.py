"""scikit-learn's callbacks are told of fit and its epochs, and may end them."""

import numpy as np
import pytest
from sklearn.base import clone

import sere
from sere import SEREClassifier, make_sere_pipeline
from sere.persistence.models import _read

pytest.importorskip("sklearn.callback")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(6, 4)) + np.repeat([[0], [3]], 3, 0)
Y = ["sad"] * 3 + ["happy"] * 3


class Notes:
    """Writes down what it is told."""

    def __init__(self, last=99):
        self.last = last
        self.told = []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context):
        self.told.append(f"end {context.task_name} {context.task_id}")
        return context.task_name == "epoch" and context.task_id == self.last


def epochs(notes):
    return [line for line in notes.told if "epoch" in line]


def test_fit_and_each_epoch_begin_and_end():
    notes = Notes()
    SEREClassifier(epochs=2, random_state=0).set_callbacks(notes).fit(X, Y)
    assert notes.told == [
        *("setup", "begin fit 0", "begin epoch 0", "end epoch 0", "begin epoch 1", "end epoch 1", "end fit 0"),
        "teardown",
    ]


def test_a_callback_may_end_training():
    notes = Notes(last=1)
    fitted = SEREClassifier(epochs=9, random_state=0).set_callbacks(notes).fit(X, Y)
    assert (fitted.stopped_, len(fitted.history_)) == ("callback", 2)
    assert epochs(notes)[-1] == "end epoch 1"


def test_no_epoch_begins_that_does_not_end():
    notes = Notes()
    options = {"epochs": 60, "early_stopping": True, "patience": 1, "random_state": 0}
    fitted = SEREClassifier(**options).set_callbacks(notes).fit(X, Y, X_unlabeled_tgt=(X[::2],))
    assert fitted.stopped_ == "early_stopping"
    assert len(epochs(notes)) == 2 * len(fitted.history_)


def test_they_are_told_through_a_pipeline(shots):
    notes = Notes()
    pipe = make_sere_pipeline(classifier=SEREClassifier(epochs=1, random_state=0))
    pipe.named_steps["sere"].set_callbacks(notes)
    pipe.fit(shots, shots["emotion"])
    assert len(epochs(notes)) == 2


def test_they_change_no_model_and_stay_out_of_its_file(tmp_path):
    plain = SEREClassifier(epochs=2, random_state=0)
    watched = clone(plain).set_callbacks(Notes()).fit(X, Y)
    files = [tmp_path / f"{name}.safetensors" for name in ("plain", "watched")]
    sere.save(plain.fit(X, Y), files[0])
    sere.save(watched, files[1])
    one, two = (_read(file, file.name)[0]["checksum"] for file in files)
    assert one == two
