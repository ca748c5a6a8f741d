"""
A grid over the parts
=====================

What the paper calls one method is five parts here, each an object with its own options;
a grid reaches into them by ``part__option``.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, StratifiedKFold

import sere
from sere.datasets import make_voices

voices = make_voices(
    n_per_emotion=6,
    emotions=["anger", "happiness", "neutral", "sadness"],
    random_state=0,
)
known, unknown = (
    clips.reset_index(drop=True) for _, clips in voices.groupby("language")
)

# %%
# The temperature of Eq. 4, and whether a clip's class is decided by all shots of the
# class or by its best one (Eq. 7).
grid = {"field__tau": [0.1, 1.0, 10.0], "assignment__by": ["class", "anchor"]}
classifier = sere.SEREClassifier(encoder="acoustic", epochs=5, random_state=0)
folds = StratifiedKFold(3, shuffle=True, random_state=0)
search = GridSearchCV(
    classifier, grid, scoring="balanced_accuracy", cv=folds, refit=False
)
search.fit(known, known["emotion"], X_unlabeled_tgt=(unknown,))

# %%
# Features are extracted once for the whole search: they are kept by content.
results = pd.DataFrame(search.cv_results_)
table = results.pivot(
    index="param_assignment__by", columns="param_field__tau", values="mean_test_score"
)
figure, ax = plt.subplots(figsize=(4.5, 2.4), layout="constrained")
image = ax.imshow(table, cmap="cividis", vmin=0, vmax=1)
for (row, column), value in np.ndenumerate(table.to_numpy()):
    ax.text(
        column,
        row,
        f"{value:.2f}",
        ha="center",
        va="center",
        color="black" if value > 0.5 else "white",
    )
ax.set_xticks(range(3), labels=table.columns)
ax.set_yticks(range(2), labels=table.index)
ax.set(xlabel="field__tau", ylabel="assignment__by")
figure.colorbar(image, label="UAR, held out")
plt.show()

# %%
# This scores the language that is labeled. Of the other one nobody has labels:
# :doc:`/evaluate` says what that means for choosing.
