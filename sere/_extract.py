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
    if cache is None or (isinstance(cache, bool | np.bool_) and not cache):
        return None
    if isinstance(cache, FrameStore):
        return cache
    store = FrameStore(None if isinstance(cache, bool | np.bool_) else cache)
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
    unusable: dict[Clip, str] | None = None,
) -> list[Any]:
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
    unusable : dict, optional
        Takes the reason of each clip whose samples turn out to be unusable, and None stands for its arrays.

    Raises
    ------
    AudioError
        Where `unusable` is not given: such clips, all in one error, after the others were computed and kept.
    """
    store = open_store(cache)
    keys = _keys(clips, params, store)
    distinct = list(dict.fromkeys(keys))
    with (
        Claims(store.folder if store else None) as claims,
        tqdm(total=len(distinct), desc=label, unit="clip", disable=None if verbose else True, leave=False) as bar,
    ):
        work = _Work(clips, companions, compute, keys, store, claims)
        missing = work.look_up(distinct)
        while missing:
            bar.update(len(distinct) - len(missing) - bar.n)
            for done in work.run(missing, n_jobs):
                bar.update(done)
            missing = work.wait_for_others([key for key in missing if key not in work.known])
    reasons = {keys[row]: reason for row, reason in work.problems}
    if reasons and unusable is None:
        raise AudioError([(row, reasons[key]) for row, key in enumerate(keys) if key in reasons], where)
    if unusable is not None:
        unusable.update((clip, reasons[key]) for clip, key in zip(clips, keys, strict=True) if key in reasons)
    return [None if key in reasons else work.known[key] for key in keys]


class _Work:
    """What one call has to do, what it knows by now and what went wrong.

    Attributes
    ----------
    known : dict of bytes to dict of str to ndarray
        Results by key; empty ones of unusable clips.
    problems : list of (int, str)
        Row of an unusable clip, and the sentence that says why.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        companions: Sequence | None,
        compute: Callable,
        keys: list[bytes],
        store: FrameStore | None,
        claims: Claims,
    ):
        self.clips, self.companions, self.compute = clips, companions, compute
        self.store, self.claims = store, claims
        self.rows = {key: row for row, key in reversed(list(enumerate(keys)))}
        self.known: dict[bytes, Arrays] = {}
        self.problems: list[tuple[int, str]] = []

    def look_up(self, wanted: list[bytes]) -> list[bytes]:
        """Read what the store has of `wanted`; returns the rest."""
        if self.store is None:
            return wanted
        found = zip(wanted, self.store.get_many(wanted), strict=True)
        self.known.update((key, arrays) for key, arrays in found if arrays is not None)
        return [key for key in wanted if key not in self.known]

    def run(self, wanted: list[bytes], n_jobs: int | None) -> Iterator[int]:
        """Compute what nobody else is at work on, keep it at once, and yield how many each batch held."""
        taken: list[list[bytes]] = []
        for i, results in enumerate(Parallel(n_jobs=n_jobs, return_as="generator")(self._jobs(wanted, taken))):
            self._keep(taken[i], results)
            yield len(taken[i])

    def wait_for_others(self, missing: list[bytes]) -> list[bytes]:
        """Wait until another process is done with the first of `missing`; returns what is still to do."""
        if not missing:
            return missing
        self.claims.wait(missing[0])
        self.claims.give_up(missing[:1])
        return self.look_up(missing)

    def _jobs(self, wanted: list[bytes], taken: list[list[bytes]]) -> Iterator[Any]:
        """Claim and hand out batch by batch, as workers ask for them; `taken` says which."""
        for first in range(0, len(wanted), BATCH):
            free = [key for key in wanted[first : first + BATCH] if self.claims.take(key)]
            # Somebody may have finished a clip between our first look and our claim.
            batch = self.look_up(free)
            self.claims.give_up([key for key in free if key in self.known])
            if batch:
                taken.append(batch)
                rows = [self.rows[key] for key in batch]
                companions = self.companions and [self.companions[row] for row in rows]
                yield delayed(_compute_batch)(self.compute, [self.clips[row] for row in rows], companions)

    def _keep(self, batch: list[bytes], results: list[Arrays | str]) -> None:
        """Note a batch's results, and store those that are any."""
        fresh = []
        for key, result in zip(batch, results, strict=True):
            if isinstance(result, str):
                self.problems.append((self.rows[key], result))
                self.known[key] = {}
            else:
                self.known[key] = result
                fresh.append((key, result))
        if self.store is not None:
            self.store.put_many(fresh)
        self.claims.give_up(batch)


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
