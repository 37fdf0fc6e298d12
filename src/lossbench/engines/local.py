"""Work spread over processes, one core each, where a worker that dies takes only its own item with it.

Each worker is a `concurrent.futures.ProcessPoolExecutor` of ONE process. Every pool of several processes
(the standard one, joblib's loky) is broken as a whole when one of its processes is killed, and pebble's
pool shares one pair of locks between its workers, which a killed worker can take with it. An executor of
one process shares nothing: when it breaks, its item is lost, and a fresh one takes the next item.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass

from lossbench.engines.crew import Crew, Worker
from lossbench.engines.server import warm
from lossbench.engines.worker import Item, Result, Send


@dataclass(frozen=True)
class Died:
    """What is left of an item without a result."""

    reason: str  # in plain words: the worker was killed, or what the function raised
    error: BaseException | None = None  # that the function raised; None where the worker itself ended


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(
    function: Callable[[Item, Send], Result],
    items: Sequence[Item],
    *,
    n_jobs: int | None = None,
    on_message: Send | None = None,
    on_start: Callable[[int], None] | None = None,
) -> Iterator[tuple[int, Result | Died]]:
    """Yield (index, result or Died) of `function(item, send)` for every item, in the order in which they end.

    With one job or one item the work is done in this process, in order. Otherwise function, items, results
    and messages are pickled. Leaving the loop early, by an exception or Ctrl-C, ends all workers at once.

    Args:
        function: importable by name. An `Exception` that it raises becomes Died; the other items go on.
        n_jobs: processes at a time; None or 0 means one per core.
        on_start: told of each item's index right before its work begins, from this thread.
        on_message: told what `function` sends, from a thread of each worker, until the loop has ended.
    """
    jobs = min(n_jobs or cores(), len(items))
    receive, starting = (told or (lambda _: None) for told in (on_message, on_start))
    if jobs <= 1:
        for index, item in enumerate(items):
            starting(index)
            yield index, _alone(function, item, receive)
    else:
        warm([getattr(function, "func", function).__module__])  # a partial has its function in `func`
        with Crew(receive) as crew:
            yield from _dispatch(crew, function, items, jobs, starting)


def _alone(function: Callable[[Item, Send], Result], item: Item, send: Send) -> Result | Died:
    try:
        return function(item, send)
    except Exception as error:
        return _raised(error)


def _raised(error: BaseException) -> Died:
    return Died(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, error)


def _dispatch(
    crew: Crew,
    function: Callable[[Item, Send], Result],
    items: Sequence[Item],
    jobs: int,
    starting: Callable[[int], None],
) -> Iterator[tuple[int, Result | Died]]:
    waiting = list(enumerate(items))[::-1]
    running: dict[Future[Result], tuple[int, Worker]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            index, item = waiting.pop()
            starting(index)
            worker, future = crew.start(function, item)
            running[future] = (index, worker)
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            index, worker = running.pop(future)
            error = future.exception()
            if isinstance(error, BrokenExecutor):
                yield index, Died(crew.bury(worker))
                continue
            crew.idle.append(worker)
            yield index, future.result() if error is None else _raised(error)
