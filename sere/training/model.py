"""What a fit leaves: all that predicts. Torch is imported for a trained front alone, and where a field is asked for."""

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sere.audio import FRAME_RATE
from sere.chain.embedding import Embedding
from sere.chain.field import ResonanceField
from sere.chain.self_training import SelfTrained
from sere.encoders.base import FrameEncoder
from sere.inputs.utterances import Utterances
from sere.training.domains import SOURCE, domain_of
from sere.training.forward import enhanced
from sere.training.prepare import Preparation
from sere.training.spaces import Standardised, check_fronts, needed
from sere.training.thinning import thinned

if TYPE_CHECKING:
    from torch import nn

    from sere.training.fronts import OpenSpace


@dataclass(frozen=True)
class FrozenFront:
    """A trained front; numpy only.

    Attributes
    ----------
    cache_key : str
        Of the encoder below it: what comes out of another one means nothing to it.
    state : dict of str to ndarray
    """

    cache_key: str
    state: dict[str, np.ndarray]


class ClipFrames(NamedTuple):
    """The frames of a clip that take part in resonance.

    Attributes
    ----------
    frames : ndarray of shape (n_frames, p)
        Enhanced representation (Eq. 2).
    intensity : ndarray of shape (n_frames,)
        Burst intensity (Eq. 3).
    seconds : ndarray of shape (n_frames,)
        Where in the clip they begin.
    """

    frames: np.ndarray
    intensity: np.ndarray
    seconds: np.ndarray

    def __repr__(self) -> str:
        n, width = self.frames.shape
        return f"ClipFrames({n} frames of {width} columns, {self.seconds[0]:.2f} to {self.seconds[-1]:.2f} s)"


class Found(NamedTuple):
    """Clips after the network, numpy only.

    Attributes
    ----------
    clips : ndarray of shape (n, p)
    evidence : ndarray of shape (n, n_classes) or (n, 0)
    spaces : list of (str, int ndarray of shape (m,), Standardised)
        By encoder, which clips it embedded, and what it gave of them.
    frames : list of ndarray of shape (n_frames, p)
    intensity : list of ndarray of shape (n_frames,)
    """

    clips: np.ndarray
    evidence: np.ndarray
    spaces: list[tuple[str, np.ndarray, Standardised]]
    frames: list[np.ndarray]
    intensity: list[np.ndarray]


