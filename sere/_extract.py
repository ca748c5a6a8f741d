"""Running a per-clip computation over many clips: in parallel, once per distinct clip, kept on disk.

Every step that turns audio into numbers goes through :func:`extract`. What a clip gives depends on its content and the
step's parameters alone, so results are looked up in the store first; new ones are kept as soon as they exist, and an
interrupted run goes on from there. Processes that want the same clips at the same time share the work
(:mod:`sere._claims`).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from sere._claims import Claims
from sere.audio import AudioError, Clip
from sere.store import FrameStore, content_key

Arrays = dict[str, np.ndarray]
#: Clips a worker takes at a time: enough to fill matrix products, few enough to show progress.
BATCH = 16


def open_store(cache: bool | str | os.PathLike | FrameStore | None) -> FrameStore | None:
    """Return the store that an estimator's `cache` parameter names.

    Parameters
    ----------
    cache : True for the user's own store, a folder, a FrameStore, or False or None for none.
    """
    if cache is None or cache is False:
        return None
    if isinstance(cache, FrameStore):
        return cache
    store = FrameStore(None if cache is True else cache)
    return store if store.folder else None


def extract(
    clips: Sequence[Clip],
    compute: Callable[[list[np.ndarray], list], list[Arrays]],
    params: tuple,
    *,
    companions: Sequence | None = None,
    cache: bool | str | os.PathLike | FrameStore | None = True,
    n_jobs: int | None = None,
    verbose: int = 0,
    label: str = "clips",
    where: str = "X",
) -> list[Arrays]:
    """Return `compute`'s arrays for each clip.

    Parameters
    ----------
    clips : sequence of Clip
    compute : callable
        From a list of waveforms, and their companions, to a list of dicts of arrays, each from its own clip alone.
    params : tuple of str and numbers
        Everything that shapes the result beside the audio.
    companions : sequence, optional
        One further input a clip (its pitch, say), a function of the audio and `params`.
    cache : as in :func:`open_store`.
    n_jobs : int, optional
        joblib workers; ``joblib.parallel_config`` decides where they run.
    verbose : int
        0 is silent; otherwise a progress bar on a terminal.
    label, where : str
        What the progress bar and errors call the clips.

    Raises
    ------
    AudioError
        Clips whose samples turn out to be unusable, all in one error, after the others were computed and kept.
    """
    store = open_store(cache)
    keys = _keys(clips, params, store)
    first_rows: dict[bytes, int] = {}
    for row, key in enumerate(keys):
        first_rows.setdefault(key, row)
    distinct = list(first_rows)
    known: dict[bytes, Arrays] = {}
    problems: list[tuple[int, str]] = []
    with (
        Claims(store.folder if store else None) as claims,
        tqdm(total=len(distinct), desc=label, unit="clip", disable=None if verbose else True, leave=False) as bar,
    ):

        def look_up(wanted: list[bytes]) -> list[bytes]:
            """Read what the store has of `wanted`; returns the rest."""
            if store is None:
                return wanted
            known.update((k, v) for k, v in zip(wanted, store.get_many(wanted), strict=True) if v is not None)
            return [key for key in wanted if key not in known]

        def jobs(wanted: list[bytes], taken: list[list[bytes]]) -> Iterator[Any]:
            """Claim and hand out batch by batch, as workers ask for them; `taken` says which."""
            for first in range(0, len(wanted), BATCH):
                free = [key for key in wanted[first : first + BATCH] if claims.take(key)]
                # Somebody may have finished a clip between our first look and our claim.
                batch = look_up(free)
                claims.give_up([key for key in free if key in known])
                if batch:
                    taken.append(batch)
                    rows = [first_rows[key] for key in batch]
                    yield delayed(_compute_batch)(
                        compute, [clips[r] for r in rows], companions and [companions[r] for r in rows]
                    )

        missing = look_up(distinct)
        while missing:
            bar.update(len(distinct) - len(missing) - bar.n)
            taken: list[list[bytes]] = []
            for i, results in enumerate(Parallel(n_jobs=n_jobs, return_as="generator")(jobs(missing, taken))):
                fresh = []
                for key, result in zip(taken[i], results, strict=True):
                    if isinstance(result, str):
                        problems.append((first_rows[key], result))
                        known[key] = {}
                    else:
                        known[key] = result
                        fresh.append((key, result))
                if store is not None:
                    store.put_many(fresh)
                claims.give_up(taken[i])
                bar.update(len(taken[i]))
            missing = [key for key in missing if key not in known]
            if missing:  # others are at work on these
                claims.wait(missing[0])
                claims.give_up(missing[:1])
                missing = look_up(missing)
    if problems:
        raise AudioError(sorted(problems), where)
    return [known[key] for key in keys]


def _keys(clips: Sequence[Clip], params: tuple, store: FrameStore | None) -> list[bytes]:
    """Return a key a clip, equal exactly where content and parameters are."""
    paths = sorted({clip.source for clip in clips if isinstance(clip.source, str)})
    # Without a store a file need only be told from the others of this call, which its name does.
    found = map(os.fsencode, paths) if store is None else store.file_digests(paths)
    digests = dict(zip(paths, found, strict=True))
    return [
        content_key(
            digests[clip.source] if isinstance(clip.source, str) else clip.source,
            *(() if isinstance(clip.source, str) else (clip.sampling_rate,)),
            "" if clip.start is None else clip.start,
            "" if clip.end is None else clip.end,
            *params,
        )
        for clip in clips
    ]


def _compute_batch(compute: Callable, clips: list[Clip], companions: Sequence | None) -> list[Arrays | str]:
    """Return each clip's arrays, or the sentence that says why there are none."""
    waves: list[np.ndarray] = []
    results: list[Arrays | str] = []
    good = []
    for i, clip in enumerate(clips):
        try:
            waves.append(clip.load())
            good.append(i)
            results.append({})
        except AudioError as error:
            results.append(error.problems[0][1])
    # Many small products: a second BLAS thread costs more than it brings, most of all where cores are shared.
    with threadpool_limits(1, user_api="blas"):
        computed = compute(waves, [companions[i] for i in good] if companions else [])
    for i, arrays in zip(good, computed, strict=True):
        results[i] = arrays
    return results
