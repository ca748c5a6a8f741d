"""Where a target's clips lie with each triple-resonance loss taken away: Fig. 3 of the paper.

Each method is fitted on the same task; its embeddings of the scored clips and its prototypes go through one t-SNE a
method (van der Maaten and Hinton 2008; maps of different methods have no common axes). What to look for is whether
emotions form groups of their own, and by how many speakers each group is filled.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sere.evaluation.cells import Scenario, without_speakers
from sere.evaluation.extraction import extract_all
from sere.evaluation.leave_out import with_experience
from sere.evaluation.methods import Method, read_methods
from sere.evaluation.plan import Task, one_of, read_corpora, read_tasks
from sere.evaluation.presets import ABLATIONS, TABLE_CORPORA
from sere.evaluation.tasks import run_task
from sere.files.drafts import whole_file


def draw_ablations(
    corpora: str | os.PathLike[str] | Mapping[str, pd.DataFrame],
    path: str | os.PathLike[str],
    *,
    tasks: str | Sequence[str | Task] | None = None,
    methods: str | Sequence[str | Method] = tuple(ABLATIONS.values()),
    encoder: Any = "acoustic",
    shots: int | str = 5,
    speakers: str = "known",
    draw: int = 0,
    max_pool: int | None = 600,
    n_jobs: int | None = None,
    say: Callable[[str], Any] = print,
) -> Path:
    """Fit methods on one task and draw the t-SNE of the target's embeddings side by side.

    Parameters
    ----------
    corpora : path-like or mapping of str to DataFrame
        As for :func:`sere.evaluation.run_benchmark`.
    path : path-like
        The picture to write; its ending names the format.
    tasks : str or sequence, optional
        The first one is drawn.
    methods : str or sequence of str and Method
        By default the rows of Table II.
    encoder, shots, max_pool, n_jobs, say
        As for :func:`sere.evaluation.run_benchmark`.
    speakers : {"known", "unknown"}, default="known"
        Whether methods see who speaks; "both" counts as known.
    draw : int, default=0
        Seed of the task and the methods.

    Returns
    -------
    Path
        Of the picture.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        As :func:`sere.evaluation.run_benchmark`.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('a picture needs matplotlib: pip install "sere[plots]"') from error
    from sere.plotting import EmbeddingDisplay

    everything = read_corpora(corpora)
    source, target = read_tasks(tasks, everything, TABLE_CORPORA)[0]
    chosen = with_experience(read_methods(methods, encoder), everything, [(source, target)], n_jobs, say=say)
    known = one_of(speakers, ("known", "unknown"), "speakers")[0]
    involved = {name: everything[name] for name in (source, target)}
    unusable = extract_all(involved, [(source, target)], ["none"], chosen, n_jobs=n_jobs)
    usable = {name: unusable.without(name, clips) for name, clips in involved.items()}
    task = Scenario(source, target, shots, "none", "transductive", known, draw, max_pool).task(usable)
    task = task if known == "known" else without_speakers(task)

    page = Figure(figsize=(4.6 * len(chosen), 4.6), layout="constrained")
    FigureCanvasAgg(page)
    titles = {method: title for title, method in ABLATIONS.items()}
    for method, ax in zip(chosen, page.subplots(1, len(chosen), squeeze=False)[0]):
        result = run_task(method.prepared(source, target, draw), task)
        title = f"{titles.get(method.name, method.name)}: UAR {100 * result.uar:.1f} %"
        say(f"{source}-{target}, draw {draw}, {title}")
        EmbeddingDisplay.from_embedding(
            result.model.transform(task.X_test),
            result.y_true,
            getattr(result.model, "prototypes_", None),
            result.model.classes_,
            assigned=result.y_pred,
            ax=ax,
        )
        ax.set_title(title)
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(place) as draft:
        page.savefig(draft, dpi=110, format=place.suffix[1:] or "png")
    return place
