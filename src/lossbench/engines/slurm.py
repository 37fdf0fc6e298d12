"""Packs on Slurm, by submitit: each a job of its own in an array."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lossbench.engines.batch import Batch
from lossbench.engines.events import ONE_THREAD, Died, Ended, Event, Item, Result, Said, Send, Started
from lossbench.engines.parcel import Parcel
from lossbench.errors import InputError, first_line

_AT_MOST = 1000  # jobs of an array, as Slurm comes
_LISTEN_SECONDS = 0.25
_ASK_SECONDS = 1.0, 15.0  # between questions to Slurm: at first, and at most
_GRACE_SECONDS = 5.0  # that a shared disk may take to show the result of a job that has ended
_CANCEL_SECONDS = 5.0
_ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"}
_ENDED |= {"PREEMPTED", "REVOKED", "TIMEOUT", "UNKNOWN"}


@dataclass
class _Standing:
    """An item whose end is waited for."""

    batch: Batch
    name: str
    heard: int = 0  # bytes of what it has said
    begun: bool = False
    gone: float | None = None  # when Slurm first said that its job has ended
    state: str = ""

    @property
    def job(self) -> str:
        return self.batch.jobs[self.name]


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
        submitted: dict[int, _Standing] = {}
        asked, pause = 0.0, _ASK_SECONDS[0]
        try:
            while waiting or standing:
                if waiting and submitted.keys().isdisjoint(standing):
                    chunk = {name: waiting.pop(name) for name in list(waiting)[:_AT_MOST]}
                    batch = self._submitted(function, {name: items[index] for name, index in chunk.items()})
                    submitted = {index: _Standing(batch, name) for name, index in chunk.items()}
                    standing |= submitted
                if time.monotonic() - asked > pause:
                    self._ask(standing)
                    asked, pause = time.monotonic(), min(_ASK_SECONDS[1], 1.3 * pause)
                yield from _news(standing)
                time.sleep(_LISTEN_SECONDS if standing else 0)
        finally:
            if standing:
                self._cancel(standing)

    def _underway(self) -> Iterator[tuple[Batch, str]]:
        states = None
        for batch in Batch.left(self.folder):
            states, sizes = states or self._states(batch.jobs.values()), batch.sizes()
            for name, job in batch.jobs.items():
                if f"{name}.result" in sizes or _goes_on(states, job):
                    yield batch, name

    def _adopted(self, waiting: dict[str, int]) -> dict[int, _Standing]:
        """What of this is underway already, no longer waiting."""
        known = [(batch, name) for batch, name in self._underway() if name in waiting]
        mine = {batch for batch in {batch for batch, _ in known} if batch.claim()}
        return {
            waiting.pop(name): _Standing(batch, name)
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

    def _ask(self, standing: Mapping[int, _Standing]) -> None:
        """Which jobs Slurm has ended: without accounting, submitit never learns it."""
        states = self._states(one.job for one in standing.values())
        for one in standing.values():
            one.batch.give_sign()
            if _goes_on(states, one.job):
                one.gone = None
            else:
                one.gone = one.gone or time.monotonic()
                one.state = (states or {}).get(one.job, "")

    def _states(self, jobs: Iterable[str]) -> dict[str, str] | None:
        """The states of jobs, also of those that ended some minutes ago; None where Slurm does not answer."""
        if self.cluster != "slurm":
            return {job: "RUNNING" if _runs(int(job)) else "UNKNOWN" for job in jobs}
        asked = ["squeue", "--me", "--noheader", "--array", "--states=all", "--format=%i %T"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        lines = (line.split(maxsplit=1) for line in answer.stdout.splitlines())
        return {job: state.strip() for job, state in lines} if answer.returncode == 0 else None

    def _cancel(self, standing: Mapping[int, _Standing]) -> None:
        """End what is left, and wait until it has: what has come to a result meanwhile is kept."""
        jobs = [one.job for one in standing.values()]
        command = ["scancel", "--quiet"] if self.cluster == "slurm" else ["kill"]
        # In a session of its own: another Ctrl-C is not for it.
        subprocess.run([*command, *jobs], check=False, start_new_session=True, capture_output=True)
        until = time.monotonic() + _CANCEL_SECONDS
        while time.monotonic() < until and any(
            _goes_on(states, job) for states in [self._states(jobs)] for job in jobs
        ):
            time.sleep(_LISTEN_SECONDS)
        for one in standing.values():
            if f"{one.name}.result" not in one.batch.sizes():
                one.batch.settle(one.name)


def _news(standing: dict[int, _Standing]) -> Iterator[Event]:
    """What jobs have written since the last time."""
    sizes = {batch: batch.sizes() for batch in {one.batch for one in standing.values()}}
    for index, one in list(standing.items()):
        there = sizes[one.batch]
        ended = f"{one.name}.result" in there
        if ended or there.get(f"{one.name}.said", 0) > one.heard:
            news, one.heard = one.batch.said(one.name, one.heard)
            yield from _events(index, one, news)
        lost = not ended and one.gone is not None and time.monotonic() - one.gone > _GRACE_SECONDS
        if ended or lost:
            yield from _events(index, one, [()])
            yield Ended(index, one.batch.result(one.name) if ended else Died(_words(one)))
            del standing[index]
            one.batch.settle(one.name, lost=lost)


def _events(index: int, one: _Standing, news: Sequence[tuple[Any, ...]]) -> Iterator[Event]:
    """Of a job that was queued again there are several starts."""
    for message in news:
        if message:
            yield Said(index, *message)
        elif not one.begun:
            one.begun = True
            yield Started(index)


def _words(one: _Standing) -> str:
    """How a job ended that has left no result."""
    log = one.batch.folder / one.job / f"{one.job}_0_log.err"
    ended = f"Slurm has ended its job {one.job}{f' ({one.state})' if one.state else ''}"
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return f"{ended}, and its node has written nothing; does it see {log.parent}?"
    telling = [line for line in lines if "error" in line] or lines or ["it left no result and no word"]
    return f"{ended}: {telling[-1]}; see {log}"


def _goes_on(states: Mapping[str, str] | None, job: str) -> bool:
    return states is None or states.get(job, "UNKNOWN") not in _ENDED


def _runs(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)


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
