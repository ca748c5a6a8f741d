"""
Encoders, alone and side by side
================================

The same method on different ears: descriptors of voice and prosody, the lower layers of
a small speech recogniser, both side by side. None of them has experience of emotions,
so the five labeled clips are all there is to learn from.
"""

import matplotlib.pyplot as plt
import numpy as np

import sere
from sere.datasets import make_task, make_voices
from sere.evaluation import run_task

voices = make_voices(
    n_per_emotion=10,
    emotions=["anger", "happiness", "neutral", "sadness"],
    random_state=0,
)
known, unknown = (clips for _, clips in voices.groupby("language"))
encoders = ["acoustic", "speech", "acoustic+speech"]

# %%
# Names joined by "+" stand side by side; each part is extracted once and kept by
# itself.
for name in encoders:
    encoded = sere.HeterogeneousEncoder(name).fit_transform(known[:1])
    columns, numbers = encoded.frames[0].shape[1], len(encoded.context[0])
    print(f"{name}: {columns} columns a frame, {numbers} numbers of the clip")

# %%
# Two draws of the labeled clips each.
scores = np.zeros((2, len(encoders)))
for draw in range(2):
    task = make_task(known, unknown, shots=2, random_state=draw)
    for column, name in enumerate(encoders):
        scores[draw, column] = run_task(
            sere.SEREClassifier(encoder=name, random_state=0), task
        ).uar

figure, ax = plt.subplots(figsize=(4.5, 3), layout="constrained")
ax.plot(scores.T, "o", color="tab:blue", alpha=0.5)
ax.plot(scores.mean(0), "_", color="black", markersize=24)
ax.axhline(0.25, linestyle=":", color="grey")
ax.set_xticks(range(len(encoders)), labels=encoders)
ax.set(xlim=(-0.5, 2.5), ylim=(0, 1.05), ylabel="UAR of the other language")
plt.show()

# %%
# Synthetic voices have no words that a recogniser would know. What each is worth on
# people: :doc:`/which-encoder`.
