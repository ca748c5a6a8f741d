"""Encoders with experience: what labeled speech taught, on whose frames, from which corpora, and the file of it all.

What is learned is an :class:`~sere.encoders.experience.Experience`; :func:`sere.pretrain_encoder` learns it.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sere.encoders._arrays import read_arrays, write_arrays
from sere.encoders._bases import NotAllowedError, base_facts, build_base
from sere.encoders.base import Encoded, FrameEncoder
from sere.encoders.experience import ARRAYS, CLIP, Experience
from sere.files.drafts import whole_file
from sere.files.pointers import pointer

#: What files say that they are.
_FORMAT = "sere-encoder-2"
#: The encoders with experience that come with the library.
SHIPPED = {name: Path(__file__).parent / f"{name}.npz" for name in ("acoustic-emotion", "speech-emotion")}


@dataclass(frozen=True)
class Card:
    """Where an encoder's experience comes from.

    Attributes
    ----------
    corpora : list of dict
        One a corpus: name, languages, licence where known, clips, speakers and clips of each emotion.
    heard : frozenset of str
        :func:`audio_digest` of every clip.
    recipe : dict
        Settings of the training.
    """

    corpora: list[dict[str, Any]] = field(default_factory=list)
    heard: frozenset[str] = frozenset()
    recipe: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the corpora."""
        return [corpus["name"] for corpus in self.corpora]

    def text(self, encoder: "EmotionEncoder") -> str:
        """Return the card as Markdown."""
        known = encoder.experience
        numbers = sum(getattr(known, name).size for name in ARRAYS)
        lines = [
            f"# {encoder.name}",
            "",
            f"Experience for the descriptors `{encoder.base.cache_key}`: {numbers:,} numbers, all of them linear maps",
            "and means (`sere.encoders.experience`), learned by `sere.pretrain_encoder` from the corpora below.",
            "It holds no audio and no features of single clips; of each clip it keeps 8 bytes of a hash, to warn when",
            "it is scored on what it learned from.",
            "",
            "| corpus | language | clips | speakers | emotions | licence |",
            "|---|---|---|---|---|---|",
        ]
        for corpus in self.corpora:
            emotions = ", ".join(f"{word} {count}" for word, count in corpus["emotions"].items())
            cells = [corpus["name"], ", ".join(corpus["languages"]), corpus["clips"], corpus["speakers"], emotions]
            lines.append(f"| {' | '.join(str(cell) for cell in cells)} | {corpus.get('licence', '')} |")
        settings = ", ".join(f"{name} {value}" for name, value in self.recipe.items())
        return "\n".join(
            [
                *lines,
                "",
                f"Emotions known: {', '.join(known.emotions)}. Settings: {settings}.",
                "",
                "Use it for speech of other corpora and languages. On the corpora above its scores say nothing: leave",
                "the source and the target out with `sere.pretrain_encoder`, or use the encoder `acoustic`. The speech",
                "is acted; spontaneous emotion is weaker and mixed. Emotions are recognised by name, so a label must",
                "mean what it means here. Not for deciding about people.",
                "",
            ]
        )


