"""
A recording over time
=====================

Who sounds how, and when: :func:`sere.timeline` finds speech, listens to windows of it
and smooths what it heard. Here twelve clips of one synthetic speaker, with pauses,
stand for a recording; a path to an hour of talk goes in just so.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import sere
from sere.datasets import make_voices
from sere.plotting import TimelineDisplay

# %%
# Fifteen seconds of anger, as much of calm, as much of sadness.
emotions = ["anger", "neutral", "sadness"]
voices = make_voices(
    n_per_emotion=6,
    languages=["lumo"],
    n_speakers=1,
    emotions=emotions,
    duration=2.5,
    random_state=0,
)
pause = np.zeros(8_000, dtype=np.float32)
recording = np.concatenate([part for wave in voices["audio"] for part in (wave, pause)])
print(f"{len(recording) / 16_000:.0f} seconds")

# %%
# Without a model, experience answers. A fitted classifier has ``timeline`` as a
# method.
table = sere.timeline(recording, emotions=emotions, detector="energy")
table.round(2)

# %%
# The band is what is said of each moment, the layers how probable each emotion was.
# White is no speech.
TimelineDisplay.from_predictions(
    sere.timeline(recording, emotions=emotions, detector="energy", gaps=True)
)
plt.show()

# %%
# For Praat, Audacity, a video player or pandas:
with tempfile.TemporaryDirectory() as folder:
    sere.recordings.write_timeline(table, Path(folder) / "recording.vtt")
    print((Path(folder) / "recording.vtt").read_text(encoding="utf-8")[:160])
