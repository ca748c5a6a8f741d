"""Running a per-clip computation over many clips: in parallel, once per distinct clip, kept on disk.

Every step that turns audio into numbers goes through :func:`extract`. What a clip gives depends on its content and the
step's parameters alone, so results are looked up in the store first; new ones are kept as soon as they exist, and an
interrupted run goes on from there. Processes that want the same clips at the same time share the work
(:mod:`sere.store.claims`).

What is kept is true whatever happens meanwhile: a file is read as the one that was hashed or not at all, and numbers
that are not finite are an error of their clip.
"""

import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sere.audio import AudioError, Clip, seconds_of
from sere.extraction.batches import as_completed
from sere.extraction.computing import Arrays, compute_batch
from sere.files.paths import Place
from sere.progress import progress
from sere.store import FrameStore, content_key
from sere.store.claims import PATIENCE, Claims
from sere.store.seals import Seal, content_digest, look_at

#: Clips a worker takes at a time: enough to fill matrix products, few enough to show progress.
BATCH = 16
#: Seconds of audio a worker takes at a time, unless a single clip has more, so that long clips do not fill the memory.
SECONDS = 480.0
#: Bytes a second of a file whose header does not tell its length, at least: speech coded very sparely.
SPARSE = 1000
#: Times a file is begun again that was written to while it was read.
ATTEMPTS = 3


