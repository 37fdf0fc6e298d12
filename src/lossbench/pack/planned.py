"""How a sweep trains, as it was planned. Nothing heavy is imported here: a plan travels between processes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from lossbench.data.cache import DataCache
from lossbench.data.source import Description
from lossbench.engines.events import Engine
from lossbench.job import Job
from lossbench.pack.checkpoint import Checkpoint
from lossbench.pack.work import Work


@dataclass(frozen=True)
class PlannedPack:
    """A pack about to train."""

    number: int
    jobs: tuple[Job, ...]
    mode: str
    because: str  # why it is stacked or not, in words
    description: Description  # of its first member's data
    checkpoint: Checkpoint | None = None  # where it writes its state, or an interrupted sweep has left it
    remarks: tuple[str | None, ...] = ()  # of each job: worth knowing before its results are believed

    @property
    def epochs(self) -> int:
        """At most so many for each member."""
        return self.jobs[0].member.trainer.epochs

    @property
    def work(self) -> Work:
        members = tuple(job.member for job in self.jobs)
        keep = any(job.config["tracking"]["models"] for job in self.jobs)
        afresh = "" if all(job.config["tracking"]["resume"] for job in self.jobs) else uuid.uuid4().hex
        return Work(tuple(job.key for job in self.jobs), members, self.mode, self.checkpoint, keep, afresh)


@dataclass(frozen=True)
class Plan:
    """How a sweep trains."""

    packs: list[PlannedPack]
    cache: DataCache  # the data that was loaded to see what the packs are
    engine: Engine
    processes: int  # that train packs at a time
    by_worker: bool = False  # another process has planned, and this one has imported nothing that trains

    @property
    def alone(self) -> bool:
        """Whether all packs train in this process."""
        return self.processes == 1 and not self.engine.elsewhere and not self.by_worker
