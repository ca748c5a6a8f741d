"""The library answers what it answered: a change of results that nobody meant does not go unseen.

``tests/golden/answers.py`` wrote what is expected; where results are meant to change it is run again, and CHANGELOG.md
says what changed. Tolerances are those of rounding: other processors, BLAS, torch and numba add in another order, which
moved probabilities by less than a tenth of what is allowed here in every combination that was tried, while one epoch
more or less moves them by more than ten times that.
"""

import json
import os

import numpy as np
import pytest
from golden import answers

EXPECTED = json.loads(answers.EXPECTED.read_text())
#: Of probabilities.
TOLERANCE = 1e-3
#: Of the scores behind them, in units of the largest.
TOLERANCE_OF_SCORES = 2e-3


def held_to(found, expected):
    assert found["labels"] == expected["labels"]
    assert found["uar"] == pytest.approx(expected["uar"], abs=1e-5)
    np.testing.assert_allclose(found["probabilities"], expected["probabilities"], rtol=0, atol=TOLERANCE)
    if "scores" in expected:
        largest = np.abs(expected["scores"]).max()
        np.testing.assert_allclose(found["scores"], expected["scores"], rtol=0, atol=TOLERANCE_OF_SCORES * largest)


@pytest.mark.filterwarnings("ignore::sere.SereWarning")
@pytest.mark.parametrize("method", answers.METHODS)
def test_a_method_answers_what_it_answered(method):
    held_to(answers.answers_of(method), EXPECTED["answers"][method])


@pytest.mark.filterwarnings("ignore::sere.SereWarning")
def test_clips_without_labels_get_the_emotions_that_they_got():
    held_to(answers.answers_without_labels(), EXPECTED["answers"]["sere.label"])


@pytest.mark.filterwarnings("ignore::sere.SereWarning")
def test_a_change_of_one_epoch_does_not_go_unseen(monkeypatch):
    method = "SEREClassifier, acoustic-emotion"
    changed = answers.METHODS[method].__class__("acoustic-emotion", epochs=9, random_state=0)
    monkeypatch.setitem(answers.METHODS, method, changed)
    with pytest.raises(AssertionError):
        held_to(answers.answers_of(method), EXPECTED["answers"][method])


@pytest.mark.filterwarnings("ignore::sere.SereWarning")
@pytest.mark.skipif(not os.path.isdir(os.environ.get("SERE_CORPORA", "")), reason="SERE_CORPORA names no folder")
def test_the_score_on_real_speech_is_what_it_was():
    score = answers.score_on_speech(os.environ["SERE_CORPORA"])
    if score is None:
        pytest.skip("SERE_CORPORA holds no EmoDB and EMOVO")
    assert 100 * score == pytest.approx(100 * EXPECTED["speech"], abs=1.0)
