"""How long packs will take, from a few updates of one of each kind, which are thrown away."""

from __future__ import annotations

import heapq
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lossbench._memory import freed_memory_kept
from lossbench.data.cache import DataCache
from lossbench.lightning import Callback, LightningModule, Trainer, quiet
from lossbench.pack.fit import trainer_of
from lossbench.pack.grouping import pack_key
from lossbench.pack.module import Pack
from lossbench.pack.planned import Plan, PlannedPack
from lossbench.pack.precision import exactly
from lossbench.pack.streamed import pack_data
from lossbench.pack.threads import one_thread

_UPDATES = 4  # of each of two epochs; the first epoch warms up
_MEMBERS = 32  # of a pack at most: in a wider stack one takes a little less
_AT_MOST_SECONDS = 15.0  # of the measurement of further kinds


@dataclass(frozen=True)
class Estimate:
    """Seconds that a plan will train."""

    seconds: float  # from the first pack to the last, with as many processes as planned
    of_pack: tuple[float, ...]
    timed: int  # kinds of pack; the others have the mean pace of those with their model
    kinds: int


def estimate(plan: Plan) -> Estimate:
    """Time some members of one pack of each kind, and reckon how long all packs will take.

    Each model on each data set is timed, and while there is time its other kinds, those with most work first.
    Test examples are not read.
    """
    kinds: dict[tuple[str, str], list[PlannedPack]] = {}
    for pack in plan.packs:
        kinds.setdefault((pack.mode, pack_key(pack.jobs[0])), []).append(pack)
    begun = time.perf_counter()
    paces: dict[tuple[type, type], list[float]] = {}
    seconds: dict[int, float] = {}
    waiting: list[list[PlannedPack]] = []
    for packs in sorted(kinds.values(), key=lambda packs: -sum(map(_work, packs))):
        if _pair(packs[0]) in paces and time.perf_counter() - begun > _AT_MOST_SECONDS:
            waiting.append(packs)
            continue
        pace = _seconds_per_update(packs[0], plan.cache)
        paces.setdefault(_pair(packs[0]), []).append(pace)
        seconds |= {pack.number: pace * _work(pack) for pack in packs}
    for packs in waiting:
        mean = statistics.fmean(paces[_pair(packs[0])])
        seconds |= {pack.number: mean * _work(pack) for pack in packs}
    of_pack = tuple(seconds[pack.number] for pack in plan.packs)
    return Estimate(_side_by_side(of_pack, plan.processes), of_pack, len(kinds) - len(waiting), len(kinds))


def _pair(pack: PlannedPack) -> tuple[type, type]:
    member = pack.jobs[0].member
    return type(member.source), type(member.model)


def _work(pack: PlannedPack) -> float:
    """Member-updates."""
    first = pack.jobs[0].member
    return (
        len(pack.jobs) * pack.epochs * math.ceil(pack.description.sizes["train"] / first.trainer.batch_size)
    )


def _side_by_side(seconds: Sequence[float], processes: int) -> float:
    """When the last of the packs ends, each begun in order as soon as a process is free."""
    free = [0.0] * processes
    for one in seconds:
        heapq.heapreplace(free, free[0] + one)
    return max(free)


def _seconds_per_update(planned: PlannedPack, cache: DataCache) -> float:
    """Of one member: all that its pack does, divided by updates. A test is taken to go as validation does."""
    members = [job.member for job in planned.jobs[:_MEMBERS]]
    first = members[0]
    begun = time.perf_counter()
    data = pack_data(members, cache)
    updates = data.updates_per_epoch
    clock = _Clock()
    timed = min(updates, _UPDATES)
    with quiet(), one_thread(), exactly(), freed_memory_kept():
        pack = Pack(members, data, planned.mode)
        trainer = trainer_of(first, [clock], max_epochs=2, limit_train_batches=timed)
        trainer.fit(pack, datamodule=data)
        pack.release()
    start = clock.first - begun
    epoch = clock.epoch + (updates - timed) * statistics.median(clock.updates or [0.0])
    test = clock.validation * data.size("test") / data.size("val")
    return (start + planned.epochs * epoch + test) / (len(members) * planned.epochs * updates)


class _Clock(Callback):
    """Times the second of two epochs."""

    def __init__(self) -> None:
        self.first = 0.0  # when training began
        self.epoch = self.validation = 0.0  # seconds; that of the epoch has its validation in it
        self.updates: list[float] = []  # seconds of each
        self._epoch = self._update = self._validation = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epoch = time.perf_counter()
        self.first = self.first or self._epoch
        self.updates = []

    def on_train_batch_start(self, trainer: Trainer, *_: object) -> None:
        self._update = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        self.updates.append(time.perf_counter() - self._update)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validation = time.perf_counter()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.validation = time.perf_counter() - self._validation

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epoch = time.perf_counter() - self._epoch
