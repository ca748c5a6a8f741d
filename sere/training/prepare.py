"""From Utterances to what the network takes: thinned, standardised, packed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sere.encoders.experience import Experience
from sere.inputs.utterances import Utterances
from sere.training.normalise import Moments, Standardiser, salt_of
from sere.training.spaces import Standardised, StandardisedPool
from sere.training.thinning import changes_at, kept_frames, whole_clip
from sere.training.voices import like, two_voices

if TYPE_CHECKING:
    from sere.training.fronts import OpenSpace


@dataclass
class Preparation:
    """How clips of each encoder are standardised, learned from all clips of fit; numpy only.

    Parameters
    ----------
    shrinkage : float
        As in :class:`~sere.training.normalise.Standardiser`.
    frame_rate : float
        Frames a second that are kept.

    Attributes
    ----------
    names : list of str
        Encoders, in the order of the network's projections.
    context, frames : dict of str to Standardiser
        One per encoder.
    experience : dict of str to Experience
        Of the encoders that have some.
    heads : dict of str to ndarray of shape (n_classes,)
        By encoder with experience, which of its emotions each class is; see :meth:`recognise`.
    voices : dict of str to dict of str to ndarray of shape (2, k)
        By encoder and domain, the means of two groups of voices (:func:`~sere.training.voices.two_voices`).
    """

    shrinkage: float
    frame_rate: float
    names: list[str] = field(default_factory=list)
    context: dict[str, Standardiser] = field(default_factory=dict)
    frames: dict[str, Standardiser] = field(default_factory=dict)
    experience: dict[str, Experience] = field(default_factory=dict)
    heads: dict[str, np.ndarray] = field(default_factory=dict)
    voices: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def learn(
        self, domain: str, utterances: Utterances, prior: tuple[np.ndarray, np.ndarray, float] | None = None
    ) -> None:
        """Learn the standardisation of a domain from all its clips.

        Parameters
        ----------
        domain : str
        utterances : Utterances with frames and context
        prior : (mean, sd, worth), optional
            As in :meth:`~sere.training.normalise.Standardiser.learn`, for the context.
        """
        for name, rows in self._by_encoder(utterances):
            part = utterances[rows]
            assert part.context is not None
            assert part.frames is not None
            self._check_width(name, part)
            whole = zip(part.whole or [None] * len(part), part.frames, strict=True)
            shape = len(part), part.frames[0].shape[1]
            frames = Moments.of_clips((clip or whole_clip(own) for clip, own in whole), shape)
            if name not in self.names:
                self.names.append(name)
                salt = salt_of(frames)
                self.context[name] = Standardiser(self.shrinkage, salt=salt)
                self.frames[name] = Standardiser(self.shrinkage, salt=salt)
                if name in utterances.experience:
                    self.experience[name] = utterances.experience[name].experience
            context = Moments.of_vectors(np.array(part.context, dtype=np.float64))
            self.context[name].learn(domain, context, part.speakers, prior)
            self.frames[name].learn(domain, frames, part.speakers)
            self._learn_voices(name, domain, context, frames)

    def _learn_voices(self, name: str, domain: str, context: Moments, frames: Moments) -> None:
        self.voices.get(name, {}).pop(domain, None)
        if name not in self.experience or not self.experience[name].voices.size or not np.isfinite(self.shrinkage):
            return
        places = self._places(name, domain, context.mean)
        centres = two_voices(places)
        if centres is not None:
            self.voices.setdefault(name, {})[domain] = centres
            for standard, moments in ((self.context[name], context), (self.frames[name], frames)):
                standard.learn_voices(domain, moments, like(places, centres))

    def _places(self, name: str, domain: str, context: np.ndarray) -> np.ndarray:
        """Where clips lie along experience's directions of voices, (n, k)."""
        return self.context[name].apply(context, domain, None) @ self.experience[name].voices

    def _voices_of(self, name: str, part: Utterances, domains: list[str]) -> list[int | None]:
        """The group of voices that each clip belongs to; None where its domain has none."""
        assert part.context is not None
        found: list[int | None] = [None] * len(part)
        for domain, centres in self.voices.get(name, {}).items():
            rows = [row for row, own in enumerate(domains) if own == domain]
            if rows:
                context = np.array([part.context[row] for row in rows], dtype=np.float64)
                for row, group in zip(rows, like(self._places(name, domain, context), centres), strict=True):
                    found[row] = int(group)
        return found

    def recognise(self, classes: Sequence[Any], labeled: Utterances, codes: np.ndarray, domain: str) -> None:
        """Find out what each encoder's experience knows of the classes.

        Parameters
        ----------
        classes : sequence of labels
        labeled : Utterances
        codes : int ndarray of shape (n,)
            Class of each labeled clip.
        domain : str
            Theirs.
        """
        pool, order = self.pool(labeled, [domain] * len(labeled))
        first = 0
        contexts = {}
        for space in pool.spaces:
            if isinstance(space, Standardised):
                contexts[self.names[space.index]] = (space.context, codes[order[first : first + len(space)]])
            first += len(space)
        nothing = np.empty((0, 0)), np.empty(0, np.int64)
        for name, experience in self.experience.items():
            self.heads[name] = experience.recognise(classes, *contexts.get(name, nothing))

    def imagined(self) -> tuple[StandardisedPool, np.ndarray] | None:
        """Return an imaginary clip of each class that experience knows, and their classes; None without experience."""
        spaces, codes = [], []
        for name in self.names:
            known = np.flatnonzero(self.heads[name] >= 0) if name in self.heads else ()
            if len(known):
                experience, heads = self.experience[name], self.heads[name][known]
                sides = (experience.examples[heads], experience.frame_examples[heads])
                context, frames = (side.astype(np.float64) for side in sides)
                still, offsets = np.zeros((len(known), 4)), np.arange(len(known) + 1)
                nothing = np.zeros((len(known), len(self.heads[name])))
                spaces.append(Standardised(self.names.index(name), context, frames, still, offsets, nothing))
                codes.append(known)
        return (StandardisedPool(tuple(spaces)), np.concatenate(codes)) if spaces else None

    def pool(self, utterances: Utterances, domains: list[str]) -> tuple[StandardisedPool, np.ndarray]:
        """Return the clips standardised, and for each of its rows the row of `utterances` it came from.

        Parameters
        ----------
        utterances : Utterances with frames and context
            Thinned, or thinned here as each is standardised, so that nobody holds them a second time. Clips that
            still have to go through their encoder's front become an :class:`~sere.training.fronts.OpenSpace`,
            standardised once they did.
        domains : list of str
            Each clip's domain.
        """
        spaces: list[Standardised | OpenSpace] = []
        order = []
        for name, rows in self._by_encoder(utterances):
            if name not in self.names:
                raise ValueError(
                    f"clips embedded by {name!r} cannot be used: fit saw {self.names}; give them a language or role "
                    "whose encoder took part in fit"
                )
            part = utterances[rows]
            kept = kept_frames(part, self.frame_rate)
            known = [self._known(name, domains[r]) for r in rows]
            order.append(rows)
            if name in part.fronts:
                spaces.append(self._open_space(name, part, kept, known))
                continue
            self._check_width(name, part)
            spaces.append(self._space(name, part, kept, known))
        return StandardisedPool(tuple(spaces)), np.concatenate(order)

    def _space(self, name: str, part: Utterances, kept: list[np.ndarray], domains: list[str]) -> Standardised:
        assert part.context is not None
        assert part.frames is not None
        offsets = np.cumsum([0, *map(len, kept)])
        context = np.empty((len(part), len(part.context[0])))
        # Kept as precisely as they came: a pool may be gigabytes.
        precision = np.result_type(np.float32, *{frames.dtype for frames in part.frames})
        frames = np.empty((offsets[-1], part.frames[0].shape[1]), precision)
        places = np.split(frames, offsets[1:-1])
        voices = self._voices_of(name, part, domains)
        for row, (domain, speaker, voice) in enumerate(zip(domains, part.speakers, voices, strict=True)):
            own = part.frames[row] if part.kept is not None else part.frames[row][kept[row]]
            self.frames[name].write(own, domain, speaker, places[row], voice)
            self.context[name].write(part.context[row][None], domain, speaker, context[row : row + 1], voice)
        evidence = self._evidence(name, context)
        return Standardised(self.names.index(name), context, frames, _changes(part, kept), offsets, evidence)

    def _evidence(self, name: str, context: np.ndarray) -> np.ndarray:
        """What experience says of clips, (n, n_classes); no columns where no encoder has experience."""
        if name in self.heads:
            return self.experience[name].evidence(context, self.heads[name])
        return np.zeros((len(context), max(map(len, self.heads.values()), default=0)))

    def _open_space(self, name: str, part: Utterances, kept: list[np.ndarray], domains: list[str]) -> "OpenSpace":
        from sere.training.fronts import OpenSpace

        assert part.frames is not None
        shift, scale = [], []
        for domain, speaker in zip(domains, part.speakers, strict=True):
            context, frames = self.context[name].scales(domain, speaker), self.frames[name].scales(domain, speaker)
            shift.append(np.concatenate([context[0], frames[0]]))
            scale.append(np.concatenate([context[1], frames[1]]))
        return OpenSpace.of(
            self.names.index(name),
            part.frames,
            kept,
            np.array(shift),
            np.array(scale),
            _changes(part, kept),
            self._evidence(name, np.zeros((len(part), 0))),
        )

    def units(self, name: str, domain: str, clip: Utterances) -> tuple[np.ndarray, np.ndarray]:
        """Return the SDs of context and frames by which one clip of an encoder is standardised."""
        known = self._known(name, domain)
        speaker, (voice,) = clip.speakers[0], self._voices_of(name, clip, [known])
        sides = self.context[name], self.frames[name]
        of_context, of_frames = (side.scales(known, speaker, voice)[1] for side in sides)
        return of_context, of_frames

    def _known(self, name: str, domain: str) -> str:
        """The domain, or the first one whose clips this encoder embedded in fit."""
        return domain if domain in self.context[name].domains else next(iter(self.context[name].domains))

    def _check_width(self, name: str, part: Utterances) -> None:
        assert part.context is not None
        assert part.frames is not None
        widths = {(len(c), f.shape[1]) for c, f in zip(part.context, part.frames, strict=True)}
        known = self.context[name].domains if name in self.context else None
        if known:
            context, frames = next(iter(known.values())), next(iter(self.frames[name].domains.values()))
            widths.add((len(context[0]), len(frames[0])))
        if len(widths) > 1:
            counts = sorted({width for _, width in widths})
            raise ValueError(
                f"clips of one encoder ({name!r}) differ in width: {counts} columns a frame; X and the pools must come "
                "from the same features"
            )

    def _by_encoder(self, utterances: Utterances) -> list[tuple[str, np.ndarray]]:
        """Rows of each encoder, known encoders in the network's order."""
        assert utterances.encoders is not None
        present = [*self.names, *sorted(set(utterances.encoders) - set(self.names))]
        found = [(name, np.flatnonzero(utterances.encoders == name)) for name in present]
        return [(name, rows) for name, rows in found if len(rows)]


def _changes(part: Utterances, kept: list[np.ndarray]) -> np.ndarray:
    """Normalised changes at the frames that thinning keeps, clip by clip, as precisely as they came."""
    changes: Sequence[np.ndarray | None] = part.dynamics or (None,) * len(part)
    return np.concatenate([changes_at(own, rows) for own, rows in zip(changes, kept, strict=True)])
