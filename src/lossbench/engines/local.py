"""Work spread over processes, one core each, where a worker that dies takes only its own item with it.

Each worker is a `concurrent.futures.ProcessPoolExecutor` of ONE process. Every pool of several processes
(the standard one, joblib's loky) is broken as a whole when one of its processes is killed, and pebble's
pool shares one pair of locks between its workers, which a killed worker can take with it. An executor of
one process shares nothing: when it breaks, its item is lost, and a fresh one takes the next item.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import connection, context, forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lossbench.engines.worker import ONE_THREAD, Item, Result, Send, begin, work

log = logging.getLogger(__name__)

_LAST_WORDS_SECONDS = 5.0  # for messages of workers that have ended, if what they started holds their pipes


@dataclass(frozen=True)
class Died:
    """What is left of an item without a result.

    reason: in plain words: the worker was killed, or what the function raised.
    error:  what the function raised; None where the worker itself ended.
    """

    reason: str
    error: BaseException | None = None


def warm(preload: Sequence[str]) -> None:
    """Start importing modules beside this process, so that workers are there when they are wanted.

    Returns at once. Workers are forked from one clean server process that holds these modules: nearly as fast
    as fork (where importing torch and Lightning takes seconds per worker), their memory is shared, and unlike
    plain fork it copies none of this process's threads, locks, CUDA state or open databases. The first call
    in a process decides; later ones change nothing. The server ends with this process, whatever it has still
    to import: who reads our output through a pipe waits for every process that holds it.
    """
    atexit.unregister(stop)  # once is enough
    atexit.register(stop)
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(list(preload))
    before = dict(os.environ)
    os.environ.update(ONE_THREAD)  # libraries read it when they load, which is in the server
    # Ctrl-C reaches the whole group of processes, and is for this one to handle: the server inherits this.
    resource_tracker.ensure_running()  # which would let the signal through again
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.environ.clear()
        os.environ.update(before)


def stop() -> None:
    """End the server at once, which may be importing or about to fork; a later `warm` starts another."""
    import psutil

    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if any("multiprocessing.forkserver" in word for word in child.cmdline()):
                child.kill()


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
        on_start: told of each item's index right before its work begins; called from this thread.
        on_message: receives what `function` hands to `send`; called from a thread of each worker, possibly
            after the item's result was yielded, never after the loop has ended.
    """
    jobs = min(n_jobs or cores(), len(items))
    receive, starting = on_message or _ignore, on_start or _ignore
    if jobs <= 1:
        for index, item in enumerate(items):
            starting(index)
            yield index, _alone(function, item, receive)
    else:
        warm([getattr(function, "func", function).__module__])  # a partial has its function in `func`
        with _Crew(receive) as crew:
            yield from _dispatch(crew, function, items, jobs, starting)


def _ignore(message: Any) -> None:
    """Nobody listens."""


def _alone(function: Callable[[Item, Send], Result], item: Item, send: Send) -> Result | Died:
    try:
        return function(item, send)
    except Exception as error:
        return _raised(error)


def _raised(error: BaseException) -> Died:
    return Died(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, error)


def _dispatch(
    crew: _Crew,
    function: Callable[[Item, Send], Result],
    items: Sequence[Item],
    jobs: int,
    starting: Callable[[int], None],
) -> Iterator[tuple[int, Result | Died]]:
    waiting = list(enumerate(items))[::-1]
    running: dict[Future[Result], tuple[int, _Worker]] = {}
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


@dataclass(frozen=True)
class _Worker:
    executor: ProcessPoolExecutor
    process: BaseProcess


class _Context(context.ForkServerContext):
    """Knows the processes that executors started: one may be dead before it can be asked for."""

    def __init__(self) -> None:
        self.started: list[BaseProcess] = []

    def Process(self, *arguments: Any, **named: Any) -> BaseProcess:  # type: ignore[override]  # noqa: N802
        self.started.append(context.ForkServerProcess(*arguments, **named))
        return self.started[-1]


class _Crew:
    """The workers of one spread, and for each a thread that receives its messages."""

    def __init__(self, receive: Send) -> None:
        self.idle: list[_Worker] = []
        self._receive = receive
        self._all: list[_Worker] = []
        self._post: list[threading.Thread] = []
        self._context = _Context()

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            stop()  # first, or a worker that it was asked for starts when everything is gone
        for worker in self._all:
            if kind is not None:  # an interrupt, or the caller has left the loop: nobody wants the answers
                worker.process.kill()
            worker.executor.shutdown(cancel_futures=True)
        for thread in self._post:
            thread.join(_LAST_WORDS_SECONDS)

    def start(self, function: Callable[[Item, Send], Result], item: Item) -> tuple[_Worker, Future[Result]]:
        """Hand the item to an idle worker, or to a new one."""
        while self.idle:
            worker = self.idle.pop()
            with contextlib.suppress(BrokenExecutor):  # killed while it was idle
                return worker, worker.executor.submit(work, function, item)
        worker = self._hire()
        try:
            return worker, worker.executor.submit(work, function, item)
        except BrokenExecutor as error:  # killed before its first item; a new one might be as well
            lost: Future[Result] = Future()
            lost.set_exception(error)
            return worker, lost

    def bury(self, worker: _Worker) -> str:
        """Forget a dead worker and say in words what ended it."""
        worker.executor.shutdown()
        code = worker.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            memory = "; was there too little memory?" if name == "SIGKILL" else ""
            return f"its worker process was killed by {name}{memory}"
        return f"its worker process ended without an answer (exit code {code})"

    def _hire(self) -> _Worker:
        reader, writer = self._context.Pipe(duplex=False)
        executor = ProcessPoolExecutor(
            1,
            mp_context=self._context,
            initializer=begin,
            initargs=(writer, dict(os.environ), str(Path.cwd())),
        )
        executor.submit(os.getpid)  # an executor starts its process with its first task
        writer.close()  # the worker holds the only other copy, so its end is the end of the pipe
        self._post.append(threading.Thread(target=self._deliver, args=(reader,), daemon=True))
        self._post[-1].start()
        self._all.append(_Worker(executor, self._context.started[-1]))
        return self._all[-1]

    def _deliver(self, reader: connection.Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                message = reader.recv()
                try:
                    self._receive(message)
                except Exception:  # this thread must go on reading, or the worker would wait for it
                    log.exception("a message from a worker could not be used: %r", message)
