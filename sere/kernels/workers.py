"""How many threads the kernels may use, and how many torch may use beside them.

Training on packed clips is thousands of operations of a fraction of a millisecond. Where torch splits each of them
between threads, each waits for the slowest one: little is won on an idle machine, and everything is lost on a busy one
(50 times slower was measured). The blocks of a resonance field are large enough to be shared out whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from sere.loops.threads import one_thread

_workers: ContextVar[int] = ContextVar("workers", default=0)


@contextmanager
def small_operations() -> Iterator[None]:
    """Let torch run each operation on one thread, and the field's blocks on as many workers as torch had threads."""
    token = _workers.set(n_workers())
    try:
        with one_thread():
            yield
    finally:
        _workers.reset(token)


def n_workers() -> int:
    """Return how many threads the field's blocks are shared out to."""
    return _workers.get() or torch.get_num_threads()
