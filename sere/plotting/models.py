"""Pictures of a classifier: what it confuses, how it trained, where it puts clips and prototypes."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sere.inputs.labels import as_labels, check_same_kind
from sere.plotting._axes import colours, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More points than this are drawn as a random selection: t-SNE's time grows faster than their number.
_MAX_POINTS = 1500


def plot_confusion(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    labels: Sequence[Any] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the confusion matrix, each row in percent of the clips of its emotion.

    The diagonal is the recall, so its mean is the UAR. Clips that were given an emotion outside `labels` count in their
    row's total.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_clips,)
        Emotions and predictions.
    labels : sequence, optional
        Emotions in the order of the rows; those of `y_true`, sorted, when not given.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
    """
    true, pred = as_labels(y_true, "y_true"), as_labels(y_pred, "y_pred")
    names = np.unique(true) if labels is None else as_labels(labels, "labels")
    check_same_kind(y_true=true, y_pred=pred, labels=names)
    ax = new_axes(ax, (1.5 + 0.7 * len(names), 1.2 + 0.6 * len(names)))
    counts = np.array([[np.sum((true == row) & (pred == column)) for column in names] for row in names])
    totals = np.array([np.sum(true == row) for row in names])
    share = 100 * counts / np.maximum(totals, 1)[:, None]
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for i, j in np.ndindex(share.shape):
        ax.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", color="white" if share[i, j] > 55 else "black")
    ax.set_xticks(range(len(names)), [str(name) for name in names], rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), [f"{name} ({total})" for name, total in zip(names, totals)])
    ax.set(xlabel="predicted", ylabel="emotion (clips)")
    ax.figure.colorbar(image, ax=ax, label="% of the emotion's clips", shrink=0.8)
    return ax


def plot_history(
    history: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the losses by epoch, and scores beside them on an axis of their own.

    Parameters
    ----------
    history : sequence of dict, or dict of sequences
        ``SEREClassifier.history_``: one record an epoch, or one series a quantity.
    names : sequence of str, optional
        Which quantities; when not given, all that are single numbers but the temperature. Losses share the left axis,
        the temperature and what ends in "quality" the right one.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
        The one of the losses.

    Raises
    ------
    ValueError
        If there is no epoch or no such quantity.
    """
    series = _series(history)
    chosen = [name for name in series if name != "tau"] if names is None else list(names)
    missing = [name for name in chosen if name not in series]
    if missing or not chosen:
        raise ValueError(f"the history has no series {missing}; it has {sorted(series)}")
    ax = new_axes(ax, (6, 4))
    scores = [name for name in chosen if name == "tau" or name.endswith("quality")]
    losses = [name for name in chosen if name not in scores]
    lines = []
    for name in losses:
        heavy = name == "loss"
        lines += ax.plot(series[name], label=name, linewidth=2.2 if heavy else 1.3, zorder=3 if heavy else 2)
    if scores:
        right = ax.twinx() if losses else ax
        for i, name in enumerate(scores):
            lines += right.plot(series[name], label=name, color=f"{0.15 + 0.5 * i / len(scores):.2f}", linestyle="--")
        right.set_ylabel("score (dashed)" if losses else "score")
    ax.set(xlabel="epoch", title="Training")
    ax.locator_params(axis="x", integer=True)
    if losses:
        ax.set_ylabel("loss")
    ax.legend(handles=lines, fontsize="small", frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4)
    return ax


def plot_embedding(
    embedding: ArrayLike,
    y: ArrayLike,
    prototypes: ArrayLike | None = None,
    classes: Sequence[Any] | None = None,
    method: str = "tsne",
    random_state: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw clips as a flat map coloured by emotion, with the prototypes as stars.

    Parameters
    ----------
    embedding : array-like of shape (n_clips, width)
        ``SEREClassifier.transform`` of the clips. Of more than 1,500 a random selection is drawn.
    y : array-like of shape (n_clips,)
        Their emotions.
    prototypes : array-like of shape (n_classes, width), optional
        ``SEREClassifier.prototypes_``.
    classes : sequence of length n_classes, optional
        ``SEREClassifier.classes_``, the prototypes' emotions.
    method : {"tsne", "pca"}
        t-SNE keeps neighbours together and says nothing about distances; PCA is linear.
    random_state : int, default=0
        Seeds the selection and t-SNE.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If lengths or widths differ, or the method is unknown.
    """
    points, labels = np.asarray(embedding, dtype=float), as_labels(y)
    if points.ndim != 2 or len(points) != len(labels):
        raise ValueError(f"embedding has shape {points.shape} and y has length {len(labels)}")
    stars = np.empty((0, points.shape[1])) if prototypes is None else np.asarray(prototypes, dtype=float)
    owners = np.unique(labels)[: len(stars)] if classes is None else np.asarray(classes)
    if stars.shape[1] != points.shape[1] or len(stars) not in (0, len(owners)):
        raise ValueError(f"prototypes of shape {stars.shape} do not fit {points.shape} and {len(owners)} classes")
    if len(points) > _MAX_POINTS:
        rows = np.random.default_rng(random_state).choice(len(points), _MAX_POINTS, replace=False)
        points, labels = points[rows], labels[rows]
    flat = _flatten(np.vstack([points, stars]), method, random_state)
    ax = new_axes(ax, (6, 5))
    colour = colours(list(np.unique(np.concatenate([labels, owners]))))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        ax.scatter(flat[rows, 0], flat[rows, 1], s=12, alpha=0.65, linewidths=0, color=colour[label], label=str(label))
    for owner, place in zip(owners, flat[len(points) :]):
        ax.scatter(
            place[0], place[1], marker="*", s=260, color=colour[owner], edgecolors="black", linewidths=1.0, zorder=3
        )
    ax.set(xticks=[], yticks=[], title=f"Embedding ({'t-SNE' if method == 'tsne' else 'PCA'})")
    if len(stars):
        ax.set_xlabel("stars: prototypes")
    ax.legend(fontsize="small", markerscale=1.6, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def _series(history: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return the quantities that are one number an epoch."""
    if isinstance(history, Mapping):
        columns = {name: list(values) for name, values in history.items()}
    else:
        columns = {name: [epoch.get(name) for epoch in history] for name in (history[0] if len(history) else ())}
    return {
        name: [float("nan") if value is None else float(value) for value in values]
        for name, values in columns.items()
        if name not in ("epoch", "seconds")
        and any(value is not None for value in values)
        and all(value is None or (isinstance(value, Real) and not isinstance(value, bool)) for value in values)
    }


def _flatten(points: np.ndarray, method: str, random_state: int) -> np.ndarray:
    """Return places in the plane, shape (n, 2)."""
    from sklearn.decomposition import PCA

    if method not in ("tsne", "pca"):
        raise ValueError(f"method must be 'tsne' or 'pca', got {method!r}")
    n, width = points.shape
    if method == "pca" or n < 5:
        flat = PCA(min(2, n, width), random_state=random_state).fit_transform(points)
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    from sklearn.manifold import TSNE

    # t-SNE wants fewer neighbours than points.
    perplexity = min(30.0, (n - 1) / 3)
    return TSNE(2, perplexity=perplexity, init="pca", random_state=random_state).fit_transform(
        PCA(min(30, n, width), random_state=random_state).fit_transform(points)
        if width > 2
        else np.pad(points, ((0, 0), (0, 2 - width)))
    )
