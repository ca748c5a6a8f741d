"""
Why this label
==============

What counted for an answer, which labeled clips it is like, and at which moments: by how
much the lead over the runner-up would fall without each of them.
"""

import matplotlib.pyplot as plt

import sere
from sere.datasets import make_voices
from sere.plotting import ExplanationDisplay

voices = make_voices(
    n_per_emotion=8, emotions=["anger", "happiness", "sadness"], random_state=0
)
known, unknown = (
    clips.reset_index(drop=True) for _, clips in voices.groupby("language")
)
classifier = sere.SEREClassifier(random_state=0).fit(
    known, known["emotion"], X_unlabeled_tgt=(unknown,)
)

# %%
# In words. In a notebook a player stands beside them.
happy = unknown[unknown["emotion"] == "happiness"][:1]
why = classifier.explain(happy)[0]
print(why)

# %%
# As a picture: what a moment weighs, over what its pitch and loudness did.
ExplanationDisplay.from_estimator(classifier, happy)
plt.show()

# %%
# As numbers.
why.moments.nlargest(3, "weight").round(2)
