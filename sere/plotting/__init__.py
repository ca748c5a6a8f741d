"""Pictures in scikit-learn's Display manner: data first, then as many drawings of it as are wanted.

A Display holds what it shows. `plot` draws it on `ax`, or on a new figure as wide as a journal's column (85 mm) with
text of 8 points, and leaves `ax_` (its first panel) and `figure_`; class methods such as `from_estimator` gather the
data and draw at once. Pictures divide the Axes they are given into panels, which `axes_` holds by name; figures with
``layout="constrained"`` give all of them the room they need. Colours are Okabe and Ito's, which colour-blind readers
tell apart, and where points are coloured their shape says the same.

matplotlib is imported when something is drawn: ``pip install "sere[plots]"``.

======================  ==================================================
`DynamicsDisplay`       a clip: waveform, bursts, dynamics (Eq. 1 and 3)
`ResonanceDisplay`      two clips and their matching moments (Eq. 4-6)
`EmbeddingDisplay`      clips, prototypes and assignments as a map
`HistoryDisplay`        losses and label-free scores by epoch
`ConfusionDisplay`      confusions, and recalls with intervals
`ReliabilityDisplay`    what probabilities are worth, risk and coverage
`BenchmarkDisplay`      methods of a benchmark with intervals
`ExplanationDisplay`    why a clip got its emotion, moment by moment
`TimelineDisplay`       emotions along a recording
======================  ==================================================
"""

from sere.plotting.benchmark import BenchmarkDisplay
from sere.plotting.confusion import ConfusionDisplay
from sere.plotting.dynamics import DynamicsDisplay
from sere.plotting.embedding import EmbeddingDisplay
from sere.plotting.explanations import ExplanationDisplay
from sere.plotting.history import HistoryDisplay
from sere.plotting.reliability import ReliabilityDisplay
from sere.plotting.resonance import ResonanceDisplay
from sere.plotting.timeline import TimelineDisplay

__all__ = [
    "BenchmarkDisplay",
    "ConfusionDisplay",
    "DynamicsDisplay",
    "EmbeddingDisplay",
    "ExplanationDisplay",
    "HistoryDisplay",
    "ReliabilityDisplay",
    "ResonanceDisplay",
    "TimelineDisplay",
]
