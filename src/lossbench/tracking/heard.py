"""What is heard of packs that train, in their records and on the display."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lossbench._memory import trim
from lossbench.engines.events import Died, Ended, Event, Said
from lossbench.engines.progress import Progress
from lossbench.outcome import Outcome
from lossbench.tracking.store import Store
from lossbench.tracking.told import run_result, run_start

if TYPE_CHECKING:
    from lossbench.pack.abroad import Unseen
    from lossbench.pack.fate import MemberResult
    from lossbench.pack.planned import PlannedPack
    from lossbench.pack.said import Curves, Trained

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Heard:
    """Follows the packs of a sweep; `outcomes` has those of a pack once the store has its results."""

    store: Store
    progress: Progress
    packs: Sequence[PlannedPack]
    outcomes: dict[str, Outcome]
    run_ids: dict[int, list[str]] = field(default_factory=dict)  # by the numbers of packs that have started
    epochs: dict[int, int] = field(default_factory=dict)  # the last that each of them has told of
    warned: set[str] = field(default_factory=set)  # what was said once

    def hear(self, event: Event) -> None:
        """Record what an event tells, and show it."""
        pack = self.packs[event.index]
        if isinstance(event, Said):
            try:
                self._said(pack, event.message)
            except Exception:  # no reason to lose what trains
                log.exception("a message from a worker could not be used: %r", event.message)
            return
        if pack.number not in self.run_ids:  # also where its worker was lost before it could say a word
            self.run_ids[pack.number] = self.store.start([run_start(job, pack) for job in pack.jobs])
            self.progress.started(pack.number)
        if isinstance(event, Ended):
            self._ended(pack, event.result)

    def _said(self, pack: PlannedPack, message: Trained | Curves | Unseen) -> None:
        from lossbench.pack.said import Curves, Trained

        if isinstance(message, Trained):
            further = message.epoch - self.epochs.get(pack.number, 0)
            if further > 0:
                self.progress.advance(pack.number, message.members, further)
                self.epochs[pack.number] = message.epoch
        elif isinstance(message, Curves):
            run_ids = enumerate(self.run_ids[pack.number])
            self.store.show({run_id: message.of(member) for member, run_id in run_ids})
        elif str(message) not in self.warned:
            self.warned.add(str(message))
            log.warning("%s", message)

    def _ended(self, pack: PlannedPack, found: list[MemberResult] | Died) -> None:
        """There are outcomes once the store has the results."""
        from lossbench.pack.fate import MemberResult

        if isinstance(found, Died):
            trace = "".join(traceback.format_exception(found.error)) if found.error else None
            results = [MemberResult("failed", found.reason, trace) for _ in pack.jobs]
        else:
            results = found
        members = list(zip(pack.jobs, self.run_ids[pack.number], results, strict=True))
        self.store.finish([run_result(*member) for member in members])
        if pack.checkpoint and not isinstance(found, Died):
            pack.checkpoint.forget()
        failed = sum(result.outcome != "finished" for result in results)
        self.progress.done(pack.number, len(pack.jobs), pack.epochs, failed)
        trim()  # results of the packs before, of which the records are made by now
        for job, run_id, result in members:
            self.outcomes[job.key] = Outcome(job, result.outcome, result.reason, result.metrics, run_id)
