"""The folder of a model: which files it has, and whose files in it may be replaced."""

import json
import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from sere.files.drafts import whole_file, write_text

#: The model; what ends so is the file alone.
ENDING = ".safetensors"
MODEL = f"model{ENDING}"
CARD = "README.md"
CONFIG = "config.json"


def is_model(path: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a model."""
    return (Path(path) / MODEL).is_file()


def file_of(path: str | os.PathLike[str]) -> Path:
    """Return the file of a model, given it or its folder.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    place = Path(path)
    if place.is_file():
        return place
    if is_model(place):
        return place / MODEL
    if not place.is_dir():
        raise FileNotFoundError(f"no model at {str(path)!r}; sere.save(model, path) writes one")
    held = sorted(entry.name for entry in place.iterdir())
    names = ", ".join(map(repr, held[:5])) + (f" and {len(held) - 5} more" if len(held) > 5 else "")
    raise FileNotFoundError(
        f"no model at {str(path)!r}: the folder holds no {MODEL} (but {names or 'nothing'}); sere.save(model, path) "
        "writes one"
    )


def check_place(path: str | os.PathLike[str]) -> None:
    """Raise where a model cannot be saved, or would take the place of something else.

    Raises
    ------
    FileExistsError, FileNotFoundError
    """
    place = Path(path)
    if not place.absolute().parent.is_dir():
        raise FileNotFoundError(f"cannot save to {str(path)!r}: the folder does not exist; make it first")
    if place.suffix == ENDING:
        return
    if place.exists() and not place.is_dir():
        raise FileExistsError(
            f"{str(path)!r} is a file, and a model is saved as a folder: take another name, or one that ends in "
            f"{ENDING} for the file alone"
        )
    for name, ours in ((MODEL, _is_our_model), (CONFIG, _is_our_config)):
        if (place / name).exists() and not ours(place / name):
            raise FileExistsError(f"{str(place / name)!r} is not of a model that sere.save wrote; take another folder")


def write_folder(path: str | os.PathLike[str], model: bytes, config: str, card: str) -> None:
    """Write a model's files; where the model itself cannot be written, nothing is left of the others.

    Parameters
    ----------
    path : path-like
        As :func:`check_place` found it right.
    model : bytes
    config, card : str
    """
    from sere.persistence.card import OURS

    place = Path(path)
    made = not place.exists()
    place.mkdir(exist_ok=True)
    try:
        with whole_file(place / MODEL) as draft:
            draft.write_bytes(model)
    except BaseException:
        if made:
            with suppress(OSError):
                place.rmdir()
        raise
    write_text(place / CONFIG, config)
    if (place / CARD).exists() and OURS not in (place / CARD).read_text(encoding="utf-8", errors="replace"):
        from sere.inputs.reading import SereWarning

        warnings.warn(
            f"{str(place / CARD)!r} is not as sere.save wrote it and stays as it is: see that it speaks of this model",
            SereWarning,
            stacklevel=3,
        )
        return
    write_text(place / CARD, card)


def _is_our_model(file: Path) -> bool:
    with file.open("rb") as stream:
        header = stream.read(min(int.from_bytes(stream.read(8), "little"), os.fstat(stream.fileno()).st_size))
    return b'"sere-model-' in header


def _is_our_config(file: Path) -> bool:
    try:
        known: Any = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(known, dict) and known.get("library_name") == "sere"
