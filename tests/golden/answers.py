"""Write what the library answers now, ``tests/golden/expected.json``: ``python tests/golden/answers.py``.

``tests/test_golden.py`` holds every later change to it. Run this where results are *meant* to change, and only there:
CHANGELOG.md then says which, and why. With SERE_CORPORA it also writes the score on real speech, which stays as it was
where that folder is not given.
"""

import json
import os
import warnings
from pathlib import Path

import numpy as np

import sere
from sere.baselines import LinearBaseline, SinkhornPrototypes
from sere.datasets import find_corpora, load_corpus, make_task, make_voices
from sere.evaluation import run_task
from sere.metrics import uar_score

EXPECTED = Path(__file__).parent / "expected.json"
METHODS = {
    "SEREClassifier, acoustic": sere.SEREClassifier("acoustic", epochs=10, random_state=0),
    "SEREClassifier, acoustic-emotion": sere.SEREClassifier("acoustic-emotion", epochs=10, random_state=0),
    "SEREClassifier, speech-emotion": sere.SEREClassifier("speech-emotion", epochs=10, random_state=0),
    "LinearBaseline, acoustic": LinearBaseline(encoder="acoustic"),
    "SinkhornPrototypes, acoustic": SinkhornPrototypes(encoder="acoustic", random_state=0),
}
#: Two answers that are less apart than this may change places with rounding, so none of what is kept may be.
APART = 0.001


def voices():
    """Clips of half a second of two languages, two speakers and three emotions."""
    emotions = ("anger", "neutral", "sadness")
    return make_voices(n_per_emotion=6, n_speakers=2, emotions=emotions, duration=0.5, random_state=0)


def answers_of(method):
    """Return the probabilities, labels and score of a method on a task between the two languages of `voices`."""
    source, target = (clips for _, clips in voices().groupby("language"))
    task = make_task(source, target, shots=2, random_state=0)
    result = run_task(METHODS[method], task)
    scores = result.model.decision_function(task.X_test)
    found = {"uar": result.uar, "labels": result.y_pred, "probabilities": result.probabilities, "scores": scores}
    return {name: np.asarray(value).tolist() for name, value in found.items()}


def answers_without_labels():
    """Return what :func:`sere.label` says of all clips, and its score."""
    clips = voices()
    found = sere.label(clips.drop(columns=["emotion", "speaker"]), emotions=["anger", "neutral", "sadness"])
    likely = found[["p_anger", "p_neutral", "p_sadness"]].to_numpy()
    known = {"uar": uar_score(clips["emotion"], found["emotion"]), "labels": found["emotion"], "probabilities": likely}
    return {name: np.asarray(value).tolist() for name, value in known.items()}


def score_on_speech(folder):
    """Return the UAR of one small task from EmoDB to EMOVO in a folder of corpora; None where it has not both."""
    places = find_corpora(folder)
    if not {"emodb", "emovo"} <= set(places):
        return None
    task = make_task(*(load_corpus(places[name]) for name in ("emodb", "emovo")), max_pool=200, random_state=0)
    return run_task(sere.SEREClassifier("acoustic-emotion", epochs=10, random_state=0), task).uar


def main():
    """Write all of it."""
    found = {name: answers_of(name) for name in METHODS} | {"sere.label": answers_without_labels()}
    for name, own in found.items():
        ordered = np.sort(own["probabilities"], axis=1)
        close = (ordered[:, -1] - ordered[:, -2]).min()
        if close < APART:
            raise SystemExit(f"{name}: two answers are {close:.4f} apart; take other voices")
    old = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    speech = score_on_speech(os.environ["SERE_CORPORA"]) if "SERE_CORPORA" in os.environ else old.get("speech")
    rounded = {name: {key: _rounded(value) for key, value in own.items()} for name, own in found.items()}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(own)}" for name, own in rounded.items())
    EXPECTED.write_text(f'{{"answers": {{\n{lines}\n}},\n"speech": {json.dumps(_rounded(speech))}}}\n')


def _rounded(value):
    if isinstance(value, list):
        return [_rounded(own) for own in value]
    return round(value, 6) if isinstance(value, float) else value


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sere.SereWarning)
        main()
