"""What the pictures share: getting an Axes, and one colour an emotion in all of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which stay apart for colour-blind readers too.
COLOURS = {
    "anger": "#D55E00",
    "boredom": "#999999",
    "calm": "#56B4E9",
    "disgust": "#009E73",
    "fear": "#CC79A7",
    "happiness": "#E69F00",
    "neutral": "#666666",
    "sadness": "#0072B2",
    "surprise": "#C4B000",
}


def new_axes(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    """Return `ax`, or the Axes of a new figure of `size` inches."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("sere.plotting needs matplotlib: pip install 'sere[plots]'") from error
    return plt.subplots(figsize=size, layout="constrained")[1]


def colours(labels: Sequence[Any]) -> dict[Any, str]:
    """Return a colour for each label: an emotion's own, others from matplotlib's cycle."""
    import matplotlib

    spare = [entry["color"] for entry in matplotlib.rcParams["axes.prop_cycle"]]
    return {label: COLOURS.get(str(label), spare[i % len(spare)]) for i, label in enumerate(labels)}
