"""How far a sweep is: one live display on a terminal, plain lines where there is none."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from lossbench.counting import counted

PATIENCE = 2.0  # seconds before a single run speaks at all
INTERVAL = 10.0  # seconds between plain lines, where no pack ends


class Progress:
    """Counts packs, members and member-epochs, and shows them with the time left."""

    def __init__(
        self,
        packs: int,
        members: int,
        epochs_total: int,
        *,
        stream: IO[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.packs, self.members, self.epochs_total = packs, members, epochs_total
        self.packs_done = self.members_done = self.failed = 0
        self.epochs_done = 0
        self._by_pack: dict[int, int] = {}
        self._started: set[int] = set()
        self._ended: set[int] = set()
        self._first: tuple[float, int] | None = None  # time of the first event, and epochs done by then
        self._clock = clock
        self._start = self._last = clock()
        self._console = Console(stderr=stream is None, file=stream)
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._handlers: dict[logging.StreamHandler[Any], Any] = {}  # of logging, and what they wrote to
        self._closed = False

    def __enter__(self) -> Progress:
        self._start = self._last = self._clock()
        if self.members > 1:
            self._open()
            runs = f"{counted(self.members, 'run')} in {counted(self.packs, 'pack')}"
            self._line(f"training {runs}, {counted(self.epochs_total, 'epoch')} in all")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the display as it is now; what is printed later stands below it."""
        if self._bars is not None and not self._closed:
            self._show()
            self._bars.stop()
            for handler, stream in self._handlers.items():
                handler.setStream(stream)
        self._closed = True

    def started(self, pack: int) -> None:
        """The pack waits no longer."""
        self._started.add(pack)
        if self._bars is not None and not self._closed:
            self._show()

    def advance(self, pack: int, members: int, epochs: int = 1) -> None:
        """`members` members of the pack have each trained `epochs` further epochs."""
        if pack in self._ended:  # a message that was overtaken by the pack's result
            return
        self._by_pack[pack] = self._by_pack.get(pack, 0) + members * epochs
        self.epochs_done += members * epochs
        self._after_event(line_due=self._clock() - self._last >= INTERVAL)

    def done(self, pack: int, members: int, epochs: int, failed: int = 0) -> None:
        """The pack of `members` members with at most `epochs` epochs each has ended, and `failed` of them.

        Epochs that were saved by early stopping or lost by a failure count as done.
        """
        self._ended.add(pack)
        self.epochs_done += members * epochs - self._by_pack.pop(pack, 0)
        self.packs_done += 1
        self.members_done += members
        self.failed += failed
        self._after_event(line_due=True)

    def left(self) -> float | None:
        """Seconds until the end at the pace so far; None while there is none.

        The pace counts from the first epoch that was heard of, because what comes before it (imports, data)
        does not come again.
        """
        to_do = self.epochs_total - self.epochs_done
        if to_do <= 0:
            return 0.0
        if self._first is None or self.epochs_done == self._first[1]:
            return None
        since, epochs = self._first
        return (self._clock() - since) * to_do / (self.epochs_done - epochs)

    def _after_event(self, *, line_due: bool) -> None:
        self._first = self._first or (self._clock(), self.epochs_done)
        if self._closed or (self.members <= 1 and self._clock() - self._start < PATIENCE):
            return
        if self._console.is_terminal:
            self._open()
            self._show()
        elif line_due:
            others, lost = (f" ({note})" if note else "" for note in (self._others(), self._lost()))
            packs = f"packs {self.packs_done}/{self.packs}{others}"
            runs = f"runs {self.members_done}/{self.members}{lost}"
            self._line(f"{packs}, {runs}, epochs {self.epochs_done}/{self.epochs_total}, {self._time_left()}")

    def _others(self) -> str:
        """Packs that train, and that wait for a process, a node or a GPU."""
        running = len(self._started - self._ended)
        queued = self.packs - running - self.packs_done
        return ", ".join(f"{n} {state}" for n, state in ((running, "running"), (queued, "queued")) if n)

    def _lost(self) -> str:
        return f"{self.failed} diverged or failed" if self.failed else ""

    def _line(self, text: str) -> None:
        if not self._console.is_terminal:
            self._last = self._clock()
            with suppress(BrokenPipeError):  # nobody reads it any more, and training goes on
                print(text, file=self._console.file, flush=True)

    def _time_left(self) -> str:
        left = self.left()
        return "time left unknown" if left is None else f"{_clock_face(left)} left"

    def _open(self) -> None:
        if self._bars is not None or self._closed or not self._console.is_terminal:
            return
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            redirect_stdout=sys.stdout.isatty(),  # what goes into a file goes on doing so
        )
        for name, total in (("packs", self.packs), ("runs", self.members), ("epochs", self.epochs_total)):
            self._tasks[name] = self._bars.add_task(name, total=total, note="")
        self._bars.start()
        self._handlers = _handlers_of_terminals()
        for handler, stream in self._handlers.items():  # above the bars, which are drawn over the rest
            handler.setStream(FileProxy(self._console, stream))

    def _show(self) -> None:
        assert self._bars is not None
        notes = {"packs": self._others(), "runs": self._lost(), "epochs": self._time_left()}
        counts = {"packs": self.packs_done, "runs": self.members_done, "epochs": self.epochs_done}
        for name, task in self._tasks.items():
            self._bars.update(task, completed=counts[name], note=notes.get(name, ""))


def _handlers_of_terminals() -> dict[logging.StreamHandler[Any], Any]:
    found = [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    return {handler: handler.stream for handler in found if handler.stream.isatty()}


def _clock_face(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
