"""The encoders that experience stands on, as facts in a file and made again from them."""

from collections.abc import Collection, Mapping
from typing import Any

from sere.encoders.base import FrameEncoder

#: Parameters of a checkpoint's encoder that change its frames.
_CHECKPOINT_PARAMETERS = ("layer", "combine", "revision", "dtype", "whisper_slice_positions")


class NotAllowedError(ValueError):
    """A file stands on a checkpoint that its reader did not allow."""


def base_facts(base: FrameEncoder) -> dict[str, Any]:
    """Return what :func:`build_base` needs to make an encoder again.

    Raises
    ------
    TypeError
        An encoder of the user's own, which a file cannot hold.
    """
    from sere.encoders.acoustic import AcousticEncoder
    from sere.encoders.egemaps import EgemapsEncoder
    from sere.encoders.pretrained import PretrainedEncoder
    from sere.encoders.side_by_side import SideBySideEncoder
    from sere.encoders.speech import SpeechEncoder

    if isinstance(base, AcousticEncoder):
        return {"encoder": "acoustic"}
    if isinstance(base, EgemapsEncoder):
        return {"encoder": "egemaps"}
    if isinstance(base, SpeechEncoder) and base.weights is None:
        return {"encoder": "speech"}
    if isinstance(base, SideBySideEncoder):
        return {"encoder": "side by side", "encoders": [base_facts(encoder) for encoder in base.encoders]}
    if isinstance(base, PretrainedEncoder):
        return {"encoder": str(base.checkpoint), **{name: getattr(base, name) for name in _CHECKPOINT_PARAMETERS}}
    raise TypeError(
        f"experience on a {type(base).__name__} cannot be saved: a file names the library's own encoders and "
        "checkpoints, so keep the object, or joblib.dump it for yourself"
    )


def without_layers(name: Any) -> FrameEncoder | None:
    """Return the encoder of a name that stands for no checkpoint and has no experience; None for other names."""
    if name == "acoustic":
        from sere.encoders.acoustic import AcousticEncoder

        return AcousticEncoder()
    if name == "egemaps":
        from sere.encoders.egemaps import EgemapsEncoder

        return EgemapsEncoder()
    if name == "speech":
        from sere.encoders.speech import SpeechEncoder

        return SpeechEncoder()
    return None


def build_base(facts: Mapping[str, Any], allow: Collection[str] = ()) -> FrameEncoder:
    """Return the encoder that experience stands on; nothing is opened.

    Parameters
    ----------
    facts : mapping
        What :func:`base_facts` returned.
    allow : collection of str
        Checkpoints that may be named.

    Raises
    ------
    NotAllowedError
        Another checkpoint is named.
    """
    if (known := without_layers(facts["encoder"])) is not None:
        return known
    if facts["encoder"] == "side by side":
        from sere.encoders.side_by_side import SideBySideEncoder

        return SideBySideEncoder([build_base(part, allow) for part in facts["encoders"]])
    from sere.encoders.pretrained import PretrainedEncoder

    if facts["encoder"] not in allow:
        raise NotAllowedError(repr(facts["encoder"]))
    given = {name: facts[name] for name in _CHECKPOINT_PARAMETERS if name in facts}
    if isinstance(given["layer"], list):  # JSON knows no tuples
        given["layer"] = tuple(given["layer"])
    return PretrainedEncoder(facts["encoder"], **given)
