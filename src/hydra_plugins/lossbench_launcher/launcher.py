"""What Hydra imports at every start to find the launcher: light; the work is in `_core`.

Annotations are not postponed here: Hydra's plugin scanner runs this module before it can be looked up by
name, which a dataclass with postponed annotations needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class PackLauncherConf:
    """The node `hydra.launcher` of `hydra/launcher=pack`.

    trainer:     dotted path of `train_many(configs, *, n_jobs, max_members) -> list of outcomes`, an outcome
                 having `result()`; null runs the jobs one after another, as `hydra/launcher=basic` does.
                 Halving calls it once a round, with `last=False` before the last, and asks for `merit`.
    n_jobs:      processes for packs that cannot stack; null or 0: one per core.
    max_members: runs in one pack at most. 128 keeps a pack of any shipped model under 2 GB.
    """

    _target_: str = "hydra_plugins.lossbench_launcher.launcher.PackLauncher"
    trainer: str | None = "lossbench.train.train_many"
    n_jobs: int | None = None
    max_members: int = 128


ConfigStore.instance().store(
    group="hydra/launcher", name="pack", node=PackLauncherConf, provider="lossbench_launcher"
)


class PackLauncher(Launcher):
    """Composes all jobs of a sweep, trains them in one call, and replays each outcome through `run_job`."""

    def __init__(self, **options: Any) -> None:
        """Take the options of `PackLauncherConf`."""
        self.options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra hands over, and check the options."""
        from hydra_plugins.lossbench_launcher import _core

        self.sweep = _core.Sweep(config, hydra_context, task_function, **self.options)
        self.sweep.prepare()

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one batch of jobs; see `_core.Sweep.launch`."""
        return self.sweep.launch(job_overrides, initial_job_idx)
