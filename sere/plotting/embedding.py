"""Where a classifier puts clips and prototypes, and which clips it assigns to which."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sere.inputs.labels import as_labels
from sere.plotting._display import BLACK, Display, legend_below, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More points than this are drawn as a random selection: t-SNE's time grows faster than their number.
_MAX_POINTS = 1500
_NAMES = {"tsne": "t-SNE", "pca": "PCA"}


class EmbeddingDisplay(Display):
    """Clips as a flat map, in the colour and shape of their emotion, with the prototypes as stars.

    Where both truth and assignment are known, clips that were assigned elsewhere are hollow.

    Parameters
    ----------
    places : array-like of shape (n_clips, 2)
    labels : array-like of shape (n_clips,)
        Emotion of each clip, by which it is coloured.
    prototypes : array-like of shape (n_prototypes, 2), optional
    classes : sequence of length n_prototypes, optional
        The prototypes' emotions.
    assigned : array-like of shape (n_clips,), optional
        What each clip was assigned to.
    name : str, default=""
        How the map was made; stands below it.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, and the figure.
    axes_ : dict of str to Axes
        "map".

    Examples
    --------
    >>> import numpy as np
    >>> from sere.plotting import EmbeddingDisplay
    >>> clips = np.array([[0.0, 0.1, 0.0], [0.2, 0.0, 0.1], [5.0, 5.1, 5.0]])
    >>> display = EmbeddingDisplay.from_embedding(clips, ["fear", "fear", "anger"], method="pca")
    >>> display.places.shape
    (3, 2)
    """

    _height = 3.3

    def __init__(
        self,
        places: ArrayLike,
        labels: ArrayLike,
        prototypes: ArrayLike | None = None,
        classes: Sequence[Any] | None = None,
        assigned: ArrayLike | None = None,
        name: str = "",
    ):
        self.places = np.asarray(places, dtype=float)
        self.labels = as_labels(labels, "labels")
        self.prototypes = np.empty((0, 2)) if prototypes is None else np.asarray(prototypes, dtype=float)
        self.classes = np.empty(0, self.labels.dtype) if classes is None else np.asarray(classes)
        self.name = name
        self.assigned = None if assigned is None else np.asarray(assigned)
        if self.places.shape != (len(self.labels), 2):
            raise ValueError(f"places of shape {self.places.shape} do not fit {len(self.labels)} labels")
        if len(self.prototypes) != len(self.classes):
            raise ValueError(f"{len(self.prototypes)} prototypes have {len(self.classes)} classes")

    @classmethod
    def from_embedding(
        cls,
        embedding: ArrayLike,
        y: ArrayLike,
        prototypes: ArrayLike | None = None,
        classes: Sequence[Any] | None = None,
        *,
        assigned: ArrayLike | None = None,
        method: str = "tsne",
        random_state: int = 0,
        ax: "Axes | None" = None,
    ) -> Self:
        """Flatten an embedding and draw it.

        Parameters
        ----------
        embedding : array-like of shape (n_clips, width)
            ``SEREClassifier.transform`` of the clips. Of more than 1,500 a random selection is drawn.
        y : array-like of shape (n_clips,)
            Their emotions.
        prototypes : array-like of shape (n_classes, width), optional
            ``SEREClassifier.prototypes_``.
        classes : sequence of length n_classes, optional
            ``SEREClassifier.classes_``, the prototypes' emotions; those of `y`, sorted, when not given.
        assigned : array-like of shape (n_clips,), optional
            ``SEREClassifier.predict`` of the clips.
        method : {"tsne", "pca"}, default="tsne"
            t-SNE keeps neighbours together and says nothing about distances; PCA is linear.
        random_state : int, default=0
            Seeds the selection and t-SNE.
        ax : matplotlib Axes, optional
            Where to draw.

        Returns
        -------
        EmbeddingDisplay

        Raises
        ------
        ValueError
            Lengths or widths differ, or the method is unknown.
        """
        points, labels = np.asarray(embedding, dtype=float), as_labels(y)
        if points.ndim != 2 or len(points) != len(labels):
            raise ValueError(f"embedding has shape {points.shape} and y has length {len(labels)}")
        stars = np.empty((0, points.shape[1])) if prototypes is None else np.asarray(prototypes, dtype=float)
        owners = np.unique(labels) if classes is None else np.asarray(classes)
        if stars.shape[1] != points.shape[1] or len(stars) not in (0, len(owners)):
            raise ValueError(f"prototypes of shape {stars.shape} do not fit {points.shape} and {len(owners)} classes")
        chosen = np.arange(len(points))
        if len(points) > _MAX_POINTS:
            chosen = np.sort(np.random.default_rng(random_state).choice(len(points), _MAX_POINTS, replace=False))
        flat = _flatten(np.vstack([points[chosen], stars]), method, random_state)
        said = None if assigned is None else np.asarray(assigned)[chosen]
        places, homes = flat[: len(chosen)], flat[len(chosen) :]
        return cls(places, labels[chosen], homes, list(owners[: len(homes)]), said, _NAMES[method]).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        method: str = "tsne",
        random_state: int = 0,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw clips where a fitted classifier puts them.

        Parameters
        ----------
        estimator : SEREClassifier, or another classifier with `transform`
            Fitted. Prototypes are drawn where it has ``prototypes_``.
        X : clips, in any form it takes
        y : array-like of shape (n_clips,), optional
            Their emotions; without them clips have the colour of what they are assigned to.
        method, random_state, ax
            As for `from_embedding`.

        Returns
        -------
        EmbeddingDisplay
        """
        said = estimator.predict(X)
        prototypes = getattr(estimator, "prototypes_", None)
        options: dict[str, Any] = {"method": method, "random_state": random_state, "ax": ax}
        return cls.from_embedding(
            estimator.transform(X), said if y is None else y, prototypes, estimator.classes_,
            assigned=None if y is None else said, **options,
        )  # fmt: skip

    def _draw(self, places: "Axes", /) -> None:
        from matplotlib.lines import Line2D

        present = np.unique(self.labels)
        look = looks(list(np.unique(np.concatenate([self.labels, self.classes]))))
        right = np.ones(len(self.labels), bool) if self.assigned is None else self.labels == self.assigned
        handles: list[Any] = []
        for label in present:
            colour, marker = look[label]
            for own, hollow in ((right, False), (~right, True)):
                x, y = self.places[(self.labels == label) & own].T
                face = "none" if hollow and marker != "_" else colour
                places.plot(
                    x, y, marker, color=colour, markersize=3.5, markerfacecolor=face, markeredgewidth=0.7,
                    alpha=0.8, linestyle="none", label=f"_{label}",
                )  # fmt: skip
            handles.append(Line2D([], [], marker=marker, color=colour, linestyle="none", label=str(label)))
        for owner, (x, y) in zip(self.classes, self.prototypes):
            places.plot(
                x, y, "*", color=look[owner][0], markersize=13, markeredgecolor=BLACK, markeredgewidth=0.8,
                label=f"_prototype of {owner}",
            )  # fmt: skip
        more = {"marker": "*", "markersize": 9, "markerfacecolor": "none", "color": BLACK, "linestyle": "none"}
        if len(self.prototypes):
            handles.append(Line2D([], [], label="prototype", **more))  # type: ignore[arg-type]
        if not right.all():
            handles.append(Line2D([], [], label="misassigned", **more | {"marker": "o", "markersize": 5}))  # type: ignore[arg-type]
        places.set(xticks=[], yticks=[], xlabel=self.name)
        legend_below(places, handles, lines=1 if self.name else 0)
        self.axes_ = {"map": places}


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
