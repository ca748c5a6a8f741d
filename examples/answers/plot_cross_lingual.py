"""
A few labels in one language, answers in another
================================================

Five labeled clips of each emotion in one language, unlabeled clips of both: fit, and
name the emotions of the other. With ``SERE_CORPORA`` set to a folder that holds EmoDB
and EMOVO these are German and Italian.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt

import sere
from sere.datasets import load_corpus, make_task, make_voices
from sere.evaluation import run_task
from sere.plotting import ConfusionDisplay

# %%
# A corpus is a DataFrame with a row a clip.
emotions = ["anger", "happiness", "neutral", "sadness"]
if "SERE_CORPORA" in os.environ:
    corpora = [
        load_corpus(Path(os.environ["SERE_CORPORA"]) / name)
        for name in ("emodb", "emovo")
    ]
    corpora = [clips[clips["emotion"].isin(emotions)] for clips in corpora]
    known, unknown = (
        clips.groupby("emotion").sample(15, random_state=0) for clips in corpora
    )
else:
    voices = make_voices(n_per_emotion=15, emotions=emotions, random_state=0)
    known, unknown = (clips for _, clips in voices.groupby("language"))
known.drop(columns="audio", errors="ignore").head(3)

# %%
# A task draws the labeled clips, spread over the speakers, and hides all other
# labels.
task = make_task(known, unknown, shots=5, random_state=0)
print(
    task.X_labeled.shape,
    len(task.X_unlabeled_src),
    len(task.X_unlabeled_tgt),
    task.labels,
)

# %%
# Fitting takes the labeled clips and both pools, each as a tuple. This encoder has no
# experience of other corpora, so the score is that of the method. The summary gives
# the unweighted average recall with an interval over speakers.
classifier = sere.SEREClassifier(encoder="acoustic+speech", random_state=0)
result = run_task(classifier, task)
print(result.summary())

# %%
# Rows are what was meant, columns what was heard. Each emotion's recall stands beside
# its row, with its interval.
ConfusionDisplay.from_predictions(
    result.y_true, result.y_pred, labels=result.labels, speakers=result.speakers
)
plt.show()

# %%
# The fitted classifier is in the result. ``run_task`` did with it what you would:
# ``classifier.fit(task.X_labeled, task.y, (task.X_unlabeled_src,),
# (task.X_unlabeled_tgt,))``, then ``predict``.
answers = result.model.predict(task.X_test[:3])
list(zip(answers, task.y_test[:3], strict=True))