@dataclass
class FittedModel:
    """All that prediction needs; no torch object, so that it loads anywhere.

    Attributes
    ----------
    preparation : Preparation
    network : dict of str to ndarray
        The network's state without its fronts.
    embedding : Embedding
    field : ResonanceField
    prototypes : ndarray of shape (n_classes, p)
    scale : float
        Factor of squared distances.
    evidence_scale : float
        Factor of what experience says.
    shot_frames : list of ndarray of shape (n_frames, p)
        Enhanced representations of the labeled clips.
    shot_intensity : list of ndarray of shape (n_frames,)
    shot_classes : int ndarray of shape (n_shots,)
    shot_times : list of ndarray of shape (n_frames,)
        When in the clip each of their frames is, in seconds.
    languages : dict of str to set of str
        Languages of each domain.
    fronts : dict of str to FrozenFront
        By encoder; empty where nothing of an encoder was trained.
    self_trained : SelfTrained or None
        What the answers on the target pool taught.
    temperature : float
        By which logits are divided before they become probabilities.
    """

    preparation: Preparation
    network: dict[str, np.ndarray]
    embedding: Embedding
    field: ResonanceField
    prototypes: np.ndarray
    scale: float
    evidence_scale: float
    shot_frames: list[np.ndarray]
    shot_intensity: list[np.ndarray]
    shot_classes: np.ndarray
    shot_times: list[np.ndarray]
    languages: dict[str, set[str]]
    fronts: dict[str, FrozenFront] = dataclass_field(default_factory=dict)
    self_trained: SelfTrained | None = None
    temperature: float = 1.0
    _built: "dict[str, nn.Module]" = dataclass_field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": {}}

    def is_source(self, language: str | None) -> bool:
        """Whether a clip of this language is prepared as a source clip."""
        return self.domain(language) == SOURCE

    def domain(self, language: str | None) -> str:
        """The domain whose mean and SD a clip takes: its language's, else the target's, else the source's."""
        return domain_of(language, self.languages)

    def embed(self, utterances: Utterances) -> np.ndarray:
        """Clip embeddings, (n, p)."""
        return self._forward(utterances).clips

    def evidence(self, utterances: Utterances) -> np.ndarray:
        """What experience says of the classes, as it says it, (n, n_classes), or (n, 0) without experience."""
        return self._forward(utterances).evidence

    def logits(self, utterances: Utterances) -> np.ndarray:
        """Scaled negative squared distances to the prototypes, what experience says and, of target clips, what
        self-training does, (n, n_classes).
        """
        return self.logits_of(self._forward(utterances), utterances)

    def logits_of(self, found: "Found", utterances: Utterances) -> np.ndarray:
        """As :meth:`logits`, of clips that went through the network."""
        logits = -self.scale * np.square(found.clips[:, None] - self.prototypes[None]).sum(2)
        if found.evidence.shape[1]:
            logits = logits + self.evidence_scale * found.evidence
        if self.self_trained is None:
            return logits
        is_target = np.array([not self.is_source(language) for language in utterances.languages])
        for name, clips, space in found.spaces:
            own = is_target[clips]
            logits[clips[own]] = self.self_trained.decide(name, logits[clips[own]], space.rows()[own])
        return logits

    @property
    def tau(self) -> float:
        """The temperature of the synchrony (Eq. 4) that was learned."""
        return float(np.exp(self.network["log_tau"]))

    @property
    def shots(self) -> list[ClipFrames]:
        """The labeled clips."""
        clips = zip(self.shot_frames, self.shot_intensity, self.shot_times, strict=True)
        return [ClipFrames(*clip) for clip in clips]

    def moments(self, utterances: Utterances) -> list[ClipFrames]:
        """The frames of clips that take part in resonance."""
        found, kept = self.look_at(utterances)
        clips = zip(found.frames, found.intensity, kept, strict=True)
        return [ClipFrames(frames, own, kept / FRAME_RATE) for frames, own, kept in clips]

    def resonance(self, utterances: Utterances) -> np.ndarray:
        """IRF of each clip with each shot, (n, n_shots)."""
        return self.resonance_of(self._forward(utterances))

    def resonance_of(self, found: "Found") -> np.ndarray:
        """As :meth:`resonance`, of clips that went through the network."""
        import torch

        from sere.kernels import Packed

        def packed(*sides: list[np.ndarray]) -> Packed:
            return Packed.from_list(*([torch.tensor(v, dtype=torch.float32) for v in side] for side in sides))

        shots, clips = packed(self.shot_frames, self.shot_intensity), packed(found.frames, found.intensity)
        with torch.no_grad():
            scores: np.ndarray = self.field.scores(shots, clips, self.tau).numpy().T
        return scores

    def look_at(self, utterances: Utterances) -> tuple["Found", list[np.ndarray]]:
        """What the network makes of clips, and which of their frames took part."""
        few = thinned(utterances, self.preparation.frame_rate)
        assert few.kept is not None
        return self._forward(few), few.kept

    def _forward(self, utterances: Utterances) -> "Found":
        """What the network makes of clips, in the order of `utterances`."""
        check_fronts(utterances, self.fronts)
        pool, order = self.preparation.pool(utterances, [self.domain(language) for language in utterances.languages])
        encoders = needed(utterances)
        names = [self.preparation.names[space.index] for space in pool.spaces]
        closed = [
            space if isinstance(space, Standardised) else self._finished(space, encoders[name])
            for name, space in zip(names, pool.spaces, strict=True)
        ]
        parts = [enhanced(space, self.network, self.embedding, self.field) for space in closed]
        back = np.argsort(order)
        frames, intensity = ([clip for part in parts for clip in part[k]] for k in (0, 1))
        return Found(
            np.concatenate([part.clips for part in parts])[back],
            np.concatenate([space.evidence for space in closed])[back],
            list(zip(names, np.split(order, np.cumsum(list(map(len, closed)))[:-1]), closed, strict=True)),
            [frames[i] for i in back],
            [intensity[i] for i in back],
        )

    def _finished(self, space: "OpenSpace", encoder: FrameEncoder) -> Standardised:
        """Send clips through their encoder's trained front."""
        import torch

        from sere.training.fronts import through_front
        from sere.training.network import Space

        front = self._front(self.preparation.names[space.index], encoder)
        with torch.no_grad():
            # One by one: in the float32 of a front, clips beside it would move a prediction visibly.
            context, frames = through_front(front, space.to(torch.float64), at_once=1)
        return Space(space.index, context, frames, space.changes, space.offsets, space.evidence).arrays()

    def _front(self, name: str, encoder: FrameEncoder) -> "nn.Module":
        """A trained front on its encoder's checkpoint, built when it is first needed."""
        if name not in self._built:
            from sere.training.fronts import build

            frozen = self.fronts[name]
            if encoder.cache_key != frozen.cache_key:
                raise ValueError(
                    f"{name} is not what it was when the model was fitted ({encoder.cache_key}, then "
                    f"{frozen.cache_key}); bring the old files back, or fit again"
                )
            self._built[name] = build(encoder, frozen.state)
        return self._built[name]
