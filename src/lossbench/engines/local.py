"""This machine as an engine: one process and one pipe for each pack that trains.

A worker that dies takes only its own item with it. Pools of several processes (the standard one, joblib's
loky) are broken as a whole when one of theirs is killed, and pebble's workers share a pair of locks, which a
killed one can take with it; one process with a pipe of its own shares nothing.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from lossbench.engines.events import ONE_THREAD, Died, Ended, Event, Said, Send, Started, call, raised
from lossbench.engines.pipe import receive, send
from lossbench.engines.server import stop, warm

_LAST_SECONDS = 5.0  # for a worker whose pipe has closed to be gone


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Local:
    """Processes of this machine.

    n_jobs:        at a time; 0 is one per core, or per share of a GPU, of which there are never more.
    cpus_per_pack: cores that each counts for, where n_jobs is 0.
    gpus_per_pack: the share of a GPU that each has, at most 1; 0 hides GPUs from all. None: one each.
    devices:       GPUs, as CUDA_VISIBLE_DEVICES names them.
    """

    n_jobs: int = 0
    cpus_per_pack: int = 1
    gpus_per_pack: float | None = None
    devices: tuple[str, ...] = ()

    @property
    def slots(self) -> int:
        shares = len(self.devices) * self._per_gpu
        return min(self.n_jobs or shares, shares) if shares else self.n_jobs or self._by_cores

    @property
    def elsewhere(self) -> bool:
        """A single pack trains in the process that asks, unless GPUs that this one sees are not for it."""
        return bool(self.devices) and not self._per_gpu

    def run(self, function: Callable[[Any, Send], Any], items: Sequence[Any]) -> Generator[Event, None, None]:
        """As every engine, in workers that are forked when they are first wanted, and used again."""
        warm([getattr(function, "func", function).__module__])  # a partial has its function in `func`
        waiting, slots = deque(enumerate(items)), self.slots
        places = deque(self._surroundings(place) for place in range(slots))
        idle: list[_Worker] = []
        busy: dict[_Worker, int] = {}
        try:
            while waiting or busy:
                heard: list[Event] = []
                for worker in _ready(busy) if busy else ():
                    over, value = worker.hear()
                    index = busy.pop(worker) if over else busy[worker]
                    if over:
                        idle.append(worker)
                    heard.append(Ended(index, value) if over else Said(index, value))
                # Before anything is told: who is told of an end writes records, and no worker waits for that.
                fault: OSError | None = None
                try:
                    while waiting and len(busy) < slots:
                        worker = _one_of(idle, places)
                        index, item = waiting.popleft()
                        busy[worker] = index
                        worker.give(function, item)
                        heard.append(Started(index))
                except OSError as error:  # no process can be started
                    fault = error
                yield from heard  # first: what was measured is not lost
                if fault:
                    raise fault
        except BaseException:  # an interrupt, or the caller has left the loop: nobody wants the answers
            stop()  # first, or a worker that it was asked for starts when everything is gone
            raise
        finally:
            for worker in (*idle, *busy):
                worker.end()

    @property
    def _per_gpu(self) -> int:
        share = 1.0 if self.gpus_per_pack is None else self.gpus_per_pack
        return int(1 / share) if share else 0

    @property
    def _by_cores(self) -> int:
        return max(1, cores() // self.cpus_per_pack)

    def _surroundings(self, place: int) -> dict[str, str]:
        if not self.devices:
            return {}
        return {"CUDA_VISIBLE_DEVICES": self.devices[place % len(self.devices)] if self._per_gpu else ""}


def here(
    function: Callable[[Any, Send], Any], items: Iterable[Any], hear: Callable[[Said], None]
) -> Generator[Event, None, None]:
    """Work on all items in this process, in order; `hear` is told what the function says while it works."""
    for index, item in enumerate(items):
        yield Started(index)
        try:
            result = function(item, lambda message, index=index: hear(Said(index, message)))  # type: ignore[misc]
        except Exception as error:
            result = raised(error)
        yield Ended(index, result)


class _Worker:
    def __init__(self, surroundings: Mapping[str, str]) -> None:
        context = multiprocessing.get_context("forkserver")
        self.surroundings = surroundings
        self.pipe, theirs = context.Pipe()
        environment = {**os.environ, **ONE_THREAD, **surroundings}
        self.process = context.Process(target=_serve, args=(theirs, environment, str(Path.cwd())))
        self.process.start()
        theirs.close()  # the worker holds the only other copy: its end is the end of the pipe

    def give(self, function: Callable[[Any, Send], Any], item: Any) -> None:
        try:
            task = pickle.dumps((function, item))
        except Exception as error:
            task = pickle.dumps((_died, raised(error).reason))
        with contextlib.suppress(OSError):  # it is dead, and is heard of as such
            self.pipe.send_bytes(task)

    def hear(self) -> tuple[bool, Any]:
        """Whether it is done, with its result, or how it died; else what it says."""
        try:
            if self.pipe.poll():  # what it has said before it died comes first
                over, value = receive(self.pipe)
                return over, value
        except (EOFError, OSError):
            pass
        except Exception as error:  # what it has sent cannot be read here
            self.end()
            return True, raised(error)
        self.process.join(_LAST_SECONDS)
        return True, Died(_fate(self.process.exitcode))

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _one_of(idle: list[_Worker], places: deque[dict[str, str]]) -> _Worker:
    """An idle worker, or a new one."""
    while idle:
        worker = idle.pop()
        if not worker.pipe.closed and worker.process.is_alive():
            return worker
        worker.end()
        places.append(dict(worker.surroundings))
    return _Worker(places.popleft())


def _ready(busy: Iterable[_Worker]) -> list[_Worker]:
    """Those that have said something or are dead; what they have started may hold the pipes of these."""
    workers = list(busy)
    told = connection.wait([end for worker in workers for end in (worker.pipe, worker.process.sentinel)])
    return [worker for worker in workers if worker.pipe in told or worker.process.sentinel in told]


def _fate(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        memory = "; was there too little memory?" if name == "SIGKILL" else ""
        return f"its worker process was killed by {name}{memory}"
    return f"its worker process ended without an answer (exit code {code})"


def _serve(pipe: connection.Connection, environment: Mapping[str, str], folder: str) -> None:
    """What a worker does: one thread, deaf to Ctrl-C, which is for the parent to handle, and gone with it.

    It has the parent's environment and folder: the server that it was forked from may have had others.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # what the server has imported is no garbage; a search of it would copy the shared memory
    threading.Thread(target=_follow_parent, name="lossbench-parent", daemon=True).start()
    os.environ.update(environment)
    os.chdir(folder)
    if "torch" in sys.modules:  # else it reads the environment when it is imported
        sys.modules["torch"].set_num_threads(1)

    def say(over: bool, value: Any) -> None:
        send(pipe, (over, value))

    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        while True:
            task = pipe.recv_bytes()
            say(True, call(_work, task, lambda message: say(False, message)))


def _work(task: bytes, send: Send) -> Any:
    function, item = pickle.loads(task)
    return function(item, send)


def _died(reason: str, _: Send) -> Died:
    """Of an item that cannot travel."""
    return Died(reason)


def _follow_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
