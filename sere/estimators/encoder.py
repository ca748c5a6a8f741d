"""Heterogeneous encoders: each language's clips are embedded by the encoder that knows the language best.

Section II-A and Table III of the paper. A clip's encoder follows its language; without one, its role: labeled, source
pool or target pool. Encoders of different width meet later, in the learned projection of
:class:`~sere.SEREClassifier`.
"""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from typing import Any, ClassVar

import numpy as np

from sere.audio import AudioError, Clip
from sere.encoders._checkpoints import CheckpointUnavailableError
from sere.encoders.base import Encoded, FrameEncoder, context_names
from sere.encoders.emotion import EmotionEncoder
from sere.encoders.parts import PartEmbedding, joined_parts
from sere.encoders.spec import ENCODER, ENCODERS, WITHOUT_LAYERS, build, choose, side_by_side, spec_name
from sere.estimators.dynamics import PITCH_RANGE, as_pitch, pitch_key, static_tracks
from sere.estimators.transformer import AudioTransformer
from sere.extraction.extract import extract
from sere.inputs.params import NONE, ParameterError, Rule, choice, resolve_device, whole
from sere.inputs.skipping import only, usable_rows
from sere.inputs.utterances import Summary, Utterances

#: Clips whose embeddings are held before they are thinned.
PORTION = 512
_LAYER = whole(-(2**31))


