"""Running a per-clip computation over many clips: in parallel, once per distinct clip, kept on disk.

Every step that turns audio into numbers goes through :func:`extract`. What a clip gives depends on its content and the
step's parameters alone, so results are looked up in the store first; new ones are kept as soon as they exist, and an
interrupted run goes on from there.
"""

import os
from collections.abc import Callable, Sequence

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

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
    if store is not None:
        known = {k: v for k, v in zip(distinct, store.get_many(distinct), strict=True) if v is not None}
    rows = [first_rows[key] for key in distinct if key not in known]
    problems: list[tuple[int | None, str]] = []
    batches = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]
    jobs = (
        delayed(_compute_batch)(compute, [clips[r] for r in batch], companions and [companions[r] for r in batch])
        for batch in batches
    )
    bar = tqdm(total=len(rows), desc=label, unit="clip", disable=None if verbose else True, leave=False)
    with bar:
        for batch, results in zip(batches, Parallel(n_jobs=n_jobs, return_as="generator")(jobs), strict=True):
            fresh = []
            for row, result in zip(batch, results, strict=True):
                if isinstance(result, str):
                    problems.append((row, result))
                else:
                    known[keys[row]] = result
                    fresh.append((keys[row], result))
            if store is not None:
                store.put_many(fresh)
            bar.update(len(batch))
    if problems:
        raise AudioError(problems, where)
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
