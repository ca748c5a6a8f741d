"""
The embedding and its prototypes
================================

Labeled clips found a prototype for each emotion, unlabeled ones join it. This is the
target's embedding before and after training, and where the prototypes stand in it.
"""

import matplotlib.pyplot as plt

import sere
from sere.datasets import make_task, make_voices
from sere.plotting import EmbeddingDisplay

voices = make_voices(
    n_per_emotion=15,
    emotions=["anger", "happiness", "neutral", "sadness"],
    random_state=0,
)
known, unknown = (clips for _, clips in voices.groupby("language"))
task = make_task(known, unknown, shots=5, random_state=0)

# %%
# Colours are true emotions; a hollow mark was given to another one.
figure, axes = plt.subplots(1, 2, figsize=(9, 4.8), layout="constrained")
for ax, epochs in zip(axes, (0, 60), strict=True):
    classifier = sere.SEREClassifier(encoder="acoustic", epochs=epochs, random_state=0)
    classifier.fit(
        task.X_labeled, task.y, (task.X_unlabeled_src,), (task.X_unlabeled_tgt,)
    )
    display = EmbeddingDisplay.from_estimator(
        classifier, task.X_test, task.y_test, method="pca", ax=ax
    )
    score = sere.metrics.uar_score(task.y_test, classifier.predict(task.X_test))
    display.ax_.set_title(f"{epochs} epochs: UAR {score:.2f}")
plt.show()

# %%
# ``transform`` gives the embedding and ``prototypes_`` the prototypes, for a picture
# or a classifier of your own.
print(classifier.transform(task.X_test).shape, classifier.prototypes_.shape)
