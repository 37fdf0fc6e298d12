"""Packs on a Ray cluster: each a task, which Ray gives a worker with its share of cores and GPUs."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lossbench.engines.events import ONE_THREAD, Died, Ended, Event, Item, Result, Said, Send, Started, raised
from lossbench.engines.parcel import Parcel
from lossbench.errors import InputError, first_line

log = logging.getLogger(__name__)

_QUIET = {"log_to_driver": False, "include_dashboard": False, "logging_level": "WARNING"}
_LISTEN_SECONDS = 0.2


@dataclass(frozen=True)
class Ray:
    """A Ray cluster: the one that `init` names, or is found, or this machine as one.

    A killed worker or a lost node takes its pack alone. When the parent ends, however it ends, Ray ends its
    tasks.

    init:          as `ray.init` takes it; `address` names the cluster.
    cpus_per_pack: cores of a pack.
    gpus_per_pack: GPUs of a pack, or a share of one; 0 hides them.
    n_jobs:        packs at a time; None: as many as the cluster has room for.
    """

    init: Mapping[str, Any] = field(default_factory=dict)
    cpus_per_pack: float = 1
    gpus_per_pack: float = 0
    n_jobs: int | None = None
    elsewhere: bool = field(default=True, init=False)
    _joined: bool = field(default=False, init=False)  # a connection that was there before, and stays

    def __post_init__(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise InputError("engine=ray needs Ray, an extra: pip install 'lossbench[ray]'.") from None
        object.__setattr__(self, "_joined", ray.is_initialized())

    @property
    def slots(self) -> int:
        """Packs that have room now; one where none has yet."""
        if self.n_jobs:
            return self.n_jobs
        self._connect()
        return max(1, sum(map(self._room, _nodes())))

    def run(
        self, function: Callable[[Item, Send], Result], items: Sequence[Item]
    ) -> Generator[Event, None, None]:
        """See `Engine.run`."""
        import ray
        from ray.util.queue import Queue
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._connect()
        if not any(map(self._room, _nodes())):
            asked = f"{self.cpus_per_pack:g} cores and {self.gpus_per_pack:g} GPUs"
            log.warning("no node of the Ray cluster has %s for a pack now: they wait for one", asked)
        # It must not go down with a node that trains.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        post = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})
        task, at_most = self._task(), self.n_jobs or len(items)
        waiting, running, begun = list(enumerate(items))[::-1], dict[Any, int](), set[int]()
        try:
            while waiting or running:
                while waiting and len(running) < at_most:
                    index, item = waiting.pop()
                    parcel = Parcel.of(function, item)
                    running[task.remote(parcel, index, post, dict(os.environ))] = index
                ready, events = _listen(running, post)
                for event in events:
                    if event.index in running.values():  # or its worker was lost with words on the way
                        begun.add(event.index)
                        yield event
                for task_ in ready:
                    index = running[task_]
                    if index not in begun:
                        yield Started(index)
                    yield Ended(index, _result(task_))
                    del running[task_]
        finally:
            for task_ in running:
                ray.cancel(task_, force=True)
            post.shutdown(force=True)
            if not self._joined:
                ray.shutdown()

    def _connect(self) -> None:
        import ray

        if ray.is_initialized():
            return
        before = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(**(_QUIET | dict(self.init)))
        except Exception as error:
            raise InputError(
                f"Ray cannot be reached with ray={dict(self.init)}: {first_line(error)}"
            ) from error
        if signal.getsignal(signal.SIGTERM) is not before:  # Ray's would end the program with another status
            signal.signal(signal.SIGTERM, before)
        # It would print to stdout what becomes of lost workers, which is told as their packs' fate.
        ray._private.worker._worker_logs_enabled = False

    def _room(self, resources: Mapping[str, float]) -> int:
        """Packs that fit on a node."""
        asked = {"CPU": self.cpus_per_pack, "GPU": self.gpus_per_pack}
        return min(int(resources.get(kind, 0) // share) for kind, share in asked.items() if share)

    def _task(self) -> Any:
        import ray

        hidden = (
            {} if self.gpus_per_pack else {"CUDA_VISIBLE_DEVICES": ""}
        )  # a task without any would see all
        return ray.remote(
            num_cpus=self.cpus_per_pack,
            num_gpus=self.gpus_per_pack,
            max_retries=0,
            runtime_env={"env_vars": ONE_THREAD | hidden},
        )(_work)


def _listen(running: Mapping[Any, int], post: Any) -> tuple[list[Any], list[Any]]:
    """Tasks that have ended, and what has been said, by these to the last word."""
    import ray

    try:
        ready, _ = ray.wait(list(running), timeout=_LISTEN_SECONDS)
        return ready, post.get_nowait_batch(post.qsize())
    except SystemExit:  # SIGTERM, which Ray gives another status
        sys.exit(128 + signal.SIGTERM)


def _nodes() -> list[Mapping[str, float]]:
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _work(parcel: Parcel, index: int, post: Any, environment: Mapping[str, str]) -> Any:
    """In a worker. What it says has arrived when it goes on, and so before its result."""
    for name, value in environment.items():
        os.environ.setdefault(name, value)  # what the worker's machine says of itself stays
    post.put(Started(index))
    return parcel.work(lambda message: post.put(Said(index, message)))


def _result(task: Any) -> Any:
    import ray

    try:
        return ray.get(task)
    except ray.exceptions.RayError as error:
        return Died(f"Ray has lost its worker: {first_line(error)}")
    except Exception as error:  # what came cannot be unpickled here
        return raised(error)
