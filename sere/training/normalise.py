"""Standardisation without labels: each domain by its own clips, each speaker towards their own.

How a language, a room and a throat sound is larger than how an emotion sounds, and none of it needs labels to be
removed. Every column is standardised by the mean and SD of its domain (labeled clips and source pool; each target
pool). Where speakers are known their own mean and SD stand in, shrunk towards the domain's by the number of their
clips: with few clips, or clips of one emotion only, a speaker's mean *is* emotion.

Shrinkage follows James and Stein: a speaker of n clips gets the weight ``n / (n + shrinkage)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from sere.encoders.experience import CLIP
from sere.inputs.utterances import WholeClip
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
        return cls.of_clips([whole_clip(clip) for clip in frames])

    @classmethod
    def of_clips(cls, clips: Sequence[WholeClip]) -> "Moments":
        """Moments of clips that were thinned since."""
        mean, square, count = zip(*clips, strict=True)
        return cls(np.array(mean), np.array(square), np.array(count, dtype=float))

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
    """

    shrinkage: float
    domains: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    speakers: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    salt: str = ""

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
        if not np.isfinite(self.shrinkage):
            return
        known: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.speakers[domain] = known
        for speaker in sorted({s for s in speakers if s is not None}):
            rows = np.flatnonzero(speakers == speaker)
            own_mean, own_sd = _shrunk(*moments.pooled(rows), len(rows), mean, sd, self.shrinkage)
            known[alias(speaker, self.salt)] = own_mean, _usable(own_sd)

    def scales(self, domain: str, speaker: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Mean and SD for a clip; a speaker that was not seen gets the domain's."""
        everyone, known = self.domains[domain], self.speakers.get(domain)
        return known.get(alias(speaker, self.salt), everyone) if known and speaker is not None else everyone

    def apply(self, values: np.ndarray, domain: str, speaker: str | None) -> np.ndarray:
        """Return standardised rows, (n, d), cut at :data:`CLIP` SD."""
        mean, sd = self.scales(domain, speaker)
        return np.clip((values - mean) / sd, -CLIP, CLIP)

    def apply_each(self, values: np.ndarray, domains: Sequence[str], speakers: np.ndarray) -> np.ndarray:
        """Return what :meth:`apply` makes of one row a clip, (n, d), all at once."""
        pairs = list(zip(domains, speakers, strict=True))
        scales = {pair: self.scales(*pair) for pair in set(pairs)}
        mean, sd = (np.array([scales[pair][side] for pair in pairs]) for side in (0, 1))
        return np.clip((values - mean) / sd, -CLIP, CLIP)


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


def _usable(sd: np.ndarray) -> np.ndarray:
    """Replace SDs of 0, so that a constant column becomes 0 and not NaN."""
    return np.where(sd > 0, sd, 1.0)
