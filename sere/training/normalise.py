"""Standardisation without labels: each domain by its own clips, each speaker towards their own.

How a language, a room and a throat sound is larger than how an emotion sounds, and none of it needs labels to be
removed. Every column is standardised by the mean and SD of its domain (labeled clips and source pool; each target
pool). Where speakers are known their own mean and SD stand in, shrunk towards the domain's by the number of their
clips: with few clips, or clips of one emotion only, a speaker's mean *is* emotion. Where a speaker is not known and the
domain's clips fall apart into two groups of voices, the clip's group stands in (:mod:`sere.training.voices`).

Shrinkage follows James and Stein: a speaker of n clips gets the weight ``n / (n + shrinkage)``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from sere.encoders.experience import CLIP
from sere.inputs.utterances import WholeClip
from sere.loops.registers import compiled
from sere.training.thinning import whole_clip


@dataclass(frozen=True)
class Moments:
    """First two moments of each clip's rows.

    Attributes
    ----------
    mean, square : ndarray of shape (n, d)
        Mean of a clip's rows and of their squares.
    weight : ndarray of shape (n,)
        Rows behind them.
    """

    mean: np.ndarray
    square: np.ndarray
    weight: np.ndarray

    @classmethod
    def of_vectors(cls, vectors: np.ndarray) -> "Moments":
        """Moments of one row a clip."""
        return cls(vectors, vectors**2, np.ones(len(vectors)))

    @classmethod
    def of_frames(cls, frames: Sequence[np.ndarray]) -> "Moments":
        """Moments of ragged frames."""
        return cls.of_clips(map(whole_clip, frames), (len(frames), frames[0].shape[1]))

    @classmethod
    def of_clips(cls, clips: Iterable[WholeClip], shape: tuple[int, int]) -> "Moments":
        """Moments of n clips of a width that were thinned since, or are looked at one after the other."""
        mean, square, count = np.empty(shape), np.empty(shape), np.empty(shape[0])
        for row, clip in enumerate(clips):
            mean[row], square[row], count[row] = clip
        return cls(mean, square, count)

    def pooled(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and SD over all rows of some clips, each of shape (d,); the SD of a constant column is 0."""
        weight = self.weight[rows] / self.weight[rows].sum()
        mean = weight @ self.mean[rows]
        variance = weight @ self.square[rows] - mean**2
        noise = 1e-12 * (weight @ self.square[rows])
        return mean, np.sqrt(np.where(variance > noise, variance, 0.0))


