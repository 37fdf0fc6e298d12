"""A thread that records results while the next pack trains, and keeps on disk what cannot be recorded."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lossbench.counting import counted
from lossbench.errors import InputError, first_line
from lossbench.tracking.journal import FOLDER, Entry, Journal
from lossbench.tracking.patience import library, may_pass, persist
from lossbench.tracking.runs import Points
from lossbench.tracking.writer import Writer

_log = logging.getLogger(__name__)


class NotRecorded(InputError):  # noqa: N818 - it names a state, as InputError's sentence does
    """Results are not in MLflow; the sentence says where they are."""


@dataclass(frozen=True)
class _Batch:
    entries: Sequence[Entry]
    path: Path | None  # in the journal; None where no disk took it


@dataclass(frozen=True)
class _Shown:
    curves: Mapping[str, Points]


class Recorder:
    """Takes batches of results and records them in the order in which they come.

    patience: seconds for which a batch is tried again before it is left to the journal. After that, batches
        are tried once each, until one succeeds.
    """

    def __init__(self, writer: Writer, journal: Journal, patience: float) -> None:
        self._writer, self._journal, self._patience = writer, journal, patience
        self._batches: queue.Queue[_Batch | _Shown] = queue.Queue()
        self._at_work: _Batch | None = None
        self._left: list[_Batch] = []  # could not be recorded so far
        self._errors: list[Exception] = []  # will not pass
        self._deadline = float("inf")
        self.refused = False  # the last batch was not taken
        self._thread: threading.Thread | None = None
        self.recorded: dict[str, str] = {}  # provisional id -> id in MLflow

    def put(self, entries: Sequence[Entry]) -> None:
        """Keep a batch on disk and queue it; returns at once."""
        self._queue(_Batch(entries, self._journal.write(entries)))

    def show(self, curves: Mapping[str, Points]) -> None:
        """Queue what runs have reached that train; lost without a word where it is not taken at once."""
        self._queue(_Shown(curves))

    def replay(self) -> None:
        """Queue what ended processes have left."""
        for path, entries in self._journal.orphans():
            _log.info("Recording %d results that an earlier process has left.", len(entries))
            self._queue(_Batch(entries, path))

    def flush(self, within: float | None = None) -> None:
        """Wait until every batch is recorded, at most `within` seconds.

        Raises:
            NotRecorded: some could not be; they are on disk, and are tried again by a later flush or start.
            Exception: the first that recording raised and that will not pass.
        """
        if within is not None:
            self._deadline = time.monotonic() + within
        again, self._left = self._left, []
        for batch in again:
            self._queue(batch)
        while self._batches.unfinished_tasks and time.monotonic() < self._deadline:
            time.sleep(0.002)
        missing = self._drain() + self._left
        at_work, self._deadline = self._at_work, float("inf")
        self._left = missing
        problems, self._errors = self._errors, []
        if at_work:
            missing = [at_work, *missing]
        if missing:
            problems.append(NotRecorded(self._sentence(missing)))
        for problem in problems[1:]:
            _log.error("%s", problem)  # one is raised; the others are told all the same
        if problems:
            raise problems[0]

    def release(self) -> None:
        """Leave what could not be recorded to the next start, in this process or another."""
        for batch in self._left:
            if batch.path:
                self._journal.release(batch.path)
        self._left = []

    def _queue(self, batch: _Batch | _Shown) -> None:
        self._batches.put(batch)
        if self._thread is None:
            # A daemon, because a thread that waits for work must not keep the program from ending;
            # the store flushes before it does.
            self._thread = threading.Thread(target=self._work, name="lossbench-recorder", daemon=True)
            self._thread.start()

    def _drain(self) -> list[_Batch]:
        waiting = []
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.append(self._batches.get_nowait())
                self._batches.task_done()
        return [batch for batch in waiting if isinstance(batch, _Batch)]

    def _sentence(self, missing: Sequence[_Batch]) -> str:
        number = sum(len(batch.entries) for batch in missing)
        what = (
            f"The results of {counted(number, 'run')} could not be recorded in {self._writer.address.spoken}"
        )
        if any(batch.path is None for batch in missing):
            return f"{what}, and no disk takes them; free some space, then run the same command again."
        folders = sorted({str(batch.path.parent) for batch in missing if batch.path})
        return f"{what}; they are kept in {', '.join(folders)} and recorded at the next start."

    def _work(self) -> None:
        while True:
            given = self._batches.get()
            self._at_work = given if isinstance(given, _Batch) else None
            try:
                if isinstance(given, _Shown):
                    self._show(given)
                else:
                    self._record(given)
            except Exception as error:  # a fault of ours must not end the thread that others wait for
                self._errors.append(error)
            finally:
                self._at_work = None
                self._batches.task_done()

    def _show(self, shown: _Shown) -> None:
        if not self.refused:
            try:
                self._writer.show(shown.curves)
                self._writer.close()
            except Exception as error:  # all of it comes again with the results
                _log.debug("not shown: %s", error)

    def _record(self, batch: _Batch) -> None:
        began = time.monotonic()
        patience = 0.0 if self.refused else self._patience

        def until() -> float:
            return min(began + patience, self._deadline)

        size = self._writer.at_once
        for start in range(0, len(batch.entries), size):
            try:
                self._persist(batch.entries[start : start + size], until)
            except Exception as error:
                if not may_pass(error):
                    raise
                self._leave(_Batch(batch.entries[start:], batch.path), error)
                return
        self._writer.close()
        if batch.path:
            self._journal.remove(batch.path)

    def _persist(self, entries: Sequence[Entry], until: Callable[[], float]) -> None:
        """Record some entries; those that will never be taken are put aside, for `flush` to tell."""
        try:
            persist(lambda _: self._attempt(entries), until)
            self.refused = False
        except Exception as error:
            if may_pass(error):
                raise
            if len(entries) > 1:  # one bad entry must not take the others with it
                for entry in entries:
                    self._persist([entry], until)
            else:
                self._errors.append(self._explained(entries[0], error))
                self._journal.refuse(entries)

    def _attempt(self, entries: Sequence[Entry]) -> None:
        unknown = [e for e in entries if not e.created and e.result.run_id not in self.recorded]
        created = self._writer.create([entry.opening for entry in unknown], may_exist=True) if unknown else []
        self.recorded |= {entry.result.run_id: run_id for entry, run_id in zip(unknown, created, strict=True)}
        ids = [self.recorded.get(entry.result.run_id, entry.result.run_id) for entry in entries]
        self._writer.record(list(zip(ids, entries, strict=True)))

    def _explained(self, entry: Entry, error: Exception) -> Exception:
        """A refusal as a sentence that says where the results are; a fault of ours as it is."""
        if not isinstance(error, InputError) and library(error) != "mlflow":
            return error
        refusal = NotRecorded(
            f"{self._writer.address.spoken} refuses the results of run {entry.opening.name}: "
            f"{first_line(error)[:200].rstrip('.')}; they are kept in {FOLDER} as a .refused file."
        )
        refusal.__cause__ = error
        return refusal

    def _leave(self, batch: _Batch, error: Exception) -> None:
        """Keep the rest of a batch on disk, without what is recorded already."""
        path = self._journal.write(batch.entries)
        if path and batch.path:
            self._journal.remove(batch.path)
        self._left.append(_Batch(batch.entries, path or batch.path))
        if not self.refused:
            place = f"in {path.parent}" if path else "in memory"
            _log.warning(
                "%s does not take results (%s); they are kept %s until it does.",
                self._writer.address.spoken,
                first_line(error)[:200],
                place,
            )
        self.refused = True