@dataclass(eq=False, repr=False)
class HeterogeneousEncoder(AudioTransformer):
    """Frame embeddings at 50 Hz, by an encoder per language or role.

    Parameters
    ----------
    encoders : str, FrameEncoder or dict, default="speech-emotion"
        One encoder for every clip, or a dict from language ("de"), role ("labeled", "source", "target") or "default" to
        an encoder. An encoder is one of

        - ``"acoustic-emotion"``: the same as ``"acoustic"``, with experience from labeled speech of several languages
          (:func:`sere.pretrain_encoder`); comes with the library;
        - the ``.npz`` file of such an encoder of your own, or the object;
        - ``"acoustic"``: frame descriptors of pitch, loudness, voice and timbre; embedded, nothing learned;
        - ``"speech"``: the lower layers of a small speech recogniser, OpenAI's Whisper tiny.en; embedded;
        - ``"egemaps"``: eGeMAPS through openSMILE (``pip install "sere[egemaps]"``);
        - the name or folder of a Whisper, WavLM, HuBERT, Wav2Vec2 or w2v-BERT checkpoint (``pip install
          "sere[pretrained]"``);
        - a :class:`~sere.encoders.base.FrameEncoder`;
        - several of these side by side, each frame holding the columns of all: names joined by "+", such as
          ``"acoustic+speech"``, or a tuple of any of them, without experience and with nothing to train.

        ``"paper"`` stands for the checkpoints of the paper: one per language, and wav2vec2-base for labeled clips.
    labeled : str or FrameEncoder, default=None
        Encoder of labeled clips, whatever their language.
    layer : int, tuple of int or "weighted", default=-1
        Which hidden states of a checkpoint embed a frame; "weighted" learns the weights inside
        :class:`~sere.SEREClassifier`.
    combine : {"mean", "concatenate"}, default="mean"
        What becomes of a tuple of layers: their mean, or all of them side by side in a frame.
    trainable_layers : int, default=0
        Fine-tune the last n transformer layers of checkpoints inside :class:`~sere.SEREClassifier`.
    pitch_model : {"tiny", "full"}, default="tiny"
        CREPE network behind descriptors that need pitch, for clips that come without one.
    n_jobs : int, default=None
        joblib workers for clips that are not in the cache.
    cache : bool, path or FrameStore, default=True
        Where embeddings are kept: the user's own store, another folder, or nowhere.
    device : str, default="auto"
        Torch device of checkpoints; "auto" is CUDA where there is one.
    verbose : int, default=0
        Anything but 0 shows progress: a bar on a terminal or in a notebook, elsewhere a line every half minute.
    on_error : {"raise", "skip", "nan"}, default="raise"
        Clips that cannot be used are an error that names each; or, with a warning, they are left out of what
        `fit_transform` and `transform` return, which is then shorter than X, or are rows of NaN in it. With "nan" it
        holds pooled statistics alone, for other estimators and tables.

    Attributes
    ----------
    skipped_ : list of dict
        With ``on_error="skip"`` or ``"nan"``, what the last call left out: ``where``, ``row``, ``path``, ``reason``.

    Notes
    -----
    `fit_transform` embeds its clips as labeled ones, `transform` as target ones, where neither a language nor a
    single encoder decides. A language is looked up before a role.

    `trainable_layers` and ``layer="weighted"`` learn inside :class:`~sere.SEREClassifier` only, as its `encoder` or
    before it in a Pipeline. Before any other estimator nothing learns: `transform` embeds clips with the last layers
    as the checkpoint has them, or with equal layer weights.

    Examples
    --------
    >>> import numpy as np
    >>> from sere import HeterogeneousEncoder
    >>> clips = [np.sin(np.arange(n) / 20) for n in (8000, 12000)]
    >>> embedded = HeterogeneousEncoder(cache=False).fit_transform(clips)
    >>> [len(frames) for frames in embedded.frames]
    [26, 38]
    """

    _rules: ClassVar[dict[str, Rule]] = {
        "encoders": ENCODERS,
        "labeled": NONE | ENCODER,
        "layer": Rule(
            'a whole number, a tuple of whole numbers or "weighted"',
            lambda value: (
                choice("weighted").fits(value)
                or (bool(value) and all(map(_LAYER.fits, value)) if isinstance(value, tuple) else _LAYER.fits(value))
            ),
        ),
        "combine": choice("mean", "concatenate"),
        "trainable_layers": whole(0),
        "pitch_model": choice("tiny", "full"),
    }

    encoders: Any = "speech-emotion"
    labeled: Any = None
    layer: Any = -1
    combine: str = "mean"
    trainable_layers: int = 0
    pitch_model: str = "tiny"

    @property
    def single(self) -> bool:
        """Whether one encoder embeds every clip, whatever its language and role."""
        return not isinstance(self.encoders, Mapping) and self.encoders != "paper" and self.labeled is None

    def encode(
        self,
        utterances: Utterances,
        role: str,
        where: str = "X",
        unusable: dict[Clip, str] | None = None,
        frame_rate: float | None = None,
    ) -> Utterances:
        """Return the clips embedded in a role, for :class:`~sere.SEREClassifier` to train what is to be trained.

        Where `layer` or `trainable_layers` leave something to learn, frames end before it and context is empty;
        `transform` goes on with the untrained weights.

        Parameters
        ----------
        utterances : Utterances with audio
        role : {"labeled", "source", "target"}
        where : str
            What errors call the clips.
        unusable : dict, optional
            Takes the reason of each clip that cannot be used, and the others are returned. Without it, and where no
            clip can be used, they are an AudioError.
        frame_rate : float, optional
            Frames a second to keep, for clips with dynamics; see :mod:`sere.training.thinning`.
        """
        self._check_params()
        if utterances.clips is None:
            raise TypeError("these Utterances hold feature vectors; encoders need audio")
        specs = [self.choose(language, role) for language in utterances.languages]
        names = np.array([spec_name(spec) for spec in specs], dtype=object)
        encoders = {name: self.usable(spec) for name, spec in dict(zip(names, specs, strict=True)).items()}
        embedded = self._embed_all(utterances, names, encoders, where, unusable, frame_rate)
        return self._with_summary(embedded, encoders)

    def reopen(self, utterances: Utterances, where: str = "X", unusable: dict[Clip, str] | None = None) -> Utterances:
        """Return clips that `transform` embedded as `encode` embeds them, so that everything can be trained.

        Parameters
        ----------
        utterances : Utterances with frames
            Embedded by any :class:`HeterogeneousEncoder`; this one's `cache`, `n_jobs` and `verbose` hold.
        where, unusable
            As in `encode`.
        """
        if not utterances.finished:
            return utterances
        assert utterances.encoders is not None
        present = set(utterances.encoders)
        again = {name: encoder for name, encoder in utterances.finished.items() if name in present}
        opened = self._embed_all(utterances, utterances.encoders, again, where, unusable)
        summaries = {name: summary for name, summary in utterances.summaries.items() if name != "embedding"}
        return opened.with_(finished={}, summaries=summaries)

    def check(self, utterances: Utterances, role: str) -> None:
        """Raise for parameters and for encoders of these clips that cannot be used, before any work.

        Parameters
        ----------
        utterances : Utterances
        role : {"labeled", "source", "target"}
        """
        self._check_params()
        for language in set(utterances.languages):
            self.usable(self.choose(language, role))

    def _check_params(self, prefix: str = "") -> None:
        super()._check_params(prefix)
        within = prefix.rpartition(" ")[2]
        named = [*(self.encoders.values() if isinstance(self.encoders, Mapping) else [self.encoders]), self.labeled]
        alone = [part for spec in named for part in side_by_side(spec)]
        checkpoints = [spec for spec in alone if isinstance(spec, (str, PathLike)) and spec not in WITHOUT_LAYERS]
        if (self.trainable_layers or self.layer != -1 or self.combine != "mean") and not checkpoints:
            raise ParameterError(
                f"{within}layer={self.layer!r}, {within}combine={self.combine!r} and "
                f"{within}trainable_layers={self.trainable_layers} choose among the layers of a checkpoint that "
                f"{within}encoders names, and {within}encoders={self.encoders!r} names none; an encoder object takes "
                "them itself"
            )
        if self.trainable_layers and self.layer != -1:
            raise ParameterError(
                f"{within}trainable_layers={self.trainable_layers} trains the layers up to the last one, so "
                f"{within}layer={self.layer!r} cannot be chosen beside it; leave {within}layer=-1"
            )
        if self.combine == "concatenate" and (not isinstance(self.layer, tuple) or len(self.layer) < 2):
            raise ParameterError(
                f"{within}combine='concatenate' puts a tuple of layers side by side, such as {within}layer=(1, 2, 3); "
                f"got {within}layer={self.layer!r}"
            )

    def choose(self, language: str | None, role: str) -> Any:
        """Return what `encoders` and `labeled` name for a clip; see :func:`sere.encoders.spec.choose`."""
        return choose(self.encoders, self.labeled, language, role)

    def build(self, spec: Any) -> FrameEncoder:
        """Return the encoder object that a name stands for, with this estimator's layer settings."""
        return build(
            spec, layer=self.layer, combine=self.combine, trainable_layers=self.trainable_layers, device=self.device
        )

    def usable(self, spec: Any) -> FrameEncoder:
        """Return the encoder that a name stands for, found here and readable; an error names the parameter."""
        try:
            encoder = self.build(spec)
            _ = encoder.cache_key
        except (OSError, ValueError, TypeError, ImportError) as error:
            near = get_close_matches(str(spec), (*WITHOUT_LAYERS, "paper"), n=1) if isinstance(spec, str) else []
            hint = f" (did you mean {near[0]!r}?)" if near and near[0] != spec else ""
            text = f"encoders names {spec!r}, which cannot be used{hint}: {error}"
            kinds = (CheckpointUnavailableError, FileNotFoundError, OSError, ImportError)
            raise next((kind for kind in kinds if isinstance(error, kind)), ParameterError)(text) from error
        return encoder

    def encode_untrained(
        self, utterances: Utterances, role: str, where: str = "X", unusable: dict[Clip, str] | None = None
    ) -> Utterances:
        """Return the clips embedded in a role as `transform` embeds them: what could be trained is used as it is.

        Parameters
        ----------
        utterances, role, where, unusable
            As in `encode`.
        """
        opened = self.encode(utterances, role, where, unusable)
        if not opened.fronts:
            return opened
        from sere.training.fronts import finish, start_fronts

        encoders, fronts = start_fronts([opened], resolve_device(self.device))
        return self._with_summary(finish(opened, fronts, at_once=1), encoders)

    def _transform(self, utterances: Utterances, role: str, unusable: dict[Clip, str] | None = None) -> Utterances:
        return self.encode_untrained(utterances, role, unusable=unusable)

    def _embed_all(
        self,
        utterances: Utterances,
        names: np.ndarray,
        encoders: dict[str, FrameEncoder],
        where: str,
        unusable: dict[Clip, str] | None,
        frame_rate: float | None = None,
    ) -> Utterances:
        """Embed the clips of each name; others keep what they have, and those in `unusable` are gone."""
        from sere.chain.content import averaged_columns
        from sere.training.thinning import thin_clip

        n = len(utterances)
        frames: list[Any] = [None] * n if utterances.frames is None else list(utterances.frames)
        context: list[Any] = [None] * n if utterances.context is None else list(utterances.context)
        kept: list[Any] = [None] * n
        whole: list[Any] = [None] * n
        for name, encoder in encoders.items():
            rows = np.flatnonzero(names == name)
            try:
                for number, encoded in self._embed(encoder, utterances[rows], where, unusable):
                    if encoded is None:
                        continue
                    row = rows[number]
                    frames[row] = encoded.frames
                    context[row] = np.empty(0, np.float32) if encoder.has_front else encoded.context
                    if frame_rate is not None:
                        changes = utterances.dynamics[row] if utterances.dynamics else None
                        frames[row], kept[row], whole[row] = thin_clip(
                            encoded.frames, changes, frame_rate, encoder.has_front
                        )
            except AudioError as error:
                raise error.of_rows(rows) from None
        left = usable_rows(frames)
        if len(left) < n:
            utterances, names = only(utterances, left, unusable, where), names[left]
        # The copies hold no weights: what embedded the clips can be let go before training.
        fronts = {name: copy(encoder) for name, encoder in encoders.items() if encoder.has_front}
        experienced = {name: encoder for name, encoder in encoders.items() if isinstance(encoder, EmotionEncoder)}
        averaged = {
            name: averaged_columns(context_names(encoder), encoder.frame_names)
            for name, encoder in encoders.items()
            if not encoder.has_front
        }
        return utterances.with_(
            frames=[frames[row] for row in left],
            context=[context[row] for row in left],
            kept=None if frame_rate is None else [kept[row] for row in left],
            whole=None if frame_rate is None else [whole[row] for row in left],
            encoders=names,
            fronts={**utterances.fronts, **fronts},
            experience={**utterances.experience, **experienced},
            averaged={**utterances.averaged, **averaged},
        )

    def _with_summary(self, utterances: Utterances, encoders: dict[str, FrameEncoder]) -> Utterances:
        """Add the contexts as the 2-D array that any estimator takes, where they are all there and of one width."""
        assert utterances.frames is not None
        assert utterances.context is not None
        if utterances.fronts or len({c.size for c in utterances.context}) > 1:  # the classifier can project both
            return utterances
        first = next(iter(encoders.values()))
        if isinstance(first, EmotionEncoder) and len(encoders) == 1:
            values, names = first.summary(np.array(utterances.context, dtype=np.float64))
            return utterances.with_(summaries={**utterances.summaries, "embedding": Summary(values, tuple(names))})
        columns = tuple(_context_names(first, utterances.frames[0].shape[1]))
        summary = Summary(np.array(utterances.context, dtype=np.float64), columns)
        return utterances.with_(summaries={**utterances.summaries, "embedding": summary})

    def _embed(
        self, encoder: FrameEncoder, utterances: Utterances, where: str, unusable: dict[Clip, str] | None
    ) -> Iterator[tuple[int, Encoded | None]]:
        """Yield each clip's row and embedding, from the store or computed; context is always there.

        The store is read in portions, and what it gave of a clip is let go when the next one is asked for. What is
        wrong with any of the clips is said at the end, once the others are done.
        """
        options: dict[str, Any] = {name: getattr(self, name) for name in ("cache", "n_jobs", "verbose")}
        options |= {"where": where, "unusable": unusable}
        assert utterances.clips is not None
        clips, usable = utterances.clips, np.arange(len(utterances))
        pitches = utterances.pitches
        pitch_model, pitch_range = utterances.pitch_model, utterances.pitch_range
        if pitches is None or pitch_model is None or pitch_range is None:
            pitch_model, pitch_range, pitches = self.pitch_model, PITCH_RANGE, None
        if encoder.needs_pitch and pitches is None:
            found = static_tracks(clips, pitch_model, pitch_range, device=self.device, **options)
            usable = np.array(usable_rows(found), dtype=int)
            clips, pitches = [clips[row] for row in usable], [as_pitch(found[row]) for row in usable]
        problems: dict[Clip, str] = {} if unusable is None else unusable
        for first in range(0, len(clips), PORTION):
            some = slice(first, first + PORTION)
            numbers = (
                "" if len(clips) <= PORTION else f" {first + 1}-{min(first + PORTION, len(clips))} of {len(clips)}"
            )
            by_part = []
            for part in encoder.parts:
                voice = pitch_key(pitch_model, pitch_range) if part.needs_pitch else ()
                by_part.append(
                    extract(
                        clips[some],
                        PartEmbedding(part),
                        ("embedding", part.cache_key, *voice),
                        companions=pitches[some] if part.needs_pitch and pitches is not None else None,
                        label=f"embedding{numbers}",
                        maker=f"the encoder {spec_name(part)!r}",
                        **{**options, "unusable": problems},
                    )
                )
            yield from zip(usable[some], joined_parts(encoder, by_part), strict=True)
        if unusable is None and problems:
            raise AudioError([(row, problems[clip]) for row, clip in enumerate(clips) if clip in problems], where)


def _context_names(encoder: FrameEncoder, width: int) -> list[str]:
    if encoder.context_names or len(encoder.frame_names) == width:
        return context_names(encoder)
    # A front changed the width, or the encoder names nothing.
    return [f"h{i}_{statistic}" for statistic in ("mean", "sd") for i in range(width)]
