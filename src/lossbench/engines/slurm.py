"""Packs on Slurm, by submitit: each a job of its own in an array."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lossbench.engines.batch import Batch
from lossbench.engines.events import ONE_THREAD, Event, Item, Result, Send
from lossbench.engines.interruption import put_off
from lossbench.engines.parcel import Parcel
from lossbench.engines.queue import ask, goes_on
from lossbench.engines.standing import Standing, cancel, look, news
from lossbench.errors import InputError, first_line

_AT_MOST = 1000  # jobs of an array, as Slurm comes
_LISTEN_SECONDS = 0.25
_ASK_SECONDS = 1.0, 15.0  # between questions to Slurm: at first, and at most


@dataclass(frozen=True)
class Slurm:
    """A cluster under Slurm.

    A killed worker or a lost node takes its pack alone. A job that Slurm queues again, after preemption, a
    lost node or its time limit, goes on from its pack's checkpoint. Where the parent was killed its jobs go
    on, and the next one to run the same items waits for them and takes their results.

    folder:        for job files, on a disk that all nodes share.
    parameters:    as submitit's `AutoExecutor.update_parameters` takes them.
    cpus_per_pack: cores of a pack.
    gpus_per_pack: GPUs of a pack; 0 hides them.
    n_jobs:        packs at a time; None: 16, for a queue does not tell how many it lets run.
    cluster:       `local` runs the jobs on this machine, all at once, for a trial.
    """

    folder: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cpus_per_pack: int = 1
    gpus_per_pack: float = 0
    n_jobs: int | None = None
    cluster: str = "slurm"
    elsewhere: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder).absolute())
        self._executor(self.folder)  # bad parameters are told now

    @property
    def slots(self) -> int:
        return self.n_jobs or 16

    def underway(self) -> list[Any]:
        """Items of parents that have died, whose jobs wait or run, or have left a result."""
        return [batch.items[name] for batch, name in self._underway()]

    def run(
        self, function: Callable[[Item, Send], Result], items: Sequence[Item]
    ) -> Generator[Event, None, None]:
        """See `Engine.run`. An item is known again by its `identity`, or else by all that it holds."""
        waiting = dict(zip(_names(function, items), range(len(items)), strict=True))
        standing = self._adopted(waiting)
        submitted: dict[int, Standing] = {}
        asked, pause = 0.0, _ASK_SECONDS[0]
        try:
            while waiting or standing:
                if waiting and submitted.keys().isdisjoint(standing):
                    chunk = {name: waiting.pop(name) for name in list(waiting)[:_AT_MOST]}
                    with put_off():  # or there would be jobs that nobody knows of
                        batch = self._submitted(function, {name: items[i] for name, i in chunk.items()})
                        submitted = {index: Standing(batch, name) for name, index in chunk.items()}
                        standing |= submitted
                if time.monotonic() - asked > pause:
                    look(standing, self.cluster)
                    asked, pause = time.monotonic(), min(_ASK_SECONDS[1], 1.3 * pause)
                yield from news(standing)
                time.sleep(_LISTEN_SECONDS if standing else 0)
        finally:
            if standing:
                cancel(standing, self.cluster)

    def _underway(self) -> Iterator[tuple[Batch, str]]:
        for batch in Batch.left(self.folder):
            states, sizes = ask(self.cluster, list(batch.jobs.values())), batch.sizes()
            for name, job in batch.jobs.items():
                if f"{name}.result" in sizes or goes_on(states, job):
                    yield batch, name

    def _adopted(self, waiting: dict[str, int]) -> dict[int, Standing]:
        """What of this is underway already, no longer waiting."""
        known = [(batch, name) for batch, name in self._underway() if name in waiting]
        mine = {batch for batch in {batch for batch, _ in known} if batch.claim()}
        return {
            waiting.pop(name): Standing(batch, name)
            for batch, name in known
            if batch in mine and name in waiting
        }

    def _submitted(self, function: Callable[..., Any], items: dict[str, Any]) -> Batch:
        batch = Batch.new(self.folder, items)
        tasks = [
            batch.task(name, Parcel.of(function, item), gpus=bool(self.gpus_per_pack))
            for name, item in items.items()
        ]
        executor = self._executor(batch.folder / "%j")
        try:
            with _surroundings(), executor.batch():
                jobs = [executor.submit(task) for task in tasks]
        except (RuntimeError, OSError) as error:
            for name in items:
                batch.settle(name)
            raise InputError(
                f"Slurm takes no jobs with slurm={dict(self.parameters)}: {first_line(error)}"
            ) from None
        batch.submitted(dict(zip(items, (job.job_id for job in jobs), strict=True)))
        return batch

    def _executor(self, folder: Path) -> Any:
        try:
            from submitit import AutoExecutor
        except ImportError:
            raise InputError(
                "engine=slurm needs submitit, an extra: pip install 'lossbench[slurm]'."
            ) from None
        if self.gpus_per_pack % 1:
            raise InputError(
                f"gpus_per_pack={self.gpus_per_pack:g}: Slurm gives whole GPUs, 0 or 1; a share is asked for "
                "in the cluster's own words, for example slurm={slurm_gres: 'shard:1'}."
            )
        if own := {"nodes", "tasks_per_node", "cpus_per_task", "gpus_per_node"}.intersection(self.parameters):
            raise InputError(
                f"slurm={{{sorted(own)[0]}: …}}: a pack is one process on one node; its cores and GPUs are "
                "cpus_per_pack and gpus_per_pack."
            )
        asked = {"name": "lossbench", "timeout_min": 60, "cpus_per_task": self.cpus_per_pack}
        asked |= {"gpus_per_node": int(self.gpus_per_pack)} if self.gpus_per_pack else {}
        try:
            executor = AutoExecutor(folder, cluster=self.cluster)
            executor.update_parameters(**asked, slurm_array_parallelism=self.slots)
            executor.update_parameters(**self.parameters)
        except (RuntimeError, NameError, ValueError, TypeError, AssertionError) as error:
            raise InputError(
                f"Slurm cannot be asked with slurm={dict(self.parameters)}: {first_line(error)}"
            ) from None
        return executor


def _names(function: Callable[..., Any], items: Sequence[Any]) -> list[str]:
    """What another process calls the same items, of which some may be alike."""
    names, seen = [], Counter[str]()
    whose = getattr(function, "func", function)  # a partial has its function in `func`
    for item in items:
        text = (whose.__module__, whose.__qualname__, getattr(item, "identity", None) or pickle.dumps(item))
        name = hashlib.sha256(repr(text).encode()).hexdigest()[:32]
        names.append(f"{name}-{seen[name]}")
        seen[name] += 1
    return names


@contextmanager
def _surroundings() -> Iterator[None]:
    """What jobs inherit. This process may itself run in a job, whose variables are not for them."""
    from submitit.helpers import clean_env

    before = dict(os.environ)
    own = {
        name: value for name, value in before.items() if name == "SLURM_CONF" or name.startswith("SBATCH_")
    }
    try:
        with clean_env():
            os.environ.update(own | ONE_THREAD)
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
