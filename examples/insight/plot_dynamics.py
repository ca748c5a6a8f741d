"""
The dynamics of a clip
======================

Emotion is in what changes: pitch, loudness, timbre. How much all of it changes at a
moment is its *burst intensity* (Eq. 3 of the paper), and the strongest bursts are a
clip's highlights.
"""

import matplotlib.pyplot as plt

import sere
from sere.datasets import make_voices
from sere.plotting import DynamicsDisplay

# %%
# Before any training all four changes count alike. The same sentence by the same
# speaker, in anger and in sadness:
voices = make_voices(
    n_per_emotion=1, languages=["lumo"], emotions=["anger", "sadness"], random_state=0
)
figure, axes = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
for ax, (_, clip) in zip(axes, voices.iterrows(), strict=True):
    DynamicsDisplay.from_estimator(
        sere.DynamicFeatureTransformer(), clip, ax=ax
    ).ax_.set_title(clip["emotion"])
plt.show()

# %%
# The numbers behind it, a row every 20 ms: normalised changes of f0, energy, the
# second MFCC and the spectral centroid.
utterances = sere.DynamicFeatureTransformer().fit_transform(voices)
print([dynamics.shape for dynamics in utterances.dynamics])
