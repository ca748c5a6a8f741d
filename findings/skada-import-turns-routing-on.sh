#!/usr/bin/env bash
# skada: importing the package turns scikit-learn's metadata routing on, for every estimator in the process.
#
# Expected: importing a library of adapters changes nothing for estimators that are not its own.
# Happens: `import skada` sets scikit-learn's enable_metadata_routing to True for the rest of the process. A call that
# worked a line before, cross_validate of a logistic regression with sample weights, then raises
# UnsetMetadataPassedError, although no object of skada takes part. Importing it inside sklearn.config_context() keeps
# the configuration; its pipelines then need the routing to be on while they are fitted and asked.
#
# skada 0.6.0, scikit-learn 1.9.0; 2026-11-30
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.0 skada==0.6.0
cd "$folder"
venv/bin/python - <<'PY'
import sys

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate

rng = np.random.default_rng(0)
X, y, weights = rng.normal(size=(60, 3)), np.arange(60) % 2, np.ones(60)


def weighted():
    try:
        found = cross_validate(LogisticRegression(), X, y, params={"sample_weight": weights})
    except Exception as error:
        return type(error).__name__
    return f"{len(found['test_score'])} scores"


before = sklearn.get_config()["enable_metadata_routing"], weighted()
with sklearn.config_context():
    import skada  # noqa: F401
kept = sklearn.get_config()["enable_metadata_routing"], weighted()
for name in [name for name in sys.modules if name.split(".")[0] == "skada"]:
    del sys.modules[name]
import skada  # noqa: E402, F401, F811

after = sklearn.get_config()["enable_metadata_routing"], weighted()
for name, found in (("before the import", before), ("imported in config_context", kept), ("imported", after)):
    print(f"{name}: routing {found[0]}; cross_validate with weights: {found[1]}")
if (before, kept, after) != ((False, "5 scores"), (False, "5 scores"), (True, "UnsetMetadataPassedError")):
    sys.exit("No longer so.")
PY
