"""The weights file of the embedded speech encoder: a quarter of the weights' size, read in a tenth of a second.

One safetensors file. Matrices and convolution kernels are int8 with a float32 scale per output channel
(``name`` and ``name:scale``), symmetric around 0: the largest weight of a channel is 127. Biases, layer norms and the
mel filter bank stay float32. Names are those of transformers' ``WhisperEncoder``; the numbers of layers and heads
stand in the file's metadata.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

#: Changes whenever a file written before could no longer be read.
FORMAT = "sere-speech-1"
_SCALE = ":scale"
_LEVELS = 127


@dataclass(frozen=True)
class Weights:
    """What a file holds.

    Attributes
    ----------
    tensors : dict of str to ndarray, float32
        By transformers' names, and ``mel_filters`` of shape (n_mels, 201).
    n_layers, n_heads : int
    source : str
        The checkpoint they come from.
    digest : str
        Start of the SHA-256 of the file, 12 hex digits.
    """

    tensors: dict[str, np.ndarray]
    n_layers: int
    n_heads: int
    source: str
    digest: str


def names_of(n_layers: int) -> list[str]:
    """Return the tensors that an encoder of so many layers needs."""
    names = ["mel_filters", *(f"conv{n}.{kind}" for n in (1, 2) for kind in ("weight", "bias"))]
    for layer in range(n_layers):
        parts = ["self_attn.q_proj", "self_attn.v_proj", "self_attn.out_proj", "self_attn_layer_norm", "fc1", "fc2"]
        of_layer = [f"{part}.{kind}" for part in (*parts, "final_layer_norm") for kind in ("weight", "bias")]
        names += [f"layers.{layer}.{name}" for name in (*of_layer, "self_attn.k_proj.weight")]
    return names


def write(
    path: str | PathLike[str], tensors: Mapping[str, np.ndarray], n_layers: int, n_heads: int, source: str, exact: bool
) -> None:
    """Write a file.

    Parameters
    ----------
    path : path-like
    tensors : mapping of str to ndarray
        All of :func:`names_of`.
    n_layers, n_heads : int
    source : str
        Name of the checkpoint.
    exact : bool
        Whether matrices stay float32.
    """
    from safetensors.numpy import save

    stored: dict[str, np.ndarray] = {}
    for name in names_of(n_layers):
        tensor = np.ascontiguousarray(tensors[name], dtype=np.float32)
        if exact or tensor.ndim < 2 or name == "mel_filters":
            stored[name] = tensor
        else:
            stored[name], stored[name + _SCALE] = quantised(tensor)
    about = {"format": FORMAT, "n_layers": n_layers, "n_heads": n_heads, "source": source}
    # Not save_file, whose files nobody but their owner may read.
    Path(path).write_bytes(save(stored, metadata={"sere": json.dumps(about)}))


def quantised(tensor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 levels of a weight's shape, and the float32 scale of each output channel (its first axis)."""
    scale = np.abs(tensor).max(axis=tuple(range(1, tensor.ndim))) / _LEVELS
    scale = np.where(scale > 0, scale, 1.0).astype(np.float32)
    levels = np.round(tensor / scale.reshape(-1, *[1] * (tensor.ndim - 1)))
    return levels.astype(np.int8), scale


def read(path: str | PathLike[str]) -> Weights:
    """Read a file, every tensor as float32.

    Raises
    ------
    FileNotFoundError
    ValueError
        Not such a file, cut short, or a tensor is missing or has another shape: says which and what to do.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(
            f"no speech encoder's weights at {str(path)!r}; they come with the library (install it again), and "
            "benchmarks/make_speech.py makes the file from a checkpoint"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("sere", "{}"))
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
    except (SafetensorError, ValueError, OSError) as error:
        raise _unreadable(path, f"it is no safetensors file, or damaged ({error})") from error
    if about.get("format") != FORMAT:
        raise _unreadable(path, f"its format is {about.get('format')!r}, not {FORMAT!r}")
    tensors = {}
    for name in names_of(about["n_layers"]):
        if name not in stored:
            raise _unreadable(path, f"it has no {name!r}")
        tensors[name] = stored[name].astype(np.float32)
        if name + _SCALE in stored:
            tensors[name] *= stored[name + _SCALE].reshape(-1, *[1] * (tensors[name].ndim - 1))
    _check(path, tensors, about["n_layers"], about["n_heads"])
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
    return Weights(tensors, about["n_layers"], about["n_heads"], about["source"], digest)


def _check(path: str | PathLike[str], tensors: dict[str, np.ndarray], n_layers: int, n_heads: int) -> None:
    """Raise where shapes do not fit each other or numbers are not finite."""
    width, n_mels, _ = tensors["conv1.weight"].shape
    inner = len(tensors["layers.0.fc1.weight"]) if n_layers else 0
    shapes = {"mel_filters": (n_mels, 201), "conv1.weight": (width, n_mels, 3), "conv2.weight": (width, width, 3)}
    for layer in range(n_layers):
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes[f"layers.{layer}.self_attn.{name}.weight"] = (width, width)
        shapes |= {f"layers.{layer}.fc1.weight": (inner, width), f"layers.{layer}.fc2.weight": (width, inner)}
        shapes[f"layers.{layer}.fc1.bias"] = (inner,)
    for name, tensor in tensors.items():
        expected = shapes.get(name, (width,))
        if tensor.shape != expected:
            raise _unreadable(path, f"{name!r} has shape {tensor.shape} instead of {expected}")
        if not np.isfinite(tensor).all():
            raise _unreadable(path, f"{name!r} holds numbers that are not finite")
    if width % (2 * n_heads):
        raise _unreadable(path, f"{width} columns cannot be shared by {n_heads} heads")


def _unreadable(path: str | PathLike[str], why: str) -> ValueError:
    return ValueError(
        f"{str(path)!r} holds no weights of a speech encoder: {why}. The library's own come with it (install it "
        "again); benchmarks/make_speech.py makes the file from a checkpoint."
    )
