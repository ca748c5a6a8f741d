"""Encoders side by side: one set of frames and one context, of what several encoders hear in a clip.

Descriptors know how a voice is produced, a pretrained network knows what it has heard; beside each other they name
emotions that neither names alone. ``"acoustic+speech"`` is such an encoder, wherever an encoder's name goes.

Every frame holds the columns of all parts, and so does the context; a part without a context of its own gives the mean
and SD of its frames. Names of columns begin with their part's name. The count of frames is the first part's: where
another gives more its last ones are left out, where it gives fewer its last one is repeated.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sere.encoders.base import Encoded, FrameEncoder, aligned, context_names, pooled_context

if TYPE_CHECKING:
    from sere.tracks import Pitch

#: By how many frames parts may differ in a clip.
_SLACK = 2


class SideBySideEncoder(FrameEncoder):
    """The frames and contexts of several encoders, column beside column.

    Parameters
    ----------
    encoders : sequence of FrameEncoder
        At least two, without experience and with nothing to train.

    Raises
    ------
    ValueError
        Fewer than two encoders, or one that cannot stand beside others: says which and what to do.

    Examples
    --------
    >>> from sere.encoders.acoustic import AcousticEncoder
    >>> from sere.encoders.speech import SpeechEncoder
    >>> both = SideBySideEncoder([AcousticEncoder(), SpeechEncoder()])
    >>> both.frame_names[0], len(both.frame_names), len(both.context_names)
    ('acoustic_f0_mean', 1188, 1223)
    """

    def __init__(self, encoders: Sequence[FrameEncoder]):
        if len(encoders) < 2:
            raise ValueError(f"encoders side by side are two or more, got {len(encoders)}")
        for encoder in encoders:
            if encoder.experience is not None:
                name = getattr(encoder, "name", encoder)
                raise ValueError(
                    f"{name!r} has experience, which is learned for all columns together: put encoders without "
                    "it side by side, then sere.pretrain_encoder(corpora, encoder='acoustic+speech') learns on both"
                )
            if encoder.has_front:
                raise ValueError(
                    f"{encoder!r} learns its last layers or its layers' weights with the classifier, which an encoder "
                    "beside others cannot: leave trainable_layers=0 and choose layers by number, such as layer=(1, 2)"
                )
        self.encoders = tuple(part for encoder in encoders for part in encoder.parts)

    def __repr__(self) -> str:
        return f"SideBySideEncoder([{', '.join(map(repr, self.encoders))}])"

    @property
    def needs_pitch(self) -> bool:  # type: ignore[override]
        """Whether any part does."""
        return any(encoder.needs_pitch for encoder in self.encoders)

    @property
    def cache_key(self) -> str:
        """Those of the parts, which are also what is kept."""
        return "+".join(encoder.cache_key for encoder in self.encoders)

    @property
    def names(self) -> list[str]:
        """What each part's columns begin with; a kind that is there twice is numbered."""
        kinds = [type(encoder).__name__.removesuffix("Encoder").lower() for encoder in self.encoders]
        return [f"{k}{kinds[:i].count(k) + 1}" if kinds.count(k) > 1 else k for i, k in enumerate(kinds)]

    @property
    def frame_names(self) -> list[str]:
        """Part by part."""
        parts = zip(self.names, self.encoders, strict=True)
        return [f"{name}_{column}" for name, encoder in parts for column in encoder.frame_names]

    @property
    def context_names(self) -> list[str]:
        """Part by part."""
        parts = zip(self.names, self.encoders, strict=True)
        return [f"{name}_{column}" for name, encoder in parts for column in context_names(encoder)]

    @property
    def parts(self) -> tuple[FrameEncoder, ...]:
        """The encoders whose output is computed and kept, each on its own."""
        return self.encoders

    def join(self, encoded: Sequence[Encoded]) -> Encoded:
        """Put one clip's embeddings by :attr:`parts` side by side."""
        count = len(encoded[0].frames)
        frames = []
        for part, own in zip(self.encoders, encoded, strict=True):
            if abs(len(own.frames) - count) > _SLACK:
                raise ValueError(
                    f"{part!r} gives {len(own.frames)} frames of a clip of which {self.encoders[0]!r} gives {count}; "
                    "encoders side by side give a frame every 20 ms, 1 + n_samples // 320 of them"
                )
            frames.append(aligned(own.frames, count))
        contexts = [pooled_context(own.frames) if own.context is None else own.context for own in encoded]
        return Encoded(np.concatenate(frames, axis=1), np.concatenate(contexts))

    def encode(self, waves: Sequence[np.ndarray], pitches: "Sequence[Pitch] | None" = None) -> list[Encoded]:
        """As in :meth:`sere.encoders.FrameEncoder.encode`, by every part; pitches where a part needs them."""
        by_part = [part.encode(waves, pitches if part.needs_pitch else None) for part in self.encoders]
        return [self.join(of_clip) for of_clip in zip(*by_part, strict=True)]
