"""Torch's threads as workers that each do one thing at a time.

Torch splits each operation between its threads. Where operations are many and small that costs more than it gains, on
a busy machine ten times so, because every one waits for the slowest thread. Whole chunks or clips are split here.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

#: Applies a function to each of several things and returns the results in order, like the built-in ``map``.
Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@contextmanager
def one_thread() -> Iterator[int]:
    """Let torch use one thread in this thread, and give the number that it used before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


@contextmanager
def workers() -> Iterator[Run]:
    """Give a ``map`` that spreads over as many workers as torch has threads."""
    with one_thread() as threads:
        if threads == 1:
            yield map
        else:
            with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                yield pool.map
