"""Saving fitted models and reading them back, on any machine, without running anything that a file says.

A fitted estimator holds numpy arrays, numbers and names only, so a model trained on a GPU loads where there is none.
A model is a folder, as the Hugging Face Hub keeps models: ``model.safetensors``, all that is ever read again, and for
people ``README.md`` (:mod:`sere.persistence.card`) and ``config.json``, the same facts for programs.

The file is in the `safetensors <https://github.com/huggingface/safetensors>`_ format: arrays as they are, and in the
metadata a JSON tree (:mod:`sere.persistence.tree`) of parameters and attributes, the releases that wrote it, and a
checksum over all of it. Reading it makes objects of a closed list of classes (:mod:`sere.persistence.classes`) and
nothing else.

What a model needs from outside its file, a pretrained checkpoint or an encoder's file, it holds by name; a file that
names any is read only when the caller allows these very names.
"""

import json
import os
import warnings
from collections.abc import Collection, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from sere.files.pointers import pointer
from sere.persistence.folder import ENDING

#: What files say that they are. It stays while this release's models can be read: those of tests/models always.
FORMAT = "sere-model-2"
#: Bytes of a model's tree and of its whole header, beyond which it is not read.
TREE = 1 << 25
_HEADER = 100_000_000
#: How a pickle begins, and how the compressors of joblib begin that may hold one.
_PICKLES = (
    *(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
    *(b"x\x01", b"x^", b"x\x9c", b"x\xda", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"]\x00\x00", b"\x04\x22\x4d\x18"),
)


def save(model: Any, path: str | os.PathLike[str], *, scores: Any = None, license: str | None = None) -> None:
    """Write a fitted estimator to a folder that can be handed on.

    Parameters
    ----------
    model : estimator
        A :class:`~sere.SEREClassifier`, a method of :mod:`sere.baselines`, one of the transformers, or a Pipeline of
        them and of estimators of scikit-learn that are made of numpy arrays.
    path : path-like
        The folder, which is made; the one it lies in must exist. Where a model of ours is in it, it is replaced. A name
        that ends in ``.safetensors`` is the file alone, without a card.
    scores : dict, DataFrame, TaskResult or str, optional
        For the card: numbers by name, a table, what :func:`sere.evaluation.run_task` returned, or the text that
        ``sere evaluate`` printed.
    license : str, optional
        For the card: yours for the model, by its name on the Hub (``"cc-by-4.0"``).

    Raises
    ------
    FileExistsError
        A file or another library's model is in the way.
    FileNotFoundError
        The folder in which it is to lie does not exist.
    TypeError
        The model holds something that a file cannot hold, such as a function or an encoder of your own: says where.
        Or `scores` are none.

    Warns
    -----
    SereWarning
        The folder has a card that somebody edited, which stays as it is.

    Notes
    -----
    Each file appears whole or not at all: an interrupted write leaves what was there before. A model holds no audio,
    no names of speakers and no places of clips. Of each speaker that fit was told it holds the mean and SD of the
    descriptors under a salted hash of the name, by which the speaker is known again when predicting: who has the model
    and guesses a name can see whether it is there. `cache` is kept as True or False, without its folder, and the list
    of clips that fit left out (``skipped_``) not at all. An encoder that was named by its place is kept by that place.

    Examples
    --------
    >>> import tempfile, numpy as np, sere
    >>> X, y = np.repeat(np.eye(2), 5, axis=0), ["sad"] * 5 + ["happy"] * 5
    >>> model = sere.baselines.LinearBaseline().fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sere.save(model, f"{folder}/model")
    ...     sere.load(f"{folder}/model").predict(X[[0, 9]]).tolist()
    ['sad', 'happy']
    """
    import safetensors.numpy

    from sere.files.drafts import whole_file
    from sere.persistence.folder import check_place, write_folder
    from sere.persistence.tree import Packer

    check_place(path)
    packer = Packer()
    tree = json.dumps(packer.pack(model), allow_nan=False, separators=(",", ":"))
    content = {"format": FORMAT, **_releases(), "model": tree}
    content["checksum"] = _checksum(content, packer.arrays)
    # Not save_file, which leaves the file to its owner alone whatever other files' permissions are.
    whole = _in_order(safetensors.numpy.save(packer.arrays, content))
    header = int.from_bytes(whole[:8], "little")
    if header > _HEADER or len(tree) > TREE:
        raise ValueError(f"{str(path)!r} could not be read again: the model has {header:,} bytes of names and texts")
    if Path(path).suffix == ENDING:
        if scores is not None or license is not None:
            raise ValueError(f"scores and license stand in a card, and {str(path)!r} is a file alone; name a folder")
        with whole_file(path) as draft:
            draft.write_bytes(whole)
        return
    from sere.persistence.card import card, plain_scores
    from sere.persistence.facts import facts_of, reproduction

    facts = facts_of(model, set(_named_outside(packer.objects)))
    known = {"library_name": "sere", "format": FORMAT, "releases": _releases(), **facts, "license": license}
    known |= {"reproduce": reproduction(model), "scores": plain_scores(scores)}
    config = json.dumps(known, indent=2, ensure_ascii=False, allow_nan=False)
    write_folder(path, whole, config + "\n", card(facts, _releases(), license, scores))


def _in_order(whole: bytes) -> bytes:
    """Return a safetensors file whose texts are in order: the library shuffles them, and one model were many files."""
    n = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + n])
    texts = {"__metadata__": dict(sorted(header.pop("__metadata__").items())), **header}
    text = json.dumps(texts, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # where the arrays begin
    return len(text).to_bytes(8, "little") + text + whole[8 + n :]


def load(
    path: str | os.PathLike[str],
    *,
    allow: Collection[str] = (),
    cache: Any = None,
) -> Any:
    """Read an estimator that :func:`save` wrote.

    A folder from anybody may be read: nothing in it is executed, and of it only ``model.safetensors`` is opened. What
    the model predicts is only as good as who made it.

    Parameters
    ----------
    path : path-like
        The folder, or the file in it. Files of earlier releases, which had no folder, are read as well.
    allow : str or collection of str
        Checkpoints and encoder files that the model may open when it predicts, by their names in the file. A model
        that names others is refused, and the error says which.
    cache : bool, path or FrameStore, optional
        Where the model keeps extracted features on this machine; True is the user's own store. As it was saved when
        not given.

    Returns
    -------
    estimator

    Raises
    ------
    FileNotFoundError
        There is no such folder, or no model in it.
    ValueError
        The file was not written by :func:`save`, is damaged, or names what `allow` does not.

    Warns
    -----
    SereWarning
        Another version of sere wrote the file, or of scikit-learn where it holds estimators of its.

    Examples
    --------
    >>> import tempfile, numpy as np, sere
    >>> X, y = np.repeat(np.eye(2), 5, axis=0), ["sad"] * 5 + ["happy"] * 5
    >>> model = sere.baselines.LinearBaseline().fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sere.save(model, f"{folder}/model")
    ...     sere.load(f"{folder}/model").predict(X[[0, 9]]).tolist()
    ['sad', 'happy']
    """
    from sere.persistence.folder import file_of
    from sere.persistence.tree import Unpacker

    content, arrays = _read(file_of(path), str(path))
    unpacker = Unpacker(arrays)
    try:
        model = unpacker.unpack(json.loads(content["model"]))
        if arrays:
            raise ValueError(f"nothing uses the array {next(iter(arrays))!r}")
        named = sorted(set(_named_outside(unpacker.objects)))
    except ImportError as missing:
        raise ImportError(f"{str(path)!r} needs more than is installed here: {missing}") from missing
    except Exception as error:  # whatever a foreign tree makes a constructor say
        reason = error if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise _damaged(path, f"{_written_by(content)}: {reason}") from error
    allowed = {allow} if isinstance(allow, str) else set(map(str, allow))
    unasked = [name for name in named if name not in allowed]
    if unasked:
        raise ValueError(
            f"{str(path)!r} stands on what is not in it, which predicting would open or download: "
            f"{', '.join(map(repr, unasked))}. If you trust who made it: sere.load(path, allow={named!r}), or "
            "--allow NAME on the command line"
        )
    if cache is not None:
        for _, made in unpacker.objects:
            if "cache" in vars(made):
                made.cache = cache
    _warn_of_other_releases(path, content, unpacker.objects)
    return model


def _read(path: Path, shown: str) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata and arrays of a file whose checksum is right."""
    import safetensors.numpy

    with path.open("rb") as file:
        start = file.read(9)
        header = int.from_bytes(start[:8], "little")
        if start[8:] != b"{" or header > min(_HEADER, os.fstat(file.fileno()).st_size - 8):
            raise ValueError(_what_else(start + file.read(64), shown))
        file.seek(0)
        whole = file.read()
    try:
        arrays = {name: np.array(array) for name, array in safetensors.numpy.load(whole).items()}
        content = json.loads(whole[8 : 8 + header]).get("__metadata__") or {}
        if not all(isinstance(text, str) for text in content.values()):
            raise ValueError("its metadata are no texts")
    except Exception as error:  # the library has errors of its own for each kind of damage
        raise _damaged(path, str(error)) from error
    if not str(content.get("format")).startswith("sere-model"):
        raise ValueError(f"{shown!r} is not a model that sere.save wrote; read it with the library that wrote it")
    if content["format"] != FORMAT:
        raise ValueError(f"{shown!r} is a model of another version of sere ({_written_by(content)}); read it with that")
    if content.get("checksum") != _checksum({k: v for k, v in content.items() if k != "checksum"}, arrays):
        raise _damaged(path, "its checksum is not that of its content")
    if len(content.get("model", "")) > TREE:
        raise _damaged(path, "its texts are longer than any model's")
    return content, arrays


def releases_behind(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the releases of sere, numpy and scikit-learn that wrote a model's file."""
    from sere.persistence.folder import file_of

    content, _ = _read(file_of(path), str(path))
    return {name: content[name] for name in _releases() if name in content}


def _what_else(start: bytes, shown: str) -> str:
    """Say what a file is that is not in our format, by its first bytes; nothing of it is read."""
    if start.startswith(_PICKLES):
        return (
            f"{shown!r} is a pickle, as joblib and earlier versions of sere write it. Reading one runs whatever code "
            "it holds, so sere.load does not. If you made it yourself or trust who did, convert it: "
            f"sere.save(joblib.load({shown!r})['model'], path), without ['model'] where joblib.dump wrote it"
        )
    if start.startswith(b"PK"):
        return (
            f"{shown!r} is no model; an encoder's file goes where an encoder's name goes, and "
            "sere.encoders.EmotionEncoder.load reads it"
        )
    what = pointer(start, "model")
    if what is not None:
        return f"{shown!r} is {what}"
    return f"{shown!r} is not a model that sere.save wrote, or it is damaged"


def _checksum(content: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> str:
    """BLAKE2b over names, texts, dtypes, shapes and numbers, hexadecimal."""
    digest = blake2b(digest_size=20)
    for name in sorted(content):
        digest.update(json.dumps([name, content[name]]).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _named_outside(objects: list[tuple[str, Any]]) -> Iterator[str]:
    """Checkpoints and files that estimators and encoders would open when they are used."""
    from sere.encoders.spec import WITHOUT_LAYERS

    for name, made in objects:
        if name == "sere.PretrainedEncoder":
            yield str(made.checkpoint)
        for place in ("encoder", "encoders", "labeled", "weights"):
            for spec in _names(vars(made).get(place)):
                if not set(spec.split("+")) <= set(WITHOUT_LAYERS):
                    yield spec


def _names(spec: Any) -> Iterator[str]:
    """All names in what stands for an encoder or several."""
    if isinstance(spec, (str, os.PathLike)):
        yield str(spec)
    elif isinstance(spec, Mapping):
        yield from _names(list(spec.values()))
    elif isinstance(spec, (list, tuple, set, frozenset)):
        for one in spec:
            yield from _names(one)


def _releases() -> dict[str, str]:
    import sklearn

    import sere

    return {"sere": sere.__version__, "numpy": np.__version__, "scikit-learn": sklearn.__version__}


def _written_by(content: Mapping[str, str]) -> str:
    return f"sere {content.get('sere', 'of an unknown version')} wrote it"


def _damaged(path: str | os.PathLike[str], reason: str) -> ValueError:
    return ValueError(f"{str(path)!r} is not a model that sere.save wrote, or it is damaged ({reason[:300]})")


def _warn_of_other_releases(
    path: str | os.PathLike[str], content: Mapping[str, str], objects: list[tuple[str, Any]]
) -> None:
    from sere.inputs.reading import SereWarning

    here = _releases()
    concerned = {"sere"} | ({"scikit-learn"} if any(name.startswith("sklearn.") for name, _ in objects) else set())
    for library in sorted(concerned):
        if content.get(library) != here[library]:
            warnings.warn(
                f"{str(path)!r} was saved by {library} {content.get(library)}, this is {here[library]}; check its "
                "predictions, or fit again",
                SereWarning,
                stacklevel=3,
            )
