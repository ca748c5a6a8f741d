"""Choosing between models without a label of the target language.

Validation on labeled source clips says how well a model does in the source language, and tuning on target labels is
what few-shot recognition of an unlabeled language may not do. What is left is to ask whether the model's answers on the
unlabeled target look like those of a good model. Three such scores, all higher for better, each as a function of
answers and as a scikit-learn scorer:

- *information*: entropy of the mean answer less the mean entropy. High when clips get clear answers and all classes are
  used (Bridle, Heading and MacKay, "Unsupervised classifiers, mutual information and phantom targets", NeurIPS 1991).
- *density*: soft neighbourhood density, the mean entropy of a clip's similarities to all others in the space of
  answers. High when clips lie in large dense neighbourhoods instead of pairs or alone (Saito et al., "Tune it the Right
  Way: Unsupervised Validation of Domain Adaptation via Soft Neighborhood Density", ICCV 2021).
- *agreement*: how far answers survive a change of the audio that changes no emotion (a little noise), beyond chance.

None of them can see a model that is sure and wrong: two classes that change places keep every score. Measured on real
pairs none chooses settings of :class:`sere.SEREClassifier` well, and agreement does the least harm: read the user
guide's figures before trusting them.

Functions: `mutual_information`, `soft_neighbourhood_density`, `agreement`, `label_free_scorer`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from sere.audio import Clip
from sere.datasets.shifts import SHIFTS, changes_audio, shifted_wave
from sere.inputs.params import check_value, number
from sere.inputs.reading import as_utterances
from sere.inputs.utterances import Utterances

#: Rows between which similarities are taken, at most; of more an evenly spaced selection.
MOST_NEIGHBOURS = 2000
SCORES = ("information", "density", "agreement")


def mutual_information(probabilities: ArrayLike) -> float:
    """Return how clear answers are and how evenly they use the classes, 0..1.

    Parameters
    ----------
    probabilities : array-like of shape (n_clips, n_classes)
        Rows sum to 1.

    Returns
    -------
    float
        Entropy of the mean row minus the mean entropy of rows, over the logarithm of the number of classes.

    Raises
    ------
    ValueError
        If it is no table of probabilities.

    Examples
    --------
    >>> mutual_information([[1, 0], [0, 1]]), mutual_information([[1, 0], [1, 0]])
    (1.0, 0.0)
    """
    p = _checked(probabilities)
    information = entr(p.mean(axis=0)).sum() - entr(p).sum(axis=1).mean()
    return float(max(information, 0.0) / np.log(p.shape[1]))


def soft_neighbourhood_density(probabilities: ArrayLike, temperature: float = 0.05) -> float:
    """Return how large and dense the neighbourhoods of clips are in the space of answers, 0..1.

    Parameters
    ----------
    probabilities : array-like of shape (n_clips, n_classes)
        Rows sum to 1; at least 3 clips. Of more than ``MOST_NEIGHBOURS`` an evenly spaced selection is taken.
    temperature : float, default=0.05
        Of the softmax over cosine similarities (Saito et al. 2021).

    Returns
    -------
    float
        Mean entropy of each clip's distribution over the others, over the logarithm of their number.

    Raises
    ------
    ValueError
        If it is no table of probabilities, or there are fewer than 3 clips.

    Examples
    --------
    >>> import numpy as np
    >>> from sere.selection import soft_neighbourhood_density
    >>> grouped, spread = np.repeat(np.eye(2), 10, axis=0), np.eye(20)
    >>> soft_neighbourhood_density(grouped) < soft_neighbourhood_density(spread)
    True
    """
    check_value("temperature", temperature, number(above=0))
    p = _checked(probabilities)
    if len(p) < 3:
        raise ValueError(f"a neighbourhood takes 3 clips, and there are {len(p)}")
    p = p[:: -(-len(p) // MOST_NEIGHBOURS)]
    unit = p / np.linalg.norm(p, axis=1, keepdims=True)
    logits = unit @ unit.T / temperature
    np.fill_diagonal(logits, -np.inf)
    logits -= logits.max(axis=1, keepdims=True)
    weights = np.exp(logits)
    total = weights.sum(axis=1)
    np.fill_diagonal(logits, 0.0)
    entropy = np.log(total) - (weights * logits).sum(axis=1) / total
    return float(entropy.mean() / np.log(len(p) - 1))


def agreement(first: ArrayLike, second: ArrayLike) -> float:
    """Return how far two lists of answers to the same clips agree beyond chance (Cohen's kappa), at most 1.

    Parameters
    ----------
    first, second : array-like of shape (n_clips,)

    Returns
    -------
    float
        0 where both give one and the same answer to every clip: nothing was told apart.

    Raises
    ------
    ValueError
        If the lengths differ or there is no clip.

    Examples
    --------
    >>> from sere.selection import agreement
    >>> agreement(["sad", "happy", "sad", "happy"], ["sad", "happy", "sad", "sad"])
    0.5
    """
    one, two = np.asarray(first), np.asarray(second)
    if one.ndim != 1 or one.shape != two.shape or not len(one):
        raise ValueError(
            f"two lists of answers to the same clips are needed; their shapes are {one.shape}, {two.shape}"
        )
    names = np.union1d(one, two)
    by_chance = sum(np.mean(one == name) * np.mean(two == name) for name in names)
    return float((np.mean(one == two) - by_chance) / (1 - by_chance)) if by_chance < 1 else 0.0


class LabelFreeScorer:
    """A scikit-learn scorer that looks at no label; made by :func:`label_free_scorer`.

    Examples
    --------
    >>> from sere.selection import label_free_scorer
    >>> label_free_scorer("density")
    label_free_scorer('density')
    """

    def __init__(self, score: str, pool: Any, shift: str):
        self.score, self.pool, self.shift = score, pool, shift

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Return the score of a fitted estimator on the pool, or on X where there is none; y is ignored."""
        clips = X if self.pool is None else self.pool
        pools = list(clips) if isinstance(clips, tuple) else [clips]
        if self.score == "agreement":
            pairs = [(estimator.predict(part), estimator.predict(_changed(part, self.shift))) for part in pools]
            return agreement(*(np.concatenate(side) for side in zip(*pairs)))
        answers = np.concatenate([estimator.predict_proba(part) for part in pools])
        return mutual_information(answers) if self.score == "information" else soft_neighbourhood_density(answers)

    def __repr__(self) -> str:
        return f"label_free_scorer({self.score!r})"


def label_free_scorer(score: str = "information", pool: Any = None, shift: str = "noise20") -> LabelFreeScorer:
    """Return a scorer for ``GridSearchCV(scoring=...)``, ``cross_val_score`` and the like that needs no label.

    Parameters
    ----------
    score : {"information", "density", "agreement"}, default="information"
    pool : clips, or tuple of clips, optional
        What is scored in every fold: the unlabeled clips of the target language. Without it the fold's own clips are,
        whose language the labels already cover.
    shift : str, default="noise20"
        For "agreement" the change of the audio, one of :data:`sere.datasets.SHIFTS` that changes audio. Changed clips
        are extracted once and kept.

    Returns
    -------
    LabelFreeScorer
        Callable as ``scorer(estimator, X, y=None)``.

    Raises
    ------
    ValueError
        If there is no such score or shift.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sere.selection import label_free_scorer
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(20, 3)) + np.repeat([[0], [2]], 10, 0), ["sad"] * 10 + ["happy"] * 10
    >>> target = rng.normal(size=(30, 3)) + 1
    >>> search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, scoring=label_free_scorer(pool=target), cv=2)
    >>> search.fit(X, y).best_params_
    {'C': 1}
    """
    if score not in SCORES:
        raise ValueError(f"there is no score {score!r}; the scores are {', '.join(SCORES)}")
    if not changes_audio(shift):
        raise ValueError(
            f"shift {shift!r} changes no audio; the changes are {', '.join(filter(changes_audio, SHIFTS))}"
        )
    return LabelFreeScorer(score, pool, shift)


def _changed(clips: Any, shift: str) -> Utterances:
    """Return clips with their audio changed; what was extracted from them does not hold any more."""
    if isinstance(clips, np.ndarray) and clips.ndim == 2:
        raise TypeError("agreement changes audio, and a 2-D array is feature vectors; use information or density")
    given = as_utterances(clips)
    if given.clips is None:
        raise TypeError("agreement changes audio, and these Utterances hold none; use information or density")
    waves = [Clip(shifted_wave(clip.load(), shift)) for clip in given.clips]
    return Utterances(clips=waves, speakers=given.speakers, languages=given.languages)


def _checked(probabilities: ArrayLike) -> np.ndarray:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or not len(p) or p.shape[1] < 2:
        raise ValueError(f"probabilities must be a table of clips and two classes or more; its shape is {p.shape}")
    if not np.isfinite(p).all() or p.min() < 0 or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise ValueError("the rows of probabilities must be non-negative and sum to 1")
    return p
