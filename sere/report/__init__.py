"""Reports: a benchmark or a fitted model as one HTML page to keep, to send and to read.

The page holds everything it shows, asks nothing of a network, and can be read by keyboard and by a screen reader:
scores with their intervals, pictures, the data, what could have leaked, and the settings that make it again.
``sere report`` writes it from the command line.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import sere
from sere.files.drafts import write_text

__all__ = ["write_report"]


def write_report(source: Any, path: str | os.PathLike[str] = "report.html", *, allow: Collection[str] = ()) -> Path:
    """Write the report of a benchmark or of a fitted model.

    Parameters
    ----------
    source : path-like, BenchmarkResult or fitted classifier
        The folder of ``sere benchmark``, its ``results.json``, a model that :func:`sere.save` wrote, or what they hold.
    path : path-like, default="report.html"
        The page to write; its folder must exist.
    allow : str or collection of str
        As for :func:`sere.load`.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    FileNotFoundError
        There is no such folder, file or results in the folder.
    TypeError, ValueError
        It is neither results nor a fitted classifier.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from sere import SEREClassifier
    >>> from sere.report import write_report
    >>> X = np.random.default_rng(0).normal(size=(12, 4)) + np.repeat([[0], [3]], 6, 0)
    >>> model = SEREClassifier(epochs=2, random_state=0).fit(X, ["sad"] * 6 + ["happy"] * 6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(model, f"{folder}/report.html").read_text(encoding="utf-8").count("<h1>")
    1
    """
    from sere.evaluation.results import RESULTS, BenchmarkResult
    from sere.persistence.folder import is_model
    from sere.persistence.models import load, releases_behind
    from sere.report.benchmarks import benchmark_page
    from sere.report.models import model_page

    place = Path(source) if isinstance(source, (str, os.PathLike)) else None
    made = f"Made by sere {sere.__version__}" + (f" from {place.name}." if place else ".")
    if isinstance(source, BenchmarkResult):
        text = benchmark_page(source.content(), made)
    elif place is None:
        text = model_page(source, {"sere": sere.__version__}, made)
    elif (place.is_dir() and not is_model(place)) or place.suffix == ".json":
        file = place / RESULTS if place.is_dir() else place
        if not file.is_file():
            raise FileNotFoundError(f"there is no {RESULTS} in {str(place)!r}; `sere benchmark --out` writes one")
        text = benchmark_page(_read(file), made)
    else:
        text = model_page(load(place, allow=allow), releases_behind(place), made)
    write_text(path, text)
    return Path(path)


def _read(file: Path) -> Any:
    """Return what a ``results.json`` holds."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{str(file)!r} is no JSON ({error})") from None
    lacking = {"rows", "settings", "environment"} - set(content if isinstance(content, dict) else ())
    if lacking:
        raise ValueError(f"{str(file)!r} was not written by `sere benchmark`: it lacks {', '.join(sorted(lacking))}")
    return content
