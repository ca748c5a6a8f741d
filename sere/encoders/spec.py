"""What a name stands for: which encoder a clip gets, and the object behind the name.

A *spec* is the name, file or folder of an encoder, a :class:`~sere.encoders.base.FrameEncoder`, or several of these
side by side. :class:`sere.HeterogeneousEncoder` takes one for all clips, or one for each language or role.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from sere.encoders import languages
from sere.encoders._bases import without_layers
from sere.encoders.base import FrameEncoder
from sere.encoders.emotion import SHIPPED, EmotionEncoder
from sere.inputs.params import PATH, Rule, instance, resolve_device

ROLES = ("labeled", "source", "target")
WITHOUT_LAYERS = ("acoustic", "acoustic-emotion", "egemaps", "speech", "speech-emotion")

_ALONE = Rule(("the name of an encoder", "its file or folder"), PATH.fits) | instance("a FrameEncoder", FrameEncoder)
#: What may stand for one encoder.
ENCODER = _ALONE | Rule(
    "a tuple of two or more of these, side by side",
    lambda value: isinstance(value, tuple) and len(value) > 1 and all(map(_ALONE.fits, value)),
)
#: What may stand for the encoders of all clips.
ENCODERS = ENCODER | Rule(
    "a dict (not empty) of these by language, role or 'default'",
    lambda value: (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(key, str) and ENCODER.fits(spec) for key, spec in value.items())
    ),
)


def choose(encoders: Any, labeled: Any, language: str | None, role: str) -> Any:
    """Return what `encoders` and `labeled` name for a clip.

    Raises
    ------
    ValueError
        No entry fits: names the language and role, and the entries there are.
    """
    if role == "labeled" and labeled is not None:
        return labeled
    if encoders == "paper":
        return _paper_checkpoint(language, role)
    if not isinstance(encoders, Mapping):
        return encoders
    if language is not None:
        # A language that the registry does not know goes by the name it is given.
        def code(name: str) -> str:
            try:
                return languages.normalise_language(name)
            except ValueError:
                return name

        by_language = {k if k in (*ROLES, "default") else code(k): v for k, v in encoders.items()}
        if code(language) in by_language:
            return by_language[code(language)]
    for key in (role, "default"):
        if key in encoders:
            return encoders[key]
    if len(set(map(str, encoders.values()))) == 1:
        return next(iter(encoders.values()))
    raise ValueError(
        f"no encoder for a {role} clip of language {language!r}: encoders has {sorted(encoders)}; add the "
        "language, the role or 'default', or give the clips a column 'language'"
    )


def build(spec: Any, **settings: Any) -> FrameEncoder:
    """Return the encoder object that a name stands for, with these settings of a checkpoint's layers.

    The settings are `layer`, `combine`, `trainable_layers` and `device` of :class:`sere.HeterogeneousEncoder`.
    """
    if isinstance(spec, FrameEncoder):
        return spec
    several = side_by_side(spec)
    if len(several) > 1:
        from sere.encoders.side_by_side import SideBySideEncoder

        return SideBySideEncoder([build(part, **settings) for part in several])
    if (known := without_layers(spec)) is not None:
        return known
    if str(spec) in SHIPPED or str(spec).endswith(".npz"):
        file = Path(SHIPPED.get(str(spec)) or spec)
        return _loaded(str(spec), _stamp(file))
    if not isinstance(spec, (str, os.PathLike)):
        raise TypeError(f"an encoder is a name, a folder or a FrameEncoder; got {spec!r}")
    from sere.encoders.pretrained import PretrainedEncoder

    layer = settings["layer"]
    if not isinstance(layer, str):
        layer = tuple(map(int, layer)) if isinstance(layer, tuple) else int(layer)
    return PretrainedEncoder(
        spec,
        layer=layer,
        combine=settings["combine"],
        trainable_layers=int(settings["trainable_layers"]),
        device=resolve_device(settings["device"]),
    )


@lru_cache(maxsize=4)
def _loaded(spec: str, stamp: tuple[int, ...]) -> EmotionEncoder:
    """Return the encoder of a file; clips embedded some at a time share one instead of a megabyte each."""
    return EmotionEncoder.load(spec)


def _stamp(file: Path) -> tuple[int, ...]:
    """Return what changes when a file is written again; nothing where there is none."""
    try:
        about = file.stat()
    except OSError:
        return ()
    return about.st_mtime_ns, about.st_size, about.st_ino


def side_by_side(spec: Any) -> tuple[Any, ...]:
    """Return the encoders that a name joined by "+" or a tuple puts side by side; anything else is alone.

    Raises
    ------
    ValueError
        Nothing or "paper" on one side of a "+".
    """
    if isinstance(spec, tuple):
        return tuple(part for own in spec for part in side_by_side(own))
    if not isinstance(spec, str) or "+" not in spec or os.path.exists(spec):
        return (spec,)
    names = [name.strip() for name in spec.split("+")]
    if not all(names):
        raise ValueError(f'encoder {spec!r}: "+" joins two names, such as "acoustic+speech"; one is missing')
    if "paper" in names:
        raise ValueError(f'encoder {spec!r}: "paper" stands for one encoder per language; name the checkpoint itself')
    return tuple(names)


def spec_name(spec: Any) -> str:
    """Return the name under which an encoder's clips are grouped and projected."""
    several = side_by_side(spec)
    if len(several) > 1:
        return "+".join(map(spec_name, several))
    return spec.identity if isinstance(spec, FrameEncoder) else str(spec)


def _paper_checkpoint(language: str | None, role: str) -> str:
    """Return the paper's checkpoint for a clip (Section III-A)."""
    if role == "labeled":
        return languages.LABELED.name
    if language is None:
        raise ValueError(
            f'encoders="paper" chooses by language, and a {role} clip has none: add a column "language", or set '
            "source_language and target_language"
        )
    return languages.for_language(language).name