def open_store(cache: bool | str | os.PathLike[str] | FrameStore | None) -> FrameStore | None:
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
    compute: Callable[[list[np.ndarray], list[Any]], list[Arrays]],
    params: tuple[Any, ...],
    *,
    companions: Sequence[Any] | None = None,
    cache: bool | str | os.PathLike[str] | FrameStore | None = True,
    n_jobs: int | None = None,
    verbose: int = 0,
    label: str = "clips",
    maker: str = "the computation",
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
        Everything that shapes the result beside the audio and the companion.
    companions : sequence, optional
        One further input a clip (its pitch, say): a number, an array or arrays of one shape.
    cache : as in :func:`open_store`.
    n_jobs : int, optional
        joblib workers; ``joblib.parallel_config`` decides where they run.
    verbose : int
        0 is silent; otherwise progress is shown (:mod:`sere.progress`).
    label, maker, where : str
        What the progress bar calls the clips, and errors what computes and the clips.
    unusable : dict, optional
        Takes the reason of each clip that turns out to be unusable, and None stands for its arrays.

    Raises
    ------
    AudioError
        Where `unusable` is not given: clips that turn out to be unusable, all in one error, after the others were
        computed and kept. They are unreadable, change while they are read, were given numbers that are not finite, or
        are the end of the worker that has them.
    """
    store = open_store(cache)
    with (
        Claims(store.folder if store else None) as claims,
        progress(len(clips), label, "clip", verbose) as bar,
    ):
        work = _Work(clips, companions, compute, params, store, claims, maker)
        rows = list(range(len(clips)))
        for _ in range(ATTEMPTS):
            work.identify(rows)
            missing = work.look_up(work.unknown(rows))
            while missing:
                bar.update(len(clips) - work.count(missing) - bar.n)
                for done in work.run(missing, n_jobs):
                    bar.update(work.count(done))
                missing = work.wait_for_others(work.unknown(rows))
            rows = work.rows_of_changed()
            if not rows:
                break
        work.refuse(rows, "is written to while it is read, again and again; wait until it is complete")
    if work.problems and unusable is None:
        raise AudioError(sorted(work.problems.items()), where)
    if unusable is not None:
        unusable.update((clips[row], why) for row, why in work.problems.items())
    return [None if row in work.problems else work.known[key] for row, key in enumerate(work.keys)]


class _Work:
    """What one call has to do, what it knows by now and what went wrong.

    Attributes
    ----------
    keys : list of bytes
        Of each row, equal exactly where content and parameters are.
    known : dict of bytes to dict of str to ndarray
        Results by key; empty ones where there is none to be had.
    problems : dict of int to str
        By row of an unusable clip, the sentence that says why.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        companions: Sequence[Any] | None,
        compute: Callable[..., Any],
        params: tuple[Any, ...],
        store: FrameStore | None,
        claims: Claims,
        maker: str,
    ):
        self.clips, self.companions, self.compute, self.params = clips, companions, compute, params
        self.store, self.claims, self.maker = store, claims, maker
        self.keys = [b""] * len(clips)
        self.seals: dict[str, Seal] = {}
        self.rows: dict[bytes, list[int]] = {}
        self.known: dict[bytes, Arrays] = {}
        self.problems: dict[int, str] = {}
        self.changed: set[str] = set()

    def identify(self, rows: list[int]) -> None:
        """Give some rows their keys, as their files are now."""
        paths = sorted({source for source in (self.clips[row].source for row in rows) if isinstance(source, str)})
        found = list(map(look_at, paths)) if self.store is None else self.store.seals(paths)
        unreadable = {path: why for path, why in zip(paths, found) if isinstance(why, OSError)}
        self.seals.update((path, seal) for path, seal in zip(paths, found) if isinstance(seal, Seal))
        self.changed.clear()
        for key in {self.keys[row] for row in rows}:
            if not self.known.get(key):  # the file may hold again what it held at first
                self.known.pop(key, None)
        for row in rows:
            source = self.clips[row].source
            if isinstance(source, str) and source in unreadable:
                self.refuse([row], f"cannot be read ({unreadable[source]})")
            elif isinstance(source, Place) and not self._fits_companion(source):
                self.refuse([row], "has changed since its pitch was tracked; begin again from the file")
            else:
                self.keys[row] = self._key(row)
        self.rows = defaultdict(list)
        for row, key in enumerate(self.keys):
            self.rows[key].append(row)

    def _fits_companion(self, place: Place) -> bool:
        """Tell whether a file still holds what its clip's companion was made from; where there is none, remember."""
        seal = self.seals[place]
        if self.companions is not None:
            return place.seal is None or seal.says_the_same(place.seal)
        place.seal = seal
        return True

    def unknown(self, rows: list[int]) -> list[bytes]:
        """Return the distinct keys among some rows of which nothing is known."""
        keys = dict.fromkeys(self.keys[row] for row in rows if row not in self.problems)
        return [key for key in keys if key not in self.known]

    def count(self, keys: list[bytes]) -> int:
        """Return how many clips have these keys."""
        return sum(len(self.rows[key]) for key in keys)

    def look_up(self, wanted: list[bytes]) -> list[bytes]:
        """Read what the store has of `wanted`; returns the rest."""
        if self.store is None:
            return wanted
        found = zip(wanted, self.store.get_many(wanted), strict=True)
        self.known.update((key, arrays) for key, arrays in found if arrays is not None)
        return [key for key in wanted if key not in self.known]

    def run(self, wanted: list[bytes], n_jobs: int | None) -> Iterator[list[bytes]]:
        """Compute what nobody else is at work on, keep it at once, and yield it batch by batch."""
        for batch, results in as_completed(self._task, self._batches(wanted), n_jobs):
            self._keep(batch, results or [self._died(key) for key in batch])
            yield batch
        self.claims.give_up(wanted)

    def wait_for_others(self, missing: list[bytes]) -> list[bytes]:
        """Wait until another process is done with the first of `missing`; returns what is still to do."""
        if missing and not self.claims.wait(missing[0]):
            warnings.warn(
                f"Another process has been at work on the same clips for {PATIENCE:g} s without a result (was it "
                "stopped?); they are computed here, too.",
                RuntimeWarning,
                stacklevel=4,
            )
            self.claims.disregard()
        self.claims.give_up(missing[:1])
        return self.look_up(missing)

    def rows_of_changed(self) -> list[int]:
        """Return all rows of files that were written to between being hashed and being read."""
        return [
            row for row, clip in enumerate(self.clips) if isinstance(clip.source, str) and clip.source in self.changed
        ]

    def refuse(self, rows: list[int], why: str) -> None:
        """Note that nothing is to be had of some rows."""
        self.problems.update((row, f"{self.clips[row].name} {why}") for row in rows)

    def _key(self, row: int) -> bytes:
        clip = self.clips[row]
        content: bytes | np.ndarray
        if isinstance(clip.source, str):
            seal = self.seals[clip.source]
            content = os.fsencode(clip.source) + seal.stamp if seal.digest is None else seal.digest
        else:
            content = content_digest(clip.source) if isinstance(clip.source, bytes) else clip.source
        rate = (clip.sampling_rate,) if isinstance(clip.source, np.ndarray) else ()
        span = ["" if second is None else second for second in (clip.start, clip.end)]
        # A companion may come from elsewhere: the key says from what.
        beside = [] if self.companions is None else [content_key(np.asarray(self.companions[row])).hex()]
        return content_key(content, *rate, *span, *self.params, *beside)

    def _batches(self, wanted: list[bytes]) -> Iterator[list[bytes]]:
        """Claim batch by batch, as workers ask for them."""
        for portion in self._portions(wanted):
            free = [key for key in portion if self.claims.take(key)]
            # Somebody may have finished a clip between our first look and our claim.
            batch = self.look_up(free)
            self.claims.give_up([key for key in free if key in self.known])
            if batch:
                yield batch

    def _portions(self, wanted: list[bytes]) -> Iterator[list[bytes]]:
        """Cut a list after `BATCH` clips, and before `SECONDS` are passed."""
        portion: list[bytes] = []
        seconds = 0.0
        for key in wanted:
            own = _seconds(self.clips[self.rows[key][0]])
            if portion and (len(portion) == BATCH or seconds + own > SECONDS):
                yield portion
                portion, seconds = [], 0.0
            portion.append(key)
            seconds += own
        if portion:
            yield portion

    def _task(self, batch: list[bytes]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return what a worker is to call for a batch."""
        rows = [self.rows[key][0] for key in batch]
        clips = [self.clips[row] for row in rows]
        companions = None if self.companions is None else [self.companions[row] for row in rows]
        paths = {clip.source for clip in clips if isinstance(clip.source, str)}
        seals = {path: seal for path, seal in self.seals.items() if path in paths}
        return compute_batch, (self.compute, clips, seals, companions, self.maker)

    def _died(self, key: bytes) -> str:
        name = self.clips[self.rows[key][0]].name
        return f"{name}: the process that computed {self.maker} died twice; the clip may be too long for the memory"

    def _keep(self, batch: list[bytes], results: list[Arrays | str | None]) -> None:
        """Note a batch's results, and store those that are any."""
        fresh = []
        for key, result in zip(batch, results, strict=True):
            self.known[key] = result if isinstance(result, dict) else {}
            if isinstance(result, dict):
                fresh.append((key, result))
            elif isinstance(result, str):
                self.problems.update(dict.fromkeys(self.rows[key], result))
            else:
                self.changed.update(str(self.clips[row].source) for row in self.rows[key])
        if self.store is not None:
            self.store.put_many(fresh)
        self.claims.give_up(batch)


def _seconds(clip: Clip) -> float:
    """Return how long a clip is, by its header; of a file whose header does not tell, the most that may be in it."""
    if clip.end is not None:
        return clip.end - (clip.start or 0.0)
    whole = seconds_of(clip)
    if whole is None:
        whole = (len(clip.source) if isinstance(clip.source, bytes) else _size(str(clip.source))) / SPARSE
    return whole - (clip.start or 0.0)


def _size(path: str) -> int:
    """Return a file's bytes; 0 where it is gone, which reading it will say."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
