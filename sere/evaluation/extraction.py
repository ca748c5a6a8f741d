"""Extracting what a benchmark needs before its cells run, so that a cell's seconds are those of learning.

Every clip of the corpora is described once, by each encoder in the roles in which methods will meet it, and kept in the
feature store that the methods' `cache` names. Clips that cannot be used are found here, named, and left out of the
corpora, the same ones whatever part of a benchmark runs.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sere.audio import AudioError
from sere.datasets.shifts import changes_audio, shifted_clips
from sere.evaluation.methods import Method, as_heterogeneous, described
from sere.extraction.extract import open_store
from sere.inputs.reading import as_utterances
from sere.progress import progress

#: Clips whose features are in memory at a time.
PORTION = 128
#: What a corpus's clips are to a method, by the corpus's place in a task.
ROLES = {"source": ("labeled", "source"), "target": ("target",)}


@dataclass
class Job:
    """One corpus to be described in one way.

    Attributes
    ----------
    corpus, shift : str
    dynamics : DynamicFeatureTransformer or None
    encoder : HeterogeneousEncoder
    roles : tuple of str
        In which the encoder meets the clips.
    """

    corpus: str
    shift: str
    dynamics: Any
    encoder: Any
    roles: tuple[str, ...]


@dataclass
class Unusable:
    """Clips that were left out.

    Attributes
    ----------
    rows : dict of str to dict of int to str
        By corpus and row: why.
    """

    rows: dict[str, dict[int, str]] = field(default_factory=dict)

    def add(self, corpus: str, row: int, why: str) -> None:
        """Remember a clip; the first reason stays."""
        self.rows.setdefault(corpus, {}).setdefault(row, why)

    def without(self, name: str, clips: pd.DataFrame) -> pd.DataFrame:
        """Return a corpus without its unusable clips."""
        return clips.drop(index=list(self.rows.get(name, ()))).reset_index(drop=True)

    def sentences(self) -> list[str]:
        """Return a sentence a clip: corpus, row, and the reason, which names the file."""
        return [f"{name}, row {row}: {why}" for name, rows in self.rows.items() for row, why in sorted(rows.items())]


def extract_all(
    corpora: dict[str, pd.DataFrame],
    tasks: Sequence[tuple[str, str]],
    shifts: Sequence[str],
    methods: Sequence[Method],
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Unusable:
    """Describe all clips and keep the results in the feature store.

    Parameters
    ----------
    corpora : dict of str to DataFrame
        Rows numbered from 0.
    tasks : sequence of (str, str)
        Source and target.
    shifts : sequence of str
        What targets are described under.
    methods : sequence of Method
    n_jobs, verbose
        As in :func:`sere.evaluation.run_benchmark`.

    Raises
    ------
    ValueError
        If a method's features are kept nowhere: every cell would extract them again.
    """
    jobs = list(_jobs(tasks, shifts, methods, n_jobs))
    found = Unusable()
    total = sum(len(corpora[job.corpus]) for job in jobs)
    with progress(total, "features", "clip", verbose) as bar:
        for job in jobs:
            clips = corpora[job.corpus]
            for first in range(0, len(clips), PORTION):
                portion = clips.iloc[first : first + PORTION]
                rows = np.setdiff1d(portion.index, list(found.rows.get(job.corpus, ())))
                for row, why in _describe(job, portion.loc[rows]):
                    found.add(job.corpus, row, why)
                bar.update(len(portion))
    return found


def _jobs(
    tasks: Sequence[tuple[str, str]], shifts: Sequence[str], methods: Sequence[Method], n_jobs: int | None
) -> Iterator[Job]:
    """Yield each distinct way in which a corpus has to be described."""
    audio = ["none", *(shift for shift in shifts if changes_audio(shift))]
    if not {"none", "skew"} & set(shifts):
        audio = audio[1:]
    seen = set()
    for source, target in tasks:
        for method in methods:
            estimator = method.prepared(source, target, 0)
            encoder = as_heterogeneous(estimator)
            if encoder is None:
                continue
            if open_store(encoder.cache) is None:
                raise ValueError(
                    "the feature store is off (SERE_CACHE=off, or a method's cache=False), so every cell would "
                    "extract its clips again; set SERE_CACHE to a folder"
                )
            encoder.set_params(n_jobs=n_jobs)
            dynamics = _dynamics(estimator, n_jobs)
            # A single encoder describes a clip alike in every role.
            roles = dict.fromkeys(ROLES, ("labeled",)) if encoder.single else ROLES
            sides = [(source, "none", roles["source"]), *((target, shift, roles["target"]) for shift in audio)]
            for corpus, shift, met in sides:
                way = json.dumps([corpus, shift, met, described(encoder), described(dynamics)])
                if way not in seen:
                    seen.add(way)
                    yield Job(corpus, shift, dynamics, encoder, met)


def _dynamics(estimator: Any, n_jobs: int | None) -> Any:
    """Return the step that tracks pitch and the like where a method has one."""
    from sere import DynamicFeatureTransformer

    if "dynamics" not in estimator.get_params(deep=False):
        return None
    own = estimator.dynamics
    if own is None:
        own = DynamicFeatureTransformer(cache=estimator.cache)
    return DynamicFeatureTransformer(**{**own.get_params(), "n_jobs": n_jobs})


def _describe(job: Job, clips: pd.DataFrame) -> list[tuple[int, str]]:
    """Extract a portion; return the rows that cannot be used, with the reason."""
    problems: list[tuple[int, str]] = []
    while len(clips):
        try:
            utterances = as_utterances(shifted_clips(clips, job.shift))
            if job.dynamics is not None:
                utterances = job.dynamics.extract(utterances)
            for role in job.roles:
                job.encoder.encode(utterances, role)
            return problems
        except AudioError as error:
            bad = [(int(clips.index[row]), why) for row, why in error.problems if row is not None]
            if not bad:
                raise
            problems += bad
            clips = clips.drop(index=[row for row, _ in bad])
    return problems
