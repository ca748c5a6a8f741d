"""
How sure is sure?
=================

A probability of 70 % should be right seven times in ten. The diagram at the left says
how far it is: answers by their probability, and the share of them that is right. The
curve at the right says what it gains to leave the least sure answers open.
"""

import matplotlib.pyplot as plt

import sere
from sere.calibration import risk_coverage
from sere.datasets import make_task, make_voices
from sere.plotting import ReliabilityDisplay

voices = make_voices(
    n_per_emotion=30,
    emotions=["anger", "fear", "happiness", "neutral", "sadness"],
    random_state=0,
)
known, unknown = (clips for _, clips in voices.groupby("language"))
task = make_task(known, unknown, shots=2, random_state=0)
clf = sere.SEREClassifier(encoder="acoustic", random_state=0)
clf.fit(
    task.X_labeled,
    task.y,
    X_unlabeled_src=(task.X_unlabeled_src,),
    X_unlabeled_tgt=(task.X_unlabeled_tgt,),
)

# %%
# Above the diagonal answers are right more often than they are sure, as on these easy
# voices; below it they are too sure.
ReliabilityDisplay.from_estimator(clf, task.X_test, task.y_test)
plt.show()

# %%
# The same curve as a table: how many clips are answered from which probability on,
# and how many of these answers are wrong.
curve = risk_coverage(task.y_test, clf.predict_proba(task.X_test), clf.classes_)
curve.iloc[:: max(1, len(curve) // 8)].round(2)

# %%
# Chosen a threshold, `predict` leaves the others open.
answers = clf.predict(task.X_test, reject_below=0.5)
print(f"{(answers == 'unknown').mean():.0%} of the clips are left open")
