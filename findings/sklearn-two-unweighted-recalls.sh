#!/usr/bin/env bash
# scikit-learn: its two unweighted average recalls differ where a speaker lacks an emotion.
#
# Expected: `balanced_accuracy_score` is the mean of the recall of each class, that is `recall_score` with
# average="macro", the unweighted average recall of emotion recognition; one may use either.
# Happens: speakers are left out one at a time, and this one never was afraid. One clip in six called fear: the macro
# recall counts fear as a class with a recall of 0, balanced accuracy leaves it out. 0.56 against 0.83 for the same
# answers, and the order of two models may turn round: here the one that is right less often wins by one of them.
#
# scikit-learn 1.9.1; 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 scikit-learn==1.9.1
cd "$folder"
venv/bin/python -W ignore - <<'PY'
import sys

from sklearn.metrics import balanced_accuracy_score, recall_score

truth = ["anger", "anger", "anger", "sadness", "sadness", "sadness"]
answers = {
    "one called fear": ["anger", "anger", "fear", "sadness", "sadness", "sadness"],
    "two confused": ["anger", "anger", "sadness", "sadness", "sadness", "anger"],
}
scores = {}
for name, given in answers.items():
    scores[name] = balanced_accuracy_score(truth, given), recall_score(truth, given, average="macro")
    print(f"{name}: balanced accuracy {scores[name][0]:.3f}, macro recall {scores[name][1]:.3f}")
better, worse = scores.values()
if not (better[0] > worse[0] and better[1] < worse[1]):
    sys.exit("No longer so.")
PY
