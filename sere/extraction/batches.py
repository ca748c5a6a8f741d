"""Batches of work over joblib, whichever backend runs them and whatever becomes of a worker.

Results are handed on as they are ready, so that the caller can keep them. A worker that is killed (by the system that
ran out of memory, most often) takes the batches in work with it, and nothing says which of them was to blame: they are
run again one by one, and one that ends its worker again in halves, down to the single item.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from itertools import islice
from typing import Any, TypeVar

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

#: Workers that may die in one call: a few items may be too much for the machine, but not all.
MAX_DEATHS = 20
T = TypeVar("T")


class WorkerDiedError(RuntimeError):
    """Workers are killed again and again; what was finished before is kept."""


def as_completed(
    work: Callable[[list[T]], tuple[Callable[..., Any], tuple[Any, ...]]],
    batches: Iterable[list[T]],
    n_jobs: int | None,
) -> Iterator[tuple[list[T], Any]]:
    """Yield each batch with its result, in the order in which they are ready.

    Parameters
    ----------
    work : callable
        From a batch to a function and its arguments, which run in a worker.
    batches : iterable of lists
        Asked for one by one as workers want them.
    n_jobs : int, optional
        joblib workers; ``joblib.parallel_config`` decides where they run.

    Yields
    ------
    batch : list
    result
        What the function returned, or None for a single item that ended its worker twice.

    Raises
    ------
    WorkerDiedError
        More than `MAX_DEATHS` workers died.
    """
    waiting = iter(batches)
    suspects: list[list[T]] = []
    deaths = 0
    while True:
        alone = suspects.pop(0) if suspects else None
        handed: dict[int, list[T]] = {}
        source = waiting if alone is None else iter([alone])
        try:
            for number, result in _results(_jobs(work, source, handed), n_jobs):
                yield handed.pop(number), result
        except BrokenExecutor as error:
            deaths += 1
            if deaths > MAX_DEATHS:
                raise WorkerDiedError(
                    f"worker processes died {deaths} times, as they do where memory runs out; what was finished is "
                    "kept. Ask for fewer of them (n_jobs) or for shorter clips, and run again"
                ) from error
            if alone is not None and len(alone) == 1:
                yield alone, None
            elif alone is not None:
                suspects[:0] = [alone[: len(alone) // 2], alone[len(alone) // 2 :]]
            else:
                suspects = list(handed.values())
        else:
            if alone is None:
                return


def _jobs(work: Callable[..., Any], batches: Iterator[list[T]], handed: dict[int, list[T]]) -> Iterator[Any]:
    """Spell batches as joblib's tasks; `handed` says which are in work."""
    for number, batch in enumerate(batches):
        handed[number] = batch
        function, arguments = work(batch)
        yield delayed(_numbered)(number, function, arguments)


def _numbered(number: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[int, Any]:
    return number, function(*arguments)


def _results(jobs: Iterator[Any], n_jobs: int | None) -> Iterator[tuple[int, Any]]:
    """Run tasks; a backend that cannot hand results on one by one gets a few at a time."""
    backend, _ = get_active_backend()
    if type(backend).__module__ == "joblib._dask":
        yield from _on_cluster(backend.client, jobs)
        return
    try:
        parallel = Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")
    except ValueError:
        portion = 2 * effective_n_jobs(n_jobs)
        while few := list(islice(jobs, portion)):
            yield from Parallel(n_jobs=n_jobs, batch_size=1)(few)
        return
    yield from parallel(jobs)


def _on_cluster(client: Any, jobs: Iterator[Any]) -> Iterator[tuple[int, Any]]:
    """Run tasks on a Dask cluster, by itself: joblib 1.6 waits for ever for one that was lost with its workers."""
    from distributed import as_completed as ready
    from distributed.scheduler import KilledWorker

    tasks = (client.submit(function, *arguments, **options, pure=False) for function, arguments, options in jobs)
    running = ready(list(islice(tasks, 2 * max(1, effective_n_jobs()))))
    try:
        for future in running:
            if isinstance(future.exception(), KilledWorker):
                raise BrokenExecutor("the workers that had the batch died") from future.exception()
            running.update(islice(tasks, 1))
            yield future.result()
    finally:
        client.cancel(list(running.futures))
