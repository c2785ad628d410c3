"""One task over many items, in this process or over several, where one bad item never stops the rest."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from threadpoolctl import threadpool_limits

from mmfeat.errors import ConfigError, MissingDependency, OutputError, UnknownName

# Not the fault of one clip: every other clip would meet the same.
_SETUP_ERRORS = (ConfigError, MissingDependency, OutputError, UnknownName)

Task = Callable[[Any], Any]
_task: Task | None = None  # set once per worker process


def run(task: Task, items: Sequence[Any], workers: int) -> Iterator[tuple[int, Any]]:
    """Yield ``(position, result)`` as items finish.

    The result is what ``task`` returned, or the exception that it raised on that item. An item that kills its worker
    process gives a ``BrokenProcessPool``.

    Raises
    ------
    ConfigError, MissingDependency, OutputError, UnknownName
        At once: these concern the set-up, not one item.
    """
    if workers <= 1 or len(items) <= 1:
        # One thread for BLAS, as in the workers: with another number of threads the sums round otherwise.
        with threadpool_limits(limits=1):
            for position, item in enumerate(items):
                yield position, _attempt(task, item)
        return
    waiting = list(range(len(items)))
    yield from _run_pool(task, items, waiting, workers)
    # What is still waiting was in a pool that died; alone, each shows whether it was the killer.
    for position in list(waiting):
        alone = [position]
        yield from _run_pool(task, items, alone, 1)
        if alone:
            yield position, BrokenProcessPool("the worker process died, for want of memory or on a broken file")


def _run_pool(task: Task, items: Sequence[Any], waiting: list[int], workers: int) -> Iterator[tuple[int, Any]]:
    """Run the items at the positions ``waiting``, removing each from it when it is done."""
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(waiting)), context, _start_worker, (task,))
    todo = iter(tuple(waiting))
    running: dict[Future[Any], int] = {}
    # The first one alone: two processes that compile numba functions at once leave half of one in the cache, and crash.
    most = 1
    try:
        while True:
            # A short queue, so that an interruption has little to wait for and memory does not grow with the corpus.
            while len(running) < most and (position := next(todo, None)) is not None:
                running[_submit(pool, items[position])] = position
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                position = running.pop(future)
                result = future.result()
                waiting.remove(position)
                most = 2 * workers
                yield position, result
    except BrokenProcessPool:
        # One that was being started when another died is not ended with the pool; it would be waited for without end.
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
        return
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, item: Any) -> Future[Any]:
    try:
        return pool.submit(_work, item)
    except OSError as error:  # a worker has just died, and the pipe that a new one would get is closed already
        raise BrokenProcessPool(str(error)) from error


def _start_worker(task: Task) -> None:
    global _task
    _task = task
    threadpool_limits(limits=1)
    # Read when torch is imported, which is later: its threads spin when they share cores with the other workers.
    os.environ["OMP_NUM_THREADS"] = "1"


def _work(item: Any) -> Any:
    assert _task is not None
    return _attempt(_task, item)


def _attempt(task: Task, item: Any) -> Any:
    try:
        return task(item)
    except _SETUP_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001  the boundary where a clip's failure becomes a row of the ledger
        return error
