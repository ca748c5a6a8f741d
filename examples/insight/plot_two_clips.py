"""
Two clips in resonance
======================

What the method looks at: for every moment of one clip, the moment of another that is
most alike, in what is heard (cosine of the frames) and in how suddenly it changes
(burst intensity).
"""

import matplotlib.pyplot as plt

import sere
from sere.datasets import make_voices
from sere.plotting import DynamicsDisplay, ResonanceDisplay

# %%
# A clip before any training: every change counts alike. The strongest bursts are its
# highlights.
voices = make_voices(n_per_emotion=6, emotions=["anger", "sadness"], random_state=0)
known, unknown = (
    clips.reset_index(drop=True) for _, clips in voices.groupby("language")
)
angry = unknown[unknown["emotion"] == "anger"]
DynamicsDisplay.from_estimator(sere.DynamicFeatureTransformer(), angry[:1])
plt.show()

# %%
# A classifier learns which changes count. This is how it reads the clip and the first
# labeled one, which looks for its partners in it.
classifier = sere.SEREClassifier(epochs=10, random_state=0)
classifier.fit(known, known["emotion"], X_unlabeled_tgt=(unknown,))
display = ResonanceDisplay.from_estimator(classifier, angry[:1], 0)
plt.show()

# %%
# sphinx_gallery_thumbnail_number = 2
#
# The score in the picture is the one that assigns clips.
print(display.score, classifier.resonance(angry[:1])[0, 0])
