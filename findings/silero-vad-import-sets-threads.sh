#!/usr/bin/env bash
# silero-vad: importing the package leaves torch with one thread, for everything else in the process.
#
# Expected: importing a detector changes nothing; threads are set where its network runs, if at all.
# Happens: `import silero_vad` calls torch.set_num_threads(1) while it is imported, so whatever else the process computes
# with torch goes on on one core, silently, however many it was given before.
#
# silero-vad 6.2.3, torch 2.13.0; 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.13.0 silero-vad==6.2.3
cd "$folder"
venv/bin/python - <<'PY'
import sys

import torch

torch.set_num_threads(2)
before = torch.get_num_threads()
import silero_vad  # noqa: E402, F401

after = torch.get_num_threads()
print(f"threads of torch before the import: {before}, after: {after}")
if (before, after) != (2, 1):
    sys.exit("No longer so.")
PY
