"""What labeled speech of other languages taught: evidence for named emotions, directions, imaginary examples.

Few labeled clips of one language say little about how anger differs from fear in another. Labeled corpora of *other*
languages say a lot, once language, room and throat are standardised away (:mod:`sere.training.normalise`). An
:class:`Experience` holds what they said, in the standardised space of an encoder's descriptors, so that it can be used
wherever clips are standardised by their own corpus and speaker:

* *evidence*: a linear map (multinomial logistic regression) from a clip's descriptors to a score for each emotion;
* *examples*: what each emotion looked like on average, an imaginary clip that joins the prototype of its class (the
  paper's "learning human emotional experience", taken at its word);
* *directions*: where emotions differ most beside how clips of one emotion differ (linear discriminants), for clips and
  for frames, for labels that name no emotion it knows;
* *voices*: where speakers differ most beside how one speaker's clips differ, for pools that do not say who speaks
  (:mod:`sere.training.voices`).

Nothing of it depends on the clip beside: an encoder with experience gives the same frames and context as without.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from sere.audio import Clip
from sere.datasets.emotions import canonical_emotion

#: On whose frames experience is learned unless asked otherwise.
BASE = "acoustic+speech"
#: Standardised values beyond this many SD are cut, here and everywhere: one broken measurement should not decide.
CLIP = 4.0


@dataclass(frozen=True, eq=False)
class Experience:
    """What was learned, for standardised context (d columns) and frames (w columns) of one encoder.

    Attributes
    ----------
    emotions : tuple of str
        E canonical names (:data:`sere.datasets.EMOTIONS`).
    evidence_weights, evidence_bias : ndarray of shape (E, d) and (E,)
    examples, frame_examples : ndarray of shape (E, d) and (E, w)
        Mean standardised context and frame of each emotion, corpora counting alike.
    directions, frame_directions : ndarray of shape (d, m) and (w, m)
        Linear discriminants, strongest first.
    centre, scale : ndarray of shape (d,)
        Mean and SD of the raw context over all clips seen, corpora counting alike, for uses without a domain.
    voices : ndarray of shape (d, k)
        Linear discriminants of speakers for contexts standardised as a whole, strongest first, scaled so that clips of
        one speaker have SD 1 along each; empty where speakers were not known, and in what earlier releases learned.
    """

    emotions: tuple[str, ...]
    evidence_weights: np.ndarray
    evidence_bias: np.ndarray
    examples: np.ndarray
    frame_examples: np.ndarray
    directions: np.ndarray
    frame_directions: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    voices: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    def logits(self, context: np.ndarray) -> np.ndarray:
        """Score every known emotion, (n, E), for standardised contexts (n, d)."""
        # Sums row by row: a product of matrices may round a clip differently beside other clips.
        return np.stack([(context * weights).sum(1) for weights in self.evidence_weights], axis=1) + self.evidence_bias

    def evidence(self, context: np.ndarray, heads: np.ndarray) -> np.ndarray:
        """Score the classes of a task: rows centred, 0 for a class it knows nothing of.

        Parameters
        ----------
        context : ndarray of shape (n, d)
            Standardised.
        heads : int ndarray of shape (C,)
            Number of each class's emotion in `emotions`, -1 where unknown.

        Returns
        -------
        ndarray of shape (n, C)
        """
        known = heads >= 0
        result = np.zeros((len(context), len(heads)))
        chosen = self.logits(context)[:, heads[known]]
        if known.any():
            result[:, known] = chosen - chosen.mean(1, keepdims=True)
        return result

    def recognise(self, classes: Sequence[Any], context: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Find which known emotion each class of a task is.

        By name, in any spelling of :func:`sere.datasets.emotions.canonical_emotion`. Where no class has a name that it
        knows (numbers, words of another language), by the labeled clips: the one-to-one match that they make most
        likely, without those that are no likelier than chance.

        Parameters
        ----------
        classes : sequence of C labels
        context : ndarray of shape (n, d)
            Standardised, of the labeled clips.
        codes : int ndarray of shape (n,)
            Class of each.

        Returns
        -------
        int ndarray of shape (C,)
            Number of each class's emotion in `emotions`; -1 where unknown.
        """
        names = [canonical_emotion(str(label)) for label in classes]
        heads = np.array([self.emotions.index(n) if n in self.emotions else -1 for n in names], dtype=np.int64)
        # Two classes of one emotion (say, two kinds of fear) cannot both be told by its name.
        heads = np.array([head if (heads == head).sum() == 1 else -1 for head in heads], dtype=np.int64)
        if any(name is not None for name in names) or not len(context):
            return heads
        logits = self.logits(context)
        likely = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        match = np.array([likely[codes == c].mean(0) for c in range(len(classes))])
        rows, columns = linear_sum_assignment(-match)
        for c, head in zip(rows, columns, strict=True):
            if match[c, head] > -np.log(len(self.emotions)):
                heads[c] = head
        return heads


#: The arrays of an :class:`Experience`: all but its emotions.
ARRAYS = tuple(Experience.__dataclass_fields__)[1:]


def audio_digest(clip: Clip) -> str:
    """Return what a clip is known by: the start of the SHA-256 of its 16-bit samples at 16 kHz, 16 hex digits.

    The same recording in another lossless format has the same digest; after resampling or lossy coding it has not.
    """
    return samples_digest(clip.load())


def samples_digest(wave: np.ndarray) -> str:
    """Return :func:`audio_digest` of samples at 16 kHz in -1..1."""
    samples = np.round(np.clip(wave, -1.0, 1.0) * 32767).astype("<i2")
    return hashlib.sha256(samples.tobytes()).hexdigest()[:16]
