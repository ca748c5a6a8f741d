"""
Cross-validation by speaker
===========================

``SEREClassifier`` goes wherever scikit-learn's estimators go. Folds should hold out
whole speakers: a model that has heard a voice knows more than it will know of the next
one.
"""

import matplotlib.pyplot as plt
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold, cross_val_score

import sere
from sere.datasets import make_voices

voices = make_voices(
    n_per_emotion=8,
    emotions=["anger", "happiness", "neutral", "sadness"],
    random_state=0,
)
known, unknown = (
    clips.reset_index(drop=True) for _, clips in voices.groupby("language")
)

# %%
# The pool travels as a tuple of one, which scikit-learn never slices. Speakers and
# languages travel in the DataFrame's columns and are sliced along.
classifier = sere.SEREClassifier(encoder="acoustic", epochs=10, random_state=0)
shared = {"scoring": "balanced_accuracy", "params": {"X_unlabeled_tgt": (unknown,)}}
folds = StratifiedKFold(4, shuffle=True, random_state=0)
by_clip = cross_val_score(classifier, known, known["emotion"], cv=folds, **shared)
by_speaker = cross_val_score(
    classifier,
    known,
    known["emotion"],
    groups=known["speaker"],
    cv=LeaveOneGroupOut(),
    **shared,
)

# %%
# One point a fold.
figure, ax = plt.subplots(figsize=(5, 2.4), layout="constrained")
for row, scores in enumerate([by_clip, by_speaker]):
    ax.scatter(scores, [row] * len(scores), alpha=0.6)
    ax.scatter(scores.mean(), row, marker="|", s=400, color="black")
ax.set(
    yticks=[0, 1],
    yticklabels=["any clips", "whole speakers"],
    ylim=(-0.6, 1.6),
    xlabel="UAR of the held-out clips",
)
ax.axvline(0.25, linestyle=":", color="grey")
ax.annotate(
    "chance", (0.25, 1.35), xytext=(4, 0), textcoords="offset points", color="grey"
)
plt.show()
