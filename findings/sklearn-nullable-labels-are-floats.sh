#!/usr/bin/env bash
# scikit-learn with pandas: whole or boolean labels of a nullable type come back from a classifier as floats.
#
# Expected: a classifier answers with the labels it was given: fitted on 1 and 2 it says 1 or 2, fitted on True and
# False it says these. A column without missing values is the same column in a nullable type (Int64, boolean), the type
# that `convert_dtypes` or Arrow give.
# Happens: such a column is turned into float64 on its way in, so `classes_` is [1.0, 2.0] or [0.0, 1.0], predictions
# written to a table no longer match the codes they came from ("2.0" and "2"), and `~prediction` fails. `unique_labels`
# of the same column keeps the type; so do the plain types int64 and bool.
#
# scikit-learn 1.9.1, pandas 3.1.1; 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 scikit-learn==1.9.1 pandas==3.1.1
cd "$folder"
venv/bin/python - <<'PY'
import sys

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import unique_labels

X = np.random.default_rng(0).normal(size=(8, 2))
kinds = {}
for values, plain, nullable in (([1, 2] * 4, "int64", "Int64"), ([True, False] * 4, "bool", "boolean")):
    for kind in (plain, nullable):
        labels = pd.Series(values, dtype=kind)
        classes = LogisticRegression().fit(X, labels).classes_
        kinds[kind] = classes.dtype.kind
        print(f"{kind}: classes_ {classes}, unique_labels {unique_labels(labels)}")
if kinds != {"int64": "i", "Int64": "f", "bool": "b", "boolean": "f"}:
    sys.exit("No longer so.")
PY
