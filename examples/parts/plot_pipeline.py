"""
In a scikit-learn pipeline
==========================

The three steps of the classifier are estimators of their own. Together they are a
pipeline in which something of yours may stand; each alone gives pooled statistics of a
clip to any estimator of scikit-learn.
"""

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import sere
from sere.datasets import make_voices

voices = make_voices(
    n_per_emotion=10, emotions=["anger", "neutral", "sadness"], random_state=0
)
known, unknown = (
    clips.reset_index(drop=True) for _, clips in voices.groupby("language")
)
emotions = known["emotion"]

# %%
# The pipeline sends the pools through its transformers.
whole = sere.make_sere_pipeline(
    encoder=sere.HeterogeneousEncoder("acoustic"),
    classifier=sere.SEREClassifier(random_state=0),
)
whole.fit(known, emotions, X_unlabeled_tgt=(unknown,))
score = sere.metrics.uar_score(unknown["emotion"], whole.predict(unknown))
print(f"the other language: {score:.2f}")
whole

# %%
# A transformer before a support vector machine: means, deviations and more of each
# column over the clip's frames.
plain = make_pipeline(sere.HeterogeneousEncoder("acoustic"), StandardScaler(), SVC())
folds = StratifiedKFold(5, shuffle=True, random_state=0)
scores = cross_val_score(plain, known, emotions, cv=folds)
print(f"the same language, cross-validated: {scores.mean():.2f}")

# %%
# Columns have names, and ``set_output`` gives DataFrames.
table = (
    sere.HeterogeneousEncoder("acoustic")
    .set_output(transform="pandas")
    .fit_transform(known)
)
table.iloc[:3, :4].round(2)

# %%
# So everything that reads tables reads clips.
points = make_pipeline(StandardScaler(), PCA(2)).fit_transform(table)
figure, ax = plt.subplots(figsize=(4.5, 3.5), layout="constrained")
for emotion, marker in zip(sorted(set(emotions)), "^sX", strict=True):
    ax.scatter(*points[emotions == emotion].T, marker=marker, label=emotion)
ax.set(xlabel="first component", ylabel="second component")
ax.legend()
plt.show()
