"""
Methods side by side
====================

Tasks, draws and methods in one run, as ``sere benchmark`` does it: all methods meet the
same labeled clips, pools and standardisation, and the answer is a forest plot with
intervals.
"""

import matplotlib.pyplot as plt

from sere.datasets import make_voices
from sere.evaluation import run_benchmark
from sere.plotting import BenchmarkDisplay

# %%
# Corpora by name, each a DataFrame. A folder of corpora would do as well.
voices = make_voices(
    n_per_emotion=8,
    emotions=["anger", "happiness", "neutral", "sadness"],
    random_state=0,
)
corpora = {
    language: clips.reset_index(drop=True)
    for language, clips in voices.groupby("language")
}
result = run_benchmark(
    corpora,
    methods=["sere", "sinkhorn", "self-training", "lr"],
    baseline="lr",
    draws=2,
    shots=2,
    speakers="known",
    protocol="transductive",
    encoder="acoustic",
)

# %%
# The mean of both directions and all draws, with an interval over speakers and draws;
# small marks are the directions.
BenchmarkDisplay.from_results(result)
plt.show()

# %%
# Against the baseline, paired. An interval that reaches over zero says that the
# methods could not be told apart.
BenchmarkDisplay.from_results(result, difference=True)
plt.show()

# %%
# As a DataFrame, for ``to_csv``, ``to_latex`` or ``to_html``.
result.scores[["task", "method", "uar", "low", "high"]].round(3)