class EmotionEncoder(FrameEncoder):
    """An encoder with experience: the frames and context of a base encoder, and what labeled speech taught about them.

    Made by :func:`sere.pretrain_encoder`; goes wherever an encoder's name goes.

    Parameters
    ----------
    base : FrameEncoder
    experience : Experience
    card : Card
    name : str
        What error messages and summaries call it.

    Attributes
    ----------
    skipped_ : sequence of dict
        Clips that :func:`sere.pretrain_encoder` left out; not in the file that `save` writes.

    Examples
    --------
    >>> from sere.encoders import EmotionEncoder
    >>> shipped = EmotionEncoder.load("acoustic-emotion")
    >>> "anger" in shipped.experience.emotions
    True
    """

    skipped_: Sequence[dict[str, Any]] = ()

    def __init__(self, base: FrameEncoder, experience: Experience, card: Card, name: str = "pretrained by sere"):
        self.base = base
        self.experience = experience
        self.card = card
        self.name = name

    def __repr__(self) -> str:
        seen = ", ".join(f"{c['name']} ({', '.join(c['languages'])})" for c in self.card.corpora)
        return f"EmotionEncoder({self.name!r}: {self.base.cache_key}, learned from {seen})"

    @property
    def needs_pitch(self) -> bool:  # type: ignore[override]
        """As the base encoder."""
        return self.base.needs_pitch

    @property
    def cache_key(self) -> str:
        """The base encoder's: frames and context are the same with experience and without."""
        return self.base.cache_key

    @property
    def identity(self) -> str:
        """A name that changes with what was learned."""
        return f"{self.base.cache_key} with experience {self._digest}"

    @cached_property
    def _digest(self) -> str:
        content = hashlib.sha256(repr(self.experience.emotions).encode())
        for name in ARRAYS:
            content.update(np.ascontiguousarray(getattr(self.experience, name), dtype=np.float32).tobytes())
        return content.hexdigest()[:12]

    def summary(self, contexts: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Return what a scikit-learn estimator gets of clips: their contexts, and the score of each known emotion.

        Here nobody standardises by corpus or speaker, so the mean and SD of all clips that were learned from stand in.

        Parameters
        ----------
        contexts : ndarray of shape (n, d)

        Returns
        -------
        values : ndarray of shape (n, d + E)
        names : list of str
        """
        known = self.experience
        scores = known.logits(np.clip((contexts - known.centre) / known.scale, -CLIP, CLIP))
        names = self.context_names or [f"c{i}" for i in range(contexts.shape[1])]
        return np.hstack([contexts, scores]), [*names, *(f"evidence_{emotion}" for emotion in known.emotions)]

    @property
    def frame_names(self) -> list[str]:
        """Those of the base encoder."""
        return self.base.frame_names

    @property
    def context_names(self) -> list[str]:
        """Those of the base encoder."""
        return self.base.context_names

    @property
    def parts(self) -> tuple[FrameEncoder, ...]:
        """Those of the base encoder."""
        return self.base.parts

    def join(self, encoded: Sequence[Encoded]) -> Encoded:
        """As the base encoder does."""
        return self.base.join(encoded)

    def encode(self, waves: Sequence[np.ndarray], pitches: Sequence[Any] | None = None) -> list[Encoded]:
        """Embed each clip on its own; see the base encoder."""
        return self.base.encode(waves, pitches)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the encoder to one file, whole or not at all; its path goes wherever an encoder's name goes.

        Parameters
        ----------
        path : path-like
            Must end in ``.npz``.
        """
        target = Path(path)
        if target.suffix != ".npz":
            raise ValueError(f"an encoder's file ends in .npz, got {str(path)!r}")
        about = {
            "format": _FORMAT,
            "base": base_facts(self.base),
            "base_key": self.base.cache_key,
            "name": self.name,
            "emotions": list(self.experience.emotions),
            "corpora": self.card.corpora,
            "recipe": self.card.recipe,
        }
        arrays = {name: getattr(self.experience, name).astype(np.float32) for name in ARRAYS}
        arrays["heard"] = np.array(sorted(int(digest, 16) for digest in self.card.heard), dtype=np.uint64)
        arrays["about"] = np.array(json.dumps(about))
        with whole_file(target) as draft:
            write_arrays(draft, arrays)

    @classmethod
    def load(
        cls, path: str | PathLike[str] = "speech-emotion", *, allow: str | Collection[str] = ()
    ) -> "EmotionEncoder":
        """Read an encoder that :meth:`save` wrote, or one that comes with the library.

        A file from anybody may be read: it holds plain arrays, and nothing of it is executed.

        Parameters
        ----------
        path : path-like, default="speech-emotion"
        allow : str or collection of str
            Checkpoints that the file may stand on, by their names in it. One that it names and you do not is neither
            opened nor downloaded; the error says which.

        Raises
        ------
        FileNotFoundError
        ValueError
            Not such a file, one that is damaged, one that stands on a checkpoint which `allow` does not name, or its
            base encoder computes other features now.
        """
        file = SHIPPED.get(str(path)) or Path(path)
        if not file.is_file():
            raise FileNotFoundError(f"no encoder at {str(path)!r}; sere.pretrain_encoder(...).save(path) writes one")
        allowed = {allow} if isinstance(allow, str) else set(map(str, allow))
        try:
            with open(file, "rb") as opened:
                what = pointer(opened.read(64), "encoder")
            if what is not None:
                raise ValueError(f"it is {what}")
            arrays = read_arrays(file)
            about = json.loads(str(arrays["about"]))
            if about["format"] != _FORMAT:
                raise ValueError(f"its format is {about['format']!r}")
            experience = _experience(about["emotions"], arrays)
            card = Card(about["corpora"], frozenset(f"{int(n):016x}" for n in arrays["heard"]), about["recipe"])
            if not all(isinstance(corpus, str) for corpus in card.names):
                raise ValueError("a corpus without a name")
            base, key, name = build_base(about["base"], allowed), str(about["base_key"]), str(about["name"])
        except NotAllowedError as error:
            raise ValueError(
                f"{str(path)!r} stands on the checkpoint {error}, which using it would open or download. If you trust "
                f"who made it: encoder=EmotionEncoder.load({str(path)!r}, allow=[{error}])"
            ) from None
        except ImportError:
            raise
        except Exception as error:  # whatever a foreign file makes the readers say
            raise ValueError(f"{str(path)!r} is not an encoder that sere wrote, or it is damaged ({error})") from error
        if base.cache_key != key:
            raise ValueError(
                f"{str(path)!r} was learned on {key}, and the library computes {base.cache_key} now; make it again "
                "with sere.pretrain_encoder"
            )
        return cls(base, experience, card, name)


def _experience(emotions: Sequence[str], arrays: Mapping[str, np.ndarray]) -> Experience:
    """What a file holds, once its arrays fit each other."""
    d = len(arrays["centre"])
    # Earlier releases knew nothing of voices.
    arrays = {"voices": np.zeros((d, 0)), **arrays}
    known = {name: arrays[name].astype(np.float64) for name in ARRAYS}
    E, w, v = len(emotions), known["frame_examples"].shape[-1], known["voices"].shape[-1]
    m, k = known["directions"].shape[-1], known["frame_directions"].shape[-1]
    shapes = ((E, d), (E,), (E, d), (E, w), (d, m), (w, k), (d,), (d,), (d, v))
    for name, shape in zip(ARRAYS, shapes, strict=True):
        if known[name].shape != shape or not np.isfinite(known[name]).all():
            raise ValueError(f"{name} has shape {known[name].shape} for {shape}, or numbers that are not finite")
    return Experience(emotions=tuple(map(str, emotions)), **known)
