"""
How training went
=================

The losses of each epoch, and what can be seen without a label of the target: how clear
its assignments are.
"""

import matplotlib.pyplot as plt
import pandas as pd

import sere
from sere.datasets import make_task, make_voices
from sere.plotting import HistoryDisplay

voices = make_voices(
    n_per_emotion=12,
    emotions=["anger", "happiness", "neutral", "sadness"],
    random_state=0,
)
known, unknown = (clips for _, clips in voices.groupby("language"))
task = make_task(known, unknown, shots=5, random_state=0)

# %%
# The whole is black; its parts are those of Eq. 10, with the weights that they have
# there.
classifier = sere.SEREClassifier(encoder="acoustic", epochs=60, random_state=0)
classifier.fit(task.X_labeled, task.y, (task.X_unlabeled_src,), (task.X_unlabeled_tgt,))
HistoryDisplay.from_estimator(classifier)
plt.show()

# %%
# ``history_`` is a record an epoch.
pd.DataFrame(classifier.history_).set_index("epoch").iloc[[0, 29, 59]].round(3)

# %%
# With early stopping the fit keeps the best epoch by such a score. It saves time;
# whether it helps otherwise was measured, see :doc:`/evaluate`.
stopping = sere.SEREClassifier(
    encoder="acoustic", epochs=60, early_stopping=True, random_state=0
)
stopping.fit(task.X_labeled, task.y, (task.X_unlabeled_src,), (task.X_unlabeled_tgt,))
HistoryDisplay.from_estimator(stopping)
plt.show()
