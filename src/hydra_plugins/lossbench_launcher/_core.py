"""One sweep: compose all jobs, train them in one call, replay each outcome through Hydra's `run_job`."""

from __future__ import annotations

import copy
import functools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import (
    JobReturn,
    configure_log,
    env_override,
    filter_overrides,
    run_job,
    setup_globals,
)
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.lossbench_launcher._compose import SweepLoader
from hydra_plugins.lossbench_launcher._halving import rounds
from hydra_plugins.lossbench_launcher._held import KEPT, Held, Numbered, Planned
from hydra_plugins.lossbench_launcher._quick import hurried, share_node, without
from hydra_plugins.lossbench_launcher._returns import LightReturn, Return, placed
from hydra_plugins.lossbench_launcher._trials import halved, in_trials, numbered_from
from lossbench.config.chosen import ChoiceCheck
from lossbench.config.making import resolved
from lossbench.config.raw import inside, raw, settled
from lossbench.engines.events import Engine
from lossbench.engines.local import Local
from lossbench.errors import InputError

log = logging.getLogger(__name__)


class Outcome(Protocol):
    """How one job ended."""

    def result(self) -> float | None:
        """The number that the job returns to its sweeper; raises what ended a job that failed."""

    @property
    def merit(self) -> float | None:
        """How good it was on validation, more being better; None without a result. Halving alone asks."""


