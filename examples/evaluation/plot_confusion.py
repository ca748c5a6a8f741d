"""
Confusions, with how much they can be trusted
=============================================

Sixty clips of four speakers are four speakers rather than sixty observations. So each
recall has an interval that resamples whole speakers, and two methods are compared by
the interval of their difference.
"""

import matplotlib.pyplot as plt

import sere
from sere.baselines import LinearBaseline
from sere.datasets import make_task, make_voices
from sere.evaluation import run_task
from sere.plotting import ConfusionDisplay

voices = make_voices(
    n_per_emotion=15,
    emotions=["anger", "happiness", "neutral", "sadness"],
    random_state=0,
)
known, unknown = (clips for _, clips in voices.groupby("language"))
task = make_task(known, unknown, shots=2, random_state=0)

# %%
# The same encoder for both.
results = {
    "SERE": run_task(sere.SEREClassifier(encoder="acoustic", random_state=0), task),
    "logistic regression": run_task(
        LinearBaseline(encoder="acoustic", random_state=0), task
    ),
}
for name, result in results.items():
    display = ConfusionDisplay.from_predictions(
        result.y_true, result.y_pred, labels=result.labels, speakers=result.speakers
    )
    low, high = result.interval
    display.ax_.set_title(
        f"{name}: {result.uar:.2f} ({low:.2f} to {high:.2f})", fontsize=8
    )
plt.show()

# %%
# The difference, paired: the same speakers on both sides of each resample.
ours, theirs = results.values()
low, high = sere.metrics.uar_difference_interval(
    ours.y_true, ours.y_pred, theirs.y_pred, speakers=ours.speakers
)
print(f"SERE is ahead by {ours.uar - theirs.uar:+.2f} ({low:+.2f} to {high:+.2f})")

# %%
# The same as a table.
sere.metrics.recall_intervals(ours.y_true, ours.y_pred, speakers=ours.speakers).round(2)
