"""The one place that records runs: opened before training, fed pack by pack, closed at the end."""

from __future__ import annotations

import atexit
import logging
import sys
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, partial

from lossbench.engines.interruption import put_off
from lossbench.errors import first_line
from lossbench.tracking import address, creation, resume, runs
from lossbench.tracking.bulk_writer import BulkWriter
from lossbench.tracking.client_writer import ClientWriter
from lossbench.tracking.journal import Entry, Journal, Opening
from lossbench.tracking.patience import may_pass, persist
from lossbench.tracking.recorder import NotRecorded, Recorder
from lossbench.tracking.runs import RunResult
from lossbench.tracking.writer import Writer

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
_START_PATIENCE_SECONDS = 15.0  # training waits meanwhile


def writer(at: address.Address) -> Writer:
    """The writer for an address that was prepared."""
    return BulkWriter(at) if BulkWriter.knows(at) else ClientWriter(at)


class Store:
    """Records runs at one tracking address.

    `start` writes records in state RUNNING, from the calling thread. `finish` returns at once: a thread
    records, and what it cannot record stays on disk. `close` waits for it; the end of the program does, too.
    """

    def __init__(self, uri: str, patience: float = PATIENCE_SECONDS) -> None:
        self.address = address.parse(uri)
        self._patience = patience
        self._open: dict[str, tuple[Opening, bool]] = {}  # run id -> opening, whether MLflow has it
        self._ended: dict[str, set[str]] = {}  # experiment -> keys that got a counted result here
        self._closed = self._used = False
        atexit.register(self._at_exit)

    @cached_property
    def _writer(self) -> Writer:
        return writer(self.address)

    @cached_property
    def _recorder(self) -> Recorder:
        self._used = True
        return Recorder(self._writer, Journal(self.address), self._patience)

    def exists(self) -> bool:
        """Whether there is something to record into; an empty file is a database only after `prepare`."""
        path = self.address.path
        return path is None or (path.exists() and path.stat().st_size > 0)

    def prepare(self) -> None:
        """Make sure that runs can be recorded, and record what an earlier process has left.

        Creates the database where there is none. Takes a few milliseconds where nothing is to be done.

        Raises:
            InputError: the server is not there, or the database cannot be written.
        """
        address.check_reachable(self.address)
        if self.address.path:
            creation.prepare_database(self.address.path)
        self._recorder.replay()
        try:
            self._recorder.flush()
        except NotRecorded as error:
            _log.warning("%s", error)  # they stay on disk; new runs are another matter

    def start(self, openings: Sequence[Opening]) -> list[str]:
        """Record runs in state RUNNING.

        Returns:
            their ids, in order. An id is provisional where MLflow cannot be reached now: `finish` takes it
            all the same, and `recorded_id` tells the final one.

        Raises:
            InputError: MLflow refuses the experiment.
        """
        size = self._writer.at_once
        run_ids: list[str] = []
        reachable = True
        for start in range(0, len(openings), size):
            some = openings[start : start + size]
            provisional = [f"unrecorded-{uuid.uuid4().hex}" for _ in some]
            opened = self._open
            # Ctrl-C may come when MLflow has them and before their ids are here: `close` finds them by these.
            self._open = opened | {i: (o, False) for i, o in zip(provisional, some, strict=True)}
            try:
                created = self._created(some) if reachable else None
            except Exception:
                self._open = opened
                raise
            if created:
                self._open = opened | {i: (o, True) for i, o in zip(created, some, strict=True)}
            # Training goes on without MLflow, and waits for it once, not for each run.
            reachable = created is not None
            run_ids += created or provisional
        self._writer.close()
        if openings and not reachable:
            _log.warning("%s takes no new runs now; they train, and are recorded later.", self.address.spoken)
        return run_ids

    def _created(self, openings: Sequence[Opening]) -> list[str] | None:
        patience = 0.0 if self._recorder.refused else min(_START_PATIENCE_SECONDS, self._patience)
        until = time.monotonic() + patience
        try:
            return persist(lambda attempt: self._writer.create(openings, attempt > 0), lambda: until)
        except Exception as error:
            if not may_pass(error):
                raise
            return None

    def show(self, curves: Mapping[str, runs.Points]) -> None:
        """Let MLflow show what started runs have reached so far, if it takes it; returns at once."""
        there = {run_id: own for run_id, own in curves.items() if self._open.get(run_id, (None, False))[1]}
        if there:
            self._recorder.show(there)

    def finish(self, results: Sequence[RunResult]) -> None:
        """Hand over results of started runs; they are on disk when this returns, and recorded soon after."""
        now = time.time_ns() // 1_000_000
        with put_off():  # or a result would be neither open nor handed over
            entries = []
            for result in results:
                opening, created = self._open.pop(result.run_id)
                entries.append(Entry(opening, result, now, created))
                if result.outcome in runs.COUNTED:
                    self._ended.setdefault(opening.experiment, set()).add(opening.tags[runs.KEY])
            if entries:
                self._recorder.put(entries)

    def recorded_id(self, run_id: str) -> str:
        """The id in MLflow of a run that `start` gave a provisional one."""
        return self._recorder.recorded.get(run_id, run_id)

    def finished(self, keys: Collection[str], experiment: str | None = None) -> dict[str, RunResult]:
        """Runs that count for these keys (of an experiment): finished or diverged, the latest of several."""
        return resume.finished(self.address, keys, experiment)

    def abandon(self, keys: Collection[str], experiment: str | None = None) -> None:
        """End orphaned records, and mark those of these keys as superseded that do not count.

        These failed, were killed, or have a later result that an interrupted sweep left unmarked.
        """
        self._repeat(lambda: resume.abandon(self.address, self._writer, keys, experiment))
        self._writer.close()

    def flush(self, within: float | None = None) -> None:
        """Wait until everything handed over is recorded, at most `within` seconds; see `Recorder.flush`."""
        self._recorder.flush(within)

    def close(self, within: float | None = None) -> None:
        """End runs that were started and not finished as killed, and flush. A second call does nothing.

        Where a key has several results now (two sweeps at once, or runs trained again), all but the latest
        are marked as superseded.

        Raises:
            NotRecorded: see `flush`.
        """
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        if not self._used:  # the address was refused, or nothing came to be recorded
            return
        reason = "the sweep ended before the run did"
        self.finish([RunResult(run_id, "killed", reason) for run_id in list(self._open)])
        try:
            self._recorder.flush(within)
        finally:
            self._recorder.release()
        if within is None:
            for experiment, keys in self._ended.items():
                mark = partial(resume.supersede_duplicates, self.address, self._writer, keys, experiment)
                self._repeat(mark)
            self._writer.close()
            if self.address.path and self.address.path.exists():
                creation.tidy(self.address.path)

    def _repeat(self, action: Callable[[], None]) -> None:
        """Do what may be repeated, with the patience of the store."""
        until = time.monotonic() + self._patience
        try:
            persist(lambda _: action(), lambda: until)
        except Exception as error:
            if not may_pass(error):
                raise
            raise NotRecorded(
                f"{self.address.spoken} cannot be written now ({first_line(error):.200}); "
                "when it can, run the same command again: what is finished is not trained twice."
            ) from error

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _at_exit(self) -> None:
        try:
            self.close()
        except NotRecorded as error:
            print(error, file=sys.stderr)
