#!/usr/bin/env bash
# scikit-learn: cross-validation cuts a fit parameter into folds exactly when it is as long as X by accident.
#
# Expected: which parameters belong to samples is a matter of what they are. A second data set handed to `fit`, such as
# a pool of unlabeled clips for domain adaptation, comes whole into every fold, whatever its length.
# Happens: everything with as many rows as X is taken for sample-wise and sliced by the folds of X. A pool of 7 or 9
# clips beside 8 labeled ones arrives whole, one of 8 loses half of itself; a plain list of paths does, too. Asking
# for the parameter by metadata routing (`set_fit_request`) makes no difference, and nothing is said.
#
# scikit-learn 1.9.1; 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 scikit-learn==1.9.1
cd "$folder"
venv/bin/python - <<'PY'
import sys

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import cross_validate

sklearn.set_config(enable_metadata_routing=True)
arrived = {}


class Adapted(ClassifierMixin, BaseEstimator):
    def fit(self, X, y, pool=None):
        arrived[self.given] = len(pool)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.repeat(self.classes_[:1], len(X))


X, y = np.zeros((8, 2)), ["anger", "sadness"] * 4
for n_clips in (7, 8, 9):
    Adapted.given = n_clips
    pool = [f"{i}.wav" for i in range(n_clips)]
    cross_validate(Adapted().set_fit_request(pool=True), X, y, cv=2, params={"pool": pool})
    print(f"8 labeled clips, a pool of {n_clips}: fit is given {arrived[n_clips]}")
if arrived != {7: 7, 8: 4, 9: 9}:
    sys.exit("No longer so.")
PY
