"""
Save a model, load it elsewhere
===============================

A saved model is data: numbers, and names of classes from a closed list. Whoever loads
it runs nothing that the file says.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import sere
from sere.datasets import make_voices

voices = make_voices(
    n_per_emotion=8, emotions=["anger", "neutral", "sadness"], random_state=0
)
known, unknown = (clips for _, clips in voices.groupby("language"))
classifier = sere.SEREClassifier(random_state=0).fit(
    known, known["emotion"], X_unlabeled_tgt=(unknown,)
)

# %%
# No clip is in it, and nothing of torch's: a model that was fitted on a GPU opens
# anywhere.
with tempfile.TemporaryDirectory() as folder:
    place = Path(folder) / "model"
    sere.save(classifier, place)
    files = sorted(path for path in [place, *place.rglob("*")] if path.is_file())
    print(
        *(f"{file.name}: {file.stat().st_size / 1000:.0f} kB" for file in files),
        sep="\n",
    )
    loaded = sere.load(place)

# %%
# It answers as the one that was saved, to the last bit.
before, after = classifier.predict_proba(unknown), loaded.predict_proba(unknown)
print(np.array_equal(before, after))

figure, ax = plt.subplots(figsize=(4, 4), layout="constrained")
for own, other, label in zip(before.T, after.T, classifier.classes_, strict=True):
    ax.scatter(own, other, s=14, label=label)
ax.set(xlabel="probabilities before", ylabel="probabilities after", aspect="equal")
ax.legend()
plt.show()
