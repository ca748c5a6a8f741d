"""Torch's threads as workers that each do one thing at a time.

Torch splits each operation between its threads. Where operations are many and small that costs more than it gains, on
a busy machine ten times so, because every one waits for the slowest thread. Whole chunks or clips are split here.

Torch need not be there: importing it takes seconds and 200 MB, and much of what is shared out is done without it. As
long as nobody has imported it there are as many threads as it would have.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, BrokenBarrierError
from typing import Any

#: Applies a function to each of several things and returns the results in order, like the built-in ``map``.
Run = Callable[..., Iterable[Any]]


def n_threads() -> int:
    """Return torch's number of threads, or where it is not imported, ``OMP_NUM_THREADS`` or the cores at hand."""
    if "torch" in sys.modules:
        return int(sys.modules["torch"].get_num_threads())
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if asked.isdecimal() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _set_threads(count: int) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


@contextmanager
def one_thread() -> Iterator[int]:
    """Let torch use one thread in this thread, and give the number that it used before."""
    threads = n_threads()
    _set_threads(1)
    try:
        yield threads
    finally:
        _set_threads(threads)


@contextmanager
def workers() -> Iterator[Run]:
    """Give a ``map`` that spreads over as many workers as there are threads."""
    with one_thread() as threads:
        if threads == 1:
            yield map
        else:
            with ThreadPoolExecutor(threads, initializer=_set_threads, initargs=(1,)) as pool:
                yield pool.map


def side_by_side(parts: int, work: Callable[[int, Callable[[], Any]], None]) -> None:
    """Do the parts of one thing at the same time, each in a thread.

    Parameters
    ----------
    parts : int
    work : callable
        Given a part's number and a function that returns when all parts have called it.

    Raises
    ------
    Exception
        The first that a part raised; the others are then ended where they wait.
    """
    if parts == 1:
        work(0, lambda: None)
        return
    meeting = Barrier(parts)

    def one(part: int) -> BaseException | None:
        try:
            work(part, meeting.wait)
        except BaseException as error:
            meeting.abort()
            return error
        return None

    with ThreadPoolExecutor(parts - 1, initializer=_set_threads, initargs=(1,)) as pool:
        others = [pool.submit(one, part) for part in range(1, parts)]
        raised = [one(0), *(other.result() for other in others)]
    for error in sorted((error for error in raised if error), key=lambda error: isinstance(error, BrokenBarrierError)):
        raise error
