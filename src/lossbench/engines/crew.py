"""The worker processes of one spread, and the threads that read what they say."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import connection, context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lossbench.engines.server import stop
from lossbench.engines.worker import Item, Result, Send, begin, work

log = logging.getLogger(__name__)

_LAST_WORDS_SECONDS = 5.0  # for messages of workers that have ended, if what they started holds their pipes


@dataclass(frozen=True)
class Worker:
    executor: ProcessPoolExecutor
    process: BaseProcess


class _Context(context.ForkServerContext):
    """Knows the processes that executors started: one may be dead before it can be asked for."""

    def __init__(self) -> None:
        self.started: list[BaseProcess] = []

    def Process(self, *arguments: Any, **named: Any) -> BaseProcess:  # type: ignore[override]  # noqa: N802
        self.started.append(context.ForkServerProcess(*arguments, **named))
        return self.started[-1]


class Crew:
    """The workers of one spread, and for each a thread that receives its messages."""

    def __init__(self, receive: Send) -> None:
        self.idle: list[Worker] = []
        self._receive = receive
        self._all: list[Worker] = []
        self._post: list[threading.Thread] = []
        self._context = _Context()

    def __enter__(self) -> Crew:
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

    def start(self, function: Callable[[Item, Send], Result], item: Item) -> tuple[Worker, Future[Result]]:
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

    def bury(self, worker: Worker) -> str:
        """Forget a dead worker and say in words what ended it."""
        worker.executor.shutdown()
        code = worker.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            memory = "; was there too little memory?" if name == "SIGKILL" else ""
            return f"its worker process was killed by {name}{memory}"
        return f"its worker process ended without an answer (exit code {code})"

    def _hire(self) -> Worker:
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
        self._all.append(Worker(executor, self._context.started[-1]))
        return self._all[-1]

    def _deliver(self, reader: connection.Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                message = reader.recv()
                try:
                    self._receive(message)
                except Exception:  # this thread must go on reading, or the worker would wait for it
                    log.exception("a message from a worker could not be used: %r", message)
