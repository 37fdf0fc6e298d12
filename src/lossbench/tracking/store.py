"""The one place that records runs: opened before training, fed pack by pack, closed at the end."""

from __future__ import annotations

import atexit
import logging
import sys
import time
import uuid
from collections.abc import Collection, Sequence
from types import TracebackType

from lossbench import palette
from lossbench.errors import InputError
from lossbench.tracking import address, creation, resume, runs
from lossbench.tracking.journal import Entry, Journal, Opening
from lossbench.tracking.process import this_process
from lossbench.tracking.recorder import NotRecorded, Recorder, may_pass, persist
from lossbench.tracking.runs import FinishedRun, RunResult, RunStart
from lossbench.tracking.writer import PARAM_LENGTH, Writer, data_set_record

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
_START_PATIENCE_SECONDS = 15.0  # training waits meanwhile


class Store:
    """Records runs at one tracking address.

    `start` writes records in state RUNNING, from the calling thread. `finish` returns at once: a thread
    records, and what it cannot record stays on disk. `close` waits for it; the end of the program does, too.
    """

    def __init__(self, uri: str, patience: float = PATIENCE_SECONDS) -> None:
        self.address = address.parse(uri)
        self._patience = patience
        self._writer = Writer(self.address)
        self._recorder = Recorder(self._writer, Journal(self.address), patience)
        self._open: dict[str, tuple[Opening, bool]] = {}  # run id -> opening, whether MLflow has it
        self._ended: dict[str, set[str]] = {}  # experiment -> keys that got a counted result here
        self._closed = False
        atexit.register(self._at_exit)

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
        self._recorder.flush()

    def start(self, starts: Sequence[RunStart]) -> list[str]:
        """Record runs in state RUNNING.

        Returns:
            their ids, in order. An id is provisional where MLflow cannot be reached now: `finish` takes it
            all the same, and `recorded_id` tells the final one.

        Raises:
            InputError: MLflow refuses the experiment.
        """
        return [self._start(start) for start in starts]

    def _start(self, start: RunStart) -> str:
        opening = _opening(start)
        until = time.monotonic() + min(_START_PATIENCE_SECONDS, self._patience)

        def create(attempt: int) -> str:
            # An answer that got lost must not make a second record.
            found = self._writer.find_running(opening) if attempt else None
            return found or self._writer.create(opening)

        try:
            run_id, created = persist(create, lambda: until), True
        except Exception as error:
            if isinstance(error, InputError) or not may_pass(error):
                raise
            _log.warning("%s takes no new runs now; they train, and are recorded later.", self.address.spoken)
            run_id, created = f"unrecorded-{uuid.uuid4().hex}", False
        self._open[run_id] = opening, created
        return run_id

    def finish(self, results: Sequence[RunResult]) -> None:
        """Hand over results of started runs; they are on disk when this returns, and recorded soon after."""
        now = _milliseconds()
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

    def finished(self, keys: Collection[str], experiment: str | None = None) -> dict[str, FinishedRun]:
        """Runs that count for these keys: finished or diverged, the latest where there are several.

        Args:
            experiment: only runs of this MLflow experiment.
        """
        return resume.finished(self.address, keys, experiment)

    def abandon(self, keys: Collection[str], experiment: str | None = None) -> None:
        """Mark failed, killed and orphaned records of these keys as superseded, and end orphaned ones."""
        resume.abandon(self.address, self._writer, keys, experiment)

    def flush(self, within: float | None = None) -> None:
        """Wait until everything handed over is recorded, at most `within` seconds.

        Raises:
            NotRecorded: some is not; it is on disk and is recorded by a later flush or the next start.
        """
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
        reason = "the sweep ended before the run did"
        self.finish([RunResult(run_id, "killed", reason) for run_id in list(self._open)])
        self._recorder.flush(within)
        if within is None:
            for experiment, keys in self._ended.items():
                resume.supersede_duplicates(self.address, self._writer, keys, experiment)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _at_exit(self) -> None:
        try:
            self.close()
        except NotRecorded as error:
            print(error, file=sys.stderr)


def _opening(start: RunStart) -> Opening:
    tags = {
        **start.tags,
        runs.KEY: start.key,
        runs.EXPERIMENT: start.experiment,
        runs.PROCESS: str(this_process()),
    }
    tags.setdefault(runs.KIND, "member")
    if runs.LOSS in tags:
        tags.setdefault(runs.RUN_COLOR, palette.color(tags[runs.LOSS]))
    params = {name: value[:PARAM_LENGTH] for name, value in start.params.items()}
    data_set = data_set_record(start.description) if start.description else None
    return Opening(start.experiment, start.name, params, tags, _milliseconds(), data_set)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
