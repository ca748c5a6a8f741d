"""
No labels at all
================

Recordings, and nobody who labeled any: :func:`sere.label` names their emotions by what
labeled speech of other languages taught, and by how the recordings differ among
themselves.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import sere
from sere.datasets import load_corpus, make_voices
from sere.plotting import ConfusionDisplay

# %%
# Real ones, if ``SERE_CORPORA`` holds EMOVO. The encoder has heard that corpus, so
# how good it is on *your* recordings cannot be seen here: :doc:`/no-labels` says
# that.
emotions = ["anger", "neutral", "sadness"]
if "SERE_CORPORA" in os.environ:
    clips = load_corpus(Path(os.environ["SERE_CORPORA"]) / "emovo")
    clips = (
        clips[clips["emotion"].isin(emotions)]
        .groupby("emotion")
        .sample(20, random_state=0)
    )
else:
    clips = make_voices(
        n_per_emotion=20, languages=["tarsk"], emotions=emotions, random_state=0
    )
unlabeled = clips.drop(columns="emotion")

# %%
# All clips that were recorded alike go in together. Emotions are in your words.
table = sere.label(unlabeled, emotions=["angry", "neutral", "sad"])
table.drop(columns="path", errors="ignore").head()

# %%
# How sure it is, of clips whose answer is right and of others. It is not calibrated
# to these clips.
truth = (
    clips["emotion"]
    .map({"anger": "angry", "sadness": "sad", "neutral": "neutral"})
    .to_numpy()
)
right = truth == table["emotion"].to_numpy()
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
bins = [0.3 + 0.05 * i for i in range(15)]
ax.hist(
    [table["probability"][right], table["probability"][~right]],
    bins=bins,
    stacked=True,
    label=["right", "wrong"],
)
ax.set(xlabel="probability of the emotion named", ylabel="clips")
ax.legend()
plt.show()

# %%
# What is taken for what.
ConfusionDisplay.from_predictions(truth, table["emotion"], speakers=clips["speaker"])
plt.show()

# %%
# Listen first to those that are least sure; their labels are worth most to a fit.
least = table.nsmallest(3, "probability")
pd.DataFrame(
    {
        "heard": least["emotion"],
        "probability": least["probability"],
        "meant": truth[least.index],
    }
)
