#!/usr/bin/env bash
# From a folder of recordings without a label to a model that travels, by sere's commands.
#
# Usage: from_recordings_to_model.sh RECORDINGS OUT [EMOTIONS]
#
# 1. Every recording is labeled without a label: OUT/labels.csv. OUT/few.csv lists the five of each emotion that are
#    surest. Listen to them, correct what is wrong, and run the same command again.
# 2. With OUT/few.csv there: a model is fitted on these and on all other recordings, every recording is predicted
#    (OUT/predicted.csv), OUT/report.html says what the model is, and OUT/model is the folder to share.
set -euo pipefail
recordings=$1 out=$2 emotions=${3:-anger,fear,happiness,neutral,sadness}
mkdir -p "$out"

if [ ! -f "$out/few.csv" ]; then
    sere label "$recordings" --emotions "$emotions" --format csv --output "$out/labels.csv"
    python - "$out" <<'PY'
import sys

import pandas as pd

out = sys.argv[1]
labels = pd.read_csv(f"{out}/labels.csv")
sure = labels.filter(regex="^p_").max(axis=1)
surest = labels.assign(sure=sure).sort_values("sure", ascending=False).groupby("emotion").head(5)
surest.sort_values(["emotion", "path"])[["path", "emotion"]].to_csv(f"{out}/few.csv", index=False)
PY
    echo "Listen to the recordings in $out/few.csv, correct their emotions, and run this again."
    exit
fi

sere fit --labels "$out/few.csv" --target "$recordings" --out "$out/model"
sere predict "$out/model" "$recordings" --format csv --output "$out/predicted.csv"
sere report "$out/model" --output "$out/report.html"
echo "$out/model holds the model and its card; sere.load(\"$out/model\") opens it anywhere."