@dataclass
class Standardiser:
    """Means and SDs per domain and, shrunk, per speaker of a domain.

    Attributes
    ----------
    shrinkage : float
        Clips at which a speaker counts half; ``inf`` ignores speakers.
    domains : dict of str to (mean, sd)
    speakers : dict of str to dict of str to (mean, sd)
        By domain, then by :func:`alias`.
    salt : str
        Of the aliases, hexadecimal; empty in models of before there was one.
    voices : dict of str to list of (mean, sd)
        By domain, of each group of voices; none where a domain has no groups.
    """

    shrinkage: float
    domains: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    speakers: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    salt: str = ""
    voices: dict[str, list[tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)

    def learn(
        self,
        domain: str,
        moments: Moments,
        speakers: np.ndarray,
        prior: tuple[np.ndarray, np.ndarray, float] | None = None,
    ) -> None:
        """Learn one domain from all its clips.

        Parameters
        ----------
        domain : str
        moments : Moments of n clips
        speakers : ndarray of shape (n,), object
            None for unknown.
        prior : (mean, sd, worth), optional
            Towards which the domain's own are shrunk as a speaker's are towards the domain's, counting half at `worth`
            clips.
        """
        everyone = np.arange(len(speakers))
        mean, sd = moments.pooled(everyone)
        if prior is not None:
            mean, sd = _shrunk(mean, sd, len(speakers), *prior)
        self.domains[domain] = mean, _usable(sd)
        self.voices.pop(domain, None)
        if not np.isfinite(self.shrinkage):
            return
        known: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.speakers[domain] = known
        for speaker in sorted({s for s in speakers if s is not None}):
            known[alias(speaker, self.salt)] = self._part(moments, np.flatnonzero(speakers == speaker), mean, sd)

    def learn_voices(self, domain: str, moments: Moments, groups: np.ndarray) -> None:
        """Learn the groups of voices of a domain that was learned, from all its clips.

        Parameters
        ----------
        domain : str
        moments : Moments of n clips
        groups : int ndarray of shape (n,)
            Of each clip, 0 or 1.
        """
        self.voices[domain] = [
            self._part(moments, np.flatnonzero(groups == group), *self.domains[domain]) for group in (0, 1)
        ]

    def _part(
        self, moments: Moments, rows: np.ndarray, mean: np.ndarray, sd: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and SD of some clips, shrunk towards the domain's."""
        own_mean, own_sd = _shrunk(*moments.pooled(rows), len(rows), mean, sd, self.shrinkage)
        return own_mean, _usable(own_sd)

    def scales(self, domain: str, speaker: str | None, voice: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean and SD for a clip; for a speaker that was not seen those of the group of voices, else the domain's."""
        groups, known = self.voices.get(domain), self.speakers.get(domain)
        everyone = groups[voice] if groups and voice is not None else self.domains[domain]
        return known.get(alias(speaker, self.salt), everyone) if known and speaker is not None else everyone

    def apply(self, values: np.ndarray, domain: str, speaker: str | None, voice: int | None = None) -> np.ndarray:
        """Return standardised rows, (n, d), cut at :data:`CLIP` SD."""
        mean, sd = self.scales(domain, speaker, voice)
        return np.clip((values - mean) / sd, -CLIP, CLIP)

    def write(
        self, values: np.ndarray, domain: str, speaker: str | None, place: np.ndarray, voice: int | None = None
    ) -> None:
        """Write what :meth:`apply` returns into `place`, computed in double precision, kept in the precision of it."""
        precise = values.dtype == np.float32 or values.dtype == np.float64
        scales = self.scales(domain, speaker, voice)
        _standardise(values if precise else values.astype(np.float64), *scales, CLIP, place)


def alias(speaker: str, salt: str) -> str:
    """Return what a speaker is known by in a fitted model, which may travel further than the name should: a hash.

    The salt makes one speaker another in each model, so that models cannot be laid beside each other and no list of
    hashes serves for all. It hides no name from somebody who guesses it: whoever has the model may try.

    Parameters
    ----------
    speaker : str
    salt : str
        As :func:`salt_of` returns it.
    """
    name = speaker.encode("utf-8", "surrogatepass")
    return blake2b(name, digest_size=8, salt=bytes.fromhex(salt)).hexdigest()


def salt_of(clips: Moments) -> str:
    """Return a salt that is another one for other clips and the same for the same, so that fits can be repeated."""
    digest = blake2b(digest_size=blake2b.SALT_SIZE)
    for part in (clips.mean, clips.square, clips.weight):
        digest.update(np.ascontiguousarray(part, dtype="<f8").tobytes())
    return digest.hexdigest()


def _shrunk(
    mean: np.ndarray, sd: np.ndarray, n: int, towards_mean: np.ndarray, towards_sd: np.ndarray, worth: float
) -> tuple[np.ndarray, np.ndarray]:
    """Shrink the mean and SD of n clips towards others, which count half at `worth` clips."""
    trust = n / (n + worth)
    # A column that few clips never vary has no SD of its own.
    sd = np.where(sd > 0.05 * towards_sd, sd, towards_sd)
    return towards_mean + trust * (mean - towards_mean), sd**trust * towards_sd ** (1 - trust)


@compiled()
def _standardise(values: np.ndarray, mean: np.ndarray, sd: np.ndarray, most: float, place: np.ndarray) -> None:
    """Standardise in one pass over values that nobody has to copy to double precision."""
    for i in range(values.shape[0]):
        for x in range(values.shape[1]):
            value = (np.float64(values[i, x]) - mean[x]) / sd[x]
            place[i, x] = most if value > most else -most if value < -most else value


def _usable(sd: np.ndarray) -> np.ndarray:
    """Replace SDs of 0, so that a constant column becomes 0 and not NaN."""
    return np.where(sd > 0, sd, 1.0)
