#!/usr/bin/env bash
# safetensors: one content saved twice is two different files.
#
# Expected: the same arrays and the same metadata give the same bytes, so that a hash of the file says whether a model
# changed, and a repository of models stores it once.
# Happens: the metadata come out in an order that each process draws anew (a hash map's), while the arrays are sorted.
# Content that is compared by hash, cached by hash or uploaded as a large file is new each time. Rewriting the header
# with its texts in order mends it: offsets count from its end.
#
# safetensors 0.8.0, numpy 2.4.6; 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 safetensors==0.8.0
cd "$folder"
cat > save.py <<'PY'
import hashlib
import json

import numpy as np
import safetensors.numpy

arrays = {name: np.arange(4.0) for name in "dacb"}
whole = safetensors.numpy.save(arrays, {name: "x" for name in ("one", "two", "three", "four", "five", "six")})
n = int.from_bytes(whole[:8], "little")
header = json.loads(whole[8 : 8 + n])
texts = {"__metadata__": dict(sorted(header.pop("__metadata__").items())), **header}
print(hashlib.sha256(whole).hexdigest()[:8], hashlib.sha256(json.dumps(texts).encode() + whole[8 + n :]).hexdigest()[:8])
PY
for _ in 1 2 3 4 5 6; do venv/bin/python save.py; done | tee seen
saved=$(cut -d" " -f1 seen | sort -u | wc -l)
ordered=$(cut -d" " -f2 seen | sort -u | wc -l)
echo "$saved different files of one content in six processes; with their metadata in order $ordered"
[ "$saved" -gt 1 ] && [ "$ordered" -eq 1 ] || { echo "No longer so."; exit 1; }
