"""
Two clips in resonance
======================

What the method looks at: for every moment of one clip, the moment of another that is most alike, in what is heard
(cosine of the frames) and in how suddenly it changes (burst intensity). Before any training the frames are plain
descriptors and every dynamic feature counts alike.
"""

import matplotlib.pyplot as plt
import numpy as np

import sere
from sere.datasets import make_voices
from sere.plotting import plot_resonance

# %%
# One angry clip in each language.
voices = make_voices(n_per_emotion=1, emotions=["anger"], random_state=0)
clips = sere.HeterogeneousEncoder().fit_transform(sere.DynamicFeatureTransformer().fit_transform(voices))

# %%
# Frames are standardised over both clips; a clip's burst intensity is the mean size of its normalised changes (Eq. 1
# and 3 of the paper).
frames = np.vstack(clips.frames)
mean, deviation = frames.mean(axis=0), frames.std(axis=0) + 1e-6
first, second = ((clip - mean) / deviation for clip in clips.frames)
bursts = [np.abs(changes).mean(axis=1) for changes in clips.dynamics]

plot_resonance(first, second, *bursts, names=tuple(voices["speaker"]))
plt.show()
