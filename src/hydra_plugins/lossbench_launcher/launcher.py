"""What Hydra imports at every start to find the launcher: light; the work is in `_core`.

Annotations are not postponed here: Hydra's plugin scanner runs this module before it can be looked up by
name, which a dataclass with postponed annotations needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


@dataclass
class PackLauncherConf:
    """The node `hydra.launcher` of `hydra/launcher=pack`.

    trainer:       dotted path of `train_many(configs, *, n_jobs, max_members) -> list of outcomes`, an
                   outcome having `result()`; null runs the jobs one after another, as `hydra/launcher=basic`
                   does. Halving calls it once a round, with `last=False` before the last, and asks for
                   `merit`. Where an engine is asked for, it is given as `engine`.
    engine:        where packs train: local (processes of this machine), ray or slurm.
    n_jobs:        packs at a time; null or 0: one per core or GPU here, as many as Ray has room for, 16 on
                   Slurm.
    max_members:   runs in one pack at most. 128 keeps a pack of any shipped model under 2 GB.
    cpus_per_pack: cores that a pack is given.
    gpus_per_pack: GPUs that a pack is given: 0, 1, or a share such as 0.5. null: on this machine one where
                   there are any, elsewhere none.
    ray:           what `ray.init` takes, as {address: auto}.
    slurm:         what submitit takes for Slurm, as {slurm_partition: gpu, timeout_min: 600}.
    folder:        of the files of Slurm's jobs, on a disk that all nodes share; null: lossbench-jobs.
    """

    _target_: str = "hydra_plugins.lossbench_launcher.launcher.PackLauncher"
    trainer: str | None = "lossbench.train.train_many"
    n_jobs: int | None = None
    max_members: int = 128
    engine: str = "local"
    cpus_per_pack: int = 1
    gpus_per_pack: float | None = None
    ray: dict[str, Any] = field(default_factory=dict)
    slurm: dict[str, Any] = field(default_factory=dict)
    folder: str | None = None


def _open() -> DictConfig:
    """The node, with `ray` and `slurm` taking any key, for those are not ours."""
    node: DictConfig = OmegaConf.structured(PackLauncherConf)
    for name in ("ray", "slurm"):
        OmegaConf.set_struct(node[name], False)
    return node


ConfigStore.instance().store(group="hydra/launcher", name="pack", node=_open(), provider="lossbench_launcher")


class PackLauncher(Launcher):
    """Composes all jobs of a sweep, trains them in one call, and replays each outcome through `run_job`."""

    def __init__(self, **options: Any) -> None:
        """Take the options of `PackLauncherConf`."""
        self.options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra hands over, and check the options."""
        from hydra_plugins.lossbench_launcher import _core
        from lossbench.engines.choice import engine_in

        own = {name: self.options[name] for name in ("trainer", "n_jobs", "max_members")}
        engine = engine_in(self.options)
        self.sweep = _core.Sweep(config, hydra_context, task_function, **own, engine=engine)
        self.sweep.prepare()

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one batch of jobs; see `_core.Sweep.launch`."""
        return self.sweep.launch(job_overrides, initial_job_idx)
