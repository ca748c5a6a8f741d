"""A batch of clips in a worker: loaded, computed, looked over; whatever is wrong with one is its own.

A clip that takes more memory than there is, as ``ulimit -v`` or the machine allow, costs itself: a batch that runs out
of memory is computed again clip by clip. What the system kills instead is found by :mod:`sere.extraction.batches`.
"""

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from sere.audio import AudioError, Clip
from sere.store.seals import Seal, stamp_of

Arrays = dict[str, np.ndarray]


def compute_batch(
    compute: Callable[..., Any], clips: list[Clip], seals: dict[str, Seal], companions: Sequence[Any] | None, maker: str
) -> list[Arrays | str | None]:
    """Return each clip's arrays, the sentence that says why there are none, or None where its file has changed.

    Parameters
    ----------
    compute : callable
        As in :func:`sere.extraction.extract.extract`.
    clips : list of Clip
    seals : dict of str to Seal
        By path, what the files are to hold.
    companions : sequence or None
    maker : str
        What errors call `compute`.
    """
    before = {path: stamp_of(path) for path in seals}
    loaded = [_load(clip) for clip in clips]
    changed = {path for path, seal in seals.items() if not seal.holds(path, before[path])}
    results: list[Arrays | str | None] = [
        None if isinstance(clip.source, str) and clip.source in changed else wave if isinstance(wave, str) else {}
        for clip, wave in zip(clips, loaded, strict=True)
    ]
    good = [i for i, result in enumerate(results) if result == {}]
    # Many small products: a second BLAS thread costs more than it brings, most of all where cores are shared.
    with threadpool_limits(1, user_api="blas"):
        computed = _within_memory(
            compute, [loaded[i] for i in good], [companions[i] for i in good] if companions else []
        )
    for i, arrays in zip(good, computed, strict=True):
        name = clips[i].name
        results[i] = _too_long(name, maker) if arrays is None else _what_is_wrong(arrays, name, maker) or arrays
    return results


def _within_memory(compute: Callable[..., Any], waves: list[Any], companions: list[Any]) -> Sequence[Arrays | None]:
    """Return what is computed of some clips, one by one where memory runs out; None for one that takes all there is."""
    try:
        found: Sequence[Arrays | None] = compute(waves, companions)
        return found
    except (MemoryError, RuntimeError) as error:
        # torch says it as a RuntimeError.
        if not isinstance(error, MemoryError) and "memory" not in str(error).lower():
            raise
    if len(waves) == 1:
        return [None]
    alone = ([wave] for wave in waves)
    beside = ([companion] for companion in companions) if companions else ([] for _ in waves)
    return [found for own in map(_within_memory, repeat(compute), alone, beside) for found in own]


def _too_long(name: str, maker: str) -> str:
    return (
        f"{name}: there is not enough memory to compute {maker}; cut it by the columns 'start' and 'end', see "
        "sere.timeline, or ask for fewer workers (n_jobs)"
    )


def _load(clip: Clip) -> np.ndarray | str:
    """Return a clip's samples, or what is wrong with it."""
    try:
        return clip.load()
    except AudioError as error:
        return error.problems[0][1]
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        return f"{clip.name} cannot be read ({type(error).__name__}: {error})"


def _what_is_wrong(arrays: Arrays, name: str, maker: str) -> str | None:
    """Return why a result may not be kept, or None."""
    for part, array in arrays.items():
        bad = array.size - int(np.count_nonzero(np.isfinite(array)))
        if bad:
            return (
                f"{name}: {maker} gave {bad} NaN or infinite numbers of {array.size} ({part}); its weights may be "
                "broken, or the clip's samples too large"
            )
    return None
