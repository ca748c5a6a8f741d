"""
An encoder of your own
======================

Whatever gives a row of numbers every 20 ms can be an encoder: a network of yours, a
table of phonemes, or, as here, a few lines of numpy. It then clones, caches, searches
and stands beside others as those of the library do.
"""

import matplotlib.pyplot as plt
import numpy as np

import sere
from sere.datasets import make_task, make_voices
from sere.encoders import Encoded, FrameEncoder
from sere.evaluation import run_task

# %%
# ``cache_key`` names whatever decides the output; features are kept under it.
# ``context`` holds for the whole clip.
BANDS = tuple(f"band_{i}" for i in range(8))


class Bands(FrameEncoder):
    """Log energies of eight bands of the spectrum."""

    cache_key = "bands-1"
    frame_names = BANDS
    context_names = (
        *(f"{name}_mean" for name in BANDS),
        *(f"{name}_sd" for name in BANDS),
    )

    def encode(self, waves, pitches=None):
        """One row every 20 ms, and the mean and deviation of the rows."""
        return [self._encode_one(np.asarray(wave)) for wave in waves]

    def _encode_one(self, wave):
        starts = range(0, len(wave) + 1, 320)
        padded = np.pad(wave, 256)
        power = [
            np.abs(np.fft.rfft(padded[i : i + 512] * np.hanning(512))) ** 2
            for i in starts
        ]
        bands = np.log1p(
            np.add.reduceat(np.array(power), [1, 4, 8, 16, 32, 64, 128, 192], axis=1)
        ).astype(np.float32)
        return Encoded(bands, np.r_[bands.mean(0), bands.std(0)])


# %%
# What it makes of a clip.
voices = make_voices(
    n_per_emotion=10, emotions=["anger", "neutral", "sadness"], random_state=0
)
known, unknown = (clips for _, clips in voices.groupby("language"))
frames = Bands().encode([known["audio"].iloc[0]])[0].frames
figure, ax = plt.subplots(figsize=(5, 2.4), layout="constrained")
ax.imshow(
    frames.T,
    origin="lower",
    aspect="auto",
    cmap="cividis",
    extent=(0, len(frames) / 50, -0.5, 7.5),
)
ax.set(xlabel="time (s)", ylabel="band")
plt.show()

# %%
# Alone, and beside the descriptors of the library.
task = make_task(known, unknown, shots=3, random_state=0)
encoders = {"bands": Bands(), "both": ("acoustic", Bands()), "descriptors": "acoustic"}
for name, encoder in encoders.items():
    result = run_task(sere.SEREClassifier(encoder=encoder, random_state=0), task)
    print(f"{name}: UAR {result.uar:.2f}")
