"""Saving fitted models and reading them back, on any machine.

A fitted estimator holds numpy arrays and parameters only, so a model trained on a GPU loads where there is none. The
file is a joblib pickle with a note of the versions that wrote it; as with every pickle, load only files you trust.
"""

import os
import uuid
import warnings
from pathlib import Path
from typing import Any

FORMAT = "sere-model-1"


def save(model: Any, path: str | os.PathLike) -> None:
    """Write a fitted estimator to a file.

    The file appears whole or not at all: an interrupted write leaves what was there before.

    Parameters
    ----------
    model : estimator
        A :class:`~sere.SEREClassifier`, one of the transformers, or a Pipeline of them.
    path : path-like
        Its folder must exist.

    Raises
    ------
    FileNotFoundError
        The folder does not exist.
    """
    import joblib
    import sklearn

    import sere

    target = Path(path)
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"cannot save to {str(path)!r}: the folder does not exist; make it first")
    content = {"format": FORMAT, "sere": sere.__version__, "scikit-learn": sklearn.__version__, "model": model}
    draft = target.absolute().with_name(f".{target.name}-{os.getpid()}-{uuid.uuid4().hex}")
    try:
        joblib.dump(content, draft, compress=3)
        os.replace(draft, target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike) -> Any:
    """Read an estimator that :func:`save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    estimator

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file was not written by :func:`save`.

    Warns
    -----
    SereWarning
        Another version of sere wrote the file.
    """
    import joblib

    import sere
    from sere._inputs import SereWarning

    if not Path(path).is_file():
        raise FileNotFoundError(f"no model at {str(path)!r}; sere.save(model, path) writes one")
    try:
        content = joblib.load(path)
    except Exception as error:
        raise ValueError(f"{str(path)!r} is not a model that sere.save wrote, or it is damaged ({error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{str(path)!r} is not a model that sere.save wrote; read it with the library that wrote it")
    if content["sere"] != sere.__version__:
        warnings.warn(
            f"{str(path)!r} was saved by sere {content['sere']}, this is {sere.__version__}; check its predictions, or "
            "fit again",
            SereWarning,
            stacklevel=2,
        )
    return content["model"]
