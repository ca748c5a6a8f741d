#!/usr/bin/env bash
# audformat: db.get("emotion", ["speaker"]) gives segments the speakers of other files, without a word.
#
# Expected: additional schemes that stand in a table of files are looked up by each segment's file.
# Happens: where the segments of one file do not stand together (a, b, a), the values are listed segment by segment and
# the index file by file (a, a, b), and both are put side by side. No error, no missing value, the right number of rows.
# Segments that come in turns are usual in dialogues, and in the union of a train and a test table. nkululeko takes
# speaker, gender and age in this way.
# Asking for each scheme alone and joining by file gives the right ones.
#
# audformat 1.4.3, pandas 2.3.3 and 3.1.1; 2026-11-29
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check audformat==1.4.3 pandas==2.3.3
cd "$folder"
venv/bin/python - <<'PY'
import sys

import audformat

db = audformat.Database("dialogue")
db["files"] = audformat.Table(audformat.filewise_index(["a.wav", "b.wav"]))
db["files"]["speaker"] = audformat.Column()
db["files"]["speaker"].set(["anna", "bob"])
truth = {"a.wav": "anna", "b.wav": "bob"}

wrong = {}
for files in (["a.wav", "a.wav", "b.wav"], ["a.wav", "b.wav", "a.wav"]):
    db["emotion"] = audformat.Table(audformat.segmented_index(files, ["0s", "1s", "2s"], ["1s", "2s", "3s"]))
    db["emotion"]["emotion"] = audformat.Column()
    db["emotion"]["emotion"].set(["joy", "joy", "joy"])
    table = db.get("emotion", ["speaker"])
    found = list(zip(table.index.get_level_values("file"), table["speaker"]))
    wrong[tuple(files)] = sum(speaker != truth[file] for file, speaker in found)
    print(found, "-", wrong[tuple(files)], "wrong")
sys.exit(list(wrong.values()) != [0, 2])
PY