Trainer = Callable[..., list[Outcome]]
Environment = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sweep:
    """What Hydra hands over, and the options of the launcher, as `PackLauncherConf` tells them."""

    config: DictConfig
    context: HydraContext
    task: TaskFunction
    trainer: str | None
    n_jobs: int | None
    max_members: int
    engine: Engine

    def prepare(self) -> None:
        """Check the options, and let the sweeper compose its jobs by the fast loader too.

        Sweepers compose every job once themselves, to find faults early, with the context that they share.
        """
        if not self.trainer:
            return
        if self.max_members < 1:
            raise InputError(f"hydra.launcher.max_members must be at least 1; got {self.max_members}.")
        self.context.config_loader = cast(ConfigLoader, SweepLoader(self.context.config_loader))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one batch of jobs; their folders, files, callbacks and returns are made by Hydra.

        Training sees the original working directory whatever `hydra.job.chdir` says, because a pack trains
        many jobs in one process. What the trainer refuses is raised, and no job is replayed.
        """
        if not job_overrides:
            raise InputError(
                "The sweep is empty: give every range and list at least one value, as in seed=0,1,2."
            )
        setup_globals()
        if not self.trainer:
            return self._one_by_one(job_overrides, initial_job_idx)
        hydra = self.config.hydra
        configure_log(hydra.hydra_logging, hydra.verbose)
        Path(str(hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        with hurried():
            loader = cast(SweepLoader, self.context.config_loader)
            check = ChoiceCheck()
            planned = self._planned(job_overrides, lambda job: _checked(loader.take(self.config, job), check))
            first = numbered_from(initial_job_idx, len(planned), len(job_overrides))
            jobs = [Numbered(job, number) for number, job in enumerate(planned, first)]
            for job in jobs:
                log.info("\t#%d : %s", job.number, " ".join(filter_overrides(job.planned.overrides)))
                if job.planned.place is not None:  # a trial; of other jobs the configs were composed by now
                    _ = job.planned.config
        log.info(f"Launching {len(jobs)} jobs together")
        loader.forget()
        outcomes = self._train_in_rounds(planned, jobs)
        kind = Return if len(jobs) <= KEPT else LightReturn
        try:
            with hurried():
                return [kind.of(self._replay(jobs[n], outcomes[n]), jobs[n]) for n in sorted(outcomes)]
        finally:
            configure_log(hydra.hydra_logging, hydra.verbose)

    def _one_by_one(self, job_overrides: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
        from hydra._internal.core_plugins.basic_launcher import BasicLauncher

        basic = BasicLauncher()
        basic.setup(hydra_context=self.context, task_function=self.task, config=self.config)
        loader = SweepLoader(self.context.config_loader)  # Hydra composes every job again when it runs
        with hurried():
            planned = self._planned(job_overrides, lambda job: loader.take(self.config, job))
        if halved(planned):
            raise InputError("halving=true trains in rounds, which hydra/launcher=pack does: choose that.")
        first = numbered_from(first, len(planned), len(job_overrides))
        return basic.launch([job.overrides for job in planned], first)

    def _planned(
        self, jobs: Sequence[Sequence[str]], compose: Callable[[Sequence[str]], DictConfig]
    ) -> list[Planned]:
        return in_trials(jobs, self.config.hydra.overrides.task, Held(compose))

    def _train_in_rounds(self, planned: Sequence[Planned], jobs: Sequence[Numbered]) -> dict[int, Outcome]:
        """The outcome of each job by its number; without those of trials that halving dropped."""
        if not halved(planned):
            return dict(enumerate(self._train(jobs)))
        if self.config.hydra.sweeper.get("max_batch_size"):
            raise InputError("halving=true sees all jobs of a sweep at once: leave max_batch_size out.")
        outcomes: dict[int, Outcome] = {}
        own = [number for number, job in enumerate(planned) if job.place is not None]
        numbers = [number for number, job in enumerate(planned) if job.place is None]  # never dropped
        places = [job.place for job in planned if job.place is not None]
        *_, last_seed = dict.fromkeys(place.seed for place in places)
        for places_now in rounds(places, lambda place: outcomes[own[place]].merit):
            last = any(places[place].seed == last_seed for place in places_now)
            numbers += [own[place] for place in places_now]
            ended = self._train([jobs[number] for number in numbers], last=last)
            outcomes.update(zip(numbers, ended, strict=True))
            numbers = []
        return outcomes

    def _train(self, jobs: Sequence[Numbered], *, last: bool = True) -> list[Outcome]:
        """Call the trainer: once, or once for each value of `hydra.job.env_set` where that differs.

        Args:
            last: no further round of halving follows.
        """
        fault = f"hydra.launcher.trainer={self.trainer} cannot be imported"
        trainer: Trainer = resolved(str(self.trainer), fault, "; name a function as package.module.function.")
        options: dict[str, Any] = {"n_jobs": self.n_jobs or 0, "max_members": self.max_members}
        options |= {} if last else {"last": False}
        options |= {} if self.engine == Local(self.n_jobs or 0) else {"engine": self.engine}
        before = HydraConfig.instance().cfg
        configs: dict[Environment, dict[int, DictConfig]] = {}
        outcomes: dict[int, Outcome] = {}
        try:
            with hurried():
                for number, job in enumerate(jobs):
                    config, environment = _task_config(job.config)
                    configs.setdefault(environment, {})[number] = config
            for environment, members in configs.items():
                with env_override(dict(environment)), self._sweep_log(jobs[min(members)].config):
                    got = trainer(list(members.values()), **options)
                outcomes.update(zip(members, got, strict=True))
        finally:
            HydraConfig.instance().cfg = before
        return [outcomes[number] for number in range(len(jobs))]

    @contextmanager
    def _sweep_log(self, job: DictConfig) -> Iterator[None]:
        """Logging as in a job, but into the folder of the sweep: what is logged here concerns many jobs."""
        shared = copy.deepcopy(job)
        with read_write(shared.hydra.runtime):
            shared.hydra.runtime.output_dir = os.path.abspath(str(shared.hydra.sweep.dir))  # noqa: PTH100
        HydraConfig.instance().set_config(shared)
        configure_log(shared.hydra.job_logging, shared.hydra.verbose)
        try:
            yield
        finally:
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)

    def _replay(self, job: Numbered, outcome: Outcome) -> JobReturn:
        @functools.wraps(self.task)
        def replay(_: Any) -> Any:
            return outcome.result()

        config = job.config
        share_node(config)
        return run_job(
            hydra_context=self.context,
            task_function=replay,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )


def _checked(config: DictConfig, check: ChoiceCheck) -> DictConfig:
    """A config whose choices are named; refused where it sets what these do not read."""
    hydra = inside(config, "hydra")
    runtime, overrides = inside(hydra, "runtime"), inside(hydra, "overrides", "task")
    check(inside(runtime, "choices"), config, raw(overrides), inside(runtime, "config_sources"))
    return config


def _task_config(job: DictConfig) -> tuple[DictConfig, Environment]:
    """What `run_job` hands to a task, with interpolations resolved while they still mean this job."""
    variables = settled(inside(job, "hydra", "job", "env_set"))
    config = without(job, "hydra")
    if variables is not None and settled(config) is not None:
        return config, tuple(sorted((name, str(value)) for name, value in variables.items()))
    placed(job)  # of which interpolations are told now
    variables = job.hydra.job.env_set
    environment = tuple(sorted((str(name), str(variables[name])) for name in variables))
    # A value that cannot be resolved is left as it is: the trainer meets the same fault where it reads it.
    with read_write(config), open_dict(config), suppress(OmegaConfBaseException):
        OmegaConf.resolve(config)
    return config, environment
