"""Pictures of a fitted model: its confusions, its training, its map of emotions, two clips in resonance.

Every function draws on `ax` (a new figure's when it is not given) and returns the Axes, so that a caller can go on with
it. matplotlib is imported when a function is called: ``pip install "sere[plots]"``.

Functions: `plot_confusion`, `plot_history`, `plot_embedding`, `plot_resonance`.
"""

from sere.plotting.clips import plot_resonance
from sere.plotting.explanations import ExplanationDisplay
from sere.plotting.models import plot_confusion, plot_embedding, plot_history

__all__ = ["ExplanationDisplay", "plot_confusion", "plot_embedding", "plot_history", "plot_resonance"]
