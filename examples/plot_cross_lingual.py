"""
A few labels in one language, the score in another
==================================================

Five labeled clips of each emotion in one made-up language, unlabeled clips of both: fit, predict the other language,
and look at what is confused with what. With :func:`sere.datasets.load_corpus` in place of the synthetic voices the same
lines run on real corpora.
"""

import matplotlib.pyplot as plt

import sere
from sere.datasets import make_task, make_voices
from sere.evaluation import run_task
from sere.plotting import ConfusionDisplay, EmbeddingDisplay, HistoryDisplay

# %%
# A corpus is a DataFrame with a row a clip; a task draws the labeled clips, spread over the speakers, and hides all
# other labels.
voices = make_voices(n_per_emotion=12, emotions=["anger", "happiness", "neutral", "sadness"], random_state=0)
known, unknown = (clips for _, clips in voices.groupby("language"))
task = make_task(known, unknown, shots=5, random_state=0)
print(task.X_labeled.shape, len(task.X_unlabeled_src), len(task.X_unlabeled_tgt), task.labels)

# %%
# Fitting takes the labeled clips and both pools. The summary gives the unweighted average recall with an interval over
# speakers.
result = run_task(sere.SEREClassifier(epochs=40, random_state=0), task)
print(result.summary())

# %%
# The diagonal holds each emotion's recall, which stands beside it with its interval over speakers.
ConfusionDisplay.from_predictions(result.y_true, result.y_pred, labels=result.labels, speakers=result.speakers)
plt.show()

# %%
# Losses and the label-free quality of the assignments, by epoch.
HistoryDisplay.from_estimator(result.model)
plt.show()

# %%
# Target clips in the learned space, coloured by their true emotion, and the prototypes they are compared with. Hollow
# clips were assigned to another emotion.
EmbeddingDisplay.from_estimator(result.model, task.X_test, result.y_true, method="pca")
plt.show()
